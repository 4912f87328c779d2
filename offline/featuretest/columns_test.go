package featuretest_test

import (
	"strings"
	"testing"

	"github.com/quiver-features/quiver/offline/featuretest"
)

// The type of a column is decided by all rows of all tests, in whatever order they stand.
func TestTheTypeOfAColumnIsThatOfAllItsValues(t *testing.T) {
	for values, want := range map[string]string{
		`1 | 2`:                            "int64",
		`1 | 2.5`:                          "float64",
		`2.5 | 1`:                          "float64",
		`1 | 2.5 | 3`:                      "float64",
		`null | 1 | null`:                  "int64",
		`true | false`:                     "bool",
		`2026-01-01 | 2026-01-01T12:00:00`: "timestamp",
		`2026-01-01T12:00:00 | 2026-01-01`: "timestamp",
		`2026-01-01 | soon`:                "string",
		`soon | 2026-01-01`:                "string",
		`"1" | a`:                          "string",
		`[1] | [2.5]`:                      "list<float64>",
		`[2.5] | [1]`:                      "list<float64>",
		`[1, 2.5] | [null] | []`:           "list<float64>",
		`1 | a`:                            "f.test.yaml:5:6: v: a value of type string, where rows before have int64",
		`a | 1`:                            "f.test.yaml:5:6: v: a value of type int64, where rows before have string",
		`1 | true | 2.5`:                   "f.test.yaml:5:6: v: a value of type bool, where rows before have int64",
		`1 | [1]`:                          "f.test.yaml:5:6: v: a value of type list<int64>, where rows before have int64",
		`2026-01-01 | 1`:                   "f.test.yaml:5:6: v: a value of type int64, where rows before have date",
	} {
		rows, apart := "rows:\n", []*featuretest.Test(nil)
		for v := range strings.SplitSeq(values, " | ") {
			rows += "- v: " + v + "\n"
			apart = append(apart, parsed(t, "rows:\n- v: "+v+"\n")...)
		}
		ofView := func(*featuretest.Test) string { return "s" }
		got := featuretest.Columns(parsed(t, rows), "s", ofView)
		text := got[0].Type.String()
		if got[0].Problem != nil {
			text, _, _ = strings.Cut(got[0].Problem.String()+": "+got[0].Problem.Message, ": one column")
		}
		if len(got) != 1 || got[0].Name != "v" || text != want {
			t.Errorf("%s: %s of %+v, want %s", values, text, got, want)
		}
		if in := featuretest.Columns(apart, "s", ofView); in[0].Type != got[0].Type || (in[0].Problem == nil) != (got[0].Problem == nil) {
			t.Errorf("%s in a test each: %+v, in one %+v", values, in, got)
		}
		if other := featuretest.Columns(apart, "other", ofView); len(other) != 0 {
			t.Errorf("%s: another source has %+v", values, other)
		}
	}
}

func parsed(t *testing.T, rows string) []*featuretest.Test {
	t.Helper()
	tests, problems := featuretest.Parse("f.test.yaml", []byte("view: v\nexpect: [{at: 2026-01-02T00:00:00Z, keys: {k: 1}, features: {f: null}}]\n"+rows))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	return tests
}

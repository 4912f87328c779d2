package featuretest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/featuretest"
)

// types is a view whose features are columns of every type.
func types() *feature.Selection {
	v := &feature.ViewVersion{
		Meta: feature.Meta{Name: "v"}, Version: 1, Keys: []feature.JoinKey{{Name: "k", Type: feature.Scalar(feature.Int64)}}, KeyColumns: []string{"k"},
		Table: feature.Table{Source: "s", Event: "at", Columns: []feature.TableColumn{
			{Name: "at", Column: "at", Type: feature.Scalar(feature.Timestamp)}, {Name: "k", Column: "k", Type: feature.Scalar(feature.Int64), Key: true},
		}},
	}
	s := &feature.Selection{Uses: []feature.Use{{View: v, Alias: "v", Keys: []string{"k"}}}}
	for i, t := range []feature.Type{
		feature.Scalar(feature.Bool), feature.Scalar(feature.Bytes), feature.Scalar(feature.Date), feature.Scalar(feature.Float32), feature.Scalar(feature.Float64),
		feature.Scalar(feature.Int32), feature.ListOf(feature.String, 0), feature.ListOf(feature.Float32, 2), feature.Scalar(feature.String), feature.Scalar(feature.Timestamp),
	} {
		name := "f_" + string(rune('a'+i))
		v.Table.Columns = append(v.Table.Columns, feature.TableColumn{Name: name, Column: name, Type: t})
		v.Features = append(v.Features, feature.Field{Name: name, Column: name, Type: t})
		s.Outputs = append(s.Outputs, feature.Output{Feature: i, Name: "v__" + name})
	}
	return s
}

const row = `f_a: true, f_b: AAE=, f_c: 2026-01-02, f_d: 0.1, f_e: .nan, f_f: -3, f_g: [a, null, ""], f_h: [1, -.inf], f_i: "7", f_j: 2026-01-02T03:04:05.000006Z`

func TestEveryTypeIsReadAndCompared(t *testing.T) {
	text := "view: v\nrows: [{k: 1, at: 2026-01-01T00:00:00Z, " + row + "}]\nexpect:\n  - {at: 2026-01-02T00:00:00Z, keys: {k: 1}, features: {" + row + "}}\n"
	tests, problems := featuretest.Parse("a.test.yaml", []byte(text))
	if len(problems) > 0 || len(tests) != 1 {
		t.Fatalf("%d tests, %v", len(tests), problems)
	}
	got, err := featuretest.Run(t.Context(), tests[0], types(), nil)
	if err != nil || got.Checked != 10 || len(got.Differences) != 0 {
		t.Fatalf("%+v, %v", got, err)
	}
	// Each of them is seen where it differs.
	for _, change := range []struct{ from, to string }{
		{"f_a: true", "f_a: false"},
		{"f_b: AAE=", "f_b: AAI="},
		{"f_c: 2026-01-02", "f_c: 2026-01-03"},
		{"f_d: 0.1", "f_d: 0.2"},
		{"f_e: .nan", "f_e: 0"},
		{"f_f: -3", "f_f: null"},
		{"f_g: [a, null", "f_g: [a, b"},
		{"f_h: [1, ", "f_h: [2, "},
		{`f_i: "7"`, `f_i: ""`},
		{"000006Z", "000007Z"},
	} {
		i := strings.LastIndex(text, change.from)
		tests, _ := featuretest.Parse("a.test.yaml", []byte(text[:i]+change.to+text[i+len(change.from):]))
		if got, err := featuretest.Run(t.Context(), tests[0], types(), nil); err != nil || len(got.Differences) != 1 {
			t.Errorf("%s: %+v, %v", change.to, got, err)
		}
	}
}

func TestToleranceIsAboutFloatsAlone(t *testing.T) {
	const text = "view: v\ntolerance: 0.5\nrows: [{k: 1, at: 2026-01-01T00:00:00Z, f_d: 1, f_e: 2, f_f: 3}]\nexpect: [{at: 2026-01-02T00:00:00Z, keys: {k: 1}, features: {f_d: 1.5, f_e: 2.6, f_f: 3}}]\n"
	tests, problems := featuretest.Parse("a.test.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got, err := featuretest.Run(t.Context(), tests[0], types(), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []featuretest.Difference{{
		Place: featuretest.Place{File: "a.test.yaml", Line: 4, Column: 77}, At: 1767312000000000, Keys: "k=1", Feature: "f_e", Expected: "2.6", Got: "2",
	}}
	if diff := cmp.Diff(want, got.Differences); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNoTestIsTold(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "a.test.yaml:1:1: the file has no test: write one, or remove the file",
		"# name: later\n":            "a.test.yaml:1:1: the file has no test",
		"- a\n":                      "a test: expected a mapping",
		"view: v\nrows: 1\n":         "rows: expected a list of rows",
		"view: v\nview: w\n":         "view stands here a second time",
		"rows: []\nexpect: []\n":     "a test is of a view or of a service",
		"view: v\nrows: []\n":        "expect: expected a list",
		"view: [\n":                  "a.test.yaml:2:1: YAML: did not find expected node content",
		"view: v\nrows: []\n a: 1\n": "a.test.yaml:3:2: YAML: ",
		"view: v\nrows:\n\t- 1\n":    "a.test.yaml:3:1: YAML: ",
		"view: v\ntolerance: -1\n":   "tolerance: expected a number, zero or more",
		"view: v\nrows: {s: 1}\n":    "rows of s: expected a list",
		"view: v\nrows: [1]\n":       "a row: expected a mapping",
		strings.Repeat("x", 5<<20):   "at most 4194304 are allowed",
		"tolerance: \"1\"\n":         "tolerance: expected a number",
	} {
		_, problems := featuretest.Parse("a.test.yaml", []byte(text))
		if len(problems) == 0 || !errors.Is(problems, feature.ErrInvalid) || !strings.Contains(problems.Error(), want) {
			t.Errorf("%.40q: got %v, want %q", text, problems, want)
		}
	}
}

// Nothing else is told of a test with an alias, and others of the file are read.
func TestAnAliasIsToldOnce(t *testing.T) {
	const good = "---\nview: v\nrows: []\nexpect: [{at: 2026-01-02, keys: {k: 1}, features: {f_a: null}}]\n"
	for text, want := range map[string]string{
		"view: v\nrows: &a [{k: 1}]\nexpect: *a\n":                      "a.test.yaml:3:9: the YAML alias *a is not allowed (write the value out)",
		"view: &a {b: *a}\nrows: []\n":                                  "a.test.yaml:1:14: the YAML alias *a is not allowed (write the value out)",
		"view: v\nrows: [&a {k: 1}, {<<: *a}]\nexpect: [{at: never}]\n": "a.test.yaml:2:24: the YAML alias *a is not allowed (write the value out)",
	} {
		tests, problems := featuretest.Parse("a.test.yaml", []byte(text+good))
		if len(tests) != 1 || problems.Error() != want {
			t.Errorf("%q: %d tests, got %v, want %q", text, len(tests), problems, want)
		}
	}
}

// What is misspelt is one problem: what it should be is not missing, too.
func TestNamesOfKeysAndInputsAreChecked(t *testing.T) {
	s := types()
	s.Inputs = []feature.Input{{Name: "distance", Type: feature.Scalar(feature.Int64)}}
	for given, want := range map[string]string{
		"keys: {kk: 1}, inputs: {distance: 1}":             `4:15: keys: there is no "kk" (did you mean k?)`,
		"keys: {k: 1}, inputs: {distanse: 1}":              `4:37: inputs: there is no "distanse" (did you mean distance?)`,
		"keys: {k: 1, customer: 1}, inputs: {}":            `4:27: keys: there is no "customer" (there are k)` + "\na.test.yaml:4:3: inputs: distance (int64) is missing",
		"keys: {}, inputs: {distance: x}":                  `4:3: keys: k (int64) is missing` + "\n" + `a.test.yaml:4:33: inputs: distance: "x" is no int64`,
		"inputs: {distance: 1, distanse: 2}, keys: {k: 1}": `4:36: inputs: there is no "distanse" (there are distance)`,
	} {
		text := "view: v\nrows: []\nexpect:\n- {" + given + ", at: 2026-01-02, features: {f_a: null}}\n"
		tests, problems := featuretest.Parse("a.test.yaml", []byte(text))
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		_, err := featuretest.Run(t.Context(), tests[0], s, nil)
		if err == nil || !strings.HasPrefix(err.Error(), "a.test.yaml:"+want) {
			t.Errorf("%s: got %v\nwant %s", given, err, want)
		}
	}
	s.Uses[0].View.Keys, s.Uses[0].Keys = nil, nil
	tests, _ := featuretest.Parse("a.test.yaml", []byte("view: v\nrows: []\nexpect: [{at: 2026-01-02, keys: {k: 1}, inputs: {distance: 1}, features: {f_a: null}}]\n"))
	if _, err := featuretest.Run(t.Context(), tests[0], s, nil); err == nil || !strings.Contains(err.Error(), `keys: there is no "k" (there are none)`) {
		t.Errorf("of a view without keys: got %v", err)
	}
}

// What is wrong with rows, keys and features is told at once.
func TestAllThatIsWrongWithATestIsTold(t *testing.T) {
	text := "view: v\nrows: [{k: 1, f_aa: true}, {k: x, f_f: 1.5}]\nexpect:\n- {at: 2026-01-02, keys: {kk: 1}, features: {f_x: 1, f_f: y}}\n"
	tests, problems := featuretest.Parse("a.test.yaml", []byte(text))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	_, err := featuretest.Run(t.Context(), tests[0], types(), nil)
	want := `a.test.yaml:2:8: source s has no column "f_aa" (did you mean f_a?)
a.test.yaml:2:32: column k of source s: "x" is no int64: expected a whole number of 64 bits
a.test.yaml:2:40: column f_f of source s: "1.5" is no int32: expected a whole number from -2147483648 to 2147483647
a.test.yaml:4:31: keys: there is no "kk" (did you mean k?)
a.test.yaml:4:51: features: there is no "f_x" (did you mean f_a?)
a.test.yaml:4:59: features: f_f: "y" is no int32: expected a whole number from -2147483648 to 2147483647`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

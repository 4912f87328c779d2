package offlinetest_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

func scripts(t *testing.T) []*offlinetest.Case {
	t.Helper()
	cases, err := offlinetest.Scripts()
	if err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestThereAreScriptsForTheWholeRule(t *testing.T) {
	if n := len(scripts(t)); n < 60 {
		t.Errorf("%d scripts, expected at least 60", n)
	}
}

func TestAFormattedCaseReadsBackAsItWas(t *testing.T) {
	for _, c := range scripts(t) {
		again, err := offlinetest.Parse(c.Name+".script", offlinetest.Format(c))
		if err != nil {
			t.Fatalf("%v\n%s", err, offlinetest.Format(c))
		}
		// Comments are not written; NaN are equal here.
		opts := cmp.Options{cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(offlinetest.Case{}, "Notes"), cmpopts.IgnoreUnexported(feature.Column{})}
		if d := cmp.Diff(c, again, opts); d != "" {
			t.Errorf("%s:\n%s", c.Name, d)
		}
		if d := offlinetest.Diff(c, again.Want, c.Want); d != "" {
			t.Errorf("%s:\n%s", c.Name, d)
		}
	}
}

// base is a script that is right; the tests below break it.
const base = `rule T1
source flights
  airport string | at event | delay int64
  SFO            | 10:00    | 5
view last
  keys airport
  features delay
join
  airport string | at event => last__delay
  SFO            | 10:00    => 5
`

func TestAMistakeInAScriptIsToldWithItsLine(t *testing.T) {
	if _, err := offlinetest.Parse("x.script", base); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, old, replacement, want string }{
		{"no rule", "rule T1\n", "", "x.script:10: no rule line"},
		{"empty rule", "rule T1", "rule", "x.script:1: rule without"},
		{"unknown word", "rule T1", "rule T1\nviews last", "x.script:2: unknown word \"views\""},
		{"indented outside a block", "rule T1", "rule T1\n  x", "x.script:2: an indented line outside"},
		{"unknown type", "delay int64", "delay integer", "x.script:3: column delay"},
		{"no type", "delay int64", "delay", "x.script:3: column \"delay\": expected a name and a type"},
		{"unknown role", "at event", "at timestamp evnt", "x.script:3: column at: unknown role \"evnt\""},
		{"no event time", "at event | delay", "at timestamp | delay", "x.script:3: no column has the role event"},
		{"two event times", "at event | delay int64", "at event | delay event", "x.script:3: columns at and delay are both event"},
		{"role of a wrong type", "at event | delay", "at string event | delay", "x.script:3: column at is string"},
		{"column twice", "at event | delay int64", "at event | at int64", "x.script:3: column at is there twice"},
		{"ragged row", "| 10:00    | 5", "| 10:00", "x.script:4: 2 values under 3 columns"},
		{"wrong integer", "| 5\n", "| five\n", "x.script:4: column delay: \"five\" is not an int64"},
		{"wrong time", "SFO            | 10:00    | 5", "SFO | 25:00 | 5", "x.script:4: column at: \"2001-06-30T25:00\" is not a time of the calendar"},
		{"too fine a time", "SFO            | 10:00    | 5", "SFO | 10:00+1ns | 5", "x.script:4: column at: \"10:00+1ns\" is finer"},
		{"out of range", "SFO            | 10:00    | 5", "SFO | max+1us | 5", "x.script:4: column at: \"max+1us\" is out of"},
		{"wrong string", "SFO            | 10:00    | 5", "S-O | 10:00 | 5", "x.script:4: column airport: \"S-O\" is not a string"},
		{"not UTF-8", "SFO            | 10:00    | 5", `"\xff" | 10:00 | 5`, "x.script:4: column airport"},
		{"file twice", "  SFO            | 10:00    | 5", "  file a:\n  file a:", "x.script:5: file \"a\": expected a new name"},
		{"source twice", "view last", "source flights\nview last", "x.script:5: source flights is there twice"},
		{"neither keys nor global", "  keys airport\n", "", "x.script:7: view last: expected keys, or global"},
		{"unknown word in a view", "  keys airport\n", "  key airport\n", "x.script:6: unknown word \"key\" in a view"},
		{"unknown column", "features delay", "features x", "x.script:8: view last: source flights has no column \"x\""},
		{"type that loses", "features delay", "features delay:int32", "x.script:8: view last: column delay is int64 and can't be read as int32"},
		{"float key", "delay int64", "delay int64 | f float64", "x.script:4: 3 values under 4 columns"},
		{"feature twice", "features delay", "features delay, delay", "x.script:8: view last: feature delay is there twice"},
		{"key twice", "keys airport", "keys airport, airport", "x.script:8: view last: join key airport is there twice"},
		{"ttl not longer than delay", "  features", "  ttl 1h\n  delay 1h\n  features", "ttl 1h is not longer than the delay 1h"},
		{"ttl of nothing", "  features", "  ttl 0s\n  features", "x.script:7: ttl \"0s\": expected a duration longer than nothing"},
		{"ttl twice", "  features", "  ttl 1h\n  ttl 2h\n  features", "x.script:8: ttl is there twice in view last"},
		{"use of no view", "join", "use lst\njoin", "x.script:8: there is no view lst before it"},
		{"use of no feature", "join", "use last\n  only x\njoin", "x.script:10: view last has no feature \"x\""},
		{"use of no key", "join", "use last\n  keys x = y\njoin", "x.script:9: view last has no join key \"x\""},
		{"clashing outputs", "join", "use last\nuse last\njoin", "x.script:10: two outputs are named last__delay"},
		{"other outputs", "=> last__delay", "=> last__x", "x.script:9: the outputs are last__x, expected the selection's: last__delay"},
		{"too many outputs", "=> last__delay", "=> last__delay | x", "x.script:9: the outputs are last__delay | x, expected"},
		{"no arrow", "10:00    => 5", "10:00 | 5", "x.script:10: expected spine => outputs"},
		{"no key in the spine", "airport string | at event => ", "port string | at event => ", "x.script:9: the spine has no column airport"},
		{"key of another type", "airport string | at event => ", "airport int64 | at event => ", "x.script:9: spine column airport is int64, but the join key is string"},
		{"wrong expectation", "10:00    => 5", "10:00 => x", "x.script:10: column last__delay: \"x\" is not an int64"},
		{"something after join", "=> 5\n", "=> 5\nday 2001-01-01\n", "x.script:11: day after join"},
		{"landing times are not yet known", "  SFO            | 10:00    | 5", "  file b at 12:00:", "x.script:4: file \"b at 12:00\""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := offlinetest.Parse("x.script", strings.Replace(base, test.old, test.replacement, 1))
			if err == nil {
				t.Fatal("read without an error")
			}
			if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

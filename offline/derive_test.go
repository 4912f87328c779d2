package offline_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// share fails in three source rows, where b is 0 and a is not null; next in two.
const failing = `
source s
  k string | at event | a int64 | b int64
  a        | 10:00    | 6       | 3
  a        | 10:10    | 6       | 0
  --
  a        | 10:20    | 6       | 2
  b        | 10:00    | 5       | 0
  c        | 10:00    | 5       | 1
  --
  c        | 10:05    | 9223372036854775807 | 0
  c        | 10:30    | null    | 0
  d        | 10:00    | 9223372036854775807 | 1
  null     | 10:00    | 1       | 1
view v
  derive share:int64 = a / b
  derive next:int64 = a + 1
  keys k
  features share, next = "next", a, shares = sum of "share" over 1h by 1us
  expression twice:int64 = 2 * a
  expression both:int64 = coalesce(twice, 0) + coalesce(next, 0)
use v
  only share, next, twice, both, shares
service
  inputs x:int64
  derived per:int64 = v.a / x
  derived more:int64 = coalesce(per, 0) + coalesce(v.twice, 0)
`

func TestWhatCouldNotBeComputedIsCounted(t *testing.T) {
	c := parse(t, failing+`
join
  k string | x int64 | at event => v__share | v__next | v__twice | v__both | v__shares | per | more
  a        | 2       | 10:00    => 2    | 7    | 12   | 19   | 2    | 3    | 15
  a        | 0       | 10:10    => null | 7    | 12   | 19   | 2    | null | 12
  a        | 0       | 10:15    => null | 7    | 12   | 19   | 2    | null | 12
  a        | null    | 10:20    => 3    | 7    | 12   | 19   | 5    | null | 12
  b        | 1       | 10:00    => null | 6    | 10   | 16   | null | 5    | 15
  d        | 1       | 10:00    => 9223372036854775807 | null | null | 0 | 9223372036854775807 | 9223372036854775807 | 9223372036854775807
  e        | 0       | 10:00    => null | null | null | 0    | null | null | 0
  null     | 0       | 10:00    => null | null | null | null | null | null | 0
  a        | 0       | null     => null | null | null | null | null | null | null
`)
	for _, memory := range []int64{0, 1} { // in one part, and in parts of one row
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			out := &memOutput{}
			res, err := offline.New(&memFiles{sources: c.Sources, chunk: 2}, offline.Options{Workers: 2, Memory: memory}).Train(t.Context(),
				offline.Request{Spine: newMemSpine(t, c.Spine, 3), Selection: c.Selection, EventTimestamp: "at"},
				func(*arrow.Schema) (offline.Output, error) { return out, nil })
			if err != nil {
				t.Fatal(err)
			}
			for i, o := range c.Selection.Outputs {
				got, err := out.column(len(c.Spine)+i, c.Selection.Field(o).Type)
				if err != nil {
					t.Fatal(err)
				}
				for row := range got.Len() {
					if got.Any(row) != c.Want[i].Any(row) {
						t.Errorf("%s, row %d: %v, want %v", o.Name, row, got.Any(row), c.Want[i].Any(row))
					}
				}
			}
			want := []offline.FeatureResult{
				{Name: "v__share", Nulls: 6, Errors: 3},        // a twice, b
				{Name: "v__next", Nulls: 4, Errors: 1},         // d
				{Name: "v__twice", Nulls: 4, Errors: 1},        // d
				{Name: "v__both", Nulls: 2},                    // reads nulls
				{Name: "v__shares", Nulls: 4},                  // what failed is not in it
				{Name: "per", Nulls: 6, Errors: 2, Matched: 6}, // a twice; of e and the null key v.a is null
				{Name: "more", Nulls: 1, Matched: 6},           // the row without a time
			}
			if d := cmp.Diff(want, res.Features); d != "" {
				t.Errorf("features (-want +got):\n%s", d)
			}
			// share is an input of shares, so all row groups are scanned for it: by several
			// parts, but each row counts once. next is only gathered.
			if d := cmp.Diff([]feature.ColumnFailures{{Column: "share", Expression: "a / b", Rows: 3}}, res.Views[0].Failed); d != "" {
				t.Errorf("columns (-want +got):\n%s", d)
			}
			m := offline.NewManifest(offline.Request{Selection: c.Selection}, res, offline.Origin{})
			if d := cmp.Diff(m.Views[0].Failed, res.Views[0].Failed); d != "" {
				t.Errorf("the manifest's columns:\n%s", d)
			}
			c.Selection.Service = "s@1"
			m = offline.NewManifest(offline.Request{Selection: c.Selection}, res, offline.Origin{})
			if got, want := m.Features[5], (offline.ManifestFeature{
				Name: "per", Reference: "s@1:per", Type: feature.Scalar(feature.Int64), MatchRate: 6.0 / 9, NullRate: 6.0 / 9, ErrorRate: 2.0 / 9,
			}); got != want {
				t.Errorf("the manifest has %+v, want %+v", got, want)
			}
			if got := m.Features[0]; got.Reference != "v@1:share" || got.ErrorRate != 3.0/9 {
				t.Errorf("the manifest has %+v", got)
			}
		})
	}
}

func TestExpressionsAreOfTheDefinitionsDigest(t *testing.T) {
	digest := func(change func(c *offlinetest.Case)) string {
		c := parse(t, failing+"join\n  k string | x int64 | at event => v__share | v__next | v__twice | v__both | v__shares | per | more\n")
		change(c)
		return offline.NewManifest(offline.Request{Selection: c.Selection}, &offline.Result{Views: make([]offline.ViewResult, 1)}, offline.Origin{}).Definitions
	}
	before := digest(func(*offlinetest.Case) {})
	for name, c := range map[string]struct {
		same   bool
		change func(c *offlinetest.Case)
	}{
		"nothing":              {true, func(*offlinetest.Case) {}},
		"a description":        {true, func(c *offlinetest.Case) { c.Selection.Derived[0].Description = "per x" }},
		"of a derived column":  {false, func(c *offlinetest.Case) { c.Views[0].Table.Derived[0].Expression = "a / (b + 0)" }},
		"of a feature":         {false, func(c *offlinetest.Case) { c.Views[0].Features[c.Views[0].Feature("twice")].Expression = "a * 2" }},
		"of the service":       {false, func(c *offlinetest.Case) { c.Selection.Derived[0].Expression = "v.a / x + 0" }},
		"the type of an input": {false, func(c *offlinetest.Case) { c.Selection.Inputs[0].Type = feature.Scalar(feature.Int32) }},
	} {
		if got := digest(c.change); (got == before) != c.same {
			t.Errorf("%s: the digest is %s, and was %s", name, got, before)
		}
	}
}

// A value takes as many bytes as its column's name has letters: memFile says so.
func TestAPlanCountsWhatExpressionsReadAndNoMore(t *testing.T) {
	c := parse(t, `
source s
  k string | date event | distance int64 | unread int64
  a        | 10:00      | 80             | 1
view v
  derive landed:timestamp = date + minutes(30 + distance / 8)
  derive far:bool = distance > 100
  derive other:int64 = unread + 1
  event landed
  keys k
  features far, distance, other, unread
  expression near:bool = !far
  expression age:float64 = seconds(as_of - event_timestamp)
use v
  only near
join
  k string | at event => v__near
  a        | 10:40    => true
`)
	engine := offline.New(&memFiles{sources: c.Sources, chunk: 10}, offline.Options{Workers: 1})
	request := offline.Request{Spine: newMemSpine(t, c.Spine, 2), Selection: c.Selection}
	plan, err := engine.Explain(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	res, err := engine.Train(t.Context(), request, func(*arrow.Schema) (offline.Output, error) { return &memOutput{}, nil })
	if err != nil {
		t.Fatal(err)
	}
	for name, v := range map[string]offline.ViewWork{"planned": plan.Views[0], "worked": res.Work.Views[0]} {
		if v.Read.Bytes != int64(len("k"+"date"+"distance")) || v.Features.Bytes != int64(len("distance")) {
			t.Errorf("%s: read %d bytes of keys and times, and %d of features", name, v.Read.Bytes, v.Features.Bytes)
		}
	}
	var derived []offline.StageWork
	for _, s := range res.Work.Stages {
		if s.Stage == offline.StageDerive {
			s.Took = 0
			derived = append(derived, s)
		}
	}
	if d := cmp.Diff([]offline.StageWork{{Stage: offline.StageDerive, View: "v@1", Rows: 1}}, derived); d != "" {
		t.Errorf("stages (-want +got):\n%s", d)
	}
}

func TestAnInputThatTheSpineDoesNotHaveIsAnError(t *testing.T) {
	for name, c := range map[string]struct {
		input string
		spine string
		says  []string
	}{
		"none":                      {"weather:string", "x string", []string{`service s@1 needs input weather (string) from a column "weather"`, "its columns are k, wether, at", `did you mean "wether"`}},
		"text for a number":         {"wether:int64", "", []string{"service s@1, input wether: the input is int64", "is utf8", "write the column as integers"}},
		"a float for a bool":        {"wether:bool", "", []string{"the input is bool", "write the column as booleans"}},
		"text for a float":          {"wether:float64", "", []string{"the input is float64", "write the column with that type"}},
		"a single value for a list": {"wether:list<float32>", "", []string{"the input is list<float32>"}},
	} {
		t.Run(name, func(t *testing.T) {
			script := parse(t, `
source s
  k string | at event | v int64
  a        | 10:00    | 1
view v
  keys k
  features v
join
  k string | wether string | at event => v__v
  a        | wet           | 10:00    => 1
`)
			in, kind, _ := strings.Cut(c.input, ":")
			typ, err := feature.ParseType(kind)
			if err != nil {
				t.Fatal(err)
			}
			s := script.Selection
			s.Service = "s@1"
			s.Inputs = []feature.Input{{Name: in, Type: typ}}
			s.Derived = []feature.Field{{Name: "known", Type: feature.Scalar(feature.Bool), Expression: in + " != null"}}
			s.Outputs = append(s.Outputs, feature.Output{Use: feature.DerivedOutput, Name: "known"})
			_, _, err = setup{workers: 1, chunk: 1, record: 1}.train(t, script)
			if !errors.Is(err, feature.ErrInvalid) {
				t.Fatalf("got %v", err)
			}
			for _, want := range c.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
		})
	}
}

func TestAnAuditShowsWhatIsComputed(t *testing.T) {
	c := parse(t, `
source s
  k string | at event | made created | a int64
  k        | 09:00    | 09:00        | 1
  k        | 10:00    | 10:30        | 2
  l        | 09:00    | 09:00        | 6
  l        | 10:00    | 10:30        | 7
view v
  keys k
  features a, n = count over 1h by 1us
  expression odd:bool = a % 2 == 1
  expression large:bool = a > 5 && n > 0
use v
  only n, large, odd
join
  k string | at event => v__n | v__large | v__odd
  k        | 10:00    => 1    | false    | false
  l        | 10:10    => 1    | true     | true
`)
	v := audited(t, c, 2, 3, 0).Views[0]
	got := map[string][][]any{}
	for _, e := range v.Audit.Examples {
		got[string(e.Finding)] = append(got[string(e.Finding)], e.Values)
	}
	want := map[string][][]any{
		"same_time":     {{int64(1), false, false}},
		"created_after": {{int64(1), false, false}, {int64(1), true, true}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("examples (-want +got):\n%s", d)
	}
	if v.Audit.Changed != 2 { // k would be odd, l would be even
		t.Errorf("%d rows would change, want 2", v.Audit.Changed)
	}
}

func TestLatestRowsHaveDerivedKeysTimesAndFeatures(t *testing.T) {
	c := parse(t, `
source s
  name string | date event | miles int64 | a int64
  SFO         | 10:00      | 80          | 1
  sfo         | 10:05      | 8           | 2
  --
  JFK         | 10:00      | null        | 3
  JFK         | 09:00      | 16          | 0
view v
  derive code:string = lower(name)
  derive landed:timestamp = date + minutes(30 + miles / 8)
  derive inverse:int64 = 6 / a
  event landed
  keys code
  features inverse, landed, miles
  expression twice:int64 = 2 * inverse
join
  code string | at event => v__inverse | v__landed | v__miles | v__twice
  sfo         | 12:00    => 6          | 10:40     | 80       | 12
`)
	files := &memFiles{sources: c.Sources, chunk: 1}
	e := offline.New(files, offline.Options{Workers: 2})
	v := c.Views[0]
	listed, err := e.Files(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	var got [][]any
	res, err := e.Latest(t.Context(), v, feature.Pass{Scans: allOf(listed), To: feature.MaxTime}, func(b *feature.Batch) error {
		for i := range b.Rows {
			got = append(got, []any{b.Keys[0].Any(i), b.Event[i].String()[11:16], b.Features[0].Any(i), b.Features[2].Any(i)})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := [][]any{{"sfo", "10:40", int64(6), int64(80)}, {"jfk", "09:32", nil, int64(16)}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("latest rows (-want +got):\n%s", d)
	}
	if d := cmp.Diff([]feature.ColumnFailures{{Column: "inverse", Expression: "6 / a", Rows: 1}}, res.Failed); d != "" {
		t.Errorf("failures (-want +got):\n%s", d)
	}
	if f := res.Files[0]; !f.Scanned || f.MinVisible.String()[11:16] != "09:32" || f.MaxVisible.String()[11:16] != "10:40" {
		t.Errorf("the file's rows are visible from %s to %s", f.MinVisible, f.MaxVisible)
	}
}

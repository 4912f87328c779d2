package registry_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// defined reads definitions as a project has them.
func defined(t testing.TB, text string) *registry.Definitions {
	t.Helper()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "a.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := definition.Load([]string{"a.yaml"}, root)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const computed = `kind: entity
name: airport
keys: [{name: airport, type: string}]
---
kind: source
name: arrivals
parquet: flights/*.parquet
event_timestamp: landed_at
columns: {late: {column: delay, type: int64}}
derive:
  landed_at: date + minutes(flight)
  flight: 30 + distance / 8
  code: upper(destination)
  unread: late + 1
---
kind: view
name: arrivals
entities: [airport]
keys: {airport: code}
source: arrivals
features:
  - {name: busy, expression: landed_1h > 40 && very}
  - {name: landed_1h, aggregate: count, window: 1h}
  - {name: late_share, aggregate: mean, of: "late > 15 ? 1.0 : 0.0", where: "speed != null", window: 24h, default: 0.5}
  - {name: late_mean, aggregate: mean, of: late, where: "speed!=null // known", window: 24h}
  - {name: late_max, aggregate: max, of: "(late>15)?1.0:0.0", window: all}
  - {name: very, expression: late_share > 0.9}
  - {name: flight}
  - {name: age, type: float64, expression: hours(as_of - event_timestamp)}
---
kind: service
name: model
features:
  - {view: arrivals, as: origin, keys: {airport: origin}, hide: [age, late_max]}
  - {view: arrivals, as: dest, keys: {airport: destination}, hide: [age, late_max, busy, landed_1h, late_share, late_mean, very, flight]}
inputs: [{name: miles, type: int32}]
derived:
  - {name: far, expression: km > 1500.0 && origin.busy, description: and full}
  - {name: km, expression: double(miles) * 1.609}
  - {name: gap, type: float64, expression: origin.age - dest.age}
`

func TestExpressionsAreResolvedInTheOrderOfTheirDependencies(t *testing.T) {
	store := &memory{}
	apply(t, store, defined(t, computed))
	snapshot := load(t, store)
	got, err := snapshot.View("arrivals", 0)
	if err != nil {
		t.Fatal(err)
	}
	half := "0.5"
	day := feature.Window{Length: feature.Day, Granularity: 10 * feature.Minute}
	const share, known = "=(late > 15) ? 1.0 : 0.0", "=speed != null"
	mean := func(column string, of feature.Kind, otherwise *string) *feature.Aggregate {
		return &feature.Aggregate{Function: feature.Mean, Column: column, Input: scalar(of), Where: known, Window: day, Default: otherwise}
	}
	want := &feature.ViewVersion{
		Meta: feature.Meta{Name: "arrivals"}, Version: 1, Entities: []feature.Role{{Entity: "airport"}},
		Keys: []feature.JoinKey{{Name: "airport", Type: scalar(feature.String)}}, KeyColumns: []string{"code"},
		Table: feature.Table{
			Source: "arrivals", Parquet: []string{"flights/*.parquet"}, Event: "landed_at",
			Columns: []feature.TableColumn{ // without a key or a time there is no row
				{Name: "date", Column: "date", Type: scalar(feature.Timestamp), Key: true},
				{Name: "destination", Column: "destination", Type: scalar(feature.String), Key: true},
				{Name: "distance", Column: "distance", Type: scalar(feature.Int64), Key: true},
				{Name: "late", Column: "delay", Type: scalar(feature.Int64), Declared: true},
				{Name: "speed", Column: "speed", Type: scalar(feature.Float32)},
			},
			Derived: []feature.DerivedColumn{
				{Name: share, Expression: "late > 15 ? 1.0 : 0.0", Type: scalar(feature.Float64)},
				{Name: known, Expression: "speed != null", Type: scalar(feature.Bool)},
				{Name: "code", Expression: "upper(destination)", Type: scalar(feature.String)},
				{Name: "flight", Expression: "30 + distance / 8", Type: scalar(feature.Int64)},
				{Name: "landed_at", Expression: "date + minutes(flight)", Type: scalar(feature.Timestamp)},
			},
		},
		Features: []feature.Field{
			{Name: "busy", Type: scalar(feature.Bool), Expression: "landed_1h > 40 && very"},
			{Name: "landed_1h", Type: scalar(feature.Int64), Aggregate: &feature.Aggregate{
				Function: feature.Count, Window: feature.Window{Length: feature.Hour, Granularity: 30 * feature.Second},
			}},
			{Name: "late_share", Type: scalar(feature.Float64), Aggregate: mean(share, feature.Float64, &half)},
			{Name: "late_mean", Type: scalar(feature.Float64), Aggregate: mean("late", feature.Int64, nil)},
			{Name: "late_max", Type: scalar(feature.Float64), Aggregate: &feature.Aggregate{
				Function: feature.Max, Column: share, Input: scalar(feature.Float64), Window: feature.Window{Granularity: feature.Day},
			}},
			{Name: "very", Type: scalar(feature.Bool), Expression: "late_share > 0.9"},
			{Name: "flight", Type: scalar(feature.Int64), Column: "flight"},
			{Name: "age", Type: scalar(feature.Float64), Expression: "hours(as_of - event_timestamp)"},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	selection, err := snapshot.Service("model", 0)
	if err != nil {
		t.Fatal(err)
	}
	derived := []feature.Field{
		{Name: "km", Type: scalar(feature.Float64), Expression: "double(miles) * 1.609"},
		{Name: "far", Type: scalar(feature.Bool), Expression: "km > 1500.0 && origin.busy", Description: "and full"},
		{Name: "gap", Type: scalar(feature.Float64), Expression: "origin.age - dest.age"},
	}
	if diff := cmp.Diff(derived, selection.Derived); diff != "" {
		t.Errorf("derived features (-want +got):\n%s", diff)
	}
	if want := []feature.Input{{Name: "miles", Type: scalar(feature.Int32)}}; !slices.Equal(selection.Inputs, want) {
		t.Errorf("inputs %v, want %v", selection.Inputs, want)
	}
	var outputs []string
	for _, o := range selection.Outputs {
		outputs = append(outputs, o.Name+" "+selection.Field(o).Type.String())
	}
	if want := []string{
		"origin__busy bool", "origin__landed_1h int64", "origin__late_share float64", "origin__late_mean float64",
		"origin__very bool", "origin__flight int64", "far bool", "km float64", "gap float64",
	}; !slices.Equal(outputs, want) {
		t.Errorf("outputs %v, want %v", outputs, want)
	}

	one, err := snapshot.Select([]feature.Reference{{View: "arrivals", Feature: "busy"}})
	if err != nil {
		t.Fatal(err)
	}
	if f := one.Field(one.Outputs[0]); one.Outputs[0].Name != "arrivals__busy" || !f.IsDerived() {
		t.Errorf("a reference to a derived feature gives %v of %+v", one.Outputs[0], f)
	}
}

// Each case has one line of the definitions replaced. The places are counted by hand.
func TestWhatIsWrongWithExpressionsIsToldAtItsPlace(t *testing.T) {
	const landed = "  landed_at: date + minutes(flight)"
	const busy = "  - {name: busy, expression: landed_1h > 40 && very}"
	const share = `  - {name: late_share, aggregate: mean, of: "late > 15 ? 1.0 : 0.0", where: "speed != null", window: 24h, default: 0.5}`
	const far = "  - {name: far, expression: km > 1500.0 && origin.busy, description: and full}"
	for _, test := range []struct {
		name, line, by string
		want           string
	}{
		{"nothing", landed, landed, ""},

		// columns of sources
		{"syntax", landed, "  landed_at: date + minutes(flight", "a.yaml:11:35: derived column landed_at of source arrivals: the expression ends where a value is expected"},
		{"an unknown column", landed, "  landed_at: dat + minutes(flight)", "a.yaml:11:14: derived column landed_at of source arrivals: unknown name dat (did you mean date?)"},
		{"an unknown column in a text of several lines", landed, "  landed_at: >\n    date +\n    minutes(fligt)", "a.yaml:11:14: derived column landed_at of source arrivals: unknown name fligt at column 16 of the expression (did you mean flight?)"},
		{"an unknown function", landed, "  landed_at: date + minuts(flight)", "a.yaml:11:21: derived column landed_at of source arrivals: unknown function minuts (did you mean minute?)"},
		{"a time that is none", landed, "  landed_at: distance + 1", "a.yaml:8:18: event_timestamp of source arrivals: derived column landed_at of source arrivals is int64, expected timestamp (timestamp(…) makes one)"},
		{"a circle", "  flight: 30 + distance / 8", "  flight: second(landed_at)", "a.yaml:12:11: derived column flight of source arrivals: it needs itself: flight -> landed_at -> flight (take one of them out of another one's expression)"},
		{"itself", "  unread: late + 1", "  unread: unread + 1", "a.yaml:14:11: derived column unread of source arrivals: it needs itself: unread -> unread (take one of them out of another one's expression)"},
		{"a column of the files", "  unread: late + 1", "  speed: late + 1", "a.yaml:14:3: derived column speed of source arrivals: the files have a column of that name (give it another name)"},
		{"a decimal", "  unread: late + 1", "  unread: fare", "a.yaml:14:11: derived column unread of source arrivals: column fare holds DECIMAL(10,2), which is none of Quiver's types (declare the column float64 under the source's columns, if its digits fit)"},
		{"types", "  unread: late + 1", "  unread: late + true", "a.yaml:14:16: derived column unread of source arrivals: operator + takes (int64, int64) or"},
		{"a key of numbers", "  code: upper(destination)", "  code: size(destination)", "a.yaml:19:17: join key airport of view arrivals takes derived column code as string, and its expression gives int64 (an expression gives what it gives; convert in it, or declare that type)"},

		// aggregates
		{"of is unknown", share, strings.Replace(share, "late > 15", "lat > 15", 1), "a.yaml:24:46: of of feature late_share of view arrivals: unknown name lat (did you mean late?)"},
		{"of is text", share, strings.Replace(share, `"late > 15 ? 1.0 : 0.0"`, "upper(code)", 1), "a.yaml:24:35: feature late_share of view arrivals: mean is over numbers, not over string"},
		{"of is a column of text", share, strings.Replace(share, `"late > 15 ? 1.0 : 0.0"`, "destination", 1), "a.yaml:24:35: feature late_share of view arrivals: mean is over numbers, not over string"},
		{"of is a feature", share, strings.Replace(share, "late > 15", "landed_1h > 15", 1), "a.yaml:24:46: of of feature late_share of view arrivals: unknown name landed_1h"},
		{"where is a number", share, strings.Replace(share, "speed != null", "speed", 1), "a.yaml:24:77: feature late_share of view arrivals: where is float32, expected bool (for example compare it with something)"},
		{"where is a time", share, strings.Replace(share, "speed != null", "date + hours(1)", 1), "a.yaml:24:77: feature late_share of view arrivals: where is timestamp, expected bool (for example compare it with something)"},

		// expressions
		{"an unknown feature", busy, "  - {name: busy, expression: landed_2h > 40}", "a.yaml:22:30: expression of feature busy of view arrivals: unknown name landed_2h (did you mean landed_1h?)"},
		{"a column", busy, "  - {name: busy, expression: distance > 40}", "a.yaml:22:30: expression of feature busy of view arrivals: unknown name distance"},
		{"a circle of features", "  - {name: very, expression: late_share > 0.9}", "  - {name: very, expression: busy}", "a.yaml:22:30: expression of feature busy of view arrivals: it needs itself: busy -> very -> busy"},
		{"another type", busy, "  - {name: busy, type: int64, expression: landed_1h > 40}", "a.yaml:22:24: feature busy of view arrivals is declared int64, and its expression gives bool (leave the type out)"},
		{"a duration", busy, "  - {name: busy, expression: as_of - event_timestamp}", "a.yaml:22:36: expression of feature busy of view arrivals: the result is a duration, which no feature can be"},
		{"no row", "  - {name: flight}", "  - {name: flight, aggregate: sum, column: flight, window: 1h}", "a.yaml:29:44: expression of feature age of view arrivals: event_timestamp is that of the row that column features are of, and the view has none"},
		{"a feature by the name of a time", "  - {name: flight}", "  - {name: flight}\n  - {name: as_of, column: flight}", "a.yaml:29:12: feature as_of of view arrivals: expressions take the name for a time (give the feature another name)"},

		{"two things, of which one has a problem", busy, "  - {name: busy, expression: very > 1 && landed_2h}", "a.yaml:22:35: expression of feature busy of view arrivals: operator > takes"},
		{"what reads a broken one", "  - {name: very, expression: late_share > 0.9}", "  - {name: very, expression: late_share > nought}", "a.yaml:27:43: expression of feature very of view arrivals: unknown name nought"},

		// services
		{"a feature without its view", far, strings.Replace(far, "origin.busy", "busy", 1), "unknown name busy"},
		{"an unknown view", far, strings.Replace(far, "origin.busy", "orign.busy", 1), "a.yaml:38:44: derived feature far of service model: unknown name orign.busy (did you mean origin.busy?)"},
		{"a circle of derived features", far, strings.Replace(far, "km", "far", 1), "a.yaml:38:29: derived feature far of service model: it needs itself: far -> far"},
		{"another type of a derived feature", far, "  - {name: far, type: string, expression: km > 1500.0 && origin.busy}", "a.yaml:38:23: derived feature far of service model is declared string, and its expression gives bool (leave the type out)"},
		{"an input that nobody reads", "  - {name: km, expression: double(miles) * 1.609}", "  - {name: km, expression: origin.late_max}", "a.yaml:36:10: input miles of service model is read by no derived feature (take it out, or use it in an expression under derived)"},
		{"a view that nobody reads", "  - {name: gap, type: float64, expression: origin.age - dest.age}", "  - {name: gap, type: float64, expression: origin.age}", "a.yaml:35:68: service model delivers no feature of view arrivals, and derives none of it (take the view out of the service)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if strings.Count(computed, test.line+"\n") != 1 {
				t.Fatalf("the definitions don't have the line %q once", test.line)
			}
			by := test.by + "\n"
			if test.by == "" {
				by = ""
			}
			_, err := registry.NewPlan(t.Context(), load(t, &memory{}), defined(t, strings.Replace(computed, test.line+"\n", by, 1)), flights())
			var all registry.Problems
			if err != nil && !errors.As(err, &all) {
				t.Fatal(err)
			}
			t.Logf("%v", err)
			if err == nil && test.want != "" || err != nil && (test.want == "" || !strings.Contains(err.Error()+"\n", test.want)) || len(all) > 1 {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

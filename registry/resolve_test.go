package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func scalar(k feature.Kind) feature.Type { return feature.Scalar(k) }

func TestAViewIsResolvedToTheColumnsItReads(t *testing.T) {
	d := project()
	d.Sources[0].CreatedTimestamp, d.Sources[0].AvailableTimestamp = "day", "landed"
	d.Sources[0].Columns = []feature.ColumnOverride{{Name: "late", Column: "delay", Type: scalar(feature.Int64)}, {Name: "fare", Type: scalar(feature.Float64)}}
	d.Views[0].Delay = feature.Minute
	d.Views[0].Features = []feature.ViewFeature{
		{Name: "late", Description: "minutes"},
		{Name: "fare"},
		{Name: "year"},
		{Name: "km", Column: "distance"},
		{Name: "fast", Column: "speed", Type: scalar(feature.Float64)},
		{Name: "at", Column: "date"},
	}
	d.Services = nil
	store := &memory{}
	apply(t, store, d)
	got, err := load(t, store).View("last", 0)
	if err != nil {
		t.Fatal(err)
	}
	want := &feature.ViewVersion{
		Meta: feature.Meta{Name: "last"}, Version: 1, Entities: []feature.Role{{Entity: "airport"}},
		Keys: []feature.JoinKey{{Name: "airport", Type: scalar(feature.String)}}, KeyColumns: []string{"origin"},
		Table: feature.Table{
			Source: "departures", Parquet: []string{"flights/*.parquet"}, Event: "date", Created: "day", Available: "landed",
			Columns: []feature.TableColumn{
				{Name: "date", Column: "date", Type: scalar(feature.Timestamp)},
				{Name: "day", Column: "day", Type: scalar(feature.Timestamp)},
				{Name: "distance", Column: "distance", Type: scalar(feature.Int64)},
				{Name: "fare", Column: "fare", Type: scalar(feature.Float64), Declared: true},
				{Name: "landed", Column: "landed", Type: scalar(feature.Timestamp)},
				{Name: "late", Column: "delay", Type: scalar(feature.Int64), Declared: true},
				{Name: "origin", Column: "origin", Type: scalar(feature.String), Declared: true, Key: true},
				{Name: "speed", Column: "speed", Type: scalar(feature.Float64), Declared: true},
				{Name: "year", Column: "year", Type: scalar(feature.Int64)},
			},
		},
		Rule: feature.Rule{TTL: 7 * feature.Day, Delay: feature.Minute, Created: true, Available: true},
		Features: []feature.Field{
			{Name: "late", Description: "minutes", Type: scalar(feature.Int64), Column: "late"},
			{Name: "fare", Type: scalar(feature.Float64), Column: "fare"},
			{Name: "year", Type: scalar(feature.Int64), Column: "year"},
			{Name: "km", Type: scalar(feature.Int64), Column: "distance"},
			{Name: "fast", Type: scalar(feature.Float64), Column: "speed"},
			{Name: "at", Type: scalar(feature.Timestamp), Column: "date"},
		},
		Online: true, Schedule: "*/10 * * * *", MaxStaleness: 30 * feature.Minute,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var stored []string
	for _, f := range load(t, store).Active("last", 1).Features {
		stored = append(stored, f.Name+" "+f.Type.String()+f.Description+f.Column)
	}
	if want := []string{"at timestamp", "fare float64", "fast float64", "km int64", "late int64", "year int64"}; !slices.Equal(stored, want) {
		t.Errorf("stored are %v, want %v", stored, want)
	}
}

// problems plans definitions on an empty registry and gives what is wrong, a line
// each without the file's name.
func problems(t *testing.T, base *registry.Snapshot, d *registry.Definitions, schemas registry.Schemas) []string {
	t.Helper()
	position(d)
	_, err := registry.NewPlan(t.Context(), base, d, schemas)
	var all registry.Problems
	if err != nil && !errors.As(err, &all) {
		t.Fatal(err)
	}
	if err != nil && !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("%v does not wrap ErrInvalid", err)
	}
	var got []string
	for _, p := range all {
		if p.File != "features.yaml" || p.Line == 0 {
			t.Errorf("%q stands nowhere: %v", p.Message, p.Position)
		}
		text := p.Message
		if p.Hint != "" {
			text += " (" + p.Hint + ")"
		}
		got = append(got, text)
	}
	return got
}

func TestWhatIsWrongWithTheColumnsIsTold(t *testing.T) {
	view := func(d *registry.Definitions) *feature.View { return &d.Views[0] }
	source := func(d *registry.Definitions) *feature.Source { return &d.Sources[0] }
	feature1 := func(column string, k feature.Kind) func(*registry.Definitions) {
		return func(d *registry.Definitions) {
			view(d).Features[0] = feature.ViewFeature{Name: "delay", Column: column}
			if k != feature.Invalid {
				view(d).Features[0].Type = scalar(k)
			}
		}
	}
	for _, test := range []struct {
		name   string
		change func(d *registry.Definitions)
		want   []string
	}{
		{"no files", func(d *registry.Definitions) { source(d).Parquet = []string{"gone/*.parquet"} }, []string{
			"source departures: gone/*.parquet matches no file: not found",
		}},
		{"an unknown column", feature1("dealy", 0), []string{`feature delay of view last: the files have no column "dealy" (did you mean "delay"?)`}},
		{"an unknown key column", func(d *registry.Definitions) { view(d).Keys["airport"] = "origim" }, []string{
			`join key airport of view last: the files have no column "origim" (did you mean "origin"?)`,
		}},
		{"a column like no other", feature1("xyzzy_plugh", 0), []string{
			`feature delay of view last: the files have no column "xyzzy_plugh" (the files have date, day, delay, destination, distance, extras, fare, landed, loaded, number, origin, speed and 1 more)`,
		}},
		{"an unknown time column", func(d *registry.Definitions) { source(d).EventTimestamp = "dat" }, []string{
			`event_timestamp of source departures: the files have no column "dat" (did you mean "date"?)`,
		}},
		{"a time column of numbers", func(d *registry.Definitions) { source(d).AvailableTimestamp = "number" }, []string{
			"available_timestamp of source departures: column number holds int32 (uint16), expected timestamp or date (a time column holds timestamps, or dates, which stand for midnight UTC)",
		}},
		{"an unknown renamed column", func(d *registry.Definitions) {
			source(d).Columns = []feature.ColumnOverride{{Name: "tail", Column: "Tail"}}
			view(d).Features[0].Column = "tail"
		}, []string{`source departures: the files have no column "Tail" (did you mean "tail"?)`}},
		{"a map", feature1("extras", 0), []string{
			"feature delay of view last: column extras holds MAP, which is none of Quiver's types (columns of this type can't be used)",
		}},
		{"a decimal without a type", feature1("fare", 0), []string{
			"feature delay of view last: column fare holds DECIMAL(10,2), which is none of Quiver's types (declare the column float64 under the source's columns, if its digits fit)",
		}},
		{"a decimal as float64", feature1("fare", feature.Float64), nil},
		{"a decimal as float32", feature1("fare", feature.Float32), []string{
			"feature delay of view last takes column fare as float32, and the files hold DECIMAL(10,2) (declare the column float64 under the source's columns, if its digits fit)",
		}},
		{"int32 as int64", feature1("delay", feature.Int64), nil},
		{"int32 as float64", feature1("delay", feature.Float64), nil},
		{"int64 as float64", feature1("distance", feature.Float64), []string{
			"feature delay of view last takes column distance as float64, and the files hold int64 (values convert only without loss: take it as int64, or write the files with float64)",
		}},
		{"int64 as int32", feature1("distance", feature.Int32), []string{
			"feature delay of view last takes column distance as int32, and the files hold int64 (values convert only without loss: take it as int64, or write the files with int32)",
		}},
		{"float32 as float64", feature1("speed", feature.Float64), nil},
		{"float32 as int64", feature1("speed", feature.Int64), []string{
			"feature delay of view last takes column speed as int64, and the files hold float32 (values convert only without loss: take it as float32, or write the files with int64)",
		}},
		{"an integer as text", feature1("number", feature.String), nil},
		{"a float as text", feature1("speed", feature.String), []string{
			"feature delay of view last takes column speed as string, and the files hold float32 (values convert only without loss: take it as float32, or write the files with string)",
		}},
		{"a date as timestamp", feature1("day", feature.Timestamp), nil},
		{"a timestamp as date", feature1("landed", feature.Date), []string{
			"feature delay of view last takes column landed as date, and the files hold timestamp (values convert only without loss: take it as timestamp, or write the files with date)",
		}},
		{"a key of integers that is declared string", func(d *registry.Definitions) { view(d).Keys["airport"] = "number" }, nil},
		{"a key of floats", func(d *registry.Definitions) { view(d).Keys["airport"] = "speed" }, []string{
			"join key airport of view last takes column speed as string, and the files hold float32 (values convert only without loss: take it as float32, or write the files with string)",
		}},
		{"a type that the source can't have", func(d *registry.Definitions) {
			source(d).Columns = []feature.ColumnOverride{{Name: "distance", Type: scalar(feature.Int32)}}
		}, []string{
			"column distance of source departures is declared int32, and the files hold int64 (values convert only without loss: take it as int64, or write the files with int32)",
		}},
		{"two types for one column", func(d *registry.Definitions) {
			view(d).Features = append(view(d).Features, feature.ViewFeature{Name: "a", Column: "number", Type: scalar(feature.Int64)}, feature.ViewFeature{Name: "b", Column: "number", Type: scalar(feature.String)})
		}, []string{
			"feature b of view last takes column number as string, and feature a as int64 (give both one type; or name the column twice under the source's columns, once for each type)",
		}},
		{"an event timestamp as text", feature1("date", feature.String), []string{
			"feature delay of view last takes column date as string, and the source's time rule as timestamp (give both one type; or name the column twice under the source's columns, once for each type)",
		}},
		{"an event timestamp with a type", func(d *registry.Definitions) {
			source(d).Columns = []feature.ColumnOverride{{Name: "date", Type: scalar(feature.Timestamp)}}
		}, nil},
		{"an event timestamp with a wrong type", func(d *registry.Definitions) {
			source(d).Columns = []feature.ColumnOverride{{Name: "date", Type: scalar(feature.Int64)}}
		}, []string{"column date of source departures is its event_timestamp and can't be int64 (leave the type out, or declare timestamp)"}},
		{"a schedule that never comes", func(d *registry.Definitions) { view(d).Schedule = "0 0 31 2 *" }, []string{
			`schedule "0 0 31 2 *" of view last is not a cron expression that comes due (five fields: minute, hour, day, month, weekday; for example */10 * * * *)`,
		}},
		{"a version that does not exist", func(d *registry.Definitions) { d.Services[0].Features[0].Version = 3 }, []string{
			"view last has no version 3 (leave the version out to use the one that the files describe, 1)",
		}},
		{"an unknown feature", func(d *registry.Definitions) { d.Services[0].Features[1].Only = []string{"dlay"} }, []string{
			`view last@1 has no feature "dlay" (did you mean "delay"?)`,
		}},
		{"an unknown join key", func(d *registry.Definitions) { d.Services[0].Features[1].Keys = map[string]string{"port": "x"} }, []string{
			`view last@1 has no join key "port" (its join keys are airport string)`,
		}},
		{"clashing outputs", func(d *registry.Definitions) {
			d.Services[0].Features[1].As, d.Services[0].Features[1].Keys = "origin", nil
		}, []string{
			"service model: last@1:delay and last@1:delay both give the output column origin__delay (rename one of them, or give one view another alias with as)",
		}},
		{"several things", func(d *registry.Definitions) {
			source(d).EventTimestamp = "x1"
			view(d).Features[1].Column = "distanze"
			d.Services[0].Features[0].Hide = []string{"none"}
		}, []string{
			`event_timestamp of source departures: the files have no column "x1" (the files have date, day, delay, destination, distance, extras, fare, landed, loaded, number, origin, speed and 1 more)`,
			`feature distance of view last: the files have no column "distanze" (did you mean "distance"?)`,
			`view last@1 has no feature "none"`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := project()
			test.change(d)
			if diff := cmp.Diff(test.want, problems(t, load(t, &memory{}), d, flights())); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// drifted are the flights with another type of delay.
func drifted(typ feature.Kind) footers {
	f := flights()
	for i, column := range f["flights/*.parquet"] {
		if column.Name == "delay" {
			f["flights/*.parquet"][i] = field("delay", typ)
		}
	}
	return f
}

func TestTypesStayAsTheyWereApplied(t *testing.T) {
	plan := func(before, after feature.Kind, declare, still bool) ([]string, []string) {
		store := &memory{}
		d := project()
		if declare {
			d.Views[0].Features[0].Type = scalar(feature.Int64)
		}
		first, err := registry.NewPlan(t.Context(), load(t, store), d, drifted(before))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := registry.Apply(t.Context(), store, first, author()); err != nil {
			t.Fatal(err)
		}
		if !still {
			d.Views[0].Features[0].Type = feature.Type{}
		}
		base := load(t, store)
		if wrong := problems(t, base, d, drifted(after)); wrong != nil {
			return nil, wrong
		}
		second, err := registry.NewPlan(t.Context(), base, d, drifted(after))
		if err != nil {
			t.Fatal(err)
		}
		return lines(second), nil
	}
	if changes, wrong := plan(feature.Int64, feature.Int32, false, true); changes != nil || wrong != nil {
		t.Errorf("narrower files were planned as %v, %v, want nothing to change", changes, wrong)
	}
	want := []string{"feature delay of view last: column delay held int32 when it was applied, and now the files hold int64 (mend the files; or declare the type int64, which makes a new version of the view)"}
	if _, wrong := plan(feature.Int32, feature.Int64, false, true); !slices.Equal(wrong, want) {
		t.Errorf("wider files: got %v, want %v", wrong, want)
	}
	if changes, wrong := plan(feature.Int32, feature.Int32, true, false); !slices.Equal(changes, []string{viewStays}) {
		t.Errorf("a declaration that is not needed any more: got %v, %v", changes, wrong)
	}
}

func TestMaxStalenessIsThreeTimesTheLongestIntervalOfTheSchedule(t *testing.T) {
	for schedule, want := range map[string]feature.Duration{
		"*/10 * * * *": 30 * feature.Minute,
		"0 3 * * *":    3 * feature.Day,
		"0 9,17 * * *": 48 * feature.Hour,
		"0 6 * * 1-5":  9 * feature.Day, // from Friday to Monday
		"0 0 1 * *":    93 * feature.Day,
		"* * * * *":    3 * feature.Minute,
		"*/7 * * * *":  21 * feature.Minute,                    // 56 -> 00 is shorter
		"5,50 * * * *": 135 * feature.Minute,                   // 05 -> 50
		"* 9-16 * * *": 3 * (16*feature.Hour + feature.Minute), // 16:59 -> 9:00
		"* * * * 1-5":  3 * (48*feature.Hour + feature.Minute), // Friday 23:59 -> Monday
		"0 12 29 2 *":  3 * 1461 * feature.Day,
	} {
		store := &memory{}
		d := project()
		d.Views[0].Schedule = schedule
		apply(t, store, d)
		v, err := load(t, store).View("last", 0)
		if err != nil {
			t.Fatal(err)
		}
		if v.MaxStaleness != want {
			t.Errorf("%s: got %s, want %s", schedule, v.MaxStaleness, want)
		}
	}
}

type canceled struct{}

func (canceled) Columns(context.Context, []string) ([]registry.SourceField, error) {
	return nil, fmt.Errorf("read: %w", context.Canceled)
}

func TestACanceledPlanIsNoProblemOfTheDefinitions(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := registry.NewPlan(ctx, load(t, &memory{}), project(), canceled{})
	var all registry.Problems
	if !errors.Is(err, context.Canceled) || errors.As(err, &all) {
		t.Errorf("got %v", err)
	}
}

package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// line writes a change as the tables below do.
func line(c *registry.ObjectChange) string {
	text := fmt.Sprintf("%s %s: %s, %s", c.Kind, c.Name, c.Action, c.Class)
	if c.From != 0 || c.To != 0 {
		text += fmt.Sprintf(", %d -> %d", c.From, c.To)
		if c.Current {
			text += " current"
		}
	}
	if c.Storage {
		text += ", storage"
	}
	return text
}

func lines(p *registry.Plan) []string {
	var all []string
	for i := range p.Changes {
		all = append(all, line(&p.Changes[i]))
	}
	return all
}

func reasons(p *registry.Plan) string {
	var all []string
	for _, c := range p.Changes {
		for _, r := range c.Reasons {
			all = append(all, r.Class.String()+": "+r.Text)
		}
	}
	return strings.Join(all, "\n")
}

const (
	viewStays   = "view last: update, safe, 1 -> 1 current"
	viewFills   = "view last: update, needs backfill, 1 -> 1 current, storage"
	viewBreaks  = "view last: new version, breaking, 1 -> 2, storage"
	modelMoves  = "service model: new version, breaking, 1 -> 2"
	modelStays  = "service model: update, safe, 1 -> 1 current"
	sourceStays = "source departures: update, safe"
	sourceMoves = "source departures: update, breaking"
)

// One row for each kind of change that the design names, and the ones that follow
// from it.
func TestEveryKindOfChangeHasItsClass(t *testing.T) {
	view := func(d *registry.Definitions) *feature.View { return &d.Views[0] }
	source := func(d *registry.Definitions) *feature.Source { return &d.Sources[0] }
	service := func(d *registry.Definitions) *feature.Service { return &d.Services[0] }
	for _, test := range []struct {
		name   string
		change func(d *registry.Definitions)
		want   []string
		reason string
	}{
		// safe
		{
			"texts of a view", func(d *registry.Definitions) { view(d).Description = "x"; view(d).Features[0].Description = "y" },
			[]string{viewStays},
			"safe: description of feature delay changed",
		},
		{"an owner", func(d *registry.Definitions) { view(d).Owner = "ops" }, []string{viewStays}, "safe: owner none -> ops"},
		{"tags", func(d *registry.Definitions) { view(d).Tags = map[string]string{"a": "b"} }, []string{viewStays}, "safe: tags changed"},
		{"a schedule", func(d *registry.Definitions) { view(d).Schedule = "0 * * * *" }, []string{viewStays}, "safe: max_staleness 30m -> 3h"},
		{"max_staleness", func(d *registry.Definitions) { view(d).MaxStaleness = feature.Hour }, []string{viewStays}, "safe: max_staleness 30m -> 1h"},
		{"how a source is kept", func(d *registry.Definitions) { source(d).Mutable = true }, []string{sourceStays, viewStays}, "safe: mutable false -> true"},
		{"texts of a source", func(d *registry.Definitions) { source(d).Description = "x" }, []string{sourceStays}, "safe: description changed"},
		{"texts of an entity", func(d *registry.Definitions) { d.Entities[0].Owner = "x" }, []string{"entity airport: update, safe"}, "safe: owner none -> x"},
		{"texts of a service", func(d *registry.Definitions) { service(d).Description = "x" }, []string{modelStays}, "safe: description changed"},
		{"a column's name in the definitions", func(d *registry.Definitions) {
			source(d).Columns = []feature.ColumnOverride{{Name: "late", Column: "delay"}}
			view(d).Features[0].Column = "late"
		}, []string{sourceStays, viewStays}, "safe: columns of source departures are named, declared or written otherwise"},
		{
			"a type declared as it is", func(d *registry.Definitions) { view(d).Features[0].Type = feature.Scalar(feature.Int32) },
			[]string{viewStays},
			"declared or written otherwise",
		},
		{
			"a column that nobody reads", func(d *registry.Definitions) {
				source(d).Columns = []feature.ColumnOverride{{Name: "number", Type: feature.Scalar(feature.Int64)}}
			},
			[]string{sourceStays},
			"safe: columns changed",
		},
		{"a new entity", func(d *registry.Definitions) {
			d.Entities = append(d.Entities, feature.Entity{Meta: feature.Meta{Name: "carrier"}, Keys: []feature.JoinKey{{Name: "carrier", Type: feature.Scalar(feature.String)}}})
		}, []string{"entity carrier: create, safe"}, ""},
		{"a new source", func(d *registry.Definitions) {
			d.Sources = append(d.Sources, feature.Source{Meta: feature.Meta{Name: "other"}, Parquet: []string{"other/*.parquet"}, EventTimestamp: "date"})
		}, []string{"source other: create, safe"}, ""},
		{"a new view, not online", func(d *registry.Definitions) {
			d.Views = append(d.Views, feature.View{Meta: feature.Meta{Name: "facts"}, Source: "departures", Features: []feature.ViewFeature{{Name: "speed"}}})
		}, []string{"view facts: create, safe, 0 -> 1 current"}, ""},
		{"a new view, online", func(d *registry.Definitions) {
			d.Views = append(d.Views, feature.View{Meta: feature.Meta{Name: "facts"}, Source: "departures", Online: true, Features: []feature.ViewFeature{{Name: "speed"}}})
		}, []string{"view facts: create, safe, 0 -> 1 current, storage"}, ""},
		{"a new service", func(d *registry.Definitions) {
			d.Services = append(d.Services, feature.Service{Meta: feature.Meta{Name: "second"}, Features: []feature.ViewUse{{View: "last"}}})
		}, []string{"service second: create, safe, 0 -> 1 current"}, ""},

		// needs backfill
		{"a new feature", func(d *registry.Definitions) {
			view(d).Features = append(view(d).Features, feature.ViewFeature{Name: "speed"})
			service(d).Features[0].Only = []string{"delay", "distance"}
		}, []string{viewFills}, "needs backfill: new feature speed float32"},
		{"a new feature, of which a service takes all", func(d *registry.Definitions) {
			view(d).Features = append(view(d).Features, feature.ViewFeature{Name: "speed"})
		}, []string{viewFills, modelMoves}, "breaking: new output origin__speed"},
		{"a longer ttl", func(d *registry.Definitions) { view(d).TTL = 8 * feature.Day }, []string{viewFills}, "needs backfill: ttl 7d -> 8d"},
		{"no ttl any more", func(d *registry.Definitions) { view(d).TTL = 0 }, []string{viewFills}, "needs backfill: ttl 7d -> none"},

		// breaking
		{
			"a shorter ttl", func(d *registry.Definitions) { view(d).TTL = 3 * feature.Day },
			[]string{viewBreaks, modelMoves},
			"breaking: ttl 7d -> 3d: a shorter TTL",
		},
		{"a delay", func(d *registry.Definitions) { view(d).Delay = feature.Hour }, []string{viewBreaks, modelMoves}, "breaking: delay none -> 1h"},
		{
			"a key's column", func(d *registry.Definitions) { view(d).Keys["airport"] = "destination" },
			[]string{viewBreaks, modelMoves},
			"breaking: join key airport is read from column origin -> destination",
		},
		{"an entity's key type", func(d *registry.Definitions) {
			d.Entities[0].Keys[0].Type = feature.Scalar(feature.Bytes)
		}, []string{"entity airport: update, breaking", viewBreaks, modelMoves}, "breaking: join keys airport string -> airport bytes"},
		{"another role", func(d *registry.Definitions) {
			view(d).Entities[0].As, view(d).Keys = "origin", nil
			service(d).Features = []feature.ViewUse{{View: "last", As: "origin"}, {View: "last", As: "dest", Keys: map[string]string{"origin": "destination"}, Only: []string{"delay"}}}
		}, []string{viewBreaks, modelMoves}, "breaking: join keys airport string -> origin string"},
		{"no entity any more", func(d *registry.Definitions) {
			view(d).Entities, view(d).Keys = nil, nil
			service(d).Features[0].Keys, service(d).Features[1].Keys = nil, nil
		}, []string{viewBreaks, modelMoves}, "breaking: join keys airport string -> none"},
		{"another source", func(d *registry.Definitions) {
			d.Sources = append(d.Sources, feature.Source{Meta: feature.Meta{Name: "twin"}, Parquet: []string{"flights/*.parquet"}, EventTimestamp: "date"})
			view(d).Source = "twin"
		}, []string{"source twin: create, safe", viewBreaks, modelMoves}, "breaking: source departures -> twin"},
		{
			"other files", func(d *registry.Definitions) { source(d).Parquet = append(source(d).Parquet, "more/*.parquet") },
			[]string{sourceMoves, viewBreaks, modelMoves},
			"breaking: parquet flights/*.parquet -> flights/*.parquet, more/*.parquet",
		},
		{
			"another event timestamp", func(d *registry.Definitions) { source(d).EventTimestamp = "landed" },
			[]string{sourceMoves, viewBreaks, modelMoves},
			"breaking: event timestamp of source departures: date -> landed",
		},
		{
			"a created timestamp", func(d *registry.Definitions) { source(d).CreatedTimestamp = "loaded" },
			[]string{sourceMoves, viewBreaks, modelMoves},
			"breaking: created timestamp of source departures: none -> loaded",
		},
		{
			"an available timestamp", func(d *registry.Definitions) { source(d).AvailableTimestamp = "loaded" },
			[]string{sourceMoves, viewBreaks, modelMoves},
			"breaking: available timestamp of source departures: none -> loaded",
		},
		{"a feature's column", func(d *registry.Definitions) { view(d).Features[0].Column = "number" }, []string{viewBreaks, modelMoves}, "breaking: feature delay is read from column delay -> number"},
		{
			"a feature's type", func(d *registry.Definitions) { view(d).Features[0].Type = feature.Scalar(feature.Int64) },
			[]string{viewBreaks, modelMoves},
			"breaking: type of feature delay: int32 -> int64",
		},
		{"a column's type in the source", func(d *registry.Definitions) {
			source(d).Columns = []feature.ColumnOverride{{Name: "delay", Type: feature.Scalar(feature.Int64)}}
		}, []string{sourceStays, viewBreaks, modelMoves}, "breaking: type of feature delay: int32 -> int64"},
		{
			"a feature removed", func(d *registry.Definitions) { view(d).Features = view(d).Features[:1] },
			[]string{viewBreaks, modelMoves},
			"breaking: feature distance is removed",
		},
		{
			"no longer online", func(d *registry.Definitions) { view(d).Online = false },
			[]string{"view last: new version, breaking, 1 -> 2", modelMoves},
			"breaking: no longer online",
		},
		{"the gravest of several counts", func(d *registry.Definitions) {
			view(d).Owner, view(d).TTL, view(d).Delay = "x", 9*feature.Day, feature.Second
		}, []string{viewBreaks, modelMoves}, "needs backfill: ttl 7d -> 9d"},
		{"an entity removed", func(d *registry.Definitions) {
			view(d).Entities, view(d).Keys, d.Entities = nil, nil, nil
			service(d).Features[0].Keys, service(d).Features[1].Keys = nil, nil
		}, []string{"entity airport: delete, breaking", viewBreaks, modelMoves}, ""},
		{
			"a service removed", func(d *registry.Definitions) { d.Services = nil },
			[]string{"service model: delete, breaking, 1 -> 0"},
			"",
		},
		{"everything removed", func(d *registry.Definitions) { *d = registry.Definitions{} }, []string{
			"entity airport: delete, breaking", "source departures: delete, breaking", "view last: delete, breaking, 1 -> 0", "service model: delete, breaking, 1 -> 0",
		}, ""},

		// services
		{
			"a service's order", func(d *registry.Definitions) { slices.Reverse(service(d).Features) },
			[]string{modelMoves},
			"breaking: outputs stand in another order",
		},
		{
			"a service's features", func(d *registry.Definitions) { service(d).Features[0].Hide = []string{"delay"} },
			[]string{modelMoves},
			"breaking: output origin__delay is removed",
		},
		{
			"a service's keys", func(d *registry.Definitions) { service(d).Features[0].Keys["airport"] = "via" },
			[]string{modelMoves},
			"breaking: keys of origin are taken from origin -> via",
		},
		{
			"a service's rename", func(d *registry.Definitions) { service(d).Features[0].Rename = map[string]string{"delay": "late"} },
			[]string{modelMoves},
			"breaking: new output late",
		},
		{
			"a service's fixed version, the one it has", func(d *registry.Definitions) { service(d).Features[0].Version = 1 },
			nil, "",
		},
		{"the order of a view's features, with services that name theirs", func(d *registry.Definitions) {
			slices.Reverse(view(d).Features)
			service(d).Features[0].Only = []string{"delay", "distance"}
		}, []string{viewStays}, "safe: features stand in another order"},
		{"the order of a view's features, with a service that takes all", func(d *registry.Definitions) {
			slices.Reverse(view(d).Features)
		}, []string{viewStays, modelMoves}, "breaking: outputs stand in another order"},
		{"a breaking view, with a service that stays", func(d *registry.Definitions) {
			view(d).Delay = feature.Hour
			service(d).Features[0].Version, service(d).Features[1].Version = 1, 1
		}, []string{viewBreaks}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := &memory{}
			apply(t, store, project())
			changed := project()
			test.change(changed)
			plan := apply(t, store, changed)
			if got := lines(plan); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s\nbecause\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"), reasons(plan))
			}
			if !strings.Contains(reasons(plan), test.reason) {
				t.Errorf("no reason says %q:\n%s", test.reason, reasons(plan))
			}
			if again := apply(t, store, changed); !again.Empty() {
				t.Errorf("the same again changes %v", lines(again))
			}
		})
	}
}

// The same for what expressions compute. Each case replaces a part of the definitions
// of computed, and says what changes beside the view, its service and its source.
func TestEveryKindOfChangeOfAnExpressionHasItsClass(t *testing.T) {
	const (
		view, viewNew = "view arrivals: update, safe, 1 -> 1 current", "view arrivals: new version, breaking, 1 -> 2"
		viewFilled    = "view arrivals: update, needs backfill, 1 -> 1 current"
		model, moves  = "service model: update, safe, 1 -> 1 current", "service model: new version, breaking, 1 -> 2"
		source        = "source arrivals: update, safe"
	)
	for _, test := range []struct {
		name, part, by string
		want           []string
		reason         string
	}{
		// sources
		{"spaces of a derived column", "flight: 30 + distance / 8", "flight: 30+distance/8", []string{source, view}, "safe: derived columns changed"},
		{"a derived column", "flight: 30 + distance / 8", "flight: 31 + distance / 8", []string{source, viewNew, moves}, "breaking: event timestamp of source arrivals: date + minutes(flight) -> date + minutes(flight): what it is computed of changed"},
		{"an event timestamp", "date + minutes(flight)", "date", []string{source, viewNew, moves}, "breaking: event timestamp of source arrivals: date + minutes(flight) -> date: other rows are visible, or win"},
		{"a key", "upper(destination)", "lower(destination)", []string{source, viewNew, moves}, "breaking: join key airport is read from column upper(destination) -> lower(destination)"},
		{"a column that nobody reads", "unread: late + 1", "unread: late + 2", []string{source}, "safe: derived columns changed"},
		{"a new column that nobody reads", "unread: late + 1", "unread: late + 1\n  more: late", []string{source}, "safe: derived columns changed"},
		{"what a name in an expression is read from", "late: {column: delay, type: int64}", "late: {column: number, type: int64}", []string{source, viewNew, moves}, "breaking: feature late_share is mean of late > 15 ? 1.0 : 0.0 where speed != null over 1d in steps of 10m, else 0.5 -> mean"},

		// aggregates
		{"of", "late > 15 ? 1.0 : 0.0", "late > 16 ? 1.0 : 0.0", []string{viewNew, moves}, "breaking: feature late_share is mean of late > 15 ? 1.0 : 0.0 where speed != null over 1d in steps of 10m, else 0.5 -> mean of late > 16 ? 1.0 : 0.0 where"},
		{"spaces of of", "late > 15 ? 1.0 : 0.0", "late>15 ? 1.0:0.0", []string{view}, "safe: columns of source arrivals are named, declared or written otherwise"},
		{"where", "speed != null\"", "speed > 0.0\"", []string{viewNew, moves}, "breaking: feature late_share is"},
		{"no where", ", where: \"speed != null\"", "", []string{viewNew, moves}, "breaking: feature late_share is"},
		{"of in place of a column", "aggregate: mean, of: late,", "aggregate: mean, column: late,", nil, ""},

		// expressions
		{"an expression", "late_share > 0.9", "late_share > 0.8", []string{viewNew, moves}, "breaking: feature very is late_share > 0.9 -> late_share > 0.8"},
		{"spaces of an expression", "late_share > 0.9", "late_share  >  0.9", []string{view}, "safe: feature very is written otherwise: late_share > 0.9 -> late_share  >  0.9"},
		{"its type that was inferred", "{name: very, ", "{name: very, type: bool, ", nil, ""},
		{"an aggregate in place of an expression", "{name: very, expression: late_share > 0.9}", "{name: very, aggregate: max, of: late > 3, window: 1h}", []string{viewNew, moves}, "breaking: feature very is late_share > 0.9 -> max of late > 3 over 1h in steps of 30s"},
		{"a new one", "  - {name: flight}\n", "  - {name: flight}\n  - {name: new, expression: flight + 1}\n", []string{view, moves}, "safe: new feature new int64"},
		{"a new aggregate", "  - {name: flight}\n", "  - {name: flight}\n  - {name: new, aggregate: sum, of: flight + 1, window: 1h}\n", []string{viewFilled, moves}, "needs backfill: new feature new int64"},
		{"its texts", "{name: very, ", "{name: very, description: x, ", []string{view}, "safe: description of feature very changed"},

		// services
		{"a derived feature", "km > 1500.0", "km > 1600.0", []string{moves}, "breaking: derived feature far is km > 1500.0 && origin.busy -> km > 1600.0 && origin.busy"},
		{"spaces of a derived feature", "km > 1500.0", "(km > 1500.0)", []string{model}, "safe: derived feature far is written otherwise"},
		{"texts of a derived feature", "and full", "or so", []string{model}, "safe: description of derived feature far changed"},
		{"a derived feature removed", "  - {name: gap, type: float64, expression: origin.age - dest.age}\n", "  - {name: none, type: float64, expression: origin.age - dest.age}\n", []string{moves}, "breaking: output gap is removed"},
		{"the order of derived features", "  - {name: km, expression: double(miles) * 1.609}\n  - {name: gap, type: float64, expression: origin.age - dest.age}\n", "  - {name: gap, type: float64, expression: origin.age - dest.age}\n  - {name: km, expression: double(miles) * 1.609}\n", []string{moves}, "breaking: outputs stand in another order"},
		{"the type of an input", "{name: miles, type: int32}", "{name: miles, type: int64}", []string{moves}, "breaking: type of input miles: int32 -> int64"},
		{"a new input", "inputs: [{name: miles, type: int32}]\nderived:\n  - {name: far, expression: km > 1500.0", "inputs: [{name: miles, type: int32}, {name: least, type: float64}]\nderived:\n  - {name: far, expression: km > least", []string{moves}, "breaking: new input least float64: requests have to send it"},
		{"an input under another name", "[{name: miles, type: int32}]\nderived:\n  - {name: far, expression: km > 1500.0 && origin.busy, description: and full}\n  - {name: km, expression: double(miles)", "[{name: way, type: int32}]\nderived:\n  - {name: far, expression: km > 1500.0 && origin.busy, description: and full}\n  - {name: km, expression: double(way)", []string{moves}, "breaking: input miles is removed: requests that send it are refused"},
		{"another type of a derived feature", "type: float64, expression: origin.age - dest.age", "expression: origin.age > dest.age", []string{moves}, "breaking: type of derived feature gap: float64 -> bool"},
		{"a key of a view that is only read", "keys: {airport: destination}", "keys: {airport: target}", []string{moves}, "breaking: keys of dest are taken from destination -> target"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if !strings.Contains(computed, test.part) {
				t.Fatalf("the definitions lack %q", test.part)
			}
			changed := strings.Replace(computed, test.part, test.by, 1)
			store := &memory{}
			apply(t, store, defined(t, computed))
			plan := apply(t, store, defined(t, changed))
			if got := lines(plan); !slices.Equal(got, test.want) {
				t.Errorf("got\n%s\nwant\n%s\nbecause\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"), reasons(plan))
			}
			if !strings.Contains(reasons(plan), test.reason) {
				t.Errorf("no reason says %q:\n%s", test.reason, reasons(plan))
			}
			if again := apply(t, store, defined(t, changed)); !again.Empty() {
				t.Errorf("the same again changes %v", lines(again))
			}
			if back := apply(t, store, defined(t, computed)); len(test.want) > 0 && back.Empty() {
				t.Error("there is no way back")
			}
		})
	}
}

func TestOnlineIsBackfillWhereTheViewWasOffline(t *testing.T) {
	store := &memory{}
	offline := project()
	offline.Views[0].Online = false
	apply(t, store, offline)
	if load(t, store).Active("last", 1) != nil {
		t.Error("an offline view has a storage")
	}
	if got, want := lines(apply(t, store, project())), []string{viewFills}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if st := load(t, store).Active("last", 1); st == nil {
		t.Error("the first storage is not active at once")
	}
}

func TestAFeatureOfAnOfflineViewNeedsNoStorage(t *testing.T) {
	store := &memory{}
	d := project()
	d.Views[0].Online = false
	apply(t, store, d)
	d.Views[0].Features = append(d.Views[0].Features, feature.ViewFeature{Name: "speed"})
	want := []string{"view last: update, needs backfill, 1 -> 1 current", modelMoves}
	if got := lines(apply(t, store, d)); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestReasonsStandAtTheirPlace(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	d := project()
	d.Views[0].TTL = feature.Day
	plan := apply(t, store, d)
	if got, want := plan.Changes[0].Reasons[0].At, d.At(registry.KindView, "last", "ttl"); got != want || got.Line == 0 {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := plan.Changes[0].At, d.At(registry.KindView, "last"); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
}

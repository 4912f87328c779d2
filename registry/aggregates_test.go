package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// counted is a project with one aggregate, of a view that is not online.
func counted(change func(f *feature.ViewFeature)) *registry.Definitions {
	d := project()
	f := feature.ViewFeature{Name: "most", Column: "destination", Aggregate: &feature.Aggregation{Function: feature.TopK, N: 5, Window: feature.Day}}
	change(&f)
	d.Views = append(d.Views, feature.View{
		Meta: feature.Meta{Name: "busy"}, Entities: []feature.Role{{Entity: "airport"}}, Keys: map[string]string{"airport": "origin"},
		Source: "departures", Features: []feature.ViewFeature{f},
	})
	return d
}

func TestEveryChangeOfAnAggregateIsBreaking(t *testing.T) {
	text := "none"
	for name, test := range map[string]struct {
		change func(f *feature.ViewFeature)
		to     string
	}{
		"n":           {func(f *feature.ViewFeature) { f.Aggregate.N = 6 }, "top_k(6) of destination over 1d in steps of 1h"},
		"function":    {func(f *feature.ViewFeature) { f.Aggregate.Function = feature.LastN }, "last_n(5) of destination over 1d in steps of 10m"},
		"window":      {func(f *feature.ViewFeature) { f.Aggregate.Window = 2 * feature.Day }, "top_k(5) of destination over 2d in steps of 1h"},
		"granularity": {func(f *feature.ViewFeature) { f.Aggregate.Granularity = feature.Minute }, "top_k(5) of destination over 1d in steps of 1m"},
		"column":      {func(f *feature.ViewFeature) { f.Column = "number" }, "top_k(5) of number over 1d in steps of 1h"},
		"default": {func(f *feature.ViewFeature) {
			f.Aggregate.Function, f.Aggregate.N, f.Aggregate.Default = feature.Last, 0, &text
		}, "last of destination over 1d in steps of 10m, else none"},
		"q": {func(f *feature.ViewFeature) {
			f.Column, f.Aggregate.Function, f.Aggregate.N, f.Aggregate.Q = "delay", feature.Quantile, 0, 0.9
		}, "quantile(0.9) of delay over 1d in steps of 1h"},
	} {
		t.Run(name, func(t *testing.T) {
			store := &memory{}
			apply(t, store, counted(func(*feature.ViewFeature) {}))
			plan := apply(t, store, counted(test.change))
			if want := []string{"view busy: new version, breaking, 1 -> 2"}; !slices.Equal(lines(plan), want) {
				t.Errorf("got %v, want %v", lines(plan), want)
			}
			if want := "breaking: feature most is top_k(5) of destination over 1d in steps of 1h -> " + test.to; !strings.Contains(reasons(plan), want) {
				t.Errorf("no reason says %q:\n%s", want, reasons(plan))
			}
		})
	}
}

// A column may be declared of another type while the aggregate gives the same one. What is stored
// is of that type, and so has to be the version that fills it.
func TestAnAggregateOverAnotherTypeIsAChange(t *testing.T) {
	for _, test := range []struct {
		function feature.Function
		as       feature.Kind
		want     []string
		reason   string
	}{
		{feature.Mean, feature.Float64, []string{"source departures: update, safe", "view busy: new version, breaking, 1 -> 2, storage"}, "breaking: feature most is mean of delay over 1d in steps of 10m -> mean of delay over 1d in steps of 10m: it is over float64 in place of int32"},
		{feature.CountDistinct, feature.Float64, []string{"source departures: update, safe", "view busy: new version, breaking, 1 -> 2, storage"}, "it is over float64 in place of int32"},
		{feature.Mean, feature.Int64, []string{"source departures: update, safe", "view busy: update, safe, 1 -> 1 current, storage"}, "safe: feature most is over int32 -> int64: its values stay"},
		{feature.Count, feature.Float64, []string{"source departures: update, safe", "view busy: update, safe, 1 -> 1 current, storage"}, "safe: feature most is over int32 -> float64: its values stay"},
	} {
		t.Run(string(test.function)+" of "+feature.Scalar(test.as).String(), func(t *testing.T) {
			of := func(columns ...feature.ColumnOverride) *registry.Definitions {
				d := counted(func(f *feature.ViewFeature) {
					f.Column, f.Aggregate.Function, f.Aggregate.N = "delay", test.function, 0
				})
				d.Views, d.Services = d.Views[len(d.Views)-1:], nil // others read the column as it stands
				d.Views[0].Online = true
				d.Sources[0].Columns = columns
				return d
			}
			store := &memory{}
			apply(t, store, of())
			plan := apply(t, store, of(feature.ColumnOverride{Name: "delay", Type: feature.Scalar(test.as)}))
			if !slices.Equal(lines(plan), test.want) || !strings.Contains(reasons(plan), test.reason) {
				t.Errorf("got %v because\n%s\nwant %v because %s", lines(plan), reasons(plan), test.want, test.reason)
			}
			s := load(t, store)
			for _, stored := range s.Storages() {
				if v, err := s.View(stored.View, stored.Version); err != nil {
					t.Error(err)
				} else if own, kept := v.Features[0].Aggregate.Input, stored.Features[0].Aggregate.Input; own != kept && stored.State == feature.StorageFilling {
					t.Errorf("storage %d of %s is filled with what is of %s, and is of %s", stored.ID, v.ID(), own, kept)
				}
			}
		})
	}
}

// What a version keeps of an aggregate is all that computing it takes.
func TestAnAggregateIsResolved(t *testing.T) {
	store := &memory{}
	apply(t, store, counted(func(f *feature.ViewFeature) {
		f.Column, f.Aggregate.Function, f.Aggregate.N, f.Aggregate.Q = "delay", feature.Quantile, 0, 0.25
	}))
	v, err := load(t, store).View("busy", 1)
	if err != nil {
		t.Fatal(err)
	}
	f := v.Features[0]
	want := feature.Aggregate{
		Function: feature.Quantile, Column: "delay", Input: feature.Scalar(feature.Int32), Q: 0.25,
		Window: feature.Window{Length: feature.Day, Granularity: feature.Hour},
	}
	if f.Type != feature.Scalar(feature.Float64) || *f.Aggregate != want {
		t.Errorf("got %s, %+v", f.Type, *f.Aggregate)
	}
}

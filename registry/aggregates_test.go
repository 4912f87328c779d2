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

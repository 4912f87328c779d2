package definition_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

const computed = `kind: source
name: arrivals
parquet: a.parquet
event_timestamp: landed_at
derive:
  landed_at: date + minutes(30 + distance / 8)
  a: 'upper("é")'
---
kind: view
name: arrivals
source: arrivals
features:
  - {name: n, aggregate: count, window: 1h}
  - {name: late, aggregate: mean, of: "delay > 15 ? 1.0 : 0.0", where: "!cancelled", window: 1d, default: 0.0}
  - {name: busy, type: bool, expression: n > 40, description: at all}
  - name: long
    expression: >
      n > 40 &&
      late > 0.5
  - {name: escaped, expression: "n > 40 ? \"a\" : \"b\""}
  - {name: wide, expression: n
      > 40}
---
kind: service
name: model
features: [{view: arrivals, hide: [n, late, busy, long, escaped, wide]}]
inputs: [{name: distance, type: int64}, {name: v, type: list<float32>, length: 2}]
derived:
  - {name: far, expression: distance > 1500 && arrivals.busy, type: bool, description: far away}
`

func TestExpressionsAreReadAsTheyStand(t *testing.T) {
	got, err := definition.LoadText("a.yaml", computed)
	if err != nil {
		t.Fatal(err)
	}
	zero := "0.0"
	want := &registry.Definitions{
		Sources: []feature.Source{{
			Meta: feature.Meta{Name: "arrivals"}, Parquet: []string{"a.parquet"}, EventTimestamp: "landed_at",
			Derive: []feature.DerivedColumn{
				{Name: "a", Expression: `upper("é")`},
				{Name: "landed_at", Expression: "date + minutes(30 + distance / 8)"},
			},
		}},
		Views: []feature.View{{
			Meta: feature.Meta{Name: "arrivals"}, Source: "arrivals",
			Features: []feature.ViewFeature{
				{Name: "n", Aggregate: &feature.Aggregation{Function: feature.Count, Window: feature.Hour}},
				{Name: "late", Aggregate: &feature.Aggregation{
					Function: feature.Mean, Of: "delay > 15 ? 1.0 : 0.0", Where: "!cancelled", Window: feature.Day, Default: &zero,
				}},
				{Name: "busy", Type: feature.Scalar(feature.Bool), Expression: "n > 40", Description: "at all"},
				{Name: "long", Expression: "n > 40 && late > 0.5\n"},
				{Name: "escaped", Expression: `n > 40 ? "a" : "b"`},
				{Name: "wide", Expression: "n > 40"},
			},
		}},
		Services: []feature.Service{{
			Meta:     feature.Meta{Name: "model"},
			Features: []feature.ViewUse{{View: "arrivals", Hide: []string{"n", "late", "busy", "long", "escaped", "wide"}}},
			Inputs: []feature.Input{
				{Name: "distance", Type: feature.Scalar(feature.Int64)}, {Name: "v", Type: feature.ListOf(feature.Float32, 2)},
			},
			Derived: []feature.DerivedFeature{{
				Name: "far", Expression: "distance > 1500 && arrivals.busy", Type: feature.Scalar(feature.Bool), Description: "far away",
			}},
		}},
	}
	positions := got.Positions
	got.Positions = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}

	// Lines and columns are counted by hand.
	got.Positions = positions
	for _, c := range []struct {
		line, column int
		kind, name   string
		parts        []string
		at           string
		exact        bool
	}{
		{1, 8, "source", "arrivals", []string{"derive", "landed_at"}, "a.yaml:6:21", true},
		{1, 8, "source", "arrivals", []string{"derive", "a"}, "a.yaml:7:14", true},
		{1, 1, "view", "arrivals", []string{"features", "late", "of"}, "a.yaml:14:40", true},
		{1, 2, "view", "arrivals", []string{"features", "late", "where"}, "a.yaml:14:74", true},
		{1, 3, "view", "arrivals", []string{"features", "busy", "expression"}, "a.yaml:15:44", true},
		{2, 3, "view", "arrivals", []string{"features", "busy", "expression"}, "a.yaml:15:42", false},
		{1, 3, "view", "arrivals", []string{"features", "long", "expression"}, "a.yaml:17:17", false},
		{1, 3, "view", "arrivals", []string{"features", "escaped", "expression"}, "a.yaml:20:33", false},
		{1, 3, "view", "arrivals", []string{"features", "wide", "expression"}, "a.yaml:21:30", false},
		{1, 12, "service", "model", []string{"derived", "far", "expression"}, "a.yaml:29:40", true},
	} {
		if at, exact := got.Within(c.line, c.column, c.kind, c.name, c.parts...); at.String() != c.at || exact != c.exact {
			t.Errorf("%d:%d of %v is at %s, exact %v; want %s, %v", c.line, c.column, c.parts, at, exact, c.at, c.exact)
		}
	}
	if at := got.At("service", "model", "inputs", "v", "length"); at.String() != "a.yaml:27:80" {
		t.Errorf("the length of an input is at %s", at)
	}
}

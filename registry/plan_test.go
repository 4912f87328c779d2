package registry_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/sqlite"
)

// footers are schemas by the first of a source's names.
type footers map[string][]registry.SourceField

func (f footers) Columns(_ context.Context, parquet []string) ([]registry.SourceField, error) {
	if fields, ok := f[parquet[0]]; ok {
		return slices.Clone(fields), nil
	}
	return nil, fmt.Errorf("%s matches no file: %w", parquet[0], feature.ErrNotFound)
}

func field(name string, kind feature.Kind) registry.SourceField {
	return registry.SourceField{Name: name, Type: feature.Scalar(kind), Physical: kind.String(), Nullable: true}
}

// flights are the columns of the one source that most tests read.
func flights() footers {
	return footers{
		"flights/*.parquet": {
			field("date", feature.Timestamp), field("landed", feature.Timestamp), field("loaded", feature.Timestamp),
			field("day", feature.Date), field("origin", feature.String), field("destination", feature.String),
			field("delay", feature.Int32), field("distance", feature.Int64), field("speed", feature.Float32),
			{Name: "number", Type: feature.Scalar(feature.Int32), Physical: "uint16"},
			{Name: "fare", Physical: "DECIMAL(10,2)", Decimal: true},
			{Name: "extras", Physical: "MAP"},
			{Name: "year", Type: feature.Scalar(feature.Int64), Partition: true},
		},
		"other/*.parquet": {field("date", feature.Timestamp), field("origin", feature.String), field("delay", feature.Int32)},
	}
}

// project is one of everything: an entity, a source, a view, a service. The view
// is kept online.
func project() *registry.Definitions {
	d := &registry.Definitions{
		Entities: []feature.Entity{{Meta: feature.Meta{Name: "airport"}, Keys: []feature.JoinKey{{Name: "airport", Type: feature.Scalar(feature.String)}}}},
		Sources: []feature.Source{{
			Meta: feature.Meta{Name: "departures"}, Parquet: []string{"flights/*.parquet"}, EventTimestamp: "date",
		}},
		Views: []feature.View{{
			Meta: feature.Meta{Name: "last"}, Entities: []feature.Role{{Entity: "airport"}}, Keys: map[string]string{"airport": "origin"},
			Source: "departures", TTL: 7 * feature.Day, Online: true, Schedule: "*/10 * * * *",
			Features: []feature.ViewFeature{{Name: "delay"}, {Name: "distance"}},
		}},
		Services: []feature.Service{{
			Meta: feature.Meta{Name: "model"},
			Features: []feature.ViewUse{
				{View: "last", As: "origin", Keys: map[string]string{"airport": "origin"}},
				{View: "last", As: "dest", Keys: map[string]string{"airport": "destination"}, Only: []string{"delay"}},
			},
		}},
	}
	position(d)
	return d
}

// position gives every part of definitions a place: one line each, in the order of
// kinds and names.
func position(d *registry.Definitions) {
	d.Positions = map[string]registry.Position{}
	line := 0
	at := func(kind, name string, parts ...string) {
		line++
		d.Positions[registry.Path(kind, name, parts...)] = registry.Position{File: "features.yaml", Line: line, Column: 1}
	}
	for _, s := range d.Sources {
		at(registry.KindSource, s.Name)
		for _, part := range []string{"parquet", "event_timestamp", "created_timestamp", "available_timestamp"} {
			at(registry.KindSource, s.Name, part)
		}
		for _, c := range s.Columns {
			at(registry.KindSource, s.Name, "columns", c.Name)
		}
	}
	for _, v := range d.Views {
		at(registry.KindView, v.Name)
		at(registry.KindView, v.Name, "ttl")
		for k := range v.Keys {
			at(registry.KindView, v.Name, "keys", k)
		}
		for _, f := range v.Features {
			at(registry.KindView, v.Name, "features", f.Name)
		}
	}
	for _, s := range d.Services {
		at(registry.KindService, s.Name)
	}
}

func open(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "registry.db"), sqlite.Options{Project: "flights"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func load(t *testing.T, store registry.Store) *registry.Snapshot {
	t.Helper()
	s, err := store.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func author() registry.Author { return registry.Author{Who: "ann", At: 1_000_000, GitCommit: "abc"} }

// apply plans and applies definitions on the head.
func apply(t *testing.T, store registry.Store, d *registry.Definitions) *registry.Plan {
	t.Helper()
	plan, err := registry.NewPlan(t.Context(), load(t, store), d, flights())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Apply(t.Context(), store, plan, author()); err != nil {
		t.Fatal(err)
	}
	return plan
}

func TestANewProjectIsAppliedAndSelected(t *testing.T) {
	store := open(t)
	apply(t, store, project())
	s := load(t, store)
	selection, err := s.Service("model", 0)
	if err != nil {
		t.Fatal(err)
	}
	if selection.Service != "model@1" || selection.Revision != 1 {
		t.Errorf("got service %s of revision %d", selection.Service, selection.Revision)
	}
	var names []string
	for _, o := range selection.Outputs {
		names = append(names, o.Name+" "+selection.Field(o).Type.String())
	}
	want := []string{"origin__delay int32", "origin__distance int64", "dest__delay int32"}
	if !slices.Equal(names, want) {
		t.Errorf("got outputs %v, want %v", names, want)
	}
	keys, err := selection.KeyColumns()
	if err != nil || len(keys) != 2 || keys[0].Name != "origin" || keys[1].Name != "destination" {
		t.Errorf("got key columns %v, %v", keys, err)
	}
	active := selection.Uses[0].Active
	if active == nil || active.ID != 1 || active.State != feature.StorageActive || active.Rule.TTL != 7*feature.Day {
		t.Errorf("got storage %+v", active)
	}
	if again := apply(t, store, project()); !again.Empty() {
		t.Errorf("the same definitions again change %+v", again.Changes)
	}
}

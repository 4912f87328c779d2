package definition_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

const flights = `# comments alone are fine
---
kind: entity
name: airport
description: An airport, by its IATA code
owner: ops@example.com
tags: {team: ops, "tier": "1"}
keys: [{name: airport, type: string}]
---
kind: source
name: arrivals
parquet: [flights/*.parquet, /srv/more]
event_timestamp: landed_at
created_timestamp: loaded_at
available_timestamp: loaded_at
mutable: true
columns:
  tail: {column: Tail Number, type: string}
  delay: int64
  v: {type: list<float32>, length: 128}
---
kind: view
name: route_last
entities: [{entity: airport, as: origin}, {entity: airport, as: destination}]
keys: {origin: from, destination: to}
source: arrivals
ttl: 7d
delay: 90s
online: true
schedule: "*/10 * * * *"
max_staleness: 1h30m
features:
  - {name: delay, type: int64, description: in minutes}
  - name: tail
    column: Tail
---
kind: service
name: delay_model
features:
  - {view: facts}
  - view: route_last
    version: 2
    as: route
    keys: {origin: o}
    only: [delay, gone]
    rename: {delay: Delay in Minutes}
`

const facts = `kind: view
name: facts
source: arrivals
features: [{name: n}]
---
`

func TestDefinitionsAreReadInTheOrderOfFiles(t *testing.T) {
	root := write(t, map[string]string{"features/b.yaml": flights, "features/a/facts.yml": facts})
	got, err := definition.Load([]string{"features"}, root)
	if err != nil {
		t.Fatal(err)
	}
	want := &registry.Definitions{
		Entities: []feature.Entity{{
			Meta: feature.Meta{
				Name: "airport", Description: "An airport, by its IATA code", Owner: "ops@example.com",
				Tags: map[string]string{"team": "ops", "tier": "1"},
			},
			Keys: []feature.JoinKey{{Name: "airport", Type: feature.Scalar(feature.String)}},
		}},
		Sources: []feature.Source{{
			Meta:           feature.Meta{Name: "arrivals"},
			Parquet:        []string{"flights/*.parquet", "/srv/more"},
			EventTimestamp: "landed_at", CreatedTimestamp: "loaded_at", AvailableTimestamp: "loaded_at", Mutable: true,
			Columns: []feature.ColumnOverride{
				{Name: "delay", Type: feature.Scalar(feature.Int64)},
				{Name: "tail", Column: "Tail Number", Type: feature.Scalar(feature.String)},
				{Name: "v", Type: feature.ListOf(feature.Float32, 128)},
			},
		}},
		Views: []feature.View{{
			Meta:     feature.Meta{Name: "facts"},
			Source:   "arrivals",
			Features: []feature.ViewFeature{{Name: "n"}},
		}, {
			Meta:     feature.Meta{Name: "route_last"},
			Entities: []feature.Role{{Entity: "airport", As: "origin"}, {Entity: "airport", As: "destination"}},
			Keys:     map[string]string{"origin": "from", "destination": "to"},
			Source:   "arrivals",
			TTL:      7 * feature.Day, Delay: 90 * feature.Second, MaxStaleness: 90 * feature.Minute,
			Online: true, Schedule: "*/10 * * * *",
			Features: []feature.ViewFeature{
				{Name: "delay", Type: feature.Scalar(feature.Int64), Description: "in minutes"},
				{Name: "tail", Column: "Tail"},
			},
		}},
		Services: []feature.Service{{
			Meta: feature.Meta{Name: "delay_model"},
			Features: []feature.ViewUse{{View: "facts"}, {
				View: "route_last", Version: 2, As: "route", Keys: map[string]string{"origin": "o"},
				Only: []string{"delay", "gone"}, Rename: map[string]string{"delay": "Delay in Minutes"},
			}},
		}},
	}
	positions := got.Positions
	got.Positions = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definitions (-want +got):\n%s", diff)
	}

	// Lines and columns are counted by hand.
	for _, c := range []struct {
		path string
		at   string
	}{
		{registry.Path("view", "facts"), "features/a/facts.yml:1:1"},
		{registry.Path("view", "facts", "name"), "features/a/facts.yml:2:7"},
		{registry.Path("view", "facts", "features", "n"), "features/a/facts.yml:4:12"},
		{registry.Path("entity", "airport"), "features/b.yaml:3:1"},
		{registry.Path("entity", "airport", "tags", "team"), "features/b.yaml:7:14"},
		{registry.Path("entity", "airport", "keys", "airport", "type"), "features/b.yaml:8:30"},
		{registry.Path("source", "arrivals", "parquet", "1"), "features/b.yaml:12:30"},
		{registry.Path("source", "arrivals", "event_timestamp"), "features/b.yaml:13:18"},
		{registry.Path("source", "arrivals", "columns", "tail"), "features/b.yaml:18:9"},
		{registry.Path("source", "arrivals", "columns", "tail", "column"), "features/b.yaml:18:18"},
		{registry.Path("source", "arrivals", "columns", "delay"), "features/b.yaml:19:10"},
		{registry.Path("view", "route_last", "entities", "1"), "features/b.yaml:24:43"},
		{registry.Path("view", "route_last", "entities", "1", "as"), "features/b.yaml:24:65"},
		{registry.Path("view", "route_last", "keys", "destination"), "features/b.yaml:25:35"},
		{registry.Path("view", "route_last", "schedule"), "features/b.yaml:30:11"},
		{registry.Path("view", "route_last", "features", "delay", "type"), "features/b.yaml:33:25"},
		{registry.Path("view", "route_last", "features", "tail"), "features/b.yaml:34:5"},
		{registry.Path("view", "route_last", "features", "tail", "column"), "features/b.yaml:35:13"},
		{registry.Path("service", "delay_model", "features", "0"), "features/b.yaml:40:5"},
		{registry.Path("service", "delay_model", "features", "1", "version"), "features/b.yaml:42:14"},
		{registry.Path("service", "delay_model", "features", "1", "only", "gone"), "features/b.yaml:45:19"},
		{registry.Path("service", "delay_model", "features", "1", "rename", "delay"), "features/b.yaml:46:21"},
	} {
		if got, ok := positions[c.path]; !ok || got.String() != c.at {
			t.Errorf("position of %q is %v, want %s", c.path, got, c.at)
		}
	}
	got.Positions = positions
	if at := got.At("view", "route_last", "features", "tail", "type"); at.String() != "features/b.yaml:34:5" {
		t.Errorf("a type that is not written is placed at its feature: got %v", at)
	}
}

func TestFoldersSkipWhatIsPutAside(t *testing.T) {
	entity := func(name string) string {
		return "kind: entity\nname: " + name + "\nkeys: [{name: k, type: int64}]\n"
	}
	root := write(t, map[string]string{
		"quiver.yaml": "project: p\n", "a.yaml": entity("a"), "_b.yaml": entity("b"), ".c.yml": entity("c"), "_d/d.yaml": entity("d"),
		".e/e.yaml": entity("e"), "f/f.yml": entity("f"), "f/g.txt": "not: [ yaml", "h.yaml": "# nothing\n", "i.yaml": "",
	})
	if err := os.Symlink(root, filepath.Join(root, "f", "circle")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(root, "_b.yaml"), filepath.Join(root, "link.yaml")); err != nil {
		t.Fatal(err)
	}
	outside := write(t, map[string]string{"o.definition": entity("o")})
	d, err := definition.Load([]string{".", "a.yaml", "_d/d.yaml", filepath.Join(outside, "o.definition")}, root)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, e := range d.Entities {
		got[e.Name] = d.At("entity", e.Name).File
	}
	want := map[string]string{
		"a": "a.yaml", "b": "link.yaml", "d": "_d/d.yaml", "f": "f/f.yml",
		"o": filepath.ToSlash(filepath.Join(outside, "o.definition")),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("entities and their files (-want +got):\n%s", diff)
	}
}

func TestByteOrderMarkAndWindowsLineEndsAreRead(t *testing.T) {
	root := write(t, map[string]string{"a.yaml": "\ufeffkind: entity\r\nname: a\r\nkeys:\r\n  - {name: k, type: int64}\r\n---\r\nkind: entity\r\nname: b\r\nkeys: [{name: k, type: int64}]\r\n"})
	d, err := definition.Load([]string{"a.yaml"}, root)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Entities) != 2 || d.At("entity", "b", "name").String() != "a.yaml:7:7" {
		t.Errorf("got %v, b at %v", d.Entities, d.At("entity", "b", "name"))
	}
}

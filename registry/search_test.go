package registry_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// catalog is a registry with some things that resemble one another.
func catalog(t testing.TB) *registry.Snapshot {
	t.Helper()
	view := func(name string, version int, description string, features ...string) *feature.ViewVersion {
		v := &feature.ViewVersion{Meta: feature.Meta{Name: name, Description: description, Owner: "ops@example.com"}, Version: version}
		for _, f := range features {
			v.Features = append(v.Features, feature.Field{Name: f, Description: "What " + f + " says"})
			v.Table.Columns = append(v.Table.Columns, feature.TableColumn{Name: f, Column: "Col " + f})
		}
		return v
	}
	objects := map[string]any{
		"entity/airport/0":   &feature.Entity{Meta: feature.Meta{Name: "airport", Tags: map[string]string{"team": "Delay"}}, Keys: []feature.JoinKey{{Name: "iata"}}},
		"source/flights/0":   &feature.Source{Meta: feature.Meta{Name: "flights"}, Parquet: []string{"delay/*.parquet"}, EventTimestamp: "landed_at"},
		"view/delay/1":       view("delay", 1, "", "mean"),
		"view/delay_route/2": view("delay_route", 2, "", "age"),
		"view/airport_old/1": view("airport_old", 1, "removed, with delay"),
		"view/route_delay/1": view("route_delay", 1, "", "age"),
		"view/undelayed/1":   view("undelayed", 1, "", "age"),
		"view/weather/1":     view("weather", 1, "", "delay", "wind"),
		"view/taxes/1":       view("taxes", 1, "Taxes, with the DELAY of paying", "rate"),
		"view/delay_route/1": view("delay_route", 1, "an older version, about wombats"),
		"service/model/3": &registry.ServiceVersion{
			Meta: feature.Meta{Name: "model"}, Version: 3,
			Uses: []registry.ServiceUse{{View: "delay", Keys: []string{"gate"}}}, Outputs: []registry.ServiceOutput{{Name: "delay__mean"}},
		},
	}
	var state registry.State
	for path, o := range objects {
		part := strings.Split(path, "/")
		var version int
		if _, err := fmt.Sscan(part[2], &version); err != nil {
			t.Fatal(err)
		}
		spec, err := json.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		state.Objects = append(state.Objects, registry.Object{Kind: part[0], Name: part[1], Version: version, Spec: spec})
	}
	for name, version := range map[string]int{"delay": 1, "delay_route": 2, "airport_old": 0, "route_delay": 1, "undelayed": 1, "weather": 1, "taxes": 1} {
		state.Pointers = append(state.Pointers, registry.Pointer{Kind: registry.KindView, Name: name, Current: version, Defined: version})
	}
	state.Pointers = append(state.Pointers, registry.Pointer{Kind: registry.KindService, Name: "model", Current: 3, Defined: 3})
	s, err := registry.NewSnapshot(state)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSearchRanks(t *testing.T) {
	s := catalog(t)
	for _, c := range []struct {
		words, kind string
		want        []string // name: fields
	}{
		{"delay", "", []string{
			"delay: name", "delay_route: name", "route_delay: name", "undelayed: name", "weather: feature", "model: feature",
			"airport: tag", "flights: file", "taxes: description",
		}},
		{"DeLaY", "source", []string{"flights: file"}},
		{"delay route", "", []string{"delay_route: name", "route_delay: name"}},
		{"delay wind", "", []string{"weather: feature feature"}},
		{"wind delay wind", "", []string{"weather: feature feature"}},
		{"delay zebra", "view", []string{"delay: name", "delay_route: name", "route_delay: name", "undelayed: name", "weather: feature", "taxes: description"}},
		{"ops@", "view", []string{"delay: owner", "delay_route: owner", "route_delay: owner", "taxes: owner", "undelayed: owner", "weather: owner"}},
		{"iata", "", []string{"airport: key"}},
		{"gate", "", []string{"model: key"}},
		{"landed", "", []string{"flights: column"}},
		{"col rate", "", []string{"taxes: column feature"}},
		{"paying", "", []string{"taxes: description"}},
		{"says rate", "", []string{"taxes: feature feature"}},
		{"wombats", "", nil},
		{"removed", "", nil},
		{"(", "", nil},
		{"", "", nil},
	} {
		var got []string
		for _, m := range s.Search(strings.Split(c.words, " "), c.kind) {
			fields := m.Name + ":"
			for _, h := range m.Hits {
				fields += " " + h.Field
			}
			got = append(got, fields)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", c.words, diff)
		}
	}
	m := s.Search([]string{"route"}, "view")[0]
	if want := (registry.Hit{Field: "name", Text: "route_delay"}); m.Version != 1 || m.Owner != "ops@example.com" || m.Hits[0] != want {
		t.Errorf("got %+v", m)
	}
}

func TestSearchKnowsWhatWasMeant(t *testing.T) {
	s := catalog(t)
	for words, want := range map[string][]string{
		"dely": {"delay"}, "airprot": {"airport"}, "rotue dlay": {"route", "delay"}, "wind dely": {"wind", "delay"},
		"hippopotamus": nil, "delay hippopotamus": nil, "weathre": {"weather"}, "landed_att": {"landed_at"},
	} {
		if got := s.Nearest(strings.Fields(words)); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", words, got, want)
		}
	}
}

// BenchmarkSearch looks through 5,000 views of 20 features.
func BenchmarkSearch(b *testing.B) {
	var state registry.State
	for i := range 5000 {
		v := feature.ViewVersion{Meta: feature.Meta{Name: fmt.Sprintf("view_%d", i), Description: "One of many views, with a text about it"}, Version: 1}
		for f := range 20 {
			name := fmt.Sprintf("feature_%d_%d", i, f)
			v.Features = append(v.Features, feature.Field{Name: name, Description: "One of many features"})
			v.Table.Columns = append(v.Table.Columns, feature.TableColumn{Name: name, Column: name})
		}
		spec, err := json.Marshal(&v)
		if err != nil {
			b.Fatal(err)
		}
		state.Objects = append(state.Objects, registry.Object{Kind: registry.KindView, Name: v.Name, Version: 1, Spec: spec})
		state.Pointers = append(state.Pointers, registry.Pointer{Kind: registry.KindView, Name: v.Name, Current: 1, Defined: 1})
	}
	s, err := registry.NewSnapshot(state)
	if err != nil {
		b.Fatal(err)
	}
	for name, words := range map[string][]string{"found": {"view", "many"}, "one": {"feature_4999_19"}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if len(s.Search(words, "")) == 0 {
					b.Fatal("nothing found")
				}
			}
		})
	}
	b.Run("nearest", func(b *testing.B) {
		for b.Loop() {
			s.Nearest([]string{"feture_4999_19"})
		}
	})
}

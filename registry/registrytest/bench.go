package registrytest

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Benchmark measures an empty store: loading 5,000 views of ten features, each kept
// online and read by a service, and asking for the head.
func Benchmark(b *testing.B, s registry.Store) {
	if _, err := s.Commit(b.Context(), 0, manyViews(b, 5000)); err != nil {
		b.Fatal(err)
	}
	b.Run("load 5000 views", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Load(b.Context(), 0); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("head", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.Head(b.Context()); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func manyViews(b *testing.B, n int) registry.Change {
	b.Helper()
	spec := func(v any) json.RawMessage {
		text, err := json.Marshal(v)
		if err != nil {
			b.Fatal(err)
		}
		return text
	}
	var c registry.Change
	for i := range n {
		v := feature.ViewVersion{
			Meta: feature.Meta{Name: fmt.Sprintf("view_%d", i), Description: "what happened lately at an airport", Owner: "ops@example.com"}, Version: 1,
			Keys: []feature.JoinKey{{Name: "airport", Type: feature.Scalar(feature.String)}}, KeyColumns: []string{"origin"},
			Table: feature.Table{Source: "departures", Parquet: []string{"flights/*.parquet"}, Event: "date"}, Online: true,
		}
		service := registry.ServiceVersion{
			Meta: feature.Meta{Name: fmt.Sprintf("service_%d", i)}, Version: 1,
			Uses: []registry.ServiceUse{{View: v.Name, Version: 1, Alias: v.Name, Keys: []string{"airport"}}},
		}
		storage := feature.Storage{View: v.Name, Version: 1, Keys: v.Keys}
		for f := range 10 {
			name := fmt.Sprintf("feature_%d", f)
			v.Table.Columns = append(v.Table.Columns, feature.TableColumn{Name: name, Column: name, Type: feature.Scalar(feature.Float64)})
			v.Features = append(v.Features, feature.Field{Name: name, Type: feature.Scalar(feature.Float64), Column: name})
			storage.Features = append(storage.Features, v.Features[f])
			service.Outputs = append(service.Outputs, registry.ServiceOutput{Feature: name, Name: v.Name + "__" + name})
		}
		c.Objects = append(c.Objects,
			registry.Object{Kind: registry.KindView, Name: v.Name, Version: 1, Spec: spec(v)},
			registry.Object{Kind: registry.KindService, Name: service.Name, Version: 1, Spec: spec(service)})
		c.Pointers = append(c.Pointers,
			registry.Pointer{Kind: registry.KindView, Name: v.Name, Current: 1, Defined: 1},
			registry.Pointer{Kind: registry.KindService, Name: service.Name, Current: 1, Defined: 1})
		c.Storages = append(c.Storages, storage)
	}
	return c
}

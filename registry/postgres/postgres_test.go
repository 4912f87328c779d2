package postgres_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/postgres"
	"github.com/quiver-features/quiver/registry/registrytest"
)

func open(t testing.TB, options postgres.Options) *postgres.Store {
	t.Helper()
	s, err := postgres.Open(t.Context(), options)
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

func TestConformance(t *testing.T) {
	server := testenv.Postgres(t, testenv.PostgresSettings("max_connections=100"))
	var made atomic.Int32
	registrytest.Run(t, func(t *testing.T) func() registry.Store {
		url := fmt.Sprintf("%s&schema=part_%d", server.URL(), made.Add(1))
		return func() registry.Store { return open(t, postgres.Options{URL: url, Project: "flights"}) }
	})
}

func BenchmarkStore(b *testing.B) {
	registrytest.Benchmark(b, open(b, postgres.Options{URL: testenv.Postgres(b).URL()}))
}

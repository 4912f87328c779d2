package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/registrytest"
	"github.com/quiver-features/quiver/registry/sqlite"
)

func open(t testing.TB, path string, options sqlite.Options) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), path, options)
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
	registrytest.Run(t, func(t *testing.T) func() registry.Store {
		path := filepath.Join(t.TempDir(), "folder", "registry.db")
		return func() registry.Store { return open(t, path, sqlite.Options{Project: "flights"}) }
	})
}

func BenchmarkStore(b *testing.B) {
	registrytest.Benchmark(b, open(b, filepath.Join(b.TempDir(), "registry.db"), sqlite.Options{}))
}

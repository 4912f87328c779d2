package sqlite_test

import (
	"path/filepath"
	"strconv"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
)

// BenchmarkLoad writes 200,000 keys of ten float64: into an empty file, again with the
// same rows, and with later ones. Run it with -benchtime 1x.
func BenchmarkLoad(b *testing.B) {
	store, err := opener(filepath.Join(b.TempDir(), "online.db"))(b.Context(), onlinetest.Registry, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	load := onlinetest.NewLoad(1, 0)
	sink := online.NewSink(store)
	for i, round := range []string{"first", "same", "later"} {
		b.Run(round, func(b *testing.B) {
			for range b.N {
				load.Measure(b, 200_000, feature.Time(i/2), func(batch *feature.Batch) error {
					_, err := sink.Write(b.Context(), load.Storage, load.View, batch, feature.Origin{})
					return err
				})
			}
		})
	}
}

func BenchmarkGet(b *testing.B) {
	store, err := opener(filepath.Join(b.TempDir(), "online.db"))(b.Context(), onlinetest.Registry, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	load := onlinetest.NewLoad(1, 0)
	batch := load.Batches(500, 500, 1)[0]
	if _, err := online.NewSink(store).Write(b.Context(), load.Storage, load.View, batch, feature.Origin{Now: 1}); err != nil {
		b.Fatal(err)
	}
	layout, err := online.NewLayout(load.Storage)
	if err != nil {
		b.Fatal(err)
	}
	keys := make([][]byte, 500)
	for i := range keys {
		keys[i] = layout.AppendKey(nil, batch.Keys, i)
	}
	for _, n := range []int{1, 5, 500} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := store.Get(b.Context(), keys[:n]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

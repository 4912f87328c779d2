package parquet_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/offline/parquet"
)

// TestTheSameBytesComeOutHoweverTheRowsStand writes random cases in random ways,
// each time in other files, and trains with other budgets and workers: the
// training set is the oracle's, and the file it is written to the same to the
// last byte.
func TestTheSameBytesComeOutHoweverTheRowsStand(t *testing.T) {
	for seed := range uint64(9) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			generate := []func(seed uint64, rows int) *offlinetest.Case{
				offlinetest.GenerateMany, offlinetest.GenerateManyWindows, offlinetest.GenerateManyExpressions,
			}
			c := generate[seed%3](seed, 120)
			want, err := offlinetest.Oracle{}.Join(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			var first []byte
			r := rand.New(rand.NewPCG(seed, 9))
			for n, memory := range []int64{0, 1, 64 << 10, 1 << 20, 4096, 0} {
				dir := t.TempDir()
				engine := native(t, offline.Options{Workers: 1 + r.IntN(8), Memory: memory})
				out := filepath.Join(dir, "out.parquet")
				engine.Also = func(schema *arrow.Schema) (offline.Output, error) {
					return parquet.Create(out, schema, parquet.Options{})
				}
				shuffled := c
				if n > 0 {
					shuffled = offlinetest.Shuffled(c, r.Uint64())
				}
				got, err := engine.Join(t.Context(), shuffled)
				if err != nil {
					t.Fatal(err)
				}
				if d := offlinetest.Diff(c, got, want); d != "" {
					t.Fatalf("memory %d, workers %d, arrangement %d:\n%s", memory, engine.Options.Workers, n, d)
				}
				b := mustRead(t, out)
				if n == 0 {
					first = b
				}
				if !bytes.Equal(b, first) {
					t.Errorf("memory %d, workers %d, arrangement %d: other bytes than at first", memory, engine.Options.Workers, n)
				}
			}
		})
	}
}

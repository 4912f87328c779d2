package aggregate_test

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature/aggregate"
)

func newTopK() *aggregate.TopK { return new(aggregate.TopK) }

// countAll is an oracle: all values with their counts, most frequent first.
func countAll(values []int64) []aggregate.Count {
	counts := map[int64]int64{}
	for _, v := range values {
		counts[v]++
	}
	var all []int64
	for v := range counts {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b int64) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	var top []aggregate.Count
	for _, v := range all {
		top = append(top, aggregate.Count{Value: string(aggregate.AppendInt(nil, v)), N: counts[v]})
	}
	return top
}

func addInt(t *aggregate.TopK, v int64) { t.Add(aggregate.AppendInt(nil, v)) }

// skewed are n values of which few are frequent and many tie.
func skewed(seed uint64, n int) []int64 {
	r := newRand(seed)
	values := make([]int64, n)
	for i := range values {
		values[i] = int64(r.ExpFloat64()*float64(1+n/30)) - 3
	}
	return values
}

func TestTopKCountsExactlyUntilItIsSealed(t *testing.T) {
	for _, n := range []int{0, 1, 2, 50, 1000} {
		values := skewed(uint64(n), n)
		b := checkMultiset(t, newRand(1), newTopK, values, addInt)
		top := checkCode[aggregate.TopK](t, b, aggregate.ReadTopK)
		want := countAll(values)
		for _, k := range []int{0, 1, 5, 100, len(want) + 1} {
			if got := top.Top(k); !slices.Equal(got, want[:min(k, len(want))]) {
				t.Fatalf("the first %d of %d values are %v, want %v", k, n, got, want)
			}
		}
		top.Seal(32)
		if got := top.Top(1000); !slices.Equal(got, want[:min(32, len(want))]) {
			t.Fatalf("sealed: %v, want %v", got, want[:min(32, len(want))])
		}
		sealed := top.Append(nil)
		if most := aggregate.TopKMaxBytes(32, 9); len(sealed) > most {
			t.Errorf("%d bytes, more than the %d that are possible", len(sealed), most)
		}
		checkCode[aggregate.TopK](t, sealed, aggregate.ReadTopK)
	}
}

// A window is the sum of its sealed tiles, in any order, and a tile can be taken away.
func TestTopKOverTiles(t *testing.T) {
	const k = 5
	var tiles []*aggregate.TopK
	sum, cut := map[string]int64{}, int64(0)
	var all []int64
	for i := range uint64(12) {
		values := skewed(i, 3000)
		all = append(all, values...)
		tile := newTopK()
		for _, v := range values {
			addInt(tile, v)
		}
		tile.Seal(aggregate.SealSize(k))
		kept := tile.Top(1000)
		cut += kept[len(kept)-1].N
		for _, e := range countAll(values)[:aggregate.SealSize(k)] {
			sum[e.Value] += e.N
		}
		tiles = append(tiles, tile)
	}
	window := mergeTree(newRand(3), newTopK, tiles, (*aggregate.TopK).Merge)
	want := window.Append(nil)
	for _, e := range window.Top(1 << 20) {
		if sum[e.Value] != e.N {
			t.Fatalf("%x is counted %d times, want %d", e.Value, e.N, sum[e.Value])
		}
	}
	if len(window.Top(1<<20)) != len(sum) {
		t.Fatal("values are missing")
	}
	for range 5 {
		if got := mergeTree(newRand(4), newTopK, tiles, (*aggregate.TopK).Merge).Append(nil); !bytes.Equal(got, want) {
			t.Fatal("the order of tiles matters")
		}
	}
	counted := map[string]int64{}
	for _, e := range window.Top(1 << 20) {
		counted[e.Value] = e.N
	}
	for _, e := range countAll(all) {
		if n := counted[e.Value]; n > e.N || n < e.N-cut {
			t.Fatalf("%x is counted %d times, its true count is %d, the bound %d", e.Value, n, e.N, cut)
		}
	}
	less := mergeTree(newRand(5), newTopK, tiles[1:], (*aggregate.TopK).Merge)
	if !window.Unmerge(tiles[0]) || !bytes.Equal(window.Append(nil), less.Append(nil)) {
		t.Fatal("a tile that was taken away left a trace")
	}
	other := newTopK()
	addInt(other, math.MinInt64)
	if window.Unmerge(other) || !bytes.Equal(window.Append(nil), less.Append(nil)) {
		t.Fatal("what was never merged was taken away")
	}
	if !window.Unmerge(window) || len(window.Append(nil)) != 1 {
		t.Fatal("a state can't be taken from itself")
	}
}

func FuzzTopK(f *testing.F) {
	var seeds [][]byte
	for _, n := range []int{0, 1, 10, 100} {
		top := newTopK()
		for _, v := range skewed(1, n) {
			addInt(top, v)
		}
		seeds = append(seeds, top.Append(nil))
	}
	fuzzCode(f, seeds, aggregate.ReadTopK, func(t *aggregate.TopK) {
		t.Top(3)
		t.Add([]byte("x"))
		t.Seal(5)
	})
}

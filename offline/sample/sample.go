// Package sample takes some rows of a spine by chance that repeats: which rows, a
// hash of each row's number and a seed decides, and nothing else. Two spines of one
// length, two machines and two days give the same rows, in the spine's order.
package sample

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// Size is how many rows are taken: a share of all, or a number. The zero value
// takes all.
type Size struct {
	Share float64 // in (0, 1]; 0: Rows counts
	Rows  int64   // all, where there are fewer
}

// Parse reads a share (0.1, 10%) or a number of rows (5000). The error wraps
// feature.ErrInvalid.
func Parse(text string) (Size, error) {
	if rows, err := strconv.ParseInt(text, 10, 64); err == nil && rows > 0 {
		return Size{Rows: rows}, nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(digits), 64)
	if percent {
		share /= 100
	}
	if err != nil || !(share > 0 && share <= 1) || !percent && !strings.Contains(text, ".") {
		return Size{}, fmt.Errorf("%q is neither a share of the rows, as 0.1 or 10%%, nor a number of rows: %w", text, feature.ErrInvalid)
	}
	return Size{Share: share}, nil
}

// Rows tells of each of total rows, by its number from 0 on, whether it is taken.
func Rows(size Size, total int64, seed uint64) func(row int64) bool {
	key := mix(seed ^ 0x9e3779b97f4a7c15)
	hash := func(row int64) uint64 { return mix(uint64(row) ^ key) } // one-to-one: no two rows have the same
	most := uint64(math.MaxUint64)
	switch {
	case size.Share >= 1 || size.Share == 0 && (size.Rows == 0 || size.Rows >= total):
		return func(int64) bool { return true }
	case size.Share > 0:
		most = uint64(size.Share * (1 << 63) * 2)
	default:
		most = nth(hash, size.Rows, total)
	}
	return func(row int64) bool { return hash(row) <= most }
}

// mix is the finalizer of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// nth gives the n-th least hash of the rows.
func nth(hash func(int64) uint64, n, rows int64) uint64 {
	var least greatest
	for row := range rows {
		switch h := hash(row); {
		case int64(len(least)) < n:
			heap.Push(&least, h)
		case h < least[0]:
			least[0] = h
			heap.Fix(&least, 0)
		}
	}
	return least[0]
}

// greatest implements heap.Interface; the greatest is on top.
type greatest []uint64

func (g greatest) Len() int           { return len(g) }
func (g greatest) Less(a, b int) bool { return g[a] > g[b] }
func (g greatest) Swap(a, b int)      { g[a], g[b] = g[b], g[a] }

// Push implements heap.Interface.
func (g *greatest) Push(v any) { *g = append(*g, v.(uint64)) } //nolint:forcetypeassert,errcheck // by heap only

// Pop implements heap.Interface.
func (g *greatest) Pop() any {
	last := (*g)[len(*g)-1]
	*g = (*g)[:len(*g)-1]
	return last
}

// Of gives a spine of some of the rows of another, which it closes with itself.
func Of(spine offline.Spine, size Size, seed uint64) offline.Spine {
	return &sampled{spine, Rows(size, spine.Source().Rows, seed)}
}

type sampled struct {
	offline.Spine
	taken func(row int64) bool
}

// Rows counts the rows that are taken, as offline.Spine asks for.
func (s *sampled) Rows() int64 {
	n := int64(0)
	for row := range s.Source().Rows {
		if s.taken(row) {
			n++
		}
	}
	return n
}

// Scan implements offline.Spine.
func (s *sampled) Scan(ctx context.Context, columns []int, fn func(arrow.Record) error) error {
	row := int64(0)
	var positions []int
	return s.Spine.Scan(ctx, columns, func(r arrow.Record) error {
		positions = positions[:0]
		for i := range int(r.NumRows()) {
			if s.taken(row + int64(i)) {
				positions = append(positions, i)
			}
		}
		row += r.NumRows()
		switch int64(len(positions)) {
		case 0:
			return nil
		case r.NumRows():
			return fn(r)
		}
		taken, err := arrowconv.TakeRecord(r, positions)
		if err != nil {
			return err
		}
		defer taken.Release()
		return fn(taken)
	})
}

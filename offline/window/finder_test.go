package window

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// A finder finds what going through all times of a key finds, however these are spread.
func TestFinder(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 11))
	spread := []func() feature.Time{
		func() feature.Time { return feature.Time(r.Int64N(100_000)) },
		func() feature.Time { return feature.Time(r.Int64N(40)) },
		func() feature.Time { return feature.Time(r.Uint64()) },
		func() feature.Time { return feature.Time(1) << r.IntN(63) },
		func() feature.Time { // most of them close to each other, a few far away
			return []feature.Time{feature.MinTime, feature.MaxTime, feature.Time(r.Int64N(5000)), feature.Time(r.Int64N(5000))}[r.IntN(4)]
		},
	}
	var times []feature.Time
	starts := []uint32{0}
	for range 200 {
		next, own := spread[r.IntN(len(spread))], []feature.Time(nil)
		for range r.IntN(6 * manyTimes) {
			own = append(own, next())
		}
		slices.Sort(own)
		times = append(times, slices.Compact(own)...)
		starts = append(starts, uint32(len(times)))
	}
	f := newFinder(starts, times)
	if f.marks == nil {
		t.Fatal("no key has many times")
	}
	for key := range len(starts) - 1 {
		lo, hi := starts[key], starts[key+1]
		asked := []feature.Time{feature.MinTime, feature.MaxTime, 0}
		for _, at := range times[lo:hi] {
			asked = append(asked, at, at.Add(1), at.Add(-1))
		}
		for _, at := range asked {
			want := lo
			for want < hi && times[want] < at {
				want++
			}
			if got := f.first(uint32(key), at); got != want {
				t.Fatalf("key %d, time %d: got %d, want %d of %v", key, at, got, want, times[lo:hi])
			}
		}
	}
}

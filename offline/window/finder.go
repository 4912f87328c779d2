package window

import (
	"math/bits"

	"github.com/quiver-features/quiver/feature"
)

// finder finds times among those of a key: the times of key k, ascending, are times[starts[k]:starts[k+1]].
type finder struct {
	starts  []uint32
	times   []feature.Time
	marks   []marks  // of each key; nil: no key has many times
	buckets []uint32 // of all keys
}

// marks divide a key's many times into buckets of equal length, about as many as half of the times.
type marks struct {
	first feature.Time
	shift uint8  // a bucket is 2^shift long
	from  uint32 // in buckets: the number of the first time of each bucket, and of none behind the last
}

// fewTimes are all looked at, as none of these looks waits for another one.
const fewTimes = 12

// manyTimes are more than are searched at once.
const manyTimes = 32

func newFinder(starts []uint32, times []feature.Time) finder {
	f := finder{starts: starts, times: times}
	for k := range len(starts) - 1 {
		lo, hi := starts[k], starts[k+1]
		if hi-lo <= manyTimes {
			continue
		}
		if f.marks == nil {
			f.marks = make([]marks, len(starts)-1)
		}
		span := uint64(times[hi-1] - times[lo])
		m := marks{times[lo], uint8(max(bits.Len64(span)-bits.Len32((hi-lo)/2), 0)), uint32(len(f.buckets))}
		f.marks[k] = m
		at := lo
		for bucket := range span>>m.shift + 1 {
			for m.of(times[at]) < bucket {
				at++
			}
			f.buckets = append(f.buckets, at)
		}
		f.buckets = append(f.buckets, hi)
	}
	return f
}

// of gives the bucket of a time, which is no earlier than the first.
func (m *marks) of(t feature.Time) uint64 { return uint64(t-m.first) >> m.shift }

// first gives the number of a key's first time that is no earlier than t, or that of the next key's first.
func (f *finder) first(key uint32, t feature.Time) uint32 {
	lo, hi := f.starts[key], f.starts[key+1]
	if hi-lo > manyTimes {
		m := &f.marks[key]
		switch {
		case t <= m.first:
			return lo
		case t > f.times[hi-1]:
			return hi
		}
		bucket := uint64(m.from) + m.of(t)
		lo, hi = f.buckets[bucket], f.buckets[bucket+1]
	}
	return lo + uint32(first(f.times[lo:hi], t))
}

func (f *finder) bytes() int64 { return 16*int64(len(f.marks)) + 4*int64(len(f.buckets)) }

// first gives the number of times before from. It halves without a branch that depends on them: where events come in no
// order, every other guess would be wrong.
func first(times []feature.Time, from feature.Time) int {
	at, n := 0, len(times)
	if n <= fewTimes {
		for _, t := range times {
			if t < from {
				at++
			}
		}
		return at
	}
	for n > 0 {
		half := (n + 1) / 2
		next := at + half
		if times[next-1] < from {
			at = next
		}
		n -= half
	}
	return at
}

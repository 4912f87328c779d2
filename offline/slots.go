package offline

import (
	"cmp"
	"hash/maphash"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// noSlot stands for a spine row that a group leaves out: its time or one of its
// keys is null. Before the slots are made it stands for such a row's key.
const noSlot = ^uint32(0)

// slots are the requests of a spine under one set of key columns: the distinct
// (key, time) pairs, ordered by key number and then time. A view's rows are offered
// to the slots, and every spine row takes what its slot has.
type slots struct {
	keys   *keyTable
	seed   maphash.Seed   // of the batches that keys are looked up by
	starts []uint32       // slots of key k are starts[k] to starts[k+1]
	times  []feature.Time // of each slot, growing within a key
	ofRow  []uint32       // of each spine row, or noSlot
	least  feature.Time   // of all slots; least > greatest: there are none
	most   feature.Time
}

// request is a spine row's time while slots are made.
type request struct {
	time feature.Time
	row  uint32
}

// newSlots makes the slots of rows whose key numbers (or noSlot) and times are
// given. It takes rowKeys over.
func newSlots(keys *keyTable, rowKeys []uint32, times []feature.Time) *slots {
	s := &slots{keys: keys, ofRow: rowKeys, least: feature.MaxTime, most: feature.MinTime}
	ends := make([]uint32, keys.n+1)
	for _, k := range rowKeys {
		if k != noSlot {
			ends[k+1]++
		}
	}
	for k := range keys.n {
		ends[k+1] += ends[k]
	}
	requests := make([]request, ends[keys.n])
	starts := slices.Clone(ends)
	for row, k := range rowKeys {
		if k != noSlot {
			requests[starts[k]] = request{times[row], uint32(row)}
			starts[k]++
		}
	}
	s.starts = starts // written anew: distinct times may be fewer than rows
	s.starts[0] = 0
	s.times = make([]feature.Time, 0, len(requests))
	for k := range keys.n {
		s.addKey(requests[ends[k]:ends[k+1]])
		s.starts[k+1] = uint32(len(s.times))
	}
	return s
}

func (s *slots) addKey(requests []request) {
	byTime := func(a, b request) int { return cmp.Compare(a.time, b.time) }
	if !slices.IsSortedFunc(requests, byTime) {
		slices.SortFunc(requests, byTime)
	}
	for i, r := range requests {
		if i == 0 || r.time != requests[i-1].time {
			s.times = append(s.times, r.time)
		}
		s.ofRow[r.row] = uint32(len(s.times) - 1)
	}
	if len(requests) > 0 {
		s.least = min(s.least, requests[0].time)
		s.most = max(s.most, requests[len(requests)-1].time)
	}
}

// first gives the first slot of a key with time >= from, or noSlot.
func (s *slots) first(key uint32, from feature.Time) uint32 {
	lo, hi := s.starts[key], s.starts[key+1]
	end := hi
	for hi-lo > 8 {
		mid := lo + (hi-lo)/2
		if s.times[mid] < from {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for lo < hi && s.times[lo] < from {
		lo++
	}
	if lo == end {
		return noSlot
	}
	return lo
}

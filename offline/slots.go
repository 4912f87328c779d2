package offline

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// noSlot stands for a spine row that a group leaves out: its time or one of its
// keys is null.
const noSlot = ^uint32(0)

// slots are the requests of a spine under one set of key columns: the distinct
// (key, time) pairs, ordered by partition, key number and then time. A view's rows
// are offered to the slots, and every spine row takes what its slot has.
type slots struct {
	seed  maphash.Seed // of the batches that keys are looked up by
	parts []slotPart
	n     int
	ofRow []uint32     // of each spine row, or noSlot
	least feature.Time // of all slots; least > most: there are none
	most  feature.Time
}

// slotPart is the slots of the keys of one partition. Within it they are numbered
// from 0.
type slotPart struct {
	keys   *keyTable
	base   uint32         // the number of its first slot among all
	starts []uint32       // slots of key k are starts[k] to starts[k+1]
	times  []feature.Time // of each slot, growing within a key
}

// request is a spine row's time while slots are made.
type request struct {
	time feature.Time
	at   uint32 // among its partition's
}

// newSlots makes the slots of a spine's rows, which come by partition, each in any number
// of batches; rows that are in none have no slot.
func newSlots(ctx context.Context, batches [][]batch, seed maphash.Seed, exact bool, rows, workers int) (*slots, error) {
	s := &slots{seed: seed, parts: make([]slotPart, len(batches)), ofRow: make([]uint32, rows), least: feature.MaxTime, most: feature.MinTime}
	for i := range s.ofRow {
		s.ofRow[i] = noSlot
	}
	ofOffer := make([][]uint32, len(batches))
	err := each(ctx, len(batches), workers, func(_ context.Context, i int) error {
		ofOffer[i] = s.parts[i].fill(batches[i], exact)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range s.parts {
		s.parts[i].base = uint32(s.n)
		s.n += len(s.parts[i].times)
		for _, b := range batches[i] {
			for _, o := range b.offers {
				s.least, s.most = min(s.least, o.time), max(s.most, o.time)
			}
		}
	}
	err = each(ctx, len(batches), workers, func(_ context.Context, i int) error {
		slots := ofOffer[i]
		for _, b := range batches[i] {
			for n, o := range b.offers {
				s.ofRow[o.row] = s.parts[i].base + slots[n]
			}
			slots = slots[len(b.offers):]
		}
		batches[i] = nil
		return nil
	})
	return s, err
}

// fill makes the slots of a partition, and gives the slot of each offer.
func (p *slotPart) fill(batches []batch, exact bool) []uint32 {
	p.keys = newKeyTable(exact)
	offers := 0
	for n := range batches {
		offers += len(batches[n].offers)
	}
	keys := make([]uint32, 0, offers)
	for n := range batches {
		b := &batches[n]
		for i := range b.offers {
			keys = append(keys, p.keys.put(b.offers[i].word, b.key(i)))
		}
	}
	ends := make([]uint32, p.keys.n+1)
	for _, k := range keys {
		ends[k+1]++
	}
	for k := range p.keys.n {
		ends[k+1] += ends[k]
	}
	requests := make([]request, len(keys))
	starts := slices.Clone(ends)
	at := uint32(0)
	for n := range batches {
		for _, o := range batches[n].offers {
			k := keys[at]
			requests[starts[k]] = request{o.time, at}
			starts[k]++
			at++
		}
	}
	p.starts = starts // written anew: distinct times may be fewer than rows
	p.starts[0] = 0
	p.times = make([]feature.Time, 0, len(requests))
	ofOffer := keys // each is written when its key was read
	for k := range p.keys.n {
		p.addKey(requests[ends[k]:ends[k+1]], ofOffer)
		p.starts[k+1] = uint32(len(p.times))
	}
	return ofOffer
}

func (p *slotPart) addKey(requests []request, ofOffer []uint32) {
	byTime := func(a, b request) int { return cmp.Compare(a.time, b.time) }
	if !slices.IsSortedFunc(requests, byTime) {
		slices.SortFunc(requests, byTime)
	}
	for i, r := range requests {
		if i == 0 || r.time != requests[i-1].time {
			p.times = append(p.times, r.time)
		}
		ofOffer[r.at] = uint32(len(p.times) - 1)
	}
}

// few slots of a key are searched one after the other.
const few = 8

// near gives, for each key, the slot that was found last, where keys have so many slots
// that looking there first helps; else nil.
func (p *slotPart) near() []uint32 {
	if len(p.times) <= few*p.keys.n {
		return nil
	}
	return slices.Clone(p.starts[:p.keys.n])
}

// first gives the first slot of a key with time >= from, or noSlot. Rows often come in
// the order of their times: near, of slotPart.near or nil, has the search begin where
// the one before it ended.
func (p *slotPart) first(key uint32, from feature.Time, near []uint32) uint32 {
	lo, hi := p.starts[key], p.starts[key+1]
	end := hi
	if near != nil && hi-lo > few {
		lo, hi = p.around(lo, hi, near[key], from)
	}
	for hi-lo > few {
		mid := lo + (hi-lo)/2
		if p.times[mid] < from {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	for lo < hi && p.times[lo] < from {
		lo++
	}
	if near != nil {
		near[key] = min(lo, end-1)
	}
	if lo == end {
		return noSlot
	}
	return lo
}

// around narrows the slots lo to hi to a range that still has the first one with time >=
// from, or its end at hi: in steps from a slot on, each twice as long as the one before.
func (p *slotPart) around(lo, hi, at uint32, from feature.Time) (uint32, uint32) {
	step := uint32(1)
	if p.times[at] < from {
		for lo = at + 1; hi-lo > step && p.times[lo+step-1] < from; step *= 2 {
			lo += step
		}
		return lo, min(lo+step, hi)
	}
	for hi = at; hi-lo > step && p.times[hi-step] >= from; step *= 2 {
		hi -= step
	}
	return hi - min(step, hi-lo), hi
}

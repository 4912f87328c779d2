package offline

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/quiver-features/quiver/feature"
)

// arena is a set of places that several workers offer rows to. Places are spread
// over stripes, each with its board and lock, by the partition of their key; a
// worker collects what it offers to a stripe and takes the lock once for many rows.
// So boards do not grow with the workers, a lock is rarely waited for, and what is
// looked up stands in a core's own cache.
type arena struct {
	stripes []stripe
	live    atomic.Int64 // rows in full tie that are remembered
}

type stripe struct {
	mu sync.Mutex
	board
	_ [64]byte // neighbours are locked by other workers
}

func newArena(stripes int) *arena { return &arena{stripes: make([]stripe, stripes)} }

func (a *arena) boards() []*board {
	out := make([]*board, len(a.stripes))
	for i := range a.stripes {
		out[i] = &a.stripes[i].board
	}
	return out
}

// lockAll gives a caller all boards for itself, until unlockAll.
func (a *arena) lockAll() {
	for i := range a.stripes {
		a.stripes[i].mu.Lock()
	}
}

func (a *arena) unlockAll() {
	for i := range a.stripes {
		a.stripes[i].mu.Unlock()
	}
}

// tiesAtOnce bounds the rows in full tie that are remembered. When there are more
// they are settled there and then.
const (
	tiesAtOnce  = 1 << 22
	bytesPerTie = 32 // as a tie, and as a contender while it is settled
)

// settleIfMany settles all ties of an arena when too many rows are remembered.
func (t *table) settleIfMany(ctx context.Context, a *arena, limit int64, workers int) error {
	if a.live.Load() <= limit {
		return nil
	}
	a.lockAll()
	defer a.unlockAll()
	if a.live.Load() <= limit {
		return nil // another worker was first
	}
	if err := t.settle(ctx, a.boards(), func(int, uint32) bool { return true }, workers); err != nil {
		return err
	}
	a.live.Store(0)
	return nil
}

// asof is one use of a view while its rows are offered to the slots. A stripe is a
// partition of the slots.
type asof struct {
	use   *feature.Use
	order []int // of the use's keys in its group
	slots *slots
	near  [][]uint32 // per partition, as slotPart.near, under its stripe's lock
	*arena
}

func newAsof(use *feature.Use, order []int, s *slots) *asof {
	a := &asof{use: use, order: order, slots: s, near: make([][]uint32, len(s.parts)), arena: newArena(len(s.parts))}
	for i := range s.parts {
		a.stripes[i].extend(len(s.parts[i].times), use.View.Rule)
		a.near[i] = s.parts[i].near()
	}
	return a
}

// take offers the rows of a batch to the slots that they are first visible at. A
// row that has outlived the TTL there has outlived it at every later slot and is
// left out.
func (a *asof) take(partition int, b *batch) {
	s, p, rule := &a.stripes[partition], &a.slots.parts[partition], a.use.View.Rule
	s.mu.Lock()
	defer s.mu.Unlock()
	before, plain := s.live, s.more == nil
	for i := range b.offers {
		o := &b.offers[i]
		key := p.keys.find(o.word, b.key(i))
		if key == 0 {
			continue
		}
		slot := p.first(key-1, b.visibleFrom(i), a.near[partition])
		switch {
		case slot == noSlot || rule.TTL != 0 && !rule.Fresh(p.times[slot], o.time):
		case plain:
			s.offerEvent(slot, o.time, o.row+1)
		default:
			s.offer(slot, b.stamp(i), o.row+1)
		}
	}
	if s.live != before {
		a.live.Add(int64(s.live - before))
	}
}

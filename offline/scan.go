package offline

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/quiver-features/quiver/feature"
)

// arena is a set of places that several workers offer rows to. Places are spread
// over stripes, each with its board and lock; a worker collects what it offers
// from a chunk, puts it in order of stripes and takes each lock once. So memory
// does not grow with the workers, and a lock is rarely waited for.
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

// stripesFor gives the number of stripes for a number of workers, a power of two.
func stripesFor(workers int) int {
	if workers == 1 {
		return 1
	}
	return 64
}

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

// sorter puts offers in order of stripes.
type sorter struct {
	counts []uint32
	order  []uint32
}

// byStripe gives the numbers of offers in the order of their stripes, and for each
// stripe where its offers end.
func (s *sorter) byStripe(stripes int, n int, stripe func(i int) uint32) (order, ends []uint32) {
	if cap(s.counts) < stripes+1 {
		s.counts = make([]uint32, stripes+1)
	}
	if cap(s.order) < n {
		s.order = make([]uint32, n)
	}
	counts := s.counts[:stripes+1]
	clear(counts)
	for i := range n {
		counts[stripe(i)+1]++
	}
	for k := range stripes {
		counts[k+1] += counts[k]
	}
	for i := range n {
		k := stripe(i)
		s.order[counts[k]] = uint32(i)
		counts[k]++
	}
	return s.order[:n], counts[:stripes]
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

// asof is one use of a view while its rows are offered to the slots.
type asof struct {
	use   *feature.Use
	order []int // of the use's keys in its group
	slots *slots
	*arena
	shift uint // stripe of slot s is s >> shift
}

func newAsof(use *feature.Use, order []int, s *slots, stripes int) *asof {
	a := &asof{use: use, order: order, slots: s, arena: newArena(stripes)}
	for len(s.times)>>a.shift >= stripes {
		a.shift++
	}
	for k := range a.stripes {
		from := min(k<<a.shift, len(s.times))
		to := min((k+1)<<a.shift, len(s.times))
		a.stripes[k].extend(to-from, use.View.Rule)
	}
	return a
}

func (a *asof) best(slot uint32) *best {
	return &a.stripes[slot>>a.shift].best[slot&(1<<a.shift-1)]
}

func (a *asof) board(slot uint32) (*board, uint32) {
	return &a.stripes[slot>>a.shift].board, slot & (1<<a.shift - 1)
}

// asofWorker is the buffers of one worker for one use.
type asofWorker struct {
	keys  []*feature.Column
	batch keyBatch
	ids   []uint32
	at    []uint32 // slots of the offers
	rows  []int32  // rows of the offers, in the chunk
	sorter
}

func (a *asof) worker() *asofWorker {
	return &asofWorker{keys: make([]*feature.Column, len(a.order)), batch: keyBatch{seed: a.slots.seed}}
}

// offer offers the selected rows of a chunk to the slots that they are first
// visible at. A row that has outlived the TTL there has outlived it at every later
// slot and is left out.
func (a *asof) offer(w *asofWorker, base int64, c *chunk, selected []int32, visible []feature.Time) {
	for to, from := range a.order {
		w.keys[to] = c.keys[from]
	}
	w.batch.load(w.keys, c.rows)
	if cap(w.ids) < len(selected) {
		w.ids = make([]uint32, len(selected))
	}
	ids := w.ids[:len(selected)]
	a.slots.keys.find(&w.batch, selected, ids)
	w.at, w.rows = w.at[:0], w.rows[:0]
	rule := a.use.View.Rule
	for n, id := range ids {
		if id == 0 {
			continue
		}
		slot := a.slots.first(id-1, visible[n])
		if slot == noSlot {
			continue
		}
		row := selected[n]
		if rule.TTL != 0 && !rule.Fresh(a.slots.times[slot], feature.Time(c.event.Int64s[row])) {
			continue
		}
		w.at = append(w.at, slot)
		w.rows = append(w.rows, row)
	}
	a.apply(w, base, c)
}

// apply hands a worker's offers to the boards.
func (a *asof) apply(w *asofWorker, base int64, c *chunk) {
	order, ends := w.byStripe(len(a.stripes), len(w.at), func(i int) uint32 { return w.at[i] >> a.shift })
	plain := c.created == nil && c.available == nil
	mask := uint32(1)<<a.shift - 1
	from := uint32(0)
	for k, to := range ends {
		if from == to {
			continue
		}
		s := &a.stripes[k]
		s.mu.Lock()
		before := s.live
		for _, n := range order[from:to] {
			row := w.rows[n]
			if plain {
				s.offerEvent(w.at[n]&mask, feature.Time(c.event.Int64s[row]), base+int64(row)+1)
			} else {
				s.offer(w.at[n]&mask, c.stamp(row), base+int64(row)+1)
			}
		}
		if s.live != before {
			a.live.Add(int64(s.live - before))
		}
		s.mu.Unlock()
		from = to
	}
}

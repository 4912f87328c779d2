package offline

import (
	"context"

	"github.com/quiver-features/quiver/feature"
)

// joined is what one use of a view gives to the spine: per slot the number of its
// winner, and the winners' values.
type joined struct {
	slots   *slots
	winner  []uint32                // per slot, or none
	marks   []uint8                 // per slot
	columns map[int]*feature.Column // by the feature's index in the view
	bySlot  map[int]*feature.Column // likewise, of aggregates and expressions: they have a value for each slot
	failed  map[int][]bool          // likewise, the values that could not be computed; nil: none
	event   *feature.Column         // per slot, the winner's event; nil: nothing reads it
}

func newJoined(s *slots) *joined {
	return &joined{slots: s, columns: map[int]*feature.Column{}, bySlot: map[int]*feature.Column{}, failed: map[int][]bool{}}
}

// Marks of slots, for the counts.
const (
	markTie          = 1 << iota // the winner was settled by value
	markSameTime                 // the winner's event is at the slot's time
	markCreatedAfter             // the winner was created after the slot's time
	markWindow                   // a window has a value
)

// resolve finds the winner of every slot: the latest of the rows offered to it
// and to earlier slots of its key, if that is within the TTL. (If it is not, no
// other is: every other row is as old or older.)
// With events it notes when each winner's was.
func (a *asof) resolve(ctx context.Context, t *table, events bool, workers int) (*joined, *winners, error) {
	j := newJoined(a.slots)
	j.winner, j.marks = make([]uint32, a.slots.n), make([]uint8, a.slots.n)
	if events {
		j.event = nulls(feature.Scalar(feature.Timestamp), a.slots.n)
	}
	used := make([][]bool, len(a.stripes)) // per slot, whether it was offered a winner
	err := each(ctx, len(a.stripes), workers, func(_ context.Context, i int) error {
		used[i] = a.latest(i, a.part(j, i))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	if err := t.settle(ctx, a.boards(), func(board int, place uint32) bool { return used[board][place] }, workers); err != nil {
		return nil, nil, err
	}
	positions, firsts := a.positions(used)
	w, numbers, err := t.order(ctx, positions, workers)
	if err != nil {
		return nil, nil, err
	}
	err = each(ctx, len(a.stripes), workers, func(_ context.Context, i int) error {
		a.number(i, j, used[i], numbers[firsts[i]:])
		return nil
	})
	return j, w, err
}

// positions gives those of the winners, stripe by stripe, and of each stripe where its own
// begin.
func (a *asof) positions(used [][]bool) (positions []int64, firsts []int) {
	n := 0
	firsts = make([]int, len(used))
	for i, slots := range used {
		firsts[i] = n
		for _, yes := range slots {
			if yes {
				n++
			}
		}
	}
	positions = make([]int64, 0, n)
	for i, slots := range used {
		for slot, yes := range slots {
			if yes {
				positions = append(positions, a.stripes[i].best[slot].row-1)
			}
		}
	}
	return positions, firsts
}

// part gives the winners of a stripe's slots.
func (a *asof) part(j *joined, stripe int) []uint32 {
	p := &a.slots.parts[stripe]
	return j.winner[p.base:][:len(p.times)]
}

// latest writes, for every slot of a stripe, the slot that its winner was offered
// to, and gives those slots.
func (a *asof) latest(stripe int, origin []uint32) (used []bool) {
	s, p, rule := &a.stripes[stripe], &a.slots.parts[stripe], a.use.View.Rule
	used = make([]bool, len(origin))
	for key := range p.keys.n {
		latest := none
		for slot := p.starts[key]; slot < p.starts[key+1]; slot++ {
			if s.best[slot].row != 0 && (latest == none || s.later(slot, latest)) {
				latest = slot
			}
			origin[slot] = none
			if latest != none && rule.Fresh(p.times[slot], s.best[latest].event) {
				origin[slot] = latest
				used[latest] = true
			}
		}
	}
	return used
}

// later tells whether the row offered to place p is later than the one offered to
// place o, of the same key. They are never in full tie: rows with equal stamps are
// visible from the same time and go to the same slot.
func (b *board) later(p, o uint32) bool {
	if x, y := b.best[p].event, b.best[o].event; x != y {
		return x > y
	}
	return b.stamp(p).Compare(b.stamp(o)) > 0
}

// number replaces the slots that a stripe's winners were offered to by the winners'
// numbers, and marks the slots.
func (a *asof) number(stripe int, j *joined, used []bool, numbers []uint32) {
	s, p := &a.stripes[stripe], &a.slots.parts[stripe]
	numberOf := make([]uint32, len(used))
	n := 0
	for slot, yes := range used {
		if yes {
			numberOf[slot] = numbers[n]
			n++
		}
	}
	winner, marks := a.part(j, stripe), j.marks[p.base:]
	for slot, from := range winner {
		if from == none {
			continue
		}
		if s.wasSettled(from) {
			marks[slot] |= markTie
		}
		if s.best[from].event == p.times[slot] {
			marks[slot] |= markSameTime
		}
		if j.event != nil {
			at := int(p.base) + slot
			j.event.Valid[at], j.event.Int64s[at] = true, int64(s.best[from].event)
		}
		if s.createdAfter(from, p.times[slot]) {
			marks[slot] |= markCreatedAfter
		}
		winner[slot] = numberOf[from]
	}
}

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
}

// Marks of slots, for the counts.
const (
	markTie      = 1 << iota // the winner was settled by value
	markSameTime             // the winner's event is at the slot's time
)

// resolve finds the winner of every slot: the latest of the rows offered to it
// and to earlier slots of its key, if that is within the TTL. (If it is not, no
// other is: every other row is as old or older.)
func (a *asof) resolve(ctx context.Context, t *table, workers int) (*joined, *winners, error) {
	rule := a.use.View.Rule
	n := len(a.slots.times)
	origin := make([]uint32, n) // per slot, the slot that its winner was offered to
	used := make([]bool, n)
	for key := range a.slots.keys.n {
		latest := none
		for slot := a.slots.starts[key]; slot < a.slots.starts[key+1]; slot++ {
			if a.best(slot).row != 0 && (latest == none || a.later(slot, latest)) {
				latest = slot
			}
			origin[slot] = none
			if latest != none && rule.Fresh(a.slots.times[slot], a.best(latest).event) {
				origin[slot] = latest
				used[latest] = true
			}
		}
	}
	err := t.settle(ctx, a.boards(), func(board int, place uint32) bool { return used[uint32(board)<<a.shift|place] }, workers)
	if err != nil {
		return nil, nil, err
	}
	j := &joined{slots: a.slots, winner: origin, marks: make([]uint8, n)}
	var positions []int64
	for slot, yes := range used {
		if yes {
			positions = append(positions, a.best(uint32(slot)).row-1)
		}
	}
	w, numbers := t.order(positions)
	a.number(j, used, numbers)
	return j, w, nil
}

// later tells whether the row offered to slot s is later than the one offered to
// slot o of the same key. They are never in full tie: rows with equal stamps are
// visible from the same time and go to the same slot.
func (a *asof) later(s, o uint32) bool {
	x, y := a.best(s), a.best(o)
	if x.event != y.event {
		return x.event > y.event
	}
	bx, px := a.board(s)
	by, py := a.board(o)
	return bx.stamp(px).Compare(by.stamp(py)) > 0
}

// number replaces the slots that winners were offered to by the winners' numbers,
// and marks the slots.
func (a *asof) number(j *joined, used []bool, numbers []uint32) {
	numberOf := make([]uint32, len(used))
	n := 0
	for slot, yes := range used {
		if yes {
			numberOf[slot] = numbers[n]
			n++
		}
	}
	for slot, from := range j.winner {
		if from == none {
			continue
		}
		if b, place := a.board(from); b.wasSettled(place) {
			j.marks[slot] |= markTie
		}
		if a.best(from).event == a.slots.times[slot] {
			j.marks[slot] |= markSameTime
		}
		j.winner[slot] = numberOf[from]
	}
}

package offline

import (
	"github.com/quiver-features/quiver/feature"
)

// board keeps, for each of a number of places (slots, or keys), the latest row
// that was offered there, and the rows in full tie with it. What it holds depends
// on the rows offered and not on their order, but for which of the rows in full
// tie stands first: that is for settle to say. A board is used by one goroutine at
// a time.
type board struct {
	best []best
	more []moreStamp // nil: stamps have event times only

	heads []uint32 // per place, 1 + the index in ties of the first row in tie; nil: none yet
	ties  []tie
	free  uint32 // 1 + the index of the first tie that is not in use
	live  int    // ties in use
	// settled tells per place that its rows in full tie differed in value; nil: none
	// yet.
	settled []bool
}

// best is the latest row of a place, by its position among all rows of the view's
// files.
type best struct {
	event feature.Time
	row   int64 // 1 + position; 0: none
}

// moreStamp is the part of a stamp behind the event time.
type moreStamp struct {
	created    feature.Time
	available  feature.Time
	hasCreated bool
}

type tie struct {
	row  int64
	next uint32
}

// extend makes room for places up to n.
func (b *board) extend(n int, rule feature.Rule) {
	b.best = append(b.best, make([]best, n-len(b.best))...)
	if rule.Created || rule.Available {
		b.more = append(b.more, make([]moreStamp, n-len(b.more))...)
	}
	if b.heads != nil {
		b.heads = append(b.heads, make([]uint32, n-len(b.heads))...)
	}
	if b.settled != nil {
		b.settled = append(b.settled, make([]bool, n-len(b.settled))...)
	}
}

// offerEvent offers a row of a view whose stamps are event times only.
func (b *board) offerEvent(place uint32, event feature.Time, row int64) {
	have := &b.best[place]
	switch {
	case have.row == 0:
		*have = best{event, row}
	case event > have.event:
		b.dropTies(place)
		*have = best{event, row}
	case event == have.event:
		b.addTie(place, row)
	}
}

// offer offers a row.
func (b *board) offer(place uint32, stamp feature.Stamp, row int64) {
	if b.more == nil {
		b.offerEvent(place, stamp.Event, row)
		return
	}
	c := 1
	if b.best[place].row != 0 {
		c = stamp.Compare(b.stamp(place))
	}
	switch {
	case c > 0:
		b.dropTies(place)
		b.best[place] = best{stamp.Event, row}
		b.more[place] = moreStamp{stamp.Created, stamp.Available, stamp.HasCreated}
	case c == 0:
		b.addTie(place, row)
	}
}

func (b *board) stamp(place uint32) feature.Stamp {
	s := feature.Stamp{Event: b.best[place].event}
	if b.more != nil {
		m := &b.more[place]
		s.Created, s.HasCreated, s.Available = m.created, m.hasCreated, m.available
	}
	return s
}

// createdAfter tells whether the row of a place was created after t. One without a
// created timestamp was not, as far as anybody knows.
func (b *board) createdAfter(place uint32, t feature.Time) bool {
	return b.more != nil && b.more[place].hasCreated && b.more[place].created > t
}

func (b *board) addTie(place uint32, row int64) {
	if b.heads == nil {
		b.heads = make([]uint32, len(b.best), cap(b.best))
	}
	b.live++
	t := tie{row, b.heads[place]}
	if b.free != 0 {
		at := b.free
		b.free = b.ties[at-1].next
		b.ties[at-1] = t
		b.heads[place] = at
		return
	}
	b.ties = append(b.ties, t)
	b.heads[place] = uint32(len(b.ties))
}

// dropTies forgets the rows in tie with a row that is no longer the latest.
func (b *board) dropTies(place uint32) {
	if b.settled != nil {
		b.settled[place] = false
	}
	if b.heads == nil || b.heads[place] == 0 {
		return
	}
	b.freeTies(place)
}

func (b *board) freeTies(place uint32) {
	for at := b.heads[place]; at != 0; {
		t := &b.ties[at-1]
		next := t.next
		t.next = b.free
		b.free = at
		b.live--
		at = next
	}
	b.heads[place] = 0
}

// settle names the row that stands among those in tie.
func (b *board) settle(place uint32, row int64, differ bool) {
	b.freeTies(place)
	b.best[place].row = row
	if !differ {
		return
	}
	if b.settled == nil {
		b.settled = make([]bool, len(b.best), cap(b.best))
	}
	b.settled[place] = true
}

func (b *board) wasSettled(place uint32) bool { return b.settled != nil && b.settled[place] }

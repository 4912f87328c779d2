package window

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// latest answers first, last and last_n. As the events of a cell are all earlier than
// those of the next one, the latest of a window are found from its last cell
// backwards, and no states are merged.
type latest struct {
	held
	first bool // the earliest are wanted
	n     int
	list  bool // results are lists
	full  full

	late    []aggregate.State // scratch
	entries []aggregate.Entry
}

// entries are what a state of aggregate.LastN has beside State.
type entries interface {
	Len() int
	At(i int) aggregate.Entry
}

func (l *latest) answer(p *Part, windows []asked) {
	for _, w := range windows {
		l.answerWindow(p, w)
	}
}

func (l *latest) answerWindow(p *Part, w asked) {
	l.path.reset()
	for k := range len(p.requests.Starts) - 1 {
		l.full.reset(&l.held, p.cells.starts[k], p.cells.starts[k+1])
		first := p.requests.Starts[k]
		for i := first; i < p.requests.Starts[k+1]; i++ {
			moved := l.full.move(w.lo[i], w.hi[i])
			if l.held.late[w.window] == nil && i > first && !moved {
				again(w.outputs, i)
				continue
			}
			l.collect(w.window, i)
			for _, o := range w.outputs {
				l.write(o, i)
			}
		}
	}
}

// collect finds the entries that a request's window shows.
func (l *latest) collect(window int, request uint32) {
	l.entries = l.entries[:0]
	for at := range l.full.to - l.full.from {
		cell := l.full.to - 1 - at
		if l.first {
			cell = l.full.from + at
		}
		if l.take(l.full.states[cell]); len(l.entries) >= l.n {
			break
		}
	}
	if l.late = l.lateOf(l.late[:0], window, request); len(l.late) > 0 {
		for _, s := range l.late {
			l.take(s)
		}
		slices.SortFunc(l.entries, func(a, b aggregate.Entry) int {
			if l.first {
				return a.Compare(&b)
			}
			return b.Compare(&a)
		})
	}
	l.entries = l.entries[:min(len(l.entries), l.n)]
}

func (l *latest) take(s aggregate.State) {
	e, ok := s.(entries)
	if !ok {
		return // fresh makes no such state
	}
	for i := range e.Len() {
		l.entries = append(l.entries, e.At(i))
	}
}

// write appends the entries' values.
func (l *latest) write(o *answer, request uint32) {
	own := o.appending()
	if len(l.entries) == 0 {
		own.AppendNull()
		return
	}
	o.matched[request] = true
	if o.full() {
		return
	}
	defer o.appended()
	if !l.list {
		appendValue(own, l.entries[0].Value)
		return
	}
	for _, e := range l.entries {
		appendValue(own.Items, e.Value)
	}
	own.EndList()
}

// appendValue appends a value as states keep it.
func appendValue(dst *feature.Column, v []byte) {
	if err := aggregate.DecodeValue(dst, v); err != nil {
		panic(err) // states hold what aggregate encodes
	}
}

package window

import (
	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// merged answers by merging the states of a window's cells.
type merged struct {
	held
	full  full
	slide slider
	all   aggregate.State   // scratch, as parts are
	parts []aggregate.State // that make up a window
}

func (m *merged) answer(p *Part, windows []asked) {
	m.all, m.slide.fresh = m.fresh(), m.fresh
	for _, w := range windows {
		m.answerWindow(p, w)
	}
}

func (m *merged) answerWindow(p *Part, w asked) {
	m.path.reset()
	for k := range len(p.requests.Starts) - 1 {
		m.full.reset(&m.held, p.cells.starts[k], p.cells.starts[k+1])
		m.slide.reset(m.full.states)
		first := p.requests.Starts[k]
		for i := first; i < p.requests.Starts[k+1]; i++ {
			moved := m.full.move(w.lo[i], w.hi[i])
			if moved {
				m.slide.move(m.full.from, m.full.to)
			}
			if m.late[w.window] == nil && i > first && !moved {
				again(w.outputs, i)
				continue
			}
			m.parts = m.lateOf(m.slide.parts(m.parts[:0]), w.window, i)
			m.write(w.outputs, i)
		}
	}
}

// write writes what the parts are together.
func (m *merged) write(outputs []*answer, request uint32) {
	all := m.all
	if len(m.parts) == 1 {
		all = m.parts[0]
	} else {
		all.Reset()
		for _, s := range m.parts {
			all.Merge(s)
		}
	}
	for _, o := range outputs {
		if o.full() {
			continue
		}
		if all.AppendResult(o.appending(), o.Q) {
			o.matched[request] = true
		}
		o.appended()
	}
}

// again writes for a request what the one before it has.
func again(outputs []*answer, request uint32) {
	for _, o := range outputs {
		if o.full() {
			continue
		}
		own := o.appending()
		own.AppendFrom(own, own.Len()-1)
		// Empty windows are told from others by what they show.
		last := own.Len() - 1
		if !own.IsNull(last) && (o.Function != feature.CountDistinct || own.Int64s[last] > 0) {
			o.matched[request] = true
		}
		o.appended()
	}
}

package window

import (
	"github.com/quiver-features/quiver/feature/aggregate"
)

// held is states without an inverse: those of the cells, and for each window those of
// stretches of requests, which late events are in. Each is made when something is
// added to it.
type held struct {
	fresh    func() aggregate.State
	cells    []aggregate.State   // nil: no event
	late     [][]aggregate.State // as tree has them; nil: no late event
	requests int
	value    aggregate.Value // scratch
}

func newHeld(fresh func() aggregate.State, windows, cells, requests int) held {
	return held{fresh: fresh, cells: make([]aggregate.State, cells), late: make([][]aggregate.State, windows), requests: requests}
}

func (h *held) add(_ *Part, b *batch, input int) {
	null := b.null(input)
	for i, at := range b.places {
		if at == noCell || null != nil && null[i] {
			continue
		}
		h.addTo(&h.cells[at], b.value(&h.value, input, i))
	}
}

func (h *held) addTo(s *aggregate.State, v *aggregate.Value) {
	if *s == nil {
		*s = h.fresh()
	}
	(*s).Add(v)
}

// addLate holds a value at the nodes of a tree that make up the stretch: node n has the
// children 2n and 2n+1, and request i is leaf requests+i.
func (h *held) addLate(window int, r stretch, b *batch, input, i int) {
	if h.late[window] == nil {
		h.late[window] = make([]aggregate.State, 2*h.requests)
	}
	tree, v, n := h.late[window], b.value(&h.value, input, i), uint32(h.requests)
	for from, to := r.from+n, r.to+n; from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			h.addTo(&tree[from], v)
			from++
		}
		if to%2 == 1 {
			to--
			h.addTo(&tree[to], v)
		}
	}
}

// lateOf appends the states whose stretches a request is in.
func (h *held) lateOf(dst []aggregate.State, window int, request uint32) []aggregate.State {
	tree := h.late[window]
	if tree == nil {
		return dst
	}
	for node := uint32(h.requests) + request; node > 0; node /= 2 {
		if tree[node] != nil {
			dst = append(dst, tree[node])
		}
	}
	return dst
}

func (h *held) bytes() int64 {
	n := 16 * int64(len(h.cells))
	for _, s := range h.cells {
		if s != nil {
			n += s.Memory()
		}
	}
	for _, tree := range h.late {
		n += 16 * int64(len(tree))
		for _, s := range tree {
			if s != nil {
				n += s.Memory()
			}
		}
	}
	return n
}

// full is the cells of a key that hold something, in the order of time, and those of
// them that a window covers: from from to to.
type full struct {
	cells    []uint32
	states   []aggregate.State
	from, to int
}

// reset takes the cells of a key.
func (f *full) reset(h *held, from, to uint32) {
	f.cells, f.states, f.from, f.to = f.cells[:0], f.states[:0], 0, 0
	for at := from; at < to; at++ {
		if s := h.cells[at]; s != nil {
			f.cells, f.states = append(f.cells, at), append(f.states, s)
		}
	}
}

// move moves the window on to the cells from lo to hi. It tells whether it covers
// others now.
func (f *full) move(lo, hi uint32) bool {
	from, to := f.from, f.to
	for f.to < len(f.cells) && f.cells[f.to] < hi {
		f.to++
	}
	for f.from < f.to && f.cells[f.from] < lo {
		f.from++
	}
	return from != f.from || to != f.to
}

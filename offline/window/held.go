package window

import (
	"math/bits"

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

	path path // scratch
}

func newHeld(fresh func() aggregate.State, windows, cells, requests int) held {
	return held{fresh: fresh, cells: make([]aggregate.State, cells), late: make([][]aggregate.State, windows), requests: requests}
}

func (h *held) add(_ *Part, b *Batch, input int) {
	null := b.null(input)
	for i, at := range b.places {
		if at == noCell || null != nil && null[i] {
			continue
		}
		h.addTo(&h.cells[at], b.value(input, i))
	}
}

func (h *held) addTo(s *aggregate.State, v *aggregate.Value) {
	if *s == nil {
		*s = h.fresh()
	}
	(*s).Add(v)
}

// addLate holds values at the nodes of a tree that make up a stretch: node n has the
// children 2n and 2n+1, and request i is leaf leaves+i.
func (h *held) addLate(b *Batch, input, window int) {
	leaves, null := h.leaves(), b.null(input)
	if h.late[window] == nil {
		h.late[window] = make([]aggregate.State, 2*leaves)
	}
	tree := h.late[window]
	for _, e := range b.late[window] {
		if null != nil && null[e.event] {
			continue
		}
		v := b.value(input, int(e.event))
		for from, to := e.from+leaves, e.to+leaves; from < to; from, to = from/2, to/2 {
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
}

// leaves is a power of two, so that leaves stand in the order of requests.
func (h *held) leaves() uint32 { return 1 << bits.Len(uint(max(h.requests, 1)-1)) }

// path is the nodes of a tree from its root to a leaf, each with what it and those above it hold
// together. From one request to the next few of them change.
type path []struct {
	node uint32
	all  aggregate.State // nil: nothing
	own  aggregate.State // memory for all
}

func (p path) reset() {
	for i := range p {
		p[i].node = 0
	}
}

// lateOf appends what the stretches that a request is in hold together, where they hold
// something.
func (h *held) lateOf(dst []aggregate.State, window int, request uint32) []aggregate.State {
	tree := h.late[window]
	if tree == nil {
		return dst
	}
	leaf := h.leaves() + request
	depth := bits.Len32(leaf)
	for len(h.path) < depth {
		h.path = append(h.path, path{{}}...)
	}
	var above aggregate.State
	for d := range depth {
		at, node := &h.path[d], leaf>>(depth-1-d)
		if at.node != node {
			at.node, at.all = node, h.together(&at.own, above, tree[node])
		}
		above = at.all
	}
	if above != nil {
		dst = append(dst, above)
	}
	return dst
}

// together gives two states as one, in memory of its own where there are two.
func (h *held) together(own *aggregate.State, a, b aggregate.State) aggregate.State {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case *own == nil:
		*own = h.fresh()
	}
	(*own).Reset()
	(*own).Merge(a)
	(*own).Merge(b)
	return *own
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

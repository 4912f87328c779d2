package window

import (
	"math"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// extremes are the least, or the greatest, values: one for each cell, and for each
// window a tree over the requests of the part, for late events. Values stand as
// numbers of which the least wins. Where there is none stands the greatest number; whether
// there is one is counted elsewhere.
type extremes struct {
	cells []int64
	late  [][]int64 // of each window: node n has the children 2n and 2n+1, and request i is leaf len/2+i; nil: nothing is late
	key   func(word int64) int64
	flip  int64 // 0, or -1 where the greatest value is wanted: a number's bits are turned

	queue []uint32 // scratch
}

const noValue = math.MaxInt64

func newExtremes(cells, windows int, t feature.Type, greatest bool) *extremes {
	e := &extremes{cells: make([]int64, cells), late: make([][]int64, windows), key: orderOf(t)}
	if greatest {
		e.flip = -1
	}
	for i := range e.cells {
		e.cells[i] = noValue
	}
	return e
}

// orderOf gives the function that turns a word into a number of the same order.
func orderOf(t feature.Type) func(int64) int64 {
	if isFloat(t) {
		return func(word int64) int64 { return aggregate.FloatKey(floatOf(word)) }
	}
	return func(word int64) int64 { return word }
}

func (e *extremes) add(places []uint32, words []int64, null []bool) {
	for i, at := range places {
		if at == noCell || null != nil && null[i] {
			continue
		}
		e.cells[at] = min(e.cells[at], e.key(words[i])^e.flip)
	}
}

func (e *extremes) addLate(requests, window int, r stretch, word int64) {
	if e.late[window] == nil {
		tree := make([]int64, 2*requests)
		for i := range tree {
			tree[i] = noValue
		}
		e.late[window] = tree
	}
	tree, key := e.late[window], e.key(word)^e.flip
	hold := func(node uint32) { tree[node] = min(tree[node], key) }
	n := uint32(len(tree) / 2)
	for from, to := r.from+n, r.to+n; from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			hold(from)
			from++
		}
		if to%2 == 1 {
			to--
			hold(to)
		}
	}
}

// each calls fn with the winner of each request's window, whose cells are those from lo
// to hi. The cells that may still win stand in a queue, better ones first.
func (e *extremes) each(p *Part, window int, lo, hi []uint32, fn func(request int, key int64)) {
	tree := e.late[window]
	for node := 2; node < len(tree); node++ { // the parents' values hold for their children
		tree[node] = min(tree[node], tree[node/2])
	}
	for k := range len(p.requests.Starts) - 1 {
		queue, first := e.queue[:0], 0
		to := p.cells.starts[k]
		for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
			for to = max(to, lo[i]); to < hi[i]; to++ {
				key := e.cells[to]
				for len(queue) > first && e.cells[queue[len(queue)-1]] >= key {
					queue = queue[:len(queue)-1]
				}
				queue = append(queue, to)
			}
			for first < len(queue) && queue[first] < lo[i] {
				first++
			}
			key := int64(noValue)
			if first < len(queue) {
				key = e.cells[queue[first]]
			}
			if late := len(tree) / 2; late > 0 {
				key = min(key, tree[late+int(i)])
			}
			fn(int(i), key^e.flip)
		}
		e.queue = queue
	}
}

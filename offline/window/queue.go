package window

import "math"

// queue holds those cells of a window that may still have its greatest number: each
// greater than all that come behind it.
type queue struct {
	cells []uint32
	keys  []int64
	first int
}

func (q *queue) reset() { q.cells, q.keys, q.first = q.cells[:0], q.keys[:0], 0 }

// push adds a cell, which is behind all others.
func (q *queue) push(cell uint32, key int64) {
	n := len(q.keys)
	for n > q.first && q.keys[n-1] <= key {
		n--
	}
	q.cells, q.keys = append(q.cells[:n], cell), append(q.keys[:n], key)
}

// best gives the greatest number of the cells from from on; the least of all where there is none.
func (q *queue) best(from uint32) int64 {
	for q.first < len(q.cells) && q.cells[q.first] < from {
		q.first++
	}
	if q.first < len(q.keys) {
		return q.keys[q.first]
	}
	return math.MinInt64
}

// extremes are the least and the greatest number of some; both are looked at together, as each may be far away.
type extremes struct{ least, most int64 }

func (e *extremes) take(least, most int64) { e.least, e.most = min(e.least, least), max(e.most, most) }

// raise holds a number at the nodes of a tree that make up a stretch of requests:
// node n has the children 2n and 2n+1, and request i is leaf len/2+i. The tree is made
// where there is none.
func raise(tree []extremes, requests int, r stretch, key int64) []extremes {
	if tree == nil {
		tree = make([]extremes, 2*requests)
		for i := range tree {
			tree[i] = extremes{math.MaxInt64, math.MinInt64}
		}
	}
	n := uint32(requests)
	for from, to := r.from+n, r.to+n; from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			tree[from].take(key, key)
			from++
		}
		if to%2 == 1 {
			to--
			tree[to].take(key, key)
		}
	}
	return tree
}

// settle hands what nodes hold to their children, so that each leaf has that of all above it.
func settle(tree []extremes) {
	for node := 2; node < len(tree); node++ {
		tree[node].take(tree[node/2].least, tree[node/2].most)
	}
}

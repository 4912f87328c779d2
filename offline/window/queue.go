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

// best gives the greatest number of the cells from from on, and of a request's leaf
// of a tree.
func (q *queue) best(from uint32, tree []int64, request uint32) int64 {
	for q.first < len(q.cells) && q.cells[q.first] < from {
		q.first++
	}
	key := int64(math.MinInt64)
	if q.first < len(q.keys) {
		key = q.keys[q.first]
	}
	if len(tree) > 0 {
		key = max(key, tree[len(tree)/2+int(request)])
	}
	return key
}

// raise holds a number at the nodes of a tree that make up a stretch of requests:
// node n has the children 2n and 2n+1, and request i is leaf len/2+i. The tree is made
// where there is none.
func raise(tree []int64, requests int, r stretch, key int64) []int64 {
	if tree == nil {
		tree = make([]int64, 2*requests)
		for i := range tree {
			tree[i] = math.MinInt64
		}
	}
	n := uint32(requests)
	for from, to := r.from+n, r.to+n; from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			tree[from] = max(tree[from], key)
			from++
		}
		if to%2 == 1 {
			to--
			tree[to] = max(tree[to], key)
		}
	}
	return tree
}

// settle hands what nodes hold to their children, so that each leaf has the greatest.
func settle(tree []int64) {
	for node := 2; node < len(tree); node++ {
		tree[node] = max(tree[node], tree[node/2])
	}
}

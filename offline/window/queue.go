package window

// queue holds those cells of a window that may still have its greatest number: each
// greater than all that come behind it.
type queue struct {
	cells []uint32
	keys  []uint64
	first int
}

func (q *queue) reset() { q.cells, q.keys, q.first = q.cells[:0], q.keys[:0], 0 }

// push adds a cell, which is behind all others.
func (q *queue) push(cell uint32, key uint64) {
	n := len(q.keys)
	for n > q.first && q.keys[n-1] <= key {
		n--
	}
	q.cells, q.keys = append(q.cells[:n], cell), append(q.keys[:n], key)
}

// best gives the greatest number of the cells from from on, 0 where there is none.
func (q *queue) best(from uint32) uint64 {
	for q.first < len(q.cells) && q.cells[q.first] < from {
		q.first++
	}
	if q.first < len(q.keys) {
		return q.keys[q.first]
	}
	return 0
}

// extremes are the least and the greatest of some numbers; both are looked at together, as each may be far away. Those of no
// numbers are zero.
type extremes struct{ low, high uint64 } // low is the complement of the least

func extremesOf(rank uint64) extremes { return extremes{^rank, rank} }

func (e *extremes) take(o extremes) { e.low, e.high = max(e.low, o.low), max(e.high, o.high) }

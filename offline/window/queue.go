package window

// queue holds those of the cells seen so far that may still have the greatest number of a
// window that ends with the last of them: each greater than all that come behind it. It
// serves several windows, which begin at different ones.
type queue struct {
	cells []uint32
	keys  []uint64
	first []int // for each window, where its cells begin
}

func (q *queue) reset() {
	q.cells, q.keys = q.cells[:0], q.keys[:0]
	clear(q.first)
}

// push adds a cell, which is behind all others.
func (q *queue) push(cell uint32, key uint64) {
	n := len(q.keys)
	for n > 0 && q.keys[n-1] <= key {
		n--
	}
	q.cells, q.keys = append(q.cells[:n], cell), append(q.keys[:n], key)
	for w, first := range q.first {
		q.first[w] = min(first, n)
	}
}

// best gives the greatest number of the cells from from on, 0 where there is none. From
// one call for a window to the next, from does not go back.
func (q *queue) best(window int, from uint32) uint64 {
	at := q.first[window]
	for at < len(q.cells) && q.cells[at] < from {
		at++
	}
	q.first[window] = at
	if at < len(q.keys) {
		return q.keys[at]
	}
	return 0
}

// extremes are the least and the greatest of some numbers; both are looked at together, as each may be far away. Those of no
// numbers are zero.
type extremes struct{ low, high uint64 } // low is the complement of the least

func extremesOf(rank uint64) extremes { return extremes{^rank, rank} }

func (e *extremes) take(o extremes) { e.low, e.high = max(e.low, o.low), max(e.high, o.high) }

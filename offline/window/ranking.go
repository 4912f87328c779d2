package window

// ranking is a heap of values by how often they were counted, in which a value's count
// can change.
type ranking struct {
	values []string // by their numbers
	worst  bool     // the root is the least frequent, not the most
	heap   []counted
	place  map[uint32]int // of each value in the heap; nil while they are few
}

// counted is a value, by its number, and how often it was counted.
type counted struct {
	value uint32
	n     int64
}

// few is how many values are searched one by one.
const few = 16

func newRanking(values []string, worst bool) *ranking { return &ranking{values: values, worst: worst} }

// better is the order of counted values: the more frequent first, of equally frequent ones the
// lesser.
func (r *ranking) better(a, b counted) bool {
	return a.n > b.n || a.n == b.n && r.values[a.value] < r.values[b.value]
}

// before tells whether place a is nearer to the root than place b by rank.
func (r *ranking) before(a, b int) bool { return r.better(r.heap[a], r.heap[b]) != r.worst }

// find gives a value's place, -1 for none.
func (r *ranking) find(value uint32) int {
	if r.place != nil {
		if at, ok := r.place[value]; ok {
			return at
		}
		return -1
	}
	for at := range r.heap {
		if r.heap[at].value == value {
			return at
		}
	}
	return -1
}

// change changes a value's count by n; one that comes to zero is taken out.
func (r *ranking) change(value uint32, n int64) {
	at := r.find(value)
	switch {
	case at < 0:
		r.push(counted{value, n})
	case r.heap[at].n+n == 0:
		r.remove(at)
	default:
		r.heap[at].n += n
		r.settle(at)
	}
}

// replace puts another value in the place of the root, which it gives.
func (r *ranking) replace(by counted) counted {
	root := r.heap[0]
	r.heap[0] = by
	if r.place != nil {
		delete(r.place, root.value)
		r.place[by.value] = 0
	}
	r.settle(0)
	return root
}

func (r *ranking) push(c counted) {
	r.heap = append(r.heap, c)
	if len(r.heap) > few && r.place == nil {
		r.place = make(map[uint32]int, 2*few)
		for at := range r.heap {
			r.place[r.heap[at].value] = at
		}
	}
	if r.place != nil {
		r.place[c.value] = len(r.heap) - 1
	}
	r.settle(len(r.heap) - 1)
}

func (r *ranking) remove(at int) {
	last := len(r.heap) - 1
	r.swap(at, last)
	if r.place != nil {
		delete(r.place, r.heap[last].value)
	}
	r.heap = r.heap[:last]
	if at < last {
		r.settle(at)
	}
}

// settle moves what is at a place to where it belongs.
func (r *ranking) settle(at int) {
	for at > 0 && r.before(at, (at-1)/2) {
		r.swap(at, (at-1)/2)
		at = (at - 1) / 2
	}
	for {
		next := 2*at + 1
		if next >= len(r.heap) {
			return
		}
		if next+1 < len(r.heap) && r.before(next+1, next) {
			next++
		}
		if !r.before(next, at) {
			return
		}
		r.swap(at, next)
		at = next
	}
}

func (r *ranking) swap(a, b int) {
	r.heap[a], r.heap[b] = r.heap[b], r.heap[a]
	if r.place != nil {
		r.place[r.heap[a].value], r.place[r.heap[b].value] = a, b
	}
}

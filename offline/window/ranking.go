package window

// ranking is a heap of values by how often they were counted, in which a value's count
// can change.
type ranking struct {
	values []string // by their numbers
	worst  bool     // the root is the least frequent, not the most
	ids    []uint32 // the heap
	place  map[uint32]int
	count  map[uint32]int64
}

func newRanking(values []string, worst bool) *ranking {
	return &ranking{values: values, worst: worst, place: map[uint32]int{}, count: map[uint32]int64{}}
}

// better is the order of values of which one is as frequent as n, the other as m; of equally
// frequent ones the lesser is first.
func better(values []string, a uint32, n int64, b uint32, m int64) bool {
	return n > m || n == m && values[a] < values[b]
}

func (r *ranking) len() int { return len(r.ids) }

func (r *ranking) has(value uint32) bool { _, ok := r.place[value]; return ok }

// before tells whether place a is nearer to the root than place b by rank.
func (r *ranking) before(a, b int) bool {
	x, y := r.ids[a], r.ids[b]
	return better(r.values, x, r.count[x], y, r.count[y]) != r.worst
}

// change changes a value's count by n.
func (r *ranking) change(value uint32, n int64) { r.set(value, r.count[value]+n) }

// set sets a value's count; zero takes it out.
func (r *ranking) set(value uint32, count int64) {
	at, had := r.place[value]
	switch {
	case count == 0 && !had:
		return
	case count == 0:
		last := len(r.ids) - 1
		r.swap(at, last)
		r.ids = r.ids[:last]
		delete(r.place, value)
		delete(r.count, value)
		if at == last {
			return
		}
	case had:
		r.count[value] = count
	default:
		at = len(r.ids)
		r.ids = append(r.ids, value)
		r.place[value], r.count[value] = at, count
	}
	r.settle(at)
}

// settle moves what is at a place to where it belongs.
func (r *ranking) settle(at int) {
	for at > 0 && r.before(at, (at-1)/2) {
		r.swap(at, (at-1)/2)
		at = (at - 1) / 2
	}
	for {
		next := 2*at + 1
		if next >= len(r.ids) {
			return
		}
		if next+1 < len(r.ids) && r.before(next+1, next) {
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
	r.ids[a], r.ids[b] = r.ids[b], r.ids[a]
	r.place[r.ids[a]], r.place[r.ids[b]] = a, b
}

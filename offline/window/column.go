package window

import (
	"math"
	"unsafe"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// states are what is kept of one input.
type states interface {
	// add adds a batch of values to their cells; words are nil where rows are counted.
	add(places []uint32, words []int64, null []bool)
	// addLate adds a value to a stretch of requests.
	addLate(window int, r stretch, word int64)
	// answer writes the outputs of a window for all requests.
	answer(p *Part, window int, lo, hi []uint32, outputs []*answer)
	// bytes gives what a cell takes.
	bytes() int64
}

// total is a state of values with an inverse: one can be taken away from another
// without a trace.
type total[S any] interface {
	*S
	Merge(*S)
	Unmerge(*S)
	// put adds a value.
	put(word int64)
	// get gives a function's result for n > 0 values.
	get(f feature.Function, n int64) (word int64, ok bool)
}

// cell is what is kept of the values of a cell, or of a window. All of it stands
// together, as an event touches one cell and then another one far away.
type cell[S any] struct {
	n           int64
	least, most int64 // of values as numbers in their order, where there is one
	total       S
}

// column is the states of one input: one for each cell, and for each window what late
// events change from one request to the next.
type column[S any, P total[S]] struct {
	cells       []cell[S]
	counted     bool // rows are counted, and have no values
	float       bool
	least, most bool // are wanted
	late        []late[S]
	requests    int

	lows, highs queue // scratch
}

// late is what late events change in a window.
type late[S any] struct {
	changes     []change[S] // at each request, beside the one before it; nil: none
	least, most []int64     // as tree has them
}

type change[S any] struct {
	n     int64
	total S
}

func newStates(s *Spec, input, cells, requests int) states {
	t := s.Inputs[input].Type
	var least, most, spread bool
	for _, o := range s.Outputs {
		if o.Input == input {
			least, most = least || o.Function == feature.Min, most || o.Function == feature.Max
			spread = spread || o.Function == feature.Variance || o.Function == feature.Stddev
		}
	}
	windows := len(s.Windows)
	switch float := t.Kind == feature.Float32 || t.Kind == feature.Float64; {
	case t.IsZero():
		return &column[nothing, *nothing]{cells: make([]cell[nothing], cells), counted: true, late: make([]late[nothing], windows), requests: requests}
	case float && spread:
		return &column[floatMoments, *floatMoments]{
			cells: make([]cell[floatMoments], cells), float: true, least: least, most: most, late: make([]late[floatMoments], windows), requests: requests,
		}
	case float:
		return &column[floatSum, *floatSum]{
			cells: make([]cell[floatSum], cells), float: true, least: least, most: most, late: make([]late[floatSum], windows), requests: requests,
		}
	case spread:
		return &column[intMoments, *intMoments]{
			cells: make([]cell[intMoments], cells), least: least, most: most, late: make([]late[intMoments], windows), requests: requests,
		}
	default:
		return &column[intSum, *intSum]{
			cells: make([]cell[intSum], cells), least: least, most: most, late: make([]late[intSum], windows), requests: requests,
		}
	}
}

func (c *column[S, P]) bytes() int64 { return int64(unsafe.Sizeof(cell[S]{})) }

func (c *column[S, P]) add(places []uint32, words []int64, null []bool) {
	for i, at := range places {
		if at == noCell || null != nil && null[i] {
			continue
		}
		s := &c.cells[at]
		s.n++
		if c.counted {
			continue
		}
		word := words[i]
		P(&s.total).put(word)
		if key := c.key(word); s.n == 1 {
			s.least, s.most = key, key
		} else {
			s.least, s.most = min(s.least, key), max(s.most, key)
		}
	}
}

// key gives a number in the order of values: every NaN is one, greater than all, and
// -0 is 0.
func (c *column[S, P]) key(word int64) int64 {
	if c.float {
		return aggregate.FloatKey(floatOf(word))
	}
	return word
}

func (c *column[S, P]) wordOf(key int64) int64 {
	if c.float {
		return wordOf(aggregate.KeyFloat(key))
	}
	return key
}

func (c *column[S, P]) addLate(window int, r stretch, word int64) {
	l := &c.late[window]
	if l.changes == nil {
		l.changes = make([]change[S], c.requests)
	}
	var one S
	if !c.counted {
		P(&one).put(word)
	}
	from := &l.changes[r.from]
	from.n++
	P(&from.total).Merge(&one)
	if r.to < r.end {
		to := &l.changes[r.to]
		to.n--
		P(&to.total).Unmerge(&one)
	}
	if c.least {
		l.least = raise(l.least, c.requests, r, ^c.key(word))
	}
	if c.most {
		l.most = raise(l.most, c.requests, r, c.key(word))
	}
}

// answer takes the requests of a key in their order. Both ends of a window only move
// forward from one to the next.
func (c *column[S, P]) answer(p *Part, window int, lo, hi []uint32, outputs []*answer) {
	l := &c.late[window]
	settle(l.least)
	settle(l.most)
	for k := range len(p.requests.Starts) - 1 {
		var inside cell[S] // of the cells from from to to
		var beside change[S]
		from := p.cells.starts[k]
		to := from
		c.lows.reset()
		c.highs.reset()
		for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
			if lo[i] >= to {
				inside = cell[S]{}
				from, to = lo[i], lo[i]
			}
			for ; to < hi[i]; to++ {
				c.enter(&inside, to)
			}
			for ; from < lo[i]; from++ {
				inside.n -= c.cells[from].n
				P(&inside.total).Unmerge(&c.cells[from].total)
			}
			all := inside
			if l.changes != nil {
				beside.n += l.changes[i].n
				P(&beside.total).Merge(&l.changes[i].total)
				all.n += beside.n
				P(&all.total).Merge(&beside.total)
			}
			if c.least {
				all.least = ^c.lows.best(from, l.least, i)
			}
			if c.most {
				all.most = c.highs.best(from, l.most, i)
			}
			for _, o := range outputs {
				word, ok := c.result(o.function, &all)
				o.write(int(i), all.n, word, ok)
			}
		}
	}
}

// result gives what a window shows.
func (c *column[S, P]) result(f feature.Function, all *cell[S]) (word int64, ok bool) {
	switch {
	case f == feature.Count:
		return all.n, true
	case all.n == 0:
		return 0, false
	case f == feature.Min:
		return c.wordOf(all.least), true
	case f == feature.Max:
		return c.wordOf(all.most), true
	}
	return P(&all.total).get(f, all.n)
}

// enter adds a cell to a window.
func (c *column[S, P]) enter(inside *cell[S], at uint32) {
	s := &c.cells[at]
	if s.n == 0 {
		return
	}
	inside.n += s.n
	P(&inside.total).Merge(&s.total)
	if c.least {
		c.lows.push(at, ^s.least)
	}
	if c.most {
		c.highs.push(at, s.most)
	}
}

func floatOf(word int64) float64 { return math.Float64frombits(uint64(word)) }

func wordOf(v float64) int64 { return int64(math.Float64bits(v)) }

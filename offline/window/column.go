package window

import (
	"math"
	"unsafe"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

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
	n int64
	extremes
	total S
}

// column is the states of one input: one for each cell, and for each window what late
// events change from one request to the next.
type column[S any, P total[S]] struct {
	cells       []cell[S]
	float       bool
	least, most bool // are wanted
	late        []late[S]
	requests    int

	none        cell[S]
	lows, highs queue // scratch
}

// late is what late events change in a window.
type late[S any] struct {
	changes []change[S] // at each request, beside the one before it; nil: none
	ranges  stretches   // nil: no extreme is wanted, or nothing is late

	one     S // scratch, as the rest is
	some    []lateEvent
	holding []holding
}

type change[S any] struct {
	n     int64
	total S
}

// newColumn makes the states of an input for the outputs given, in the memory of old
// where these are alike.
func newColumn(t feature.Type, outputs []Output, windows, cells, requests int, old states) states {
	var least, most, sums, spread bool
	for _, o := range outputs {
		least, most = least || o.Function == feature.Min, most || o.Function == feature.Max
		sums = sums || o.Function == feature.Sum || o.Function == feature.Mean
		spread = spread || o.Function == feature.Variance || o.Function == feature.Stddev
	}
	switch float := t.Kind == feature.Float32 || t.Kind == feature.Float64; {
	case !sums && !spread:
		return columnOf[nothing](float, least, most, windows, cells, requests, old)
	case float && spread:
		return columnOf[floatMoments](float, least, most, windows, cells, requests, old)
	case float:
		return columnOf[floatSum](float, least, most, windows, cells, requests, old)
	case spread:
		return columnOf[intMoments](float, least, most, windows, cells, requests, old)
	default:
		return columnOf[intSum](float, least, most, windows, cells, requests, old)
	}
}

func columnOf[S any, P total[S]](float, least, most bool, windows, cells, requests int, old states) *column[S, P] {
	var memory []cell[S]
	if o, ok := old.(*column[S, P]); ok {
		memory = o.cells
	}
	return &column[S, P]{
		cells: zeros(memory, cells), float: float, least: least, most: most,
		late: make([]late[S], windows), requests: requests,
	}
}

func (c *column[S, P]) perCell() int64 { return int64(unsafe.Sizeof(cell[S]{})) }

func (c *column[S, P]) bytes() int64 {
	n := c.perCell() * int64(len(c.cells))
	for _, l := range c.late {
		n += int64(unsafe.Sizeof(change[S]{}))*int64(len(l.changes)) + l.ranges.bytes()
	}
	return n
}

func (c *column[S, P]) add(_ *Part, b *Batch, input int) {
	words, null := b.words(input), b.null(input)
	for i, at := range b.places {
		if at == noCell || null != nil && null[i] {
			continue
		}
		word := words[i]
		s := &c.cells[at]
		s.n++
		P(&s.total).put(word)
		s.take(extremesOf(c.rank(word)))
	}
}

// rank gives a number in the order of values: every NaN is one, greater than all, and
// -0 is 0.
func (c *column[S, P]) rank(word int64) uint64 {
	if c.float {
		word = aggregate.FloatKey(floatOf(word))
	}
	return uint64(word) ^ 1<<63
}

func (c *column[S, P]) wordOf(rank uint64) int64 {
	word := int64(rank ^ 1<<63)
	if c.float {
		return wordOf(aggregate.KeyFloat(word))
	}
	return word
}

// counted implements counting.
func (c *column[S, P]) counted() (cells []int64, late [][]int64) {
	cells, late = make([]int64, len(c.cells)), make([][]int64, len(c.late))
	for i := range c.cells {
		cells[i] = c.cells[i].n
	}
	for w := range c.late {
		if c.late[w].changes == nil {
			continue
		}
		late[w] = make([]int64, c.requests)
		for i := range late[w] {
			late[w][i] = c.late[w].changes[i].n
		}
	}
	return cells, late
}

// addLate goes over a batch several times: the changes at the first requests of the stretches are far apart, and where a loop
// does little else, many of them are on their way from memory at once.
func (c *column[S, P]) addLate(b *Batch, input, window int) {
	words, null := b.words(input), b.null(input)
	l := &c.late[window]
	if l.changes == nil {
		l.changes = make([]change[S], c.requests)
		if c.least || c.most {
			l.ranges = newStretches(c.requests)
		}
	}
	l.some = l.some[:0]
	for _, e := range b.late[window] {
		if null == nil || !null[e.event] {
			l.some = append(l.some, e)
		}
	}
	for _, e := range l.some {
		l.changes[e.from].n++
	}
	var zero S
	for _, e := range l.some {
		word := words[e.event]
		P(&l.changes[e.from].total).put(word)
		if e.to < e.end {
			l.one = zero
			P(&l.one).put(word)
			to := &l.changes[e.to]
			to.n--
			P(&to.total).Unmerge(&l.one)
		}
	}
	if l.ranges == nil {
		return
	}
	l.holding = l.holding[:0]
	for _, e := range l.some {
		l.holding = append(l.holding, holding{e.from, e.to, extremesOf(c.rank(words[e.event]))})
	}
	l.ranges.hold(l.holding)
}

// answer takes the requests of a key in their order. As they see more and more of its cells,
// these come to hold all that is in them and in those before them: what a window has is
// what its last cell holds without that of the one before its first. Of extremes one
// queue serves all windows.
func (c *column[S, P]) answer(p *Part, windows []asked) {
	for _, w := range windows {
		c.late[w.window].ranges.settle()
	}
	c.lows.first, c.highs.first = make([]int, len(windows)), make([]int, len(windows))
	beside := make([]change[S], len(windows)) // what late events change so far
	var all cell[S]                           // for all requests, as it is on the heap
	for k := range len(p.requests.Starts) - 1 {
		clear(beside)
		start := p.cells.starts[k]
		seen := start
		c.lows.reset()
		c.highs.reset()
		for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
			for n := range windows {
				w := &windows[n]
				lo, hi := w.lo[i], w.hi[i]
				for ; seen < hi && lo < hi; seen++ {
					c.enter(seen, start)
				}
				c.inside(&all, start, lo, hi, n)
				if l := &c.late[w.window]; l.changes != nil {
					beside[n].n += l.changes[i].n
					P(&beside[n].total).Merge(&l.changes[i].total)
					all.n += beside[n].n
					P(&all.total).Merge(&beside[n].total)
					if l.ranges != nil {
						all.take(l.ranges[0].own[i])
					}
				}
				for _, o := range w.outputs {
					word, ok := c.result(o, &all)
					o.write(int(i), all.n, word, ok)
				}
			}
		}
	}
}

// enter has the requests of a key see one cell more.
func (c *column[S, P]) enter(at, start uint32) {
	s := &c.cells[at]
	if s.n > 0 {
		if c.least {
			c.lows.push(at, s.low)
		}
		if c.most {
			c.highs.push(at, s.high)
		}
	}
	if at > start {
		before := &c.cells[at-1]
		s.n += before.n
		P(&s.total).Merge(&before.total)
	}
}

// inside gives what the n-th window has of the cells from lo to hi, which were seen.
func (c *column[S, P]) inside(all *cell[S], start, lo, hi uint32, n int) {
	before := &c.none
	if lo > start {
		before = &c.cells[lo-1]
	}
	if lo >= hi || c.cells[hi-1].n == before.n { // so it is with most windows that are short
		*all = c.none
		return
	}
	last := &c.cells[hi-1]
	all.n, all.total = last.n-before.n, last.total
	P(&all.total).Unmerge(&before.total)
	all.extremes = extremes{low: c.lows.best(n, lo), high: c.highs.best(n, lo)}
}

// result gives what a window shows.
func (c *column[S, P]) result(o *answer, all *cell[S]) (word int64, ok bool) {
	switch {
	case o.what == ofCount:
		return all.n, true
	case all.n == 0:
		return 0, false
	case o.what == ofLeast:
		return c.wordOf(^all.low), true
	case o.what == ofMost:
		return c.wordOf(all.high), true
	}
	return P(&all.total).get(o.Function, all.n)
}

func floatOf(word int64) float64 { return math.Float64frombits(uint64(word)) }

func wordOf(v float64) int64 { return int64(math.Float64bits(v)) }

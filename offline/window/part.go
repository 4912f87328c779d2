package window

import (
	"sort"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// Part computes the aggregates of the requests for one partition's keys. It is not
// safe for concurrent use; parts are independent of one another. Of numbers it holds
// what is in proportion to the requests, however many events come; of other states no
// more than the events give reason for.
type Part struct {
	spec     *Spec
	requests *Requests
	cells    *cells
	kernels  []kernel
	ends     []bool // of each cell, whether an event is at its end and visible from then on; nil: there is a delay

	batch batch // scratch
}

// batch is events on their way to cells.
type batch struct {
	*Values
	keys    []uint32
	events  []feature.Time
	visible []feature.Time // nil: it follows from the rule's delay
	places  []uint32       // the cell of each, or noCell
}

// New makes a part that no event was added to.
func (s *Spec) New(r *Requests) *Part {
	p := &Part{spec: s, requests: r, cells: newCells(s, r), kernels: s.kernels()}
	for i := range p.kernels {
		k := &p.kernels[i]
		k.states = k.make(s, len(p.cells.ends), len(r.Times))
	}
	if s.Rule.Delay == 0 {
		p.ends = make([]bool, len(p.cells.ends))
	}
	return p
}

// Bytes gives the bytes that it holds, about.
func (p *Part) Bytes() int64 {
	n := 9 * int64(len(p.cells.ends))
	for i := range p.kernels {
		n += p.kernels[i].states.bytes()
	}
	return n
}

// Add adds a batch of events: the numbers of their keys, the event times, and the
// times from which on they are visible, nil where these follow from the rule's
// delay. In what order events come, and in which batches, changes nothing.
func (p *Part) Add(keys []uint32, events, visible []feature.Time, v *Values) {
	if v == nil {
		v = &Values{}
	}
	b := &p.batch
	*b = batch{Values: v, keys: keys, events: events, visible: visible, places: b.places[:0]}
	for i, key := range keys {
		cell := p.cells.of(key, events[i])
		if visible != nil && cell != noCell && visible[i] > events[i].Add(p.spec.Rule.Delay) && p.late(b, i) {
			cell = noCell
		}
		if p.ends != nil && cell != noCell && p.cells.ends[cell] == events[i] {
			p.ends[cell] = true
		}
		b.places = append(b.places, cell)
	}
	for i := range p.kernels {
		p.kernels[i].add(p, b, p.kernels[i].input)
	}
}

func (b *batch) words(input int) []int64 {
	if b.Words == nil {
		return nil
	}
	return b.Words[input]
}

func (b *batch) null(input int) []bool {
	if b.Null == nil {
		return nil
	}
	return b.Null[input]
}

func (b *batch) isNull(input, i int) bool {
	null := b.null(input)
	return null != nil && null[i]
}

// value gives value i of an input, which is not null.
func (b *batch) value(v *aggregate.Value, input, i int) *aggregate.Value {
	if words := b.words(input); words != nil {
		v.Word = words[i]
	} else {
		t := &b.Texts[input]
		v.Bytes = t.Data[t.Ends[i].From:t.Ends[i].To]
	}
	if b.Stamps != nil {
		v.Stamp = b.Stamps[i]
	} else {
		v.Stamp = feature.Stamp{Event: b.events[i]}
	}
	return v
}

// first gives the first of a key's requests at or after a time, as a number in the
// part; the key's end where there is none.
func (p *Part) first(key uint32, from feature.Time) uint32 {
	base := p.requests.Starts[key]
	times := p.requests.Times[base:p.requests.Starts[key+1]]
	return base + uint32(sort.Search(len(times), func(j int) bool { return times[j] >= from }))
}

// late adds event i of a batch where it is visible to fewer requests than its cell
// tells; false: it is not, and nothing was done.
func (p *Part) late(b *batch, i int) bool {
	key, e := b.keys[i], b.events[i]
	from := p.first(key, b.visible[i])
	if from == p.first(key, e.Add(p.spec.Rule.Delay)) {
		return false
	}
	end := p.requests.Starts[key+1]
	times := p.requests.Times[from:end]
	for w, window := range p.spec.Windows {
		to := from + uint32(sort.Search(len(times), func(j int) bool { return !window.Covers(times[j], e) }))
		if from == to {
			continue
		}
		r := stretch{from: from, to: to, end: end}
		for n := range p.kernels {
			if k := &p.kernels[n]; k.windows[w] && !b.isNull(k.input, i) {
				k.addLate(w, r, b, k.input, i)
			}
		}
	}
	return true
}

// stretch is some of the requests of a key, by their numbers in the part.
type stretch struct {
	from, to uint32
	end      uint32 // of all of the key's
}

// runs gives, for each request, the cells that a window covers: those from lo to hi.
func (p *Part) runs(window int) (lo, hi []uint32) {
	w := p.spec.Windows[window]
	lo, hi = make([]uint32, len(p.requests.Times)), make([]uint32, len(p.requests.Times))
	for k := range len(p.requests.Starts) - 1 {
		start, end := p.cells.starts[k], p.cells.starts[k+1]
		tail, head := start, start
		for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
			t := p.requests.Times[i]
			if after, bounded := w.Tail(t); bounded {
				for tail < end && p.cells.ends[tail] <= after {
					tail++
				}
			}
			if until, ok := headOf(p.spec.Rule, t); ok {
				for head < end && p.cells.ends[head] <= until {
					head++
				}
			}
			lo[i], hi[i] = tail, max(tail, head)
		}
	}
	return lo, hi
}

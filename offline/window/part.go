package window

import (
	"sort"

	"github.com/quiver-features/quiver/feature"
)

// Part computes the aggregates of the requests for one partition's keys. It is not
// safe for concurrent use; parts are independent of one another. What it holds is in
// proportion to the requests, however many events come.
type Part struct {
	spec     *Spec
	requests *Requests
	cells    *cells
	inputs   []states
	ends     []bool // of each cell, whether an event is at its end and visible from then on; nil: there is a delay

	places []uint32 // scratch: the cell of each event of a batch
}

// New makes a part that no event was added to.
func (s *Spec) New(r *Requests) *Part {
	p := &Part{spec: s, requests: r, cells: newCells(s, r), inputs: make([]states, len(s.Inputs))}
	for i := range s.Inputs {
		p.inputs[i] = newStates(s, i, len(p.cells.ends), len(r.Times))
	}
	if s.Rule.Delay == 0 {
		p.ends = make([]bool, len(p.cells.ends))
	}
	return p
}

// Add adds a batch of events: the numbers of their keys, the event times, and the
// times from which on they are visible, nil where these follow from the rule's
// delay. In what order events come, and in which batches, changes nothing.
func (p *Part) Add(keys []uint32, events, visible []feature.Time, v *Values) {
	p.places = p.places[:0]
	for i, key := range keys {
		cell := p.cells.of(key, events[i])
		if visible != nil && cell != noCell && visible[i] > events[i].Add(p.spec.Rule.Delay) && p.late(key, events[i], visible[i], v, i) {
			cell = noCell
		}
		if p.ends != nil && cell != noCell && p.cells.ends[cell] == events[i] {
			p.ends[cell] = true
		}
		p.places = append(p.places, cell)
	}
	for i := range p.inputs {
		p.inputs[i].add(p.places, v.words(i), v.null(i))
	}
}

func (v *Values) words(input int) []int64 {
	if v == nil || v.Words == nil {
		return nil
	}
	return v.Words[input]
}

func (v *Values) null(input int) []bool {
	if v == nil || v.Null == nil {
		return nil
	}
	return v.Null[input]
}

// late adds an event that may be visible to fewer requests than its cell tells;
// false: it is not, and nothing was done.
func (p *Part) late(key uint32, e, visible feature.Time, v *Values, i int) bool {
	times := p.requests.Times[p.requests.Starts[key]:p.requests.Starts[key+1]]
	first := func(from feature.Time) int {
		return sort.Search(len(times), func(j int) bool { return times[j] >= from })
	}
	from := first(visible)
	if from == first(e.Add(p.spec.Rule.Delay)) {
		return false
	}
	base := p.requests.Starts[key]
	for w, window := range p.spec.Windows {
		to := from + sort.Search(len(times)-from, func(j int) bool { return !window.Covers(times[from+j], e) })
		if from == to {
			continue
		}
		r := stretch{from: base + uint32(from), to: base + uint32(to), end: p.requests.Starts[key+1]}
		for n := range p.inputs {
			if null := v.null(n); null != nil && null[i] {
				continue
			}
			word := int64(0)
			if words := v.words(n); words != nil {
				word = words[i]
			}
			p.inputs[n].addLate(w, r, word)
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

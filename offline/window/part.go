package window

import (
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
	asked    finder // of the requests' times, where events may be late
	kernels  []kernel
	ends     []bool // of each cell, whether an event is at its end and visible from then on; nil: there is a delay

	batch Batch // scratch
}

// Batch is events on their way to cells. It may be used again once it was put.
type Batch struct {
	*Values
	keys    []uint32
	events  []feature.Time
	visible []feature.Time // nil: it follows from the rule's delay
	places  []uint32       // the cell of each, or noCell
	ends    []uint32       // the cells that have one of them at their end, and are visible from then on
	late    []lateEvent    // what of them is in no cell
}

// New makes a part that no event was added to.
func (s *Spec) New(r *Requests) *Part {
	p := &Part{spec: s, requests: r, cells: newCells(s, r), kernels: s.kernels()}
	for i := range p.kernels {
		k := &p.kernels[i]
		k.states = k.make(s, len(p.cells.ends), len(r.Times))
	}
	if s.Rule.Available {
		p.asked = newFinder(r.Starts, r.Times)
	}
	if s.Rule.Delay == 0 {
		p.ends = make([]bool, len(p.cells.ends))
	}
	return p
}

// Bytes gives the bytes that it holds, about.
func (p *Part) Bytes() int64 {
	n := 9*int64(len(p.cells.ends)) + p.cells.bytes() + p.asked.bytes()
	for i := range p.kernels {
		n += p.kernels[i].states.bytes()
	}
	return n
}

// Add adds a batch of events: the numbers of their keys, the event times, and the
// times from which on they are visible, nil where these follow from the rule's
// delay. In what order events come, and in which batches, changes nothing.
func (p *Part) Add(keys []uint32, events, visible []feature.Time, v *Values) {
	p.Place(&p.batch, keys, events, visible, v)
	p.Put(&p.batch)
}

// Place is the first half of Add: it finds what the events change, and changes nothing. Many may do so at
// once, and beside one that puts a batch.
func (p *Part) Place(b *Batch, keys []uint32, events, visible []feature.Time, v *Values) {
	if v == nil {
		v = &Values{}
	}
	*b = Batch{Values: v, keys: keys, events: events, visible: visible, places: b.places[:0], ends: b.ends[:0], late: b.late[:0]}
	for i, key := range keys {
		e := events[i]
		cell := p.cells.of(key, e)
		if visible != nil && cell != noCell && visible[i] > e.Add(p.spec.Rule.Delay) && p.late(b, i) {
			cell = noCell
		}
		if cell != noCell && p.cells.ends[cell] == e && p.ends != nil {
			b.ends = append(b.ends, cell)
		}
		b.places = append(b.places, cell)
	}
}

// Put is the second half of Add: it adds a batch that was placed in this part.
func (p *Part) Put(b *Batch) {
	for _, cell := range b.ends {
		p.ends[cell] = true
	}
	for i := range p.kernels {
		k := &p.kernels[i]
		k.add(p, b, k.input)
		for _, l := range b.late {
			if k.windows[l.window] && !b.isNull(k.input, int(l.event)) {
				k.addLate(int(l.window), l.stretch, b, k.input, int(l.event))
			}
		}
	}
}

func (b *Batch) words(input int) []int64 {
	if b.Words == nil {
		return nil
	}
	return b.Words[input]
}

func (b *Batch) null(input int) []bool {
	if b.Null == nil {
		return nil
	}
	return b.Null[input]
}

func (b *Batch) isNull(input, i int) bool {
	null := b.null(input)
	return null != nil && null[i]
}

// value gives value i of an input, which is not null.
func (b *Batch) value(v *aggregate.Value, input, i int) *aggregate.Value {
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

// late notes the requests that event i of a batch counts for, where it is visible to fewer of them than its
// cell tells; false: it is not, and nothing was noted.
func (p *Part) late(b *Batch, i int) bool {
	key, e := b.keys[i], b.events[i]
	begin, end := p.requests.Starts[key], p.requests.Starts[key+1]
	times := p.requests.Times
	from := p.asked.first(key, b.visible[i])
	if from == begin || times[from-1] < e.Add(p.spec.Rule.Delay) {
		return false
	}
	if from == end {
		return true
	}
	for w, window := range p.spec.Windows {
		to := end
		until, ever := window.Until(e)
		if ever && until <= times[from] { // it has left the window before it is visible
			continue
		}
		if ever && until <= times[end-1] {
			to = p.asked.first(key, until)
		}
		b.late = append(b.late, lateEvent{stretch: stretch{from, to, end}, event: uint32(i), window: uint32(w)})
	}
	return true
}

// lateEvent is an event of a batch that counts for a stretch of requests in a window.
type lateEvent struct {
	stretch
	event, window uint32
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

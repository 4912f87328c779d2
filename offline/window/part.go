package window

import (
	"slices"
	"sync"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// Part computes the aggregates of the requests for one partition's keys. Place, Put and its halves are
// safe for concurrent use, the rest is not; parts are independent of one another. Of numbers it holds
// what is in proportion to the requests, however many events come; of other states no
// more than the events give reason for.
type Part struct {
	spec     *Spec
	requests *Requests
	cells    *cells
	asked    finder // of the requests' times, where events may be late
	kernels  []kernel
	ends     []bool // of each cell, whether an event is at its end and visible from then on; nil: there is a delay

	mu    sync.Mutex   // on ends, and on what is kept of cells
	late  []sync.Mutex // for each window, on what is kept of late events; after mu
	batch Batch        // scratch
}

// Batch is events on their way to cells. It may be used again once it was put.
type Batch struct {
	*Values
	keys    []uint32
	events  []feature.Time
	visible []feature.Time // nil: it follows from the rule's delay
	places  []uint32       // the cell of each, or noCell
	ends    []uint32       // the cells that have one of them at their end, and are visible from then on
	late    [][]lateEvent  // for each window what of them is in no cell
	left    []int          // scratch, as value is
	of      aggregate.Value
}

// New makes a part that no event was added to.
func (s *Spec) New(r *Requests) *Part { return s.Renew(nil, r) }

// Renew is New in the memory of a part that has given its results, and is not used
// any more; nil: there is none.
func (s *Spec) Renew(old *Part, r *Requests) *Part {
	if old == nil {
		old = &Part{cells: &cells{}}
	}
	p := &Part{spec: s, requests: r, cells: newCells(s, r, old.cells), kernels: s.kernels(), late: make([]sync.Mutex, len(s.Windows))}
	for i := range p.kernels {
		var states states
		if i < len(old.kernels) {
			states = old.kernels[i].states
		}
		k := &p.kernels[i]
		k.states = k.make(s, len(p.cells.ends), len(r.Times), states)
	}
	if s.Rule.Available {
		p.asked = newFinder(r.Starts, r.Times)
	}
	if s.Rule.Delay == 0 {
		p.ends = zeros(old.ends, len(p.cells.ends))
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

// Place is the first half of Add: it finds what the events change, and changes nothing.
func (p *Part) Place(b *Batch, keys []uint32, events, visible []feature.Time, v *Values) {
	if v == nil {
		v = &Values{}
	}
	*b = Batch{
		Values: v, keys: keys, events: events, visible: visible,
		places: b.places[:0], ends: b.ends[:0], late: slices.Grow(b.late[:0], len(p.late))[:len(p.late)], left: b.left[:0],
	}
	for w := range b.late {
		b.late[w] = b.late[w][:0]
	}
	for i, key := range keys {
		e := events[i]
		cell := noCell
		if visible == nil || visible[i] <= e.Add(p.spec.Rule.Delay) || !p.isLate(b, i) {
			cell = p.cells.of(key, e)
		}
		if cell != noCell && p.cells.ends[cell] == e && p.ends != nil {
			b.ends = append(b.ends, cell)
		}
		b.places = append(b.places, cell)
	}
}

// Put is the second half of Add: it adds a batch that was placed in this part.
func (p *Part) Put(b *Batch) {
	p.PutInCells(b)
	p.PutLate(b)
}

// PutInCells is the first half of Put, and adds those events that cells hold.
func (p *Part) PutInCells(b *Batch) {
	p.mu.Lock()
	for _, cell := range b.ends {
		p.ends[cell] = true
	}
	for i := range p.kernels {
		p.kernels[i].add(p, b, p.kernels[i].input)
	}
	p.mu.Unlock()
}

// PutLate is the second half of Put, and adds those events that are late. Where others put, too, each takes what is free first: one
// key may have half of all events.
func (p *Part) PutLate(b *Batch) {
	for w := range b.late {
		if len(b.late[w]) > 0 {
			b.left = append(b.left, w)
		}
	}
	for len(b.left) > 0 {
		at := slices.IndexFunc(b.left, func(w int) bool { return p.late[w].TryLock() })
		if at < 0 {
			at = 0
			p.late[b.left[at]].Lock()
		}
		w := b.left[at]
		p.putLate(b, w)
		p.late[w].Unlock()
		b.left = slices.Delete(b.left, at, at+1)
	}
}

func (p *Part) putLate(b *Batch, window int) {
	for i := range p.kernels {
		if k := &p.kernels[i]; k.windows[window] {
			k.addLate(b, k.input, window)
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

// value gives value i of an input, which is not null, valid until the next call.
func (b *Batch) value(input, i int) *aggregate.Value {
	v := &b.of
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

// isLate notes the requests that event i of a batch counts for, where it is visible to fewer of them than its
// cell tells; false: it is not, and nothing was noted.
func (p *Part) isLate(b *Batch, i int) bool {
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
		b.late[w] = append(b.late[w], lateEvent{stretch{from, to, end}, uint32(i)})
	}
	return true
}

// lateEvent is an event of a batch that counts for a stretch of requests.
type lateEvent struct {
	stretch
	event uint32
}

// stretch is some of the requests of a key, by their numbers in the part.
type stretch struct {
	from, to uint32
	end      uint32 // of all of the key's
}

// runs gives, for each window, the cells that it covers at each request.
func (p *Part) runs() []asked {
	n := len(p.requests.Times)
	heads := make([]uint32, n) // the cells that end no later than what is visible
	for k := range len(p.requests.Starts) - 1 {
		head, end := p.cells.starts[k], p.cells.starts[k+1]
		for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
			if until, ok := headOf(p.spec.Rule, p.requests.Times[i]); ok {
				for head < end && p.cells.ends[head] <= until {
					head++
				}
			}
			heads[i] = head
		}
	}
	all := make([]asked, len(p.spec.Windows))
	for w := range all {
		lo, hi := make([]uint32, n), make([]uint32, n)
		for k := range len(p.requests.Starts) - 1 {
			tail, end := p.cells.starts[k], p.cells.starts[k+1]
			for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
				for first := p.cells.firsts[w][i]; tail < end && p.cells.ends[tail] < first; {
					tail++
				}
				lo[i], hi[i] = tail, max(tail, heads[i])
			}
		}
		all[w] = asked{window: w, lo: lo, hi: hi}
	}
	return all
}

// zeros gives a number of zero values, in the memory of others where it is enough.
func zeros[T any](old []T, n int) []T {
	if cap(old) < n {
		return make([]T, n, n+n/8)
	}
	clear(old[:n])
	return old[:n]
}

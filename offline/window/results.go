package window

import (
	"sync/atomic"

	"github.com/quiver-features/quiver/feature"
)

// Counts is what is to be told of a part's results.
type Counts struct {
	Overflows []int64 // of each output, how many sums were out of range and are null
	Matched   []bool  // of each request, whether some window has a value
	SameTime  []bool  // likewise, whether an event of its own instant is in its windows
	// Own is, of each output without a fixed width, its values, one for each request; of
	// the others nil.
	Own []*feature.Column
	// LeftOut is how many of the values in Own are missing, as there was no room for them.
	LeftOut int
}

// Results writes the outputs of all requests: those of request i to position at+i of
// each column, which are of the outputs' types, are null there, and may be written
// to by other parts elsewhere. Outputs without a fixed width are in Counts.Own instead, in
// about as many bytes as there is room for, which other parts may take from at the same time. A part is done with when it was called.
func (p *Part) Results(dst []*feature.Column, at int, room *atomic.Int64) Counts {
	n := len(p.requests.Times)
	told := Counts{
		Overflows: make([]int64, len(p.spec.Outputs)), Own: make([]*feature.Column, len(p.spec.Outputs)),
		Matched: make([]bool, n), SameTime: make([]bool, n),
	}
	for i := range p.kernels {
		k := &p.kernels[i]
		if c, ok := k.states.(*counts); ok && c.beside != nil {
			c.beside.outputs, k.outputs = append(c.beside.outputs, k.outputs...), nil
		}
	}
	runs := p.runs()
	if p.ends != nil {
		for _, w := range runs {
			for i, t := range p.requests.Times {
				if w.hi[i] > w.lo[i] && p.ends[w.hi[i]-1] && p.cells.ends[w.hi[i]-1] == t {
					told.SameTime[i] = true
				}
			}
		}
	}
	for k := range p.kernels {
		windows := p.windowsOf(k, runs, func(i int) *answer {
			return newAnswer(p.spec.Outputs[i], dst[i], at, told.Matched, &told.Overflows[i], &told.Own[i], room)
		})
		if len(windows) > 0 {
			p.kernels[k].answer(p, windows)
		}
		for _, w := range windows {
			for _, o := range w.outputs {
				o.end()
				told.LeftOut += o.leftOut
			}
		}
	}
	return told
}

// windowsOf gives those of the windows that a kernel's outputs are wanted of, with these.
func (p *Part) windowsOf(kernel int, runs []asked, answerOf func(output int) *answer) []asked {
	var windows []asked
	for _, w := range runs {
		for _, i := range p.kernels[kernel].outputs {
			if p.spec.Outputs[i].Window == w.window {
				w.outputs = append(w.outputs, answerOf(i))
			}
		}
		if len(w.outputs) > 0 {
			windows = append(windows, w)
		}
	}
	return windows
}

// answer is one output on its way to its column.
type answer struct {
	Output
	what      what
	dst       *feature.Column
	valid     []bool    // of dst, from at on; nil: values have no fixed width
	int64s    []int64   // likewise; nil: it is of another type
	float64s  []float64 // likewise
	at        int
	matched   []bool
	overflows *int64
	own       **feature.Column // of those that append, values of the requests so far
	bytes     int64            // of own
	room      *atomic.Int64    // bytes that are left for own of all outputs; less than 0: for none
	leftOut   int              // values
}

// what tells functions apart where it is asked for every value.
type what uint8

const (
	ofTotal what = iota
	ofCount
	ofLeast
	ofMost
)

func newAnswer(o Output, dst *feature.Column, at int, matched []bool, overflows *int64, own **feature.Column, room *atomic.Int64) *answer {
	a := &answer{Output: o, dst: dst, at: at, matched: matched, overflows: overflows, own: own, room: room}
	switch o.Function {
	case feature.Count:
		a.what = ofCount
	case feature.Min:
		a.what = ofLeast
	case feature.Max:
		a.what = ofMost
	}
	switch to := at + len(matched); {
	case dst.Offsets != nil:
		return a
	case dst.Int64s != nil:
		a.int64s = dst.Int64s[at:to]
	case dst.Float64s != nil:
		a.float64s = dst.Float64s[at:to]
	}
	a.valid = dst.Valid[at : at+len(matched)]
	return a
}

// appending gives the column that a kernel appends the values of all requests to, in their
// order, in place of writing words.
func (a *answer) appending() *feature.Column {
	if *a.own == nil {
		*a.own = feature.NewColumn(a.dst.Type, len(a.matched))
	}
	return *a.own
}

// full tells whether there is no room for another value. It is left out then. Those of a
// fixed width always have their place.
func (a *answer) full() bool {
	if a.dst.Offsets == nil || a.room.Load() >= 0 {
		return false
	}
	a.leftOut++
	a.appending().AppendNull()
	return true
}

// appended takes what was appended since the last call from the room.
func (a *answer) appended() {
	own := *a.own
	if own.Offsets == nil {
		return
	}
	bytes := own.Size()
	a.room.Add(a.bytes - bytes)
	a.bytes = bytes
}

// end copies what was appended to its place, where values have a fixed width.
func (a *answer) end() {
	own := *a.own
	if own == nil || own.Offsets != nil {
		return
	}
	*a.own = nil
	for i := range own.Len() {
		a.dst.Valid[a.at+i] = !own.IsNull(i)
	}
	if own.Bools != nil {
		copy(a.dst.Bools[a.at:], own.Bools)
	}
	if own.Int32s != nil {
		copy(a.dst.Int32s[a.at:], own.Int32s)
	}
	if own.Int64s != nil {
		copy(a.dst.Int64s[a.at:], own.Int64s)
	}
	if own.Float32s != nil {
		copy(a.dst.Float32s[a.at:], own.Float32s)
	}
	if own.Float64s != nil {
		copy(a.dst.Float64s[a.at:], own.Float64s)
	}
}

// write writes what a request's window of n values gives, as a word.
func (a *answer) write(request int, n, word int64, ok bool) {
	if n > 0 {
		a.matched[request] = true
	}
	if !ok {
		if n > 0 && a.Function == feature.Sum {
			*a.overflows++
		}
		return
	}
	a.valid[request] = true
	switch {
	case a.float64s != nil:
		a.float64s[request] = floatOf(word)
	case a.int64s != nil:
		a.int64s[request] = word
	default:
		a.writeShort(a.at+request, word)
	}
}

func (a *answer) writeShort(at int, word int64) {
	switch a.dst.Type.Kind {
	case feature.Float32:
		a.dst.Float32s[at] = float32(floatOf(word))
	case feature.Int32, feature.Date:
		a.dst.Int32s[at] = int32(word)
	default:
		a.dst.Bools[at] = word != 0
	}
}

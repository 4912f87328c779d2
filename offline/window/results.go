package window

import (
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
}

// Results writes the outputs of all requests: those of request i to position at+i of
// each column, which are of the outputs' types, are null there, and may be written
// to by other parts elsewhere. Outputs without a fixed width are in Counts.Own instead. A
// part is done with when it was called.
func (p *Part) Results(dst []*feature.Column, at int) Counts {
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
	runs := make([]asked, len(p.spec.Windows))
	for w := range runs {
		lo, hi := p.runs(w)
		runs[w] = asked{window: w, lo: lo, hi: hi}
		for i, t := range p.requests.Times {
			if p.ends != nil && hi[i] > lo[i] && p.ends[hi[i]-1] && p.cells.ends[hi[i]-1] == t {
				told.SameTime[i] = true
			}
		}
	}
	for k := range p.kernels {
		windows := p.windowsOf(k, runs, func(i int) *answer {
			return &answer{Output: p.spec.Outputs[i], dst: dst[i], at: at, matched: told.Matched, overflows: &told.Overflows[i], own: &told.Own[i]}
		})
		if len(windows) > 0 {
			p.kernels[k].answer(p, windows)
		}
		for _, w := range windows {
			for _, o := range w.outputs {
				o.end()
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
	dst       *feature.Column
	at        int
	matched   []bool
	overflows *int64
	own       **feature.Column // of those that append, values of the requests so far
}

// appending gives the column that a kernel appends the values of all requests to, in their
// order, in place of writing words.
func (a *answer) appending() *feature.Column {
	if *a.own == nil {
		*a.own = feature.NewColumn(a.dst.Type, len(a.matched))
	}
	return *a.own
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
	a.matched[request] = a.matched[request] || n > 0
	if !ok {
		if n > 0 && a.Function == feature.Sum {
			*a.overflows++
		}
		return
	}
	at := a.at + request
	a.dst.Valid[at] = true
	switch a.dst.Type.Kind {
	case feature.Float64:
		a.dst.Float64s[at] = floatOf(word)
	case feature.Float32:
		a.dst.Float32s[at] = float32(floatOf(word))
	case feature.Int32, feature.Date:
		a.dst.Int32s[at] = int32(word)
	case feature.Bool:
		a.dst.Bools[at] = word != 0
	default:
		a.dst.Int64s[at] = word
	}
}

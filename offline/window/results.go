package window

import (
	"github.com/quiver-features/quiver/feature"
)

// Counts is what is to be told of a part's results.
type Counts struct {
	Overflows []int64 // of each output, how many sums were out of range and are null
	Matched   []bool  // of each request, whether some window has a value
	SameTime  []bool  // likewise, whether an event of its own instant is in its windows
}

// Results writes the outputs of all requests: those of request i to position at+i of
// each column, which are of the outputs' types, are null there, and may be written
// to by other parts elsewhere. A part is done with when it was called.
func (p *Part) Results(dst []*feature.Column, at int) Counts {
	n := len(p.requests.Times)
	told := Counts{Overflows: make([]int64, len(p.spec.Outputs)), Matched: make([]bool, n), SameTime: make([]bool, n)}
	for w := range p.spec.Windows {
		lo, hi := p.runs(w)
		for i, t := range p.requests.Times {
			if p.ends != nil && hi[i] > lo[i] && p.ends[hi[i]-1] && p.cells.ends[hi[i]-1] == t {
				told.SameTime[i] = true
			}
		}
		for in := range p.inputs {
			var outputs []*answer
			for i, o := range p.spec.Outputs {
				if o.Window == w && o.Input == in {
					outputs = append(outputs, &answer{
						function: o.Function, dst: dst[i], at: at, matched: told.Matched, overflows: &told.Overflows[i],
					})
				}
			}
			if len(outputs) > 0 {
				p.inputs[in].answer(p, w, lo, hi, outputs)
			}
		}
	}
	return told
}

// answer is one output on its way to its column.
type answer struct {
	function  feature.Function
	dst       *feature.Column
	at        int
	matched   []bool
	overflows *int64
}

// write writes what a request's window of n values gives, as a word.
func (a *answer) write(request int, n, word int64, ok bool) {
	a.matched[request] = a.matched[request] || n > 0
	if !ok {
		if n > 0 && a.function == feature.Sum {
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

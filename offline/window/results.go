package window

import (
	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// Counts is what is to be told of a part's results.
type Counts struct {
	Overflows []int64 // of each output, how many sums were out of range and are null
	Matched   []bool  // of each request, whether some window has a value
	SameTime  []bool  // likewise, whether an event of its own instant is in its windows
}

// Results writes the outputs of all requests: those of request i to position at+i of
// each column, which are of the outputs' types, are null there, and may be written to by other parts elsewhere. A part is
// done with when it was called.
func (p *Part) Results(dst []*feature.Column, at int) Counts {
	n := len(p.requests.Times)
	told := Counts{Overflows: make([]int64, len(p.spec.Outputs)), Matched: make([]bool, n), SameTime: make([]bool, n)}
	counts := make([]int64, n)
	for w := range p.spec.Windows {
		lo, hi := p.runs(w)
		for i, t := range p.requests.Times {
			if p.ends != nil && hi[i] > lo[i] && p.ends[hi[i]-1] && p.cells.ends[hi[i]-1] == t {
				told.SameTime[i] = true
			}
		}
		for n := range p.inputs {
			counted := false
			for i, o := range p.spec.Outputs {
				if o.Window != w || o.Input != n {
					continue
				}
				if !counted {
					p.inputs[n].counts.each(p, w, lo, hi, func(request int, c *counter) {
						counts[request] = int64(*c)
						told.Matched[request] = told.Matched[request] || *c > 0
					})
					counted = true
				}
				r := result{part: p, window: w, lo: lo, hi: hi, counts: counts, dst: dst[i], at: at}
				r.write(o.Function, &p.inputs[n])
				told.Overflows[i] = r.overflows
			}
		}
	}
	return told
}

// result is one output on its way to its column.
type result struct {
	part      *Part
	window    int
	lo, hi    []uint32
	counts    []int64
	dst       *feature.Column
	at        int
	overflows int64
}

func (r *result) write(f feature.Function, s *states) {
	switch f {
	case feature.Count:
		for i, n := range r.counts {
			r.dst.Int64s[r.at+i], r.dst.Valid[r.at+i] = n, true
		}
	case feature.Sum:
		r.sum(s)
	case feature.Mean:
		r.mean(s)
	case feature.Min:
		s.least.each(r.part, r.window, r.lo, r.hi, r.extreme)
	case feature.Max:
		s.most.each(r.part, r.window, r.lo, r.hi, r.extreme)
	case feature.Variance:
		r.spread(s, (*aggregate.Moments).Variance, (*aggregate.IntMoments).Variance)
	case feature.Stddev:
		r.spread(s, (*aggregate.Moments).Stddev, (*aggregate.IntMoments).Stddev)
	}
}

func (r *result) spread(s *states, floats func(*aggregate.Moments) (float64, bool), ints func(*aggregate.IntMoments) (float64, bool)) {
	if s.moments != nil {
		s.moments.each(r.part, r.window, r.lo, r.hi, func(i int, m *aggregate.Moments) { r.float(i)(floats(m)) })
		return
	}
	s.squares.each(r.part, r.window, r.lo, r.hi, func(i int, m *aggregate.IntMoments) { r.float(i)(ints(m)) })
}

func (r *result) sum(s *states) {
	if s.floats != nil {
		s.floats.each(r.part, r.window, r.lo, r.hi, func(i int, sum *aggregate.Sum) { r.float(i)(sum.Float64(), r.counts[i] > 0) })
		return
	}
	s.ints.each(r.part, r.window, r.lo, r.hi, func(i int, sum *aggregate.IntSum) {
		v, ok := sum.Int64()
		if !ok {
			r.overflows++
		}
		r.dst.Valid[r.at+i] = ok && r.counts[i] > 0
		if r.dst.Valid[r.at+i] {
			r.dst.Int64s[r.at+i] = v
		}
	})
}

func (r *result) mean(s *states) {
	if s.floats != nil {
		s.floats.each(r.part, r.window, r.lo, r.hi, func(i int, sum *aggregate.Sum) {
			if n := r.counts[i]; n > 0 {
				r.float(i)(sum.Mean(n), true)
			}
		})
		return
	}
	s.ints.each(r.part, r.window, r.lo, r.hi, func(i int, sum *aggregate.IntSum) {
		if n := r.counts[i]; n > 0 {
			r.float(i)(sum.Mean(n), true)
		}
	})
}

// float writes a request's value where ok.
func (r *result) float(i int) func(v float64, ok bool) {
	return func(v float64, ok bool) {
		if r.dst.Valid[r.at+i] = ok; ok {
			r.dst.Float64s[r.at+i] = v
		}
	}
}

func (r *result) extreme(i int, key int64) {
	at := r.at + i
	if r.dst.Valid[at] = r.counts[i] > 0; !r.dst.Valid[at] {
		return
	}
	switch r.dst.Type.Kind {
	case feature.Float64:
		r.dst.Float64s[at] = aggregate.KeyFloat(key)
	case feature.Float32:
		r.dst.Float32s[at] = float32(aggregate.KeyFloat(key))
	case feature.Int32, feature.Date:
		r.dst.Int32s[at] = int32(key)
	case feature.Bool:
		r.dst.Bools[at] = key != 0
	default:
		r.dst.Int64s[at] = key
	}
}

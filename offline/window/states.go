package window

import (
	"math"
	"unsafe"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// states are what is kept of one input: what the outputs over it are computed of.
// What is not needed is nil.
type states struct {
	counts  *summed[counter, *counter]
	ints    *summed[aggregate.IntSum, *aggregate.IntSum]
	floats  *summed[aggregate.Sum, *aggregate.Sum]
	moments *summed[aggregate.Moments, *aggregate.Moments]
	squares *summed[aggregate.IntMoments, *aggregate.IntMoments]
	least   *extremes
	most    *extremes
}

// counter is how many values there are.
type counter int64

// Merge adds what o has counted.
func (c *counter) Merge(o *counter) { *c += *o }

// Unmerge takes it away again.
func (c *counter) Unmerge(o *counter) { *c -= *o }

func newStates(s *Spec, input, cells int) states {
	windows := len(s.Windows)
	st := states{counts: newSummed[counter](cells, windows, func(c *counter, _ int64) { *c++ })}
	t := s.Inputs[input].Type
	for _, o := range s.Outputs {
		if o.Input != input {
			continue
		}
		switch {
		case o.Function == feature.Min && st.least == nil:
			st.least = newExtremes(cells, windows, t, false)
		case o.Function == feature.Max && st.most == nil:
			st.most = newExtremes(cells, windows, t, true)
		case (o.Function == feature.Sum || o.Function == feature.Mean) && isFloat(t) && st.floats == nil:
			st.floats = newSummed[aggregate.Sum](cells, windows, func(s *aggregate.Sum, word int64) { s.Add(floatOf(word)) })
		case (o.Function == feature.Sum || o.Function == feature.Mean) && !isFloat(t) && st.ints == nil:
			st.ints = newSummed[aggregate.IntSum](cells, windows, (*aggregate.IntSum).Add)
		case (o.Function == feature.Variance || o.Function == feature.Stddev) && isFloat(t) && st.moments == nil:
			st.moments = newSummed[aggregate.Moments](cells, windows, func(m *aggregate.Moments, word int64) { m.Add(floatOf(word)) })
		case (o.Function == feature.Variance || o.Function == feature.Stddev) && !isFloat(t) && st.squares == nil:
			st.squares = newSummed[aggregate.IntMoments](cells, windows, (*aggregate.IntMoments).Add)
		}
	}
	return st
}

// bytes gives the bytes of one of each.
func (s *states) bytes() int64 {
	n := int64(unsafe.Sizeof(counter(0)))
	if s.ints != nil {
		n += int64(unsafe.Sizeof(aggregate.IntSum{}))
	}
	if s.floats != nil {
		n += int64(unsafe.Sizeof(aggregate.Sum{}))
	}
	if s.moments != nil {
		n += int64(unsafe.Sizeof(aggregate.Moments{}))
	}
	if s.squares != nil {
		n += int64(unsafe.Sizeof(aggregate.IntMoments{}))
	}
	if s.least != nil {
		n += 8
	}
	if s.most != nil {
		n += 8
	}
	return n
}

func isFloat(t feature.Type) bool { return t.Kind == feature.Float32 || t.Kind == feature.Float64 }

func floatOf(word int64) float64 { return math.Float64frombits(uint64(word)) }

// add adds values to cells; words is nil where rows are counted.
func (s *states) add(places []uint32, words []int64, null []bool) {
	s.counts.add(places, words, null)
	if s.ints != nil {
		s.ints.add(places, words, null)
	}
	if s.floats != nil {
		s.floats.add(places, words, null)
	}
	if s.moments != nil {
		s.moments.add(places, words, null)
	}
	if s.squares != nil {
		s.squares.add(places, words, null)
	}
	if s.least != nil {
		s.least.add(places, words, null)
	}
	if s.most != nil {
		s.most.add(places, words, null)
	}
}

// addLate adds a value to a stretch of requests.
func (s *states) addLate(p *Part, window int, r stretch, word int64) {
	n := len(p.requests.Times)
	s.counts.addLate(n, window, r, word)
	if s.ints != nil {
		s.ints.addLate(n, window, r, word)
	}
	if s.floats != nil {
		s.floats.addLate(n, window, r, word)
	}
	if s.moments != nil {
		s.moments.addLate(n, window, r, word)
	}
	if s.squares != nil {
		s.squares.addLate(n, window, r, word)
	}
	if s.least != nil {
		s.least.addLate(n, window, r, word)
	}
	if s.most != nil {
		s.most.addLate(n, window, r, word)
	}
}

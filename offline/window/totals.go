package window

import (
	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// nothing is the total where only extremes are wanted.
type nothing struct{}

// Merge implements total.
func (*nothing) Merge(*nothing) {}

// Unmerge implements total.
func (*nothing) Unmerge(*nothing) {}

func (*nothing) put(int64)                                 {}
func (*nothing) get(feature.Function, int64) (int64, bool) { return 0, false }

type intSum struct{ aggregate.IntSum }

// Merge implements total.
func (s *intSum) Merge(o *intSum) { s.IntSum.Merge(&o.IntSum) }

// Unmerge implements total.
func (s *intSum) Unmerge(o *intSum) { s.IntSum.Unmerge(&o.IntSum) }

func (s *intSum) put(word int64) { s.Add(word) }

func (s *intSum) get(f feature.Function, n int64) (int64, bool) {
	if f == feature.Sum {
		return s.Int64()
	}
	return wordOf(s.Mean(n)), true
}

type floatSum struct{ aggregate.Sum }

// Merge implements total.
func (s *floatSum) Merge(o *floatSum) { s.Sum.Merge(&o.Sum) }

// Unmerge implements total.
func (s *floatSum) Unmerge(o *floatSum) { s.Sum.Unmerge(&o.Sum) }

func (s *floatSum) put(word int64) { s.Add(floatOf(word)) }

func (s *floatSum) get(f feature.Function, n int64) (int64, bool) { //nolint:unparam // as total asks
	if f == feature.Sum {
		return wordOf(s.Float64()), true
	}
	return wordOf(s.Mean(n)), true
}

type intMoments struct{ aggregate.IntMoments }

// Merge implements total.
func (m *intMoments) Merge(o *intMoments) { m.IntMoments.Merge(&o.IntMoments) }

// Unmerge implements total.
func (m *intMoments) Unmerge(o *intMoments) { m.IntMoments.Unmerge(&o.IntMoments) }

func (m *intMoments) put(word int64) { m.Add(word) }

func (m *intMoments) get(f feature.Function, n int64) (int64, bool) {
	sum := m.Sum()
	switch f {
	case feature.Sum:
		return sum.Int64()
	case feature.Mean:
		return wordOf(sum.Mean(n)), true
	case feature.Variance:
		v, ok := m.Variance()
		return wordOf(v), ok
	default:
		v, ok := m.Stddev()
		return wordOf(v), ok
	}
}

type floatMoments struct{ aggregate.Moments }

// Merge implements total.
func (m *floatMoments) Merge(o *floatMoments) { m.Moments.Merge(&o.Moments) }

// Unmerge implements total.
func (m *floatMoments) Unmerge(o *floatMoments) { m.Moments.Unmerge(&o.Moments) }

func (m *floatMoments) put(word int64) { m.Add(floatOf(word)) }

func (m *floatMoments) get(f feature.Function, _ int64) (int64, bool) {
	var v float64
	var ok bool
	switch f {
	case feature.Sum:
		v, ok = m.Sum(), true
	case feature.Mean:
		v, ok = m.Mean()
	case feature.Variance:
		v, ok = m.Variance()
	default:
		v, ok = m.Stddev()
	}
	return wordOf(v), ok
}

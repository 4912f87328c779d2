package aggregate

import "math/bits"

// IntMoments are the number, the sum and the sum of squares of int64 values, which
// are exact for fewer than 2^62 of them. The zero value is that of no values. It may be
// copied.
type IntMoments struct {
	n       int64
	sum     IntSum
	squares [3]uint64 // signed
}

// Add adds v.
func (m *IntMoments) Add(v int64) {
	m.n++
	m.sum.Add(v)
	hi, lo := square(v)
	var c uint64
	m.squares[0], c = bits.Add64(m.squares[0], lo, 0)
	m.squares[1], c = bits.Add64(m.squares[1], hi, c)
	m.squares[2] += c
}

// Sub takes v away, as if it had never been added.
func (m *IntMoments) Sub(v int64) {
	m.n--
	m.sum.Sub(v)
	hi, lo := square(v)
	var c uint64
	m.squares[0], c = bits.Sub64(m.squares[0], lo, 0)
	m.squares[1], c = bits.Sub64(m.squares[1], hi, c)
	m.squares[2] -= c
}

func square(v int64) (hi, lo uint64) {
	u := uint64(v)
	if v < 0 {
		u = -u
	}
	return bits.Mul64(u, u)
}

// Merge adds all that was added to o.
func (m *IntMoments) Merge(o *IntMoments) {
	m.n += o.n
	m.sum.Merge(&o.sum)
	addSigned(m.squares[:], 0, o.squares[:])
}

// Unmerge takes away all that was added to o: the exact inverse of Merge.
func (m *IntMoments) Unmerge(o *IntMoments) {
	m.n -= o.n
	m.sum.Unmerge(&o.sum)
	subSigned(m.squares[:], o.squares[:])
}

// Reset makes it the state of no values.
func (m *IntMoments) Reset() { *m = IntMoments{} }

// IsZero tells whether it is the state of no values.
func (m *IntMoments) IsZero() bool { return *m == IntMoments{} }

// Count is the number of values.
func (m *IntMoments) Count() int64 { return m.n }

// Sum gives the exact sum.
func (m *IntMoments) Sum() IntSum { return m.sum }

// Mean gives the exact mean, rounded once; ok is false where there is no value.
func (m *IntMoments) Mean() (v float64, ok bool) {
	if m.n <= 0 {
		return 0, false
	}
	return m.sum.Mean(m.n), true
}

// Variance gives the sample variance (the divisor is n-1), exact but for one
// rounding; ok is false for fewer than two values.
func (m *IntMoments) Variance() (v float64, ok bool) {
	if m.n < 2 {
		return 0, false
	}
	var room intDeviation
	x, rest := m.deviate(&room)
	return round(x, -64*deviationLimbs, rest), true
}

// Stddev gives the sample standard deviation, the root of the exact variance, rounded
// once; ok is false for fewer than two values.
func (m *IntMoments) Stddev() (v float64, ok bool) {
	if m.n < 2 {
		return 0, false
	}
	var room intDeviation
	x, rest := m.deviate(&room)
	return root(x, -64*deviationLimbs, rest), true
}

type intDeviation [4 + 4 + 1 + deviationLimbs]uint64

func (m *IntMoments) deviate(room *intDeviation) (x []uint64, rest bool) {
	sum, _ := m.sum.magnitude()
	squares := [4]uint64{m.squares[0], m.squares[1], m.squares[2]}
	return variance(room[:], sum[:], squares[:], uint64(m.n))
}

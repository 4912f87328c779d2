package aggregate

import (
	"math"
	"math/bits"
)

// Sum is the exact sum of float64 values: a fixed-point number that is wide enough
// for all of them, so that order and grouping change nothing. The zero value is the
// sum of nothing. NaN and the infinities are counted beside the sum, so that
// taking them away again leaves no trace.
//
// A Sum is 32 bytes and may be copied. Values of ordinary size, multiples of 2^-108
// (all with a magnitude of at least 2^-56) below 2^83, and sums up to 2^83 stand in it;
// what goes beyond takes memory behind a pointer, which is replaced and never
// changed.
type Sum struct {
	near [sumLimbs]uint64 // signed, in units of 2^sumExp
	far  *far             // nil: nothing
}

const (
	sumLimbs = 3
	sumExp   = -108

	// The far part reaches from below the least subnormal, 2^-1074, to beyond
	// 2^1024 × 2^63; the near part's limbs begin at its limb farAt.
	farLimbs = 35
	farAt    = 16
	farExp   = sumExp - 64*farAt

	// The bits of a float64 with exponent field e and mantissa m, of 53 bits, are
	// m × 2^(e - floatBias).
	floatBias = 1075
)

// far is what has no place in the near part. It is never changed once it is made,
// as copies of a Sum share it.
type far struct {
	nan, plus, minus int64             // how many NaN, +Inf and -Inf
	limbs            *[farLimbs]uint64 // signed, in units of 2^farExp; nil: zero
}

// Add adds v.
func (s *Sum) Add(v float64) {
	if !s.put(math.Float64bits(v)) {
		s.addFar(v, 1)
	}
}

// Sub takes v away, as if it had never been added.
func (s *Sum) Sub(v float64) {
	if !s.put(math.Float64bits(v) ^ 1<<63) {
		s.addFar(v, -1)
	}
}

// put adds the float64 with the bits b to the near part; false: it has no place
// there, and nothing was done.
func (s *Sum) put(b uint64) bool {
	at := uint(b>>52&0x7ff) - (floatBias + sumExp)
	if at > 64*sumLimbs-1-53 {
		return b<<1 == 0
	}
	m := b&(1<<52-1) | 1<<52
	sign := uint64(int64(b) >> 63)
	// m << at, over three limbs, negated by the sign. Shifts by 64 and more, and
	// by less than nothing, give zero.
	x0 := m<<at ^ sign
	x1 := (m>>(64-at) | m<<(at-64)) ^ sign
	x2 := (m>>(128-at) | m<<(at-128)) ^ sign
	y0, carry := bits.Add64(s.near[0], x0, sign&1)
	y1, carry := bits.Add64(s.near[1], x1, carry)
	y2 := s.near[2] + x2 + carry
	if int64((y2^x2)&(y2^s.near[2])) < 0 {
		return false
	}
	s.near = [sumLimbs]uint64{y0, y1, y2}
	return true
}

// addFar adds v n times, n being 1 or -1, by way of the far part.
func (s *Sum) addFar(v float64, n int64) {
	var f far
	switch {
	case math.IsNaN(v):
		f.nan = n
	case math.IsInf(v, 1):
		f.plus = n
	case math.IsInf(v, -1):
		f.minus = n
	default:
		m, exp := parts(v)
		f.limbs = new([farLimbs]uint64)
		addBits(f.limbs[:], 0, m, uint(exp-farExp), math.Signbit(v) != (n < 0))
		s.spill(&f)
	}
	s.mergeFar(&f)
}

// parts gives |v| of a finite v as m × 2^exp.
func parts(v float64) (m uint64, exp int) {
	b := math.Float64bits(v)
	m, exp = b&(1<<52-1), int(b>>52&0x7ff)
	if exp == 0 {
		return m, 1 - floatBias
	}
	return m | 1<<52, exp - floatBias
}

// spill moves the near part to f.
func (s *Sum) spill(f *far) {
	addSigned(f.limbs[:], farAt, s.near[:])
	s.near = [sumLimbs]uint64{}
}

// mergeFar adds o to the far part.
func (s *Sum) mergeFar(o *far) { s.joinFar(o, 1) }

// joinFar adds o to the far part or, where n is -1, subtracts it.
func (s *Sum) joinFar(o *far, n int64) {
	if o == nil {
		return
	}
	switch {
	case s.far == nil && n > 0:
		s.far = o
		return
	case s.far == o && n < 0: // as in a running sum, where nothing far came since
		s.far = nil
		return
	}
	var f far
	if s.far != nil {
		f = *s.far
	}
	f.nan, f.plus, f.minus = f.nan+n*o.nan, f.plus+n*o.plus, f.minus+n*o.minus
	if o.limbs != nil {
		limbs := new([farLimbs]uint64)
		if f.limbs != nil {
			*limbs = *f.limbs
		}
		if n > 0 {
			addSigned(limbs[:], 0, o.limbs[:])
		} else {
			subSigned(limbs[:], o.limbs[:])
		}
		f.limbs = limbs
		if isZero(limbs[:]) {
			f.limbs = nil
		}
	}
	if f == (far{}) {
		s.far = nil
		return
	}
	s.far = &f
}

// Merge adds all that was added to o.
func (s *Sum) Merge(o *Sum) {
	of := o.far
	a, b := s.near, o.near
	var carry uint64
	s.near[0], carry = bits.Add64(a[0], b[0], 0)
	s.near[1], carry = bits.Add64(a[1], b[1], carry)
	s.near[2] = a[2] + b[2] + carry
	if int64((s.near[2]^a[2])&(s.near[2]^b[2])) < 0 {
		f := far{limbs: new([farLimbs]uint64)}
		addSigned(f.limbs[:], farAt, a[:])
		addSigned(f.limbs[:], farAt, b[:])
		s.near = [sumLimbs]uint64{}
		s.mergeFar(&f)
	}
	s.joinFar(of, 1)
}

// Unmerge takes away all that was added to o: the exact inverse of Merge.
func (s *Sum) Unmerge(o *Sum) {
	of := o.far
	a, b := s.near, o.near
	var borrow uint64
	s.near[0], borrow = bits.Sub64(a[0], b[0], 0)
	s.near[1], borrow = bits.Sub64(a[1], b[1], borrow)
	s.near[2] = a[2] - b[2] - borrow
	if int64((a[2]^b[2])&(s.near[2]^a[2])) < 0 {
		f := far{limbs: new([farLimbs]uint64)}
		addSigned(f.limbs[:], farAt, b[:])
		negate(f.limbs[:])
		addSigned(f.limbs[:], farAt, a[:])
		s.near = [sumLimbs]uint64{}
		s.mergeFar(&f)
	}
	s.joinFar(of, -1)
}

// Reset makes it the sum of nothing.
func (s *Sum) Reset() { *s = Sum{} }

// IsZero tells whether it is the state of no values: the exact sum is zero, and no
// NaN and no infinity is in it.
func (s *Sum) IsZero() bool {
	if s.far == nil {
		return s.near == [sumLimbs]uint64{}
	}
	var buf [farLimbs]uint64
	x, _ := s.total(&buf)
	return s.far.nan == 0 && s.far.plus == 0 && s.far.minus == 0 && isZero(x)
}

// total gives the exact sum of the finite values as a signed number in units of
// 2^exp. It stands in buf.
func (s *Sum) total(buf *[farLimbs]uint64) (x []uint64, exp int) {
	if s.far == nil || s.far.limbs == nil {
		copy(buf[:], s.near[:])
		return buf[:sumLimbs], sumExp
	}
	*buf = *s.far.limbs
	addSigned(buf[:], farAt, s.near[:])
	return buf[:], farExp
}

// special gives the value of a sum that is not a finite number.
func (s *Sum) special() (v float64, ok bool) {
	switch f := s.far; {
	case f == nil:
		return 0, false
	case f.nan != 0 || f.plus != 0 && f.minus != 0:
		return math.NaN(), true
	case f.plus != 0:
		return math.Inf(1), true
	case f.minus != 0:
		return math.Inf(-1), true
	default:
		return 0, false
	}
}

// Float64 gives the exact sum, rounded once to the nearest float64, ties to even. It
// is infinite where the exact sum is out of range. With a NaN, or both infinities,
// it is NaN; with one infinity, that. A sum of zero is +0.
func (s *Sum) Float64() float64 {
	if v, ok := s.special(); ok {
		return v
	}
	var buf [farLimbs]uint64
	x, exp := s.total(&buf)
	negative := magnitude(x)
	return signed(round(x, exp, false), negative)
}

// Mean gives the exact sum divided by n, rounded once: finite wherever the mean is,
// even where the sum is out of range. n is the number of values; where that is less than
// 1 the mean is NaN. With NaN and infinities it is what Float64 gives.
func (s *Sum) Mean(n int64) float64 {
	if n < 1 {
		return math.NaN()
	}
	if v, ok := s.special(); ok {
		return v
	}
	var buf [farLimbs]uint64
	x, exp := s.total(&buf)
	negative := magnitude(x)
	var room [farLimbs + meanLimbs]uint64
	return signed(quotient(room[:len(x)+meanLimbs], x, exp, uint64(n)), negative)
}

// meanLimbs are enough below a magnitude for any quotient by a 63-bit number to
// have more than 54 bits.
const meanLimbs = 2

// quotient gives x × 2^exp / n, rounded once. It works in room, of len(x) + meanLimbs.
func quotient(room, x []uint64, exp int, n uint64) float64 {
	copy(room[meanLimbs:], x)
	rest := divide(room, n)
	return round(room, exp-64*meanLimbs, rest)
}

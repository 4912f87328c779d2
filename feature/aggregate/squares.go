package aggregate

import (
	"math"
	"math/bits"
)

// squares is the exact sum of squares of float64 values. What stands in the near
// part of a Sum has its square in the near part here. NaN and infinities are
// skipped: the Sum beside it has them. It may be copied.
type squares struct {
	near [squareLimbs]uint64     // signed, in units of 2^squareExp
	far  *[farSquareLimbs]uint64 // signed, in units of 2^farSquareExp; never changed; nil: zero
}

const (
	squareLimbs = 2 * sumLimbs
	squareExp   = 2 * sumExp

	// From below 2^-2148 to beyond 2^2048 × 2^63.
	farSquareLimbs = 68
	farSquareAt    = 31
	farSquareExp   = squareExp - 64*farSquareAt
)

// add adds the square of v or takes it away.
func (s *squares) add(v float64, minus bool) {
	b := math.Float64bits(v)
	at := uint(b>>52&0x7ff) - (floatBias + sumExp)
	if at > 64*sumLimbs-1-53 {
		s.addFar(v, minus)
		return
	}
	m := b&(1<<52-1) | 1<<52
	hi, lo := bits.Mul64(m, m)
	// hi:lo << 2*at ends below bit 384, so that there is room for it in six limbs.
	i, shift := at*2/64, at*2%64
	var x [squareLimbs + 2]uint64
	x[i] = lo << shift
	x[i+1] = hi<<shift | lo>>(64-shift)
	x[i+2] = hi >> (64 - shift)
	if !s.put((*[squareLimbs]uint64)(x[:]), minus) {
		s.addFar(v, minus)
	}
}

// put adds x to the near part or takes it away; false: it has no place there, and
// nothing was done.
func (s *squares) put(x *[squareLimbs]uint64, minus bool) bool {
	sign := uint64(0)
	if minus {
		sign = math.MaxUint64
	}
	n := &s.near
	// -x = ^x + 1.
	y0, c := bits.Add64(n[0], x[0]^sign, sign&1)
	y1, c := bits.Add64(n[1], x[1]^sign, c)
	y2, c := bits.Add64(n[2], x[2]^sign, c)
	y3, c := bits.Add64(n[3], x[3]^sign, c)
	y4, c := bits.Add64(n[4], x[4]^sign, c)
	top := x[5] ^ sign
	y5 := n[5] + top + c
	if int64((y5^top)&(y5^n[5])) < 0 {
		return false
	}
	s.near = [squareLimbs]uint64{y0, y1, y2, y3, y4, y5}
	return true
}

// addFar adds the square of v by way of the far part.
func (s *squares) addFar(v float64, minus bool) {
	if v == 0 || isNaNOrInf(v) {
		return
	}
	m, exp := parts(v)
	hi, lo := bits.Mul64(m, m)
	far := s.total()
	addBits(far[:], hi, lo, uint(2*exp-farSquareExp), minus)
	s.set(far)
}

// total gives all of it in new memory.
func (s *squares) total() *[farSquareLimbs]uint64 {
	far := new([farSquareLimbs]uint64)
	if s.far != nil {
		*far = *s.far
	}
	addSigned(far[:], farSquareAt, s.near[:])
	return far
}

// set makes it what far says; far belongs to it from then on.
func (s *squares) set(far *[farSquareLimbs]uint64) {
	*s = squares{far: far}
	if isZero(far[:]) {
		s.far = nil
	}
}

// join adds all of o or takes it away.
func (s *squares) join(o *squares, minus bool) {
	if o.far == nil {
		if x := o.near; s.put(&x, minus) {
			return
		}
	}
	a, b := s.total(), o.total()
	if minus {
		subSigned(a[:], b[:])
	} else {
		addSigned(a[:], 0, b[:])
	}
	s.set(a)
}

// isNaNOrInf tells whether v is no finite number.
func isNaNOrInf(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

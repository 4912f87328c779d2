package aggregate

import (
	"math"
	"math/bits"
)

// IntSum is the sum of int64 values in 128 bits, which fewer than 2^64 of them can't
// leave. The zero value is the sum of nothing. It may be copied.
type IntSum struct {
	hi int64
	lo uint64
}

// Add adds v.
func (s *IntSum) Add(v int64) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, uint64(v), 0)
	s.hi += v>>63 + int64(carry)
}

// Sub takes v away, as if it had never been added.
func (s *IntSum) Sub(v int64) {
	var borrow uint64
	s.lo, borrow = bits.Sub64(s.lo, uint64(v), 0)
	s.hi -= v>>63 + int64(borrow)
}

// Merge adds all that was added to o.
func (s *IntSum) Merge(o *IntSum) {
	var carry uint64
	s.lo, carry = bits.Add64(s.lo, o.lo, 0)
	s.hi += o.hi + int64(carry)
}

// Unmerge takes away all that was added to o: the exact inverse of Merge.
func (s *IntSum) Unmerge(o *IntSum) {
	var borrow uint64
	s.lo, borrow = bits.Sub64(s.lo, o.lo, 0)
	s.hi -= o.hi + int64(borrow)
}

// Reset makes it the sum of nothing.
func (s *IntSum) Reset() { *s = IntSum{} }

// IsZero tells whether the sum is zero.
func (s *IntSum) IsZero() bool { return *s == IntSum{} }

// Int64 gives the sum; ok is false where it is out of range.
func (s *IntSum) Int64() (v int64, ok bool) {
	v = int64(s.lo)
	return v, s.hi == v>>63
}

// magnitude gives |sum| and its sign.
func (s *IntSum) magnitude() (x [2]uint64, negative bool) {
	x = [2]uint64{s.lo, uint64(s.hi)}
	negative = magnitude(x[:])
	return x, negative
}

// Float64 gives the sum, rounded once to the nearest float64, ties to even.
func (s *IntSum) Float64() float64 {
	x, negative := s.magnitude()
	return signed(round(x[:], 0, false), negative)
}

// Mean gives the exact sum divided by n, rounded once. n is the number of values; where
// that is less than 1 the mean is NaN.
func (s *IntSum) Mean(n int64) float64 {
	if n < 1 {
		return math.NaN()
	}
	x, negative := s.magnitude()
	var room [2 + meanLimbs]uint64
	v := quotient(room[:], x[:], 0, uint64(n))
	return signed(v, negative)
}

// Append appends the encoding: the sum as a varint, its sign in the lowest bit
// (zigzag).
func (s *IntSum) Append(dst []byte) []byte {
	sign := uint64(s.hi >> 63)
	hi := (uint64(s.hi)<<1 | s.lo>>63) ^ sign
	lo := s.lo<<1 ^ sign
	for hi != 0 || lo > 0x7f {
		dst = append(dst, byte(lo)|0x80)
		lo, hi = lo>>7|hi<<57, hi>>7
	}
	return append(dst, byte(lo))
}

// IntSumMaxBytes is the length of the longest encoding of an IntSum.
const IntSumMaxBytes = 19

// ReadIntSumOf is ReadIntSum for a sum of n values, which it can be.
func ReadIntSumOf(b []byte, n int64) (s IntSum, rest []byte, err error) {
	s, rest, err = ReadIntSum(b)
	if least := -n >> 1; err == nil && (s.hi < least || s.hi >= -least) && !s.IsZero() {
		err = damaged("an integer sum is more than one of %d values can be", n)
	}
	return s, rest, err
}

// ReadIntSum cuts an IntSum from the front of b.
func ReadIntSum(b []byte) (s IntSum, rest []byte, err error) {
	var hi, lo uint64
	for i, c := range b {
		if i == IntSumMaxBytes {
			break
		}
		v, shift := uint64(c&0x7f), uint(7*i)
		lo |= v << shift
		hi |= v>>(64-shift) | v<<(shift-64)
		if c > 0x7f {
			continue
		}
		if i > 0 && c == 0 || i == IntSumMaxBytes-1 && c > 3 {
			return IntSum{}, nil, damaged("an integer sum is not in its shortest form")
		}
		sign := -(lo & 1)
		s.lo = (lo>>1 | hi<<63) ^ sign
		s.hi = int64(hi>>1 ^ sign)
		return s, b[i+1:], nil
	}
	return IntSum{}, nil, damaged("an integer sum has no end")
}

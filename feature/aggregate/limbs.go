package aggregate

import (
	"math"
	"math/bits"
)

// Numbers here are little-endian slices of 64-bit limbs, in two's complement where
// they are said to be signed, else magnitudes. What the lowest bit is worth (its
// exponent of two) stands beside them.

// isNegative is the sign of a signed number.
func isNegative(x []uint64) bool { return int64(x[len(x)-1]) < 0 }

func isZero(x []uint64) bool {
	for _, limb := range x {
		if limb != 0 {
			return false
		}
	}
	return true
}

// negate negates a signed number in place.
func negate(x []uint64) {
	carry := uint64(1)
	for i := range x {
		x[i], carry = bits.Add64(^x[i], 0, carry)
	}
}

// magnitude makes a signed number its magnitude, in place, and tells whether it
// was negative.
func magnitude(x []uint64) bool {
	if !isNegative(x) {
		return false
	}
	negate(x)
	return true
}

// addSigned adds a signed number to dst from limb at on, its sign extended to the
// end of dst. What overflows the end is lost: the ends are out of reach of sums of
// fewer than 2^63 values.
func addSigned(dst []uint64, at int, x []uint64) {
	sign := uint64(int64(x[len(x)-1]) >> 63)
	carry := uint64(0)
	for i := at; i < len(dst); i++ {
		limb := sign
		if i-at < len(x) {
			limb = x[i-at]
		}
		dst[i], carry = bits.Add64(dst[i], limb, carry)
	}
}

// subSigned subtracts x from the equally long dst.
func subSigned(dst, x []uint64) {
	borrow := uint64(0)
	for i := range dst {
		dst[i], borrow = bits.Sub64(dst[i], x[i], borrow)
	}
}

// addBits adds hi:lo << at to dst, or subtracts it.
func addBits(dst []uint64, hi, lo uint64, at uint, minus bool) {
	i, shift := at/64, at%64
	x := [3]uint64{lo << shift, hi<<shift | lo>>(64-shift), hi >> (64 - shift)}
	carry := uint64(0)
	for k := 0; i < uint(len(dst)); i, k = i+1, k+1 {
		limb := uint64(0)
		if k < len(x) {
			limb = x[k]
		} else if carry == 0 {
			return
		}
		if minus {
			dst[i], carry = bits.Sub64(dst[i], limb, carry)
		} else {
			dst[i], carry = bits.Add64(dst[i], limb, carry)
		}
	}
}

// bitsAt gives 64 bits of a magnitude from bit at on; there are zeros behind its end.
func bitsAt(x []uint64, at int) uint64 {
	i, shift := at/64, uint(at%64)
	if i >= len(x) {
		return 0
	}
	v := x[i] >> shift
	if i+1 < len(x) {
		v |= x[i+1] << (64 - shift)
	}
	return v
}

// bitLen is the number of bits of a magnitude, 0 of zero.
func bitLen(x []uint64) int {
	for i := len(x) - 1; i >= 0; i-- {
		if x[i] != 0 {
			return 64*i + bits.Len64(x[i])
		}
	}
	return 0
}

// trailingZeros is the number of zero bits below the lowest set one, 0 of zero.
func trailingZeros(x []uint64) int {
	for i, limb := range x {
		if limb != 0 {
			return 64*i + bits.TrailingZeros64(limb)
		}
	}
	return 0
}

// anyBelow tells whether a bit below bit at is set.
func anyBelow(x []uint64, at int) bool {
	return bitLen(x) > 0 && trailingZeros(x) < at
}

// multiply sets dst, as long as both factors together, to their product. All are
// magnitudes.
func multiply(dst, x, y []uint64) {
	clear(dst)
	for i, a := range x {
		carry := uint64(0)
		for j, b := range y {
			hi, lo := bits.Mul64(a, b)
			var c uint64
			lo, c = bits.Add64(lo, dst[i+j], 0)
			hi += c
			lo, c = bits.Add64(lo, carry, 0)
			dst[i+j], carry = lo, hi+c
		}
		dst[i+len(y)] = carry
	}
}

// divide divides a magnitude by n in place and tells whether a remainder was left.
func divide(x []uint64, n uint64) bool {
	rem := uint64(0)
	for i := len(x) - 1; i >= 0; i-- {
		x[i], rem = bits.Div64(rem, x[i], n)
	}
	return rem != 0
}

// round gives x × 2^exp, rounded to the nearest float64, ties to even; rest says
// that the true value is greater by less than one unit of x, which then has more
// than 54 bits. Beyond the greatest float64 it is +Inf.
func round(x []uint64, exp int, rest bool) float64 {
	n := bitLen(x)
	if n == 0 {
		return 0
	}
	// The lowest bit of the result: 53 bits below its first, and never below the
	// least subnormal.
	low := max(exp+n-53, -1074)
	drop := low - exp
	if drop <= 0 {
		return math.Ldexp(float64(x[0]), exp)
	}
	m := bitsAt(x, drop)
	if bitsAt(x, drop-1)&1 == 1 && (m&1 == 1 || rest || anyBelow(x, drop-1)) {
		m++
	}
	return math.Ldexp(float64(m), low)
}

// signed gives v the sign.
func signed(v float64, negative bool) float64 {
	if negative {
		return -v
	}
	return v
}

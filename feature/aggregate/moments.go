package aggregate

import (
	"math"
	"math/bits"
)

// Moments are the number, the exact sum and the exact sum of squares of float64
// values, from which mean, variance and standard deviation are made without
// cancellation. The zero value is that of no values. It may be copied.
type Moments struct {
	n       int64
	sum     Sum
	squares squares
}

// Add adds v.
func (m *Moments) Add(v float64) {
	m.n++
	m.sum.Add(v)
	m.squares.add(v, false)
}

// Sub takes v away, as if it had never been added.
func (m *Moments) Sub(v float64) {
	m.n--
	m.sum.Sub(v)
	m.squares.add(v, true)
}

// Merge adds all that was added to o.
func (m *Moments) Merge(o *Moments) {
	m.n += o.n
	m.sum.Merge(&o.sum)
	m.squares.join(&o.squares, false)
}

// Unmerge takes away all that was added to o: the exact inverse of Merge.
func (m *Moments) Unmerge(o *Moments) {
	m.n -= o.n
	m.sum.Unmerge(&o.sum)
	m.squares.join(&o.squares, true)
}

// Reset makes it the state of no values.
func (m *Moments) Reset() { *m = Moments{} }

// IsZero tells whether it is the state of no values.
func (m *Moments) IsZero() bool { return m.n == 0 && m.sum.IsZero() }

// Count is the number of values, NaN and infinities among them.
func (m *Moments) Count() int64 { return m.n }

// Sum gives the exact sum, rounded once, as Sum.Float64 does.
func (m *Moments) Sum() float64 { return m.sum.Float64() }

// Mean gives the exact mean, rounded once, as Sum.Mean does; ok is false where there
// is no value.
func (m *Moments) Mean() (v float64, ok bool) {
	if m.n <= 0 {
		return 0, false
	}
	return m.sum.Mean(m.n), true
}

// Variance gives the sample variance (the divisor is n-1), exact but for one
// rounding; ok is false for fewer than two values. With a NaN or an infinity among
// them it is NaN.
func (m *Moments) Variance() (v float64, ok bool) {
	if v, ok, done := m.undefined(); done {
		return v, ok
	}
	var room deviation
	x, exp, rest := m.deviate(&room)
	return round(x, exp, rest), true
}

// Stddev gives the sample standard deviation, the root of the exact variance, rounded
// once: finite where the variance itself is out of range. Otherwise it is as Variance.
func (m *Moments) Stddev() (v float64, ok bool) {
	if v, ok, done := m.undefined(); done {
		return v, ok
	}
	var room deviation
	x, exp, rest := m.deviate(&room)
	return root(x, exp, rest), true
}

func (m *Moments) undefined() (v float64, ok, done bool) {
	if m.n < 2 {
		return 0, false, true
	}
	if _, special := m.sum.special(); special {
		return math.NaN(), true, true
	}
	return 0, true, false
}

// deviate gives the variance.
func (m *Moments) deviate(room *deviation) (x []uint64, exp int, rest bool) {
	if (m.sum.far == nil || m.sum.far.limbs == nil) && m.squares.far == nil {
		sum := m.sum.near
		magnitude(sum[:])
		x, rest = variance(room[:], sum[:], m.squares.near[:], uint64(m.n))
		return x, squareExp - 64*deviationLimbs, rest
	}
	var buf [farLimbs]uint64
	total, exp := m.sum.total(&buf)
	sum := make([]uint64, farLimbs)
	addSigned(sum, (exp-farExp)/64, total)
	magnitude(sum)
	// The squares' far part is worth a limb more than twice that of the sum.
	all := m.squares.total()
	aligned := make([]uint64, 2*farLimbs)
	copy(aligned[(farSquareExp-2*farExp)/64:], all[:])
	x, rest = variance(make([]uint64, 4*farLimbs+1+deviationLimbs), sum, aligned, uint64(m.n))
	return x, 2*farExp - 64*deviationLimbs, rest
}

// deviationLimbs are enough below a magnitude for a quotient by n(n-1) to have 128
// bits and more.
const deviationLimbs = 4

// deviation is room for variance on ordinary values: the product of the sums and,
// behind it, the numerator with deviationLimbs below and one limb above.
type deviation [2*sumLimbs + 2*sumLimbs + 1 + deviationLimbs]uint64

// variance gives (n × squares - sum²) / (n (n-1)) in units of 2^(-64 × deviationLimbs) of
// the squares'; rest says that a remainder was left. All are magnitudes, squares
// of twice the limbs of sum and worth the square of its units; n is at least 2. It works
// in room, of twice their limbs + deviationLimbs + 1.
func variance(room, sum, squares []uint64, n uint64) (x []uint64, rest bool) {
	size := len(squares)
	product, x := room[:size], room[size:2*size+1+deviationLimbs]
	clear(x)
	top := x[deviationLimbs:]
	multiply(top, squares, []uint64{n})
	multiply(product, sum, sum)
	borrow := uint64(0)
	for i, limb := range product {
		top[i], borrow = bits.Sub64(top[i], limb, borrow)
	}
	top[size] -= borrow
	if isNegative(top) {
		// Only states that were never the state of any values come here.
		clear(x)
		return x, false
	}
	rest = divide(x, n)
	return x, divide(x, n-1) || rest
}

// root gives the square root of x × 2^exp, rounded once; rest as in round. x is zero or
// has at least 128 bits, as quotients of variance have.
func root(x []uint64, exp int, rest bool) float64 {
	n := bitLen(x)
	if n == 0 {
		return 0
	}
	// The first 127 or 128 bits, cut so that what is cut off is worth an even power.
	cut := n - 128
	if (exp+cut)%2 != 0 {
		cut++
	}
	hi, lo := bitsAt(x, cut+64), bitsAt(x, cut)
	rest = rest || anyBelow(x, cut)
	r, exact := root128(hi, lo)
	return round([]uint64{r}, (exp+cut)/2, rest || !exact)
}

// root128 gives the floor of the square root of hi:lo, and whether it is exact.
func root128(hi, lo uint64) (r uint64, exact bool) {
	for bit := uint64(1) << 63; bit != 0; bit >>= 1 {
		try := r | bit
		h, l := bits.Mul64(try, try)
		if h < hi || h == hi && l <= lo {
			r = try
		}
	}
	h, l := bits.Mul64(r, r)
	return r, h == hi && l == lo
}

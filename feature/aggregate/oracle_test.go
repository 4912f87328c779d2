package aggregate_test

import (
	"math"
	"math/big"
)

// exact is an oracle of sums and moments by math/big, with rational numbers.
type exact struct {
	n                int64
	nan, plus, minus bool
	sum, squares     *big.Rat
}

func exactFloats(values []float64) *exact {
	e := &exact{sum: new(big.Rat), squares: new(big.Rat)}
	// Sums of big.Float are exact with enough bits, and faster than of big.Rat.
	sum, squares := new(big.Float).SetPrec(2300), new(big.Float).SetPrec(4600)
	for _, v := range values {
		e.n++
		switch {
		case math.IsNaN(v):
			e.nan = true
		case math.IsInf(v, 1):
			e.plus = true
		case math.IsInf(v, -1):
			e.minus = true
		default:
			f := new(big.Float).SetPrec(2300).SetFloat64(v)
			sum.Add(sum, f)
			squares.Add(squares, new(big.Float).SetPrec(4600).Mul(f, f))
		}
	}
	sum.Rat(e.sum)
	squares.Rat(e.squares)
	return e
}

func exactInts(values []int64) *exact {
	e := &exact{n: int64(len(values)), sum: new(big.Rat), squares: new(big.Rat)}
	for _, v := range values {
		f := new(big.Rat).SetInt64(v)
		e.sum.Add(e.sum, f)
		e.squares.Add(e.squares, new(big.Rat).Mul(f, f))
	}
	return e
}

func (e *exact) special() (float64, bool) {
	switch {
	case e.nan || e.plus && e.minus:
		return math.NaN(), true
	case e.plus:
		return math.Inf(1), true
	case e.minus:
		return math.Inf(-1), true
	}
	return 0, false
}

func nearest(x *big.Rat) float64 {
	v, _ := x.Float64()
	return v
}

func (e *exact) float() float64 {
	if v, ok := e.special(); ok {
		return v
	}
	return nearest(e.sum)
}

func (e *exact) mean() float64 {
	if v, ok := e.special(); ok {
		return v
	}
	return nearest(new(big.Rat).Quo(e.sum, new(big.Rat).SetInt64(e.n)))
}

func (e *exact) varianceRat() *big.Rat {
	n := new(big.Rat).SetInt64(e.n)
	d := new(big.Rat).Mul(e.sum, e.sum)
	d.Sub(e.squares, d.Quo(d, n))
	return d.Quo(d, new(big.Rat).SetInt64(e.n-1))
}

func (e *exact) variance() float64 {
	if _, ok := e.special(); ok {
		return math.NaN()
	}
	return nearest(e.varianceRat())
}

func (e *exact) stddev() float64 {
	if _, ok := e.special(); ok {
		return math.NaN()
	}
	v := new(big.Float).SetPrec(6000).SetRat(e.varianceRat())
	root, _ := v.Sqrt(v).Float64()
	return root
}

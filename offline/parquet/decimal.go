package parquet

import (
	"math"
	"math/big"

	"github.com/parquet-go/parquet-go/encoding"

	"github.com/quiver-features/quiver/feature"
)

// fromDecimal reads decimals where the definition names the type: as the nearest
// float64, or as integers where they have no fraction.
func fromDecimal(l logical, to feature.Kind, declared bool) converter {
	if !declared {
		return nil
	}
	switch to {
	case feature.Float64:
		return func(dst *feature.Column, v *values, lo, hi int) int {
			for i := lo; i < hi; i++ {
				dst.Float64s = append(dst.Float64s, decimalFloat(l, v, i))
			}
			return fits
		}
	case feature.Int64:
		if l.scale != 0 {
			return nil
		}
		return eachInt(func(v *values, i int) (int64, bool) {
			n, small := decimalInt(v, i)
			return n, small
		}, func(dst *feature.Column, n int64) bool { dst.Int64s = append(dst.Int64s, n); return true }, nil)
	default:
		return nil
	}
}

// decimalInt gives the unscaled value, if it fits.
func decimalInt(v *values, i int) (n int64, ok bool) {
	switch v.raw.Kind() {
	case encoding.Int32:
		return int64(v.raw.Int32()[i]), true
	case encoding.Int64:
		return v.raw.Int64()[i], true
	}
	b := v.bytes(i)
	for len(b) > 8 {
		sign := byte(int8(b[1]) >> 7) // what b[0] must be if it says nothing more
		if b[0] != sign {
			return 0, false
		}
		b = b[1:]
	}
	for k, x := range b {
		if k == 0 {
			n = int64(int8(x))
		} else {
			n = n<<8 | int64(x)
		}
	}
	return n, true
}

func decimalFloat(l logical, v *values, i int) float64 {
	// A quotient of two exact floats is rounded once.
	if n, ok := decimalInt(v, i); ok && n > -1<<53 && n < 1<<53 && l.scale >= 0 && l.scale <= 22 {
		return float64(n) / math.Pow10(l.scale)
	}
	f, _ := new(big.Rat).SetFrac(decimalBig(v, i), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(l.scale)), nil)).Float64()
	return f
}

func decimalBig(v *values, i int) *big.Int {
	if n, ok := decimalInt(v, i); ok {
		return big.NewInt(n)
	}
	b := v.bytes(i)
	n := new(big.Int).SetBytes(b)
	if b[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	return n
}

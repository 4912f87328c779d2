package feature

import (
	"bytes"
	"cmp"
	"math"
)

// Compare is the order of values by which full ties are settled: null first;
// false before true; numbers by value, -0 before 0, NaN last (several NaN by
// their bits, so that the order is total); text and bytes by their bytes; lists
// item by item, the shorter first. Both columns are of one type. It gives a
// negative number, zero or a positive number.
func Compare(a *Column, i int, b *Column, j int) int {
	an, bn := a.IsNull(i), b.IsNull(j)
	if an || bn {
		return compareBool(!an, !bn)
	}
	if a.Type.List {
		return compareLists(a, i, b, j)
	}
	switch a.Type.Kind {
	case Bool:
		return compareBool(a.Bools[i], b.Bools[j])
	case Int32, Date:
		return cmp.Compare(a.Int32s[i], b.Int32s[j])
	case Int64, Timestamp:
		return cmp.Compare(a.Int64s[i], b.Int64s[j])
	case Float32:
		return compareFloats(a.Float32s[i], b.Float32s[j], bits32)
	case Float64:
		return compareFloats(a.Float64s[i], b.Float64s[j], math.Float64bits)
	default:
		return bytes.Compare(a.Bytes(i), b.Bytes(j))
	}
}

func compareLists(a *Column, i int, b *Column, j int) int {
	x, xEnd := int(a.Offsets[i]), int(a.Offsets[i+1])
	y, yEnd := int(b.Offsets[j]), int(b.Offsets[j+1])
	for ; x < xEnd && y < yEnd; x, y = x+1, y+1 {
		if c := Compare(a.Items, x, b.Items, y); c != 0 {
			return c
		}
	}
	return cmp.Compare(xEnd-x, yEnd-y)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	default:
		return 1
	}
}

// compareFloats compares by value, -0 before 0, and puts every NaN behind the
// numbers, by its bits.
func compareFloats[F float32 | float64](a, b F, bits func(F) uint64) int {
	aNaN, bNaN := a != a, b != b //nolint:gocritic // this is what NaN means
	switch {
	case aNaN && bNaN:
		return cmp.Compare(bits(a), bits(b))
	case aNaN || bNaN:
		return compareBool(aNaN, bNaN)
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return compareBool(!math.Signbit(float64(a)), !math.Signbit(float64(b)))
	}
}

func bits32(f float32) uint64 { return uint64(math.Float32bits(f)) }

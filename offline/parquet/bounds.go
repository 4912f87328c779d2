package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"
)

// order is how the values of a leaf compare.
type order uint8

const (
	unordered order = iota // no statistics
	signed                 // numbers; fixed bytes as big-endian numbers
	unsigned               // numbers without a sign; bytes
)

const (
	indexBytes      = 64  // longest bound of a page in the column index
	statisticsBytes = 256 // longest bound in a chunk's statistics, which are exact
)

// extremes gives the least and the greatest value. NaN is left out, and a zero
// stands for both zeros: the least is -0, the greatest +0.
func extremes[T number](values []T, o order) (least, greatest T, ok bool) {
	for len(values) > 0 && math.IsNaN(float64(values[0])) {
		values = values[1:]
	}
	if len(values) == 0 {
		return 0, 0, false
	}
	least, greatest = values[0], values[0]
	if o == unsigned {
		for _, v := range values {
			if uint64(int64(v)) < uint64(int64(least)) {
				least = v
			}
			if uint64(int64(v)) > uint64(int64(greatest)) {
				greatest = v
			}
		}
		return least, greatest, true
	}
	for _, v := range values {
		if v < least {
			least = v
		}
		if v > greatest {
			greatest = v
		}
	}
	if least == 0 {
		least = T(math.Copysign(0, -1))
	}
	if greatest == 0 {
		greatest = 0
	}
	return least, greatest, true
}

// comparison gives the order of bounds as they stand in the statistics, or nil.
func comparison(t format.Type, o order) func(a, b []byte) int {
	le := binary.LittleEndian
	switch {
	case o == unordered || t == format.Int96:
		return nil
	case t == format.Int32 && o == unsigned:
		return func(a, b []byte) int { return cmp.Compare(le.Uint32(a), le.Uint32(b)) }
	case t == format.Int64 && o == unsigned:
		return func(a, b []byte) int { return cmp.Compare(le.Uint64(a), le.Uint64(b)) }
	case t == format.Int32:
		return func(a, b []byte) int { return cmp.Compare(int32(le.Uint32(a)), int32(le.Uint32(b))) }
	case t == format.Int64:
		return func(a, b []byte) int { return cmp.Compare(int64(le.Uint64(a)), int64(le.Uint64(b))) }
	case t == format.Float:
		return func(a, b []byte) int {
			return cmp.Compare(math.Float32frombits(le.Uint32(a)), math.Float32frombits(le.Uint32(b)))
		}
	case t == format.Double:
		return func(a, b []byte) int {
			return cmp.Compare(math.Float64frombits(le.Uint64(a)), math.Float64frombits(le.Uint64(b)))
		}
	case t == format.FixedLenByteArray && o == signed:
		return func(a, b []byte) int {
			if d := cmp.Compare(int8(a[0]), int8(b[0])); d != 0 {
				return d
			}
			return bytes.Compare(a, b)
		}
	default:
		return bytes.Compare
	}
}

// shortLeast gives a bound that is no greater than v, and short.
func shortLeast(v []byte) []byte {
	if len(v) <= indexBytes {
		return v
	}
	return v[:cut(v)]
}

// shortGreatest gives a bound that is no less than v, short if there is one.
func shortGreatest(v []byte) []byte {
	if len(v) <= indexBytes {
		return v
	}
	head := bytes.Clone(v[:cut(v)])
	if utf8.Valid(head) {
		for len(head) > 0 {
			r, n := utf8.DecodeLastRune(head)
			head = head[:len(head)-n]
			switch r++; {
			case r == 0xD800:
				return utf8.AppendRune(head, 0xE000) // behind the surrogates
			case r <= utf8.MaxRune:
				return utf8.AppendRune(head, r)
			}
		}
		return v
	}
	for len(head) > 0 {
		if last := len(head) - 1; head[last] < 0xFF {
			head[last]++
			return head
		}
		head = head[:len(head)-1]
	}
	return v
}

// cut is where a long value can be cut: between characters if it is text.
func cut(v []byte) int {
	for n := indexBytes; n > indexBytes-utf8.UTFMax; n-- {
		if utf8.RuneStart(v[n]) && utf8.Valid(v[:n]) {
			return n
		}
	}
	return indexBytes
}

// boundaryOrder tells how the bounds of the pages that have values are ordered.
func boundaryOrder(index *format.ColumnIndex, compare func(a, b []byte) int) format.BoundaryOrder {
	up, down, last := true, true, -1
	for i, empty := range index.NullPages {
		if empty {
			continue
		}
		if last >= 0 {
			lo, hi := compare(index.MinValues[last], index.MinValues[i]), compare(index.MaxValues[last], index.MaxValues[i])
			up, down = up && lo <= 0 && hi <= 0, down && lo >= 0 && hi >= 0
		}
		last = i
	}
	switch {
	case up:
		return format.Ascending
	case down:
		return format.Descending
	default:
		return format.Unordered
	}
}

package parquet

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// pageValues are the values of a page in progress, without nulls.
type pageValues interface {
	// take appends the values lo to hi of an array. present holds 0 for a null and
	// 1 for a value; where it is nil, there are no nulls.
	take(arr arrow.Array, lo, hi int, present []uint8) error
	// size is the length of the page's values in the PLAIN encoding, in bytes.
	size() int
	// encode appends the page's values and tells their encoding.
	encode(dst []byte) ([]byte, format.Encoding, error)
	// bounds gives the least and the greatest value of the page as the statistics
	// have them, or false where the values have no order or are all NaN. They are
	// valid until the next call of take.
	bounds() (least, greatest []byte, ok bool)
	// reset begins the next page.
	reset()
}

type number interface {
	~int32 | ~int64 | ~float32 | ~float64
}

// numbers are values of one of the four physical types of numbers.
type numbers[T number] struct {
	values  []T
	bytes   int // of one value
	order   order
	convert func(dst []T, arr arrow.Array, lo, hi int) []T
	check   func(arr arrow.Array, lo, hi int, present []uint8) error // nil: every value fits
	pack    func(dst []byte, values []T) ([]byte, error)             // nil: PLAIN
}

func (n *numbers[T]) take(arr arrow.Array, lo, hi int, present []uint8) error {
	if arr.DataType().ID() == arrow.NULL {
		return nil
	}
	if n.check != nil {
		if err := n.check(arr, lo, hi, present); err != nil {
			return err
		}
	}
	at := len(n.values)
	n.values = n.convert(n.values, arr, lo, hi)
	if present != nil {
		n.values = n.values[:at+compact(n.values[at:], present)]
	}
	return nil
}

func (n *numbers[T]) size() int { return n.bytes * len(n.values) }

func (n *numbers[T]) encode(dst []byte) ([]byte, format.Encoding, error) {
	if n.pack == nil {
		dst, err := binary.Append(dst, binary.LittleEndian, n.values)
		return dst, format.Plain, err
	}
	packed, err := n.pack(dst[len(dst):], n.values)
	return append(dst, packed...), format.DeltaBinaryPacked, err
}

func (n *numbers[T]) bounds() (least, greatest []byte, ok bool) {
	lo, hi, ok := extremes(n.values, n.order)
	if !ok {
		return nil, nil, false
	}
	least, _ = binary.Append(nil, binary.LittleEndian, lo)    // a number
	greatest, _ = binary.Append(nil, binary.LittleEndian, hi) // a number
	return least, greatest, true
}

func (n *numbers[T]) reset() { n.values = n.values[:0] }

// compact moves the values that are present to the front and gives their number.
func compact[T any](values []T, present []uint8) int {
	w := 0
	for i, p := range present {
		values[w] = values[i]
		w += int(p)
	}
	return w
}

// grow makes a slice longer by n elements of any content.
func grow[T any](s []T, n int) []T {
	return slices.Grow(s, n)[:len(s)+n]
}

// converted gives the function that appends an array's values, each times factor.
func converted[T number, S int8 | int16 | uint8 | uint16 | uint32 | uint64 | number, A arrow.Array](values func(A) []S, factor T) func([]T, arrow.Array, int, int) []T {
	return func(dst []T, arr arrow.Array, lo, hi int) []T {
		a, ok := arr.(A)
		if !ok {
			return dst // Write has compared the types
		}
		at := len(dst)
		dst = grow(dst, hi-lo)
		if factor == 1 {
			for i, v := range values(a)[lo:hi] {
				dst[at+i] = T(v)
			}
			return dst
		}
		for i, v := range values(a)[lo:hi] {
			dst[at+i] = T(v) * factor
		}
		return dst
	}
}

func int32s[S int8 | int16 | uint8 | uint16 | uint32 | ~int32, A arrow.Array](values func(A) []S, factor int32, o order) *numbers[int32] {
	return &numbers[int32]{bytes: 4, order: o, convert: converted[int32](values, factor), pack: packInt32}
}

func int64s[S uint64 | ~int64, A arrow.Array](values func(A) []S, factor int64, o order) *numbers[int64] {
	return &numbers[int64]{bytes: 8, order: o, convert: converted[int64](values, factor), pack: packInt64}
}

func packInt32(dst []byte, values []int32) ([]byte, error) {
	return new(delta.BinaryPackedEncoding).EncodeInt32(dst, values)
}

func packInt64(dst []byte, values []int64) ([]byte, error) {
	return new(delta.BinaryPackedEncoding).EncodeInt64(dst, values)
}

// valuesOf makes the page values for a leaf of an Arrow type.
func valuesOf(t arrow.DataType) (pageValues, error) {
	switch t := t.(type) {
	case *arrow.NullType:
		return &numbers[int32]{bytes: 4, order: signed}, nil
	case *arrow.BooleanType:
		return &booleans{}, nil
	case *arrow.Int8Type:
		return int32s((*array.Int8).Int8Values, 1, signed), nil
	case *arrow.Int16Type:
		return int32s((*array.Int16).Int16Values, 1, signed), nil
	case *arrow.Int32Type:
		return int32s((*array.Int32).Int32Values, 1, signed), nil
	case *arrow.Int64Type:
		return int64s((*array.Int64).Int64Values, 1, signed), nil
	case *arrow.Uint8Type:
		return int32s((*array.Uint8).Uint8Values, 1, unsigned), nil
	case *arrow.Uint16Type:
		return int32s((*array.Uint16).Uint16Values, 1, unsigned), nil
	case *arrow.Uint32Type:
		return int32s((*array.Uint32).Uint32Values, 1, unsigned), nil
	case *arrow.Uint64Type:
		return int64s((*array.Uint64).Uint64Values, 1, unsigned), nil
	case *arrow.Float32Type:
		return &numbers[float32]{bytes: 4, order: signed, convert: converted[float32]((*array.Float32).Float32Values, 1)}, nil
	case *arrow.Float64Type:
		return &numbers[float64]{bytes: 8, order: signed, convert: converted[float64]((*array.Float64).Float64Values, 1)}, nil
	case *arrow.StringType, *arrow.LargeStringType, *arrow.StringViewType,
		*arrow.BinaryType, *arrow.LargeBinaryType, *arrow.BinaryViewType:
		return &byteArrays{}, nil
	case *arrow.Float16Type:
		return &fixedBytes{width: 2, order: unordered}, nil
	case *arrow.FixedSizeBinaryType:
		return &fixedBytes{width: t.ByteWidth, order: unsigned}, nil
	case arrow.DecimalType:
		return &fixedBytes{width: decimalWidth(int(t.GetPrecision())), order: signed}, nil
	default:
		return timesOf(t)
	}
}

func timesOf(t arrow.DataType) (pageValues, error) {
	switch t := t.(type) {
	case *arrow.Date32Type:
		return int32s((*array.Date32).Date32Values, 1, signed), nil
	case *arrow.Date64Type:
		return &numbers[int32]{bytes: 4, order: signed, convert: convertDays, check: checkDays, pack: packInt32}, nil
	case *arrow.Time32Type:
		n := int32s((*array.Time32).Time32Values, 1, signed)
		if t.Unit == arrow.Second {
			n = int32s((*array.Time32).Time32Values, 1000, signed)
		}
		n.pack = nil
		return n, nil
	case *arrow.Time64Type:
		n := int64s((*array.Time64).Time64Values, 1, signed)
		n.pack = nil
		return n, nil
	case *arrow.TimestampType:
		if t.Unit == arrow.Second {
			n := int64s((*array.Timestamp).TimestampValues, 1000, signed)
			n.check = checkSeconds
			return n, nil
		}
		return int64s((*array.Timestamp).TimestampValues, 1, signed), nil
	default:
		return nil, fmt.Errorf("an array of type %s can't be written to Parquet: %w", t, feature.ErrInvalid)
	}
}

func convertDays(dst []int32, arr arrow.Array, lo, hi int) []int32 {
	if a, ok := arr.(*array.Date64); ok {
		for _, v := range a.Date64Values()[lo:hi] {
			dst = append(dst, int32(arrowconv.Days(v)))
		}
	}
	return dst
}

func checkDays(arr arrow.Array, lo, hi int, present []uint8) error {
	a, ok := arr.(*array.Date64)
	if !ok {
		return nil
	}
	for i, v := range a.Date64Values()[lo:hi] {
		if days := arrowconv.Days(v); days != int64(int32(days)) && (present == nil || present[i] == 1) {
			return fmt.Errorf("day %d since 1970 does not fit a date: %w", days, feature.ErrInvalid)
		}
	}
	return nil
}

func checkSeconds(arr arrow.Array, lo, hi int, present []uint8) error {
	a, ok := arr.(*array.Timestamp)
	if !ok {
		return nil
	}
	for i, v := range a.TimestampValues()[lo:hi] {
		if v*1000/1000 != v && (present == nil || present[i] == 1) {
			return fmt.Errorf("time %d s does not fit milliseconds: %w", v, feature.ErrInvalid)
		}
	}
	return nil
}

package arrowconv

import (
	"encoding/base64"
	"fmt"
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/quiver-features/quiver/feature"
)

// FromArrow converts an array to a column of type t, without loss or not at all:
// integers of any width become another width or text where they fit, integers
// and float32 become float64 where they are exact, timestamps of any unit and
// zone are floored to microseconds, ISO 8601 text is read as a time, dates become
// the midnight (UTC) at which they begin, dictionaries are looked up, decimals
// without a fraction become integers. A value that does not fit, or a type that
// never does, is an error that wraps feature.ErrInvalid and names the position.
// The column shares no memory with the array.
func FromArrow(arr arrow.Array, t feature.Type) (*feature.Column, error) {
	c := feature.NewColumn(t, arr.Len())
	if err := appendArray(c, arr); err != nil {
		return nil, err
	}
	return c, nil
}

func appendArray(dst *feature.Column, arr arrow.Array) error {
	switch a := arr.(type) {
	case *array.Null:
		for range a.Len() {
			dst.AppendNull()
		}
		return nil
	case *array.Dictionary:
		return appendDictionary(dst, a)
	case array.ExtensionArray:
		return appendArray(dst, a.Storage())
	}
	if dst.Type.List {
		return appendLists(dst, arr)
	}
	if appendSame(dst, arr) {
		return nil
	}
	put := putter(dst, arr)
	if put == nil {
		return fmt.Errorf("a column of Arrow type %s can't be read as %s: %w", arr.DataType(), dst.Type, feature.ErrInvalid)
	}
	for i := range arr.Len() {
		if arr.IsNull(i) {
			dst.AppendNull()
			continue
		}
		if !put(i) {
			return fmt.Errorf("value %s at position %d does not fit type %s: %w", show(arr, i), i, dst.Type, feature.ErrInvalid)
		}
	}
	return nil
}

// appendSame copies arrays without nulls that are laid out as the column is.
func appendSame(dst *feature.Column, arr arrow.Array) bool {
	if arr.NullN() > 0 || dst.Valid != nil {
		return false
	}
	switch a := arr.(type) {
	case *array.Int32:
		if dst.Type.Kind == feature.Int32 {
			dst.Int32s = append(dst.Int32s, a.Int32Values()...)
			return true
		}
	case *array.Int64:
		if dst.Type.Kind == feature.Int64 {
			dst.Int64s = append(dst.Int64s, a.Int64Values()...)
			return true
		}
	case *array.Float64:
		if dst.Type.Kind == feature.Float64 {
			dst.Float64s = append(dst.Float64s, a.Float64Values()...)
			return true
		}
	case *array.String:
		if dst.Type.Kind == feature.String && a.Len() > 0 {
			appendTexts(dst, a)
			return true
		}
	case *array.Timestamp:
		if t, ok := a.DataType().(*arrow.TimestampType); ok && t.Unit == arrow.Microsecond && dst.Type.Kind == feature.Timestamp {
			for _, v := range a.TimestampValues() {
				dst.Int64s = append(dst.Int64s, int64(v))
			}
			return true
		}
	}
	return false
}

// appendTexts copies texts without nulls, at least one.
func appendTexts(dst *feature.Column, a *array.String) {
	shift := int64(len(dst.Data)) - int64(a.ValueOffset(0))
	dst.Data = append(dst.Data, a.ValueBytes()...)
	for _, to := range a.ValueOffsets()[1:] {
		dst.Offsets = append(dst.Offsets, int64(to)+shift)
	}
}

func show(arr arrow.Array, i int) string {
	const most = 80
	switch a := arr.(type) {
	case *array.String:
		return strconv.Quote(a.Value(i)[:min(most, len(a.Value(i)))])
	case *array.Binary:
		return base64.StdEncoding.EncodeToString(a.Value(i)[:min(most, len(a.Value(i)))])
	default:
		return arr.ValueStr(i)
	}
}

func appendDictionary(dst *feature.Column, a *array.Dictionary) error {
	values, err := FromArrow(a.Dictionary(), dst.Type)
	if err != nil {
		return fmt.Errorf("dictionary: %w", err)
	}
	for i := range a.Len() {
		if a.IsNull(i) {
			dst.AppendNull()
		} else {
			dst.AppendFrom(values, a.GetValueIndex(i))
		}
	}
	return nil
}

func appendLists(dst *feature.Column, arr arrow.Array) error {
	a, ok := arr.(array.ListLike)
	if !ok || arr.DataType().ID() == arrow.MAP {
		return fmt.Errorf("a column of Arrow type %s can't be read as %s: %w", arr.DataType(), dst.Type, feature.ErrInvalid)
	}
	for i := range arr.Len() {
		if arr.IsNull(i) {
			dst.AppendNull()
			continue
		}
		start, end := a.ValueOffsets(i)
		if dst.Type.Length > 0 && end-start != int64(dst.Type.Length) {
			return fmt.Errorf("list at position %d has %d items, expected %d: %w", i, end-start, dst.Type.Length, feature.ErrInvalid)
		}
		items := array.NewSlice(a.ListValues(), start, end)
		err := appendArray(dst.Items, items)
		items.Release()
		if err != nil {
			return fmt.Errorf("list at position %d: %w", i, err)
		}
		dst.EndList()
	}
	return nil
}

// putter gives the function that appends value i of arr to dst, or tells that it
// does not fit; nil where the types never do.
func putter(dst *feature.Column, arr arrow.Array) func(i int) bool {
	if get := integers(arr); get != nil {
		return putInt(dst, get)
	}
	switch a := arr.(type) {
	case *array.Boolean:
		if dst.Type.Kind == feature.Bool {
			return func(i int) bool { dst.AppendBool(a.Value(i)); return true }
		}
	case *array.Float16:
		return putFloat(dst, func(i int) float64 { return float64(a.Value(i).Float32()) }, true)
	case *array.Float32:
		return putFloat(dst, func(i int) float64 { return float64(a.Value(i)) }, true)
	case *array.Float64:
		return putFloat(dst, a.Value, false)
	case *array.Date32:
		return putDay(dst, func(i int) int64 { return int64(a.Value(i)) })
	case *array.Date64:
		return putDay(dst, func(i int) int64 { return Days(a.Value(i)) })
	case *array.Timestamp:
		if dst.Type.Kind == feature.Timestamp {
			floor := floorUnit(a.DataType())
			return func(i int) bool { dst.AppendInt64(int64(floor(int64(a.Value(i))))); return true }
		}
	case *array.String:
		return putText(dst, a.Value)
	case *array.LargeString:
		return putText(dst, a.Value)
	case *array.StringView:
		return putText(dst, a.Value)
	case *array.Binary:
		return putBytes(dst, a.Value)
	case *array.LargeBinary:
		return putBytes(dst, a.Value)
	case *array.BinaryView:
		return putBytes(dst, a.Value)
	case *array.FixedSizeBinary:
		return putBytes(dst, a.Value)
	case *array.Decimal128:
		return putDecimal(dst, a)
	}
	return nil
}

// integers gives a reader of any integer array; ok is false beyond int64.
func integers(arr arrow.Array) func(i int) (v int64, ok bool) {
	switch a := arr.(type) {
	case *array.Int8:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }
	case *array.Int16:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }
	case *array.Int32:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }
	case *array.Int64:
		return func(i int) (int64, bool) { return a.Value(i), true }
	case *array.Uint8:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }
	case *array.Uint16:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }
	case *array.Uint32:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }
	case *array.Uint64:
		return func(i int) (int64, bool) { v := a.Value(i); return int64(v), v <= math.MaxInt64 }
	default:
		return nil
	}
}

func putInt(dst *feature.Column, get func(int) (int64, bool)) func(i int) bool {
	switch dst.Type.Kind {
	case feature.Int64:
		return func(i int) bool {
			v, ok := get(i)
			if ok {
				dst.AppendInt64(v)
			}
			return ok
		}
	case feature.Int32:
		return func(i int) bool {
			v, ok := get(i)
			if ok = ok && v == int64(int32(v)); ok {
				dst.AppendInt32(int32(v))
			}
			return ok
		}
	case feature.Float64:
		return func(i int) bool {
			v, ok := get(i)
			if ok = ok && v >= -1<<53 && v <= 1<<53; ok {
				dst.AppendFloat64(float64(v))
			}
			return ok
		}
	case feature.String:
		return func(i int) bool {
			v, ok := get(i)
			if ok {
				dst.AppendString(strconv.FormatInt(v, 10))
			}
			return ok
		}
	default:
		return nil
	}
}

func putFloat(dst *feature.Column, get func(int) float64, narrow bool) func(i int) bool {
	switch {
	case dst.Type.Kind == feature.Float64:
		return func(i int) bool { dst.AppendFloat64(get(i)); return true }
	case dst.Type.Kind == feature.Float32 && narrow:
		return func(i int) bool { dst.AppendFloat32(float32(get(i))); return true }
	default:
		return nil
	}
}

// Days gives the day that an instant lies in, counted from 1970-01-01: Arrow
// wants a Date64 to be a midnight, and not every writer keeps to it.
func Days(ms arrow.Date64) int64 {
	const day = 86_400_000
	days := int64(ms) / day
	if ms%day < 0 {
		days--
	}
	return days
}

func putDay(dst *feature.Column, get func(int) int64) func(i int) bool {
	switch dst.Type.Kind {
	case feature.Date:
		return func(i int) bool {
			v := get(i)
			if v != int64(int32(v)) {
				return false
			}
			dst.AppendInt32(int32(v))
			return true
		}
	case feature.Timestamp:
		return func(i int) bool {
			v := get(i)
			if v != int64(int32(v)) {
				return false
			}
			dst.AppendInt64(int64(feature.FromDate(int32(v))))
			return true
		}
	default:
		return nil
	}
}

func floorUnit(t arrow.DataType) func(int64) feature.Time {
	unit := arrow.Microsecond
	if ts, ok := t.(*arrow.TimestampType); ok {
		unit = ts.Unit
	}
	switch unit {
	case arrow.Second:
		return func(v int64) feature.Time {
			if v > math.MaxInt64/1000 || v < math.MinInt64/1000 {
				return feature.FromMillis(v)
			}
			return feature.FromMillis(v * 1000)
		}
	case arrow.Millisecond:
		return feature.FromMillis
	case arrow.Nanosecond:
		return feature.FloorNanos
	default:
		return func(v int64) feature.Time { return feature.Time(v) }
	}
}

func putText(dst *feature.Column, get func(int) string) func(i int) bool {
	switch dst.Type.Kind {
	case feature.String, feature.Bytes:
		return func(i int) bool { dst.AppendString(get(i)); return true }
	case feature.Timestamp, feature.Date:
		return func(i int) bool { return dst.AppendText(get(i)) == nil }
	default:
		return nil
	}
}

func putBytes(dst *feature.Column, get func(int) []byte) func(i int) bool {
	switch dst.Type.Kind {
	case feature.Bytes:
		return func(i int) bool { dst.AppendBytes(get(i)); return true }
	case feature.String:
		return func(i int) bool {
			v := get(i)
			if !utf8.Valid(v) {
				return false
			}
			dst.AppendBytes(v)
			return true
		}
	default:
		return nil
	}
}

func putDecimal(dst *feature.Column, a *array.Decimal128) func(i int) bool {
	t, ok := a.DataType().(*arrow.Decimal128Type)
	if !ok || t.Scale != 0 {
		return nil
	}
	return putInt(dst, func(i int) (int64, bool) {
		v := a.Value(i)
		return int64(v.LowBits()), v.HighBits() == int64(v.LowBits())>>63
	})
}

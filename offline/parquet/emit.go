package parquet

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	pq "github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// emitter writes rows of one leaf column as values with their levels.
type emitter struct {
	leaf   int // index of the leaf
	values []pq.Value
	bytes  int // size of the values since the last page
}

// step is one level on the way from a top-level column to a leaf.
type step struct {
	nullable bool
	child    int   // of a struct; 0 the key and 1 the value of a map
	rep      int   // repetition level of the items of a list
	next     *step // nil: this is the leaf
}

// pathsOf gives the way to each leaf below a field, in the order of the leaves.
func pathsOf(f arrow.Field, rep int) []*step {
	here := func(child, rep int, next *step) *step {
		return &step{nullable: f.Nullable || f.Type.ID() == arrow.NULL, child: child, rep: rep, next: next}
	}
	var all []*step
	switch t := f.Type.(type) {
	case *arrow.MapType:
		for _, s := range pathsOf(arrow.Field{Type: t.KeyType()}, rep+1) {
			all = append(all, here(0, rep+1, s))
		}
		for _, s := range pathsOf(t.ItemField(), rep+1) {
			all = append(all, here(1, rep+1, s))
		}
	case arrow.ListLikeType:
		for _, s := range pathsOf(t.ElemField(), rep+1) {
			all = append(all, here(0, rep+1, s))
		}
	case *arrow.StructType:
		for i, child := range t.Fields() {
			for _, s := range pathsOf(child, rep) {
				all = append(all, here(i, rep, s))
			}
		}
	default:
		return []*step{here(0, rep, nil)}
	}
	return all
}

// rows emits the rows lo to hi of an array.
func (e *emitter) rows(arr arrow.Array, s *step, lo, hi int) error {
	e.values = e.values[:0]
	if s.next == nil && e.flat(arr, s, lo, hi) {
		return nil
	}
	for i := lo; i < hi; i++ {
		if err := e.emit(arr, s, i, 0, 0); err != nil {
			return err
		}
	}
	return nil
}

// flat emits the commonest arrays without a look at the type of each value.
func (e *emitter) flat(arr arrow.Array, s *step, lo, hi int) bool {
	def := 0
	if s.nullable {
		def = 1
	}
	var value func(i int) pq.Value
	width := 8
	switch a := arr.(type) {
	case *array.Int64:
		value = func(i int) pq.Value { return pq.Int64Value(a.Value(i)) }
	case *array.Timestamp:
		if t, ok := a.DataType().(*arrow.TimestampType); !ok || t.Unit == arrow.Second {
			return false
		}
		value = func(i int) pq.Value { return pq.Int64Value(int64(a.Value(i))) }
	case *array.Float64:
		value = func(i int) pq.Value { return pq.DoubleValue(a.Value(i)) }
	case *array.Int32:
		width, value = 4, func(i int) pq.Value { return pq.Int32Value(a.Value(i)) }
	case *array.Float32:
		width, value = 4, func(i int) pq.Value { return pq.FloatValue(a.Value(i)) }
	default:
		return false
	}
	nulls := arr.NullN() > 0
	for i := lo; i < hi; i++ {
		if nulls && arr.IsNull(i) {
			e.values = append(e.values, pq.NullValue().Level(0, 0, e.leaf))
		} else {
			e.values = append(e.values, value(i).Level(0, def, e.leaf))
		}
	}
	e.bytes += width * (hi - lo)
	return true
}

func (e *emitter) null(rep, def int) {
	e.values = append(e.values, pq.NullValue().Level(rep, def, e.leaf))
	e.bytes++
}

// emit emits value i of an array, as far as it concerns the leaf.
func (e *emitter) emit(arr arrow.Array, s *step, i, rep, def int) error {
	if d, ok := arr.(*array.Dictionary); ok && s.next == nil {
		if d.IsNull(i) {
			e.null(rep, def)
			return nil
		}
		return e.emit(d.Dictionary(), s, d.GetValueIndex(i), rep, def)
	}
	if s.nullable {
		if arr.IsNull(i) {
			e.null(rep, def)
			return nil
		}
		def++
	} else if arr.IsNull(i) {
		return fmt.Errorf("a null in a column that the schema says has none: %w", feature.ErrInvalid)
	}
	if s.next == nil {
		return e.leafValue(arr, i, rep, def)
	}
	switch a := arr.(type) {
	case *array.Struct:
		return e.emit(a.Field(s.child), s.next, i, rep, def)
	case array.ListLike:
		items := a.ListValues()
		if m, ok := arr.(*array.Map); ok {
			items = m.Keys()
			if s.child == 1 {
				items = m.Items()
			}
		}
		start, end := a.ValueOffsets(i)
		if start == end {
			e.null(rep, def)
		}
		for j := start; j < end; j++ {
			if err := e.emit(items, s.next, int(j), rep, def+1); err != nil {
				return err
			}
			rep = s.rep
		}
		return nil
	default:
		return fmt.Errorf("an array of type %s is not what the schema says: %w", arr.DataType(), feature.ErrInvalid)
	}
}

func (e *emitter) leafValue(arr arrow.Array, i, rep, def int) error {
	v, err := valueOf(arr, i)
	if err != nil {
		return err
	}
	e.values = append(e.values, v.Level(rep, def, e.leaf))
	e.bytes += 8
	if k := v.Kind(); k == pq.ByteArray || k == pq.FixedLenByteArray {
		e.bytes += len(v.ByteArray())
	}
	return nil
}

func valueOf(arr arrow.Array, i int) (pq.Value, error) {
	switch a := arr.(type) {
	case *array.Boolean:
		return pq.BooleanValue(a.Value(i)), nil
	case *array.Int8:
		return pq.Int32Value(int32(a.Value(i))), nil
	case *array.Int16:
		return pq.Int32Value(int32(a.Value(i))), nil
	case *array.Int32:
		return pq.Int32Value(a.Value(i)), nil
	case *array.Int64:
		return pq.Int64Value(a.Value(i)), nil
	case *array.Uint8:
		return pq.Int32Value(int32(a.Value(i))), nil
	case *array.Uint16:
		return pq.Int32Value(int32(a.Value(i))), nil
	case *array.Uint32:
		return pq.Int32Value(int32(a.Value(i))), nil
	case *array.Uint64:
		return pq.Int64Value(int64(a.Value(i))), nil
	case *array.Float16:
		h := a.Value(i).Uint16()
		return pq.FixedLenByteArrayValue([]byte{byte(h), byte(h >> 8)}), nil
	case *array.Float32:
		return pq.FloatValue(a.Value(i)), nil
	case *array.Float64:
		return pq.DoubleValue(a.Value(i)), nil
	case *array.String:
		return textValue(a.Value(i)), nil
	case *array.LargeString:
		return textValue(a.Value(i)), nil
	case *array.StringView:
		return textValue(a.Value(i)), nil
	case *array.Binary:
		return pq.ByteArrayValue(a.Value(i)), nil
	case *array.LargeBinary:
		return pq.ByteArrayValue(a.Value(i)), nil
	case *array.BinaryView:
		return pq.ByteArrayValue(a.Value(i)), nil
	case *array.FixedSizeBinary:
		return pq.FixedLenByteArrayValue(a.Value(i)), nil
	default:
		return timeOrDecimal(arr, i)
	}
}

func timeOrDecimal(arr arrow.Array, i int) (pq.Value, error) {
	switch a := arr.(type) {
	case *array.Date32:
		return pq.Int32Value(int32(a.Value(i))), nil
	case *array.Date64:
		days := arrowconv.Days(a.Value(i))
		if days != int64(int32(days)) {
			return pq.Value{}, fmt.Errorf("day %d since 1970 does not fit a date: %w", days, feature.ErrInvalid)
		}
		return pq.Int32Value(int32(days)), nil
	case *array.Time32:
		v := int32(a.Value(i))
		if t, ok := a.DataType().(*arrow.Time32Type); ok && t.Unit == arrow.Second {
			v *= 1000
		}
		return pq.Int32Value(v), nil
	case *array.Time64:
		return pq.Int64Value(int64(a.Value(i))), nil
	case *array.Timestamp:
		v := int64(a.Value(i))
		if t, ok := a.DataType().(*arrow.TimestampType); ok && t.Unit == arrow.Second {
			if v*1000/1000 != v {
				return pq.Value{}, fmt.Errorf("time %d s does not fit milliseconds: %w", v, feature.ErrInvalid)
			}
			v *= 1000
		}
		return pq.Int64Value(v), nil
	case *array.Decimal128:
		v := a.Value(i)
		return decimalValue(a.DataType(), v.LowBits(), uint64(v.HighBits())), nil
	case *array.Decimal256:
		v := a.Value(i).Array()
		return decimalValue(a.DataType(), v[:]...), nil
	default:
		return pq.Value{}, fmt.Errorf("an array of type %s can't be written to Parquet: %w", arr.DataType(), feature.ErrInvalid)
	}
}

// textValue shares the text's bytes: the library copies what it keeps.
func textValue(s string) pq.Value {
	if s == "" {
		return pq.ByteArrayValue([]byte{})
	}
	return pq.ByteArrayValue(unsafe.Slice(unsafe.StringData(s), len(s)))
}

// decimalValue writes a number, given as words from the lowest, in big-endian
// bytes of its type's width.
func decimalValue(t arrow.DataType, words ...uint64) pq.Value {
	width := 16
	if d, ok := t.(arrow.DecimalType); ok {
		width = decimalWidth(int(d.GetPrecision()))
	}
	b := make([]byte, width)
	for k := range b {
		b[width-1-k] = byte(words[min(k/8, len(words)-1)] >> (8 * (k % 8)))
	}
	return pq.FixedLenByteArrayValue(b)
}

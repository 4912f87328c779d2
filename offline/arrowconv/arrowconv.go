// Package arrowconv moves columns between Arrow arrays and feature.Column.
//
// It stands between the sources and outputs of training sets, which speak Arrow,
// and the engine, which works on columns. FromArrow converts without loss or not
// at all, by the same rules as files are read; ToArrow shares memory where the
// two layouts are the same (numbers, times, bytes) and copies the rest.
package arrowconv

import (
	"fmt"
	"math"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
)

// DataType gives the Arrow type that carries a type: timestamps are microseconds
// in UTC, dates are days, lists of a fixed length are fixed-size lists. It panics
// for the zero type.
func DataType(t feature.Type) arrow.DataType {
	if t.List {
		if t.Length > 0 {
			return arrow.FixedSizeListOf(int32(t.Length), DataType(t.Elem()))
		}
		return arrow.ListOf(DataType(t.Elem()))
	}
	switch t.Kind {
	case feature.Bool:
		return arrow.FixedWidthTypes.Boolean
	case feature.Int32:
		return arrow.PrimitiveTypes.Int32
	case feature.Int64:
		return arrow.PrimitiveTypes.Int64
	case feature.Float32:
		return arrow.PrimitiveTypes.Float32
	case feature.Float64:
		return arrow.PrimitiveTypes.Float64
	case feature.String:
		return arrow.BinaryTypes.String
	case feature.Bytes:
		return arrow.BinaryTypes.Binary
	case feature.Date:
		return arrow.FixedWidthTypes.Date32
	case feature.Timestamp:
		return &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
	default:
		panic("arrowconv: column without a type")
	}
}

// ToArrow gives the column as an array of type DataType(c.Type). Numbers, times
// and the bytes of text share the column's memory: the array is valid while the
// column is not changed. Validity, booleans, offsets and lists of a fixed length
// are copied into memory of mem. More than 2 GiB of text, or as many items, in
// one column are an error that wraps feature.ErrTooLarge. The caller releases the
// array.
func ToArrow(c *feature.Column, mem memory.Allocator) (arrow.Array, error) {
	data, err := toData(c, mem)
	if err != nil {
		return nil, err
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

func toData(c *feature.Column, mem memory.Allocator) (*array.Data, error) {
	n := c.Len()
	validity, nulls := validityOf(c.Valid, mem)
	buffers := []*memory.Buffer{validity}
	var children []arrow.ArrayData
	defer func() {
		for _, b := range buffers {
			if b != nil {
				b.Release()
			}
		}
		for _, child := range children {
			child.Release()
		}
	}()
	switch {
	case c.Type.List && c.Type.Length > 0:
		items, err := fixedItems(c)
		if err != nil {
			return nil, err
		}
		child, err := toData(items, mem)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	case c.Type.List:
		offsets, err := offsets32(c.Offsets, mem)
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, offsets)
		child, err := toData(c.Items, mem)
		if err != nil {
			return nil, err
		}
		children = append(children, child)
	case c.Offsets != nil:
		offsets, err := offsets32(c.Offsets, mem)
		if err != nil {
			return nil, err
		}
		buffers = append(buffers, offsets, memory.NewBufferBytes(c.Data))
	case c.Type.Kind == feature.Bool:
		bits := memory.NewResizableBuffer(mem)
		bits.Resize(int(bitutil.BytesForBits(int64(n))))
		packBits(bits.Bytes(), c.Bools)
		buffers = append(buffers, bits)
	default:
		buffers = append(buffers, memory.NewBufferBytes(fixedBytes(c)))
	}
	return array.NewData(DataType(c.Type), n, buffers, children, nulls, 0), nil
}

// fixedItems gives the items of a column of lists of one length as Arrow keeps
// them: a null list has as many (null) items as any other.
func fixedItems(c *feature.Column) (*feature.Column, error) {
	n, length := c.Len(), c.Type.Length
	padded := c.Items.Len() != n*length
	for i := 0; i < n; i++ {
		if got := c.Offsets[i+1] - c.Offsets[i]; !c.IsNull(i) && got != int64(length) {
			return nil, fmt.Errorf("list %d has %d items, type %s has %d: %w", i, got, c.Type, length, feature.ErrInvalid)
		}
	}
	if !padded {
		return c.Items, nil
	}
	items := feature.NewColumn(c.Type.Elem(), n*length)
	for i := 0; i < n; i++ {
		for j := 0; j < length; j++ {
			if c.IsNull(i) {
				items.AppendNull()
			} else {
				items.AppendFrom(c.Items, int(c.Offsets[i])+j)
			}
		}
	}
	return items, nil
}

func fixedBytes(c *feature.Column) []byte {
	switch c.Type.Kind {
	case feature.Int32, feature.Date:
		return bytesOf(c.Int32s)
	case feature.Int64, feature.Timestamp:
		return bytesOf(c.Int64s)
	case feature.Float32:
		return bytesOf(c.Float32s)
	default:
		return bytesOf(c.Float64s)
	}
}

// bytesOf shows numbers as the bytes that they are in memory.
func bytesOf[T int32 | int64 | float32 | float64](v []T) []byte {
	if len(v) == 0 {
		return []byte{}
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(v[0])))
}

func offsets32(offsets []int64, mem memory.Allocator) (*memory.Buffer, error) {
	if last := offsets[len(offsets)-1]; last > math.MaxInt32 {
		return nil, fmt.Errorf("%d bytes or items in one column of one record, at most %d can be: write smaller records: %w",
			last, math.MaxInt32, feature.ErrTooLarge)
	}
	b := memory.NewResizableBuffer(mem)
	b.Resize(4 * len(offsets))
	to := arrow.Int32Traits.CastFromBytes(b.Bytes())
	for i, o := range offsets {
		to[i] = int32(o)
	}
	return b, nil
}

func validityOf(valid []bool, mem memory.Allocator) (*memory.Buffer, int) {
	nulls := 0
	for _, v := range valid {
		if !v {
			nulls++
		}
	}
	if nulls == 0 {
		return nil, 0
	}
	b := memory.NewResizableBuffer(mem)
	b.Resize(int(bitutil.BytesForBits(int64(len(valid)))))
	packBits(b.Bytes(), valid)
	return b, nulls
}

func packBits(dst []byte, bits []bool) {
	clear(dst)
	for i, v := range bits {
		if v {
			dst[i/8] |= 1 << (i % 8)
		}
	}
}

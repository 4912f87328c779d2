package arrowconv

import (
	"fmt"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
)

// Take makes an array of the values at the given positions, in their order; a
// position of -1 gives a null. The type stays as it is. Views, unions and
// run-length encodings are errors that wrap feature.ErrInvalid. The result shares
// no memory with the array; the caller releases it.
func Take(arr arrow.Array, positions []int) (arrow.Array, error) {
	data, err := takeData(arr.Data(), arr.DataType(), positions)
	if err != nil {
		return nil, err
	}
	defer data.Release()
	return array.MakeFromData(data), nil
}

// TakeRecord is Take for every column of a record.
func TakeRecord(rec arrow.Record, positions []int) (arrow.Record, error) {
	columns := make([]arrow.Array, rec.NumCols())
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	for i := range columns {
		var err error
		if columns[i], err = Take(rec.Column(i), positions); err != nil {
			return nil, fmt.Errorf("column %q: %w", rec.ColumnName(i), err)
		}
	}
	return array.NewRecord(rec.Schema(), columns, int64(len(positions))), nil
}

// takeData takes from data whose layout is that of a type, which for extensions is
// not the data's own.
func takeData(d arrow.ArrayData, layout arrow.DataType, positions []int) (*array.Data, error) {
	if ext, ok := layout.(arrow.ExtensionType); ok {
		return takeData(d, ext.StorageType(), positions)
	}
	n := len(positions)
	if layout.ID() == arrow.NULL {
		return array.NewData(d.DataType(), n, []*memory.Buffer{nil}, nil, n, 0), nil
	}
	validity, nulls := takeValidity(d, positions)
	buffers := []*memory.Buffer{validity}
	var children []arrow.ArrayData
	var err error
	switch t := layout.(type) {
	case *arrow.BooleanType:
		buffers = append(buffers, takeBits(d, positions))
	case *arrow.StringType, *arrow.BinaryType:
		buffers, err = takeBytes[int32](d, positions, buffers)
	case *arrow.LargeStringType, *arrow.LargeBinaryType:
		buffers, err = takeBytes[int64](d, positions, buffers)
	case *arrow.ListType, *arrow.MapType:
		buffers, children, err = takeItems[int32](d, positions, buffers)
	case *arrow.LargeListType:
		buffers, children, err = takeItems[int64](d, positions, buffers)
	case *arrow.FixedSizeListType:
		children, err = takeFixedItems(d, int(t.Len()), positions)
	case *arrow.StructType:
		children, err = takeFields(d, positions)
	case arrow.FixedWidthDataType:
		buffers = append(buffers, takeFixed(d, t.BitWidth()/8, positions))
	default:
		err = fmt.Errorf("a column of Arrow type %s can't be taken apart: cast it to another type: %w", layout, feature.ErrInvalid)
	}
	defer func() {
		for _, b := range buffers {
			if b != nil {
				b.Release()
			}
		}
		for _, c := range children {
			c.Release()
		}
	}()
	if err != nil {
		return nil, err
	}
	if dictionary, ok := d.Dictionary().(*array.Data); ok && dictionary != nil {
		return array.NewDataWithDictionary(d.DataType(), n, buffers, nulls, 0, dictionary), nil
	}
	return array.NewData(d.DataType(), n, buffers, children, nulls, 0), nil
}

func takeValidity(d arrow.ArrayData, positions []int) (*memory.Buffer, int) {
	var from []byte
	if b := d.Buffers()[0]; b != nil && d.NullN() != 0 {
		from = b.Bytes()
	}
	nulls := 0
	bits := newBuffer(int(bitutil.BytesForBits(int64(len(positions)))))
	for i, p := range positions {
		if p < 0 || from != nil && !bitutil.BitIsSet(from, d.Offset()+p) {
			nulls++
			continue
		}
		bitutil.SetBit(bits.Bytes(), i)
	}
	if nulls == 0 {
		bits.Release()
		return nil, 0
	}
	return bits, nulls
}

// newBuffer makes a buffer of zeros.
func newBuffer(size int) *memory.Buffer {
	b := memory.NewResizableBuffer(memory.DefaultAllocator)
	b.Resize(size)
	clear(b.Bytes())
	return b
}

func takeBits(d arrow.ArrayData, positions []int) *memory.Buffer {
	b := newBuffer(int(bitutil.BytesForBits(int64(len(positions)))))
	for i, p := range positions {
		if p >= 0 && bitutil.BitIsSet(d.Buffers()[1].Bytes(), d.Offset()+p) {
			bitutil.SetBit(b.Bytes(), i)
		}
	}
	return b
}

func takeFixed(d arrow.ArrayData, width int, positions []int) *memory.Buffer {
	b := newBuffer(width * len(positions))
	if d.Len() == 0 {
		return b
	}
	to, from := b.Bytes(), d.Buffers()[1].Bytes()[d.Offset()*width:]
	for i, p := range positions {
		if p >= 0 {
			copy(to[i*width:(i+1)*width], from[p*width:(p+1)*width])
		}
	}
	return b
}

// offsetsOf gives the offsets of data from its own start.
func offsetsOf[T int32 | int64](d arrow.ArrayData) []T {
	if d.Len() == 0 {
		return []T{0}
	}
	return arrow.GetData[T](d.Buffers()[1].Bytes())[d.Offset() : d.Offset()+d.Len()+1]
}

// takeOffsets makes the offsets of what is taken.
func takeOffsets[T int32 | int64](from []T, positions []int) (*memory.Buffer, []T, error) {
	b := newBuffer(int(unsafe.Sizeof(from[0])) * (len(positions) + 1))
	to := arrow.GetData[T](b.Bytes())
	for i, p := range positions {
		to[i+1] = to[i]
		if p >= 0 {
			to[i+1] += from[p+1] - from[p]
		}
		if to[i+1] < to[i] {
			b.Release()
			return nil, nil, fmt.Errorf("more than 2 GiB of text, or as many items, in one column of one record: %w", feature.ErrTooLarge)
		}
	}
	return b, to, nil
}

func takeBytes[T int32 | int64](d arrow.ArrayData, positions []int, buffers []*memory.Buffer) ([]*memory.Buffer, error) {
	from := offsetsOf[T](d)
	offsets, to, err := takeOffsets(from, positions)
	if err != nil {
		return buffers, err
	}
	data := newBuffer(int(to[len(positions)]))
	for i, p := range positions {
		if p >= 0 && from[p+1] > from[p] {
			copy(data.Bytes()[to[i]:to[i+1]], d.Buffers()[2].Bytes()[from[p]:from[p+1]])
		}
	}
	return append(buffers, offsets, data), nil
}

func takeItems[T int32 | int64](d arrow.ArrayData, positions []int, buffers []*memory.Buffer) ([]*memory.Buffer, []arrow.ArrayData, error) {
	from := offsetsOf[T](d)
	offsets, to, err := takeOffsets(from, positions)
	if err != nil {
		return buffers, nil, err
	}
	items := make([]int, 0, to[len(positions)])
	for _, p := range positions {
		if p >= 0 {
			for at := from[p]; at < from[p+1]; at++ {
				items = append(items, int(at))
			}
		}
	}
	child, err := takeChild(d.Children()[0], items)
	return append(buffers, offsets), child, err
}

func takeChild(d arrow.ArrayData, positions []int) ([]arrow.ArrayData, error) {
	child, err := takeData(d, d.DataType(), positions)
	if err != nil {
		return nil, err
	}
	return []arrow.ArrayData{child}, nil
}

func takeFixedItems(d arrow.ArrayData, length int, positions []int) ([]arrow.ArrayData, error) {
	items := make([]int, 0, len(positions)*length)
	for _, p := range positions {
		for j := range length {
			if p < 0 {
				items = append(items, -1)
			} else {
				items = append(items, (d.Offset()+p)*length+j)
			}
		}
	}
	return takeChild(d.Children()[0], items)
}

func takeFields(d arrow.ArrayData, positions []int) ([]arrow.ArrayData, error) {
	rows := make([]int, len(positions))
	for i, p := range positions {
		rows[i] = p
		if p >= 0 {
			rows[i] += d.Offset()
		}
	}
	var children []arrow.ArrayData
	for _, field := range d.Children() {
		child, err := takeData(field, field.DataType(), rows)
		if err != nil {
			return children, err
		}
		children = append(children, child)
	}
	return children, nil
}

package parquet

import (
	"fmt"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/bitutil"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// logicalKey is the key of an Arrow field's metadata that keeps what Arrow has no
// type for: json, enum, uuid.
const logicalKey = "parquet.logical"

// arrowType gives the Arrow type that carries a leaf's values without loss.
func (l logical) arrowType() (arrow.DataType, error) {
	switch l.meaning {
	case text:
		return arrow.BinaryTypes.String, nil
	case integer:
		return l.arrowInt(), nil
	case decimal:
		switch {
		case l.precision >= 1 && l.precision <= 38:
			return &arrow.Decimal128Type{Precision: int32(l.precision), Scale: int32(l.scale)}, nil
		case l.precision >= 1 && l.precision <= 76:
			return &arrow.Decimal256Type{Precision: int32(l.precision), Scale: int32(l.scale)}, nil
		}
		return nil, fmt.Errorf("decimals of %d digits are not supported, at most 76 are: %w", l.precision, feature.ErrInvalid)
	case date:
		return arrow.FixedWidthTypes.Date32, nil
	case timeOfDay:
		return [...]arrow.DataType{arrow.FixedWidthTypes.Time32ms, arrow.FixedWidthTypes.Time64us, arrow.FixedWidthTypes.Time64ns}[l.unit], nil
	case timestamp:
		t := &arrow.TimestampType{Unit: [...]arrow.TimeUnit{arrow.Millisecond, arrow.Microsecond, arrow.Nanosecond}[l.unit]}
		if l.utc {
			t.TimeZone = "UTC"
		}
		return t, nil
	case float16:
		return arrow.FixedWidthTypes.Float16, nil
	case allNull:
		return arrow.Null, nil
	}
	switch l.physical {
	case format.Boolean:
		return arrow.FixedWidthTypes.Boolean, nil
	case format.Int32:
		return arrow.PrimitiveTypes.Int32, nil
	case format.Int64:
		return arrow.PrimitiveTypes.Int64, nil
	case format.Float:
		return arrow.PrimitiveTypes.Float32, nil
	case format.Double:
		return arrow.PrimitiveTypes.Float64, nil
	case format.FixedLenByteArray:
		return &arrow.FixedSizeBinaryType{ByteWidth: l.length}, nil
	default:
		return arrow.BinaryTypes.Binary, nil
	}
}

func (l logical) arrowInt() arrow.DataType {
	signed := map[int]arrow.DataType{
		8: arrow.PrimitiveTypes.Int8, 16: arrow.PrimitiveTypes.Int16, 32: arrow.PrimitiveTypes.Int32, 64: arrow.PrimitiveTypes.Int64,
	}
	unsigned := map[int]arrow.DataType{
		8: arrow.PrimitiveTypes.Uint8, 16: arrow.PrimitiveTypes.Uint16, 32: arrow.PrimitiveTypes.Uint32, 64: arrow.PrimitiveTypes.Uint64,
	}
	if l.unsigned {
		return unsigned[l.bits]
	}
	return signed[l.bits]
}

// raw gives the type and the converter by which a leaf's values are read as they
// are stored.
func (l logical) raw() (feature.Kind, converter) {
	switch l.physical {
	case format.Boolean:
		return feature.Bool, copyBools
	case format.Int32:
		return feature.Int32, copyInt32
	case format.Int64:
		return feature.Int64, copyInt64
	case format.Int96:
		return feature.Int64, int96Nanos
	case format.Float:
		return feature.Float32, copyFloat32
	case format.Double:
		return feature.Float64, copyFloat64
	default:
		return feature.Bytes, copyBytes
	}
}

// int96Nanos reads INT96 as nanoseconds since the epoch, which end in 1677 and
// 2262.
func int96Nanos(dst *feature.Column, v *values, lo, hi int) int {
	for i, t := range v.raw.Int96()[lo:hi] {
		const dayNanos = 86_400_000_000_000
		day := int64(int32(t[2])) - 2_440_588
		ns := int64(uint64(t[1])<<32 | uint64(t[0]))
		const most = math.MaxInt64/dayNanos - 1
		if day > most || day < -most || ns < 0 || ns > dayNanos {
			return lo + i
		}
		dst.Int64s = append(dst.Int64s, day*dayNanos+ns)
	}
	return fits
}

// toArrow makes an array of values as they are stored. It shares the column's
// memory where it can; the column is not used again.
func toArrow(c *feature.Column, t arrow.DataType) (arrow.Array, error) {
	mem := memory.DefaultAllocator
	if c.Type.List {
		return listToArrow(c, t)
	}
	switch t := t.(type) {
	case *arrow.NullType:
		return array.NewNull(c.Len()), nil
	case *arrow.Decimal128Type:
		return fixedToArrow(c, t, 16, decimalBytes(c, 16))
	case *arrow.Decimal256Type:
		return fixedToArrow(c, t, 32, decimalBytes(c, 32))
	case *arrow.FixedSizeBinaryType:
		return fixedToArrow(c, t, t.ByteWidth, padded(c, t.ByteWidth))
	case *arrow.Float16Type:
		return fixedToArrow(c, t, 2, padded(c, 2))
	case arrow.FixedWidthDataType:
		if n := t.Bytes(); c.Type.Kind == feature.Int32 && n < 4 && n > 0 {
			return fixedToArrow(c, t, n, narrowed(c.Int32s, n))
		}
	}
	arr, err := arrowconv.ToArrow(c, mem)
	if err != nil || arrow.TypeEqual(arr.DataType(), t) {
		return arr, err
	}
	defer arr.Release()
	// The same bytes under another name: int64 as a timestamp, bytes as text.
	d := arr.Data()
	data := array.NewData(t, d.Len(), d.Buffers(), nil, d.NullN(), 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

func listToArrow(c *feature.Column, t arrow.DataType) (arrow.Array, error) {
	list, ok := t.(*arrow.ListType)
	if !ok {
		return nil, fmt.Errorf("a list can't be read as %s: %w", t, feature.ErrInvalid)
	}
	items, err := toArrow(c.Items, list.Elem())
	if err != nil {
		return nil, err
	}
	defer items.Release()
	offsets := make([]int32, len(c.Offsets))
	for i, o := range c.Offsets {
		if o > math.MaxInt32 {
			return nil, fmt.Errorf("%d items in one record: %w", o, feature.ErrTooLarge)
		}
		offsets[i] = int32(o)
	}
	validity, nulls := bitmap(c)
	buffers := []*memory.Buffer{validity, memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(offsets))}
	data := array.NewData(t, c.Len(), buffers, []arrow.ArrayData{items.Data()}, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

func fixedToArrow(c *feature.Column, t arrow.DataType, width int, b []byte) (arrow.Array, error) {
	if len(b) != c.Len()*width {
		return nil, fmt.Errorf("%d bytes for %d values of type %s: %w", len(b), c.Len(), t, feature.ErrInvalid)
	}
	validity, nulls := bitmap(c)
	data := array.NewData(t, c.Len(), []*memory.Buffer{validity, memory.NewBufferBytes(b)}, nil, nulls, 0)
	defer data.Release()
	return array.MakeFromData(data), nil
}

func bitmap(c *feature.Column) (*memory.Buffer, int) {
	if c.Valid == nil {
		return nil, 0
	}
	nulls := 0
	bits := make([]byte, bitutil.BytesForBits(int64(len(c.Valid))))
	for i, v := range c.Valid {
		if v {
			bitutil.SetBit(bits, i)
		} else {
			nulls++
		}
	}
	return memory.NewBufferBytes(bits), nulls
}

// padded gives the bytes of values of one width, zeros where a value is null.
func padded(c *feature.Column, width int) []byte {
	if len(c.Data) == c.Len()*width {
		return c.Data
	}
	b := make([]byte, c.Len()*width)
	for i := range c.Len() {
		copy(b[i*width:(i+1)*width], c.Bytes(i))
	}
	return b
}

func narrowed(v []int32, width int) []byte {
	b := make([]byte, 0, len(v)*width)
	for _, n := range v {
		b = append(b, byte(n))
		if width == 2 {
			b = append(b, byte(n>>8))
		}
	}
	return b
}

// decimalBytes gives decimals as Arrow keeps them: little-endian, two's
// complement. A value of more bytes than that is cut; its file broke the rules of
// its own type.
func decimalBytes(c *feature.Column, width int) []byte {
	out := make([]byte, c.Len()*width)
	put := func(i int, n int64) {
		to := out[i*width : (i+1)*width]
		for k := range to {
			to[k] = byte(n >> min(8*k, 63))
		}
	}
	switch c.Type.Kind {
	case feature.Int32:
		for i, n := range c.Int32s {
			put(i, int64(n))
		}
	case feature.Int64:
		for i, n := range c.Int64s {
			put(i, n)
		}
	default:
		for i := range c.Len() {
			b, to := c.Bytes(i), out[i*width:(i+1)*width]
			sign := byte(0)
			if len(b) > 0 {
				sign = byte(int8(b[0]) >> 7)
			}
			for k := range to {
				if k < len(b) {
					to[k] = b[len(b)-1-k]
				} else {
					to[k] = sign
				}
			}
		}
	}
	return out
}

// metadata keeps the meaning that Arrow's types do not tell.
func (l logical) metadata() arrow.Metadata {
	if l.special == "" {
		return arrow.Metadata{}
	}
	return arrow.NewMetadata([]string{logicalKey}, []string{l.special})
}

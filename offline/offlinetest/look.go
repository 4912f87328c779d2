package offlinetest

import (
	"math"
	"math/rand/v2"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/lz4"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding"

	"github.com/quiver-features/quiver/feature"
)

// look draws one of the many ways in which a Parquet file can say the same.
type look struct {
	*rand.Rand
	own bool // columns keep their types
}

func newLook(seed uint64, place int, own bool) *look {
	return &look{Rand: rand.New(rand.NewPCG(seed, uint64(place))), own: own} // the same seed gives the same file
}

// options draws page version, page size, compression and statistics.
func (l *look) options() []parquet.WriterOption {
	codecs := []compress.Codec{
		&parquet.Uncompressed, &parquet.Snappy, &parquet.Gzip, &parquet.Brotli, &parquet.Zstd, &lz4.Codec{Level: lz4.Fastest},
	}
	return []parquet.WriterOption{
		parquet.DataPageVersion(1 + l.IntN(2)),
		parquet.PageBufferSize(pickOne(l.Rand, []int{1, 64, 64, 1 << 20})),
		parquet.Compression(pickOne(l.Rand, codecs)),
		parquet.DataPageStatistics(l.IntN(2) == 0),
	}
}

// shape is how a file holds one column: its node, what stands for a value, and
// the levels of what is missing.
type shape struct {
	node     parquet.Node
	value    func(c *feature.Column, i int) parquet.Value
	bare     bool // a repeated leaf: a list that is never null
	optional bool
	items    bool // items are optional
}

// shape draws how a column is held.
func (l *look) shape(c *Column) shape {
	values := c.Values
	if values.Type.List {
		values = values.Items
	}
	leaf, value := l.leaf(values, c.Nanos)
	leaf = l.encoded(leaf)
	s := shape{value: value, optional: hasNull(c.Values) || l.IntN(2) == 0}
	if c.Values.Type.List {
		s.items = hasNull(values) || !l.own && l.IntN(2) == 0 || l.own
		s.bare = !l.own && !s.items && !s.optional
	}
	switch {
	case s.bare:
		leaf = parquet.Repeated(leaf)
	case c.Values.Type.List && s.items:
		leaf = parquet.List(parquet.Optional(leaf))
	case c.Values.Type.List:
		leaf = parquet.List(leaf)
	}
	if s.optional {
		leaf = parquet.Optional(leaf)
	}
	s.node = leaf
	return s
}

// row gives the values of a row with their levels.
func (s *shape) row(c *feature.Column, row, index int) []parquet.Value {
	present, item := 0, 0
	if s.optional {
		present = 1
	}
	if s.items {
		item = 1
	}
	switch {
	case c.IsNull(row):
		return []parquet.Value{parquet.NullValue().Level(0, 0, index)}
	case !c.Type.List:
		return []parquet.Value{s.value(c, row).Level(0, present, index)}
	case c.Offsets[row] == c.Offsets[row+1]:
		return []parquet.Value{parquet.NullValue().Level(0, present, index)}
	}
	var out []parquet.Value
	for i := int(c.Offsets[row]); i < int(c.Offsets[row+1]); i++ {
		repeated := min(len(out), 1)
		if c.Items.IsNull(i) {
			out = append(out, parquet.NullValue().Level(repeated, present+1, index))
		} else {
			out = append(out, s.value(c.Items, i).Level(repeated, present+1+item, index))
		}
	}
	return out
}

// encoded draws an encoding that the leaf can have.
func (l *look) encoded(n parquet.Node) parquet.Node {
	choices := []encoding.Encoding{nil, &parquet.Plain, &parquet.RLEDictionary, &parquet.RLEDictionary}
	switch n.Type().Kind() {
	case parquet.Boolean:
		choices = []encoding.Encoding{nil, &parquet.Plain, &parquet.RLE}
	case parquet.Int32, parquet.Int64:
		choices = append(choices, &parquet.DeltaBinaryPacked, &parquet.DeltaBinaryPacked)
	case parquet.ByteArray:
		choices = append(choices, &parquet.DeltaLengthByteArray, &parquet.DeltaByteArray)
	case parquet.Float, parquet.Double:
		choices = append(choices, &parquet.ByteStreamSplit)
	default: // INT96 and fixed bytes have the two that all have
	}
	if e := pickOne(l.Rand, choices); e != nil {
		return parquet.Encoded(n, e)
	}
	return n
}

type valueFunc = func(c *feature.Column, i int) parquet.Value

// leaf draws a type that holds all values of a column, none of them a list.
func (l *look) leaf(c *feature.Column, inNanos bool) (parquet.Node, valueFunc) {
	switch c.Type.Kind {
	case feature.Bool:
		return parquet.Leaf(parquet.BooleanType), func(c *feature.Column, i int) parquet.Value { return parquet.BooleanValue(c.Bools[i]) }
	case feature.Int32:
		return l.integer(c, 32, func(c *feature.Column, i int) int64 { return int64(c.Int32s[i]) })
	case feature.Int64:
		return l.integer(c, 64, func(c *feature.Column, i int) int64 { return c.Int64s[i] })
	case feature.Float32:
		return parquet.Leaf(parquet.FloatType), func(c *feature.Column, i int) parquet.Value { return parquet.FloatValue(c.Float32s[i]) }
	case feature.Float64:
		return l.double(c)
	case feature.Date:
		return parquet.Date(), func(c *feature.Column, i int) parquet.Value { return parquet.Int32Value(c.Int32s[i]) }
	case feature.Timestamp:
		return l.time(c, inNanos)
	default:
		return l.bytes(c)
	}
}

// integer draws an annotated width that holds all values: narrower or wider than
// the column's own.
func (l *look) integer(c *feature.Column, bits int, get func(*feature.Column, int) int64) (parquet.Node, valueFunc) {
	least, greatest := int64(0), int64(0)
	for i := range c.Len() {
		if !c.IsNull(i) {
			least, greatest = min(least, get(c, i)), max(greatest, get(c, i))
		}
	}
	small := func(c *feature.Column, i int) parquet.Value { return parquet.Int32Value(int32(get(c, i))) }
	large := func(c *feature.Column, i int) parquet.Value { return parquet.Int64Value(get(c, i)) }
	fits := func(width int) bool { return least >= -1<<(width-1) && greatest <= 1<<(width-1)-1 }
	if l.own || l.IntN(2) == 0 {
		if bits == 32 {
			return parquet.Int(32), small
		}
		return parquet.Int(64), large
	}
	switch width := pickOne(l.Rand, []int{8, 16, 32, 64}); {
	case least >= 0 && width < 64 && greatest <= 1<<width-1 && l.IntN(2) == 0:
		return parquet.Uint(width), small
	case least >= 0 && l.IntN(3) == 0:
		return parquet.Uint(64), large
	case width < 64 && fits(width):
		return parquet.Int(width), small
	case fits(32) && l.IntN(2) == 0:
		return parquet.Leaf(parquet.Int32Type), small
	default:
		return parquet.Leaf(parquet.Int64Type), large
	}
}

// double draws FLOAT where it holds the values exactly.
func (l *look) double(c *feature.Column) (parquet.Node, valueFunc) {
	narrow := !l.own && l.IntN(2) == 0
	for i, v := range c.Float64s {
		narrow = narrow && (c.IsNull(i) || float64(float32(v)) == v)
	}
	if narrow {
		return parquet.Leaf(parquet.FloatType), func(c *feature.Column, i int) parquet.Value { return parquet.FloatValue(float32(c.Float64s[i])) }
	}
	return parquet.Leaf(parquet.DoubleType), func(c *feature.Column, i int) parquet.Value { return parquet.DoubleValue(c.Float64s[i]) }
}

// bytes draws fixed bytes where all have one length, and text without its
// annotation, as old writers have it.
func (l *look) bytes(c *feature.Column) (parquet.Node, valueFunc) {
	variable := func(c *feature.Column, i int) parquet.Value { return parquet.ByteArrayValue(c.Bytes(i)) }
	if c.Type.Kind == feature.String && (l.own || l.IntN(3) > 0) {
		return parquet.String(), variable
	}
	size, fixed := 0, !l.own && c.Type.Kind == feature.Bytes
	for i := range c.Len() {
		if !c.IsNull(i) {
			n := len(c.Bytes(i))
			fixed = fixed && n > 0 && (size == 0 || size == n)
			size = n
		}
	}
	if size == 0 || !fixed {
		return parquet.Leaf(parquet.ByteArrayType), variable
	}
	return parquet.Leaf(parquet.FixedLenByteArrayType(size)), func(c *feature.Column, i int) parquet.Value {
		return parquet.FixedLenByteArrayValue(c.Bytes(i))
	}
}

const julianEpoch = 2_440_588 // the Julian day number of 1970-01-01

// time draws a unit that holds all times of a column exactly, with a zone or
// without, or INT96, or days.
func (l *look) time(c *feature.Column, inNanos bool) (parquet.Node, valueFunc) {
	per := int64(1) // of the column's unit, in a microsecond
	if inNanos {
		per = 1000
	}
	whole := func(unit int64) bool { // unit in microseconds
		for i, v := range c.Int64s {
			if !c.IsNull(i) && v%(per*unit) != 0 {
				return false
			}
		}
		return true
	}
	utc := l.IntN(2) == 0
	const day = 86_400_000_000
	choice := l.IntN(6)
	switch {
	case l.own:
	case choice == 0 && whole(1000):
		return parquet.TimestampAdjusted(parquet.Millisecond, utc), func(c *feature.Column, i int) parquet.Value { return parquet.Int64Value(c.Int64s[i] / (1000 * per)) }
	case choice == 1 && whole(day) && !inNanos:
		return parquet.Date(), func(c *feature.Column, i int) parquet.Value { return parquet.Int32Value(int32(c.Int64s[i] / day)) }
	case choice == 2:
		return parquet.Leaf(parquet.Int96Type), func(c *feature.Column, i int) parquet.Value {
			days, rest := c.Int64s[i]/(day*per), c.Int64s[i]%(day*per)
			if rest < 0 {
				days, rest = days-1, rest+day*per
			}
			ns := uint64(rest * (1000 / per))
			return parquet.Int96Value(deprecated.Int96{uint32(ns), uint32(ns >> 32), uint32(days + julianEpoch)})
		}
	case choice == 3 && inNanos && whole(1):
		return parquet.TimestampAdjusted(parquet.Microsecond, utc), func(c *feature.Column, i int) parquet.Value { return parquet.Int64Value(c.Int64s[i] / 1000) }
	case choice == 4 && !inNanos && inside(c, math.MinInt64/1000, math.MaxInt64/1000):
		return parquet.TimestampAdjusted(parquet.Nanosecond, utc), func(c *feature.Column, i int) parquet.Value { return parquet.Int64Value(c.Int64s[i] * 1000) }
	}
	unit := parquet.Microsecond
	if inNanos {
		unit = parquet.Nanosecond
	}
	return parquet.TimestampAdjusted(unit, utc), func(c *feature.Column, i int) parquet.Value { return parquet.Int64Value(c.Int64s[i]) }
}

func inside(c *feature.Column, least, greatest int64) bool {
	for i, v := range c.Int64s {
		if !c.IsNull(i) && (v < least || v > greatest) {
			return false
		}
	}
	return true
}

func hasNull(c *feature.Column) bool {
	for i := range c.Len() {
		if c.IsNull(i) {
			return true
		}
	}
	return false
}

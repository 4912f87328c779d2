package parquet

import (
	"bytes"
	"math/bits"
	"unsafe"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/parquet-go/parquet-go/encoding/plain"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"
)

// byteArrays are values of any length. The pages of a chunk begin with a
// dictionary: they stay with it if the first page has each of its values twice on
// average, until it is full.
type byteArrays struct {
	plain   []byte // the page, where there is no dictionary
	length  int    // of the page in the PLAIN encoding
	indexes []int32

	isPlain bool             // from here on
	decided bool             // the first page is complete
	index   map[string]int32 // of the dictionary
	entries []string
	words   []byte // the dictionary in the PLAIN encoding

	some            bool
	least, greatest []byte
}

func (b *byteArrays) take(arr arrow.Array, lo, hi int, present []uint8) error {
	value := bytesAt(arr)
	for i := lo; i < hi; i++ {
		if present == nil || present[i-lo] == 1 {
			b.put(value(i))
		}
	}
	return nil
}

func (b *byteArrays) put(v []byte) {
	b.length += plain.ByteArrayLengthSize + len(v)
	if b.isPlain {
		b.bound(v)
		b.plain = plain.AppendByteArray(b.plain, v)
		return
	}
	k, ok := b.index[string(v)]
	if !ok {
		if len(b.words)+plain.ByteArrayLengthSize+len(v) > dictionaryMax {
			b.leaveDictionary()
			b.bound(v)
			b.plain = plain.AppendByteArray(b.plain, v)
			return
		}
		if b.index == nil {
			b.index = map[string]int32{}
		}
		k = int32(len(b.entries))
		word := string(v)
		b.index[word] = k
		b.entries = append(b.entries, word)
		b.words = plain.AppendByteArray(b.words, v)
	}
	if n := len(b.indexes); n == 0 || b.indexes[n-1] != k {
		b.bound(v)
	}
	b.indexes = append(b.indexes, k)
}

func (b *byteArrays) bound(v []byte) {
	if !b.some || bytes.Compare(v, b.least) < 0 {
		b.least = append(b.least[:0], v...)
	}
	if !b.some || bytes.Compare(v, b.greatest) > 0 {
		b.greatest = append(b.greatest[:0], v...)
	}
	b.some = true
}

// leaveDictionary makes the page and all that follow plain.
func (b *byteArrays) leaveDictionary() {
	b.isPlain = true
	for _, k := range b.indexes {
		b.plain = plain.AppendByteArrayString(b.plain, b.entries[k])
	}
	b.indexes = b.indexes[:0]
}

func (b *byteArrays) size() int { return b.length }

func (b *byteArrays) encode(dst []byte) ([]byte, format.Encoding, error) {
	if !b.decided && !b.isPlain && 2*len(b.entries) > len(b.indexes) {
		b.leaveDictionary()
		b.words = b.words[:0]
	}
	b.decided = true
	if b.isPlain {
		return append(dst, b.plain...), format.Plain, nil
	}
	width := bits.Len(uint(max(len(b.entries)-1, 1)))
	dst = append(dst, byte(width))
	packed, err := (&rle.Encoding{BitWidth: width}).EncodeInt32(dst[len(dst):], b.indexes)
	return append(dst, packed...), format.RLEDictionary, err
}

func (b *byteArrays) bounds() (least, greatest []byte, ok bool) {
	return b.least, b.greatest, b.some
}

func (b *byteArrays) reset() {
	b.plain, b.indexes, b.length, b.some = b.plain[:0], b.indexes[:0], 0, false
}

// endChunk begins the next chunk. The dictionary was taken from words before.
func (b *byteArrays) endChunk() {
	b.isPlain, b.decided = false, false
	clear(b.index)
	b.entries, b.words = b.entries[:0], b.words[:0]
}

// bytesAt gives the function that reads a value of an array. The bytes are the
// array's.
func bytesAt(arr arrow.Array) func(i int) []byte {
	switch a := arr.(type) {
	case *array.String:
		return func(i int) []byte { return textBytes(a.Value(i)) }
	case *array.LargeString:
		return func(i int) []byte { return textBytes(a.Value(i)) }
	case *array.StringView:
		return func(i int) []byte { return textBytes(a.Value(i)) }
	case *array.Binary:
		return a.Value
	case *array.LargeBinary:
		return a.Value
	case *array.BinaryView:
		return a.Value
	default:
		return func(int) []byte { return nil } // an array of nulls
	}
}

// textBytes shares the text's bytes.
func textBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// span is an upper bound of the bytes of the values lo to hi, at least one, or false where it
// is not known without a look at each.
func span(arr arrow.Array, lo, hi int) (int, bool) {
	switch a := arr.(type) {
	case *array.String:
		return a.ValueOffset(hi-1) + a.ValueLen(hi-1) - a.ValueOffset(lo) + plain.ByteArrayLengthSize*(hi-lo), true
	case *array.Binary:
		return a.ValueOffset(hi-1) + a.ValueLen(hi-1) - a.ValueOffset(lo) + plain.ByteArrayLengthSize*(hi-lo), true
	}
	if t, ok := arr.DataType().(arrow.FixedWidthDataType); ok && arr.DataType().ID() != arrow.DICTIONARY && arr.DataType().ID() != arrow.FIXED_SIZE_LIST {
		return (t.BitWidth() + 7) / 8 * (hi - lo), true
	}
	return 0, arr.DataType().ID() == arrow.NULL
}

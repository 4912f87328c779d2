package online

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// A key is
//
//	{ tag } storage
//
// A store may put a prefix in front, which must not contain a brace. The braces
// are Redis Cluster's hash tag: all views of one entity fall into one slot, as the
// tag holds the join keys alone. The storage's number follows as an unsigned
// varint.
//
// The tag is the join keys one after the other, each a letter for its type and
// its value:
//
//	b  bool        one byte, 0 or 1
//	i  int         zigzag varint; int32 and int64 alike
//	d  date        zigzag varint, days since the epoch
//	t  timestamp   zigzag varint, microseconds since the epoch
//	s  string      unsigned varint length, bytes
//	x  bytes       unsigned varint length, bytes
//	g  the tag of a view without join keys, alone
//
// Varints are little-endian base 128 in the shortest form. The tag must not
// contain a closing brace, so that 0x7C and 0x7D are written as 0x7C followed by
// the byte with bit 0x20 cleared: 7C 5C and 7C 5D. Everything is decodable from the
// left without knowing what follows, so that different keys never share bytes.
const (
	tagOpen   = '{'
	tagClose  = '}'
	escape    = 0x7C
	escapeBit = 0x20

	tagBool      = 'b'
	tagInt       = 'i'
	tagDate      = 'd'
	tagTimestamp = 't'
	tagString    = 's'
	tagBytes     = 'x'
	tagGlobal    = 'g'
)

// AppendKey appends the key of the entity whose join keys stand in the given row
// of keys, one column per join key of the storage, in their order. Columns have the
// types of the join keys; of integers, either width will do. None may be null: a
// null has no key, and callers answer it themselves.
func (l *Layout) AppendKey(dst []byte, keys []*feature.Column, row int) []byte {
	dst = append(dst, tagOpen)
	start := len(dst)
	if len(keys) == 0 {
		dst = append(dst, tagGlobal)
	}
	for _, c := range keys {
		dst = appendTagValue(dst, c, row)
	}
	dst = escapeFrom(dst, start)
	return append(dst, l.suffix...)
}

// appendSuffix writes what stands behind the tag.
func appendSuffix(dst []byte, storage uint64) []byte {
	return binary.AppendUvarint(append(dst, tagClose), storage)
}

// StorageOf tells which storage a key is of: the number that AppendKey wrote at its
// end. What is no key, such as bytes of something else in the same place, is of none.
func StorageOf(key []byte) (storage uint64, ok bool) {
	// The number may hold a closing brace, and the tag can't: the first one ends the tag.
	end := bytes.IndexByte(key, tagClose)
	if end < 2 || key[0] != tagOpen {
		return 0, false
	}
	number := key[end+1:]
	storage, n := binary.Uvarint(number)
	if n <= 0 || n != len(number) || number[n-1] == 0 {
		return 0, false // a last byte of 0 is no shortest form, or storage 0, which there is not
	}
	return storage, true
}

func appendTagValue(dst []byte, c *feature.Column, row int) []byte {
	switch c.Type.Kind {
	case feature.Bool:
		if c.Bools[row] {
			return append(dst, tagBool, 1)
		}
		return append(dst, tagBool, 0)
	case feature.Int32:
		return binary.AppendVarint(append(dst, tagInt), int64(c.Int32s[row]))
	case feature.Int64:
		return binary.AppendVarint(append(dst, tagInt), c.Int64s[row])
	case feature.Date:
		return binary.AppendVarint(append(dst, tagDate), int64(c.Int32s[row]))
	case feature.Timestamp:
		return binary.AppendVarint(append(dst, tagTimestamp), c.Int64s[row])
	case feature.String:
		return appendText(append(dst, tagString), c.Bytes(row))
	default:
		return appendText(append(dst, tagBytes), c.Bytes(row))
	}
}

func appendText(dst, text []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(text))), text...)
}

// escapeFrom rewrites what follows start so that it holds no closing brace.
func escapeFrom(dst []byte, start int) []byte {
	n := 0
	for _, b := range dst[start:] {
		if b|1 == tagClose {
			n++
		}
	}
	if n == 0 {
		return dst
	}
	end := len(dst)
	for range n {
		dst = append(dst, 0)
	}
	// From the back, so that nothing is overwritten before it is read.
	to := len(dst)
	for from := end - 1; from >= start; from-- {
		to--
		if b := dst[from]; b|1 == tagClose {
			dst[to] = b &^ escapeBit
			to--
			dst[to] = escape
		} else {
			dst[to] = b
		}
	}
	return dst
}

// DecodeKey appends the join keys that a key of this storage stands for to the
// columns of into, which are of the types of Keys. A key that AppendKey of this
// layout can't have made is an error that wraps feature.ErrInvalid, and nothing is
// appended.
func (l *Layout) DecodeKey(key []byte, into []*feature.Column) error {
	columns, err := l.decodeTag(key)
	if err == nil && !bytes.Equal(l.AppendKey(nil, columns, 0), key) {
		err = fmt.Errorf("it is not in its shortest form, or of another storage than %d: %w", l.storage, feature.ErrInvalid)
	}
	if err != nil {
		return fmt.Errorf("online: key %x of view %s: %w", key, l.view, err)
	}
	for i, c := range columns {
		into[i].AppendFrom(c, 0)
	}
	return nil
}

func (l *Layout) decodeTag(key []byte) ([]*feature.Column, error) {
	end := bytes.IndexByte(key, tagClose)
	if end < 1 || key[0] != tagOpen {
		return nil, fmt.Errorf("it does not begin with a tag in braces: %w", feature.ErrInvalid)
	}
	tag := unescape(key[1:end])
	if len(l.keys) == 0 {
		return nil, nil // that the tag is the global one is seen by comparing
	}
	columns := make([]*feature.Column, len(l.keys))
	for i, k := range l.keys {
		columns[i] = feature.NewColumn(k.Type, 1)
		n, err := decodeTagValue(tag, columns[i])
		if err != nil {
			return nil, fmt.Errorf("join key %s: %w", k.Name, err)
		}
		tag = tag[n:]
	}
	return columns, nil
}

// decodeTagValue reads one value and says how many bytes it took. That the letter
// is the right one, and all in its shortest form, is left to the caller.
func decodeTagValue(tag []byte, c *feature.Column) (int, error) {
	short := fmt.Errorf("the tag ends too early, or holds a value of another type than %s: %w", c.Type, feature.ErrInvalid)
	if len(tag) < 2 {
		return 0, short
	}
	switch c.Type.Kind {
	case feature.Bool:
		c.AppendBool(tag[1] == 1)
		return 2, nil
	case feature.String, feature.Bytes:
		size, n := binary.Uvarint(tag[1:])
		if n <= 0 || size > uint64(len(tag)-1-n) {
			return 0, short
		}
		end := 1 + n + int(size)
		c.AppendBytes(tag[1+n : end])
		return end, nil
	}
	v, n := binary.Varint(tag[1:])
	if n <= 0 {
		return 0, short
	}
	switch c.Type.Kind {
	case feature.Int32, feature.Date:
		if v < math.MinInt32 || v > math.MaxInt32 {
			return 0, fmt.Errorf("%d does not fit %s: %w", v, c.Type, feature.ErrInvalid)
		}
		c.AppendInt32(int32(v))
	default:
		c.AppendInt64(v)
	}
	return 1 + n, nil
}

func unescape(tag []byte) []byte {
	out := make([]byte, 0, len(tag))
	for i := 0; i < len(tag); i++ {
		b := tag[i]
		if b == escape && i+1 < len(tag) {
			i++
			b = tag[i] | escapeBit
		}
		out = append(out, b)
	}
	return out
}

// KeyText writes a key for messages: airport=SFO, or its bytes where it is not one
// of this storage.
func (l *Layout) KeyText(key []byte) string {
	columns := make([]*feature.Column, len(l.keys))
	for i, k := range l.keys {
		columns[i] = feature.NewColumn(k.Type, 1)
	}
	if err := l.DecodeKey(key, columns); err != nil {
		return fmt.Sprintf("key %x", key)
	}
	if len(columns) == 0 {
		return "the only key of " + l.view
	}
	parts := make([]string, len(columns))
	for i, c := range columns {
		parts[i] = l.keys[i].Name + "=" + c.Text(0)
		if isText(c.Type) {
			parts[i] = l.keys[i].Name + "=" + strconv.Quote(c.Text(0))
		}
	}
	return l.view + " " + strings.Join(parts, ", ")
}

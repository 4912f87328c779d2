package online

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/quiver-features/quiver/feature"
)

// A value of format 1, a plain row, is
//
//	format      1 byte, 1
//	layout      1 byte, a checksum of the storage's features and times
//	stamp       of the same length in every value of a layout:
//	  event       8 bytes
//	  created     1 byte, 0 for null or 1, and 8 bytes, 0 for null; only where the source names it
//	  available   8 bytes; only where the source names it
//	flags       1 byte: 1 where a feature is null, else 0
//	nulls       a bit per feature, in order, least significant first, 1 for null; only where a feature is null
//	fixed       the values of fixed width that are not null, in order
//	variable    the others that are not null, in order: unsigned varint length in bytes, then as many bytes
//
// Features are in the order of their names. Times of the stamp are big-endian with
// the sign bit flipped, so that stamps compare as bytes. Values of fixed width are
// little-endian: 1 byte for bool (0 or 1), 4 for int32, date (days since the
// epoch) and float32, 8 for int64, timestamp (microseconds) and float64; floats
// keep their bits. Strings and bytes stand as they are. A list is
//
//	count       unsigned varint
//	flags       1 byte: 1 where an item is null, else 0
//	nulls       a bit per item, as above; only where an item is null
//	items       those that are not null, each of fixed width, or an unsigned varint length and bytes
//
// Nothing else is allowed: spare bits are 0, varints are in their shortest form, and
// no byte follows. So equal rows have equal bytes. A null costs a bit instead of its
// width; ten float64 take 91 bytes, which with Redis's own 4 fill a 96-byte block of
// its allocator.
//
// Format 2 is that of views with windowed aggregates: see tiles.go.
const (
	formatRow   = 1
	formatTiles = 2

	headerLen = 2
	timeLen   = 8
	signBit   = 1 << 63

	flagNulls = 1
)

// StampAt is where the stamp begins in every value of format 1.
const StampAt = headerLen

// StampLen is the length of the stamp: of two values of this layout the later has
// the greater bytes from StampAt to StampAt+StampLen, compared as unsigned numbers
// one by one. Where these are equal and the values are not, Compare decides. The
// bytes before StampAt are the same in all values of one layout.
func (l *Layout) StampLen() int { return l.stampLen }

// AppendRow appends the value of row i of a batch whose features are in the order
// of Features (see Arrange).
func (l *Layout) AppendRow(dst []byte, b *feature.Batch, i int) []byte {
	return l.appendRow(append(dst, formatRow, l.check), b, i)
}

func (l *Layout) appendRow(dst []byte, b *feature.Batch, i int) []byte {
	dst = l.appendStamp(dst, b.Stamp(i))
	flags := len(dst)
	dst = append(dst, 0)
	nulls := len(dst)
	for f, c := range b.Features {
		if !c.IsNull(i) {
			continue
		}
		if dst[flags] == 0 {
			dst[flags] = flagNulls
			for range l.bitmap {
				dst = append(dst, 0)
			}
		}
		dst[nulls+f/8] |= 1 << (f % 8)
	}
	for _, f := range l.fixed {
		if c := b.Features[f]; !c.IsNull(i) {
			dst = appendFixed(dst, c, i)
		}
	}
	for _, f := range l.variable {
		c := b.Features[f]
		switch {
		case c.IsNull(i):
		case c.Type.List:
			dst = appendSized(dst, c, i)
		default:
			dst = appendText(dst, c.Bytes(i))
		}
	}
	return dst
}

func (l *Layout) appendStamp(dst []byte, s feature.Stamp) []byte {
	dst = appendTime(dst, s.Event)
	if l.rule.Created {
		if s.HasCreated {
			dst = appendTime(append(dst, 1), s.Created)
		} else {
			dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0)
		}
	}
	if l.rule.Available {
		dst = appendTime(dst, s.Available)
	}
	return dst
}

func appendTime(dst []byte, t feature.Time) []byte {
	return binary.BigEndian.AppendUint64(dst, uint64(t)^signBit)
}

func readTime(b []byte) feature.Time {
	return feature.Time(binary.BigEndian.Uint64(b) ^ signBit)
}

func appendFixed(dst []byte, c *feature.Column, i int) []byte {
	switch c.Type.Kind {
	case feature.Bool:
		if c.Bools[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case feature.Int32, feature.Date:
		return binary.LittleEndian.AppendUint32(dst, uint32(c.Int32s[i]))
	case feature.Float32:
		return binary.LittleEndian.AppendUint32(dst, math.Float32bits(c.Float32s[i]))
	case feature.Float64:
		return binary.LittleEndian.AppendUint64(dst, math.Float64bits(c.Float64s[i]))
	default:
		return binary.LittleEndian.AppendUint64(dst, uint64(c.Int64s[i]))
	}
}

// Decode reads a value: its stamp and, for each feature that has a column in into,
// the feature's value, which is appended to it. The columns stand in the order of
// Features and are of their types; nil is a feature that is not wanted, and into
// itself may be nil. Nothing is allocated but what the columns need to grow, and
// nothing of value is kept.
//
// A value that AppendRow of this layout can't have made is an error that wraps
// feature.ErrInvalid, and nothing is appended then. Values of features that are not
// wanted are checked only as far as it takes to find the others.
func (l *Layout) Decode(value []byte, into []*feature.Column) (feature.Stamp, error) {
	row, err := l.rowOf(value)
	if err != nil {
		return feature.Stamp{}, err
	}
	return l.decodeRow(row, into)
}

// checkRow finds what decodeRow would.
func (l *Layout) checkRow(row []byte, into []*feature.Column) (feature.Stamp, error) {
	stamp, err := l.readStamp(row)
	if err != nil {
		return feature.Stamp{}, err
	}
	nulls, _, variable, err := l.parts(row)
	if err == nil {
		err = l.checkVariable(nulls, variable, into)
	}
	return stamp, err
}

// decodeRow reads a row: what a value has from its stamp on.
func (l *Layout) decodeRow(row []byte, into []*feature.Column) (feature.Stamp, error) {
	stamp, err := l.readStamp(row)
	if err != nil {
		return feature.Stamp{}, err
	}
	nulls, fixed, variable, err := l.parts(row)
	if err != nil {
		return feature.Stamp{}, err
	}
	if err := l.checkVariable(nulls, variable, into); err != nil {
		return feature.Stamp{}, err
	}
	if into == nil {
		return stamp, nil
	}
	for _, f := range l.fixed {
		c := into[f]
		if isNull(nulls, f) {
			if c != nil {
				c.AppendNull()
			}
			continue
		}
		if c != nil {
			readFixed(fixed, c)
		}
		fixed = fixed[l.width[f]:]
	}
	for _, f := range l.variable {
		c := into[f]
		if isNull(nulls, f) {
			if c != nil {
				c.AppendNull()
			}
			continue
		}
		var v []byte
		v, variable, _ = cutSized(variable)
		switch {
		case c == nil:
		case c.Type.List:
			readList(v, c)
		default:
			c.AppendBytes(v)
		}
	}
	return stamp, nil
}

func (l *Layout) malformed(format string, args ...any) error {
	return fmt.Errorf("online: a value of view %s (storage %d): %s: %w", l.view, l.storage, fmt.Sprintf(format, args...), feature.ErrInvalid)
}

// rowOf gives the row of a value of format 1.
func (l *Layout) rowOf(value []byte) ([]byte, error) {
	// The flags follow the stamp, so that there is one byte more at least.
	if err := l.checkHead(value, formatRow, headerLen+l.stampLen+1); err != nil {
		return nil, err
	}
	return value[headerLen:], nil
}

// checkHead checks the first two bytes of a value, which has a least length.
func (l *Layout) checkHead(value []byte, format byte, least int) error {
	switch {
	case len(value) < least:
		return l.malformed("it has %d bytes, at least %d were expected", len(value), least)
	case value[0] != format:
		return l.malformed("it is of format %d, expected %d: it was written by another release", value[0], format)
	case value[1] != l.check:
		return l.malformed("it has the layout byte %#02x, expected %#02x: it was written with other features", value[1], l.check)
	}
	return nil
}

func (l *Layout) readStamp(row []byte) (feature.Stamp, error) {
	var s feature.Stamp
	if len(row) <= l.stampLen {
		return s, l.malformed("its row has %d bytes, at least %d were expected", len(row), l.stampLen+1)
	}
	at := row
	s.Event, at = readTime(at), at[timeLen:]
	if l.rule.Created {
		switch at[0] {
		case 0:
			if binary.BigEndian.Uint64(at[1:]) != 0 {
				return s, l.malformed("its created timestamp is null and not zero")
			}
		case 1:
			s.Created, s.HasCreated = readTime(at[1:]), true
		default:
			return s, l.malformed("its created timestamp is marked with %d, expected 0 or 1", at[0])
		}
		at = at[1+timeLen:]
	}
	if l.rule.Available {
		s.Available = readTime(at)
	}
	return s, nil
}

// parts cuts what follows the stamp. Without a null, nulls is nil.
func (l *Layout) parts(row []byte) (nulls, fixed, variable []byte, err error) {
	at := row[l.stampLen:]
	flags := at[0]
	at = at[1:]
	size := l.fixedLen
	switch flags {
	case 0:
	case flagNulls:
		if len(at) < l.bitmap {
			return nil, nil, nil, l.malformed("it ends within its nulls")
		}
		nulls, at = at[:l.bitmap], at[l.bitmap:]
		if !goodBitmap(nulls, len(l.features)) {
			return nil, nil, nil, l.malformed("its nulls are none, or more than there are features")
		}
		for _, f := range l.fixed {
			if isNull(nulls, f) {
				size -= l.width[f]
			}
		}
	default:
		return nil, nil, nil, l.malformed("it has the unknown flags %#02x", flags)
	}
	if len(at) < size {
		return nil, nil, nil, l.malformed("%d bytes of values of fixed width were expected, there are %d", size, len(at))
	}
	fixed, variable = at[:size], at[size:]
	if l.bools {
		err = l.checkBools(nulls, fixed)
	}
	return nulls, fixed, variable, err
}

func (l *Layout) checkBools(nulls, fixed []byte) error {
	for _, f := range l.fixed {
		if isNull(nulls, f) {
			continue
		}
		if l.features[f].Type.Kind == feature.Bool && fixed[0] > 1 {
			return l.malformed("feature %s is %d, expected 0 or 1", l.features[f].Name, fixed[0])
		}
		fixed = fixed[l.width[f]:]
	}
	return nil
}

func (l *Layout) checkVariable(nulls, variable []byte, into []*feature.Column) error {
	for _, f := range l.variable {
		if isNull(nulls, f) {
			continue
		}
		v, rest, ok := cutSized(variable)
		if !ok {
			return l.malformed("it ends within feature %s", l.features[f].Name)
		}
		variable = rest
		if t := l.features[f].Type; t.List && into != nil && into[f] != nil && !goodList(v, t) {
			return l.malformed("feature %s is not a %s", l.features[f].Name, t)
		}
	}
	if len(variable) > 0 {
		return l.malformed("%d bytes too many", len(variable))
	}
	return nil
}

// goodBitmap tells whether a bitmap of n bits has a bit set, and no spare one.
func goodBitmap(bits []byte, n int) bool {
	var any byte
	for _, b := range bits {
		any |= b
	}
	return any != 0 && (n%8 == 0 || bits[len(bits)-1]>>(n%8) == 0)
}

func isNull(nulls []byte, f int) bool { return nulls != nil && nulls[f/8]>>(f%8)&1 != 0 }

func readFixed(b []byte, c *feature.Column) {
	switch c.Type.Kind {
	case feature.Bool:
		c.AppendBool(b[0] == 1)
	case feature.Int32, feature.Date:
		c.AppendInt32(int32(binary.LittleEndian.Uint32(b)))
	case feature.Float32:
		c.AppendFloat32(math.Float32frombits(binary.LittleEndian.Uint32(b)))
	case feature.Float64:
		c.AppendFloat64(math.Float64frombits(binary.LittleEndian.Uint64(b)))
	default:
		c.AppendInt64(int64(binary.LittleEndian.Uint64(b)))
	}
}

// cutSized cuts a varint length and as many bytes off b.
func cutSized(b []byte) (v, rest []byte, ok bool) {
	size, rest, ok := cutUvarint(b)
	if !ok || size > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:size], rest[size:], true
}

// cutUvarint cuts a varint in its shortest form off b.
func cutUvarint(b []byte) (v uint64, rest []byte, ok bool) {
	v, n := binary.Uvarint(b)
	if n <= 0 || n > 1 && b[n-1] == 0 {
		return 0, nil, false
	}
	return v, b[n:], true
}

package aggregate

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/quiver-features/quiver/feature"
)

// Values of LastN, TopK, Distinct, MinText and MaxText are bytes whose order (bytes.Compare) is the
// order of feature.Compare. Equal values have equal bytes, integers of any width
// and floats of either width alike:
//
//	bool                       0 or 1
//	int32, int64,              a byte 0x80 + n and the n significant bytes, big-endian;
//	date, timestamp            of a negative v 0x7f - n and those of ^v, inverted
//	float32, float64           FloatKey with the sign flipped, big-endian, without the
//	                           zero bytes at its end
//	string, bytes              as they are
//	lists                      item by item: see appendList
//
// In two things it is coarser than feature.Compare: -0 is 0, and all NaN are one.

// AppendValue appends value i of c, which is not null.
func AppendValue(dst []byte, c *feature.Column, i int) []byte {
	if c.Type.List {
		return appendList(dst, c, i)
	}
	switch c.Type.Kind {
	case feature.Bool:
		if c.Bools[i] {
			return append(dst, 1)
		}
		return append(dst, 0)
	case feature.Int32, feature.Date:
		return AppendInt(dst, int64(c.Int32s[i]))
	case feature.Int64, feature.Timestamp:
		return AppendInt(dst, c.Int64s[i])
	case feature.Float32:
		return AppendFloat(dst, float64(c.Float32s[i]))
	case feature.Float64:
		return AppendFloat(dst, c.Float64s[i])
	default:
		return append(dst, c.Bytes(i)...)
	}
}

// AppendInt appends a value of an integer type, a date in days or a timestamp in
// microseconds.
func AppendInt(dst []byte, v int64) []byte {
	flip := uint64(v >> 63)
	u := uint64(v) ^ flip
	n := (bits.Len64(u) + 7) / 8
	if v < 0 {
		dst = append(dst, byte(0x7f-n))
	} else {
		dst = append(dst, byte(0x80+n))
	}
	for n--; n >= 0; n-- {
		dst = append(dst, byte((u^flip)>>(8*n)))
	}
	return dst
}

// AppendFloat appends a value of a float type.
func AppendFloat(dst []byte, v float64) []byte {
	for u := uint64(FloatKey(v)) ^ 1<<63; u != 0; u <<= 8 {
		dst = append(dst, byte(u>>56))
	}
	return dst
}

// DecodeValue appends the value that AppendValue encoded as v to c, which is of the
// same kind of type. Bytes that are no such value, or do not fit c, are an error
// that wraps feature.ErrInvalid; nothing is appended then.
func DecodeValue(c *feature.Column, v []byte) error {
	if c.Type.List {
		return decodeList(c, v)
	}
	bad := func() error { return damaged("%x is no value of type %s", v, c.Type) }
	switch c.Type.Kind {
	case feature.Bool:
		if len(v) != 1 || v[0] > 1 {
			return bad()
		}
		c.AppendBool(v[0] == 1)
	case feature.Int32, feature.Date:
		n, ok := decodeInt(v)
		if !ok || n != int64(int32(n)) {
			return bad()
		}
		c.AppendInt32(int32(n))
	case feature.Int64, feature.Timestamp:
		n, ok := decodeInt(v)
		if !ok {
			return bad()
		}
		c.AppendInt64(n)
	case feature.Float32:
		f, ok := decodeFloat(v)
		if !ok || float64(float32(f)) != f && !math.IsNaN(f) {
			return bad()
		}
		c.AppendFloat32(float32(f))
	case feature.Float64:
		f, ok := decodeFloat(v)
		if !ok {
			return bad()
		}
		c.AppendFloat64(f)
	default:
		c.AppendBytes(v)
	}
	return nil
}

func decodeInt(v []byte) (n int64, ok bool) {
	var room [9]byte
	if len(v) == 0 || len(v) > len(room) {
		return 0, false
	}
	flip := uint64(0)
	if v[0] < 0x80 {
		flip = math.MaxUint64
	}
	u := flip
	for _, c := range v[1:] {
		u = u<<8 | uint64(c)
	}
	n = int64(u)
	return n, slices.Equal(AppendInt(room[:0], n), v)
}

func decodeFloat(v []byte) (f float64, ok bool) {
	var room [8]byte
	if len(v) > len(room) {
		return 0, false
	}
	copy(room[:], v)
	f = KeyFloat(int64(binary.BigEndian.Uint64(room[:]) ^ 1<<63))
	return f, slices.Equal(AppendFloat(room[:0], f), v)
}

// Hash is the hash by which Distinct tells values apart: XXH64 with seed 0 of an
// encoded value. It is part of what is stored and never changes.
func Hash(v []byte) uint64 { return xxhash.Sum64(v) }

package aggregate

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// FloatKey gives v's place in the order of numbers: keys compare as values do, -0
// equals 0, and all NaN are one value, greater than +Inf. A Min of floats keeps
// keys, of all other fixed-width types the number itself.
func FloatKey(v float64) int64 {
	b := int64(math.Float64bits(v))
	switch {
	case math.IsNaN(v):
		return nanKey
	case b < 0:
		return -(b & math.MaxInt64)
	default:
		return b
	}
}

// KeyFloat gives the value whose key FloatKey is: 0 for -0, and one NaN for all.
func KeyFloat(k int64) float64 {
	if k < 0 {
		return -math.Float64frombits(uint64(-k))
	}
	return math.Float64frombits(uint64(k))
}

const nanKey = 0x7ff8 << 48

// Min is the least of numbers: integers, dates in days, timestamps in microseconds,
// floats by FloatKey. Who wants the greatest adds complements, ^v, whose order is the
// other way. The zero value is that of no numbers. It may be copied.
type Min struct {
	v   int64
	any bool
}

// Add adds v.
func (m *Min) Add(v int64) {
	if v < m.v || !m.any {
		m.v, m.any = v, true
	}
}

// Merge adds all that was added to o.
func (m *Min) Merge(o *Min) {
	if o.any {
		m.Add(o.v)
	}
}

// Reset makes it that of no numbers.
func (m *Min) Reset() { *m = Min{} }

// Value gives the least; ok is false where nothing was added.
func (m *Min) Value() (v int64, ok bool) { return m.v, m.any }

// Append appends the encoding.
func (m *Min) Append(dst []byte) []byte { return appendExtreme(dst, m.v, m.any) }

// ReadMin cuts a Min from the front of b.
func ReadMin(b []byte) (m Min, rest []byte, err error) {
	m.v, m.any, rest, err = cutExtreme(b)
	return m, rest, err
}

// ExtremeMaxBytes is the length of the longest encoding of a Min.
const ExtremeMaxBytes = 9

// appendExtreme appends 0 for nothing, else a byte with the number of low zero bytes
// in its upper half and the number of bytes behind it, and 1, in its lower; then
// these bytes, little-endian, the least that keep the sign. Small integers
// and floats of few digits are short.
func appendExtreme(dst []byte, v int64, any bool) []byte {
	if !any {
		return append(dst, 0)
	}
	zeros := 0
	if v != 0 {
		zeros = bits.TrailingZeros64(uint64(v)) / 8
		v >>= 8 * zeros
	}
	at := len(dst)
	dst = append(dst, byte(zeros)<<4+1)
	for more := v != 0; more; v >>= 8 {
		dst = append(dst, byte(v))
		dst[at]++
		more = v != int64(int8(v))
	}
	return dst
}

func cutExtreme(b []byte) (v int64, any bool, rest []byte, err error) {
	if len(b) == 0 {
		return 0, false, nil, damaged("an extreme has no bytes")
	}
	if b[0] == 0 {
		return 0, false, b[1:], nil
	}
	zeros, size := int(b[0]>>4), int(b[0]&15)-1
	if size > 0 && zeros+size <= 8 && len(b) > 8 && b[1] != 0 {
		unused := uint(64 - 8*size)
		high := int64(binary.LittleEndian.Uint64(b[1:])) << unused
		// In its shortest form the highest byte is not one that the sign tells.
		if size == 1 || high>>56 != high<<8>>63 {
			return high >> unused << (8 * zeros), true, b[1+size:], nil
		}
	}
	if size < 0 || zeros+size > 8 || len(b) < 1+size {
		return 0, false, nil, damaged("an extreme has a bad length")
	}
	for i, c := range b[1 : 1+size] {
		v |= int64(c) << (8 * i)
	}
	long := zeros != 0
	if size > 0 {
		unused := 64 - 8*size
		v = v << unused >> unused
		long = b[1] == 0 || size > 1 && v == v<<(unused+8)>>(unused+8)
	}
	if long {
		return 0, false, nil, damaged("an extreme is not in its shortest form")
	}
	return v << (8 * zeros), true, b[1+size:], nil
}

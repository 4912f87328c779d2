package parquet

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// values are the non-null values of a page or a dictionary.
type values struct {
	raw encoding.Values
}

// bytes gives value i of BYTE_ARRAY or FIXED_LEN_BYTE_ARRAY.
func (v *values) bytes(i int) []byte {
	if v.raw.Kind() == encoding.FixedLenByteArray {
		data, size := v.raw.FixedLenByteArray()
		return data[i*size : (i+1)*size]
	}
	data, offsets := v.raw.ByteArray()
	return data[offsets[i]:offsets[i+1]]
}

// text writes value i for a message.
func (v *values) text(l logical, i int) string {
	if l.meaning == integer && l.unsigned {
		if v.raw.Kind() == encoding.Int32 {
			return strconv.FormatUint(uint64(v.raw.Uint32()[i]), 10)
		}
		return strconv.FormatUint(v.raw.Uint64()[i], 10)
	}
	switch v.raw.Kind() {
	case encoding.Boolean:
		return strconv.FormatBool(v.raw.Boolean()[i/8]>>(i%8)&1 != 0)
	case encoding.Int32:
		return strconv.FormatInt(int64(v.raw.Int32()[i]), 10)
	case encoding.Int64:
		return strconv.FormatInt(v.raw.Int64()[i], 10)
	case encoding.Float:
		return strconv.FormatFloat(float64(v.raw.Float()[i]), 'g', -1, 32)
	case encoding.Double:
		return strconv.FormatFloat(v.raw.Double()[i], 'g', -1, 64)
	case encoding.ByteArray, encoding.FixedLenByteArray:
		b := v.bytes(i)
		return strconv.Quote(string(b[:min(len(b), 64)]))
	default:
		return "of type " + v.raw.Kind().String()
	}
}

// converter appends values lo to hi, none of them null, to the slices of dst
// (never to Valid) and gives -1; or appends those before the first that does not
// fit, and gives its position.
type converter func(dst *feature.Column, v *values, lo, hi int) int

const fits = -1

// conversion gives the converter of a leaf to a scalar type, or nil where there
// is none. declared allows integers to become text and decimals float64; up
// rounds times up.
func conversion(l logical, to feature.Kind, declared, up bool) converter {
	switch l.meaning {
	case allNull:
		return func(_ *feature.Column, _ *values, lo, _ int) int { return lo }
	case timeOfDay, interval:
		return nil
	case text, uuid:
		return fromBytes(l, to)
	case date:
		return fromDate(to)
	case timestamp:
		if to != feature.Timestamp {
			return nil
		}
		return fromTime(l, up)
	case decimal:
		return fromDecimal(l, to, declared)
	case float16:
		return fromFloat16(to)
	}
	switch l.physical {
	case format.Boolean:
		if to == feature.Bool {
			return copyBools
		}
		return nil
	case format.Int32, format.Int64:
		return fromInt(l, to, declared)
	case format.Float:
		switch to {
		case feature.Float32:
			return copyFloat32
		case feature.Float64:
			return widenFloat32
		}
		return nil
	case format.Double:
		if to == feature.Float64 {
			return copyFloat64
		}
		return nil
	default:
		return fromBytes(l, to)
	}
}

func copyBools(dst *feature.Column, v *values, lo, hi int) int {
	bits := v.raw.Boolean()
	for i := lo; i < hi; i++ {
		dst.Bools = append(dst.Bools, bits[i/8]>>(i%8)&1 != 0)
	}
	return fits
}

func copyInt32(dst *feature.Column, v *values, lo, hi int) int {
	dst.Int32s = append(dst.Int32s, v.raw.Int32()[lo:hi]...)
	return fits
}

func copyInt64(dst *feature.Column, v *values, lo, hi int) int {
	dst.Int64s = append(dst.Int64s, v.raw.Int64()[lo:hi]...)
	return fits
}

func copyFloat32(dst *feature.Column, v *values, lo, hi int) int {
	dst.Float32s = append(dst.Float32s, v.raw.Float()[lo:hi]...)
	return fits
}

func copyFloat64(dst *feature.Column, v *values, lo, hi int) int {
	dst.Float64s = append(dst.Float64s, v.raw.Double()[lo:hi]...)
	return fits
}

func widenFloat32(dst *feature.Column, v *values, lo, hi int) int {
	for _, f := range v.raw.Float()[lo:hi] {
		dst.Float64s = append(dst.Float64s, float64(f))
	}
	return fits
}

func widenInt32(dst *feature.Column, v *values, lo, hi int) int {
	for _, n := range v.raw.Int32()[lo:hi] {
		dst.Int64s = append(dst.Int64s, int64(n))
	}
	return fits
}

func copyBytes(dst *feature.Column, v *values, lo, hi int) int {
	if v.raw.Kind() == encoding.FixedLenByteArray {
		data, size := v.raw.FixedLenByteArray()
		base := int64(len(dst.Data))
		dst.Data = append(dst.Data, data[lo*size:hi*size]...)
		for i := range hi - lo {
			dst.Offsets = append(dst.Offsets, base+int64((i+1)*size))
		}
		return fits
	}
	data, offsets := v.raw.ByteArray()
	if lo == hi {
		return fits
	}
	shift := int64(len(dst.Data)) - int64(offsets[lo])
	dst.Data = append(dst.Data, data[offsets[lo]:offsets[hi]]...)
	for _, o := range offsets[lo+1 : hi+1] {
		dst.Offsets = append(dst.Offsets, int64(o)+shift)
	}
	return fits
}

// fromInt reads INT32 and INT64 of any annotated width and sign.
func fromInt(l logical, to feature.Kind, declared bool) converter {
	narrow := l.physical == format.Int32
	switch {
	case to == feature.Int32 && narrow && !l.unsigned:
		return copyInt32
	case to == feature.Int64 && narrow && !l.unsigned:
		return widenInt32
	case to == feature.Int64 && !narrow && !l.unsigned:
		return copyInt64
	}
	get := intReader(l)
	switch to {
	case feature.Int32:
		return eachInt(get, func(dst *feature.Column, n int64) bool {
			dst.Int32s = append(dst.Int32s, int32(n))
			return n == int64(int32(n))
		}, func(dst *feature.Column) { dst.Int32s = dst.Int32s[:len(dst.Int32s)-1] })
	case feature.Int64:
		return eachInt(get, func(dst *feature.Column, n int64) bool {
			dst.Int64s = append(dst.Int64s, n)
			return true
		}, nil)
	case feature.Float64:
		return eachInt(get, func(dst *feature.Column, n int64) bool {
			dst.Float64s = append(dst.Float64s, float64(n))
			return n >= -1<<53 && n <= 1<<53
		}, func(dst *feature.Column) { dst.Float64s = dst.Float64s[:len(dst.Float64s)-1] })
	case feature.Float32:
		return eachInt(get, func(dst *feature.Column, n int64) bool {
			dst.Float32s = append(dst.Float32s, float32(n))
			return n >= -1<<24 && n <= 1<<24
		}, func(dst *feature.Column) { dst.Float32s = dst.Float32s[:len(dst.Float32s)-1] })
	case feature.String:
		if !declared {
			return nil
		}
		return eachInt(get, func(dst *feature.Column, n int64) bool {
			dst.Data = strconv.AppendInt(dst.Data, n, 10)
			dst.Offsets = append(dst.Offsets, int64(len(dst.Data)))
			return true
		}, nil)
	default:
		return nil
	}
}

// intReader reads any integer as an int64; ok is false beyond it.
func intReader(l logical) func(v *values, i int) (n int64, ok bool) {
	switch {
	case l.physical == format.Int32 && l.unsigned:
		return func(v *values, i int) (int64, bool) { return int64(uint32(v.raw.Int32()[i])), true }
	case l.physical == format.Int32:
		return func(v *values, i int) (int64, bool) { return int64(v.raw.Int32()[i]), true }
	case l.unsigned:
		return func(v *values, i int) (int64, bool) { n := v.raw.Int64()[i]; return n, n >= 0 }
	default:
		return func(v *values, i int) (int64, bool) { return v.raw.Int64()[i], true }
	}
}

func eachInt(get func(*values, int) (int64, bool), put func(*feature.Column, int64) bool, undo func(*feature.Column)) converter {
	return func(dst *feature.Column, v *values, lo, hi int) int {
		for i := lo; i < hi; i++ {
			n, ok := get(v, i)
			if !ok {
				return i
			}
			if !put(dst, n) {
				undo(dst)
				return i
			}
		}
		return fits
	}
}

func fromBytes(l logical, to feature.Kind) converter {
	switch to {
	case feature.Bytes:
		return copyBytes
	case feature.String:
		if l.meaning == text {
			return copyBytes
		}
		if l.meaning == uuid {
			return nil
		}
		// Old writers do not say that bytes are text: they are, if they read as such.
		return func(dst *feature.Column, v *values, lo, hi int) int {
			for i := lo; i < hi; i++ {
				b := v.bytes(i)
				if !utf8.Valid(b) {
					return i
				}
				dst.Data = append(dst.Data, b...)
				dst.Offsets = append(dst.Offsets, int64(len(dst.Data)))
			}
			return fits
		}
	default:
		return nil
	}
}

func fromDate(to feature.Kind) converter {
	switch to {
	case feature.Date:
		return copyInt32
	case feature.Timestamp:
		return func(dst *feature.Column, v *values, lo, hi int) int {
			for _, d := range v.raw.Int32()[lo:hi] {
				dst.Int64s = append(dst.Int64s, int64(feature.FromDate(d)))
			}
			return fits
		}
	default:
		return nil
	}
}

func fromTime(l logical, up bool) converter {
	round := timeOf(l.unit, up)
	switch {
	case l.physical == format.Int96:
		return func(dst *feature.Column, v *values, lo, hi int) int {
			for _, t := range v.raw.Int96()[lo:hi] {
				dst.Int64s = append(dst.Int64s, int64(fromInt96(t, up)))
			}
			return fits
		}
	case l.physical != format.Int64:
		return nil
	case l.unit == micros:
		return copyInt64
	default:
		return func(dst *feature.Column, v *values, lo, hi int) int {
			for _, t := range v.raw.Int64()[lo:hi] {
				dst.Int64s = append(dst.Int64s, int64(round(t)))
			}
			return fits
		}
	}
}

func timeOf(u unit, up bool) func(int64) feature.Time {
	switch {
	case u == millis:
		return feature.FromMillis
	case u == micros:
		return func(t int64) feature.Time { return feature.Time(t) }
	case up:
		return feature.CeilNanos
	default:
		return feature.FloorNanos
	}
}

// fromInt96 reads nanoseconds of a day and a Julian day number. Days beyond the
// range of feature.Time saturate.
func fromInt96(t [3]uint32, up bool) feature.Time {
	const julianEpoch = 2_440_588
	ns := int64(uint64(t[1])<<32 | uint64(t[0]))
	day := int64(int32(t[2])) - julianEpoch
	us := feature.FloorNanos(ns)
	if up {
		us = feature.CeilNanos(ns)
	}
	const most = math.MaxInt64 / int64(feature.Day)
	switch {
	case day > most:
		return feature.MaxTime
	case day < -most-1:
		return feature.MinTime
	case day < 0: // the first day begins before the range and ends in it
		return feature.Time((day + 1) * int64(feature.Day)).Add(feature.Duration(us) - feature.Day)
	}
	return feature.Time(day * int64(feature.Day)).Add(feature.Duration(us))
}

func fromFloat16(to feature.Kind) converter {
	if to != feature.Float32 && to != feature.Float64 {
		return nil
	}
	return func(dst *feature.Column, v *values, lo, hi int) int {
		for i := lo; i < hi; i++ {
			b := v.bytes(i)
			f := float16Value(uint16(b[0]) | uint16(b[1])<<8)
			if to == feature.Float32 {
				dst.Float32s = append(dst.Float32s, f)
			} else {
				dst.Float64s = append(dst.Float64s, float64(f))
			}
		}
		return fits
	}
}

func float16Value(h uint16) float32 {
	sign, exp, frac := uint32(h>>15)<<31, int(h>>10&31), uint32(h&0x3ff)
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	case 0:
		f := float32(frac) / (1 << 24)
		return math.Float32frombits(math.Float32bits(f) | sign)
	default:
		return math.Float32frombits(sign | uint32(exp+112)<<23 | frac<<13)
	}
}

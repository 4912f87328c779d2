package expression

import (
	"math"
	"strconv"
	"unicode/utf8"

	"github.com/quiver-features/quiver/feature"
)

// conversions holds the functions that are named as types are.
func conversions() []function {
	b, i, f, s, raw := scalar(feature.Bool), scalar(feature.Int64), scalar(feature.Float64), scalar(feature.String), scalar(feature.Bytes)
	i32, f32, date, t := scalar(feature.Int32), scalar(feature.Float32), scalar(feature.Date), scalar(feature.Timestamp)
	same := func(typ feature.Type, k kernel) overload { return overload{args: of(typ), result: typ, kernel: k} }
	return []function{
		{
			name: "int", doc: "an int64: a float without its fraction, a text read as decimal digits, 1 for true and 0 for false, the seconds since 1970 of a time (rounded down)",
			fails: "the float is NaN or beyond int64, or the text is no whole number",
			overloads: []overload{
				same(i, identity(intsOf)),
				{args: of(f), result: i, kernel: tried(floatsOf, intsOf, truncated)},
				{args: of(s), result: i, kernel: tried(textsOf, intsOf, parseInt)},
				{args: of(b), result: i, kernel: mapped(boolsOf, intsOf, bit)},
				{args: of(t), result: i, kernel: mapped(intsOf, intsOf, func(us int64) int64 { return floorDiv(us, int64(feature.Second)) })},
			},
		},
		{
			name: "int32", doc: "an int32: the same number in fewer bits", fails: "the number is beyond int32",
			overloads: []overload{{args: of(i), result: i32, kernel: tried(intsOf, intsOf, func(v int64) (int64, bool) {
				return v, v >= math.MinInt32 && v <= math.MaxInt32
			})}},
		},
		{
			name: "double", doc: "a float64: of an integer the nearest, a text read as a decimal number, 1.0 for true and 0.0 for false",
			fails: "the text is no number, or one beyond float64",
			overloads: []overload{
				same(f, identity(floatsOf)),
				{args: of(i), result: f, kernel: mapped(intsOf, floatsOf, func(v int64) float64 { return float64(v) })},
				{args: of(s), result: f, kernel: tried(textsOf, floatsOf, parseFloat)},
				{args: of(b), result: f, kernel: mapped(boolsOf, floatsOf, func(v bool) float64 { return float64(bit(v)) })},
			},
		},
		{
			name: "float32", doc: "a float32: the nearest to the number",
			overloads: []overload{{args: of(f), result: f32, kernel: mapped(floatsOf, floatsOf, func(v float64) float64 { return float64(float32(v)) })}},
		},
		{
			name: "bool", doc: "a bool: of the texts true, True, TRUE, t, T and 1, or false, False, FALSE, f, F and 0", fails: "the text is none of these",
			overloads: []overload{same(b, identity(boolsOf)), {args: of(s), result: b, kernel: tried(textsOf, boolsOf, parseBool)}},
		},
		{
			name: "string", doc: "the value as text: times in RFC 3339, the shortest digits that give the float back, bytes as the UTF-8 that they are",
			fails: "the bytes are not UTF-8",
			overloads: []overload{
				same(s, identity(textsOf)),
				{args: of(i), result: s, kernel: formatted(intsOf, func(dst []byte, v int64) []byte { return strconv.AppendInt(dst, v, 10) })},
				{args: of(f32), result: s, kernel: formatted(floatsOf, func(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', -1, 32) })},
				{args: of(f), result: s, kernel: formatted(floatsOf, func(dst []byte, v float64) []byte { return strconv.AppendFloat(dst, v, 'g', -1, 64) })},
				{args: of(b), result: s, kernel: formatted(boolsOf, strconv.AppendBool)},
				{args: of(date), result: s, kernel: formatted(intsOf, func(dst []byte, v int64) []byte { return append(dst, feature.CalendarDay(v).String()...) })},
				{args: of(t), result: s, kernel: formatted(intsOf, func(dst []byte, v int64) []byte { return append(dst, feature.Time(v).String()...) })},
				{args: of(raw), result: s, kernel: tried(textsOf, textsOf, func(v []byte) ([]byte, bool) { return v, utf8.Valid(v) })},
			},
		},
		{
			name: "bytes", doc: "the bytes of a text",
			overloads: []overload{same(raw, identity(textsOf)), {args: of(s), result: raw, kernel: identity(textsOf)}},
		},
		{
			name: "timestamp", doc: "a time: a text in ISO 8601 (UTC where it names no zone), a number of seconds since 1970, the midnight (UTC) that begins a date",
			fails: "the text is no time",
			overloads: []overload{
				same(t, identity(intsOf)),
				{args: of(s), result: t, kernel: tried(textsOf, intsOf, parseTime)},
				{args: of(i), result: t, kernel: mapped(intsOf, intsOf, func(v int64) int64 { return mulSaturated(v, int64(feature.Second)) })},
				{args: of(date), result: t, kernel: mapped(intsOf, intsOf, midnight)},
			},
		},
		{
			name: "date", doc: "a date: a text like 2001-06-30, or the day (UTC) of a time", fails: "the text is no date",
			overloads: []overload{
				same(date, identity(intsOf)),
				{args: of(s), result: date, kernel: tried(textsOf, intsOf, parseDay)},
				{args: of(t), result: date, kernel: mapped(intsOf, intsOf, dayOf)},
			},
		},
	}
}

// identity hands values on.
func identity[T any](lane func(*vector) []T) kernel {
	return func(out *vector, in []*vector, n int) { copy(lane(out)[:n], lane(in[0])) }
}

// formatted makes a kernel that writes values as texts.
func formatted[T any](lane func(*vector) []T, f func(dst []byte, v T) []byte) kernel {
	return written(func(arena []byte, args []*vector, i int) ([]byte, bool) { return f(arena, lane(args[0])[i]), true })
}

func bit(v bool) int64 {
	if v {
		return 1
	}
	return 0
}

// truncated converts floats from -2^63 to below 2^63, which float64 has exactly.
func truncated(v float64) (int64, bool) {
	if !(v >= -1<<63 && v < 1<<63) {
		return 0, false
	}
	return int64(v), true
}

func parseInt(text []byte) (int64, bool) {
	v, err := strconv.ParseInt(string(text), 10, 64)
	return v, err == nil
}

func parseFloat(text []byte) (float64, bool) {
	v, err := strconv.ParseFloat(string(text), 64)
	return v, err == nil
}

func parseBool(text []byte) (v, ok bool) {
	v, err := strconv.ParseBool(string(text))
	return v, err == nil
}

// longestTime is more than any time or date has: what is longer is not looked at, as the
// errors of reading it quote it.
const longestTime = 256

func parseTime(text []byte) (int64, bool) {
	if len(text) > longestTime {
		return 0, false
	}
	t, err := feature.ParseTime(string(text))
	return int64(t), err == nil
}

func parseDay(text []byte) (int64, bool) {
	if len(text) > longestTime {
		return 0, false
	}
	d, err := feature.ParseDay(string(text))
	return int64(d), err == nil
}

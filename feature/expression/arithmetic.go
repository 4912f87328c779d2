package expression

import (
	"math"
	"math/bits"

	"github.com/quiver-features/quiver/feature"
)

// arithmetic holds the operators of numbers, times, texts and lists.
func arithmetic() []function {
	const beyond = "the result is beyond int64"
	i, f, s, b := scalar(feature.Int64), scalar(feature.Float64), scalar(feature.String), scalar(feature.Bytes)
	date, t, d := scalar(feature.Date), scalar(feature.Timestamp), scalar(kindDuration)
	return []function{
		{
			name: "+", fails: beyond + ", or a text or list is larger than 1 MiB",
			overloads: []overload{
				{args: of(i, i), result: i, kernel: addInts},
				{args: of(f, f), result: f, kernel: addFloats},
				{args: of(s, s), result: s, kernel: written(concat)},
				{args: of(b, b), result: b, kernel: written(concat)},
				{args: of(t, d), result: t, kernel: saturated(addSaturated)},
				{args: of(d, t), result: t, kernel: saturated(addSaturated)},
				{args: of(date, d), result: t, kernel: saturated(dayPlus)},
				{args: of(d, d), result: d, kernel: saturated(addSaturated)},
				{args: of(listOf(kindAny), listOf(kindAny)), result: listOf(kindAny), kernel: concatLists},
			},
		},
		{
			name: "-", fails: beyond,
			overloads: []overload{
				{args: of(i, i), result: i, kernel: subInts},
				{args: of(f, f), result: f, kernel: subFloats},
				{args: of(i), result: i, kernel: tried(intsOf, intsOf, func(a int64) (int64, bool) { return -a, a != math.MinInt64 })},
				{args: of(f), result: f, kernel: mapped(floatsOf, floatsOf, func(a float64) float64 { return -a })},
				{args: of(t, d), result: t, kernel: saturated(subSaturated)},
				{args: of(t, t), result: d, kernel: saturated(subSaturated)},
				{args: of(date, d), result: t, kernel: saturated(func(a, b int64) int64 { return subSaturated(midnight(a), b) })},
				{args: of(date, date), result: d, kernel: saturated(func(a, b int64) int64 { return midnight(a - b) })},
				{args: of(d, d), result: d, kernel: saturated(subSaturated)},
				{args: of(d), result: d, kernel: mapped(intsOf, intsOf, func(a int64) int64 { return subSaturated(0, a) })},
			},
		},
		{
			name: "*", fails: beyond,
			overloads: []overload{
				{args: of(i, i), result: i, kernel: mulInts},
				{args: of(f, f), result: f, kernel: mulFloats},
			},
		},
		{
			name: "/", fails: "a whole number is divided by zero, or " + beyond,
			overloads: []overload{
				{args: of(i, i), result: i, kernel: divInts},
				{args: of(f, f), result: f, kernel: divFloats},
			},
		},
		{
			name: "%", fails: "the divisor is zero, or " + beyond,
			overloads: []overload{{args: of(i, i), result: i, kernel: modInts}},
		},
	}
}

func addInts(out *vector, in []*vector, n int) {
	a, b, r := in[0].ints[:n], in[1].ints[:n], out.ints[:n]
	for i := range r {
		s := a[i] + b[i]
		r[i] = s
		if (s^a[i])&(s^b[i]) < 0 { // the sign is that of neither
			out.fail(i)
		}
	}
}

func subInts(out *vector, in []*vector, n int) {
	a, b, r := in[0].ints[:n], in[1].ints[:n], out.ints[:n]
	for i := range r {
		s := a[i] - b[i]
		r[i] = s
		if (a[i]^b[i])&(s^a[i]) < 0 {
			out.fail(i)
		}
	}
}

func mulInts(out *vector, in []*vector, n int) {
	a, b, r := in[0].ints[:n], in[1].ints[:n], out.ints[:n]
	for i := range r {
		x, y := a[i], b[i]
		hi, lo := bits.Mul64(uint64(x), uint64(y))
		high := int64(hi) - x>>63&y - y>>63&x // of the signed product
		r[i] = int64(lo)
		if high != int64(lo)>>63 {
			out.fail(i)
		}
	}
}

func divInts(out *vector, in []*vector, n int) {
	a, b, r := in[0].ints[:n], in[1].ints[:n], out.ints[:n]
	for i := range r {
		if b[i] == 0 || b[i] == -1 && a[i] == math.MinInt64 {
			r[i] = 0
			out.fail(i)
			continue
		}
		r[i] = a[i] / b[i]
	}
}

func modInts(out *vector, in []*vector, n int) {
	a, b, r := in[0].ints[:n], in[1].ints[:n], out.ints[:n]
	for i := range r {
		if b[i] == 0 || b[i] == -1 && a[i] == math.MinInt64 {
			r[i] = 0
			out.fail(i)
			continue
		}
		r[i] = a[i] % b[i]
	}
}

func addFloats(out *vector, in []*vector, n int) {
	a, b, r := in[0].floats[:n], in[1].floats[:n], out.floats[:n]
	for i := range r {
		r[i] = a[i] + b[i]
	}
}

func subFloats(out *vector, in []*vector, n int) {
	a, b, r := in[0].floats[:n], in[1].floats[:n], out.floats[:n]
	for i := range r {
		r[i] = a[i] - b[i]
	}
}

func mulFloats(out *vector, in []*vector, n int) {
	a, b, r := in[0].floats[:n], in[1].floats[:n], out.floats[:n]
	for i := range r {
		r[i] = a[i] * b[i]
	}
}

func divFloats(out *vector, in []*vector, n int) {
	a, b, r := in[0].floats[:n], in[1].floats[:n], out.floats[:n]
	for i := range r {
		r[i] = a[i] / b[i]
	}
}

// saturated makes a kernel of times and durations, which never fail.
func saturated(f func(a, b int64) int64) kernel { return mapped2(intsOf, intsOf, intsOf, f) }

func addSaturated(a, b int64) int64 { return int64(feature.Time(a).Add(feature.Duration(b))) }
func subSaturated(a, b int64) int64 { return int64(feature.Time(a).Sub(feature.Time(b))) }
func dayPlus(day, d int64) int64    { return addSaturated(midnight(day), d) }

// midnight is the time at which a day begins, which may be beyond the times there are.
func midnight(day int64) int64 { return mulSaturated(day, int64(feature.Day)) }

// mulSaturated multiplies by a positive unit.
func mulSaturated(a, unit int64) int64 {
	switch {
	case a > math.MaxInt64/unit:
		return math.MaxInt64
	case a < math.MinInt64/unit:
		return math.MinInt64
	}
	return a * unit
}

func concat(arena []byte, args []*vector, i int) ([]byte, bool) {
	a, b := args[0].texts[i], args[1].texts[i]
	if len(a)+len(b) > maxValue {
		return arena, false
	}
	return append(append(arena, a...), b...), true
}

func concatLists(out *vector, in []*vector, n int) {
	for i := range n {
		if out.stateAt(i) != present {
			continue
		}
		if in[0].listBytes(i)+in[1].listBytes(i) > maxValue {
			out.fail(i)
			continue
		}
		out.pushList(i, in[0], i)
		from := out.starts[i]
		out.pushList(i, in[1], i)
		if out.starts[i] = from; !out.fits() {
			return
		}
	}
}

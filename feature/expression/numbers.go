package expression

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/quiver-features/quiver/feature"
)

// numbers holds functions of integers, floats and times alike.
func numbers() []function {
	i, f, s, b := scalar(feature.Int64), scalar(feature.Float64), scalar(feature.String), scalar(feature.Bytes)
	date, t, d := scalar(feature.Date), scalar(feature.Timestamp), scalar(kindDuration)
	// NaN wins: the builtins see to it, as they order -0 before 0.
	extreme := func(name, doc string, ints func(a, b int64) int64, floats func(a, b float64) float64) function {
		o := overload{args: of(f, f), rest: true, result: f, kernel: folded(floatsOf, floats)}
		all := []overload{}
		for _, typ := range []feature.Type{i, date, t, d} {
			all = append(all, overload{args: of(typ, typ), rest: true, result: typ, kernel: folded(intsOf, ints)})
		}
		all = slices.Insert(all, 1, o)
		for _, k := range []feature.Kind{feature.Int64, feature.Date, feature.Timestamp} {
			all = append(all, overload{args: of(listOf(k)), result: scalar(k), kernel: reduced(intsOf, intsOf, reduction(ints))})
		}
		all = append(all, overload{args: of(listOf(feature.Float64)), result: f, kernel: reduced(floatsOf, floatsOf, reduction(floats))})
		return function{name: name, doc: doc, overloads: all}
	}
	clamp := "lo is greater than hi"
	return []function{
		{
			name: "abs", doc: "the value without its sign", fails: "the value is the least int64, which has no opposite",
			overloads: []overload{
				{args: of(i), result: i, kernel: tried(intsOf, intsOf, func(a int64) (int64, bool) { return max(a, -a), a != math.MinInt64 })},
				{args: of(f), result: f, kernel: mapped(floatsOf, floatsOf, math.Abs)},
			},
		},
		{
			name: "sign", doc: "-1, 0 or 1; NaN of NaN",
			overloads: []overload{
				{args: of(i), result: i, kernel: mapped(intsOf, intsOf, func(a int64) int64 { return a>>63 | int64(uint64(-a)>>63) })},
				{args: of(f), result: f, kernel: mapped(floatsOf, floatsOf, signOf)},
			},
		},
		extreme("min", "the least of its arguments, or of the items of a list; NaN if one of them is NaN", func(a, b int64) int64 { return min(a, b) }, func(a, b float64) float64 { return min(a, b) }),
		extreme("max", "the greatest of its arguments, or of the items of a list; NaN if one of them is NaN", func(a, b int64) int64 { return max(a, b) }, func(a, b float64) float64 { return max(a, b) }),
		{
			name: "clamp", doc: "x, but at least lo and at most hi, as clamp(x, lo, hi)", fails: clamp,
			overloads: []overload{
				{args: of(i, i, i), result: i, kernel: clamped(intsOf, func(x, lo, hi int64) int64 { return max(lo, min(x, hi)) })},
				{args: of(f, f, f), result: f, kernel: clamped(floatsOf, func(x, lo, hi float64) float64 { return max(lo, min(x, hi)) })},
			},
		},
		{
			name: "bucketize", doc: "how many of the boundaries, which ascend, are not greater than x: 0 below the first; NaN is above all",
			overloads: []overload{
				{args: []param{{typ: i}, {typ: listOf(feature.Int64), constant: true}}, result: i, prepare: func(c *call) (kernel, *problem) {
					return bucketize(c, intsOf, func(bound, x int64) bool { return bound <= x })
				}},
				{args: []param{{typ: f}, {typ: listOf(feature.Float64), constant: true}}, result: i, prepare: func(c *call) (kernel, *problem) {
					return bucketize(c, floatsOf, func(bound, x float64) bool { return bound <= x || math.IsNaN(x) })
				}},
			},
		},
		{
			name: "hash", doc: "a number from 0 to n - 1 that looks random and depends on x alone, as hash(x, n): XXH64 (seed 0) modulo n, of the bytes of a text, or of the 8 little-endian bytes of an integer, day or time",
			fails: "n is not positive",
			overloads: []overload{
				{args: of(i, i), result: i, kernel: tried2(intsOf, intsOf, intsOf, hashInt)},
				{args: of(s, i), result: i, kernel: tried2(textsOf, intsOf, intsOf, hashText)},
				{args: of(b, i), result: i, kernel: tried2(textsOf, intsOf, intsOf, hashText)},
				{args: of(date, i), result: i, kernel: tried2(intsOf, intsOf, intsOf, hashInt)},
				{args: of(t, i), result: i, kernel: tried2(intsOf, intsOf, intsOf, hashInt)},
			},
		},
	}
}

func signOf(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return x // 0, -0 and NaN
}

func clamped[T int64 | float64](lane func(*vector) []T, f func(x, lo, hi T) T) kernel {
	return func(out *vector, in []*vector, n int) {
		x, lo, hi, r := lane(in[0])[:n], lane(in[1])[:n], lane(in[2])[:n], lane(out)[:n]
		for i := range r {
			if lo[i] > hi[i] {
				out.fail(i)
			}
			r[i] = f(x[i], lo[i], hi[i])
		}
	}
}

// bucketize counts boundaries by binary search.
func bucketize[T int64 | float64](c *call, lane func(*vector) []T, reached func(bound, x T) bool) (kernel, *problem) {
	bounds := c.args[1].constant.items
	values := lane(bounds)[:bounds.n]
	ascending := bounds.state == nil && slices.IsSorted(values) && !slices.ContainsFunc(values, func(v T) bool { return math.IsNaN(float64(v)) })
	if !ascending {
		return nil, problemf("write them in ascending order", "the boundaries of bucketize have to ascend, without null and NaN")
	}
	return mapped(lane, intsOf, func(x T) int64 {
		low, high := 0, len(values)
		for low < high {
			if mid := (low + high) / 2; reached(values[mid], x) {
				low = mid + 1
			} else {
				high = mid
			}
		}
		return int64(low)
	}), nil
}

func hashInt(x, n int64) (int64, bool) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(x))
	return hashText(b[:], n)
}

func hashText(b []byte, n int64) (int64, bool) {
	if n <= 0 {
		return 0, false
	}
	return int64(xxhash.Sum64(b) % uint64(n)), true
}

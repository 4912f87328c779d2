package profile

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"

	"github.com/quiver-features/quiver/feature"
)

// collector sees the values of one column.
type collector struct {
	Column
	ints   numbers[int64]
	floats numbers[float64]
	texts  []string // of the sample
	show   func(int64) any
}

// numbers are those of one column: extremes of all, and a sample.
type numbers[T int64 | float64] struct {
	any         bool
	least, most T
	sample      []T
}

func (n *numbers[T]) see(v T) {
	if !n.any {
		n.any, n.least, n.most = true, v, v
		return
	}
	n.least, n.most = min(n.least, v), max(n.most, v)
}

// add sees an array; sample are the rows of it that are in the sample.
func (c *collector) add(arr arrow.Array, sample []int) {
	c.Nulls += int64(nulls(arr))
	if value, show := integers(arr); value != nil {
		c.show = show
		for i := range arr.Len() {
			if !arr.IsNull(i) {
				c.ints.see(value(i))
			}
		}
		for _, i := range sample {
			if !arr.IsNull(i) {
				c.ints.sample = append(c.ints.sample, value(i))
			}
		}
		return
	}
	if value := floats(arr); value != nil {
		c.addFloats(arr, value, sample)
		return
	}
	for _, i := range sample {
		if !isNull(arr, i) {
			c.texts = append(c.texts, text(arr, i))
		}
	}
}

func (c *collector) addFloats(arr arrow.Array, value func(int) float64, sample []int) {
	for i := range arr.Len() {
		if arr.IsNull(i) {
			continue
		}
		if v := value(i); math.IsNaN(v) {
			c.NaNs++
		} else {
			c.floats.see(v)
		}
	}
	for _, i := range sample {
		if v := value(i); !arr.IsNull(i) && !math.IsNaN(v) {
			c.floats.sample = append(c.floats.sample, v)
		}
	}
}

func isNull(arr arrow.Array, i int) bool { return arr.DataType().ID() == arrow.NULL || arr.IsNull(i) }

func nulls(arr arrow.Array) int {
	if arr.DataType().ID() == arrow.NULL {
		return arr.Len()
	}
	return arr.NullN()
}

// text shows a value, cut to a length that fits a line.
func text(arr arrow.Array, i int) string {
	const longest = 200
	s := arr.ValueStr(i)
	if a, ok := arr.(*array.String); ok {
		s = a.Value(i)
	}
	return string([]byte(s[:min(len(s), longest)]))
}

func integer(v int64) any { return v }

// integers gives values that are whole numbers, and what they mean; nil for other
// types. Lists are their lengths.
func integers(arr arrow.Array) (func(i int) int64, func(int64) any) {
	switch a := arr.(type) {
	case *array.Int64:
		return a.Value, integer
	case *array.Int32:
		return func(i int) int64 { return int64(a.Value(i)) }, integer
	case *array.Int16:
		return func(i int) int64 { return int64(a.Value(i)) }, integer
	case *array.Int8:
		return func(i int) int64 { return int64(a.Value(i)) }, integer
	case *array.Uint32:
		return func(i int) int64 { return int64(a.Value(i)) }, integer
	case *array.Uint16:
		return func(i int) int64 { return int64(a.Value(i)) }, integer
	case *array.Uint8:
		return func(i int) int64 { return int64(a.Value(i)) }, integer
	case *array.Date32:
		return func(i int) int64 { return int64(a.Value(i)) }, func(v int64) any { return arrow.Date32(v).ToTime().Format(time.DateOnly) }
	case *array.Timestamp:
		unit := arrow.Microsecond
		if t, ok := arr.DataType().(*arrow.TimestampType); ok {
			unit = t.Unit
		}
		return func(i int) int64 { return int64(feature.TimeOf(a.Value(i).ToTime(unit))) }, func(v int64) any { return feature.Time(v) }
	case *array.Map:
		return nil, nil
	case array.ListLike:
		return func(i int) int64 { from, to := a.ValueOffsets(i); return to - from }, integer
	}
	return nil, nil
}

func floats(arr arrow.Array) func(i int) float64 {
	switch a := arr.(type) {
	case *array.Float64:
		return a.Value
	case *array.Float32:
		return func(i int) float64 { return float64(a.Value(i)) }
	case *array.Float16:
		return func(i int) float64 { return float64(a.Value(i).Float32()) }
	case *array.Uint64:
		return func(i int) float64 { return float64(a.Value(i)) }
	case *array.Decimal128:
		if t, ok := arr.DataType().(arrow.DecimalType); ok {
			return func(i int) float64 { return a.Value(i).ToFloat64(t.GetScale()) }
		}
	}
	return nil
}

// finish sums up.
func (c *collector) finish(rows int64) Column {
	if rows > 0 {
		c.NullRate = float64(c.Nulls) / float64(rows)
	}
	switch {
	case c.show != nil:
		describe(&c.Column, &c.ints, c.show)
		c.Distinct = distinct(c.ints.sample)
	case c.floats.any:
		describe(&c.Column, &c.floats, float)
	default:
		c.values()
	}
	return c.Column
}

// float is a number as JSON can hold it.
func float(v float64) any {
	switch {
	case math.IsInf(v, 1):
		return "inf"
	case math.IsInf(v, -1):
		return "-inf"
	}
	return v
}

func describe[T int64 | float64](c *Column, n *numbers[T], show func(T) any) {
	if !n.any {
		return
	}
	c.Least, c.Greatest = show(n.least), show(n.most)
	slices.Sort(n.sample)
	if len(n.sample) == 0 {
		return
	}
	for _, share := range Shares() {
		c.Quantiles = append(c.Quantiles, show(quantile(n.sample, share)))
	}
	c.Histogram = histogram(n.sample)
}

// quantile is the least value such that at least a share of all is not greater.
func quantile[T any](sorted []T, share float64) T {
	at := int(math.Ceil(share*float64(len(sorted)))) - 1
	return sorted[max(0, min(at, len(sorted)-1))]
}

func histogram[T int64 | float64](sorted []T) []int64 {
	finite := slices.DeleteFunc(slices.Clone(sorted), func(v T) bool { return math.IsInf(float64(v), 0) })
	if len(finite) == 0 {
		return nil
	}
	least, most := float64(quantile(finite, 0.01)), float64(quantile(finite, 0.99))
	if least == most {
		return []int64{int64(len(finite))}
	}
	counts := make([]int64, bins)
	for _, v := range finite {
		counts[min(int(Within(float64(v), least, most)*bins), bins-1)]++
	}
	return counts
}

// Within says how far v is on the way from least to most, which is greater: from 0, also
// below least, to 1, also above most. They are finite, v may be an infinity; the way may
// be longer than the greatest float.
func Within(v, least, most float64) float64 {
	v = min(max(v, least), most)
	if way := most - least; !math.IsInf(way, 1) {
		return (v - least) / way
	}
	return (v/2 - least/2) / (most/2 - least/2)
}

func distinct[T comparable](sorted []T) int {
	n := 0
	for i := range sorted {
		if i == 0 || sorted[i] != sorted[i-1] {
			n++
		}
	}
	return n
}

// values counts texts and finds the commonest.
func (c *collector) values() {
	if len(c.texts) == 0 {
		return
	}
	counts := map[string]int{}
	for _, s := range c.texts {
		counts[s]++
	}
	c.Distinct = len(counts)
	for s, n := range counts {
		c.Top = append(c.Top, Value{s, float64(n) / float64(len(c.texts))})
	}
	slices.SortFunc(c.Top, func(a, b Value) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Text, b.Text))
	})
	c.Top = slices.Clone(c.Top[:min(len(c.Top), topValues)])
}

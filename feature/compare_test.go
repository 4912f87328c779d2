package feature_test

import (
	"math"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// Values of each type in strictly ascending order, from the text of the rule.
func TestValuesAreOrderedNullFirstAndNaNLast(t *testing.T) {
	nan := math.NaN()
	otherNaN := math.Float64frombits(math.Float64bits(nan) + 1)
	negativeNaN := math.Float64frombits(math.Float64bits(nan) | 1<<63)
	inf, negZero := math.Inf(1), math.Copysign(0, -1)
	for _, c := range []struct {
		typ    string
		values []any
	}{
		{"bool", []any{nil, false, true}},
		{"int32", []any{nil, math.MinInt32, -1, 0, 1, math.MaxInt32}},
		{"int64", []any{nil, math.MinInt64, -1, 0, 1, math.MaxInt64}},
		{"float64", []any{nil, -inf, -math.MaxFloat64, -1.5, -math.SmallestNonzeroFloat64, negZero, 0.0, 1.5, inf, nan, otherNaN, negativeNaN}},
		{"float32", []any{nil, float32(-inf), float32(-1), float32(negZero), float32(0), float32(2), float32(inf), float32(nan)}},
		{"string", []any{nil, "", "A", "Z", "a", "aa", "b", "e\u0301", "\u00e9"}},
		{"bytes", []any{nil, []byte{}, []byte{0}, []byte{0, 0}, []byte{0x7f}, []byte{0x80}, []byte{0xff}}},
		{"date", []any{nil, feature.CalendarDay(-1), feature.CalendarDay(0), feature.CalendarDay(20000)}},
		{"timestamp", []any{nil, feature.MinTime, feature.Time(-1), feature.Time(0), feature.MaxTime}},
		{"list<int32>", []any{nil, []any{}, []any{nil}, []any{nil, 1}, []any{1}, []any{1, nil}, []any{1, 0}, []any{2}}},
		{"list<float64>", []any{nil, []any{}, []any{negZero}, []any{0.0}, []any{0.0, 1.0}, []any{nan}}},
		{"list<string>[2]", []any{nil, []any{"a", "b"}, []any{"a", "c"}, []any{"b", "a"}}},
	} {
		t.Run(c.typ, func(t *testing.T) {
			column := columnOf(t, c.typ, c.values...)
			for i := range c.values {
				for j := range c.values {
					got := feature.Compare(column, i, column, j)
					if sign(got) != sign(i-j) {
						t.Errorf("Compare(%v, %v) = %d, want the sign of %d", c.values[i], c.values[j], got, i-j)
					}
				}
			}
		})
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

func columnOf(t *testing.T, typ string, values ...any) *feature.Column {
	t.Helper()
	parsed, err := feature.ParseType(typ)
	if err != nil {
		t.Fatal(err)
	}
	c := feature.NewColumn(parsed, 0)
	for _, v := range values {
		if err := c.AppendAny(v); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

package arrowconv_test

import (
	"errors"
	"math"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/decimal128"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

func boxed(c *feature.Column) []any {
	out := make([]any, c.Len())
	for i := range out {
		out[i] = c.Any(i)
	}
	return out
}

// The boxed values of each type with a null among them.
func samples() map[string][]any {
	return map[string][]any{
		"bool":             {true, nil, false},
		"int32":            {int32(math.MinInt32), nil, int32(7)},
		"int64":            {int64(math.MaxInt64), nil, int64(-1)},
		"float32":          {float32(1.5), nil, float32(math.Inf(-1))},
		"float64":          {math.Copysign(0, -1), nil, math.MaxFloat64},
		"string":           {"", nil, "héllo"},
		"bytes":            {[]byte{0, 255}, nil, []byte{}},
		"date":             {feature.CalendarDay(-1), nil, feature.CalendarDay(11_500)},
		"timestamp":        {feature.Time(-1), nil, feature.MaxTime},
		"list<int64>":      {[]any{int64(1), nil}, nil, []any{}},
		"list<string>":     {[]any{"a", ""}, nil, []any{"b"}},
		"list<float32>[2]": {[]any{float32(1), float32(2)}, nil, []any{nil, float32(4)}},
	}
}

func TestEveryTypeComesBackFromArrowAsItWent(t *testing.T) {
	for name, want := range samples() {
		t.Run(name, func(t *testing.T) {
			mem := memory.NewCheckedAllocator(memory.DefaultAllocator)
			defer mem.AssertSize(t, 0)
			typ, err := feature.ParseType(name)
			if err != nil {
				t.Fatal(err)
			}
			c := feature.NewColumn(typ, 0)
			for _, v := range want {
				if err := c.AppendAny(v); err != nil {
					t.Fatal(err)
				}
			}
			arr, err := arrowconv.ToArrow(c, mem)
			if err != nil {
				t.Fatal(err)
			}
			defer arr.Release()
			if !arrow.TypeEqual(arr.DataType(), arrowconv.DataType(typ)) {
				t.Errorf("array of type %s, DataType gives %s", arr.DataType(), arrowconv.DataType(typ))
			}
			if arr.NullN() != 1 || arr.Len() != 3 {
				t.Errorf("%d nulls of %d values", arr.NullN(), arr.Len())
			}
			back, err := arrowconv.FromArrow(arr, typ)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, boxed(back)); diff != "" {
				t.Error(diff)
			}
			// A slice is read from its own start.
			slice := array.NewSlice(arr, 1, 3)
			defer slice.Release()
			if back, err = arrowconv.FromArrow(slice, typ); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want[1:], boxed(back)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func build[B array.Builder](b B, fill func(B)) arrow.Array {
	defer b.Release()
	fill(b)
	return b.NewArray()
}

func TestArrowValuesConvertWithoutLossOrNotAtAll(t *testing.T) {
	mem := memory.DefaultAllocator
	stamps := func(unit arrow.TimeUnit, zone string, v ...int64) arrow.Array {
		return build(array.NewTimestampBuilder(mem, &arrow.TimestampType{Unit: unit, TimeZone: zone}), func(b *array.TimestampBuilder) {
			for _, v := range v {
				b.Append(arrow.Timestamp(v))
			}
		})
	}
	texts := func(v ...string) arrow.Array {
		return build(array.NewStringBuilder(mem), func(b *array.StringBuilder) { b.AppendValues(v, nil) })
	}
	ints := func(v ...int64) arrow.Array {
		return build(array.NewInt64Builder(mem), func(b *array.Int64Builder) { b.AppendValues(v, nil) })
	}
	uints := func(v ...uint64) arrow.Array {
		return build(array.NewUint64Builder(mem), func(b *array.Uint64Builder) { b.AppendValues(v, nil) })
	}
	dictionary := func(v ...string) arrow.Array {
		typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
		return build(array.NewDictionaryBuilder(mem, typ).(*array.BinaryDictionaryBuilder), func(b *array.BinaryDictionaryBuilder) {
			for _, v := range v {
				if err := b.AppendString(v); err != nil {
					t.Fatal(err)
				}
			}
			b.AppendNull()
		})
	}
	decimals := func(scale int32, v ...int64) arrow.Array {
		return build(array.NewDecimal128Builder(mem, &arrow.Decimal128Type{Precision: 38, Scale: scale}), func(b *array.Decimal128Builder) {
			for _, v := range v {
				b.Append(decimal128.FromI64(v))
			}
		})
	}
	dates64 := func(v ...arrow.Date64) arrow.Array {
		return build(array.NewDate64Builder(mem), func(b *array.Date64Builder) { b.AppendValues(v, nil) })
	}
	cases := []struct {
		name string
		arr  arrow.Array
		typ  string
		want []any // nil: an error
	}{
		{"int64 narrows where it fits", ints(-5, math.MaxInt32), "int32", []any{int32(-5), int32(math.MaxInt32)}},
		{
			"a date within a day is that day, before 1970 too", dates64(-86_400_001, -86_400_000, -1, 0, 86_399_999, 86_400_000), "date",
			[]any{feature.CalendarDay(-2), feature.CalendarDay(-1), feature.CalendarDay(-1), feature.CalendarDay(0), feature.CalendarDay(0), feature.CalendarDay(1)},
		},
		{"a date's timestamp is its midnight", dates64(-1), "timestamp", []any{feature.Time(-86_400_000_000)}},
		{"int64 beyond int32", ints(math.MaxInt32 + 1), "int32", nil},
		{"int64 is text", ints(-5), "string", []any{"-5"}},
		{"int64 is an exact float64", ints(1 << 53), "float64", []any{float64(1 << 53)}},
		{"int64 is no exact float64", ints(1<<53 + 1), "float64", nil},
		{"int64 is no time", ints(1), "timestamp", nil},
		{"uint64 fits", uints(math.MaxInt64), "int64", []any{int64(math.MaxInt64)}},
		{"uint64 beyond int64", uints(math.MaxInt64 + 1), "int64", nil},
		{"seconds", stamps(arrow.Second, "", -1), "timestamp", []any{feature.Time(-1_000_000)}},
		{"seconds saturate", stamps(arrow.Second, "", math.MaxInt64, math.MinInt64), "timestamp", []any{feature.MaxTime, feature.MinTime}},
		{"milliseconds", stamps(arrow.Millisecond, "Europe/Berlin", 7), "timestamp", []any{feature.Time(7000)}},
		{"nanoseconds are floored", stamps(arrow.Nanosecond, "UTC", -1, 1999), "timestamp", []any{feature.Time(-1), feature.Time(1)}},
		{"text is a time", texts("1970-01-01T00:00:01Z"), "timestamp", []any{feature.Time(1_000_000)}},
		{"text is no time", texts("yesterday"), "timestamp", nil},
		{"text is no number", texts("1"), "int64", nil},
		{"a dictionary", dictionary("b", "a", "b"), "string", []any{"b", "a", "b", nil}},
		{"whole decimals", decimals(0, -12), "int64", []any{int64(-12)}},
		{"decimals with a fraction", decimals(2, 100), "int64", nil},
		{"all null", array.NewNull(2), "date", []any{nil, nil}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			typ, err := feature.ParseType(c.typ)
			if err != nil {
				t.Fatal(err)
			}
			got, err := arrowconv.FromArrow(c.arr, typ)
			if c.want == nil {
				if !errors.Is(err, feature.ErrInvalid) {
					t.Fatalf("got %v, want an error that wraps ErrInvalid", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, boxed(got)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

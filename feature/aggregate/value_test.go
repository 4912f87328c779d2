package aggregate_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// Values in strictly ascending order and their bytes, by hand.
func TestValuesAsBytesKeepTheOrder(t *testing.T) {
	for _, c := range []struct {
		typ    string
		values []any
		bytes  []string
	}{
		{"bool", []any{false, true}, []string{"00", "01"}},
		{
			"int32",
			[]any{math.MinInt32, -257, -256, -2, -1, 0, 1, 255, 256, math.MaxInt32},
			[]string{"7b80000000", "7dfeff", "7e00", "7efe", "7f", "80", "8101", "81ff", "820100", "847fffffff"},
		},
		{
			"int64",
			[]any{math.MinInt64, math.MinInt64 + 1, -1, 0, math.MaxInt64},
			[]string{"778000000000000000", "778000000000000001", "7f", "80", "887fffffffffffffff"},
		},
		{"date", []any{feature.CalendarDay(-1), feature.CalendarDay(0), feature.CalendarDay(20000)}, []string{"7f", "80", "824e20"}},
		{"timestamp", []any{feature.MinTime, feature.Time(0), feature.Time(1)}, []string{"778000000000000000", "80", "8101"}},
		{
			"float64",
			[]any{math.Inf(-1), -1.0, -5e-324, 0.0, 5e-324, 1.0, 12.5, math.Inf(1), math.Float64frombits(0x7ff8 << 48)},
			[]string{"001", "401", "7fffffffffffffff", "80", "8000000000000001", "bff", "c029", "fff", "fff8"},
		},
		{"float32", []any{float32(-1), float32(0), float32(0.1), float32(1)}, []string{"401", "80", "bfb99999a", "bff"}},
		{"string", []any{"", "A", "a", "aa", "\u00e9"}, []string{"", "41", "61", "6161", "c3a9"}},
		{"bytes", []any{[]byte{}, []byte{0}, []byte{255}}, []string{"", "00", "ff"}},
	} {
		typ, err := feature.ParseType(c.typ)
		if err != nil {
			t.Fatal(err)
		}
		column, back := feature.NewColumn(typ, 0), feature.NewColumn(typ, 0)
		var last []byte
		for i, v := range c.values {
			if err := column.AppendAny(v); err != nil {
				t.Fatal(err)
			}
			got := aggregate.AppendValue(nil, column, i)
			want := c.bytes[i]
			if len(want)%2 == 1 {
				want += "0"
			}
			if fmt.Sprintf("%x", got) != want {
				t.Errorf("%s %v is %x, want %s", c.typ, v, got, want)
			}
			if i > 0 && bytes.Compare(last, got) >= 0 {
				t.Errorf("%s %v is not behind %v", c.typ, v, c.values[i-1])
			}
			last = got
			if err := aggregate.DecodeValue(back, got); err != nil || feature.Compare(column, i, back, i) != 0 {
				t.Errorf("%s %v comes back as %v: %v", c.typ, v, back.Any(i), err)
			}
		}
	}
}

func TestDamagedValuesAreErrors(t *testing.T) {
	for typ, values := range map[string][]string{
		"bool":    {"", "\x02", "\x00\x00"},
		"int32":   {"", "\x81", "\x81\x00", "\x80\x00", "\x85\x01\x00\x00\x00\x00", "\x84\x80\x00\x00\x00", "\x7e\xff", "\x89\x01\x01\x01\x01\x01\x01\x01\x01\x01"},
		"int64":   {"", "\x88\x80\x00\x00\x00\x00\x00\x00\x00", "\x00", "\xff", "\x81\x01\x01"},
		"float64": {"", "\x80\x00", "\x00", "\xff\xf9", "\xff\xf0\x01", "\x80\x00\x00\x00\x00\x00\x00\x00\x00"},
		"float32": {"\xbf\xb9\x99\x99\x99\x99\x99\x9a"},
	} {
		parsed, err := feature.ParseType(typ)
		if err != nil {
			t.Fatal(err)
		}
		c := feature.NewColumn(parsed, 0)
		for _, v := range values {
			if err := aggregate.DecodeValue(c, []byte(v)); !errors.Is(err, feature.ErrInvalid) || c.Len() != 0 {
				t.Errorf("%x as %s: %v, %d values", v, typ, err, c.Len())
			}
		}
	}
}

func FuzzValue(f *testing.F) {
	f.Add(uint8(feature.Int64), []byte{0x81, 5})
	f.Add(uint8(feature.Float64), []byte{0xbf, 0xf0})
	f.Add(uint8(feature.Float32), []byte{0xff, 0xf8})
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		c := feature.NewColumn(feature.Scalar(feature.Kind(kind%9+1)), 1)
		if err := aggregate.DecodeValue(c, b); err != nil {
			if !errors.Is(err, feature.ErrInvalid) || c.Len() != 0 {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		if again := aggregate.AppendValue(nil, c, 0); !bytes.Equal(again, b) {
			t.Fatalf("%x was read as %v, and is written as %x", b, c.Any(0), again)
		}
	})
}

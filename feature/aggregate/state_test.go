package aggregate_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// Lists in strictly ascending order and their bytes, by hand.
func TestListsAsBytesKeepTheOrder(t *testing.T) {
	for _, c := range []struct {
		typ    string
		values []any
		bytes  []string
	}{
		{
			"list<string>",
			[]any{[]any{}, []any{nil}, []any{nil, nil}, []any{""}, []any{"", ""}, []any{"\x00"}, []any{"a"}, []any{"a", nil}, []any{"a", "b"}, []any{"a\x00"}, []any{"ab"}},
			[]string{
				"00", "0100", "010100", "02000000", "02000002000000", "0200ff000000", "0261000000", "026100000100",
				"026100000262000000", "026100ff000000", "026162000000",
			},
		},
		{"list<int64>", []any{[]any{int64(-1)}, []any{int64(0)}, []any{int64(0), int64(5)}, []any{int64(256)}}, []string{"027f00", "028000", "028002810500", "0282010000"}},
		{"list<bool>", []any{[]any{nil}, []any{false}, []any{true}}, []string{"0100", "020000", "020100"}},
		{
			"list<float64>",
			[]any{[]any{math.Inf(-1)}, []any{0.0}, []any{0.0, 1.0}, []any{1.0}, []any{math.Float64frombits(0x7ff8 << 48)}},
			[]string{"02001000000000000000", "02800000000000000000", "02800000000000000002bff000000000000000", "02bff000000000000000", "02fff800000000000000"},
		},
		{"list<float32>[2]", []any{[]any{float32(1), nil}}, []string{"02bff00000000000000100"}},
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
			if hex := hexOf(got); hex != c.bytes[i] {
				t.Errorf("%s %v is %s, want %s", c.typ, v, hex, c.bytes[i])
			}
			if i > 0 && (bytes.Compare(last, got) >= 0 || feature.Compare(column, i-1, column, i) >= 0) {
				t.Errorf("%s %v is not behind %v", c.typ, v, c.values[i-1])
			}
			last = got
			if err := aggregate.DecodeValue(back, got); err != nil || feature.Compare(column, i, back, i) != 0 {
				t.Errorf("%s %v comes back as %v: %v", c.typ, v, back.Any(min(i, back.Len()-1)), err)
			}
		}
	}
}

func FuzzList(f *testing.F) {
	f.Add(uint8(feature.Int64), []byte{2, 0x81, 5, 0})
	f.Add(uint8(feature.String), []byte{2, 'a', 0, 0xff, 0, 0, 1, 0})
	f.Add(uint8(feature.Float32), []byte{2, 0xbf, 0xf0, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		c := feature.NewColumn(feature.ListOf(feature.Kind(kind%9+1), 0), 1)
		if err := aggregate.DecodeValue(c, b); err != nil {
			if !errors.Is(err, feature.ErrInvalid) || c.Len() != 0 || c.Items.Len() != 0 {
				t.Fatalf("%x: %v", b, err)
			}
			return
		}
		if again := aggregate.AppendValue(nil, c, 0); !bytes.Equal(again, b) {
			t.Fatalf("%x was read as %v, and is written as %x", b, c.Any(0), again)
		}
	})
}

// stateCase is a function over a type, with its result for the values of
// TestStatesTakeValuesOfAnyType by hand.
type stateCase struct {
	function feature.Function
	over     feature.Type
	want     any
}

// Four rows, the later the greater their place; in the second and the third the value is the same.
func TestStatesTakeValuesOfAnyType(t *testing.T) {
	texts, numbers := []any{"b", "a", "a", "c"}, []any{int64(7), int64(-3), int64(-3), int64(0)}
	floats := []any{0.0, math.NaN(), math.NaN(), math.Inf(1)}
	lists := []any{[]any{"x"}, []any{}, []any{}, []any{nil}}
	of := map[feature.Type][]any{
		feature.Scalar(feature.String): texts, feature.Scalar(feature.Int64): numbers,
		feature.Scalar(feature.Float64): floats, feature.ListOf(feature.String, 0): lists,
	}
	str, num, flo, lis := feature.Scalar(feature.String), feature.Scalar(feature.Int64), feature.Scalar(feature.Float64), feature.ListOf(feature.String, 0)
	for _, c := range []stateCase{
		{feature.Min, str, "a"},
		{feature.Max, str, "c"},
		{feature.First, str, "b"},
		{feature.Last, str, "c"},
		{feature.LastN, str, []any{"c", "a"}},
		{feature.CountDistinct, str, int64(3)},
		{feature.First, num, int64(7)},
		{feature.Last, num, int64(0)},
		{feature.LastN, num, []any{int64(0), int64(-3)}},
		{feature.CountDistinct, num, int64(3)},
		{feature.Quantile, num, 0.0}, // of -3, -3, 0, 7 the third
		{feature.LastN, flo, []any{math.Inf(1), math.NaN()}},
		{feature.CountDistinct, flo, int64(2)},
		{feature.Quantile, flo, math.Inf(1)}, // of 0, +Inf the second
		{feature.First, lis, []any{"x"}},
		{feature.Last, lis, []any{nil}},
	} {
		typ, err := c.function.Of(c.over)
		if err != nil {
			t.Fatal(err)
		}
		dst := feature.NewColumn(typ, 0)
		some := aggregate.New(c.function, c.over, 2).AppendResult(dst, 0.75)
		if nothing := dst.IsNull(0) || c.function == feature.CountDistinct && dst.Int64s[0] == 0; some || !nothing {
			t.Errorf("%s over %s of no values is %v", c.function, c.over, dst.Any(0))
		}
		a, b := aggregate.New(c.function, c.over, 2), aggregate.New(c.function, c.over, 2)
		for i := range 4 {
			[]aggregate.State{a, b, a, b}[i].Add(valueOf(c.over, of[c.over][i], feature.Time(i)))
		}
		a.Merge(b)
		if !a.AppendResult(dst, 0.75) || boxed(dst.Any(1)) != boxed(c.want) {
			t.Errorf("%s over %s is %v, want %v", c.function, c.over, dst.Any(1), c.want)
		}
		if a.Memory() <= 0 {
			t.Errorf("%s over %s takes no memory", c.function, c.over)
		}
		if a.Reset(); a.AppendResult(dst, 0.75) {
			t.Errorf("%s over %s keeps values: %v", c.function, c.over, dst.Any(2))
		}
	}
	for _, f := range []feature.Function{feature.Count, feature.Sum, feature.Mean, feature.Min, feature.Max, feature.Variance, feature.Stddev, feature.TopK} {
		if aggregate.New(f, num, 0) != nil {
			t.Errorf("%s over int64 has a State", f)
		}
	}
}

// valueOf makes a Value of a boxed value.
func valueOf(t feature.Type, v any, at feature.Time) *aggregate.Value {
	out := &aggregate.Value{Stamp: feature.Stamp{Event: at}}
	switch v := v.(type) {
	case int64:
		out.Word = v
	case float64:
		out.Word = int64(math.Float64bits(v))
	default:
		c := feature.NewColumn(t, 1)
		if err := c.AppendAny(v); err != nil {
			panic(err)
		}
		out.Bytes = aggregate.AppendValue(nil, c, 0)
	}
	return out
}

// Merging in place and registers eight at once give what adding gives, after a Reset too.
func TestDistinctMergesIntoItsOwnMemory(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var reused aggregate.Distinct
	for range 300 {
		reused.Reset()
		var whole aggregate.Distinct
		for range 1 + r.IntN(5) {
			var part aggregate.Distinct
			for range r.IntN([]int{5, 200, 2000}[r.IntN(3)]) {
				v := int64(r.IntN(3000))
				countInt(&part, v)
				countInt(&whole, v)
			}
			reused.Merge(&part)
		}
		if got, want := reused.Append(nil), whole.Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("merged: %d values, added: %d", reused.Count(), whole.Count())
		}
	}
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }

// boxed writes a result so that NaN equals NaN.
func boxed(v any) string { return fmt.Sprintf("%#v", v) }

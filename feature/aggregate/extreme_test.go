package aggregate_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature/aggregate"
)

// The order of numbers, ascending, as the rule of windows has it.
func orderedFloats() []float64 {
	return []float64{math.Inf(-1), -math.MaxFloat64, -1, -5e-324, 0, 5e-324, 1, math.MaxFloat64, math.Inf(1), math.NaN()}
}

func TestFloatKeysOrderNumbers(t *testing.T) {
	values := orderedFloats()
	for i, v := range values {
		if got := aggregate.KeyFloat(aggregate.FloatKey(v)); !sameFloat(got, v) {
			t.Errorf("%v comes back as %v", v, got)
		}
		if i > 0 && aggregate.FloatKey(values[i-1]) >= aggregate.FloatKey(v) {
			t.Errorf("%v is not before %v", values[i-1], v)
		}
	}
	if k := aggregate.FloatKey(math.Copysign(0, -1)); k != 0 || math.Signbit(aggregate.KeyFloat(k)) {
		t.Errorf("-0 has key %d", k)
	}
	for _, b := range []uint64{0x7ff0000000000001, 0xfff8000000000000, 0xffffffffffffffff} {
		if aggregate.FloatKey(math.Float64frombits(b)) != aggregate.FloatKey(math.NaN()) {
			t.Errorf("NaN %x has a key of its own", b)
		}
	}
}

func TestExtremesOfNumbers(t *testing.T) {
	r := newRand(1)
	for range 500 {
		values := make([]int64, r.IntN(8))
		for i := range values {
			values[i] = int64(r.Uint64()) >> r.IntN(64) << r.IntN(64)
		}
		low := checkCode[aggregate.Min](t, checkMultiset(t, r, func() *aggregate.Min { return new(aggregate.Min) }, values, (*aggregate.Min).Add), aggregate.ReadMin)
		high := checkMultiset(t, r, func() *aggregate.Min { return new(aggregate.Min) }, values, func(m *aggregate.Min, v int64) { m.Add(^v) })
		greatest, _, err := aggregate.ReadMin(high)
		if err != nil {
			t.Fatal(err)
		}
		a, okA := low.Value()
		b, okB := greatest.Value()
		if okA != (len(values) > 0) || okB != okA {
			t.Fatalf("of %v: %t, %t", values, okA, okB)
		}
		if okA && (a != slices.Min(values) || ^b != slices.Max(values)) {
			t.Fatalf("of %v: %d, %d", values, a, ^b)
		}
	}
}

func TestExtremesAreShort(t *testing.T) {
	for _, c := range []struct {
		v    int64
		size int
	}{
		{0, 1},
		{1, 2},
		{-1, 2},
		{127, 2},
		{128, 3},
		{-128, 2},
		{-129, 3},
		{256, 2},
		{math.MinInt64, 2},
		{math.MaxInt64, 9},
		{aggregate.FloatKey(1), 3},
		{aggregate.FloatKey(-12.5), 3},
		{aggregate.FloatKey(0.1), 9},
		{aggregate.FloatKey(math.NaN()), 3},
	} {
		var m aggregate.Min
		m.Add(c.v)
		b := m.Append(nil)
		if len(b) != c.size {
			t.Errorf("%x takes %d bytes (%x), want %d", c.v, len(b), b, c.size)
		}
		checkCode[aggregate.Min](t, b, aggregate.ReadMin)
	}
}

// lowText and highText are the states with the encoding that tiles have of them.
type lowText struct{ aggregate.MinText }

func (m *lowText) Merge(o *lowText)         { m.MinText.Merge(&o.MinText) }
func (m *lowText) Append(dst []byte) []byte { return textOf(m.Value()).Append(dst) }

type highText struct{ aggregate.MaxText }

func (m *highText) Merge(o *highText)        { m.MaxText.Merge(&o.MaxText) }
func (m *highText) Append(dst []byte) []byte { return textOf(m.Value()).Append(dst) }

func textOf(v []byte, ok bool) text {
	if !ok {
		return text{}
	}
	return text{append([]byte{}, v...)}
}

func (t text) Merge(*text) {}

// readText reads a text, which is all that there is of such a state.
func readText(b []byte) (text, []byte, error) {
	v, rest, err := aggregate.CutText(b)
	return text{v}, rest, err
}

func TestExtremesOfTexts(t *testing.T) {
	r := newRand(2)
	alphabet := [][]byte{{}, {0}, []byte("a"), []byte("aa"), []byte("b"), {0xff}, {0xff, 0}, []byte("\u00e9"), []byte("e\u0301")}
	for range 300 {
		values := make([][]byte, r.IntN(6))
		for i := range values {
			values[i] = alphabet[r.IntN(len(alphabet))]
		}
		low := checkCode[text](t, checkMultiset(t, r, func() *lowText { return new(lowText) }, values, func(m *lowText, v []byte) { m.Add(v) }), readText)
		high := checkCode[text](t, checkMultiset(t, r, func() *highText { return new(highText) }, values, func(m *highText, v []byte) { m.Add(v) }), readText)
		if (low.v != nil) != (len(values) > 0) || (high.v != nil) != (low.v != nil) {
			t.Fatalf("of %q: %q, %q", values, low.v, high.v)
		}
		if low.v != nil && (!bytes.Equal(low.v, slices.MinFunc(values, bytes.Compare)) || !bytes.Equal(high.v, slices.MaxFunc(values, bytes.Compare))) {
			t.Fatalf("of %q: %q, %q", values, low.v, high.v)
		}
	}
}

func FuzzExtreme(f *testing.F) {
	fuzzCode(f, [][]byte{{0}, {1}, {2, 0xff}, {0x61, 5}, {0x62, 0, 1}, {9, 1, 2, 3, 4, 5, 6, 7, 8}}, aggregate.ReadMin, func(m *aggregate.Min) { m.Add(3) })
}

func FuzzExtremeText(f *testing.F) {
	fuzzCode(f, [][]byte{{0}, {1}, {2, 'a'}, {9, 'a'}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f}}, readText, func(*text) {})
}

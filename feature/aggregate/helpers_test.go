package aggregate_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// state is what all states of this package can do, seen from the tests.
type state[S any] interface {
	*S
	Merge(*S)
	Append([]byte) []byte
}

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 1)) }

// mergeTree adds values to several states in random order, and merges these in a
// random shape.
func mergeTree[S any, P state[S], V any](r *rand.Rand, fresh func() P, values []V, add func(P, V)) P {
	values = slices.Clone(values)
	r.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
	parts := make([]P, 1+r.IntN(6))
	for i := range parts {
		parts[i] = fresh()
	}
	for _, v := range values {
		add(parts[r.IntN(len(parts))], v)
	}
	for len(parts) > 1 {
		i := r.IntN(len(parts) - 1)
		parts[i].Merge(parts[i+1])
		parts = slices.Delete(parts, i+1, i+2)
	}
	return parts[0]
}

// checkMultiset checks that random splits, orders and merge trees of the values all
// give the bytes of adding them one by one, and gives these.
func checkMultiset[S any, P state[S], V any](t *testing.T, r *rand.Rand, fresh func() P, values []V, add func(P, V)) []byte {
	t.Helper()
	s := fresh()
	for _, v := range values {
		add(s, v)
	}
	want := s.Append(nil)
	for range 4 {
		if got := mergeTree(r, fresh, values, add).Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("merged in another shape the %d values encode as\n%x, want\n%x", len(values), got, want)
		}
	}
	return want
}

// checkCode checks that an encoding is read back and written again, that what stands
// behind it is left, and that no shorter bytes are accepted.
func checkCode[S any, P state[S]](t *testing.T, b []byte, read func([]byte) (S, []byte, error)) S {
	t.Helper()
	const behind = "what stands behind it, and is some 50 bytes long"
	s, rest, err := read(append(slices.Clone(b), behind...))
	if err != nil || string(rest) != behind {
		t.Fatalf("reading %x left %q: %v", b, rest, err)
	}
	alone, rest, err := read(b)
	if err != nil || len(rest) != 0 || !bytes.Equal(P(&alone).Append(nil), b) {
		t.Fatalf("reading %x alone left %q, gives %x: %v", b, rest, P(&alone).Append(nil), err)
	}
	if again := P(&s).Append([]byte("before")); string(again) != "before"+string(b) {
		t.Fatalf("%x was read, and is written as %x", b, again)
	}
	for i := range min(len(b), 64) {
		if _, _, err := read(b[:len(b)-1-i]); !errors.Is(err, feature.ErrInvalid) {
			t.Fatalf("%x without its last %d bytes gave the error %v", b, i+1, err)
		}
	}
	return s
}

// fuzzCode checks any bytes: an error that is ErrInvalid, or a state that is written
// as the same bytes and merges without a panic.
func fuzzCode[S any, P state[S]](f *testing.F, seeds [][]byte, read func([]byte) (S, []byte, error), use func(P)) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		s, rest, err := read(b)
		if err != nil {
			if !errors.Is(err, feature.ErrInvalid) {
				t.Fatalf("%x gave an error of no kind: %v", b, err)
			}
			return
		}
		read1 := b[:len(b)-len(rest)]
		if again := P(&s).Append(nil); !bytes.Equal(again, read1) {
			t.Fatalf("%x was read, and is written as %x", read1, again)
		}
		use(&s)
		other, _, err := read(b)
		if err != nil {
			t.Fatal(err)
		}
		P(&s).Merge(&other)
		use(&s)
		P(&s).Append(nil)
	})
}

func sameFloat(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// floatCases are values that are hard to sum.
func floatCases() map[string][]float64 {
	const tiny = math.SmallestNonzeroFloat64
	r := newRand(7)
	fill := func(n int, f func(i int) float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = f(i)
		}
		return values
	}
	return map[string][]float64{
		"nothing":              {},
		"zeros":                {0, math.Copysign(0, -1), 0},
		"negative zero":        {math.Copysign(0, -1)},
		"one":                  {1},
		"cancelling extremes":  {1e308, 1e308, 1e308, -1e308, -1e308, -1e308, 3},
		"overflow":             {math.MaxFloat64, math.MaxFloat64},
		"overflow below":       {-math.MaxFloat64, -math.MaxFloat64, 1},
		"just in range":        {math.MaxFloat64, math.Ldexp(1, 969)},
		"just out of range":    {math.MaxFloat64, math.Ldexp(1, 970)},
		"near 1e16":            {1e16 + 2, 1e16 + 4, 1e16 - 2, 1e16, -1},
		"all exponents":        fill(2098, func(i int) float64 { return math.Ldexp(1, i-1074) }),
		"alternating powers":   fill(2098, func(i int) float64 { return math.Ldexp(float64(1-2*(i%2)), i-1074) }),
		"tiny and huge":        {tiny, math.Ldexp(1, 1023)},
		"tiny breaks a tie":    {math.Ldexp(1, 53), 1, tiny},
		"tie to even":          {math.Ldexp(1, 53), 1},
		"tie to even, above":   {math.Ldexp(1, 53), 3},
		"subnormals":           fill(100, func(int) float64 { return math.Float64frombits(r.Uint64() >> 13) }),
		"least normal":         {math.Ldexp(1, -1022), -tiny},
		"end of near":          {math.Ldexp(1, 82), math.Ldexp(1, 82), math.Ldexp(1, -108)},
		"end of near, below":   {-math.Ldexp(1, 82), -math.Ldexp(1, 82), -math.Ldexp(1, 82), math.Ldexp(1, 83)},
		"back from far":        {math.Ldexp(1, 300), 1, -math.Ldexp(1, 300)},
		"below near":           {math.Ldexp(1, -109), math.Ldexp(1, -109), 1e-300},
		"not a number":         {1, math.NaN(), math.Inf(1)},
		"infinite":             {1, math.Inf(1), math.Inf(1), 1e-300},
		"infinite below":       {1, math.Inf(-1), math.MaxFloat64},
		"both infinities":      {math.Inf(-1), math.Inf(1), 2},
		"money":                fill(1000, func(int) float64 { return float64(r.IntN(1e7)) / 100 }),
		"normal":               fill(1000, func(int) float64 { return r.NormFloat64() }),
		"exponential":          fill(500, func(int) float64 { return math.Exp(r.NormFloat64() * 100) }),
		"any bits":             fill(300, func(int) float64 { return finite(r) }),
		"alternating, shifted": fill(1000, func(i int) float64 { return float64(1-2*(i%2)) * (1e15 + float64(i)) }),
	}
}

// finite is any finite number, all exponents alike.
func finite(r *rand.Rand) float64 {
	for {
		if v := math.Float64frombits(r.Uint64()); !math.IsNaN(v) && !math.IsInf(v, 0) {
			return v
		}
	}
}

package aggregate_test

import (
	"bytes"
	"math"
	"math/big"
	"testing"
	"unsafe"

	"github.com/quiver-features/quiver/feature/aggregate"
)

func newSum() *aggregate.Sum { return new(aggregate.Sum) }

func TestSumsAreExactInAnyOrderAndShape(t *testing.T) {
	for name, values := range floatCases() {
		t.Run(name, func(t *testing.T) {
			r := newRand(1)
			want := exactFloats(values)
			b := checkMultiset(t, r, newSum, values, (*aggregate.Sum).Add)
			s := checkCode[aggregate.Sum](t, b, aggregate.ReadSum)
			if got := s.Float64(); !sameFloat(got, want.float()) {
				t.Errorf("the sum is %v, want %v", got, want.float())
			}
			if len(values) > 0 {
				if got := s.Mean(want.n); !sameFloat(got, want.mean()) {
					t.Errorf("the mean is %v, want %v", got, want.mean())
				}
			}
			if len(b) > aggregate.SumMaxBytes {
				t.Errorf("%d bytes, more than the %d that are possible", len(b), aggregate.SumMaxBytes)
			}
			_, special := want.special()
			if zero := want.sum.Sign() == 0 && !special; s.IsZero() != zero {
				t.Errorf("IsZero is %t, want %t", s.IsZero(), zero)
			}
		})
	}
}

func TestWhatIsTakenFromASumLeavesNoTrace(t *testing.T) {
	cases := floatCases()
	for name, values := range cases {
		for other, more := range cases {
			var a, b, both aggregate.Sum
			for _, v := range values {
				a.Add(v)
				both.Add(v)
			}
			for _, v := range more {
				b.Add(v)
				both.Add(v)
			}
			want := a.Append(nil)
			unmerged := both // a copy is a sum of its own
			unmerged.Unmerge(&b)
			for i := len(more) - 1; i >= 0; i-- {
				both.Sub(more[i])
			}
			if got := unmerged.Append(nil); !bytes.Equal(got, want) {
				t.Fatalf("%s with %s, unmerged: %x, want %x", name, other, got, want)
			}
			if got := both.Append(nil); !bytes.Equal(got, want) {
				t.Fatalf("%s with %s, taken one by one: %x, want %x", name, other, got, want)
			}
		}
	}
}

func TestCopiesOfASumAreIndependent(t *testing.T) {
	values := []float64{1, 1e300, math.NaN(), 5e-324, -1e300, math.Inf(1), 2e250}
	var s aggregate.Sum
	var copies []aggregate.Sum
	var want [][]byte
	for _, v := range values {
		copies, want = append(copies, s), append(want, s.Append(nil))
		s.Add(v)
	}
	for i := range copies {
		twin := copies[i]
		twin.Add(3e200)
		twin.Merge(&s)
		twin.Merge(&twin)
		if got := copies[i].Append(nil); !bytes.Equal(got, want[i]) {
			t.Errorf("copy %d changed with what it was copied from: %x, want %x", i, got, want[i])
		}
	}
	s.Unmerge(&s)
	if !s.IsZero() || len(s.Append(nil)) != 1 {
		t.Errorf("a sum without itself is %x", s.Append(nil))
	}
	if size := unsafe.Sizeof(s); size != 32 {
		t.Errorf("a sum takes %d bytes", size)
	}
}

func TestSumsLeaveTheNearPartAndComeBack(t *testing.T) {
	var s, one aggregate.Sum
	one.Add(math.Ldexp(1, 82))
	want := one.Append(nil)
	for range 70 { // 2^82 × 2^70
		s, one = one, s
		s.Merge(&s)
		one.Reset()
		one.Merge(&s)
	}
	s = one
	if got := s.Float64(); got != math.Ldexp(1, 152) {
		t.Fatalf("2^82, doubled 70 times, is %v", got)
	}
	s.Sub(math.Ldexp(1, 152))
	s.Add(math.Ldexp(1, 82))
	if got := s.Append(nil); !bytes.Equal(got, want) {
		t.Fatalf("back in reach: %x, want %x", got, want)
	}
}

// The usual size is a promise for values of ordinary size.
func TestOrdinarySumsAreShort(t *testing.T) {
	r := newRand(3)
	for name, c := range map[string]struct {
		next func() float64
		most int
	}{
		"whole numbers": {func() float64 { return float64(r.IntN(1000)) }, 6},
		"big integers":  {func() float64 { return float64(r.Int64N(1 << 53)) }, 12},
		"money":         {func() float64 { return float64(r.IntN(1e6)) / 100 }, 15},
		"normal":        {r.NormFloat64, 15},
		"log-normal":    {func() float64 { return math.Exp(r.NormFloat64() * 2) }, 17},
	} {
		var s aggregate.Sum
		for range 1_000_00 {
			s.Add(c.next())
		}
		size := len(s.Append(nil))
		if size > c.most || size > aggregate.SumUsualBytes {
			t.Errorf("%s: the sum of 10^5 takes %d bytes, expected at most %d", name, size, c.most)
		}
		if allocs := testing.AllocsPerRun(1000, func() { s.Add(c.next()) }); allocs != 0 {
			t.Errorf("%s: adding allocates", name)
		}
	}
}

func intCases() map[string][]int64 {
	r := newRand(5)
	random := make([]int64, 1000)
	for i := range random {
		random[i] = int64(r.Uint64()) >> r.IntN(64)
	}
	return map[string][]int64{
		"nothing":     {},
		"zero":        {0},
		"one":         {1},
		"minus one":   {-1},
		"extremes":    {math.MaxInt64, math.MaxInt64, math.MinInt64, math.MinInt64, math.MinInt64},
		"cancelling":  {math.MaxInt64, math.MinInt64, 1},
		"just fits":   {math.MaxInt64 - 1, 1},
		"too great":   {math.MaxInt64, 1},
		"just fits -": {math.MinInt64 + 1, -1},
		"too small":   {math.MinInt64, -1},
		"tie":         {1 << 53, 1},
		"tie, odd":    {1 << 53, 3},
		"random":      random,
	}
}

func TestIntegerSumsAreExact(t *testing.T) {
	for name, values := range intCases() {
		t.Run(name, func(t *testing.T) {
			r := newRand(1)
			want := exactInts(values)
			b := checkMultiset(t, r, func() *aggregate.IntSum { return new(aggregate.IntSum) }, values, (*aggregate.IntSum).Add)
			s := checkCode[aggregate.IntSum](t, b, aggregate.ReadIntSum)
			got, ok := s.Int64()
			if fits := want.sum.Num().IsInt64(); ok != fits || ok && got != want.sum.Num().Int64() {
				t.Errorf("Int64 is %d, %t; want %s, %t", got, ok, want.sum.Num(), fits)
			}
			if got := s.Float64(); got != want.float() {
				t.Errorf("Float64 is %v, want %v", got, want.float())
			}
			if len(values) > 0 && s.Mean(want.n) != want.mean() {
				t.Errorf("Mean is %v, want %v", s.Mean(want.n), want.mean())
			}
			for _, v := range values {
				s.Sub(v)
			}
			if !s.IsZero() || !bytes.Equal(s.Append(nil), []byte{0}) {
				t.Errorf("without its values the sum is %x", s.Append(nil))
			}
		})
	}
}

func TestIntegerSumsHave128Bits(t *testing.T) {
	var s, twice aggregate.IntSum
	s.Add(math.MinInt64)
	for range 64 {
		twice = s
		s.Merge(&twice)
	}
	want := new(big.Rat).SetInt(new(big.Int).Lsh(big.NewInt(-1), 127))
	if got := s.Float64(); got != nearest(want) {
		t.Errorf("-2^127 is %v", got)
	}
	checkCode[aggregate.IntSum](t, s.Append(nil), aggregate.ReadIntSum)
	if n := len(s.Append(nil)); n != aggregate.IntSumMaxBytes {
		t.Errorf("the longest sum takes %d bytes, said to be %d", n, aggregate.IntSumMaxBytes)
	}
	s.Unmerge(&twice)
	s.Unmerge(&twice)
	if !s.IsZero() {
		t.Error("halves are not halves")
	}
}

func FuzzSum(f *testing.F) {
	var seeds [][]byte
	for _, values := range floatCases() {
		var s aggregate.Sum
		for _, v := range values {
			s.Add(v)
		}
		seeds = append(seeds, s.Append(nil))
	}
	fuzzCode(f, seeds, aggregate.ReadSum, func(s *aggregate.Sum) {
		s.Float64()
		s.Mean(3)
		s.IsZero()
		s.Sub(1e300)
	})
}

func FuzzIntSum(f *testing.F) {
	var seeds [][]byte
	for _, values := range intCases() {
		var s aggregate.IntSum
		for _, v := range values {
			s.Add(v)
		}
		seeds = append(seeds, s.Append(nil))
	}
	fuzzCode(f, seeds, aggregate.ReadIntSum, func(s *aggregate.IntSum) {
		s.Int64()
		s.Mean(3)
	})
}

// FuzzMergeEncoded reads any bytes into a sum that has some: as ReadSum and Merge do.
func FuzzMergeEncoded(f *testing.F) {
	for _, values := range floatCases() {
		var s aggregate.Sum
		for _, v := range values {
			s.Add(v)
		}
		f.Add(s.Append(nil), 1.5)
		f.Add(append(s.Append(nil), bytes.Repeat([]byte{0x7f}, 20)...), -math.MaxFloat64)
		f.Add(append(s.Append(nil), make([]byte, 20)...), math.Ldexp(1, 82))
	}
	f.Fuzz(func(t *testing.T, b []byte, v float64) {
		var got, want aggregate.Sum
		for range 3 {
			got.Add(v)
			want.Add(v)
		}
		rest, err := got.MergeEncoded(b)
		o, wantRest, wantErr := aggregate.ReadSum(b)
		if wantErr == nil {
			want.Merge(&o)
		}
		if (err == nil) != (wantErr == nil) || len(rest) != len(wantRest) || !bytes.Equal(got.Append(nil), want.Append(nil)) {
			t.Fatalf("%x into three times %v: got %x, %d bytes left, %v; want %x, %d, %v", b, v, got.Append(nil), len(rest), err, want.Append(nil), len(wantRest), wantErr)
		}
	})
}

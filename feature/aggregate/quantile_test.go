package aggregate_test

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature/aggregate"
)

func newQuantile() *aggregate.Quantile { return new(aggregate.Quantile) }

// quantileCases are columns by name, the greater ones of 10^4 values.
func quantileCases() map[string][]float64 {
	r := newRand(11)
	fill := func(n int, f func(i int) float64) []float64 {
		values := make([]float64, n)
		for i := range values {
			values[i] = f(i)
		}
		return values
	}
	return map[string][]float64{
		"nothing":         {},
		"one":             {3},
		"only zeros":      {0, math.Copysign(0, -1)},
		"only NaN":        {math.NaN()},
		"the ends":        {math.Inf(-1), 0, math.Inf(1), math.NaN(), math.Inf(1)},
		"negative, zero":  {-1, -2, 0, 0},
		"zero, positive":  {0, 1, 2},
		"extremes":        {math.MaxFloat64, -math.MaxFloat64, 0x1p-1022, -0x1p-1022},
		"powers":          fill(2046, func(i int) float64 { return math.Ldexp(1, i-1022) }),
		"just below them": fill(2046, func(i int) float64 { return math.Nextafter(math.Ldexp(1, i-1022), 0) })[1:],
		"delays":          fill(10_000, func(int) float64 { return math.Round(r.ExpFloat64()*20 - 8) }),
		"normal":          fill(10_000, func(int) float64 { return r.NormFloat64() }),
		"log-normal":      fill(10_000, func(int) float64 { return math.Exp(2 * r.NormFloat64()) }),
		"hot value":       fill(10_000, func(i int) float64 { return float64(1 + i%100/99*r.IntN(1e6)) }),
		"wide":            fill(10_000, func(int) float64 { return math.Exp(20 * r.NormFloat64()) }),
		"any bits":        fill(10_000, func(int) float64 { return normal(r.Uint64()) }),
	}
}

// normal is the float64 with these bits, 1 in place of what is subnormal or no number.
func normal(bits uint64) float64 {
	if v := math.Float64frombits(bits); math.Abs(v) >= 0x1p-1022 && math.Abs(v) <= math.MaxFloat64 {
		return v
	}
	return 1
}

func shares() []float64 {
	return []float64{0, 0.001, 0.01, 0.05, 0.07, 0.25, 1.0 / 3, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1}
}

func TestQuantilesAreWithinTheirBound(t *testing.T) {
	for name, values := range quantileCases() {
		t.Run(name, func(t *testing.T) {
			b := checkMultiset(t, newRand(2), newQuantile, values, (*aggregate.Quantile).Add)
			q := checkCode[aggregate.Quantile](t, b, aggregate.ReadQuantile)
			sorted := slices.DeleteFunc(slices.Clone(values), math.IsNaN)
			slices.Sort(sorted)
			if q.Count() != int64(len(sorted)) {
				t.Fatalf("the count is %d, want %d", q.Count(), len(sorted))
			}
			bound := q.ErrorBound()
			if name != "wide" && name != "any bits" && name != "powers" && name != "just below them" && math.Abs(bound-1.0/101) > 1e-15 {
				t.Errorf("the bound is %v", bound)
			}
			for _, share := range shares() {
				got, ok := q.Value(share)
				if ok != (len(sorted) > 0) {
					t.Fatalf("a quantile of %d values: %t", len(sorted), ok)
				}
				if !ok {
					continue
				}
				want := sorted[max(1, int(math.Ceil(share*float64(len(sorted))-1e-9)))-1]
				if math.IsInf(want, 0) || want == 0 {
					if got != want {
						t.Errorf("%v: got %v, want %v", share, got, want)
					}
				} else if !(math.Abs(got-want) <= bound*math.Abs(want)*(1+1e-12)) {
					t.Errorf("%v: got %v, want %v, off by %v, at most %v is allowed", share, got, want, got/want-1, bound)
				}
			}
			if most := aggregate.QuantileMaxBytes(int64(len(values))); len(b) > most {
				t.Errorf("%d bytes, more than the %d that are possible", len(b), most)
			}
		})
	}
}

// Every bucket's both ends are within 1 % of what stands for it.
func TestBucketsAreNarrowEnough(t *testing.T) {
	for i := range 50 {
		for _, exp := range []int{-1022, -3, 0, 52, 1023} {
			low := math.Ldexp(1+float64(i)/50, exp)
			high := math.Nextafter(math.Ldexp(1+float64(i+1)/50, exp), 0)
			if i == 49 {
				high = math.Nextafter(math.Ldexp(1, exp), 0) * 2
			}
			for _, v := range []float64{low, high, -low, -high} {
				var q aggregate.Quantile
				q.Add(v)
				got, _ := q.Value(0.5)
				if off := math.Abs(got/v - 1); off > 1.0/101+1e-12 {
					t.Fatalf("%v is answered by %v, off by %v", v, got, off)
				}
			}
		}
	}
}

func TestRanksAreExact(t *testing.T) {
	var q aggregate.Quantile
	for i := range 100 {
		q.Add(math.Ldexp(1, i))
	}
	for i := 1; i <= 100; i++ {
		got, _ := q.Value(float64(i) / 100)
		if got < math.Ldexp(1, i-1) || got >= math.Ldexp(1, i) {
			t.Errorf("of the powers of 2 from 0 to 99 the share %d/100 is %v", i, got)
		}
	}
	low, _ := q.Value(-1)
	high, _ := q.Value(2)
	if low >= 2 || high < math.Ldexp(1, 99) {
		t.Errorf("shares out of range give %v and %v", low, high)
	}
}

func TestSubnormalQuantiles(t *testing.T) {
	for _, v := range []float64{5e-324, 1e-323, 49 * 5e-324, 1e-310, 0x1p-1022 - 5e-324} {
		var q aggregate.Quantile
		q.Add(v)
		if got, _ := q.Value(0.5); math.Abs(got-v) > v/101+5e-324/2 {
			t.Errorf("%v is answered by %v", v, got)
		}
	}
}

func TestWhatIsTakenFromAQuantileLeavesNoTrace(t *testing.T) {
	cases := quantileCases()
	for _, name := range []string{"delays", "nothing", "the ends", "negative, zero", "hot value"} {
		for _, other := range []string{"log-normal", "nothing", "the ends", "one", "delays"} {
			var a, b, both aggregate.Quantile
			for _, v := range cases[name] {
				a.Add(v)
				both.Add(v)
			}
			for _, v := range cases[other] {
				b.Add(v)
				both.Add(v)
			}
			if !both.Unmerge(&b) {
				t.Fatalf("%s can't be taken from it and %s", other, name)
			}
			if !bytes.Equal(both.Append(nil), a.Append(nil)) {
				t.Fatalf("%s without %s left a trace", name, other)
			}
			if len(cases[other]) > 2 && both.Count() < b.Count() && both.Unmerge(&b) {
				t.Fatalf("more was taken from %s than there was", name)
			}
		}
	}
	var wide, one aggregate.Quantile
	for _, v := range cases["wide"] {
		wide.Add(v)
	}
	one.Add(cases["wide"][0])
	before := wide.Append(nil)
	if wide.Unmerge(&one) || !bytes.Equal(wide.Append(nil), before) {
		t.Error("joined buckets were parted")
	}
}

// The level is the least at which the buckets are few enough, whatever the way there.
func TestBucketsAreJoinedNoMoreThanNeeded(t *testing.T) {
	r := newRand(4)
	for _, spread := range []int{10, 41, 42, 100, 500, 2000} {
		values := make([]float64, 0, 40_000)
		for range cap(values) {
			v := math.Ldexp(1+r.Float64(), r.IntN(spread)-spread/2)
			if r.IntN(2) == 0 {
				v = -v
			}
			values = append(values, v)
		}
		// The buckets by definition, in floats: these values are far from its edges.
		buckets := map[int]bool{}
		for _, v := range values {
			frac, exp := math.Frexp(math.Abs(v))
			key := (exp-1+1074)*50 + int(math.Floor((2*frac-1)*50))
			if v < 0 {
				key = -1 - key
			}
			buckets[key] = true
		}
		level := 0
		for len(buckets) > aggregate.QuantileBuckets {
			level++
			joined := map[int]bool{}
			for key := range buckets {
				joined[key>>1] = true
			}
			buckets = joined
		}
		b := checkMultiset(t, r, newQuantile, values, (*aggregate.Quantile).Add)
		if got := int(b[0] >> 3); got != level {
			t.Errorf("%d octaves: joined %d times, want %d", spread, got, level)
		}
		checkCode[aggregate.Quantile](t, b, aggregate.ReadQuantile)
	}
}

func FuzzQuantile(f *testing.F) {
	var seeds [][]byte
	for _, values := range quantileCases() {
		var q aggregate.Quantile
		for _, v := range values[:min(len(values), 300)] {
			q.Add(v)
		}
		seeds = append(seeds, q.Append(nil))
	}
	fuzzCode(f, seeds, aggregate.ReadQuantile, func(q *aggregate.Quantile) {
		for _, share := range shares() {
			q.Value(share)
		}
		q.Add(1e-300)
		one := aggregate.Quantile{}
		one.Add(1e-300)
		q.Unmerge(&one)
	})
}

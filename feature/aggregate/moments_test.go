package aggregate_test

import (
	"bytes"
	"math"
	"testing"

	"github.com/quiver-features/quiver/feature/aggregate"
)

func newMoments() *aggregate.Moments       { return new(aggregate.Moments) }
func newIntMoments() *aggregate.IntMoments { return new(aggregate.IntMoments) }

// moments is what both kinds answer.
type moments interface {
	Count() int64
	Mean() (float64, bool)
	Variance() (float64, bool)
	Stddev() (float64, bool)
}

func checkMoments(t *testing.T, m moments, want *exact) {
	t.Helper()
	if m.Count() != want.n {
		t.Errorf("the count is %d, want %d", m.Count(), want.n)
	}
	for _, c := range []struct {
		what  string
		get   func() (float64, bool)
		want  func() float64
		least int64
	}{{"mean", m.Mean, want.mean, 1}, {"variance", m.Variance, want.variance, 2}, {"standard deviation", m.Stddev, want.stddev, 2}} {
		got, ok := c.get()
		if ok != (want.n >= c.least) {
			t.Errorf("%s of %d values: %t", c.what, want.n, ok)
		}
		if ok && !sameFloat(got, c.want()) {
			t.Errorf("the %s is %v, want %v", c.what, got, c.want())
		}
	}
}

func TestMomentsAreExactAndRoundedOnce(t *testing.T) {
	cases := floatCases()
	cases["cancellation"] = []float64{1e16 + 2, 1e16 + 4, 1e16 + 6, 1e16 + 8}
	cases["all the same"] = []float64{0.1, 0.1, 0.1, 0.1, 0.1, 0.1}
	cases["root is finite"] = []float64{-1.5e308, 1.5e308}
	cases["root is not zero"] = []float64{3e-200, 5e-200}
	for name, values := range cases {
		t.Run(name, func(t *testing.T) {
			b := checkMultiset(t, newRand(1), newMoments, values, (*aggregate.Moments).Add)
			m := checkCode[aggregate.Moments](t, b, aggregate.ReadMoments)
			want := exactFloats(values)
			checkMoments(t, &m, want)
			if got := m.Sum(); !sameFloat(got, want.float()) {
				t.Errorf("the sum is %v, want %v", got, want.float())
			}
			if len(b) > aggregate.MomentsMaxBytes {
				t.Errorf("%d bytes, more than the %d that are possible", len(b), aggregate.MomentsMaxBytes)
			}
		})
	}
}

// Handed out by a school book: 2, 4, 4, 4, 5, 5, 7, 9 has mean 5 and sum of squared
// deviations 32.
func TestMomentsByHand(t *testing.T) {
	for _, shift := range []float64{0, 1e15} {
		var m aggregate.Moments
		var i aggregate.IntMoments
		for _, v := range []float64{2, 4, 4, 4, 5, 5, 7, 9} {
			m.Add(v + shift)
			i.Add(int64(v + shift))
		}
		for _, m := range []moments{&m, &i} {
			if mean, _ := m.Mean(); mean != 5+shift {
				t.Errorf("the mean is %v", mean)
			}
			if v, _ := m.Variance(); v != 32.0/7 {
				t.Errorf("the variance is %v", v)
			}
			if v, _ := m.Stddev(); v != math.Sqrt(32.0/7) {
				t.Errorf("the standard deviation is %v", v)
			}
		}
	}
}

func TestWhatIsTakenFromMomentsLeavesNoTrace(t *testing.T) {
	cases := floatCases()
	for name, values := range cases {
		for _, other := range []string{"all exponents", "overflow", "not a number", "normal", "end of near", "below near", "nothing"} {
			var a, b, both aggregate.Moments
			for _, v := range values {
				a.Add(v)
				both.Add(v)
			}
			for _, v := range cases[other] {
				b.Add(v)
				both.Add(v)
			}
			want := a.Append(nil)
			unmerged := both
			unmerged.Unmerge(&b)
			for _, v := range cases[other] {
				both.Sub(v)
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

func TestIntegerMomentsAreExactAndRoundedOnce(t *testing.T) {
	cases := intCases()
	cases["cancellation"] = []int64{1e18 + 1, 1e18 + 2, 1e18 + 3, 1e18 + 4}
	for name, values := range cases {
		t.Run(name, func(t *testing.T) {
			b := checkMultiset(t, newRand(1), newIntMoments, values, (*aggregate.IntMoments).Add)
			m := checkCode[aggregate.IntMoments](t, b, aggregate.ReadIntMoments)
			checkMoments(t, &m, exactInts(values))
			sum := m.Sum()
			if got := sum.Float64(); got != exactInts(values).float() {
				t.Errorf("the sum is %v", got)
			}
			if len(b) > aggregate.IntMomentsMaxBytes {
				t.Errorf("%d bytes, more than the %d that are possible", len(b), aggregate.IntMomentsMaxBytes)
			}
			twice := m
			twice.Merge(&m)
			twice.Unmerge(&m)
			if twice != m {
				t.Error("merging and unmerging left a trace")
			}
			for _, v := range values {
				m.Sub(v)
			}
			if !m.IsZero() {
				t.Errorf("without its values it is %x", m.Append(nil))
			}
		})
	}
}

func TestRandomMomentsAgainstRationals(t *testing.T) {
	for seed := range uint64(300) {
		r := newRand(seed)
		values := make([]float64, 2+r.IntN(20))
		shift, scale := float64(r.Int64N(1<<r.IntN(54)+1)), math.Ldexp(1, r.IntN(100)-50)
		for i := range values {
			values[i] = shift + r.NormFloat64()*scale
		}
		var m aggregate.Moments
		for _, v := range values {
			m.Add(v)
		}
		if checkMoments(t, &m, exactFloats(values)); t.Failed() {
			t.Fatalf("seed %d: %v", seed, values)
		}
	}
}

func FuzzMoments(f *testing.F) {
	var seeds [][]byte
	for _, values := range floatCases() {
		var m aggregate.Moments
		for _, v := range values {
			m.Add(v)
		}
		seeds = append(seeds, m.Append(nil))
	}
	fuzzCode(f, seeds, aggregate.ReadMoments, func(m *aggregate.Moments) {
		m.Mean()
		m.Variance()
		m.Stddev()
	})
}

func FuzzIntMoments(f *testing.F) {
	var seeds [][]byte
	for _, values := range intCases() {
		var m aggregate.IntMoments
		for _, v := range values {
			m.Add(v)
		}
		seeds = append(seeds, m.Append(nil))
	}
	fuzzCode(f, seeds, aggregate.ReadIntMoments, func(m *aggregate.IntMoments) {
		m.Mean()
		m.Variance()
		m.Stddev()
	})
}

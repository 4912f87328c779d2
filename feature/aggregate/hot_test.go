package aggregate_test

import (
	"bytes"
	"math"
	"math/big"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// A million equal values: naive sums drift here, and their variance is not zero.
func TestAMillionEqualValues(t *testing.T) {
	const n, v = 1_000_000, 0.1
	var sum aggregate.Sum
	var moments aggregate.Moments
	var distinct aggregate.Distinct
	var quantile aggregate.Quantile
	var top aggregate.TopK
	last := aggregate.NewLastN(2)
	value := aggregate.AppendFloat(nil, v)
	for i := range n {
		sum.Add(v)
		moments.Add(v)
		distinct.Add(value)
		quantile.Add(v)
		top.Add(value)
		last.Add(feature.Stamp{Event: feature.Time(i)}, value)
	}
	exact := new(big.Rat).SetFloat64(v)
	if got, want := sum.Float64(), nearest(exact.Mul(exact, big.NewRat(n, 1))); got != want {
		t.Errorf("the sum is %v, want %v", got, want)
	}
	if mean, _ := moments.Mean(); mean != v {
		t.Errorf("the mean is %v", mean)
	}
	if variance, ok := moments.Variance(); !ok || variance != 0 {
		t.Errorf("the variance is %v", variance)
	}
	if distinct.Count() != 1 {
		t.Errorf("%d distinct values", distinct.Count())
	}
	if got, _ := quantile.Value(0.5); math.Abs(got/v-1) > 0.01 {
		t.Errorf("the median is %v", got)
	}
	if got := top.Top(3); len(got) != 1 || got[0].N != n || got[0].Value != string(value) {
		t.Errorf("the most frequent are %v", got)
	}
	if last.Len() != 2 || last.At(0).Stamp.Event != n-1 || last.At(1).Stamp.Event != n-2 {
		t.Errorf("the latest are %v, %v", last.At(0), last.At(1))
	}
}

// Running differences: what begins at a place is added there, what ends is taken away,
// and the prefix sums are the windows.
func TestWindowsByRunningDifferences(t *testing.T) {
	r := newRand(8)
	values := []float64{1e16, -1e300, math.NaN(), math.Inf(1), 0.1, 5e-324, 3, 1e308, 1e308, math.Inf(-1), 7e-200}
	const places = 40
	var steps [places + 1]aggregate.Moments
	windows := make([][]float64, places)
	for range 200 {
		v := values[r.IntN(len(values))]
		from := r.IntN(places)
		to := from + r.IntN(places-from)
		steps[from].Add(v)
		steps[to].Sub(v)
		for i := from; i < to; i++ {
			windows[i] = append(windows[i], v)
		}
	}
	var now aggregate.Moments
	for i := range places {
		now.Merge(&steps[i])
		var want aggregate.Moments
		for _, v := range windows[i] {
			want.Add(v)
		}
		if got, want := now.Append(nil), want.Append(nil); !bytes.Equal(got, want) {
			t.Fatalf("window %d is %x, want %x", i, got, want)
		}
		checkMoments(t, &now, exactFloats(windows[i]))
	}
}

// Means of no values are no numbers, not a panic.
func TestMeansOfNothing(t *testing.T) {
	var sum aggregate.Sum
	var ints aggregate.IntSum
	if !math.IsNaN(sum.Mean(0)) || !math.IsNaN(ints.Mean(-1)) {
		t.Error("the mean of nothing is a number")
	}
}

package window_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/window"
)

// One operation is one event of 30 days; there is a tenth of a request for each.
// Parts have 8,192 requests, as the engine makes them.
func BenchmarkWindows(b *testing.B) {
	lengths := []feature.Duration{feature.Hour, feature.Day, 30 * feature.Day}
	for _, keys := range []int{4096, 40, 1} {
		for _, windows := range [][]feature.Duration{lengths[:1], lengths[2:], lengths} {
			for _, late := range []bool{false, true} {
				b.Run(fmt.Sprintf("keys=%d/windows=%d/longest=%s/late=%v", keys, len(windows), windows[len(windows)-1], late), func(b *testing.B) {
					benchmark(b, keys, windows, late)
				})
			}
		}
	}
}

// The same for each function on its own, over a window of a day: numbers of two decimals,
// and texts of a thousand different ones.
func BenchmarkFunctions(b *testing.B) {
	number, text := feature.Scalar(feature.Float64), feature.Scalar(feature.String)
	for _, f := range []struct {
		feature.Function
		over feature.Type
		n    int
	}{
		{feature.Count, number, 0},
		{feature.Sum, number, 0},
		{feature.Variance, number, 0},
		{feature.Max, number, 0},
		{feature.Max, text, 0},
		{feature.First, number, 0},
		{feature.Last, number, 0},
		{feature.Last, text, 0},
		{feature.LastN, number, 10},
		{feature.CountDistinct, number, 0},
		{feature.CountDistinct, text, 0},
		{feature.Quantile, number, 0},
		{feature.TopK, text, 5},
	} {
		for _, keys := range []int{4096, 40, 1} {
			for _, late := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/over=%s/keys=%d/late=%v", f.Function, f.over, keys, late), func(b *testing.B) {
					w, err := feature.NewWindow(feature.Day, 0, f.IsSketch())
					if err != nil {
						b.Fatal(err)
					}
					run(b, keys, &window.Spec{
						Inputs: []window.Input{{Type: f.over}}, Rule: feature.Rule{Available: late}, Windows: []feature.Window{w},
						Outputs: []window.Output{{Function: f.Function, N: f.n, Q: 0.9}},
					})
				})
			}
		}
	}
}

func benchmark(b *testing.B, keys int, lengths []feature.Duration, late bool) {
	spec := &window.Spec{Inputs: []window.Input{{Type: feature.Scalar(feature.Float64)}}, Rule: feature.Rule{Available: late}}
	for i, l := range lengths {
		w, err := feature.NewWindow(l, 0, false)
		if err != nil {
			b.Fatal(err)
		}
		spec.Windows = append(spec.Windows, w)
		for _, f := range []feature.Function{feature.Count, feature.Sum, feature.Min, feature.Max} {
			spec.Outputs = append(spec.Outputs, window.Output{Function: f, Window: i})
		}
	}
	run(b, keys, spec)
}

// run computes a spec with one input.
func run(b *testing.B, keys int, spec *window.Spec) {
	const requests, batches, batch = 8192, 8, 8192
	r := rand.New(rand.NewPCG(1, 2))
	span := int64(30 * feature.Day)
	q := &window.Requests{Starts: []uint32{0}}
	for range keys {
		var times []feature.Time
		for range requests / keys {
			times = append(times, feature.Time(r.Int64N(span)))
		}
		slices.Sort(times)
		q.Times = append(q.Times, slices.Compact(times)...)
		q.Starts = append(q.Starts, uint32(len(q.Times)))
	}
	var key [batches][]uint32
	var event, visible [batches][]feature.Time
	var values [batches]*window.Values
	for n := range batches {
		values[n] = &window.Values{Words: [][]int64{nil}, Texts: []window.Texts{{}}}
		for range batch {
			e := feature.Time(r.Int64N(span))
			key[n], event[n] = append(key[n], uint32(r.IntN(keys))), append(event[n], e)
			if spec.Rule.Available {
				visible[n] = append(visible[n], e+feature.Time(r.Int64N(int64(feature.Hour))))
			}
			addRandom(r, spec.Inputs[0].Type, values[n])
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for done := 0; done < b.N; done += 10 * requests {
		p := spec.New(q)
		for n := range 10 {
			p.Add(key[n%batches], event[n%batches], visible[n%batches], values[n%batches])
		}
		dst := make([]*feature.Column, len(spec.Outputs))
		for i, o := range spec.Outputs {
			t, err := o.Function.Of(spec.Inputs[0].Type)
			if err != nil {
				b.Fatal(err)
			}
			dst[i] = feature.NullColumn(t, len(q.Times))
		}
		p.Results(dst, 0, roomy())
	}
}

func addRandom(r *rand.Rand, t feature.Type, v *window.Values) {
	if t.Kind == feature.Float64 {
		v.Words[0] = append(v.Words[0], int64(math.Float64bits(math.Round(r.NormFloat64()*10_000)/100)))
		return
	}
	text := &v.Texts[0]
	from := uint32(len(text.Data))
	text.Data = fmt.Appendf(text.Data, "value %d", int(1000*r.Float64()*r.Float64()))
	text.Ends = append(text.Ends, window.Ends{From: from, To: uint32(len(text.Data))})
}

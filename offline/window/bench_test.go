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

func benchmark(b *testing.B, keys int, lengths []feature.Duration, late bool) {
	const requests, batch = 8192, 8192
	r := rand.New(rand.NewPCG(1, 2))
	span := int64(30 * feature.Day)
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
	const batches = 8
	var key [batches][]uint32
	var event, visible [batches][]feature.Time
	var values [batches]*window.Values
	for n := range batches {
		values[n] = &window.Values{Words: [][]int64{nil}}
		for range batch {
			e := feature.Time(r.Int64N(span))
			key[n], event[n] = append(key[n], uint32(r.IntN(keys))), append(event[n], e)
			if late {
				visible[n] = append(visible[n], e+feature.Time(r.Int64N(int64(feature.Hour))))
			}
			values[n].Words[0] = append(values[n].Words[0], int64(math.Float64bits(r.NormFloat64())))
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
			dst[i] = feature.NullColumn(typeOf(o), len(q.Times))
		}
		p.Results(dst, 0)
	}
}

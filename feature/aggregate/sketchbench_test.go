package aggregate_test

import (
	"fmt"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

func BenchmarkSketchAdd(b *testing.B) {
	r := newRand(1)
	const n = 1 << 12
	var ints [n]int64
	var floats [n]float64
	var values [n][]byte
	for i := range ints {
		ints[i], floats[i] = r.Int64N(100_000), r.ExpFloat64()*30
		values[i] = aggregate.AppendInt(nil, int64(r.ExpFloat64()*100))
	}
	for name, add := range map[string]func() func(i int){
		"distinct": func() func(int) {
			var d aggregate.Distinct
			return func(i int) { countInt(&d, ints[i]) }
		},
		"distinct exact": func() func(int) {
			var d aggregate.Distinct
			return func(i int) { countInt(&d, ints[i]&127) }
		},
		"quantile": func() func(int) {
			var q aggregate.Quantile
			return func(i int) { q.Add(floats[i]) }
		},
		"top": func() func(int) {
			var t aggregate.TopK
			return func(i int) { t.Add(values[i]) }
		},
		"last 1 in order": func() func(int) {
			l, at := aggregate.NewLastN(1), feature.Time(0)
			return func(i int) { at++; l.Add(feature.Stamp{Event: at}, values[i]) }
		},
		"last 1000 in order": func() func(int) {
			l, at := aggregate.NewLastN(1000), feature.Time(0)
			return func(i int) { at++; l.Add(feature.Stamp{Event: at}, values[i]) }
		},
		"last 1000 mixed": func() func(int) {
			l := aggregate.NewLastN(1000)
			return func(i int) { l.Add(feature.Stamp{Event: feature.Time(r.Int64())}, values[i]) }
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			f := add()
			for i := 0; b.Loop(); i++ {
				f(i & (n - 1))
			}
		})
	}
}

// A tile as reading does it: decode, merge.
func benchMerge[S any, P state[S]](b *testing.B, name string, tile, all P, read func([]byte) (S, []byte, error)) {
	bytes := tile.Append(nil)
	b.Run(fmt.Sprintf("%s/%dB", name, len(bytes)), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			one, _, err := read(bytes)
			if err != nil {
				b.Fatal(err)
			}
			all.Merge(&one)
		}
	})
}

func BenchmarkSketchMerge(b *testing.B) {
	r := newRand(1)
	for _, n := range []int{100, 10_000} {
		var d aggregate.Distinct
		var q aggregate.Quantile
		var t aggregate.TopK
		l := aggregate.NewLastN(100)
		for i := range n {
			countInt(&d, r.Int64N(1e6))
			q.Add(r.ExpFloat64() * 30)
			addInt(&t, int64(r.ExpFloat64()*100))
			l.Add(feature.Stamp{Event: feature.Time(i)}, []byte("abc"))
		}
		t.Seal(40)
		benchMerge(b, fmt.Sprintf("distinct/%d", n), &d, new(aggregate.Distinct), aggregate.ReadDistinct)
		benchMerge(b, fmt.Sprintf("quantile/%d", n), &q, new(aggregate.Quantile), aggregate.ReadQuantile)
		benchMerge(b, fmt.Sprintf("top/%d", n), &t, new(aggregate.TopK), aggregate.ReadTopK)
		benchMerge(b, fmt.Sprintf("last/%d", n), l, aggregate.NewLastN(100), func(b []byte) (aggregate.LastN, []byte, error) { return aggregate.ReadLastN(b, 100) })
	}
}

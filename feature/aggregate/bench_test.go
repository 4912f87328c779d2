package aggregate_test

import (
	"math"
	"testing"

	"github.com/quiver-features/quiver/feature/aggregate"
)

// benchFloats are kinds of ordinary data, and one that is not.
func benchFloats() map[string][]float64 {
	r := newRand(1)
	kinds := map[string]func() float64{
		"normal":   r.NormFloat64,
		"money":    func() float64 { return float64(r.IntN(1e7)) / 100 },
		"delays":   func() float64 { return float64(r.IntN(300) - 30) },
		"integers": func() float64 { return float64(r.Int64N(1 << 53)) },
		"tiny":     func() float64 { return r.NormFloat64() * 1e-30 },
	}
	columns := make(map[string][]float64, len(kinds))
	for name, next := range kinds {
		columns[name] = make([]float64, 1<<12)
		for i := range columns[name] {
			columns[name][i] = next()
		}
	}
	return columns
}

func BenchmarkSumAdd(b *testing.B) {
	for name, column := range benchFloats() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var s aggregate.Sum
			for i := 0; b.Loop(); i++ {
				s.Add(column[i&(1<<12-1)])
			}
			if math.IsNaN(s.Float64()) {
				b.Fatal("NaN")
			}
		})
	}
}

func BenchmarkMomentsAdd(b *testing.B) {
	for name, column := range benchFloats() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var m aggregate.Moments
			for i := 0; b.Loop(); i++ {
				m.Add(column[i&(1<<12-1)])
			}
		})
	}
}

func BenchmarkIntegersAdd(b *testing.B) {
	b.Run("sum", func(b *testing.B) {
		b.ReportAllocs()
		var s aggregate.IntSum
		for i := int64(0); b.Loop(); i++ {
			s.Add(i)
		}
	})
	b.Run("moments", func(b *testing.B) {
		b.ReportAllocs()
		var m aggregate.IntMoments
		for i := int64(0); b.Loop(); i++ {
			m.Add(i)
		}
	})
	b.Run("extreme", func(b *testing.B) {
		b.ReportAllocs()
		var m aggregate.Min
		for i := int64(0); b.Loop(); i++ {
			m.Add(i & 1023)
		}
	})
}

// A tile of plain aggregates as reading does it: decode, merge, and the answers.
func BenchmarkPlainMerge(b *testing.B) {
	for name, column := range benchFloats() {
		var s aggregate.Sum
		var m aggregate.Moments
		for _, v := range column[:100] {
			s.Add(v)
			m.Add(v)
		}
		behind := make([]byte, 32) // a state is rarely the last of its row
		sum, moments := append(s.Append(nil), behind...), append(m.Append(nil), behind...)
		b.Run("sum/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var all aggregate.Sum
			for b.Loop() {
				one, _, err := aggregate.ReadSum(sum)
				if err != nil {
					b.Fatal(err)
				}
				all.Merge(&one)
			}
		})
		b.Run("moments/"+name, func(b *testing.B) {
			b.ReportAllocs()
			var all aggregate.Moments
			for b.Loop() {
				one, _, err := aggregate.ReadMoments(moments)
				if err != nil {
					b.Fatal(err)
				}
				all.Merge(&one)
			}
		})
		b.Run("answers/"+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				s.Float64()
				s.Mean(100)
				m.Variance()
				m.Stddev()
			}
		})
	}
}

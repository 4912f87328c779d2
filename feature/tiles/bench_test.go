package tiles_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// usualWindows are those of an hour, a day and 30 days, with the granularities that go
// with them: 120, 144 and 120 tiles; of sketches 60, 24 and 30.
func usualWindows(b *testing.B, sketch bool) []feature.Window {
	b.Helper()
	var all []feature.Window
	for _, length := range []feature.Duration{feature.Hour, feature.Day, 30 * feature.Day} {
		w, err := feature.NewWindow(length, 0, sketch)
		if err != nil {
			b.Fatal(err)
		}
		all = append(all, w)
	}
	return all
}

func benchFields(b *testing.B, over feature.Type, functions ...feature.Function) []feature.Field {
	b.Helper()
	var fields []feature.Field
	for _, f := range functions {
		for _, w := range usualWindows(b, f.IsSketch()) {
			of, err := f.Of(over)
			if err != nil {
				b.Fatal(err)
			}
			a := &feature.Aggregate{Function: f, Column: "c", Input: over, Window: w, N: 10, Q: 0.5}
			fields = append(fields, feature.Field{Name: fmt.Sprintf("%s_%s", f, w.Length), Type: of, Aggregate: a})
		}
	}
	return fields
}

// benchEvents gives n events: evenly over 30 days, or (full) in every tile of each of
// the usual windows.
func benchEvents(n int, full bool) []feature.Time {
	r := rand.New(rand.NewPCG(3, 4))
	month := 30 * feature.Day
	var times []feature.Time
	add := func(span feature.Duration, n int) {
		for i := range n {
			at := int64(span)/int64(n)*int64(i) + r.Int64N(int64(span)/int64(n))
			times = append(times, feature.Time(at+1).Add(month-span))
		}
	}
	if full {
		add(feature.Hour, 4*120)
		add(feature.Day, 4*144)
		add(month, 4*120)
		return times
	}
	add(month, n)
	return times
}

func benchValues(kind string, n int) *feature.Column {
	r := rand.New(rand.NewPCG(5, 6))
	if kind == "int64" {
		c := feature.NewColumn(feature.Scalar(feature.Int64), n)
		for range n {
			c.AppendInt64(r.Int64N(200) - 20)
		}
		return c
	}
	c := feature.NewColumn(feature.Scalar(feature.Float64), n)
	for range n {
		if kind == "whole" {
			c.AppendFloat64(float64(r.Int64N(200) - 20))
		} else {
			c.AppendFloat64(r.ExpFloat64() * 30)
		}
	}
	return c
}

func BenchmarkAnswer(b *testing.B) {
	plain := []feature.Function{feature.Count, feature.Sum, feature.Min, feature.Max}
	for _, c := range []struct {
		name, values string
		functions    []feature.Function
	}{
		{"plain", "int64", plain},
		{"plain", "whole", plain},
		{"plain", "float64", plain},
		{"variance", "float64", []feature.Function{feature.Variance}},
		{"count_distinct", "float64", []feature.Function{feature.CountDistinct}},
		{"quantile", "float64", []feature.Function{feature.Quantile}},
		{"top_k", "int64", []feature.Function{feature.TopK}},
		{"first", "float64", []feature.Function{feature.First}},
		{"last_n", "float64", []feature.Function{feature.LastN}},
	} {
		for _, full := range []bool{false, true} {
			name := "20 events"
			if full {
				name = "full"
			}
			b.Run(c.name+"/"+c.values+"/"+name, func(b *testing.B) {
				times := benchEvents(20, full)
				values := benchValues(c.values, len(times))
				fields := benchFields(b, values.Type, c.functions...)
				p := newPlan(b, fields...)
				to := feature.Time(30 * feature.Day)
				section := merge(b, p, nil, patchOf(p, nil, times, values), to, feature.MinTime)
				reader, into := p.NewReader(), make([]*feature.Column, len(fields))
				for i := range fields {
					into[i] = feature.NewColumn(fields[i].Type, 1000)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if i%1000 == 0 {
						for _, c := range into {
							c.Reset()
						}
					}
					if err := reader.Answer(section, to, into); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(len(section)), "bytes")
			})
		}
	}
}

// One operation is one event of a key, of 4 plain aggregates over 3 windows.
func BenchmarkBuilder(b *testing.B) {
	for _, n := range []int{20, 1_000_000} {
		b.Run(fmt.Sprintf("%d events", n), func(b *testing.B) {
			times := benchEvents(n, false)
			values := benchValues("float64", n)
			p := newPlan(b, benchFields(b, values.Type, feature.Count, feature.Sum, feature.Min, feature.Max)...)
			builder, columns := p.NewBuilder(feature.Time(30*feature.Day)), []*feature.Column{values}
			builder.Reset(true)
			var patch []byte
			most := 0
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				row := i % n
				builder.Add(feature.Stamp{Event: times[row]}, columns, row)
				if row == n-1 {
					most = max(most, builder.Bytes())
					patch = builder.Append(patch[:0])
					builder.Reset(true)
				}
			}
			b.ReportMetric(float64(max(most, builder.Bytes())), "bytes")
		})
	}
}

// One operation is one value that is written: a patch of the newest tiles is merged into a
// section.
func BenchmarkMerge(b *testing.B) {
	for _, full := range []bool{false, true} {
		b.Run(fmt.Sprintf("full=%v", full), func(b *testing.B) {
			times := benchEvents(20, full)
			values := benchValues("float64", len(times))
			p := newPlan(b, benchFields(b, values.Type, feature.Count, feature.Sum, feature.Min, feature.Max)...)
			to := feature.Time(30 * feature.Day)
			section := merge(b, p, nil, patchOf(p, nil, times, values), to, feature.MinTime)
			var touched [][]int64
			for _, g := range p.Groups() {
				touched = append(touched, []int64{feature.Window{Granularity: g.Granularity}.Tile(to)})
			}
			patch := patchOf(p, touched, times, values)
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				var err error
				if dst, err = p.Merge(dst[:0], section, patch, to, to); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// The bytes of a key with a million events in 30 days. With sketches, the hour in steps of a minute makes it more than is
// allowed at worst, in steps of five it is.
func BenchmarkHotKey(b *testing.B) {
	plain := []feature.Function{feature.Count, feature.Sum, feature.Min, feature.Max}
	for name, functions := range map[string][]feature.Function{
		"plain": plain, "plain and sketches": append(plain[:4:4], feature.CountDistinct, feature.Quantile, feature.TopK, feature.LastN),
	} {
		b.Run(name, func(b *testing.B) {
			times := benchEvents(1_000_000, false)
			values := benchValues("float64", len(times))
			fields := benchFields(b, values.Type, functions...)
			for i := range fields {
				if w := &fields[i].Aggregate.Window; w.Granularity == feature.Minute {
					w.Granularity = 5 * feature.Minute
				}
			}
			p := newPlan(b, fields...)
			var section []byte
			for b.Loop() {
				section = merge(b, p, nil, patchOf(p, nil, times, values), feature.Time(30*feature.Day), feature.MinTime)
			}
			size := p.Size()
			b.ReportMetric(float64(len(section)), "bytes")
			b.ReportMetric(float64(size.Usual), "foretold")
			b.ReportMetric(float64(size.Worst), "at-most")
		})
	}
}

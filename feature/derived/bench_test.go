package derived_test

import (
	"fmt"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// A chunk of a source: an event timestamp and a share of 16 Ki rows.
func BenchmarkTable(b *testing.B) {
	p, err := derived.OfTable(flights(), "landed_at", "=delay > 15 ? 1.0 : 0.0")
	if err != nil {
		b.Fatal(err)
	}
	const rows = 16 << 10
	reads := make([]*feature.Column, len(p.Reads))
	for i, name := range p.Reads {
		t := flights().TypeOf(name)
		reads[i] = feature.NewColumn(t, rows)
		for row := range rows {
			reads[i].AppendInt64(int64(row * (i + 1)))
		}
	}
	m := p.NewMachine()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.Compute(rows, reads); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

// A request: three features of a view for some keys.
func BenchmarkView(b *testing.B) {
	for _, rows := range []int{1, 100} {
		b.Run(fmt.Sprint("rows ", rows), func(b *testing.B) {
			p, err := derived.OfView(view(), 0, 1, 4)
			if err != nil {
				b.Fatal(err)
			}
			landed, late, times := feature.NewColumn(feature.Scalar(feature.Int64), rows), feature.NewColumn(feature.Scalar(feature.Float64), rows), feature.NewColumn(feature.Scalar(feature.Timestamp), rows)
			for i := range rows {
				landed.AppendInt64(int64(i))
				late.AppendFloat64(float64(i))
				times.AppendInt64(int64(i))
			}
			m := p.NewMachine()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := m.Compute(rows, []*feature.Column{landed, late}, times, times); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package onlinetest

import (
	"fmt"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// Load is a view of one integer key and ten float64, without created and available
// timestamps, by which stores are measured.
type Load struct {
	Storage *feature.Storage
	View    *feature.ViewVersion
}

// NewLoad makes the view; ttl 0 is none.
func NewLoad(storage uint64, ttl feature.Duration) *Load {
	l := &Load{
		Storage: &feature.Storage{ID: storage, View: "load", Version: 1, Rule: feature.Rule{TTL: ttl}},
		View:    &feature.ViewVersion{Meta: feature.Meta{Name: "load"}, Version: 1, Rule: feature.Rule{TTL: ttl}},
	}
	l.Storage.Keys = []feature.JoinKey{{Name: "id", Type: feature.Scalar(feature.Int64)}}
	for i := range 10 {
		l.Storage.Features = append(l.Storage.Features, feature.Field{Name: fmt.Sprintf("f%d", i), Type: feature.Scalar(feature.Float64)})
	}
	l.View.Keys, l.View.Features = l.Storage.Keys, l.Storage.Features
	return l
}

// Batches gives the rows of keys 0 to n-1, all at one event time, in batches of size.
func (l *Load) Batches(n, size int, event feature.Time) []*feature.Batch {
	var batches []*feature.Batch
	for from := 0; from < n; from += size {
		rows := min(size, n-from)
		b := &feature.Batch{Rows: rows, Keys: []*feature.Column{feature.NewColumn(feature.Scalar(feature.Int64), rows)}}
		for i := range rows {
			b.Keys[0].AppendInt64(int64(from + i))
			b.Event = append(b.Event, event)
		}
		for f := range l.Storage.Features {
			c := feature.NewColumn(feature.Scalar(feature.Float64), rows)
			for i := range rows {
				c.AppendFloat64(float64(from+i) / float64(f+1))
			}
			b.Features = append(b.Features, c)
		}
		batches = append(batches, b)
	}
	return batches
}

// Measure writes n keys through write, in batches of a few thousand, and reports
// keys per second.
func (l *Load) Measure(b *testing.B, n int, event feature.Time, write func(*feature.Batch) error) {
	b.Helper()
	batches := l.Batches(n, 4096, event)
	b.ResetTimer()
	for _, batch := range batches {
		if err := write(batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "keys/s")
}

package online_test

import (
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/onlinetest"
)

func BenchmarkCodec(b *testing.B) {
	load := onlinetest.NewLoad(1, 0)
	batch := load.Batches(1000, 1000, onlinetest.Now)[0]
	l := newLayout(b, load.Storage)
	var dst []byte
	b.Run("AppendKey", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			dst = l.AppendKey(dst[:0], batch.Keys, i%1000)
		}
	})
	b.Run("AppendRow", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			dst = l.AppendRow(dst[:0], batch, i%1000)
		}
	})
	b.Run("Decode ten float64", func(b *testing.B) {
		into := make([]*feature.Column, 10)
		for f := range into {
			into[f] = feature.NewColumn(feature.Scalar(feature.Float64), 1000)
		}
		value := l.AppendRow(nil, batch, 0)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			if i%1000 == 0 {
				for _, c := range into {
					c.Reset()
				}
			}
			if _, err := l.Decode(value, into); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Compare a full tie", func(b *testing.B) {
		x, y := l.AppendRow(nil, batch, 0), l.AppendRow(nil, batch, 1)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := l.Compare(x, y); err != nil {
				b.Fatal(err)
			}
		}
	})
}

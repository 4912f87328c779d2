package parquet_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/offline/parquet"
)

// BenchmarkOutput writes training sets: a key, a time in order and ten numbers of
// four decimals with a tenth of nulls; and the same with two columns of text. One
// row is one operation.
func BenchmarkOutput(b *testing.B) {
	for _, texts := range []bool{false, true} {
		b.Run(fmt.Sprintf("texts=%t", texts), func(b *testing.B) {
			record := benchRecord(256<<10, texts)
			path := filepath.Join(b.TempDir(), "out.parquet")
			o, err := parquet.Create(path, record.Schema(), parquet.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.ResetTimer()
			for left := int64(b.N); left > 0; left -= record.NumRows() {
				if err := o.Write(record.NewSlice(0, min(left, record.NumRows()))); err != nil {
					b.Fatal(err)
				}
			}
			if err := o.Commit(); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			info, err := os.Stat(path)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(info.Size())/float64(b.N), "file-B/op")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func benchRecord(rows int, texts bool) arrow.Record {
	r := rand.New(rand.NewPCG(1, 2))
	fields := []arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
		{Name: "t", Type: arrow.FixedWidthTypes.Timestamp_us, Nullable: true},
	}
	for i := range 10 {
		fields = append(fields, arrow.Field{Name: fmt.Sprint("f", i), Type: arrow.PrimitiveTypes.Float64, Nullable: true})
	}
	if texts {
		fields = append(fields,
			arrow.Field{Name: "user", Type: arrow.BinaryTypes.String, Nullable: true},
			arrow.Field{Name: "country", Type: arrow.BinaryTypes.String, Nullable: true})
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	t := int64(1.77e15)
	for range rows {
		t += r.Int64N(2_600_000)
		b.Field(0).(*array.Int64Builder).Append(r.Int64N(1_000_000))
		b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(t))
		known := r.IntN(10) > 0
		for i := range 10 {
			if known {
				b.Field(2 + i).(*array.Float64Builder).Append(math.Round(r.Float64()*2e9-1e9) / 1e4)
			} else {
				b.Field(2 + i).AppendNull()
			}
		}
		if texts {
			b.Field(12).(*array.StringBuilder).Append(fmt.Sprintf("user-%019d", r.Int64N(1e18)))
			b.Field(13).(*array.StringBuilder).Append(fmt.Sprint("country ", r.IntN(200)))
		}
	}
	return b.NewRecord()
}

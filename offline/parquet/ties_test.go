package parquet_test

import (
	"errors"
	"flag"
	"fmt"
	"math"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/parquet"
)

var ties = flag.Int("parquet.ties", 100_000, "source rows of one key and time")

// winner is what a key should show: the greatest of its rows in full tie, by x and
// then by y.
type winner struct {
	x int64
	y float64
}

const tiedAt = 1_000_000

// writeTies writes n rows of one key, and as many of a thousand others, all of one
// time, into several files, and gives the winner of every key.
func writeTies(t *testing.T, dir string, n int) map[int64]winner {
	t.Helper()
	const files, others = 4, 1000
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "key", Type: arrow.PrimitiveTypes.Int64},
		{Name: "at", Type: arrow.FixedWidthTypes.Timestamp_us},
		{Name: "x", Type: arrow.PrimitiveTypes.Int64},
		{Name: "y", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
	}, nil)
	winners := map[int64]winner{}
	for f := range files {
		out, err := parquet.Create(filepath.Join(dir, fmt.Sprint("part", f, ".parquet")), schema, parquet.Options{RowGroupRows: 100_000})
		if err != nil {
			t.Fatal(err)
		}
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		for i := f; i < 2*n; i += files {
			key := int64(0)
			if i >= n {
				key = 1 + int64(i%others)
			}
			mixed := uint64(i) * 0x9e3779b97f4a7c15
			v := winner{x: int64(mixed >> 60), y: float64(mixed<<8>>20) / 1024}
			if w, ok := winners[key]; !ok || v.x > w.x || v.x == w.x && v.y > w.y {
				winners[key] = v
			}
			b.Field(0).(*array.Int64Builder).Append(key)
			b.Field(1).(*array.TimestampBuilder).Append(tiedAt)
			b.Field(2).(*array.Int64Builder).Append(v.x)
			b.Field(3).(*array.Float64Builder).Append(v.y)
			if b.Field(0).Len() == 100_000 || i+files >= 2*n {
				if err := out.Write(b.NewRecord()); err != nil {
					t.Fatal(err)
				}
			}
		}
		b.Release()
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	return winners
}

// shown keeps the two features of a training set.
type shown struct {
	rows      []any
	committed bool
}

func (s *shown) Write(r arrow.Record) error {
	x, _ := r.Column(int(r.NumCols()) - 2).(*array.Int64)
	y, _ := r.Column(int(r.NumCols()) - 1).(*array.Float64)
	for i := range int(r.NumRows()) {
		if x.IsNull(i) != y.IsNull(i) {
			return fmt.Errorf("row %d has one of two values", len(s.rows))
		}
		if x.IsNull(i) {
			s.rows = append(s.rows, nil)
		} else {
			s.rows = append(s.rows, winner{x: x.Value(i), y: y.Value(i)})
		}
	}
	return nil
}

func (s *shown) Commit() error { s.committed = true; return nil }

func (s *shown) Abort() error { return nil }

// TestHalfOfAllRowsInOneFullTie takes -parquet.ties=10000000 for a soak.
func TestHalfOfAllRowsInOneFullTie(t *testing.T) {
	dir := t.TempDir()
	winners := writeTies(t, dir, *ties)
	view := &feature.ViewVersion{
		Meta: feature.Meta{Name: "v"}, Version: 1,
		Keys: []feature.JoinKey{{Name: "key", Type: feature.Scalar(feature.Int64)}}, KeyColumns: []string{"key"},
		Features: []feature.Field{{Name: "x", Column: "x", Type: feature.Scalar(feature.Int64)}, {Name: "y", Column: "y", Type: feature.Scalar(feature.Float64)}},
		Table:    *table(t, "part*.parquet", "key:int64", "at:timestamp", "x:int64", "y:float64"),
	}
	view.Table.Event = "at"
	selection := &feature.Selection{
		Uses:    []feature.Use{{View: view, Alias: "v", Keys: []string{"key"}}},
		Outputs: []feature.Output{{Use: 0, Feature: 0, Name: "v__x"}, {Use: 0, Feature: 1, Name: "v__y"}},
	}
	spine, want := tiesSpine(t, filepath.Join(dir, "spine.parquet"), winners)
	for _, options := range []offline.Options{{}, {Workers: 1, Memory: 1 << 20}, {Workers: 5, Memory: 16 << 20}} {
		in, err := parquet.OpenSpine(spine)
		if err != nil {
			t.Fatal(err)
		}
		out := &shown{}
		res, err := offline.New(parquet.New(dir), options).Train(t.Context(), offline.Request{Spine: in, Selection: selection, EventTimestamp: "event_timestamp"},
			func(*arrow.Schema) (offline.Output, error) { return out, nil })
		if err = errors.Join(err, in.Close()); err != nil || !out.committed {
			t.Fatalf("committed %t: %v", out.committed, err)
		}
		if diff := cmp.Diff(want, out.rows, cmp.AllowUnexported(winner{})); diff != "" {
			t.Errorf("memory %d: %s", options.Memory, diff)
		}
		if tied := res.Views[0].Ties; tied != res.Views[0].Matched || tied != int64(2*len(winners)) {
			t.Errorf("memory %d: %d rows in full tie of %d that match, want %d", options.Memory, tied, res.Views[0].Matched, 2*len(winners))
		}
	}
}

// tiesSpine writes a spine that asks for each key just before the tie, at it, and
// long after, and gives what it is shown.
func tiesSpine(t *testing.T, path string, winners map[int64]winner) (spine string, want []any) {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "key", Type: arrow.PrimitiveTypes.Int64}, {Name: "event_timestamp", Type: arrow.FixedWidthTypes.Timestamp_us},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for key := range int64(len(winners)) {
		for _, at := range []int64{tiedAt - 1, tiedAt, math.MaxInt64} {
			b.Field(0).(*array.Int64Builder).Append(key)
			b.Field(1).(*array.TimestampBuilder).Append(arrow.Timestamp(at))
			if at < tiedAt {
				want = append(want, nil)
			} else {
				want = append(want, winners[key])
			}
		}
	}
	out, err := parquet.Create(path, schema, parquet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := out.Write(b.NewRecord()); err != nil {
		t.Fatal(err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	return path, want
}

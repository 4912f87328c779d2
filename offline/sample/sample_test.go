package sample_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/sample"
)

// numbers is a spine of the numbers from 0 on, in records of some size.
type numbers struct{ rows, size int64 }

func (n numbers) Schema() *arrow.Schema {
	return arrow.NewSchema([]arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int64}}, nil)
}
func (n numbers) Source() feature.File { return feature.File{Rows: n.rows} }
func (n numbers) Close() error         { return nil }

func (n numbers) Scan(_ context.Context, _ []int, fn func(arrow.Record) error) error {
	for at := int64(0); at < n.rows; at += n.size {
		b := array.NewInt64Builder(memory.DefaultAllocator)
		for v := at; v < min(at+n.size, n.rows); v++ {
			b.Append(v)
		}
		arr := b.NewArray()
		if err := fn(array.NewRecord(n.Schema(), []arrow.Array{arr}, int64(arr.Len()))); err != nil {
			return err
		}
	}
	return nil
}

func taken(t *testing.T, n numbers, text string, seed uint64) []int64 {
	t.Helper()
	size, err := sample.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var got []int64
	spine := sample.Of(n, size, seed)
	for range 2 { // a spine is read twice
		got = nil
		err = spine.Scan(t.Context(), []int{0}, func(r arrow.Record) error {
			got = append(got, r.Column(0).(*array.Int64).Int64Values()...)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if counted, ok := spine.(interface{ Rows() int64 }); !ok || counted.Rows() != int64(len(got)) {
		t.Errorf("%d rows, and Rows is not that", len(got))
	}
	return got
}

func TestASampleRepeatsAndKeepsTheOrder(t *testing.T) {
	const rows = 100_000
	for _, c := range []struct {
		text        string
		least, most int // six standard deviations around the mean
	}{{"0.1", 9430, 10570}, {"10%", 9430, 10570}, {"1.0", rows, rows}, {"100%", rows, rows}, {"5000", 5000, 5000}, {"1", 1, 1}, {"200000", rows, rows}} {
		got := taken(t, numbers{rows, 1000}, c.text, 7)
		if len(got) < c.least || len(got) > c.most || !slices.IsSorted(got) {
			t.Errorf("%s: %d rows", c.text, len(got))
		}
		if again := taken(t, numbers{rows, 7777}, c.text, 7); !slices.Equal(got, again) {
			t.Errorf("%s: other rows of other records", c.text)
		}
		if other := taken(t, numbers{rows, 1000}, c.text, 8); len(got) < rows && slices.Equal(got, other) {
			t.Errorf("%s: the seed changes nothing", c.text)
		}
	}
}

// The mean of the numbers of the rows taken is near the middle: no end is preferred.
func TestASampleIsFromEverywhere(t *testing.T) {
	for seed := range uint64(5) {
		got := taken(t, numbers{1_000_000, 65536}, "10000", seed)
		sum := 0.0
		for _, n := range got {
			sum += float64(n)
		}
		if mean := sum / 10000; math.Abs(mean-500_000) > 15_000 { // 5 standard deviations
			t.Errorf("seed %d: mean %g", seed, mean)
		}
	}
}

func TestWhatIsNoSizeIsTold(t *testing.T) {
	for _, text := range []string{"", "0", "-1", "0.0", "1.5", "101%", "NaN", "x", "1e3", "0%"} {
		if size, err := sample.Parse(text); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%q: %v, %v", text, size, err)
		}
	}
}

package profile_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/profile"
)

// records is a spine of records.
type records []arrow.Record

func (r records) Schema() *arrow.Schema { return r[0].Schema() }
func (r records) Close() error          { return nil }

func (r records) Source() feature.File {
	n := int64(0)
	for _, rec := range r {
		n += rec.NumRows()
	}
	return feature.File{Path: "set", Rows: n}
}

func (r records) Scan(_ context.Context, _ []int, fn func(arrow.Record) error) error {
	for _, rec := range r {
		if err := fn(rec); err != nil {
			return err
		}
	}
	return nil
}

func recordOf(t *testing.T, fields []arrow.Field, rows ...string) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range rows {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	r := b.NewRecord()
	t.Cleanup(r.Release)
	return r
}

func TestColumnsAreDescribed(t *testing.T) {
	fields := []arrow.Field{
		{Name: "n", Type: arrow.PrimitiveTypes.Int32, Nullable: true},
		{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true},
		{Name: "s", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "d", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true},
		{Name: "none", Type: arrow.Null, Nullable: true},
	}
	a := recordOf(t, fields, `{"n":4,"x":"NaN","s":"a","d":"1969-12-31","l":[1,2]}`, `{"n":null,"x":"Inf","s":"b","d":"2001-06-30","l":[]}`)
	b := recordOf(t, fields, `{"n":-4,"x":0.5,"s":"a","d":null,"l":null}`, `{"n":2,"x":null,"s":null,"d":null,"l":[3]}`)
	got, err := profile.Of(t.Context(), []offline.Spine{records{a}, records{b}})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	var plain, want any
	const expected = `{"rows":4,"sampled":4,"columns":[
		{"name":"n","type":"int32","nulls":1,"null_rate":0.25,"least":-4,"greatest":4,"quantiles":[-4,-4,-4,2,4,4,4],"histogram":[1,0,0,0,0,0,0,1,0,1],"distinct":3},
		{"name":"x","type":"float64","nulls":1,"null_rate":0.25,"nans":1,"least":0.5,"greatest":"inf","quantiles":[0.5,0.5,0.5,0.5,"inf","inf","inf"],"histogram":[1]},
		{"name":"s","type":"utf8","nulls":1,"null_rate":0.25,"distinct":2,"top":[{"text":"a","share":0.6666666666666666},{"text":"b","share":0.3333333333333333}]},
		{"name":"d","type":"date32","nulls":2,"null_rate":0.5,"least":"1969-12-31","greatest":"2001-06-30",
			"quantiles":["1969-12-31","1969-12-31","1969-12-31","1969-12-31","2001-06-30","2001-06-30","2001-06-30"],"histogram":[1,0,0,0,0,0,0,0,0,1],"distinct":2},
		{"name":"l","type":"list<item: int64, nullable>","nulls":1,"null_rate":0.25,"least":0,"greatest":2,"quantiles":[0,0,0,1,2,2,2],"histogram":[1,0,0,0,0,1,0,0,0,1],"distinct":3},
		{"name":"none","type":"null","nulls":4,"null_rate":1}]}`
	if err := errors.Join(json.Unmarshal(text, &plain), json.Unmarshal([]byte(expected), &want)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, plain); diff != "" {
		t.Error(diff)
	}
}

// Of many rows a sample is described, and the extremes of all.
func TestManyRowsAreSampled(t *testing.T) {
	const n = 300_000
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range int64(n) {
		b.Append(i)
	}
	arr := b.NewArray()
	defer arr.Release()
	rec := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "n", Type: arr.DataType()}}, nil), []arrow.Array{arr}, n)
	defer rec.Release()
	got, err := profile.Of(t.Context(), []offline.Spine{records{rec}})
	if err != nil {
		t.Fatal(err)
	}
	c := got.Columns[0]
	if got.Rows != n || got.Sampled != 65_536 || c.Least != int64(0) || c.Greatest != int64(n-1) {
		t.Errorf("%d rows, %d sampled, %v to %v", got.Rows, got.Sampled, c.Least, c.Greatest)
	}
	for i, share := range profile.Shares() {
		if v, ok := c.Quantiles[i].(int64); !ok || float64(v) < (share-0.01)*n || float64(v) > (share+0.01)*n {
			t.Errorf("quantile %g is %v", share, c.Quantiles[i])
		}
	}
}

func TestFilesOfOtherColumnsAreTold(t *testing.T) {
	a := recordOf(t, []arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int32}}, `{"n":1}`)
	b := recordOf(t, []arrow.Field{{Name: "n", Type: arrow.BinaryTypes.String}}, `{"n":"1"}`)
	two := recordOf(t, []arrow.Field{{Name: "n", Type: arrow.PrimitiveTypes.Int32}, {Name: "m", Type: arrow.PrimitiveTypes.Int32}}, `{"n":1,"m":1}`)
	for _, other := range []arrow.Record{b, two} {
		if _, err := profile.Of(t.Context(), []offline.Spine{records{a}, records{other}}); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("got %v", err)
		}
	}
}

func TestADistributionMayBeWiderThanTheGreatestFloat(t *testing.T) {
	fields := []arrow.Field{{Name: "x", Type: arrow.PrimitiveTypes.Float64, Nullable: true}}
	p, err := profile.Of(t.Context(), []offline.Spine{records{recordOf(t, fields,
		`{"x":-1e308}`, `{"x":-1e308}`, `{"x":0}`, `{"x":1e308}`)}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{2, 0, 0, 0, 0, 1, 0, 0, 0, 1}, p.Columns[0].Histogram); diff != "" {
		t.Error(diff)
	}
}

package csv_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/csv"
)

// rowsOf makes a record of rows in JSON.
func rowsOf(t *testing.T, schema *arrow.Schema, rows ...string) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range rows {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewRecord()
}

func written(t *testing.T, records ...arrow.Record) string {
	t.Helper()
	var out bytes.Buffer
	o, err := csv.NewOutput(&out, "standard output", records[0].Schema())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := o.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestEveryTypeIsWrittenAsDocumented(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "text, quoted", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "ns", Type: &arrow.TimestampType{Unit: arrow.Nanosecond}, Nullable: true},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "price", Type: &arrow.Decimal128Type{Precision: 9, Scale: 2}, Nullable: true},
		{Name: "raw", Type: arrow.BinaryTypes.Binary, Nullable: true},
		{Name: "ok", Type: arrow.FixedWidthTypes.Boolean, Nullable: true},
		{Name: "times", Type: arrow.ListOf(&arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}), Nullable: true},
		{Name: "names", Type: arrow.ListOf(arrow.BinaryTypes.String), Nullable: true},
	}, nil)
	r := rowsOf(t, schema,
		`{"text, quoted":"a \"b\",\nc","ns":"1969-12-31T23:59:59.999999999Z","day":"1969-12-31","price":"-0.50","raw":"AP8=","ok":true,"times":["2001-06-30T12:00:00Z",null],"names":["x,\"y\"",""]}`,
		`{"text, quoted":"","ns":"2001-06-30T12:00:00Z","day":"2001-06-30","price":"12.00","raw":"","ok":false,"times":[],"names":null}`,
		`{"text, quoted":null,"ns":null,"day":null,"price":null,"raw":null,"ok":null,"times":null,"names":null}`,
	)
	defer r.Release()
	want := `"text, quoted",ns,day,price,raw,ok,times,names
"a ""b"",
c",1969-12-31T23:59:59.999999999Z,1969-12-31,-0.50,AP8=,true,"[""2001-06-30T12:00:00Z"",null]","[""x,\""y\"""",""""]"
"",2001-06-30T12:00:00Z,2001-06-30,12.00,,false,[],
,,,,,,,
`
	if diff := cmp.Diff(want, written(t, r)); diff != "" {
		t.Error(diff)
	}
}

func TestFloatsReadBackAsTheyWere(t *testing.T) {
	values := []float64{0, math.Copysign(0, -1), 1, 1e6, 0.1, 1e21, 1e-7, math.MaxFloat64, math.SmallestNonzeroFloat64, math.NaN(), math.Inf(1), math.Inf(-1)}
	b := array.NewFloat64Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(values, nil)
	list := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float64)
	defer list.Release()
	for range values {
		list.Append(true)
		list.ValueBuilder().(*array.Float64Builder).AppendValues([]float64{1.5, math.NaN(), math.Inf(-1)}, nil)
	}
	floats, lists := b.NewArray(), list.NewArray()
	defer floats.Release()
	defer lists.Release()
	schema := arrow.NewSchema([]arrow.Field{{Name: "v", Type: floats.DataType()}, {Name: "l", Type: lists.DataType()}}, nil)
	r := array.NewRecord(schema, []arrow.Array{floats, lists}, int64(len(values)))
	defer r.Release()
	var got []string
	for line := range strings.Lines(written(t, r)) {
		v, l, _ := strings.Cut(strings.TrimSpace(line), ",")
		if got = append(got, v); len(got) > 1 && l != `"[1.5,""NaN"",""-inf""]"` {
			t.Errorf("list %s", l)
		}
	}
	want := []string{
		"v", "0", "-0", "1", "1000000", "0.1", "1e+21", "1e-07", "1.7976931348623157e+308", "5e-324", "NaN", "inf", "-inf",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTheBytesDoNotDependOnTheRecords(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true}}, nil)
	r := rowsOf(t, schema, `{"id":1}`, `{"id":null}`, `{"id":-3}`)
	defer r.Release()
	first, rest := r.NewSlice(0, 2), r.NewSlice(2, 3)
	defer first.Release()
	defer rest.Release()
	if got, want := written(t, first, rest), written(t, r); got != want || want != "id\n1\n\"\"\n-3\n" {
		t.Errorf("got %q and %q", got, want)
	}
}

func TestAnOutputIsThereWholeOrNotAtAll(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.PrimitiveTypes.Int64}}, nil)
	r := rowsOf(t, schema, `{"id":1}`)
	defer r.Release()
	path := filepath.Join(t.TempDir(), "out.csv")
	for _, commit := range []bool{false, true} {
		o, err := csv.Create(path, schema, csv.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Write(r); err != nil {
			t.Fatal(err)
		}
		end := o.Abort
		if commit {
			end = o.Commit
		}
		if err := end(); err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(path) //nolint:gosec // the test's own
		if commit && string(text) != "id\n1\n" || !commit && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("commit %v: %q, %v", commit, text, err)
		}
		if err := o.Write(r); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("a record after the end: %v", err)
		}
	}
	if _, err := csv.Create(path, schema, csv.Options{}); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("an existing file: %v", err)
	}
	union := arrow.NewSchema([]arrow.Field{{Name: "u", Type: arrow.SparseUnionOf(nil, nil)}}, nil)
	if _, err := csv.Create(path+"2", union, csv.Options{}); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a union: %v", err)
	}
}

package ipc_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	arrowipc "github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/ipc"
)

func record(t *testing.T) arrow.Record {
	t.Helper()
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "price", Type: &arrow.Decimal128Type{Precision: 9, Scale: 2}, Nullable: true},
		{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Float32), Nullable: true},
		{Name: "at", Type: &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for _, row := range []string{
		`{"id":1,"text":"a","price":"1.50","list":[1.5,null],"at":"2001-06-30T12:00:00.123456789Z"}`,
		`{"id":2,"text":null,"price":null,"list":null,"at":null}`,
		`{"id":3,"text":"","price":"-0.01","list":[],"at":"1969-12-31T23:59:59.999999999Z"}`,
	} {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	return b.NewRecord()
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	r := record(t)
	defer r.Release()
	path := filepath.Join(t.TempDir(), "out.arrow")
	o, err := ipc.Create(path, r.Schema(), ipc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []arrow.Record{r.NewSlice(0, 1), r.NewSlice(1, 3)} {
		if err := o.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.Commit(); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	in, err := arrowipc.NewFileReader(f)
	if err != nil {
		t.Fatal(err)
	}
	at := int64(0)
	for i := range in.NumRecords() {
		got, err := in.Record(i)
		if err != nil {
			t.Fatal(err)
		}
		want := r.NewSlice(at, at+got.NumRows())
		for c := range int(r.NumCols()) {
			if !array.Equal(want.Column(c), got.Column(c)) {
				t.Errorf("column %s: got %v, want %v", r.ColumnName(c), got.Column(c), want.Column(c))
			}
		}
		at += got.NumRows()
	}
	if at != r.NumRows() {
		t.Errorf("%d rows, want %d", at, r.NumRows())
	}
	_ = f.Close()
}

func TestAnOutputIsThereWholeOrNotAtAll(t *testing.T) {
	r := record(t)
	defer r.Release()
	dir := t.TempDir()
	path := filepath.Join(dir, "out.arrow")
	o, err := ipc.Create(path, r.Schema(), ipc.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Write(r); err != nil {
		t.Fatal(err)
	}
	if err := o.Abort(); err != nil {
		t.Fatal(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("the folder holds %v (%v)", entries, err)
	}
	if err := o.Write(r); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a record after the end: %v", err)
	}
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ipc.Create(path, r.Schema(), ipc.Options{}); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("an existing file: %v", err)
	}
	other := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil)
	o, err = ipc.Create(path, other, ipc.Options{Force: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Write(r); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a record of another schema: %v", err)
	}
	if err := o.Abort(); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "mine" {
		t.Errorf("the file that was there holds %q (%v)", b, err)
	}
}

// A batch ends with the row that fills it, however the rows came.
func TestBatchesOfWideRowsAreShort(t *testing.T) {
	const rows = 150
	schema := arrow.NewSchema([]arrow.Field{{Name: "text", Type: arrow.BinaryTypes.String}, {Name: "list", Type: arrow.ListOf(arrow.BinaryTypes.String)}}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	text, list := b.Field(0).(*array.StringBuilder), b.Field(1).(*array.ListBuilder)
	for range rows {
		text.Append(strings.Repeat("t", 1<<19))
		list.Append(true)
		list.ValueBuilder().(*array.StringBuilder).Append(strings.Repeat("l", 1<<19))
	}
	whole := b.NewRecord()
	defer whole.Release()
	var first []byte
	for _, cut := range []int64{rows, 7, 1} {
		var to bytes.Buffer
		out := ipc.NewStream(&to, "stream", schema)
		for at := int64(0); at < rows; at += cut {
			part := whole.NewSlice(at, min(at+cut, rows))
			err := out.Write(part)
			part.Release()
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := out.Commit(); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = to.Bytes()
		} else if !bytes.Equal(first, to.Bytes()) {
			t.Errorf("records of %d rows give other bytes", cut)
		}
	}
	r, err := arrowipc.NewReader(bytes.NewReader(first))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	var batches []int64
	for r.Next() {
		batches = append(batches, r.Record().NumRows())
	}
	// A row has a mebibyte: 64 of them are a batch.
	if want := []int64{64, 64, 22}; !slices.Equal(batches, want) {
		t.Errorf("batches of %v rows, want %v", batches, want)
	}
}

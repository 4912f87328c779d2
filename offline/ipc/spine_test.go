package ipc_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	arrowipc "github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/ipc"
)

// put writes records with Quiver's own writer.
func put(t *testing.T, name string, stream bool, records ...arrow.Record) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	o, err := ipc.Create(path, records[0].Schema(), ipc.Options{Stream: stream})
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
	return path
}

func all(ctx context.Context, s offline.Spine, columns ...int) (text string, rows, records int64, err error) {
	err = s.Scan(ctx, columns, func(r arrow.Record) error {
		rows += r.NumRows()
		records++
		for i := range int(r.NumCols()) {
			text += r.Column(i).String()
		}
		return nil
	})
	return text, rows, records, err
}

func TestASpineIsReadBackFromFileAndStream(t *testing.T) {
	r := record(t)
	defer r.Release()
	for _, stream := range []bool{false, true} {
		path := put(t, "spine.arrow", stream, r)
		s, err := ipc.OpenSpine(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		if got := s.Source(); got.Rows != 3 || !strings.HasPrefix(got.Digest, "sha256:") || got.Path != path {
			t.Errorf("source %+v", got)
		}
		if !s.Schema().Equal(r.Schema()) {
			t.Errorf("schema %s, want %s", s.Schema(), r.Schema())
		}
		want := r.Column(4).String() + r.Column(0).String() + r.Column(3).String() + r.Column(2).String()
		for range 2 {
			if got, rows, _, err := all(t.Context(), s, 4, 0, 3, 2); got != want || rows != 3 || err != nil {
				t.Errorf("stream %v: %d rows, %v: %s", stream, rows, err, got)
			}
		}
	}
}

func TestBatchesDoNotDependOnTheRecords(t *testing.T) {
	const n = 150_000
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, {Name: "text", Type: arrow.BinaryTypes.String, Nullable: true},
	}, nil))
	defer b.Release()
	for i := range int64(n) {
		if i%7 == 0 {
			b.Field(0).AppendNull()
			b.Field(1).AppendNull()
			continue
		}
		b.Field(0).(*array.Int64Builder).Append(i)
		b.Field(1).(*array.StringBuilder).Append(strings.Repeat("x", int(i%5)))
	}
	r := b.NewRecord()
	defer r.Release()
	whole, err := os.ReadFile(put(t, "a", false, r))
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int64{1000, 65_537, 70_001} {
		var parts []arrow.Record
		for at := int64(0); at < n; at += size {
			part := r.NewSlice(at, min(at+size, n))
			t.Cleanup(part.Release)
			parts = append(parts, part)
		}
		path := put(t, "b", false, parts...)
		got, err := os.ReadFile(path) //nolint:gosec // the test's own
		if err != nil || !bytes.Equal(got, whole) {
			t.Errorf("records of %d rows give other bytes (%v)", size, err)
		}
		s, err := ipc.OpenSpine(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		if _, rows, records, err := all(t.Context(), s, 0); rows != n || records != 3 || err != nil {
			t.Errorf("%d rows in %d records, %v", rows, records, err)
		}
		_ = s.Close()
	}
}

func TestDictionariesComeAsTheirValues(t *testing.T) {
	typ := &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}
	arr, _, err := array.FromJSON(memory.DefaultAllocator, typ, strings.NewReader(`["b",null,"a","b"]`))
	if err != nil {
		t.Fatal(err)
	}
	defer arr.Release()
	r := array.NewRecord(arrow.NewSchema([]arrow.Field{{Name: "d", Type: typ, Nullable: true}}, nil), []arrow.Array{arr}, 4)
	defer r.Release()
	var stream bytes.Buffer
	w := arrowipc.NewWriter(&stream, arrowipc.WithSchema(r.Schema()), arrowipc.WithLZ4())
	if err := errors.Join(w.Write(r), w.Write(r), w.Close()); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "d.arrows")
	if err := os.WriteFile(path, stream.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := ipc.OpenSpine(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	const want = `["b" (null) "a" "b"]`
	if got, _, _, err := all(t.Context(), s, 0); got != want+want || err != nil || s.Schema().Field(0).Type != arrow.BinaryTypes.String {
		t.Errorf("%s, %v, %s", got, err, s.Schema())
	}
}

// Polars writes text as views, and categories as dictionaries of views.
func TestViewsComeAsText(t *testing.T) {
	text, long := []string{"a", "", "longer than twelve bytes"}, []byte("longer than twelve bytes, too")
	views := array.NewStringViewBuilder(memory.DefaultAllocator)
	defer views.Release()
	views.AppendValues(text, []bool{true, false, true})
	raw := array.NewBinaryViewBuilder(memory.DefaultAllocator)
	defer raw.Release()
	raw.AppendValues([][]byte{{1}, long, nil}, []bool{true, true, false})
	lists := array.NewLargeListBuilder(memory.DefaultAllocator, arrow.BinaryTypes.StringView)
	defer lists.Release()
	for range 3 {
		lists.Append(true)
		lists.ValueBuilder().(*array.StringViewBuilder).AppendValues(text, nil)
	}
	words, bytes3, nested := views.NewArray(), raw.NewArray(), lists.NewArray()
	defer words.Release()
	defer bytes3.Release()
	defer nested.Release()
	indexes, _, err := array.FromJSON(memory.DefaultAllocator, arrow.PrimitiveTypes.Uint32, strings.NewReader(`[2,0,null]`))
	if err != nil {
		t.Fatal(err)
	}
	defer indexes.Release()
	dictionary := array.NewDictionaryArray(&arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Uint32, ValueType: arrow.BinaryTypes.StringView}, indexes, words)
	defer dictionary.Release()
	columns := []arrow.Array{words, bytes3, nested, dictionary}
	var fields []arrow.Field
	for i, c := range columns {
		fields = append(fields, arrow.Field{Name: string(rune('a' + i)), Type: c.DataType(), Nullable: true})
	}
	r := array.NewRecord(arrow.NewSchema(fields, nil), columns, 3)
	defer r.Release()
	path := filepath.Join(t.TempDir(), "views.arrow")
	f, err := os.Create(path) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	w, err := arrowipc.NewFileWriter(f, arrowipc.WithSchema(r.Schema()))
	if err := errors.Join(err, w.Write(r), w.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	s, err := ipc.OpenSpine(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	got, _, _, err := all(t.Context(), s, 0, 3)
	if want := `["a" (null) "longer than twelve bytes"]["longer than twelve bytes" "a" (null)]`; got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	got, _, _, err = all(t.Context(), s, 1, 2)
	list := `["a" "" "longer than twelve bytes"]`
	if want := `["\x01" "longer than twelve bytes, too" (null)][` + list + " " + list + " " + list + `]`; got != want || err != nil {
		t.Errorf("%s, %v", got, err)
	}
	if typ := s.Schema().Field(2).Type; !arrow.TypeEqual(typ, arrow.LargeListOf(arrow.BinaryTypes.String)) {
		t.Errorf("type %s", typ)
	}
}

func TestABrokenFileIsAnErrorThatNamesIt(t *testing.T) {
	r := record(t)
	defer r.Release()
	for _, stream := range []bool{false, true} {
		content, err := os.ReadFile(put(t, "whole", stream, r))
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(t.TempDir(), "broken.arrow")
		read := func(content []byte) error {
			if err := os.WriteFile(path, content, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := ipc.OpenSpine(t.Context(), path)
			if err != nil {
				return err
			}
			defer func() { _ = s.Close() }()
			var columns []int
			for c := range s.Schema().NumFields() {
				columns = append(columns, c)
			}
			_, rows, _, err := all(t.Context(), s, columns...)
			if err == nil && rows != s.Source().Rows {
				t.Errorf("%d rows, and %d when it was opened", rows, s.Source().Rows)
			}
			return err
		}
		for cut := 0; cut < len(content); cut += 7 {
			if err := read(content[:cut]); !stream && err == nil || err != nil && (!errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "broken.arrow")) {
				t.Errorf("cut at %d of %d: %v", cut, len(content), err)
			}
		}
	}
}

// A writer that lies about its offsets is met by a look at them, not by a panic.
func TestOffsetsThatLeadNowhereAreDamage(t *testing.T) {
	buffer := func(v ...int32) *memory.Buffer { return memory.NewBufferBytes(arrow.Int32Traits.CastToBytes(v)) }
	text := memory.NewBufferBytes([]byte("abc"))
	items := array.NewData(arrow.PrimitiveTypes.Int32, 3, []*memory.Buffer{nil, buffer(1, 2, 3)}, nil, 0, 0)
	for name, data := range map[string]*array.Data{
		"beyond the text":  array.NewData(arrow.BinaryTypes.String, 2, []*memory.Buffer{nil, buffer(0, 1, 9), text}, nil, 0, 0),
		"falling":          array.NewData(arrow.BinaryTypes.String, 3, []*memory.Buffer{nil, buffer(0, 3, 1, 3), text}, nil, 0, 0),
		"beyond the items": array.NewData(arrow.ListOf(arrow.PrimitiveTypes.Int32), 1, []*memory.Buffer{nil, buffer(0, 4)}, []arrow.ArrayData{items}, 0, 0),
		"too few numbers":  array.NewData(arrow.PrimitiveTypes.Int32, 4, []*memory.Buffer{nil, buffer(1, 2)}, nil, 0, 0),
	} {
		if err := ipc.Sound(data); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := ipc.Sound(array.NewData(arrow.BinaryTypes.String, 2, []*memory.Buffer{nil, buffer(0, 1, 3), text}, nil, 0, 0)); err != nil {
		t.Error(err)
	}
}

func TestWhatIsNoSpineIsTold(t *testing.T) {
	dir := t.TempDir()
	if _, err := ipc.OpenSpine(t.Context(), filepath.Join(dir, "none.arrow")); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := ipc.OpenSpine(t.Context(), dir); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a folder: %v", err)
	}
	r := record(t)
	defer r.Release()
	path := put(t, "spine.arrow", false, r)
	s, err := ipc.OpenSpine(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := os.WriteFile(path, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := all(t.Context(), s, 0); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("a spine that changed: %v", err)
	}
}

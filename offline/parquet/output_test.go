package parquet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/klauspost/compress/zstd"
	pq "github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/parquet"
)

// readSpineRecord reads the given columns of a spine into one record.
func readSpineRecord(t *testing.T, path string, columns ...string) arrow.Record {
	t.Helper()
	s, err := parquet.OpenSpine(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var indexes []int
	for i, f := range s.Schema().Fields() {
		if len(columns) == 0 || slices.Contains(columns, f.Name) {
			indexes = append(indexes, i)
		}
	}
	var records []arrow.Record
	err = s.Scan(t.Context(), indexes, func(r arrow.Record) error {
		r.Retain()
		records = append(records, r)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return join(t, records)
}

func join(t *testing.T, records []arrow.Record) arrow.Record {
	t.Helper()
	schema := records[0].Schema()
	columns := make([]arrow.Array, schema.NumFields())
	rows := int64(0)
	for i := range columns {
		var parts []arrow.Array
		for _, r := range records {
			parts = append(parts, r.Column(i))
		}
		var err error
		if columns[i], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			t.Fatal(err)
		}
	}
	for _, r := range records {
		rows += r.NumRows()
	}
	return array.NewRecord(schema, columns, rows)
}

func write(t *testing.T, path string, options parquet.Options, records ...arrow.Record) error {
	t.Helper()
	o, err := parquet.Create(path, records[0].Schema(), options)
	if err != nil {
		return err
	}
	defer func() { _ = o.Abort() }()
	for _, r := range records {
		if err := o.Write(r); err != nil {
			return err
		}
	}
	return o.Commit()
}

func equal(t *testing.T, want, got arrow.Record) {
	t.Helper()
	if want.NumRows() != got.NumRows() || want.NumCols() != got.NumCols() {
		t.Fatalf("%d rows of %d columns, want %d of %d", got.NumRows(), got.NumCols(), want.NumRows(), want.NumCols())
	}
	for i, f := range want.Schema().Fields() {
		g := got.Schema().Field(i)
		if g.Name != f.Name || !arrow.TypeEqual(f.Type, g.Type) || f.Nullable != g.Nullable {
			t.Errorf("column %v came back as %v", f, g)
			continue
		}
		if !array.Equal(want.Column(i), got.Column(i)) && !array.ApproxEqual(want.Column(i), got.Column(i), array.WithNaNsEqual(true), array.WithAbsTolerance(0)) {
			t.Errorf("column %s: got %v, want %v", f.Name, got.Column(i), want.Column(i))
		}
	}
}

func TestASpinesColumnsPassThroughUntouched(t *testing.T) {
	dir := t.TempDir()
	in := readSpineRecord(t, filepath.Join("testdata", "spine.parquet"))
	// What the spine gives, as text, against what stands in make.py.
	want := map[string]string{
		"uint64_big":   `[1 (null) 0 18446744073709551615 7]`,
		"dec38":        `[1.5 (null) -12345678901234567890123456789012345.678 0.001 0]`,
		"dec9":         `[1.5 (null) -9999999.99 9999999.99 0]`,
		"time_us":      `[1 (null) 0 86399999999 7]`,
		"ts_ms":        `[1 (null) -1 9223372036854775807 0]`,
		"list_string":  `[["a" ""] (null) [] ["b"] [(null)]]`,
		"binary":       `["a" (null) "" "\xff\x00" "a"]`,
		"list_float32": `[[1 2] (null) [3 4] [5 6] [7 8]]`,
	}
	for i, f := range in.Schema().Fields() {
		if w, ok := want[f.Name]; ok {
			got := fmt.Sprint(in.Column(i))
			switch c := in.Column(i).(type) {
			case *array.Decimal128:
				got = texts(c.Len(), func(k int) string { return c.ValueStr(k) })
			case *array.Time64:
				got = texts(c.Len(), func(k int) string {
					if c.IsNull(k) {
						return "(null)"
					}
					return fmt.Sprint(int64(c.Value(k)))
				})
			case *array.Timestamp:
				got = texts(c.Len(), func(k int) string {
					if c.IsNull(k) {
						return "(null)"
					}
					return fmt.Sprint(int64(c.Value(k)))
				})
			}
			if got != w {
				t.Errorf("column %s: got %s, want %s", f.Name, got, w)
			}
		}
	}
	out := filepath.Join(dir, "out.parquet")
	if err := write(t, out, parquet.Options{}, in); err != nil {
		t.Fatal(err)
	}
	equal(t, in, readSpineRecord(t, out))
}

func texts(n int, text func(i int) string) string {
	var all []string
	for i := range n {
		all = append(all, text(i))
	}
	return "[" + strings.Join(all, " ") + "]"
}

func TestANestedSpineColumnIsAnErrorThatNamesIt(t *testing.T) {
	_, err := parquet.OpenSpine(filepath.Join("testdata", "types_v1.parquet"))
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `column "nested"`) {
		t.Errorf("got %v, want an error that names the column", err)
	}
	item := arrow.StructOf(arrow.Field{Name: "a", Type: arrow.PrimitiveTypes.Int64})
	for want, nested := range map[string]arrow.DataType{
		"a struct with fields a":        item,
		"a list of lists or structs":    arrow.ListOf(item),
		"a map can't be carried along:": arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Int64),
	} {
		path := filepath.Join(t.TempDir(), "deep.parquet")
		writeNull(t, path, arrow.Field{Name: "deep", Type: nested, Nullable: true})
		_, err := parquet.OpenSpine(path)
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `column "deep": `+want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// writeNull writes a file of one column with a null.
func writeNull(t *testing.T, path string, field arrow.Field) {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{field}, nil))
	defer b.Release()
	b.Field(0).AppendNull()
	record := b.NewRecord()
	defer record.Release()
	if err := write(t, path, parquet.Options{}, record); err != nil {
		t.Fatal(err)
	}
}

func TestTheBytesDoNotDependOnTheRecords(t *testing.T) {
	in := readSpineRecord(t, filepath.Join("testdata", "pages_v2.parquet"))
	dir := t.TempDir()
	var first []byte
	for name, size := range map[string]int64{"one": in.NumRows(), "some": 700, "many": 7} {
		var records []arrow.Record
		for at := int64(0); at < in.NumRows(); at += size {
			records = append(records, in.NewSlice(at, min(at+size, in.NumRows())))
		}
		path := filepath.Join(dir, name+".parquet")
		if err := write(t, path, parquet.Options{RowGroupRows: 1024}, records...); err != nil {
			t.Fatal(err)
		}
		equal(t, in, readSpineRecord(t, path))
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b
		}
		if !bytes.Equal(first, b) {
			t.Errorf("records of %d rows give other bytes", size)
		}
	}
}

func TestStructsMapsAndDictionariesAreWritten(t *testing.T) {
	mem := memory.DefaultAllocator
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "z", Type: arrow.StructOf(arrow.Field{Name: "b", Type: arrow.PrimitiveTypes.Int64, Nullable: true}, arrow.Field{Name: "a", Type: arrow.BinaryTypes.String}), Nullable: true},
		{Name: "m", Type: arrow.MapOf(arrow.BinaryTypes.String, arrow.PrimitiveTypes.Float64), Nullable: true},
		{Name: "d", Type: &arrow.DictionaryType{IndexType: arrow.PrimitiveTypes.Int8, ValueType: arrow.BinaryTypes.String}, Nullable: true},
		{Name: "a", Type: arrow.PrimitiveTypes.Int64},
	}, nil)
	b := array.NewRecordBuilder(mem, schema)
	defer b.Release()
	if err := b.UnmarshalJSON([]byte(`{"z":{"b":1,"a":"x"},"m":[{"key":"k","value":1.5},{"key":"l","value":null}],"d":"p","a":1}`)); err != nil {
		t.Fatal(err)
	}
	if err := b.UnmarshalJSON([]byte(`{"z":null,"m":[],"d":null,"a":2}`)); err != nil {
		t.Fatal(err)
	}
	if err := b.UnmarshalJSON([]byte(`{"z":{"b":null,"a":""},"m":null,"d":"p","a":3}`)); err != nil {
		t.Fatal(err)
	}
	record := b.NewRecord()
	defer record.Release()
	path := filepath.Join(t.TempDir(), "nested.parquet")
	if err := write(t, path, parquet.Options{}, record); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pq.OpenFile(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]pq.Row, 4)
	n, _ := f.RowGroups()[0].Rows().ReadRows(rows)
	var got []string
	for _, row := range rows[:n] {
		got = append(got, fmt.Sprintf("%+v", row))
	}
	want := []string{
		"[C:0 D:2 R:0 V:1 C:1 D:1 R:0 V:x C:2 D:2 R:0 V:k C:2 D:2 R:1 V:l C:3 D:3 R:0 V:1.5 C:3 D:2 R:1 V:<null> C:4 D:1 R:0 V:p C:5 D:0 R:0 V:1]",
		"[C:0 D:0 R:0 V:<null> C:1 D:0 R:0 V:<null> C:2 D:1 R:0 V:<null> C:3 D:1 R:0 V:<null> C:4 D:0 R:0 V:<null> C:5 D:0 R:0 V:2]",
		"[C:0 D:1 R:0 V:<null> C:1 D:1 R:0 V: C:2 D:0 R:0 V:<null> C:3 D:0 R:0 V:<null> C:4 D:1 R:0 V:p C:5 D:0 R:0 V:3]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAnOutputAppearsWholeOrNotAtAll(t *testing.T) {
	in := readSpineRecord(t, filepath.Join("testdata", "small.parquet"))
	dir := t.TempDir()
	path := filepath.Join(dir, "out.parquet")
	only := func(names ...string) {
		t.Helper()
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range entries {
			got = append(got, e.Name())
		}
		if !slices.Equal(got, names) {
			t.Errorf("the folder holds %v, want %v", got, names)
		}
	}
	o, err := parquet.Create(path, in.Schema(), parquet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Write(in); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the output is there before Commit")
	}
	if err := o.Abort(); err != nil {
		t.Fatal(err)
	}
	only()
	if err := write(t, path, parquet.Options{}, in); err != nil {
		t.Fatal(err)
	}
	only("out.parquet")
	if _, err := parquet.Create(path, in.Schema(), parquet.Options{}); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("an existing output: %v", err)
	}
	if err := write(t, path, parquet.Options{Force: true}, in.NewSlice(0, 1)); err != nil {
		t.Fatal(err)
	}
	only("out.parquet")
	if got := readSpineRecord(t, path); got.NumRows() != 1 {
		t.Errorf("%d rows after the output was replaced", got.NumRows())
	}
	other := arrow.NewSchema([]arrow.Field{{Name: "id", Type: arrow.BinaryTypes.String}}, nil)
	o, err = parquet.Create(filepath.Join(dir, "other.parquet"), other, parquet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Write(in); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a record of another schema: %v", err)
	}
	if err := o.Abort(); err != nil {
		t.Fatal(err)
	}
	only("out.parquet")
	empty, err := parquet.Create(filepath.Join(dir, "zero.parquet"), in.Schema(), parquet.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := empty.Commit(); err != nil {
		t.Fatal(err)
	}
	s, err := parquet.OpenSpine(filepath.Join(dir, "zero.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	if s.Source().Rows != 0 || !s.Schema().Equal(in.Schema()) {
		t.Errorf("an output without rows: %d rows, %v", s.Source().Rows, s.Schema())
	}
	_ = s.Close()
}

func TestASpineThatDoesNotExistIsToldByItsPath(t *testing.T) {
	_, err := parquet.OpenSpine("no/such.parquet")
	if !errors.Is(err, feature.ErrNotFound) || !strings.Contains(err.Error(), "spine no/such.parquet does not exist: check the path") ||
		strings.Contains(err.Error(), "data root") {
		t.Errorf("error %v", err)
	}
}

// Whatever level the pages of a column are compressed at, they take at most an eighth more than at the default one.
func TestPagesAreCompressedAsWellAsAtTheDefaultLevel(t *testing.T) {
	const rows = 700_000 // in two row groups
	r := rand.New(rand.NewPCG(3, 1))
	columns := []struct {
		name  string
		value func() float64
	}{
		{"four_decimals", func() float64 { return math.Round(r.NormFloat64()*1e6) / 1e4 }},
		{"ratios", func() float64 { return float64(r.IntN(300)) / float64(1+r.IntN(300)) }}, // take 13 % more at the fastest level
		{"sixteenths", func() float64 { return float64(r.IntN(32_000_000)-16_000_000) / 16 }},
		{"any", r.NormFloat64},
		{"few", func() float64 { return float64(r.IntN(5)) }},
	}
	var fields []arrow.Field
	var arrays []arrow.Array
	var plain [][]byte
	for _, c := range columns {
		b := array.NewFloat64Builder(memory.DefaultAllocator)
		var bytes []byte
		for range rows {
			v := c.value()
			b.Append(v)
			bytes = binary.LittleEndian.AppendUint64(bytes, math.Float64bits(v))
		}
		fields = append(fields, arrow.Field{Name: c.name, Type: arrow.PrimitiveTypes.Float64})
		arrays, plain = append(arrays, b.NewArray()), append(plain, bytes)
	}
	rec := array.NewRecord(arrow.NewSchema(fields, nil), arrays, rows)
	path := filepath.Join(t.TempDir(), "out.parquet")
	if err := write(t, path, parquet.Options{}, rec); err != nil {
		t.Fatal(err)
	}
	equal(t, rec, readSpineRecord(t, path))
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range columns {
		want, got := 0, 0
		for page := range slices.Chunk(plain[i], 1<<20) {
			want += len(codec.EncodeAll(page, nil))
		}
		for _, g := range f.Metadata().RowGroups {
			got += int(g.Columns[i].MetaData.TotalCompressedSize)
		}
		if got > want+want/8 {
			t.Errorf("column %s takes %d bytes of %d, at the default level %d", c.name, got, len(plain[i]), want)
		}
	}
}

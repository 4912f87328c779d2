package parquet

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
)

// A page index that places rows elsewhere would have other rows' lists be read.
func TestAPageIndexThatMisplacesRowsIsDamage(t *testing.T) {
	const rows = 200_000
	schema := arrow.NewSchema([]arrow.Field{
		{Name: "list", Type: arrow.ListOf(arrow.PrimitiveTypes.Int64), Nullable: true},
		{Name: "flat", Type: arrow.PrimitiveTypes.Int64, Nullable: true},
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	list, flat := b.Field(0).(*array.ListBuilder), b.Field(1).(*array.Int64Builder)
	for i := range int64(rows) {
		list.Append(i%3 > 0) // a null, one item, two items
		for range i % 3 {
			list.ValueBuilder().(*array.Int64Builder).Append(i)
		}
		flat.Append(i)
	}
	path := filepath.Join(t.TempDir(), "lists.parquet")
	out, err := Create(path, schema, Options{})
	if err != nil {
		t.Fatal(err)
	}
	rec := b.NewRecord()
	defer rec.Release()
	if err := errors.Join(out.Write(rec), out.Commit()); err != nil {
		t.Fatal(err)
	}
	types := map[string]feature.Type{"list": feature.ListOf(feature.Int64, 0), "flat": feature.Scalar(feature.Int64)}
	files, tab := New(filepath.Dir(path)), &feature.Table{Source: "s", Parquet: []string{filepath.Base(path)}}
	for name, to := range types {
		tab.Columns = append(tab.Columns, feature.TableColumn{Name: name, Column: name, Type: to})
	}
	listed, err := files.List(t.Context(), tab)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := files.Open(t.Context(), tab, listed[0])
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	file, ok := opened.(*tableFile)
	if !ok {
		t.Fatalf("a %T", opened)
	}
	for name, to := range types {
		for _, shift := range []int64{0, 1024} {
			c, err := file.column(name)
			if err != nil {
				t.Fatal(err)
			}
			r, err := file.file.newReader(0, c.col, to, c.convert)
			if err != nil {
				t.Fatal(err)
			}
			r.withIndex()
			if len(r.index) < 2 {
				t.Fatalf("column %s has %d pages", name, len(r.index))
			}
			r.index[1].FirstRowIndex += shift
			err = r.gather(feature.NewColumn(to, 1), []int32{rows - 1})
			if damaged := errors.Is(err, feature.ErrInvalid); damaged != (shift > 0) || !damaged && err != nil {
				t.Errorf("column %s, shifted by %d rows: %v", name, shift, err)
			}
			r.close()
		}
	}
}

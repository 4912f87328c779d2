package parquet

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// A record has spineRows rows, or fewer where they are wide: as many as had
// spineBytes before it. Of values without a fixed width nobody tells how long they
// are before they are read, so the first record is a small one.
const (
	spineRows      = 64 * 1024
	spineRowsFirst = 1024
	spineBytes     = 32 << 20
)

// spine implements offline.Spine.
type spine struct {
	file    *opened
	schema  *arrow.Schema
	columns []*column
}

// OpenSpine opens a Parquet file as a spine. Its columns pass through with their
// types: scalars of every kind and lists of them; a struct, a map or a list of
// lists is an error that names the column.
func OpenSpine(path string) (offline.Spine, error) {
	o, err := open(path, path)
	if errors.Is(err, feature.ErrNotFound) {
		return nil, fmt.Errorf("spine %s does not exist: check the path: %w", path, feature.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("spine %w", err)
	}
	s := &spine{file: o}
	fields := make([]arrow.Field, 0, len(o.root.children))
	for _, top := range o.root.children {
		f, c, err := spineField(top)
		if err != nil {
			_ = o.close()
			return nil, fmt.Errorf("spine %s: column %q: %w", path, top.name(), err)
		}
		fields, s.columns = append(fields, f), append(s.columns, c)
	}
	s.schema = arrow.NewSchema(fields, nil)
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	o.info.Path = filepath.ToSlash(path)
	return s, nil
}

func spineField(top *node) (arrow.Field, *column, error) {
	c, ok := columnOf(top)
	if !ok {
		return arrow.Field{}, nil, fmt.Errorf("a %s can't be carried along: leave the column out of the spine: %w", describe(top), feature.ErrInvalid)
	}
	t, err := c.logical.arrowType()
	if err != nil {
		return arrow.Field{}, nil, err
	}
	if c.list {
		t = arrow.ListOfField(arrow.Field{Name: "element", Type: t, Nullable: c.leaf.def > c.listDef+1, Metadata: c.logical.metadata()})
	}
	return arrow.Field{Name: c.name, Type: t, Nullable: c.nullable(), Metadata: c.logical.metadata()}, c, nil
}

// Schema implements offline.Spine.
func (s *spine) Schema() *arrow.Schema { return s.schema }

// Source implements offline.Spine.
func (s *spine) Source() feature.File { return s.file.info }

// Close may be called twice.
func (s *spine) Close() error { return s.file.close() }

// Scan implements offline.Spine. The columns of a record are read at once, on
// several cores.
func (s *spine) Scan(ctx context.Context, columns []int, fn func(arrow.Record) error) error {
	if err := s.unchanged(); err != nil {
		return err
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = s.schema.Field(c)
	}
	schema := arrow.NewSchema(fields, nil)
	for g := range s.file.meta.RowGroups {
		if err := s.scanGroup(ctx, g, columns, schema, fn); err != nil {
			return err
		}
	}
	return s.unchanged()
}

// unchanged tells whether the file is still the one that was opened: two passes
// have to give the same rows.
func (s *spine) unchanged() error {
	st, err := s.file.file.Stat()
	if err != nil {
		return openError(s.file.path, err)
	}
	if st.Size() != s.file.info.Size || st.ModTime().UnixNano() != s.file.info.Modified {
		return fmt.Errorf("spine %s changed while it was read: run again: %w", s.file.path, feature.ErrConflict)
	}
	return nil
}

func (s *spine) scanGroup(ctx context.Context, group int, columns []int, schema *arrow.Schema, fn func(arrow.Record) error) error {
	rows := int(s.file.meta.RowGroups[group].NumRows)
	readers := make([]*reader, len(columns))
	defer func() {
		for _, r := range readers {
			if r != nil {
				r.close()
			}
		}
	}()
	for i, c := range columns {
		col := s.columns[c]
		kind, convert := col.logical.raw()
		var err error
		if readers[i], err = s.file.newReader(group, col, feature.Type{Kind: kind, List: col.list}, convert); err != nil {
			return err
		}
	}
	n := spineRows
	for _, r := range readers {
		if r.to.List || r.to.Kind == feature.String || r.to.Kind == feature.Bytes {
			n = spineRowsFirst
		}
	}
	for first := 0; first < rows; {
		record, err := readRecord(ctx, readers, schema, min(n, rows-first))
		if err != nil {
			return err
		}
		first += int(record.NumRows())
		n = int(min(max(spineBytes*record.NumRows()/max(bytesOf(record), 1), 1), spineRows))
		err = fn(record)
		record.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// bytesOf counts what a record's columns hold.
func bytesOf(r arrow.Record) int64 {
	var of func(arrow.ArrayData) int64
	of = func(d arrow.ArrayData) int64 {
		n := int64(0)
		for _, b := range d.Buffers() {
			if b != nil {
				n += int64(b.Len())
			}
		}
		for _, c := range d.Children() {
			n += of(c)
		}
		return n
	}
	n := int64(0)
	for _, c := range r.Columns() {
		n += of(c.Data())
	}
	return n
}

func readRecord(ctx context.Context, readers []*reader, schema *arrow.Schema, n int) (arrow.Record, error) {
	arrays := make([]arrow.Array, len(readers))
	defer func() {
		for _, a := range arrays {
			if a != nil {
				a.Release()
			}
		}
	}()
	g, ctx := errgroup.WithContext(ctx)
	for i, r := range readers {
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			c := feature.NewColumn(r.to, n)
			if err := r.read(c, n); err != nil {
				return err
			}
			return guard(r.file.path, func() (err error) {
				if arrays[i], err = toArrow(c, schema.Field(i).Type); err != nil {
					return fmt.Errorf("%s: %w", r.where(r.row-n), err)
				}
				return nil
			})
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	return array.NewRecord(schema, arrays, int64(n)), nil
}

package offline_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/arrowconv"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// memFiles is tables in memory: per source its files, with the raw columns as a
// case has them.
type memFiles struct {
	sources   []offlinetest.Source
	chunk     int  // rows of a chunk of Scan
	noTimes   bool // statistics are missing
	failOpen  error
	failRead  error
	opened    atomic.Int64
	closed    atomic.Int64
	scanned   []string // row groups whose keys and times were read
	recording bool
}

func (m *memFiles) source(name string) *offlinetest.Source {
	for i := range m.sources {
		if m.sources[i].Name == name {
			return &m.sources[i]
		}
	}
	return nil
}

func (m *memFiles) List(_ context.Context, table *feature.Table) ([]feature.File, error) {
	src := m.source(table.Source)
	if src == nil {
		return nil, fmt.Errorf("no source %s: %w", table.Source, feature.ErrNotFound)
	}
	var files []feature.File
	for _, f := range src.Files {
		files = append(files, feature.File{Path: f.Name, Rows: int64(f.Rows()), Digest: "of " + f.Name})
	}
	slices.SortFunc(files, func(a, b feature.File) int {
		if a.Path < b.Path {
			return -1
		}
		return 1
	})
	return files, nil
}

func (m *memFiles) Open(_ context.Context, table *feature.Table, file feature.File) (offline.TableFile, error) {
	if m.failOpen != nil {
		return nil, m.failOpen
	}
	src := m.source(table.Source)
	for i := range src.Files {
		if src.Files[i].Name != file.Path {
			continue
		}
		f := &memFile{files: m, name: file.Path, groups: src.Files[i].Groups, columns: map[string]*feature.Column{}}
		for _, tc := range table.Columns {
			for _, raw := range src.Files[i].Columns {
				if raw.Name != tc.Column {
					continue
				}
				c, err := readRaw(raw, tc.Type, tc.Name == table.Available)
				if err != nil {
					return nil, fmt.Errorf("%s, column %s: %w", file.Path, tc.Name, err)
				}
				f.columns[tc.Name] = c
			}
		}
		m.opened.Add(1)
		return f, nil
	}
	return nil, fmt.Errorf("%s: %w", file.Path, feature.ErrNotFound)
}

// readRaw reads raw values as a type, as files are read.
func readRaw(raw offlinetest.Column, t feature.Type, up bool) (*feature.Column, error) {
	c := feature.NewColumn(t, raw.Values.Len())
	for i := range raw.Values.Len() {
		v := raw.Values.Any(i)
		switch x := v.(type) {
		case feature.Time:
			if raw.Nanos && up {
				v = feature.CeilNanos(int64(x))
			} else if raw.Nanos {
				v = feature.FloorNanos(int64(x))
			}
		case int32, int64:
			switch t.Kind {
			case feature.String:
				v = fmt.Sprint(x)
			case feature.Float64, feature.Float32:
				return nil, errors.New("widening integers to floats is not needed here")
			}
		}
		if err := c.AppendAny(v); err != nil {
			return nil, err
		}
	}
	return c, nil
}

type memFile struct {
	files   *memFiles
	name    string
	groups  []int
	columns map[string]*feature.Column
	closed  bool
}

func (f *memFile) Groups() []int { return f.groups }

func (f *memFile) Lacks(string) bool { return false }

// Bytes says that a value takes as many bytes as its column's name has letters.
func (f *memFile) Bytes(group int, column string) int64 { return int64(f.groups[group] * len(column)) }

func (f *memFile) base(group int) int {
	base := 0
	for _, n := range f.groups[:group] {
		base += n
	}
	return base
}

func (f *memFile) Times(group int, column string) (least, greatest feature.Time, ok bool) {
	if f.files.noTimes {
		return 0, 0, false
	}
	c := f.columns[column]
	least, greatest = feature.MaxTime, feature.MinTime
	base := f.base(group)
	for i := base; i < base+f.groups[group]; i++ {
		if !c.IsNull(i) {
			least = min(least, feature.Time(c.Int64s[i]))
			greatest = max(greatest, feature.Time(c.Int64s[i]))
		}
	}
	return least, greatest, true
}

func (f *memFile) Scan(ctx context.Context, group int, columns []string, fn func(int, []*feature.Column) error) error {
	if f.files.failRead != nil {
		return f.files.failRead
	}
	n, base := f.groups[group], f.base(group)
	chunk := make([]*feature.Column, len(columns))
	for i, name := range columns {
		chunk[i] = feature.NewColumn(f.columns[name].Type, f.files.chunk)
	}
	for first := 0; first < n; first += f.files.chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		for i, name := range columns {
			chunk[i].Reset()
			for row := first; row < min(n, first+f.files.chunk); row++ {
				chunk[i].AppendFrom(f.columns[name], base+row)
			}
		}
		if err := fn(first, chunk); err != nil {
			return err
		}
	}
	if f.files.recording {
		f.files.scanned = append(f.files.scanned, fmt.Sprintf("%s/%d", f.name, group))
	}
	return nil
}

func (f *memFile) Gather(_ context.Context, group int, column string, rows []int32, dst *feature.Column) error {
	base := f.base(group)
	for i, row := range rows {
		if i > 0 && row <= rows[i-1] {
			return fmt.Errorf("rows %d and %d are not ascending", rows[i-1], row)
		}
		dst.AppendFrom(f.columns[column], base+int(row))
	}
	return nil
}

func (f *memFile) Close() error {
	if !f.closed {
		f.closed = true
		f.files.closed.Add(1)
	}
	return nil
}

// memSpine is a spine in memory.
type memSpine struct {
	schema *arrow.Schema
	arrays []arrow.Array
	rows   int
	record int // rows of a record
	passes int
	fewer  int // rows that the second pass lacks
}

func newMemSpine(t testing.TB, columns []offlinetest.Column, record int) *memSpine {
	t.Helper()
	s := &memSpine{record: record, rows: columns[0].Values.Len()}
	var fields []arrow.Field
	for _, c := range columns {
		arr, err := arrowconv.ToArrow(c.Values, memory.DefaultAllocator)
		if err != nil {
			t.Fatal(err)
		}
		if c.Nanos {
			nanos := &arrow.TimestampType{Unit: arrow.Nanosecond, TimeZone: "UTC"}
			arr = array.MakeFromData(array.NewData(nanos, arr.Len(), arr.Data().Buffers(), nil, arr.NullN(), 0))
		}
		s.arrays = append(s.arrays, arr)
		fields = append(fields, arrow.Field{Name: c.Name, Type: arr.DataType(), Nullable: true})
	}
	s.schema = arrow.NewSchema(fields, nil)
	return s
}

func (s *memSpine) Schema() *arrow.Schema { return s.schema }

func (s *memSpine) Scan(_ context.Context, columns []int, fn func(arrow.Record) error) error {
	s.passes++
	rows := s.rows
	if s.passes > 1 {
		rows -= s.fewer
	}
	var fields []arrow.Field
	for _, c := range columns {
		fields = append(fields, s.schema.Field(c))
	}
	for from := 0; from < rows; from += s.record {
		to := min(rows, from+s.record)
		var arrays []arrow.Array
		for _, c := range columns {
			arrays = append(arrays, array.NewSlice(s.arrays[c], int64(from), int64(to)))
		}
		rec := array.NewRecord(arrow.NewSchema(fields, nil), arrays, int64(to-from))
		err := fn(rec)
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *memSpine) Source() feature.File {
	return feature.File{Path: "spine.parquet", Rows: int64(s.rows), Digest: "of spine"}
}

func (s *memSpine) Close() error { return nil }

// memOutput keeps what is written.
type memOutput struct {
	schema    *arrow.Schema
	records   []arrow.Record
	committed bool
	aborted   bool
	fail      error
}

func (o *memOutput) Write(rec arrow.Record) error {
	if o.fail != nil {
		return o.fail
	}
	rec.Retain()
	o.records = append(o.records, rec)
	return nil
}

func (o *memOutput) Commit() error { o.committed = true; return nil }
func (o *memOutput) Abort() error  { o.aborted = true; return nil }

// answer gives the features that were written for a case, in their order.
func (o *memOutput) answer(c *offlinetest.Case) ([]*feature.Column, error) {
	columns := make([]*feature.Column, len(c.Selection.Outputs))
	for i, output := range c.Selection.Outputs {
		var err error
		if columns[i], err = o.column(len(c.Spine)+i, c.Selection.Field(output).Type); err != nil {
			return nil, err
		}
	}
	return columns, nil
}

// column gives an output column, all records.
func (o *memOutput) column(at int, t feature.Type) (*feature.Column, error) {
	all := feature.NewColumn(t, 0)
	for _, rec := range o.records {
		c, err := arrowconv.FromArrow(rec.Column(at), t)
		if err != nil {
			return nil, err
		}
		for i := range c.Len() {
			all.AppendFrom(c, i)
		}
	}
	return all, nil
}

// setup is how a case is run.
type setup struct {
	workers int
	chunk   int
	record  int
	noTimes bool
}

// train runs a case.
func (s setup) train(t testing.TB, c *offlinetest.Case) (*memOutput, *offline.Result, error) {
	files := &memFiles{sources: c.Sources, chunk: s.chunk, noTimes: s.noTimes}
	out := &memOutput{}
	engine := offline.New(files, offline.Options{Workers: s.workers})
	res, err := engine.Train(t.Context(), offline.Request{
		Spine: newMemSpine(t, c.Spine, s.record), Selection: c.Selection, EventTimestamp: c.Spine[c.Time].Name,
	}, func(schema *arrow.Schema) (offline.Output, error) {
		out.schema = schema
		return out, nil
	})
	if files.opened.Load() != files.closed.Load() {
		t.Errorf("%d files opened, %d closed", files.opened.Load(), files.closed.Load())
	}
	return out, res, err
}

// engine makes an engine of offlinetest.
func (s setup) engine(t testing.TB) offlinetest.Engine {
	return offlinetest.EngineFunc(func(_ context.Context, c *offlinetest.Case) ([]*feature.Column, error) {
		out, res, err := s.train(t, c)
		if err != nil {
			return nil, err
		}
		if !out.committed || out.aborted {
			t.Errorf("committed %v, aborted %v", out.committed, out.aborted)
		}
		if err := sameSpine(c, out); err != nil {
			return nil, err
		}
		if res.Rows != int64(c.Rows()) {
			t.Errorf("%d rows counted, the spine has %d", res.Rows, c.Rows())
		}
		return out.answer(c)
	})
}

// sameSpine tells whether the spine's columns came through as they were.
func sameSpine(c *offlinetest.Case, out *memOutput) error {
	row := 0
	for _, rec := range out.records {
		for i, column := range c.Spine {
			arr, err := arrowconv.ToArrow(column.Values, memory.DefaultAllocator)
			if err != nil {
				return err
			}
			if column.Nanos {
				arr = array.MakeFromData(array.NewData(rec.Column(i).DataType(), arr.Len(), arr.Data().Buffers(), nil, arr.NullN(), 0))
			}
			exact := []array.EqualOption{array.WithNaNsEqual(true), array.WithAbsTolerance(0)}
			if !array.SliceApproxEqual(arr, int64(row), int64(row)+rec.NumRows(), rec.Column(i), 0, rec.NumRows(), exact...) {
				return fmt.Errorf("spine column %s is not as it was", column.Name)
			}
		}
		row += int(rec.NumRows())
	}
	if row != c.Rows() {
		return fmt.Errorf("%d rows written, the spine has %d", row, c.Rows())
	}
	return nil
}

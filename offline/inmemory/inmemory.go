// Package inmemory has spines and outputs whose rows are columns in memory: training sets
// that are looked at, and not kept.
package inmemory

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// Spine is a spine of columns. It is safe for concurrent use as long as the columns are
// not changed.
type Spine struct {
	schema *arrow.Schema
	record arrow.Record
	close  sync.Once
}

// NewSpine makes a spine of columns of one length, which it shares and the caller must not
// change. names are those of the columns.
func NewSpine(names []string, columns []*feature.Column) (*Spine, error) {
	fields := make([]arrow.Field, len(names))
	arrays := make([]arrow.Array, 0, len(names))
	defer func() {
		for _, a := range arrays {
			a.Release()
		}
	}()
	rows := 0
	for i, c := range columns {
		a, err := arrowconv.ToArrow(c, memory.DefaultAllocator)
		if err != nil {
			return nil, fmt.Errorf("offline/inmemory: column %s: %w", names[i], err)
		}
		fields[i] = arrow.Field{Name: names[i], Type: a.DataType(), Nullable: true}
		arrays, rows = append(arrays, a), c.Len()
	}
	s := &Spine{schema: arrow.NewSchema(fields, nil)}
	s.record = array.NewRecord(s.schema, arrays, int64(rows))
	return s, nil
}

// Schema is part of offline.Spine.
func (s *Spine) Schema() *arrow.Schema { return s.schema }

// Scan is part of offline.Spine.
func (s *Spine) Scan(ctx context.Context, columns []int, fn func(arrow.Record) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	fields, arrays := make([]arrow.Field, len(columns)), make([]arrow.Array, len(columns))
	for i, c := range columns {
		fields[i], arrays[i] = s.schema.Field(c), s.record.Column(c)
	}
	r := array.NewRecord(arrow.NewSchema(fields, nil), arrays, s.record.NumRows())
	defer r.Release()
	return fn(r)
}

// Source is part of offline.Spine.
func (s *Spine) Source() feature.File {
	return feature.File{Path: "memory", Rows: s.record.NumRows()}
}

// Close is part of offline.Spine.
func (s *Spine) Close() error {
	s.close.Do(s.record.Release)
	return nil
}

// Rows is an output that keeps what is written. It is not safe for concurrent use.
type Rows struct {
	records []arrow.Record
}

// Open makes Rows the output of a training set.
func (r *Rows) Open(*arrow.Schema) (offline.Output, error) { return r, nil }

// Write is part of offline.Output.
func (r *Rows) Write(rec arrow.Record) error {
	rec.Retain()
	r.records = append(r.records, rec)
	return nil
}

// Commit is part of offline.Output.
func (r *Rows) Commit() error { return nil }

// Abort is part of offline.Output.
func (r *Rows) Abort() error { return nil }

// Column gives the values of a column by its name, as a type that they have without loss.
// The error wraps feature.ErrNotFound or what converting gave. The column is the caller's.
func (r *Rows) Column(name string, t feature.Type) (*feature.Column, error) {
	all := feature.NewColumn(t, 0)
	for _, rec := range r.records {
		at := rec.Schema().FieldIndices(name)
		if len(at) == 0 {
			return nil, fmt.Errorf("offline/inmemory: there is no column %s: %w", name, feature.ErrNotFound)
		}
		c, err := arrowconv.FromArrow(rec.Column(at[0]), t)
		if err != nil {
			return nil, fmt.Errorf("offline/inmemory: column %s: %w", name, err)
		}
		for i := range c.Len() {
			all.AppendFrom(c, i)
		}
	}
	return all, nil
}

// Close releases what was kept. It may be called twice.
func (r *Rows) Close() error {
	for _, rec := range r.records {
		rec.Release()
	}
	r.records = nil
	return nil
}

// Train makes the training set of a selection for rows in memory, and gives its outputs, in
// their order. The time of a row is its column event_timestamp.
func Train(ctx context.Context, engine *offline.Engine, selection *feature.Selection, names []string, columns []*feature.Column) (values []*feature.Column, result *offline.Result, err error) {
	spine, err := NewSpine(names, columns)
	if err != nil {
		return nil, nil, err
	}
	rows := &Rows{}
	defer func() { err = errors.Join(err, rows.Close(), spine.Close()) }()
	result, err = engine.Train(ctx, offline.Request{Spine: spine, Selection: selection, EventTimestamp: "event_timestamp"}, rows.Open)
	if err != nil {
		return nil, nil, err
	}
	for _, o := range selection.Outputs {
		c, err := rows.Column(o.Name, selection.Field(o).Type)
		if err != nil {
			return nil, nil, err
		}
		values = append(values, c)
	}
	return values, result, nil
}

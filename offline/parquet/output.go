package parquet

import (
	"bufio"
	"fmt"
	"runtime"

	"github.com/apache/arrow/go/v17/arrow"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

// Options of Create. The zero value writes zstd at its default level into row
// groups of half a million rows.
type Options struct {
	// Force allows to replace an existing file.
	Force bool
	// Uncompressed leaves the pages as they are.
	Uncompressed bool
	// RowGroupRows is the number of rows of a row group; 0 means 524,288. It is
	// rounded up to a multiple of 1,024. Row groups end earlier where they grow
	// beyond 64 MiB, so that memory stays bounded.
	RowGroupRows int
	// Metadata are keys and values for the footer.
	Metadata map[string]string
}

const (
	blockRows     = 1024      // pages and row groups end at multiples of this
	pageBytes     = 256 << 10 // of values in a page, before compression
	groupRows     = 512 << 10
	groupBytes    = 64 << 20
	dictionaryMax = 256 << 10 // bytes of a dictionary, then pages are plain
)

// Output writes a Parquet file. The bytes depend on the rows and the options,
// never on how rows were cut into records. It is not safe for concurrent use.
type Output struct {
	path    string
	schema  *arrow.Schema
	file    *atomicfile.File
	buffer  *bufio.Writer
	writer  *pq.GenericWriter[any]
	group   *pq.ConcurrentRowGroupWriter
	rows    int // of the row group
	limit   int
	leaves  []leafOutput
	ended   bool
	failure error
}

type leafOutput struct {
	column int // in the schema
	path   *step
	emit   emitter
}

var _ offline.Output = (*Output)(nil)

// Create begins a Parquet file at path for records of the schema. Errors are
// those of atomicfile.Create, and feature.ErrInvalid for a type that Parquet
// can't carry.
func Create(path string, schema *arrow.Schema, options Options) (*Output, error) {
	o := &Output{path: path, schema: schema, limit: groupRows}
	if options.RowGroupRows > 0 {
		o.limit = (options.RowGroupRows + blockRows - 1) / blockRows * blockRows
	}
	ps, err := schemaOf(schema)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for i, f := range schema.Fields() {
		for _, p := range pathsOf(f, 0) {
			o.leaves = append(o.leaves, leafOutput{column: i, path: p, emit: emitter{leaf: len(o.leaves)}})
		}
	}
	if o.file, err = atomicfile.Create(path, options.Force); err != nil {
		return nil, err
	}
	o.buffer = bufio.NewWriterSize(o.file, 1<<20)
	var codec compress.Codec = &zstd.Codec{Level: zstd.SpeedDefault}
	if options.Uncompressed {
		codec = &pq.Uncompressed
	}
	settings := []pq.WriterOption{
		ps, pq.Compression(codec), pq.DataPageVersion(1), pq.PageBufferSize(4 * pageBytes),
		pq.DictionaryMaxBytes(dictionaryMax), pq.CreatedBy("quiver", "1", ""),
	}
	for k, v := range options.Metadata {
		settings = append(settings, pq.KeyValueMetadata(k, v))
	}
	err = o.guard(func() error {
		o.writer = pq.NewGenericWriter[any](o.buffer, settings...)
		o.group = o.writer.BeginRowGroup()
		return nil
	})
	if err != nil {
		_ = o.file.Abort()
		return nil, err
	}
	return o, nil
}

// guard makes an error of a panic of the library: a schema that it does not take.
func (o *Output) guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s can't be written (%v): %w", o.path, r, feature.ErrInvalid)
		}
	}()
	return fn()
}

// Write implements offline.Output. Columns are encoded on several cores.
func (o *Output) Write(record arrow.Record) error {
	switch {
	case o.failure != nil:
		return o.failure
	case o.ended:
		return fmt.Errorf("%s: written after its end: %w", o.path, feature.ErrInvalid)
	case int(record.NumCols()) != o.schema.NumFields():
		return fmt.Errorf("%s: a record of %d columns, the schema has %d: %w", o.path, record.NumCols(), o.schema.NumFields(), feature.ErrInvalid)
	}
	for i, f := range o.schema.Fields() {
		if !arrow.TypeEqual(record.Column(i).DataType(), f.Type) {
			return fmt.Errorf("%s: column %q of the record is of type %s, the schema says %s: %w",
				o.path, f.Name, record.Column(i).DataType(), f.Type, feature.ErrInvalid)
		}
	}
	for at, rows := 0, int(record.NumRows()); at < rows; {
		// Sizes are looked at where a multiple of some blocks is complete, so that a
		// row group's end does not depend on the records.
		const look = 64 * blockRows
		n := min(rows-at, look-o.rows%look, o.limit-o.rows)
		if o.failure = o.writeRows(record, at, at+n); o.failure != nil {
			return o.failure
		}
		at, o.rows = at+n, o.rows+n
		if o.rows == o.limit || o.rows%look == 0 && o.group.Size() >= groupBytes {
			if o.failure = o.endGroup(); o.failure != nil {
				return o.failure
			}
		}
	}
	return nil
}

func (o *Output) writeRows(record arrow.Record, lo, hi int) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	writers := o.group.ColumnWriters()
	for i := range o.leaves {
		g.Go(func() error {
			return o.guard(func() error { return o.writeLeaf(writers[i], &o.leaves[i], record, lo, hi) })
		})
	}
	return g.Wait()
}

func (o *Output) writeLeaf(w *pq.ColumnWriter, l *leafOutput, record arrow.Record, lo, hi int) error {
	arr := record.Column(l.column)
	for at, row := lo, o.rows; at < hi; {
		n := min(hi-at, blockRows-row%blockRows)
		if err := l.emit.rows(arr, l.path, at, at+n); err != nil {
			return fmt.Errorf("%s: column %q: %w", o.path, o.schema.Field(l.column).Name, err)
		}
		if _, err := w.WriteRowValues(l.emit.values); err != nil {
			return broken(o.path, fmt.Sprintf("column %q can't be written", o.schema.Field(l.column).Name), err)
		}
		at, row = at+n, row+n
		if row%blockRows == 0 && l.emit.bytes >= pageBytes {
			l.emit.bytes = 0
			if err := w.Flush(); err != nil {
				return broken(o.path, "a page can't be written", err)
			}
		}
	}
	return nil
}

func (o *Output) endGroup() error {
	for i := range o.leaves {
		o.leaves[i].emit.bytes = 0
	}
	o.rows = 0
	return o.guard(func() error {
		if _, err := o.group.Commit(); err != nil {
			return broken(o.path, "a row group can't be written", err)
		}
		return nil
	})
}

// Commit implements offline.Output.
func (o *Output) Commit() error {
	if o.ended {
		return fmt.Errorf("%s: ended twice: %w", o.path, feature.ErrInvalid)
	}
	err := o.failure
	if err == nil && o.rows > 0 {
		err = o.endGroup()
	}
	if err == nil {
		err = o.guard(o.writer.Close)
	}
	if err == nil {
		err = o.buffer.Flush()
	}
	o.ended = true
	if err != nil {
		_ = o.file.Abort()
		return err
	}
	return o.file.Commit()
}

// Abort implements offline.Output.
func (o *Output) Abort() error {
	o.ended = true
	return o.file.Abort()
}

// Package ipc reads spines from, and writes training sets as, Arrow IPC files
// (also known as Feather V2) and streams, which pandas, polars, pyarrow and DuckDB
// open without conversion.
package ipc

import (
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	arrowipc "github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

// Options of Create.
type Options struct {
	// Force allows to replace an existing file.
	Force bool
	// Stream writes a stream in place of a file: it is read from its start only.
	Stream bool
}

// batchBytes is how many bytes of texts and lists a batch has before it ends.
const batchBytes = 64 << 20

// Output writes an Arrow IPC file or stream, in batches of 65,536 rows, or fewer where
// they are wide: the bytes depend on the rows, never on how they were cut into records. It is not safe for
// concurrent use.
type Output struct {
	path   string
	schema *arrow.Schema
	file   *atomicfile.File // nil: written to somebody else's stream
	writer interface {
		Write(rec arrow.Record) error
		Close() error
	}
	pending []arrow.Record // copies of rows that are no whole batch yet
	rows    int64          // of them
	bytes   int64          // of texts and lists of the batch in progress
	ended   bool
}

var _ offline.Output = (*Output)(nil)

// Create begins an Arrow IPC file at path for records of the schema. Buffers
// are plain, so that readers map them into memory as they are. Errors are those of atomicfile.Create.
func Create(path string, schema *arrow.Schema, options Options) (*Output, error) {
	file, err := atomicfile.Create(path, options.Force)
	if err != nil {
		return nil, err
	}
	o := &Output{path: path, schema: schema, file: file}
	if options.Stream {
		o.writer = arrowipc.NewWriter(file, arrowipc.WithSchema(schema))
		return o, nil
	}
	if o.writer, err = arrowipc.NewFileWriter(file, arrowipc.WithSchema(schema)); err != nil {
		_ = file.Abort()
		return nil, o.explain(err)
	}
	return o, nil
}

// NewStream writes an Arrow IPC stream to w as rows come; name is what errors call
// it. What was written stays where the output is aborted.
func NewStream(w io.Writer, name string, schema *arrow.Schema) *Output {
	return &Output{path: name, schema: schema, writer: arrowipc.NewWriter(w, arrowipc.WithSchema(schema))}
}

func (o *Output) explain(err error) error {
	if feature.ErrorKind(err) != nil {
		return err
	}
	return fmt.Errorf("%s can't be written as Arrow: %w: %w", o.path, err, feature.ErrInvalid)
}

// Write implements offline.Output.
func (o *Output) Write(record arrow.Record) error {
	if o.ended {
		return fmt.Errorf("%s: written after its end: %w", o.path, feature.ErrInvalid)
	}
	// The writer compares schemas with their metadata; here the columns count.
	if int(record.NumCols()) != o.schema.NumFields() {
		return fmt.Errorf("%s: a record of %d columns, the schema has %d: %w", o.path, record.NumCols(), o.schema.NumFields(), feature.ErrInvalid)
	}
	for i, f := range o.schema.Fields() {
		if got := record.Column(i).DataType(); !arrow.TypeEqual(got, f.Type) {
			return fmt.Errorf("%s: column %q of the record is of type %s, the schema says %s: %w", o.path, f.Name, got, f.Type, feature.ErrInvalid)
		}
	}
	for at := int64(0); at < record.NumRows(); {
		n, full := o.fitting(record, at)
		part := record.NewSlice(at, at+n)
		err := o.take(part)
		part.Release()
		if err == nil && full {
			err = o.flush()
		}
		if err != nil {
			return err
		}
		at += n
	}
	return nil
}

// fitting gives how many rows of a record from row at on belong to the batch in
// progress, and whether it is full with them. It is told row by row, so that batches
// do not depend on records.
func (o *Output) fitting(record arrow.Record, at int64) (rows int64, full bool) {
	var wide []func(i int) int64
	for _, c := range record.Columns() {
		if width := widthOf(c); width != nil {
			wide = append(wide, width)
		}
	}
	rows = min(record.NumRows()-at, recordRows-o.rows)
	for i := range rows {
		if len(wide) == 0 {
			break
		}
		for _, width := range wide {
			o.bytes += width(int(at + i))
		}
		if o.bytes >= batchBytes {
			return i + 1, true
		}
	}
	return rows, o.rows+rows == recordRows
}

// widthOf gives what tells the bytes of a value of text or bytes, and of lists about;
// nil for values of one width.
func widthOf(arr arrow.Array) func(i int) int64 {
	switch a := arr.(type) {
	case *array.String:
		return func(i int) int64 { return int64(a.ValueLen(i)) }
	case *array.Binary:
		return func(i int) int64 { return int64(a.ValueLen(i)) }
	case *array.LargeString:
		return func(i int) int64 { return int64(a.ValueLen(i)) }
	case *array.LargeBinary:
		return func(i int) int64 { return int64(a.ValueLen(i)) }
	case array.ListLike:
		items := widthOf(a.ListValues())
		return func(i int) int64 {
			from, to := a.ValueOffsets(i)
			if items == nil {
				return 8 * (to - from)
			}
			n := int64(0)
			for j := from; j < to; j++ {
				n += items(int(j))
			}
			return n
		}
	}
	return nil
}

// take keeps a copy of rows of the batch in progress, and writes one of all its rows
// at once.
func (o *Output) take(part arrow.Record) error {
	if part.NumRows() == recordRows {
		o.bytes = 0
		return o.write(part.Columns(), recordRows)
	}
	rows := part.NumRows()
	columns, err := joined([]arrow.Record{part})
	if err != nil {
		return o.explain(err)
	}
	defer release(columns)
	o.pending = append(o.pending, array.NewRecord(o.schema, columns, rows))
	o.rows += rows
	return nil
}

// flush writes what is pending as one batch.
func (o *Output) flush() error {
	if o.rows == 0 {
		return nil
	}
	columns, err := joined(o.pending)
	if err != nil {
		return o.explain(err)
	}
	defer release(columns)
	rows := o.rows
	o.forget()
	return o.write(columns, rows)
}

func (o *Output) forget() {
	for _, r := range o.pending {
		r.Release()
	}
	o.pending, o.rows, o.bytes = nil, 0, 0
}

func (o *Output) write(columns []arrow.Array, rows int64) error {
	record := array.NewRecord(o.schema, columns, rows)
	defer record.Release()
	if err := o.writer.Write(record); err != nil {
		return o.explain(err)
	}
	return nil
}

// joined copies the columns of records into one array each.
func joined(records []arrow.Record) ([]arrow.Array, error) {
	columns := make([]arrow.Array, records[0].NumCols())
	for i := range columns {
		parts := make([]arrow.Array, len(records))
		for j, r := range records {
			parts[j] = r.Column(i)
		}
		var err error
		if columns[i], err = array.Concatenate(parts, memory.DefaultAllocator); err != nil {
			release(columns[:i])
			return nil, err
		}
	}
	return columns, nil
}

func release(columns []arrow.Array) {
	for _, c := range columns {
		c.Release()
	}
}

// Commit implements offline.Output.
func (o *Output) Commit() error {
	if o.ended {
		return fmt.Errorf("%s: ended twice: %w", o.path, feature.ErrInvalid)
	}
	o.ended = true
	err := o.flush()
	if err == nil {
		if err = o.writer.Close(); err != nil {
			err = o.explain(err)
		}
	}
	switch {
	case o.file == nil:
		return err
	case err != nil:
		_ = o.file.Abort()
		return err
	}
	return o.file.Commit()
}

// Digest gives the digest of the file, once Commit was called, as atomicfile.File has it.
func (o *Output) Digest() string { return o.file.Digest() }

// Abort implements offline.Output.
func (o *Output) Abort() error {
	o.ended = true
	o.forget()
	if o.file == nil {
		return nil
	}
	return o.file.Abort()
}

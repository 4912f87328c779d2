// Package ipc writes training sets as Arrow IPC files (also known as Feather V2),
// which pandas, polars and pyarrow open without conversion.
package ipc

import (
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	arrowipc "github.com/apache/arrow/go/v17/arrow/ipc"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

// Options of Create.
type Options struct {
	// Force allows to replace an existing file.
	Force bool
}

// Output writes an Arrow IPC file. It is not safe for concurrent use.
type Output struct {
	path   string
	schema *arrow.Schema
	file   *atomicfile.File
	writer *arrowipc.FileWriter
	ended  bool
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
	if o.writer, err = arrowipc.NewFileWriter(file, arrowipc.WithSchema(schema)); err != nil {
		_ = file.Abort()
		return nil, o.explain(err)
	}
	return o, nil
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
	same := array.NewRecord(o.schema, record.Columns(), record.NumRows())
	defer same.Release()
	if err := o.writer.Write(same); err != nil {
		return o.explain(err)
	}
	return nil
}

// Commit implements offline.Output.
func (o *Output) Commit() error {
	if o.ended {
		return fmt.Errorf("%s: ended twice: %w", o.path, feature.ErrInvalid)
	}
	o.ended = true
	if err := o.writer.Close(); err != nil {
		_ = o.file.Abort()
		return o.explain(err)
	}
	return o.file.Commit()
}

// Abort implements offline.Output.
func (o *Output) Abort() error {
	o.ended = true
	return o.file.Abort()
}

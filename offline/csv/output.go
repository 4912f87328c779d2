package csv

import (
	"bufio"
	"fmt"
	"io"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

// Options of Create.
type Options struct {
	// Force allows to replace an existing file.
	Force bool
}

// Output writes a CSV file: a header, then a line for each row, quoted as RFC 4180
// says and ended by a line feed. Times are RFC 3339 in UTC, dates 2001-06-30,
// numbers the shortest text that reads back as the same number, NaN, inf and -inf
// as these words, bytes base64, lists and structs JSON. A null is an empty field
// and an empty text is ""; in a file of one column a null is "" too, because an
// empty line is none. It is not safe for concurrent use.
type Output struct {
	path   string
	schema *arrow.Schema
	file   *atomicfile.File // nil: written to somebody else's stream
	to     *bufio.Writer
	line   []byte
	ended  bool
}

var _ offline.Output = (*Output)(nil)

// Create begins a CSV file at path for records of the schema. Errors are those of
// atomicfile.Create, and feature.ErrInvalid for a type that has no text.
func Create(path string, schema *arrow.Schema, options Options) (*Output, error) {
	if err := writable(path, schema); err != nil {
		return nil, err
	}
	file, err := atomicfile.Create(path, options.Force)
	if err != nil {
		return nil, err
	}
	o := &Output{path: path, schema: schema, file: file}
	if err := o.begin(file); err != nil {
		_ = file.Abort()
		return nil, err
	}
	return o, nil
}

// NewOutput writes CSV to w as rows come; name is what errors call it. What was
// written stays where the output is aborted.
func NewOutput(w io.Writer, name string, schema *arrow.Schema) (*Output, error) {
	if err := writable(name, schema); err != nil {
		return nil, err
	}
	o := &Output{path: name, schema: schema}
	if err := o.begin(w); err != nil {
		return nil, err
	}
	return o, nil
}

func writable(path string, schema *arrow.Schema) error {
	for _, f := range schema.Fields() {
		if !hasText(f.Type) {
			return fmt.Errorf("%s: column %q is of type %s, which has no text: leave it out, or write Parquet: %w", path, f.Name, f.Type, feature.ErrInvalid)
		}
	}
	return nil
}

func (o *Output) begin(w io.Writer) error {
	o.to = bufio.NewWriterSize(w, 1<<20)
	for i, f := range o.schema.Fields() {
		if i > 0 {
			o.line = append(o.line, ',')
		}
		o.line = appendQuoted(o.line, f.Name)
	}
	_, err := o.to.Write(append(o.line, '\n'))
	return err
}

// Write implements offline.Output.
func (o *Output) Write(record arrow.Record) error {
	if o.ended {
		return fmt.Errorf("%s: written after its end: %w", o.path, feature.ErrInvalid)
	}
	if int(record.NumCols()) != o.schema.NumFields() {
		return fmt.Errorf("%s: a record of %d columns, the schema has %d: %w", o.path, record.NumCols(), o.schema.NumFields(), feature.ErrInvalid)
	}
	fields := make([]func(line []byte, row int) []byte, record.NumCols())
	for i, f := range o.schema.Fields() {
		if got := record.Column(i).DataType(); !arrow.TypeEqual(got, f.Type) {
			return fmt.Errorf("%s: column %q of the record is of type %s, the schema says %s: %w", o.path, f.Name, got, f.Type, feature.ErrInvalid)
		}
		fields[i] = fieldOf(record.Column(i))
	}
	for row := range int(record.NumRows()) {
		o.line = o.line[:0]
		for i, field := range fields {
			if i > 0 {
				o.line = append(o.line, ',')
			}
			if !record.Column(i).IsNull(row) {
				o.line = field(o.line, row)
			}
		}
		if len(o.line) == 0 && len(fields) == 1 {
			o.line = append(o.line, `""`...)
		}
		if _, err := o.to.Write(append(o.line, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// Commit implements offline.Output.
func (o *Output) Commit() error {
	if o.ended {
		return fmt.Errorf("%s: ended twice: %w", o.path, feature.ErrInvalid)
	}
	o.ended = true
	err := o.to.Flush()
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
	if o.file == nil {
		return nil
	}
	return o.file.Abort()
}

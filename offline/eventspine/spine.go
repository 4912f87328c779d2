package eventspine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

const recordRows = 64 * 1024

// spine implements offline.Spine over a file of encoded rows.
type spine struct {
	layout
	file *os.File
	info feature.File
}

// fill writes the rows of all sorters.
func (s *spine) fill(ctx context.Context, sorters []*sorter) error {
	s.info.Path = s.name
	digest := sha256.New()
	counted := &counter{to: io.MultiWriter(s.file, digest)}
	w := bufio.NewWriterSize(counted, 1<<18)
	err := merge(ctx, sorters, func(row []byte) error {
		s.info.Rows++
		if err := writeRow(w, row); err != nil {
			return diskError(err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return diskError(err)
	}
	s.info.Size = counted.n
	s.info.Digest = "sha256:" + hex.EncodeToString(digest.Sum(nil)[:16])
	return nil
}

type counter struct {
	to io.Writer
	n  int64
}

// Write implements io.Writer.
func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += int64(n)
	return n, err
}

// Schema implements offline.Spine.
func (s *spine) Schema() *arrow.Schema {
	var fields []arrow.Field
	for _, t := range s.types() {
		fields = append(fields, arrow.Field{Name: t.Name, Type: arrowconv.DataType(t.Type)})
	}
	return arrow.NewSchema(fields, nil)
}

// types gives the columns, the time's last.
func (l layout) types() []feature.JoinKey {
	return append(append([]feature.JoinKey{}, l.keys...), feature.JoinKey{Name: TimeColumn, Type: feature.Scalar(feature.Timestamp)})
}

// Source implements offline.Spine: the path says what the rows are, the digest is
// of all of them.
func (s *spine) Source() feature.File { return s.info }

// Close may be called twice.
func (s *spine) Close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	s.file = nil
	return err
}

// Scan implements offline.Spine.
func (s *spine) Scan(ctx context.Context, columns []int, fn func(arrow.Record) error) error {
	r := bufio.NewReaderSize(io.NewSectionReader(s.file, 0, s.info.Size), 1<<18)
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = s.Schema().Field(c)
	}
	schema := arrow.NewSchema(fields, nil)
	for left := s.info.Rows; left > 0; left -= recordRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := s.record(r, int(min(left, recordRows)), columns, schema)
		if err != nil {
			return err
		}
		err = fn(record)
		record.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *spine) record(r *bufio.Reader, rows int, columns []int, schema *arrow.Schema) (arrow.Record, error) {
	values := make([]*feature.Column, len(s.keys)+1)
	for i, t := range s.types() {
		values[i] = feature.NewColumn(t.Type, rows)
	}
	var row []byte
	for range rows {
		var err error
		if row, err = readRow(r, row); err != nil {
			return nil, errors.Join(s.broken(), err)
		}
		if err := s.decode(row, values); err != nil {
			return nil, err
		}
	}
	arrays := make([]arrow.Array, len(columns))
	defer func() {
		for _, a := range arrays {
			if a != nil {
				a.Release()
			}
		}
	}()
	for i, c := range columns {
		var err error
		if arrays[i], err = arrowconv.ToArrow(values[c], memory.DefaultAllocator); err != nil {
			return nil, fmt.Errorf("spine %s: column %q: %w", s.name, schema.Field(i).Name, err)
		}
	}
	return array.NewRecord(schema, arrays, int64(rows)), nil
}

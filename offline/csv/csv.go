// Package csv reads spines from, and writes training sets as, CSV files: RFC 4180,
// UTF-8, a header line, an empty field for null. Output tells how values are written.
//
// A spine is read once to check it and to find the types of its columns, and then
// again for each pass of the engine, in records of bounded size.
package csv

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	enc "encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

const (
	recordRows  = 64 * 1024
	recordBytes = 64 << 20 // of text in one record
	maxField    = 16 << 20 // bytes of one field
	maxLine     = 64 << 20 // bytes of one line
)

// spine implements offline.Spine.
type spine struct {
	path   string
	file   *os.File
	info   feature.File
	names  []string
	types  []feature.Type
	schema *arrow.Schema
}

// OpenSpine opens a CSV file as a spine. hints are the types of columns that are
// known, by name: the join keys, the times (ISO 8601; without a zone, UTC). The
// types of other columns are found in all rows: int64 where every value is
// written as Go or SQL would write it (no leading zeros, no plus sign), float64,
// bool (true or false), else string. A column without values is a string. A hint
// for a column that is not there is not an error.
func OpenSpine(ctx context.Context, path string, hints map[string]feature.Type) (offline.Spine, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a pipe would wait for its writer
	if err != nil {
		return nil, openError(path, err)
	}
	s := &spine{path: path, file: f}
	if err := s.prepare(ctx, hints); err != nil {
		_ = f.Close()
		return nil, err
	}
	return s, nil
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("spine %s does not exist: check the path: %w", path, feature.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("spine %s may not be read: check its permissions: %w", path, feature.ErrInvalid)
	default:
		return fmt.Errorf("spine %s can't be read: %w: %w", path, err, feature.ErrUnavailable)
	}
}

// prepare reads the file once: it checks every line, finds the types, counts the
// rows and digests the content.
func (s *spine) prepare(ctx context.Context, hints map[string]feature.Type) error {
	st, err := s.file.Stat()
	if err != nil {
		return openError(s.path, err)
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("spine %s is no regular file, expected a CSV file: %w", s.path, feature.ErrInvalid)
	}
	digest := sha256.New()
	r, err := s.newReader(io.TeeReader(s.file, digest))
	if err != nil {
		return err
	}
	s.names = r.header
	guesses := make([]guess, len(s.names))
	rows := int64(0)
	for {
		if rows%recordRows == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		fields, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		rows++
		for i, field := range fields {
			guesses[i].see(field)
		}
	}
	fields := make([]arrow.Field, len(s.names))
	for i, name := range s.names {
		t, hinted := hints[name]
		if !hinted {
			t = guesses[i].kind()
		}
		s.types = append(s.types, t)
		fields[i] = arrow.Field{Name: name, Type: arrowconv.DataType(t), Nullable: true}
	}
	s.schema = arrow.NewSchema(fields, nil)
	path := s.path
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	s.info = feature.File{
		Path: filepath.ToSlash(path), Size: st.Size(), Modified: st.ModTime().UnixNano(), Rows: rows,
		Digest: "sha256:" + hex.EncodeToString(digest.Sum(nil)[:16]),
	}
	return nil
}

// Schema implements offline.Spine.
func (s *spine) Schema() *arrow.Schema { return s.schema }

// Source implements offline.Spine. The digest is of the whole content.
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
	if err := s.unchanged(); err != nil {
		return err
	}
	r, err := s.newReader(io.NewSectionReader(s.file, 0, s.info.Size))
	if err != nil {
		return err
	}
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = s.schema.Field(c)
	}
	schema := arrow.NewSchema(fields, nil)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := s.readRecord(r, columns, schema)
		if err != nil || record == nil {
			return cmp.Or(err, s.unchanged())
		}
		err = fn(record)
		record.Release()
		if err != nil {
			return err
		}
	}
}

// unchanged tells whether the file is still the one that was opened: two passes have to
// give the same rows.
func (s *spine) unchanged() error {
	st, err := s.file.Stat()
	if err != nil {
		return openError(s.path, err)
	}
	if st.Size() != s.info.Size || st.ModTime().UnixNano() != s.info.Modified {
		return fmt.Errorf("spine %s changed while it was read: run again: %w", s.path, feature.ErrConflict)
	}
	return nil
}

// readRecord reads the next rows; nil after the last one.
func (s *spine) readRecord(r *reader, columns []int, schema *arrow.Schema) (arrow.Record, error) {
	cols := make([]*feature.Column, len(columns))
	for i, c := range columns {
		cols[i] = feature.NewColumn(s.types[c], 0)
	}
	rows, size := 0, 0
	for rows < recordRows && size < recordBytes {
		fields, err := r.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		rows++
		for i, c := range columns {
			text := fields[c]
			size += len(text)
			if text == "" {
				cols[i].AppendNull()
				continue
			}
			if err := cols[i].AppendText(text); err != nil {
				line, column := r.csv.FieldPos(c)
				return nil, fmt.Errorf("%s:%d:%d: column %q: %w", s.path, line, column, s.names[c], err)
			}
		}
	}
	if rows == 0 {
		return nil, nil //nolint:nilnil // the end
	}
	arrays := make([]arrow.Array, len(cols))
	defer func() {
		for _, a := range arrays {
			if a != nil {
				a.Release()
			}
		}
	}()
	for i, c := range cols {
		var err error
		if arrays[i], err = arrowconv.ToArrow(c, memory.DefaultAllocator); err != nil {
			return nil, fmt.Errorf("spine %s: column %q: %w", s.path, s.names[columns[i]], err)
		}
	}
	return array.NewRecord(schema, arrays, int64(rows)), nil
}

// reader reads the lines of a file with checks that tell their place.
type reader struct {
	path   string
	csv    *enc.Reader
	from   *limited
	header []string
	after  int // the line after the last one that was read
}

// limited ends with errTooLong where one line of the file takes more than it
// may: an open quote would have the whole file read into memory.
type limited struct {
	from io.Reader
	left int
}

var errTooLong = errors.New("line too long")

func (l *limited) Read(b []byte) (int, error) {
	if l.left <= 0 {
		return 0, errTooLong
	}
	n, err := l.from.Read(b[:min(len(b), l.left)])
	l.left -= n
	return n, err
}

func (s *spine) newReader(from io.Reader) (*reader, error) {
	limit := &limited{from: from, left: maxLine}
	b := bufio.NewReaderSize(limit, 1<<20)
	if mark, err := b.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = b.Discard(len(mark))
	}
	r := &reader{path: s.path, csv: enc.NewReader(b), from: limit}
	r.csv.ReuseRecord = true
	header, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("spine %s is empty: expected a header line with the columns' names: %w", s.path, feature.ErrInvalid)
	}
	if err != nil {
		return nil, r.explain(err)
	}
	seen := map[string]bool{}
	for i, name := range header {
		line, column := r.csv.FieldPos(i)
		switch {
		case !utf8.ValidString(name):
			return nil, fmt.Errorf("%s:%d:%d: the name of column %d is not UTF-8: save the file as UTF-8: %w", s.path, line, column, i+1, feature.ErrInvalid)
		case name == "":
			return nil, fmt.Errorf("%s:%d:%d: column %d has no name in the header: %w", s.path, line, column, i+1, feature.ErrInvalid)
		case seen[name]:
			return nil, fmt.Errorf("%s:%d:%d: two columns are named %q: rename one of them: %w", s.path, line, column, name, feature.ErrInvalid)
		}
		seen[name] = true
		r.header = append(r.header, strings.Clone(name))
	}
	r.after = 2
	return r, nil
}

// next gives the fields of the next line, valid until the line after it; io.EOF
// at the end.
func (r *reader) next() ([]string, error) {
	r.from.left = maxLine
	fields, err := r.csv.Read()
	if err != nil {
		return nil, r.explain(err)
	}
	if err := r.skipped(fields); err != nil {
		return nil, err
	}
	for i, field := range fields {
		if len(field) > maxField {
			line, column := r.csv.FieldPos(i)
			return nil, fmt.Errorf("%s:%d:%d: a field of %d bytes, at most %d can be: is a quote left open? %w",
				r.path, line, column, len(field), maxField, feature.ErrTooLarge)
		}
		if !utf8.ValidString(field) {
			line, column := r.csv.FieldPos(i)
			return nil, fmt.Errorf("%s:%d:%d: column %q is not UTF-8: save the file as UTF-8: %w", r.path, line, column, r.header[i], feature.ErrInvalid)
		}
	}
	return fields, nil
}

// skipped tells of empty lines, which the CSV reader passes over. In a file of one
// column they would be nulls, and a row would be lost.
func (r *reader) skipped(fields []string) error {
	line, _ := r.csv.FieldPos(0)
	if len(r.header) == 1 && line != r.after {
		return fmt.Errorf("%s:%d:1: an empty line in a file of one column: write a null as \"\", or remove the line: %w", r.path, r.after, feature.ErrInvalid)
	}
	r.after = line + 1
	if len(r.header) == 1 {
		r.after += strings.Count(fields[0], "\n")
	}
	return nil
}

func (r *reader) explain(err error) error {
	var p *enc.ParseError
	switch {
	case errors.Is(err, errTooLong):
		return fmt.Errorf("%s: the line that begins after byte %d is longer than %d bytes: is a quote left open? %w",
			r.path, r.csv.InputOffset(), maxLine, feature.ErrTooLarge)
	case errors.Is(err, io.EOF):
		return err
	case !errors.As(err, &p):
		return openError(r.path, err)
	case errors.Is(p.Err, enc.ErrFieldCount):
		return fmt.Errorf("%s:%d:%d: the line does not have the header's number of fields, %d: quote fields that hold commas or line ends: %w",
			r.path, p.StartLine, p.Column, len(r.header), feature.ErrInvalid)
	default:
		return fmt.Errorf("%s:%d:%d: %w: put fields with quotes, commas or line ends into quotes, and double the quotes in them: %w",
			r.path, p.Line, p.Column, p.Err, feature.ErrInvalid)
	}
}

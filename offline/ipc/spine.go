package ipc

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	arrowipc "github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// recordRows is the most rows of one record, and the rows of each that is written.
const recordRows = 64 * 1024

// magic begins and ends a file; a stream has none.
const magic = "ARROW1"

// spine implements offline.Spine.
type spine struct {
	path   string
	file   *os.File
	stream bool
	info   feature.File
	stored *arrow.Schema // as in the file
	schema *arrow.Schema // in plain types
}

// OpenSpine opens an Arrow IPC file or stream as a spine; which of the two it is,
// its first bytes tell. All types pass through (plainType names the exceptions). The file is read once to check it, to count
// its rows and to digest its content. A record batch is in memory whole, whatever
// size its writer gave it.
func OpenSpine(ctx context.Context, path string) (offline.Spine, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a pipe would wait for its writer
	if err != nil {
		return nil, openError(path, err)
	}
	s := &spine{path: path, file: f}
	if err := s.prepare(ctx); err != nil {
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

func (s *spine) prepare(ctx context.Context) error {
	st, err := s.file.Stat()
	if err != nil {
		return openError(s.path, err)
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("spine %s is no regular file, expected an Arrow IPC file: %w", s.path, feature.ErrInvalid)
	}
	digest := sha256.New()
	if _, err := io.Copy(digest, &interruptible{ctx, s.file}); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return openError(s.path, err)
	}
	path := s.path
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	s.info = feature.File{
		Path: filepath.ToSlash(path), Size: st.Size(), Modified: st.ModTime().UnixNano(),
		Digest: "sha256:" + hex.EncodeToString(digest.Sum(nil)[:16]),
	}
	begin := make([]byte, len(magic))
	n, _ := s.file.ReadAt(begin, 0)
	s.stream = string(begin[:n]) != magic
	return s.records(ctx, func(schema *arrow.Schema) error {
		s.stored = schema
		s.schema, err = plain(schema)
		return err
	}, func(r arrow.Record) error {
		s.info.Rows += r.NumRows()
		return nil
	})
}

// interruptible ends a copy with its context.
type interruptible struct {
	ctx  context.Context //nolint:containedctx // of one copy
	from io.Reader
}

// Read implements io.Reader.
func (r *interruptible) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.from.Read(b)
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
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = s.schema.Field(c)
	}
	schema := arrow.NewSchema(fields, nil)
	err := s.records(ctx, func(found *arrow.Schema) error {
		if !found.Equal(s.stored) {
			return s.changed()
		}
		return nil
	}, func(r arrow.Record) error {
		stored, err := whole(r, columns, schema)
		defer release(stored)
		if err != nil {
			return err
		}
		for at := int64(0); at < r.NumRows(); at += recordRows {
			part, err := part(stored, schema, at, min(at+recordRows, r.NumRows()))
			if err != nil {
				return err
			}
			err = fn(part)
			part.Release()
			if err != nil {
				return own{err}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.unchanged()
}

// unchanged tells whether the file is still the one that was opened: two passes have to
// give the same rows.
func (s *spine) unchanged() error {
	st, err := s.file.Stat()
	if err != nil {
		return openError(s.path, err)
	}
	if st.Size() != s.info.Size || st.ModTime().UnixNano() != s.info.Modified {
		return s.changed()
	}
	return nil
}

func (s *spine) changed() error {
	return fmt.Errorf("spine %s changed while it was read: run again: %w", s.path, feature.ErrConflict)
}

// whole gives some columns of a record, those of lists and structs in their plain types:
// a slice of one has all its items. The others take more memory when they are plain.
func whole(r arrow.Record, columns []int, schema *arrow.Schema) ([]arrow.Array, error) {
	arrays := make([]arrow.Array, len(columns))
	for i, c := range columns {
		arrays[i] = r.Column(c)
		if _, nested := arrays[i].DataType().(arrow.NestedType); !nested {
			arrays[i].Retain()
			continue
		}
		var err error
		if arrays[i], err = toPlain(r.Column(c), schema.Field(i).Type); err != nil {
			release(arrays[:i])
			return nil, fmt.Errorf("column %q: %w", schema.Field(i).Name, err)
		}
	}
	return arrays, nil
}

// part gives some rows of columns, in their plain types.
func part(columns []arrow.Array, schema *arrow.Schema, from, to int64) (arrow.Record, error) {
	arrays := make([]arrow.Array, len(columns))
	defer func() {
		for _, a := range arrays {
			if a != nil {
				a.Release()
			}
		}
	}()
	for i, c := range columns {
		stored := array.NewSlice(c, from, to)
		var err error
		arrays[i], err = toPlain(stored, schema.Field(i).Type)
		stored.Release()
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", schema.Field(i).Name, err)
		}
	}
	return array.NewRecord(schema, arrays, to-from), nil
}

// own is an error of the caller's function: it goes back as it is.
type own struct{ error }

// records reads the file from its start: begin is called with the schema, each
// with every record, which is valid during the call.
func (s *spine) records(ctx context.Context, begin func(*arrow.Schema) error, each func(arrow.Record) error) (err error) {
	calling := false
	call := func(r arrow.Record) error {
		if err := soundRecord(r); err != nil {
			return err
		}
		calling = true
		err := each(r)
		calling = false
		return err
	}
	defer func() {
		if !calling {
			if r := recover(); r != nil { // the library's, on a broken file
				err = fmt.Errorf("%v", r)
			}
		}
		mine := own{}
		switch {
		case errors.As(err, &mine):
			err = mine.error
		case err == nil || ctx.Err() != nil && errors.Is(err, ctx.Err()) || errors.Is(err, feature.ErrConflict):
		case feature.ErrorKind(err) != nil:
			err = fmt.Errorf("spine %s: %w", s.path, err)
		default:
			err = fmt.Errorf("spine %s is no Arrow IPC file or stream, or is damaged: %w: %w", s.path, err, feature.ErrInvalid)
		}
	}()
	from := io.NewSectionReader(s.file, 0, s.info.Size)
	if s.stream {
		return s.readStream(ctx, from, begin, call)
	}
	return s.readFile(ctx, from, begin, call)
}

func (s *spine) readStream(ctx context.Context, from io.Reader, begin func(*arrow.Schema) error, each func(arrow.Record) error) error {
	r, err := arrowipc.NewReader(from, s.bounded())
	if err != nil {
		return err
	}
	defer r.Release()
	if err := begin(r.Schema()); err != nil {
		return err
	}
	for r.Next() {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(r.Record()); err != nil {
			return err
		}
	}
	if err := r.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

func (s *spine) readFile(ctx context.Context, from *io.SectionReader, begin func(*arrow.Schema) error, each func(arrow.Record) error) error {
	end := make([]byte, len(magic))
	if n, _ := from.ReadAt(end, max(0, s.info.Size-int64(len(magic)))); !bytes.Equal(end[:n], []byte(magic)) {
		return fmt.Errorf("its end is missing: it was cut short or is still being written: %w", feature.ErrInvalid)
	}
	r, err := arrowipc.NewFileReader(from, s.bounded())
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()
	if err := begin(r.Schema()); err != nil {
		return err
	}
	for i := range r.NumRecords() {
		if err := ctx.Err(); err != nil {
			return err
		}
		record, err := r.RecordAt(i)
		if err != nil {
			return err
		}
		err = each(record)
		record.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// bounded has the library refuse to make buffers out of all proportion to the
// file: a damaged length would take all memory there is.
func (s *spine) bounded() arrowipc.Option {
	const least, ratio = 64 << 20, 1000 // compressed text can shrink that much
	return arrowipc.WithAllocator(&boundedAllocator{memory.DefaultAllocator, int(least + ratio*s.info.Size)})
}

type boundedAllocator struct {
	memory.Allocator
	most int
}

// Allocate implements memory.Allocator.
func (a *boundedAllocator) Allocate(size int) []byte {
	a.check(size)
	return a.Allocator.Allocate(size)
}

// Reallocate implements memory.Allocator.
func (a *boundedAllocator) Reallocate(size int, b []byte) []byte {
	a.check(size)
	return a.Allocator.Reallocate(size, b)
}

func (a *boundedAllocator) check(size int) {
	if size < 0 || size > a.most {
		panic(fmt.Errorf("a buffer of %d bytes: %w", size, feature.ErrInvalid))
	}
}

package parquet

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sync"
	"syscall"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

const (
	magic     = "PAR1"
	tailSize  = 8         // length of the footer and magic
	readAhead = 32 * 1024 // bytes read at once beside whole pages
	maxFooter = 1 << 30
)

// opened is an open Parquet file.
type opened struct {
	path    string // as messages name it
	file    *os.File
	pq      *pq.File
	meta    *format.FileMetaData
	root    *node
	info    feature.File // Path is not set
	leaves  []*node
	columns map[string]*node // top-level columns by name
	scratch sync.Pool        // of *scratch
}

// open opens the file at path; name is what messages call it. Footer, schema and
// row counts are checked.
func open(path, name string) (o *opened, err error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a pipe would wait for its writer
	if err != nil {
		return nil, openError(name, err)
	}
	defer func() {
		if err != nil {
			_ = f.Close()
		}
	}()
	st, err := f.Stat()
	if err != nil {
		return nil, openError(name, err)
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s is a folder, expected a Parquet file: %w", name, feature.ErrInvalid)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file, expected a Parquet file: %w", name, feature.ErrInvalid)
	}
	o = &opened{path: name, file: f, info: feature.File{Size: st.Size(), Modified: st.ModTime().UnixNano()}}
	if o.info.Digest, err = footerDigest(f, st.Size()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	err = guard(name, func() error {
		o.pq, err = pq.OpenFile(f, st.Size(), pq.SkipBloomFilters(true), pq.SkipPageIndex(true))
		return err
	})
	if err != nil {
		return nil, broken(name, "the footer can't be read", err)
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return o, nil
}

func (o *opened) check() error {
	o.meta = o.pq.Metadata()
	var err error
	if o.root, err = schemaTree(o.meta.Schema); err != nil {
		return err
	}
	o.columns = make(map[string]*node, len(o.root.children))
	for _, c := range o.root.children {
		if _, twice := o.columns[c.name()]; twice {
			return fmt.Errorf("the file has two columns named %q: rename one of them: %w", c.name(), feature.ErrInvalid)
		}
		o.columns[c.name()] = c
	}
	var walk func(n *node)
	walk = func(n *node) {
		if n.leaf >= 0 {
			o.leaves = append(o.leaves, n)
		}
		for _, c := range n.children {
			walk(c)
		}
	}
	walk(o.root)
	var rows int64
	for g := range o.meta.RowGroups {
		n := o.meta.RowGroups[g].NumRows
		switch {
		case n < 0 || len(o.meta.RowGroups[g].Columns) != len(o.leaves):
			return fmt.Errorf("row group %d of the footer makes no sense; the file is damaged: %w", g, feature.ErrInvalid)
		case n > math.MaxInt32:
			return fmt.Errorf("row group %d has %d rows, at most %d can be read: write smaller row groups: %w", g, n, math.MaxInt32, feature.ErrTooLarge)
		}
		rows += n
	}
	if rows != o.meta.NumRows {
		return fmt.Errorf("the footer tells of %d rows, its row groups of %d; the file is damaged: %w", o.meta.NumRows, rows, feature.ErrInvalid)
	}
	o.info.Rows = rows
	return nil
}

func (o *opened) close() error {
	if o.file == nil {
		return nil
	}
	err := o.file.Close()
	o.file = nil
	return err
}

// footerDigest checks the frame of a Parquet file and digests its footer, which
// holds the place, size and statistics of every column chunk.
func footerDigest(r io.ReaderAt, size int64) (string, error) {
	if size == 0 {
		return "", fmt.Errorf("the file is empty, expected a Parquet file: write it again: %w", feature.ErrInvalid)
	}
	head, tail := make([]byte, len(magic)), make([]byte, tailSize)
	if size < int64(len(magic)+tailSize) {
		return "", fmt.Errorf("the file has %d bytes and is no Parquet file (expected %s at both ends): %w", size, magic, feature.ErrInvalid)
	}
	if _, err := r.ReadAt(head, 0); err != nil {
		return "", fmt.Errorf("reading the first bytes: %w: %w", err, feature.ErrUnavailable)
	}
	if _, err := r.ReadAt(tail, size-tailSize); err != nil {
		return "", fmt.Errorf("reading the last bytes: %w: %w", err, feature.ErrUnavailable)
	}
	switch {
	case string(head) == "PARE" || string(tail[4:]) == "PARE":
		return "", fmt.Errorf("the file is encrypted, which is not supported: write it without encryption: %w", feature.ErrInvalid)
	case string(head) != magic:
		return "", fmt.Errorf("no Parquet file: it begins with %q, expected %q: %w", head, magic, feature.ErrInvalid)
	case string(tail[4:]) != magic:
		return "", fmt.Errorf("the file is cut short: it begins like a Parquet file and ends with %q, expected %q: write or copy it again: %w",
			tail[4:], magic, feature.ErrInvalid)
	}
	length := int64(binary.LittleEndian.Uint32(tail))
	if length > size-int64(len(magic)+tailSize) || length > maxFooter {
		return "", fmt.Errorf("a footer of %d bytes is claimed in a file of %d; the file is damaged: write or copy it again: %w",
			length, size, feature.ErrInvalid)
	}
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, size-tailSize-length, length+tailSize)); err != nil {
		return "", fmt.Errorf("reading the footer: %w: %w", err, feature.ErrUnavailable)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)[:16]), nil
}

func openError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: check the path, which is taken relative to the data root: %w", name, feature.ErrNotFound)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read: check its permissions: %w", name, feature.ErrInvalid)
	case errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%s can't be opened, because too many files are open: raise the limit (ulimit -n), which has to be above the number of a view's files, or write fewer and larger files: %w: %w",
			name, err, feature.ErrUnavailable)
	default:
		return fmt.Errorf("%s can't be opened: %w: %w", name, err, feature.ErrUnavailable)
	}
}

// broken is the error of a file whose bytes make no sense. Kinds of errors that
// are already told stay as they are.
func broken(name, what string, err error) error {
	if feature.ErrorKind(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fmt.Errorf("%s: %s: %w; the file is damaged, write or copy it again: %w", name, what, err, feature.ErrInvalid)
}

// guard runs fn and makes an error of a panic: the Parquet library panics on some
// broken files. Functions of callers are never run inside.
func guard(name string, fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%s: reading failed (%v); the file is damaged, write or copy it again: %w", name, r, feature.ErrInvalid)
		}
	}()
	return fn()
}

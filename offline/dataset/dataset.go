// Package dataset writes a training set as a folder of files: cut where a file has
// grown enough, or split by the values of columns into folders as Hive names them
// (country=NL/), or both.
//
// The folder is made beside its final place under a hidden name and gets its name
// when everything is in it: readers see all of it or nothing. What files there are,
// and their bytes, depend on the rows and the options, never on how rows were cut
// into records.
package dataset

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/arrowconv"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

// Options of Create.
type Options struct {
	// File begins one file of the folder.
	File func(path string, schema *arrow.Schema) (offline.Output, error)
	// Ending is that of the files' names, with its dot.
	Ending string
	// PartitionBy names columns that become folders, the outermost first. They are
	// not in the files.
	PartitionBy []string
	// Rows is the most rows of a file; 0: any number.
	Rows int64
	// Bytes is about how large a file gets; 0: any size. A file's size is known when
	// it is complete: the first is cut by the size of its values in memory, those
	// after it by what that gave.
	Bytes int64
	// Held is how many bytes of partitions' rows wait in memory, so that each gets few
	// files; 0 means 128 MiB. Where more are there, the largest partition is written,
	// and goes on in another file.
	Held int64
}

// File is a file of a folder that was written.
type File struct {
	Path   string // below the folder, with slashes
	Rows   int64
	Digest string // as Digester gives it; empty: not known
}

// Digester is an output that knows the digest of the file that it wrote, as
// offline.DigestFile gives it; empty: it does not.
type Digester interface{ Digest() string }

const (
	heldByDefault = 128 << 20
	mostFiles     = 10_000
	mostPieces    = 64   // of a partition, before they become one
	look          = 1024 // rows between two looks at sizes
)

// Output writes a folder. It is not safe for concurrent use.
type Output struct {
	path    string
	staged  string // the folder while it is written; empty after the end
	options Options
	schema  *arrow.Schema // of the files
	keep    []int         // the columns of the files
	by      []int         // the columns of PartitionBy

	parts   map[string]*part // by their folder
	order   []*part          // in the order in which they came
	row     int64            // rows so far
	held    int64            // bytes of rows that wait
	files   []File
	per     float64 // bytes on disk for a byte in memory, by the files so far; 0: not known
	inside  int64   // bytes in memory of completed files
	outside int64   // and on disk
}

var _ offline.Output = (*Output)(nil)

// Create begins a folder at path, which must not be there (feature.ErrConflict).
// Columns that can't name folders are errors that wrap feature.ErrInvalid.
func Create(path string, schema *arrow.Schema, options Options) (*Output, error) {
	if options.Held <= 0 {
		options.Held = heldByDefault
	}
	o := &Output{path: path, options: options, parts: map[string]*part{}}
	if err := o.plan(schema); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, fmt.Errorf("%s is there already: name another output, or replace it with --force: %w", path, feature.ErrConflict)
	}
	suffix := make([]byte, 6)
	if _, err := rand.Read(suffix); err != nil {
		return nil, fmt.Errorf("%s: a temporary name: %w: %w", path, err, feature.ErrUnavailable)
	}
	dir, name := filepath.Split(filepath.Clean(path))
	o.staged = filepath.Join(dir, "."+name+".tmp-"+hex.EncodeToString(suffix))
	if err := os.Mkdir(o.staged, 0o777); err != nil { //nolint:gosec // as the umask says, like the files in it
		o.staged = ""
		return nil, atomicfile.Explain(path, "can't be created", err)
	}
	return o, nil
}

func (o *Output) plan(schema *arrow.Schema) error {
	var names []string
	for _, f := range schema.Fields() {
		names = append(names, f.Name)
	}
	for _, name := range o.options.PartitionBy {
		at := slices.Index(names, name)
		switch {
		case at < 0:
			near := ""
			if n := feature.Nearest(name, slices.Values(names)); n != "" {
				near = fmt.Sprintf(" (did you mean %q?)", n)
			}
			return fmt.Errorf("there is no column %q to partition by%s: %w", name, near, feature.ErrInvalid)
		case slices.Contains(o.by, at):
			return fmt.Errorf("column %q is named twice to partition by: %w", name, feature.ErrInvalid)
		case !namesFolders(schema.Field(at).Type):
			return fmt.Errorf("column %q is of type %s, which can't name folders: partition by text, whole numbers, dates, times or truth values: %w",
				name, schema.Field(at).Type, feature.ErrInvalid)
		}
		o.by = append(o.by, at)
	}
	var fields []arrow.Field
	for i, f := range schema.Fields() {
		if !slices.Contains(o.by, i) {
			o.keep = append(o.keep, i)
			fields = append(fields, f)
		}
	}
	if len(fields) == 0 {
		return fmt.Errorf("every column is one to partition by, and the files would be empty: %w", feature.ErrInvalid)
	}
	metadata := schema.Metadata()
	o.schema = arrow.NewSchema(fields, &metadata)
	return nil
}

// part is a partition; without PartitionBy there is one, whose rows don't wait.
type part struct {
	folder  string         // below the output's, with slashes; empty: itself
	number  int            // of its next file
	out     offline.Output // the file that is open; nil: none
	name    string         // of it
	rows    int64          // of the file, or those that wait for it
	bytes   int64          // of their values in memory
	pieces  []arrow.Record // copies of rows that wait
	pending []int          // rows of the current record that are neither written nor copied
}

// Write implements offline.Output.
func (o *Output) Write(record arrow.Record) error {
	if o.staged == "" {
		return fmt.Errorf("%s: written after its end: %w", o.path, feature.ErrInvalid)
	}
	folder := folderOf(record, o.options.PartitionBy, o.by)
	columns := make([]arrow.Array, len(o.keep))
	for i, c := range o.keep {
		columns[i] = record.Column(c)
	}
	var name []byte
	for row := range int(record.NumRows()) {
		var err error
		if name, err = folder(name[:0], row); err != nil {
			return fmt.Errorf("%s: %w", o.path, err)
		}
		p := o.parts[string(name)]
		if p == nil {
			if p, err = o.newPart(string(name)); err != nil {
				return err
			}
		}
		if err := o.take(p, columns, row); err != nil {
			return err
		}
	}
	for _, p := range o.order {
		if err := o.settle(p, columns); err != nil {
			return err
		}
	}
	return nil
}

func (o *Output) newPart(folder string) (*part, error) {
	if len(o.parts) == mostFiles {
		return nil, o.tooMany()
	}
	p := &part{folder: folder}
	o.parts[folder], o.order = p, append(o.order, p)
	return p, nil
}

func (o *Output) tooMany() error {
	return fmt.Errorf("%s: more than %d files: partition by columns of fewer values, or make files larger: %w", o.path, mostFiles, feature.ErrTooLarge)
}

// take puts a row of the current record into a partition.
func (o *Output) take(p *part, columns []arrow.Array, row int) error {
	p.pending = append(p.pending, row)
	p.rows++
	o.row++
	if o.options.Bytes > 0 || len(o.by) > 0 {
		size := int64(0)
		for _, c := range columns {
			size += sizeOf(c.Data(), row)
		}
		p.bytes += size
		o.held += size
	}
	if p.rows == o.options.Rows || o.options.Bytes > 0 && p.rows%look == 0 && o.large(p) {
		return o.end(p, columns)
	}
	for len(o.by) > 0 && o.row%look == 0 && o.held > o.options.Held {
		largest := slices.MaxFunc(o.order, func(a, b *part) int { return cmp.Compare(a.bytes, b.bytes) })
		if err := o.end(largest, columns); err != nil {
			return err
		}
	}
	return nil
}

func (o *Output) large(p *part) bool {
	per := o.per
	if per == 0 {
		per = 1
	}
	return float64(p.bytes)*per >= float64(o.options.Bytes)
}

// settle writes a partition's rows of the current record, or copies them to wait.
func (o *Output) settle(p *part, columns []arrow.Array) error {
	if len(p.pending) == 0 {
		return nil
	}
	if len(o.by) == 0 {
		if err := o.begin(p); err != nil {
			return err
		}
		return o.flush(p, columns)
	}
	record := newRecord(o.schema, columns)
	defer record.Release()
	piece, err := arrowconv.TakeRecord(record, p.pending)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	p.pending = p.pending[:0]
	if p.pieces = append(p.pieces, piece); len(p.pieces) < mostPieces {
		return nil
	}
	one, err := joined(o.schema, p.pieces)
	if err != nil {
		return fmt.Errorf("%s: %w", o.path, err)
	}
	p.forget()
	p.pieces = append(p.pieces, one)
	return nil
}

func (p *part) forget() {
	for _, r := range p.pieces {
		r.Release()
	}
	p.pieces = nil
}

// begin begins a partition's next file, unless one is open.
func (o *Output) begin(p *part) error {
	if p.out != nil {
		return nil
	}
	if len(o.files) >= mostFiles {
		return o.tooMany()
	}
	folder := filepath.Join(o.staged, filepath.FromSlash(p.folder))
	if err := os.MkdirAll(folder, 0o777); err != nil { //nolint:gosec // as the umask says, like the files in it
		return atomicfile.Explain(o.path, "can't be written", err)
	}
	name := fmt.Sprintf("part-%05d%s", p.number, o.options.Ending)
	p.number++
	p.name = path.Join(p.folder, name)
	var err error
	p.out, err = o.options.File(filepath.Join(folder, name), o.schema)
	return err
}

// flush writes the rows that wait, and those of the current record.
func (o *Output) flush(p *part, columns []arrow.Array) error {
	for _, piece := range p.pieces {
		if err := p.out.Write(piece); err != nil {
			return err
		}
	}
	p.forget()
	if len(p.pending) == 0 {
		return nil
	}
	taken, err := o.taken(p.pending, columns)
	if err != nil {
		return err
	}
	defer taken.Release()
	p.pending = p.pending[:0]
	return p.out.Write(taken)
}

// end completes a partition's file.
func (o *Output) end(p *part, columns []arrow.Array) error {
	if err := o.begin(p); err != nil {
		return err
	}
	if err := o.flush(p, columns); err != nil {
		return err
	}
	out := p.out
	p.out = nil
	if err := out.Commit(); err != nil {
		return err
	}
	if o.options.Bytes > 0 {
		st, err := os.Stat(filepath.Join(o.staged, filepath.FromSlash(p.name)))
		if err != nil {
			return atomicfile.Explain(o.path, "can't be written", err)
		}
		o.inside, o.outside = o.inside+p.bytes, o.outside+st.Size()
		o.per = float64(o.outside) / float64(max(o.inside, 1))
	}
	file := File{Path: p.name, Rows: p.rows}
	if d, ok := out.(Digester); ok {
		file.Digest = d.Digest()
	}
	o.files = append(o.files, file)
	o.held -= p.bytes
	p.rows, p.bytes = 0, 0
	return nil
}

// Files gives the files that were written, in the order of their paths.
func (o *Output) Files() []File { return o.files }

// Commit implements offline.Output. Rows that never came make one file without
// rows, where there are no partitions.
func (o *Output) Commit() error {
	if o.staged == "" {
		return fmt.Errorf("%s: ended twice: %w", o.path, feature.ErrInvalid)
	}
	if err := o.complete(); err != nil {
		return errors.Join(err, o.Abort())
	}
	if err := os.Rename(o.staged, o.path); err != nil {
		return errors.Join(atomicfile.Explain(o.path, "can't be completed", err), o.Abort())
	}
	o.staged = ""
	return atomicfile.SyncFolder(filepath.Dir(filepath.Clean(o.path)))
}

func (o *Output) complete() error {
	if len(o.parts) == 0 && len(o.by) == 0 {
		p, err := o.newPart("")
		if err != nil {
			return err
		}
		return o.end(p, nil)
	}
	for _, p := range o.order {
		if p.rows > 0 {
			if err := o.end(p, nil); err != nil {
				return err
			}
		}
	}
	slices.SortFunc(o.files, func(a, b File) int { return cmp.Compare(a.Path, b.Path) })
	return nil
}

// Abort implements offline.Output.
func (o *Output) Abort() error {
	if o.staged == "" {
		return nil
	}
	var errs []error
	for _, p := range o.order {
		p.forget()
		if p.out != nil {
			errs = append(errs, p.out.Abort())
		}
	}
	errs = append(errs, os.RemoveAll(o.staged))
	o.staged, o.order = "", nil
	return errors.Join(errs...)
}

// taken copies rows of the current record; a run of them is shown as it is.
func (o *Output) taken(rows []int, columns []arrow.Array) (arrow.Record, error) {
	record := newRecord(o.schema, columns)
	defer record.Release()
	first, n := rows[0], len(rows)
	if rows[n-1]-first == n-1 {
		return record.NewSlice(int64(first), int64(first+n)), nil
	}
	return arrowconv.TakeRecord(record, rows)
}

package parquet

import (
	"bufio"
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/parquet-go/parquet-go/format"
	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/atomicfile"
)

// Options of Create. The zero value writes zstd into row groups of half a million rows.
type Options struct {
	// Force allows to replace an existing file.
	Force bool
	// Uncompressed leaves the pages as they are.
	Uncompressed bool
	// RowGroupRows is the number of rows of a row group; 0 means 524,288. It is
	// rounded up to a multiple of 1,024. Row groups end earlier where they grow
	// beyond 64 MiB, so that memory stays bounded.
	RowGroupRows int
}

const (
	blockRows     = 1024     // pages and row groups end at multiples of this
	lookRows      = 64 << 10 // sizes of row groups are looked at this often, or oftener
	pageBytes     = 1 << 20  // of values in a page, before compression
	pageMost      = 4 << 20  // then a page ends at any row
	groupRows     = 512 << 10
	groupBytes    = 64 << 20
	dictionaryMax = 256 << 10 // bytes of a dictionary, then pages are plain
)

// Output writes a Parquet file. The bytes depend on the rows and the options,
// never on how rows were cut into records. A row group whose rows are in the order
// of a timestamp column says so in its sorting metadata. It is not safe for
// concurrent use.
type Output struct {
	path    string
	schema  *arrow.Schema
	file    *atomicfile.File
	buffer  *bufio.Writer
	offset  int64 // in the file
	codec   format.CompressionCodec
	leaves  []*chunkWriter
	presses []*press // one for each worker
	footer  *footer
	rows    int // of the row group
	look    int // the row of the row group where its size is looked at
	limit   int
	ended   bool
	failure error
}

var _ offline.Output = (*Output)(nil)

// Create begins a Parquet file at path for records of the schema. Errors are
// those of atomicfile.Create, and feature.ErrInvalid for a type that Parquet
// can't carry.
func Create(path string, schema *arrow.Schema, options Options) (*Output, error) {
	o := &Output{path: path, schema: schema, limit: groupRows, look: blockRows}
	if options.RowGroupRows > 0 {
		o.limit = (options.RowGroupRows + blockRows - 1) / blockRows * blockRows
	}
	if err := o.prepare(options); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	var err error
	if o.file, err = atomicfile.Create(path, options.Force); err != nil {
		return nil, err
	}
	o.buffer = bufio.NewWriterSize(o.file, 1<<20)
	if err := o.put([]byte(magic)); err != nil {
		_ = o.file.Abort()
		return nil, err
	}
	return o, nil
}

// prepare makes the schema, a writer for each leaf, and the footer.
func (o *Output) prepare(options Options) error {
	elems, err := elementsFor(o.schema)
	if err != nil {
		return err
	}
	tree, err := schemaTree(elems)
	if err != nil {
		return err
	}
	o.codec = format.Zstd
	if options.Uncompressed {
		o.codec = format.Uncompressed
	}
	leaves, paths := leavesOf(tree, nil)
	for column, f := range o.schema.Fields() {
		for _, s := range pathsOf(f, 0) {
			i := len(o.leaves)
			w, err := newChunkWriter(column, s, leaves[i], paths[i], o.codec)
			if err != nil {
				return fmt.Errorf("column %q: %w", f.Name, err)
			}
			o.leaves = append(o.leaves, w)
		}
	}
	for range max(1, min(runtime.GOMAXPROCS(0), len(o.leaves))) {
		p, err := newPress(options.Uncompressed)
		if err != nil {
			return err
		}
		o.presses = append(o.presses, p)
	}
	o.footer = newFooter(elems, len(leaves))
	return nil
}

// elementsFor gives the schema as the footer has it. What the library that makes
// it does not take, and panics on, is an error.
func elementsFor(schema *arrow.Schema) (elems []format.SchemaElement, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the columns can't be written (%v): %w", r, feature.ErrInvalid)
		}
	}()
	s, err := schemaOf(schema)
	if err != nil {
		return nil, err
	}
	return elementsOf(s.Name(), s, true), nil
}

// put writes bytes to the file.
func (o *Output) put(b []byte) error {
	n, err := o.buffer.Write(b)
	o.offset += int64(n)
	return err
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
		n := min(rows-at, o.look-o.rows)
		if o.failure = o.writeRows(record, at, at+n); o.failure != nil {
			return o.failure
		}
		at, o.rows = at+n, o.rows+n
		if o.rows == o.look && !o.lookOn() {
			if o.failure = o.endGroup(); o.failure != nil {
				return o.failure
			}
		}
	}
	return nil
}

// lookOn sets the row at which the row group's size is looked at next, so that it
// depends on the rows and not on the records, or gives false if it is full.
func (o *Output) lookOn() bool {
	size := 0
	for _, w := range o.leaves {
		size += w.size()
	}
	if size >= groupBytes || o.rows == o.limit {
		return false
	}
	room := (groupBytes - size) / (size/o.rows + 1) / 2 / blockRows * blockRows
	o.look = min(o.rows+min(max(room, blockRows), lookRows), o.limit)
	return true
}

func (o *Output) writeRows(record arrow.Record, lo, hi int) error {
	return o.each(hi-lo, func(i int, p *press) error {
		w := o.leaves[i]
		return w.write(record.Column(w.column), lo, hi, p)
	})
}

// each runs fn for each leaf, on all cores if there are rows enough.
func (o *Output) each(rows int, fn func(leaf int, p *press) error) error {
	var g errgroup.Group
	var next atomic.Int64
	presses := o.presses
	if rows < blockRows {
		presses = presses[:1]
	}
	for _, p := range presses {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(o.leaves) {
					return nil
				}
				if err := fn(i, p); err != nil {
					return fmt.Errorf("%s: column %q: %w", o.path, o.schema.Field(o.leaves[i].column).Name, err)
				}
			}
		})
	}
	return g.Wait()
}

// endGroup completes the chunks and writes them in the order of the leaves.
func (o *Output) endGroup() error {
	chunks := make([]chunkState, len(o.leaves))
	dictionaries := make([][]byte, len(o.leaves))
	err := o.each(o.rows, func(i int, p *press) (err error) {
		chunks[i], dictionaries[i], err = o.leaves[i].end(p)
		return err
	})
	if err != nil {
		return err
	}
	for i, w := range o.leaves {
		meta := &chunks[i].meta
		if len(dictionaries[i]) > 0 {
			meta.DictionaryPageOffset = o.offset
			if err := o.put(dictionaries[i]); err != nil {
				return err
			}
		}
		meta.DataPageOffset = o.offset
		for k := range chunks[i].offsets.PageLocations {
			chunks[i].offsets.PageLocations[k].Offset += o.offset
		}
		if err := o.put(w.data); err != nil {
			return err
		}
		w.begin(meta.Type, o.codec)
	}
	o.footer.add(chunks, o.rows)
	o.rows, o.look = 0, min(blockRows, o.limit)
	return nil
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
		err = o.finish()
	}
	o.ended = true
	if err != nil {
		_ = o.file.Abort()
		return err
	}
	return o.file.Commit()
}

// finish writes what stands behind the row groups.
func (o *Output) finish() error {
	tail, err := o.footer.encode(o.offset)
	if err != nil {
		return fmt.Errorf("%s: the footer can't be written: %w: %w", o.path, err, feature.ErrInvalid)
	}
	if err := o.put(tail); err != nil {
		return err
	}
	return o.buffer.Flush()
}

// Digest gives the digest of the file, once Commit was called, as atomicfile.File has it.
func (o *Output) Digest() string { return o.file.Digest() }

// Abort implements offline.Output.
func (o *Output) Abort() error {
	o.ended = true
	return o.file.Abort()
}

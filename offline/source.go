package offline

import (
	"context"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
)

// Files opens the files that a view's table is made of. offline/parquet
// implements it. Safe for concurrent use.
type Files interface {
	// List fixes the files of a table as they stand now, each once, in the order
	// of their paths. Names that match nothing are an error that wraps
	// feature.ErrNotFound.
	List(ctx context.Context, table *feature.Table) ([]feature.File, error)
	// Open opens one of the files that List gave. A file that changed since is an
	// error that wraps feature.ErrConflict.
	Open(ctx context.Context, table *feature.Table, file feature.File) (TableFile, error)
}

// TableFile is one open file. Columns are named as in Table.Columns and come in
// the types given there; a value that does not fit is an error that names file,
// row group, row and column. A nullable column that the file lacks is all null.
// Row groups may be read concurrently.
type TableFile interface {
	// Groups gives the number of rows of each row group.
	Groups() []int
	// Lacks tells that the file does not have a column, which is then all null.
	Lacks(column string) bool
	// Times gives bounds of a Timestamp column over a row group from the file's
	// statistics, inclusive; ok is false where nothing is known. The bounds of a
	// group whose values are all null are MaxTime, MinTime. Rounding is as for
	// values: the available timestamp is rounded up, others down.
	Times(group int, column string) (least, greatest feature.Time, ok bool)
	// Bytes gives what a column of a row group takes in the file, compressed; 0 where it
	// is not known, or nothing is read for it.
	Bytes(group int, column string) int64
	// Scan reads columns of a row group from its first row to its last, in chunks
	// of aligned columns. The chunk belongs to the file and is reused: fn copies
	// what it keeps. first is the row of the chunk's first value in the group. An
	// error of fn ends the scan and is returned as it is.
	Scan(ctx context.Context, group int, columns []string, fn func(first int, chunk []*feature.Column) error) error
	// Gather appends the values of the given rows of a group, ascending and
	// distinct, to dst, reading only the pages that hold them.
	Gather(ctx context.Context, group int, column string, rows []int32, dst *feature.Column) error
	// Close may be called twice.
	Close() error
}

// Spine is the rows that a training set is built for. It is read more than once
// and gives the same rows in the same order each time. One that gives fewer rows
// than its Source has also has Rows() int64, which says how many.
type Spine interface {
	// Schema gives all columns, in their order, with types that carry the file's
	// own without loss.
	Schema() *arrow.Schema
	// Scan reads the columns with the given indexes, all rows in order, in records
	// of bounded size. A record is released when fn returns: fn retains what it
	// keeps. An error of fn ends the scan and is returned as it is.
	Scan(ctx context.Context, columns []int, fn func(arrow.Record) error) error
	// Source tells what was read, for the manifest.
	Source() feature.File
	Close() error
}

// rowsOf gives the number of rows that a spine is expected to give; 0: it is not known.
func rowsOf(s Spine) int64 {
	if counted, ok := s.(interface{ Rows() int64 }); ok {
		return counted.Rows()
	}
	return s.Source().Rows
}

// Output takes the rows of a training set, in order.
type Output interface {
	// Write takes one record; it is not kept.
	Write(arrow.Record) error
	// Commit makes the output appear under its name, whole.
	Commit() error
	// Abort leaves nothing behind. After Commit it does nothing.
	Abort() error
}

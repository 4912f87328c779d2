package offline

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// computed plans the derived columns of a table, and counts the rows for which they
// could not be computed. It is shared by the table's files, and safe for concurrent use.
type computed struct {
	source *feature.Table

	mu     sync.Mutex
	plans  map[string]*derived.Table // by the names asked for, one behind the other
	failed map[failedGroup]int64     // source rows
}

// failedGroup is a row group that was scanned, and a derived column that failed in it.
type failedGroup struct {
	column, file string
	group        int
}

// newComputed gives nil where a table has no derived columns.
func newComputed(source *feature.Table) *computed {
	if len(source.Derived) == 0 {
		return nil
	}
	return &computed{source: source, plans: map[string]*derived.Table{}, failed: map[failedGroup]int64{}}
}

func (c *computed) plan(names []string) (*derived.Table, error) {
	key := strings.Join(names, "\x00")
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.plans[key]; p != nil {
		return p, nil
	}
	p, err := derived.OfTable(c.source, names...)
	if err != nil {
		return nil, err
	}
	c.plans[key] = p
	return p, nil
}

// reads gives the columns of files that names are read from or computed of, each once.
func (t *table) reads(names ...string) ([]string, error) {
	if t.computed == nil {
		return names, nil
	}
	p, err := t.computed.plan(names)
	if err != nil {
		return nil, err
	}
	return p.Reads, nil
}

// note keeps how many rows of a group failed. A group that is scanned again says the
// same again.
func (c *computed) note(file string, group int, failed map[string]int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for column, rows := range failed {
		c.failed[failedGroup{column, file, group}] = rows
	}
}

// computedFile is a file of a table with its derived columns.
type computedFile struct {
	TableFile
	*computed
	path string
}

func (f *computedFile) derives(column string) bool { return derived.IsDerived(f.source, column) }

// Lacks implements TableFile. A derived column has values whatever the file lacks.
func (f *computedFile) Lacks(column string) bool {
	return !f.derives(column) && f.TableFile.Lacks(column)
}

// Times implements TableFile. Nothing is known of times that are computed.
func (f *computedFile) Times(group int, column string) (least, greatest feature.Time, ok bool) {
	if f.derives(column) {
		return 0, 0, false
	}
	return f.TableFile.Times(group, column)
}

// Bytes implements TableFile: of a derived column those of what it is computed of.
func (f *computedFile) Bytes(group int, column string) int64 {
	if !f.derives(column) {
		return f.TableFile.Bytes(group, column)
	}
	p, err := f.plan([]string{column})
	if err != nil {
		return 0 // told when it is read
	}
	bytes := int64(0)
	for _, c := range p.Reads {
		bytes += f.TableFile.Bytes(group, c)
	}
	return bytes
}

// Scan implements TableFile.
func (f *computedFile) Scan(ctx context.Context, group int, columns []string, fn func(first int, chunk []*feature.Column) error) error {
	if !slices.ContainsFunc(columns, f.derives) {
		return f.TableFile.Scan(ctx, group, columns, fn)
	}
	p, err := f.plan(columns)
	if err != nil {
		return err
	}
	m, out, failed := p.NewMachine(), make([]*feature.Column, len(columns)), map[string]int64{}
	m.Until(ctx.Err)
	compute := func(first, rows int, chunk []*feature.Column) error {
		results, err := m.Compute(rows, chunk)
		if err != nil {
			return err
		}
		for i := range results {
			out[i] = results[i].Values
		}
		m.Failures(func(column string, rows []bool) { failed[column] += count(rows) })
		return fn(first, out)
	}
	if len(p.Reads) == 0 { // constants, and nothing else
		for first, rows := 0, f.Groups()[group]; first < rows && err == nil; first += constantRows {
			err = compute(first, min(constantRows, rows-first), nil)
		}
	} else {
		err = f.TableFile.Scan(ctx, group, p.Reads, func(first int, chunk []*feature.Column) error {
			return compute(first, chunk[0].Len(), chunk)
		})
	}
	if err != nil {
		return err
	}
	f.note(f.path, group, failed)
	return nil
}

// constantRows is the rows of a chunk of columns that no file is read for.
const constantRows = 16 << 10

// Gather implements TableFile.
func (f *computedFile) Gather(ctx context.Context, group int, column string, rows []int32, dst *feature.Column) error {
	_, err := f.gather(ctx, group, column, rows, dst)
	return err
}

// gather is Gather that tells which of the rows could not be computed; nil: none.
func (f *computedFile) gather(ctx context.Context, group int, column string, rows []int32, dst *feature.Column) (failed []bool, err error) {
	if !f.derives(column) {
		return nil, f.TableFile.Gather(ctx, group, column, rows, dst)
	}
	p, err := f.plan([]string{column})
	if err != nil {
		return nil, err
	}
	m, reads := p.NewMachine(), make([]*feature.Column, len(p.Reads))
	m.Until(ctx.Err)
	for i, name := range p.Reads {
		reads[i] = feature.NewColumn(f.source.TypeOf(name), min(len(rows), pieceRows))
	}
	for from := 0; from < len(rows); from += pieceRows {
		piece := rows[from:min(from+pieceRows, len(rows))]
		for i, name := range p.Reads {
			reads[i].Reset()
			if err := f.TableFile.Gather(ctx, group, name, piece, reads[i]); err != nil {
				return nil, err
			}
		}
		results, err := m.Compute(len(piece), reads)
		if err != nil {
			return nil, err
		}
		appendValues(dst, results[0].Values)
		failed = noteRows(failed, results[0].Failed, from, len(rows))
	}
	return failed, nil
}

// noteRows writes which of a run of rows failed, from row first on; dst, of all rows, is
// made when the first of them did.
func noteRows(dst, failed []bool, first, rows int) []bool {
	if failed == nil {
		return dst
	}
	if dst == nil {
		dst = make([]bool, rows)
	}
	copy(dst[first:], failed)
	return dst
}

// failuresOf adds up the rows that failed, in the order of the table's derived columns;
// shown counts those of columns that were only gathered.
func failuresOf(source *feature.Table, groups map[failedGroup]int64, shown map[string]int64) []feature.ColumnFailures {
	rows := map[string]int64{}
	for at, n := range groups {
		rows[at.column] += n
	}
	var failures []feature.ColumnFailures
	for _, d := range source.Derived {
		if n := max(rows[d.Name], shown[d.Name]); n > 0 {
			failures = append(failures, feature.ColumnFailures{Column: d.Name, Expression: d.Expression, Rows: n})
		}
	}
	return failures
}

func count(rows []bool) int64 {
	n := int64(0)
	for _, yes := range rows {
		if yes {
			n++
		}
	}
	return n
}

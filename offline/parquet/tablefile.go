package parquet

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/parquet-go/parquet-go/format"

	"github.com/quiver-features/quiver/feature"
)

// chunkRows is the number of rows that Scan hands over at once: small enough that
// the chunks of some columns stay in a core's cache.
const chunkRows = 16 * 1024

// tableFile implements offline.TableFile.
type tableFile struct {
	file    *opened
	table   *feature.Table
	columns map[string]*tableColumn

	closing sync.Mutex
}

// tableColumn is where the values of a column of the table come from: a column of
// the file, or one value for all rows.
type tableColumn struct {
	def     *feature.TableColumn
	col     *column
	convert converter
	up      bool            // times are rounded up
	always  *feature.Column // one value; nil where col is set
	lacks   bool            // the file does not have the column
}

func newTableFile(o *opened, table *feature.Table, partitions map[string]partition) (*tableFile, error) {
	t := &tableFile{file: o, table: table, columns: make(map[string]*tableColumn, len(table.Columns))}
	for i := range table.Columns {
		def := &table.Columns[i]
		c, err := t.resolve(def, partitions)
		if err != nil {
			return nil, err
		}
		t.columns[def.Name] = c
	}
	return t, nil
}

func (t *tableFile) resolve(def *feature.TableColumn, partitions map[string]partition) (*tableColumn, error) {
	c := &tableColumn{def: def, up: def.Name == t.table.Available && t.table.Available != ""}
	if p, ok := partitions[def.Column]; ok {
		var err error
		if c.always, err = p.value(def.Type, c.up); err != nil {
			return nil, fmt.Errorf("%s: partition folder %s=%s: %w", t.file.path, p.name, p.text, err)
		}
		return c, nil
	}
	top, ok := t.file.columns[def.Column]
	if !ok {
		if isTime := def.Name == t.table.Event || def.Name == t.table.Available; isTime || def.Key {
			what := "times"
			if !isTime {
				what = "join keys"
			}
			return nil, fmt.Errorf("%s has no column %q, which source %s reads its %s from%s: %w",
				t.file.path, def.Column, t.table.Source, what, hint(def.Column, t.file.names()), feature.ErrInvalid)
		}
		c.always, c.lacks = feature.NullColumn(def.Type, 1), true
		return c, nil
	}
	col, ok := columnOf(top)
	if ok && col.list == def.Type.List {
		c.col = col
		c.convert = conversion(col.logical, def.Type.Kind, def.Declared, c.up)
	}
	if c.convert == nil {
		return nil, fmt.Errorf("%s: column %q is of type %s, expected %s: write the file with that type, or declare the column's type in source %s: %w",
			t.file.path, def.Column, describe(top), def.Type, t.table.Source, feature.ErrInvalid)
	}
	return c, nil
}

// Lacks implements offline.TableFile.
func (t *tableFile) Lacks(column string) bool {
	c := t.columns[column]
	return c != nil && c.lacks
}

func (t *tableFile) column(name string) (*tableColumn, error) {
	c, ok := t.columns[name]
	if !ok {
		return nil, fmt.Errorf("%s: column %q is not one of source %s: %w", t.file.path, name, t.table.Source, feature.ErrInvalid)
	}
	return c, nil
}

// Groups implements offline.TableFile.
func (t *tableFile) Groups() []int {
	groups := make([]int, len(t.file.meta.RowGroups))
	for i := range groups {
		groups[i] = int(t.file.meta.RowGroups[i].NumRows)
	}
	return groups
}

// Bytes implements offline.TableFile.
func (t *tableFile) Bytes(group int, column string) int64 {
	c := t.columns[column]
	if c == nil || c.col == nil {
		return 0 // one value for all rows
	}
	return t.file.meta.RowGroups[group].Columns[c.col.leaf.leaf].MetaData.TotalCompressedSize
}

// Scan implements offline.TableFile.
func (t *tableFile) Scan(ctx context.Context, group int, columns []string, fn func(first int, chunk []*feature.Column) error) error {
	rows := int(t.file.meta.RowGroups[group].NumRows)
	cursors := make([]*cursor, len(columns))
	defer func() {
		for _, c := range cursors {
			c.close()
		}
	}()
	chunk := make([]*feature.Column, len(columns))
	for i, name := range columns {
		c, err := t.column(name)
		if err != nil {
			return err
		}
		if cursors[i], err = t.cursor(group, c); err != nil {
			return err
		}
		chunk[i] = feature.NewColumn(c.def.Type, min(rows, chunkRows))
	}
	for first := 0; first < rows; first += chunkRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(chunkRows, rows-first)
		for i, c := range cursors {
			chunk[i].Reset()
			if err := c.read(chunk[i], n); err != nil {
				return err
			}
		}
		if err := fn(first, chunk); err != nil {
			return err
		}
	}
	return nil
}

// Gather implements offline.TableFile. Pages without a wanted row are not read
// where the file has an offset index, and not converted where it has none.
func (t *tableFile) Gather(ctx context.Context, group int, column string, rows []int32, dst *feature.Column) error {
	c, err := t.column(column)
	if err != nil {
		return err
	}
	if c.always != nil {
		for range rows {
			dst.AppendFrom(c.always, 0)
		}
		return nil
	}
	r, err := t.file.newReader(group, c.col, c.def.Type, c.convert)
	if err != nil {
		return err
	}
	defer r.close()
	r.withIndex()
	// In parts, so that a cancelled context is seen.
	for len(rows) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(len(rows), chunkRows)
		if err := r.gather(dst, rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

// cursor reads a column of a row group from its first row on, whatever it comes
// from.
type cursor struct {
	reader *reader
	always *feature.Column
}

func (t *tableFile) cursor(group int, c *tableColumn) (*cursor, error) {
	if c.always != nil {
		return &cursor{always: c.always}, nil
	}
	r, err := t.file.newReader(group, c.col, c.def.Type, c.convert)
	return &cursor{reader: r}, err
}

func (c *cursor) read(dst *feature.Column, n int) error {
	if c.reader != nil {
		return c.reader.read(dst, n)
	}
	for range n {
		dst.AppendFrom(c.always, 0)
	}
	return nil
}

func (c *cursor) close() {
	if c != nil && c.reader != nil {
		c.reader.close()
	}
}

// Times implements offline.TableFile. The statistics of INT96 are not used:
// writers do not agree on their order.
func (t *tableFile) Times(group int, name string) (least, greatest feature.Time, ok bool) {
	c := t.columns[name]
	if c == nil || c.def.Type != feature.Scalar(feature.Timestamp) {
		return 0, 0, false
	}
	if c.always != nil {
		if c.always.IsNull(0) {
			return feature.MaxTime, feature.MinTime, true
		}
		v := feature.Time(c.always.Int64s[0])
		return v, v, true
	}
	meta := &t.file.meta.RowGroups[group].Columns[c.col.leaf.leaf].MetaData
	s := &meta.Statistics
	if c.col.logical.meaning == allNull || meta.NumValues > 0 && s.NullCount == meta.NumValues {
		return feature.MaxTime, feature.MinTime, true
	}
	low, high := s.MinValue, s.MaxValue
	if low == nil && high == nil {
		low, high = s.Min, s.Max // older writers; the order of signed integers is the same
	}
	least, ok1 := c.statistic(low)
	greatest, ok2 := c.statistic(high)
	return least, greatest, ok1 && ok2 && least <= greatest
}

// statistic reads a bound as the values are read.
func (c *tableColumn) statistic(b []byte) (feature.Time, bool) {
	l := c.col.logical
	switch {
	case l.meaning == date && l.physical == format.Int32 && len(b) == 4:
		return feature.FromDate(int32(binary.LittleEndian.Uint32(b))), true
	case l.meaning == timestamp && l.physical == format.Int64 && len(b) == 8:
		return timeOf(l.unit, c.up)(int64(binary.LittleEndian.Uint64(b))), true
	default:
		return 0, false // INT96 has no order that writers agree on
	}
}

// Close may be called twice. Nothing may be read any more, or at the same time.
func (t *tableFile) Close() error {
	t.closing.Lock()
	defer t.closing.Unlock()
	return t.file.close()
}

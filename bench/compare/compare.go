// Package compare tells whether Parquet files of different engines hold the same values, whatever the order of their
// rows, their encodings and their row groups.
//
// Rows are addressed by a column that counts them. Each row's values become one number of 64 bits: integers by value,
// floats by their bits with one NaN, text by its bytes, lists item by item, null and the empty list apart from
// everything else. Eight bytes a row are kept, whatever the row holds.
package compare

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/parquet-go/parquet-go"
)

// Spec says what of a file is compared.
type Spec struct {
	RowID  string // column that counts the rows: int64, 0 to Rows-1, each at most once
	Rows   int
	Groups []Group
}

// Group is columns that come from one source row.
type Group struct {
	Columns []string
	// Tied is a boolean column, or "". It is compared in every row; where it holds true the other columns are not:
	// the source row that they come from ties in full with others, and engines may differ in which of them they take.
	Tied string
}

// Values is what a file holds.
type Values struct {
	Hash    []uint64 // per row, by its number; 0 where it is missing
	Missing int      // rows that the file does not have
	Open    int      // rows of which some column was not compared
	InOrder bool     // the rows stand in the order of their numbers
}

// Read reads a file once, a column at a time.
func Read(ctx context.Context, path string, spec Spec) (*Values, error) {
	v, err := read(ctx, path, spec)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", path, err)
	}
	return v, nil
}

func read(ctx context.Context, path string, spec Spec) (v *Values, err error) {
	f, closeFile, err := open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closeFile()) }()
	v = &Values{Hash: make([]uint64, spec.Rows), Missing: spec.Rows, InOrder: true}
	for _, group := range f.RowGroups() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := v.add(f, group, spec); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func open(path string) (*parquet.File, func() error, error) {
	file, err := os.Open(path) //nolint:gosec // an output of this benchmark
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	f, err := parquet.OpenFile(file, info.Size(), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return f, file.Close, nil
}

// add takes the rows of one row group.
func (v *Values) add(f *parquet.File, group parquet.RowGroup, spec Spec) error {
	ids, err := v.ids(f, group, spec)
	if err != nil {
		return err
	}
	column := make([]uint64, len(ids))
	open := make([]bool, len(ids))
	hashOfTrue := mix(seed, mix(boolean, 1))
	for _, g := range spec.Groups {
		tied := make([]bool, len(ids))
		if g.Tied != "" {
			if err := hashColumn(f, group, g.Tied, column); err != nil {
				return err
			}
			for row, h := range column {
				tied[row] = h == hashOfTrue
				open[row] = open[row] || tied[row]
				v.mix(ids[row], h)
			}
		}
		for _, name := range g.Columns {
			if err := hashColumn(f, group, name, column); err != nil {
				return err
			}
			for row, h := range column {
				if !tied[row] {
					v.mix(ids[row], h)
				}
			}
		}
	}
	for _, is := range open {
		if is {
			v.Open++
		}
	}
	return nil
}

func (v *Values) mix(id int64, h uint64) { v.Hash[id] = mix(v.Hash[id], h) }

// ids gives the rows' numbers and checks them.
func (v *Values) ids(f *parquet.File, group parquet.RowGroup, spec Spec) ([]int64, error) {
	ids := make([]int64, 0, group.NumRows())
	err := eachValue(f, group, spec.RowID, func(_ level, value parquet.Value) error {
		id := value.Int64()
		if value.IsNull() || value.Kind() != parquet.Int64 || id < 0 || id >= int64(spec.Rows) {
			return fmt.Errorf("%s is %v in a row: expected an int64 from 0 to %d", spec.RowID, value, spec.Rows-1)
		}
		if v.Hash[id] != 0 {
			return fmt.Errorf("two rows have %s %d", spec.RowID, id)
		}
		v.Hash[id] = seed
		v.InOrder = v.InOrder && int(id) == spec.Rows-v.Missing
		v.Missing--
		ids = append(ids, id)
		return nil
	})
	return ids, err
}

// Sum is one number for all rows, with a missing one as 0.
func (v *Values) Sum() uint64 {
	sum := seed
	for _, h := range v.Hash {
		sum = mix(sum, h)
	}
	return sum
}

// FirstDifference gives the number of the first row that both have with different values, or -1.
func FirstDifference(a, b *Values) int {
	for row, h := range a.Hash {
		if h != b.Hash[row] && h != 0 && b.Hash[row] != 0 {
			return row
		}
	}
	return -1
}

// Row gives the values of one row as text, column by column of the spec.
func Row(path string, spec Spec, id int) (text []string, err error) {
	f, closeFile, err := open(path)
	if err != nil {
		return nil, fmt.Errorf("compare %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, closeFile()) }()
	for _, group := range f.RowGroups() {
		place, at := -1, 0
		err := eachValue(f, group, spec.RowID, func(_ level, value parquet.Value) error {
			if value.Int64() == int64(id) {
				place = at
			}
			at++
			return nil
		})
		if err != nil {
			return nil, err
		}
		if place >= 0 {
			return rowText(f, group, spec, place)
		}
	}
	return nil, fmt.Errorf("compare %s: no row has %s %d", path, spec.RowID, id)
}

func rowText(f *parquet.File, group parquet.RowGroup, spec Spec, place int) ([]string, error) {
	var text []string
	for _, g := range spec.Groups {
		names := g.Columns
		if g.Tied != "" {
			names = append([]string{g.Tied}, names...)
		}
		for _, name := range names {
			row, shown := -1, name+" ="
			err := eachValue(f, group, name, func(_ level, value parquet.Value) error {
				if value.RepetitionLevel() == 0 {
					row++
				}
				if row == place {
					shown += " " + value.String()
				}
				return nil
			})
			if err != nil {
				return nil, err
			}
			text = append(text, shown)
		}
	}
	return text, nil
}

// eachValue gives the values of a column in order, nulls included.
func eachValue(f *parquet.File, group parquet.RowGroup, name string, take func(level, parquet.Value) error) (err error) {
	column, levels, err := find(f.Schema(), name)
	if err != nil {
		return err
	}
	pages := group.ColumnChunks()[column].Pages()
	defer func() { err = errors.Join(err, pages.Close()) }()
	buffer := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
		err = eachOfPage(page.Values(), buffer, func(v parquet.Value) error { return take(levels, v) })
		parquet.Release(page)
		if err != nil {
			return fmt.Errorf("column %s: %w", name, err)
		}
	}
}

func eachOfPage(values parquet.ValueReader, buffer []parquet.Value, take func(parquet.Value) error) error {
	for {
		n, err := values.ReadValues(buffer)
		for _, v := range buffer[:n] {
			if err := take(v); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

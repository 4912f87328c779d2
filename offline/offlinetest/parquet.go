package offlinetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
)

// WriteSources writes a case's sources below a folder, as SOURCE/FILE.parquet:
// where the views' tables look for them with the folder as data root. The files
// differ as real ones do, each in a way that its place and File.Look choose:
// compression, page versions and sizes, encodings, required and optional columns
// and their order, times with a zone and without. Where Look is set, types differ
// too: narrower and wider integers, other units of times.
func WriteSources(dir string, c *Case) error {
	for _, s := range c.Sources {
		folder := filepath.Join(dir, s.Name)
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
		for i, f := range s.Files {
			columns := f.Columns
			if i > 0 && f.Sparse {
				columns = c.told(&s, &f)
			}
			if err := writeFile(filepath.Join(folder, f.Name+".parquet"), columns, f.Groups, newLook(f.Look, i, f.Look == 0)); err != nil {
				return fmt.Errorf("source %s, file %s: %w", s.Name, f.Name, err)
			}
		}
	}
	return nil
}

// told gives the columns of a file without those that hold only nulls and that a
// file may lack: neither times nor join keys, nor what these are derived of.
func (c *Case) told(s *Source, f *File) []Column {
	return slices.DeleteFunc(slices.Clone(f.Columns), func(column Column) bool {
		for i := range f.Rows() {
			if !column.Values.IsNull(i) {
				return false
			}
		}
		return column.Name != s.Event && column.Name != s.Available && !slices.ContainsFunc(c.Views, func(v *feature.ViewVersion) bool {
			derived := isDerivedColumn(&v.Table, v.Table.Event) || isDerivedColumn(&v.Table, v.Table.Available) ||
				slices.ContainsFunc(v.KeyColumns, func(name string) bool { return isDerivedColumn(&v.Table, name) })
			return v.Table.Source == s.Name && (derived || slices.Contains(v.KeyColumns, column.Name))
		})
	})
}

// WriteSpine writes a case's spine as one Parquet file.
func WriteSpine(path string, c *Case) error {
	groups := []int{c.Rows()}
	if n := c.Rows(); n > 3 {
		groups = []int{n / 2, n - n/2}
	}
	return writeFile(path, c.Spine, groups, newLook(0, c.Rows(), true))
}

// writeFile writes columns in row groups of the given sizes.
func writeFile(path string, columns []Column, groups []int, l *look) (err error) {
	out, err := os.Create(path) // a test's own folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	columns = slices.Clone(columns)
	l.Shuffle(len(columns), func(i, j int) { columns[i], columns[j] = columns[j], columns[i] })
	root := &orderedGroup{Group: parquet.Group{}}
	shapes := make([]shape, len(columns))
	for i := range columns {
		shapes[i] = l.shape(&columns[i])
		root.Group[columns[i].Name] = shapes[i].node
		root.fields = append(root.fields, &orderedField{Node: shapes[i].node, name: columns[i].Name})
	}
	schema := parquet.NewSchema("rows", root)
	w := parquet.NewGenericWriter[any](out, append(l.options(), schema)...)
	row := 0
	for _, n := range groups {
		for range n {
			var cells parquet.Row
			for i := range columns {
				cells = append(cells, shapes[i].row(columns[i].Values, row, i)...)
			}
			if _, err := w.WriteRows([]parquet.Row{cells}); err != nil {
				return err
			}
			row++
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	return w.Close()
}

// orderedGroup is a group whose fields keep their order; the library's own sorts
// them by name.
type orderedGroup struct {
	parquet.Group
	fields []parquet.Field
}

// Fields gives the fields in their order.
func (g *orderedGroup) Fields() []parquet.Field { return g.fields }

type orderedField struct {
	parquet.Node
	name string
}

// Name is the column's.
func (f *orderedField) Name() string { return f.name }

// Value is part of parquet.Field and not used: rows are written as values.
func (f *orderedField) Value(reflect.Value) reflect.Value { return reflect.Value{} }

package offlinetest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
)

// WriteSources writes a case's sources below a folder, as SOURCE/FILE.parquet:
// where the views' tables look for them with the folder as data root. The files
// differ as real ones do: plain and dictionary pages, required and optional
// columns, times with and without a zone, both page versions, small pages.
func WriteSources(dir string, c *Case) error {
	for _, s := range c.Sources {
		folder := filepath.Join(dir, s.Name)
		if err := os.MkdirAll(folder, 0o750); err != nil {
			return err
		}
		for i, f := range s.Files {
			if err := writeFile(filepath.Join(folder, f.Name+".parquet"), f.Columns, f.Groups, i); err != nil {
				return fmt.Errorf("source %s, file %s: %w", s.Name, f.Name, err)
			}
		}
	}
	return nil
}

// WriteSpine writes a case's spine as one Parquet file.
func WriteSpine(path string, c *Case) error {
	groups := []int{c.Rows()}
	if n := c.Rows(); n > 3 {
		groups = []int{n / 2, n - n/2}
	}
	return writeFile(path, c.Spine, groups, 0)
}

// writeFile writes columns in row groups of the given sizes; variety chooses
// among the ways in which a file can say the same.
func writeFile(path string, columns []Column, groups []int, variety int) (err error) {
	out, err := os.Create(path) // a test's own folder
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()

	root := parquet.Group{}
	for i, c := range columns {
		root[c.Name] = node(c, i+variety)
	}
	schema := parquet.NewSchema("rows", root)
	w := parquet.NewGenericWriter[any](out, schema, parquet.DataPageVersion(1+variety%2), parquet.PageBufferSize(64))
	row := 0
	for _, n := range groups {
		for range n {
			if _, err := w.WriteRows([]parquet.Row{fileRow(schema, columns, row)}); err != nil {
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

// node gives the Parquet type of a column.
func node(c Column, variety int) parquet.Node {
	t := c.Values.Type
	n := leaf(t.Kind, c.Nanos, variety)
	if t.List {
		return parquet.Optional(parquet.List(parquet.Optional(n)))
	}
	if variety%2 == 1 && t.Kind != feature.Bool {
		n = parquet.Encoded(n, &parquet.RLEDictionary)
	}
	if variety%3 == 0 && !hasNull(c.Values) {
		return parquet.Required(n)
	}
	return parquet.Optional(n)
}

func hasNull(c *feature.Column) bool {
	for i := range c.Len() {
		if c.IsNull(i) {
			return true
		}
	}
	return false
}

func leaf(k feature.Kind, nanos bool, variety int) parquet.Node {
	switch k {
	case feature.Bool:
		return parquet.Leaf(parquet.BooleanType)
	case feature.Int32:
		return parquet.Int(32)
	case feature.Int64:
		return parquet.Int(64)
	case feature.Float32:
		return parquet.Leaf(parquet.FloatType)
	case feature.Float64:
		return parquet.Leaf(parquet.DoubleType)
	case feature.String:
		return parquet.String()
	case feature.Bytes:
		return parquet.Leaf(parquet.ByteArrayType)
	case feature.Date:
		return parquet.Date()
	default:
		unit := parquet.Microsecond
		if nanos {
			unit = parquet.Nanosecond
		}
		return parquet.TimestampAdjusted(unit, variety%4 < 2)
	}
}

// fileRow gives one row with its levels, in the order of the schema's columns.
func fileRow(schema *parquet.Schema, columns []Column, row int) parquet.Row {
	values := make([][]parquet.Value, len(columns))
	for _, c := range columns {
		path := []string{c.Name}
		if c.Values.Type.List {
			path = append(path, "list", "element")
		}
		found, _ := schema.Lookup(path...)
		values[found.ColumnIndex] = fileValues(c.Values, row, found.MaxDefinitionLevel, found.ColumnIndex)
	}
	var out parquet.Row
	for _, v := range values {
		out = append(out, v...)
	}
	return out
}

// fileValues gives a value with its levels; most is the definition level of what
// is there. A list is absent at 0, empty at 1, and holds a null at most-1.
func fileValues(c *feature.Column, row, most, index int) []parquet.Value {
	switch {
	case c.IsNull(row):
		return []parquet.Value{parquet.NullValue().Level(0, 0, index)}
	case !c.Type.List:
		return []parquet.Value{fileValue(c, row).Level(0, most, index)}
	case c.Offsets[row] == c.Offsets[row+1]:
		return []parquet.Value{parquet.NullValue().Level(0, 1, index)}
	}
	var out []parquet.Value
	for i := int(c.Offsets[row]); i < int(c.Offsets[row+1]); i++ {
		repeated := min(len(out), 1)
		if c.Items.IsNull(i) {
			out = append(out, parquet.NullValue().Level(repeated, most-1, index))
		} else {
			out = append(out, fileValue(c.Items, i).Level(repeated, most, index))
		}
	}
	return out
}

func fileValue(c *feature.Column, i int) parquet.Value {
	switch c.Type.Kind {
	case feature.Bool:
		return parquet.BooleanValue(c.Bools[i])
	case feature.Int32, feature.Date:
		return parquet.Int32Value(c.Int32s[i])
	case feature.Float32:
		return parquet.FloatValue(c.Float32s[i])
	case feature.Float64:
		return parquet.DoubleValue(c.Float64s[i])
	case feature.String, feature.Bytes:
		return parquet.ByteArrayValue(c.Bytes(i))
	default:
		return parquet.Int64Value(c.Int64s[i])
	}
}

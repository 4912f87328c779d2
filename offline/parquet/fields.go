package parquet

import (
	"context"
	"strconv"

	"github.com/quiver-features/quiver/feature"
)

// Field is a column as the files of a source have it.
type Field struct {
	Name string
	// Type is what all the files' columns convert to without loss; zero where
	// there is none.
	Type      feature.Type
	Physical  string // the files' own type, for messages; two that do not fit together, with a file for each
	Decimal   bool   // a decimal number: read as float64 where that is declared
	Nullable  bool   // nulls are possible; also where some of the files lack the column
	Partition bool   // the name of partition folders
}

// Columns gives the columns that the footers of the files name, in the order of
// the first file that has them, and then those of the partition folders above
// them. Patterns are as in feature.Source.Parquet; names that match nothing are
// an error that wraps feature.ErrNotFound.
func (f *Files) Columns(ctx context.Context, patterns []string) ([]Field, error) {
	files, err := f.find(patterns)
	if err != nil {
		return nil, err
	}
	schemas := make([][]Field, len(files))
	folders := make([]map[string]partition, len(files))
	err = each(ctx, len(files), func(i int) error {
		o, err := open(files[i].path, files[i].name)
		if err != nil {
			return err
		}
		schemas[i] = o.fields()
		if folders[i], err = partitionsOf(files[i].name); err != nil {
			_ = o.close()
			return err
		}
		return o.close()
	})
	if err != nil {
		return nil, err
	}
	return mergeFields(files, schemas, folders), nil
}

func (o *opened) fields() []Field {
	fields := make([]Field, 0, len(o.root.children))
	for _, top := range o.root.children {
		f := Field{Name: top.name(), Physical: describe(top), Nullable: top.optional()}
		if c, ok := columnOf(top); ok {
			f.Type, f.Nullable = c.feature(), c.nullable()
			f.Decimal = c.logical.meaning == decimal && !c.list
		}
		fields = append(fields, f)
	}
	return fields
}

type merged struct {
	Field
	first   string // the first file that has it
	in      int    // files that have it
	clashes bool
}

func mergeFields(files []found, schemas [][]Field, folders []map[string]partition) []Field {
	var order []*merged
	byName := map[string]*merged{}
	for i, fields := range schemas {
		for _, f := range fields {
			m := byName[f.Name]
			if m == nil {
				m = &merged{Field: f, first: files[i].name}
				byName[f.Name] = m
				order = append(order, m)
			} else {
				m.add(f, files[i].name)
			}
			m.in++
		}
	}
	var all []Field
	parts := partitionFields(folders)
	for _, m := range order {
		if _, folder := parts[m.Name]; folder {
			continue
		}
		m.Nullable = m.Nullable || m.in < len(files)
		all = append(all, m.Field)
	}
	for _, name := range partitionOrder(folders) {
		all = append(all, parts[name])
	}
	return all
}

// add brings in the column of another file.
func (m *merged) add(f Field, file string) {
	m.Nullable = m.Nullable || f.Nullable
	if m.clashes || f.Physical == m.Physical {
		return
	}
	t, ok := wider(m.Type, f.Type)
	switch {
	case m.Decimal && f.Decimal:
		return
	case m.Physical == "null":
		m.Type, m.Decimal, m.Physical = f.Type, f.Decimal, f.Physical
	case f.Physical == "null":
	case ok:
		m.Type = t
	default:
		m.Type, m.Decimal, m.clashes = feature.Type{}, false, true
		m.Physical = m.Physical + " in " + m.first + " and " + f.Physical + " in " + file
	}
}

// wider gives the type that values of both become without loss.
func wider(a, b feature.Type) (feature.Type, bool) {
	if a.IsZero() || b.IsZero() || a.List != b.List {
		return feature.Type{}, false
	}
	if a.Kind == b.Kind {
		return a, true
	}
	has := func(x, y feature.Kind) bool { return a.Kind == x && b.Kind == y || a.Kind == y && b.Kind == x }
	kind := feature.Invalid
	switch {
	case has(feature.Int32, feature.Int64):
		kind = feature.Int64
	case has(feature.Float32, feature.Float64):
		kind = feature.Float64
	case has(feature.Date, feature.Timestamp):
		kind = feature.Timestamp
	}
	a.Kind = kind
	return a, kind != feature.Invalid
}

// partitionOrder gives the names of partition folders in the order of their names
// at first sight; folders of one file are nested, but their order says nothing
// that matters.
func partitionOrder(folders []map[string]partition) []string {
	seen := map[string]bool{}
	for _, parts := range folders {
		for name := range parts {
			seen[name] = true
		}
	}
	return sortedKeys(seen)
}

// partitionFields gives the type of partition columns: int64 where all values
// are whole numbers, else string.
func partitionFields(folders []map[string]partition) map[string]Field {
	fields := map[string]Field{}
	text := map[string]bool{}
	in := map[string]int{}
	for _, parts := range folders {
		for name, p := range parts {
			f := fields[name]
			f.Name, f.Partition, f.Nullable = name, true, f.Nullable || p.null
			if _, err := strconv.ParseInt(p.text, 10, 64); err != nil && !p.null {
				text[name] = true
			}
			fields[name] = f
			in[name]++
		}
	}
	for name, f := range fields {
		f.Type = feature.Scalar(feature.Int64)
		if text[name] {
			f.Type = feature.Scalar(feature.String)
		}
		f.Physical = "partition folder"
		f.Nullable = f.Nullable || in[name] < len(folders)
		fields[name] = f
	}
	return fields
}

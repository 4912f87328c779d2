package featuretest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// files has the rows of a test in memory, one file a source.
type files struct {
	rows map[string][]row // by source
}

// List is part of offline.Files.
func (f *files) List(_ context.Context, table *feature.Table) ([]feature.File, error) {
	return []feature.File{{Path: table.Source, Rows: int64(len(f.rows[table.Source]))}}, nil
}

// Open is part of offline.Files. A value that is not of its column's type is an error that
// is a Problems.
func (f *files) Open(_ context.Context, table *feature.Table, _ feature.File) (offline.TableFile, error) {
	t := &tableFile{rows: len(f.rows[table.Source]), columns: map[string]*feature.Column{}}
	var problems Problems
	for i := range table.Columns {
		tc := &table.Columns[i]
		c := feature.NewColumn(tc.Type, t.rows)
		for _, r := range f.rows[table.Source] {
			n := r.cells[tc.Name]
			if n == nil {
				n = r.cells[tc.Column]
			}
			if err := appendValue(c, n); err != nil {
				problems = append(problems, Problem{Place{r.File, n.Line, n.Column}, fmt.Sprintf("column %s of source %s: %s", tc.Name, table.Source, err)})
				c.AppendNull()
			}
		}
		t.columns[tc.Name] = c
	}
	if problems != nil {
		return nil, problems
	}
	return t, nil
}

// unknownColumns tells of columns that no view reads, where they are none of the source's
// others.
func unknownColumns(source string, rows []row, known map[string]bool) (problems Problems) {
	for _, r := range rows {
		for _, name := range r.order {
			if known[name] {
				continue
			}
			names := slices.Sorted(maps.Keys(known))
			hint := "the source has " + strings.Join(names, ", ")
			if near := feature.Nearest(name, slices.Values(names)); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			problems = append(problems, Problem{r.Place, fmt.Sprintf("source %s has no column %q (%s)", source, name, hint)})
		}
	}
	return problems
}

// tableFile is the rows of a source as a view reads them.
type tableFile struct {
	rows    int
	columns map[string]*feature.Column
}

// Groups is part of offline.TableFile.
func (t *tableFile) Groups() []int { return []int{t.rows} }

// Lacks is part of offline.TableFile.
func (t *tableFile) Lacks(string) bool { return false }

// Times is part of offline.TableFile.
func (t *tableFile) Times(int, string) (least, greatest feature.Time, ok bool) { return 0, 0, false }

// Bytes is part of offline.TableFile.
func (t *tableFile) Bytes(int, string) int64 { return 0 }

// Scan is part of offline.TableFile.
func (t *tableFile) Scan(ctx context.Context, _ int, columns []string, fn func(first int, chunk []*feature.Column) error) error {
	if err := ctx.Err(); err != nil || t.rows == 0 {
		return err
	}
	chunk := make([]*feature.Column, len(columns))
	for i, name := range columns {
		chunk[i] = t.columns[name]
	}
	return fn(0, chunk)
}

// Gather is part of offline.TableFile.
func (t *tableFile) Gather(ctx context.Context, _ int, column string, rows []int32, dst *feature.Column) error {
	for _, r := range rows {
		dst.AppendFrom(t.columns[column], int(r))
	}
	return ctx.Err()
}

// Close is part of offline.TableFile.
func (t *tableFile) Close() error { return nil }

package offlinetest

import (
	"context"
	"fmt"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Engine answers cases. It is given a Case that it must not change and returns
// one column per output of the case's selection, in their order, each with one
// value per spine row, in the spine's order. Run and Check call it from one
// goroutine at a time.
type Engine interface {
	Join(ctx context.Context, c *Case) ([]*feature.Column, error)
}

// EngineFunc makes an Engine of a function.
type EngineFunc func(ctx context.Context, c *Case) ([]*feature.Column, error)

// Join calls the function.
func (f EngineFunc) Join(ctx context.Context, c *Case) ([]*feature.Column, error) { return f(ctx, c) }

// Case is one script, read: raw source rows, the views over them, what is asked
// for, the spine, and the answer.
type Case struct {
	Name  string
	Rule  []string // the sentences of the time rule that the case is about
	Notes []string // the script's other comments, for the reader of a failure

	Sources   []Source
	Views     []*feature.ViewVersion // Table.Source names a source; Table.Parquet is SOURCE/*.parquet
	Selection *feature.Selection
	Spine     []Column
	Time      int               // the index in Spine of the column of request times
	Want      []*feature.Column // for each output, one value per spine row; nil in random cases
}

// Column is a raw column as a file holds it.
type Column struct {
	Name   string
	Nanos  bool // Values are timestamps in nanoseconds since the epoch, as yet unrounded
	Values *feature.Column
}

// Source is raw rows in files. Event, Created and Available name columns;
// Created and Available are empty where the source names none.
type Source struct {
	Name      string
	Event     string
	Created   string
	Available string
	Files     []File // at least one; all have the same columns in the same order
}

// File is one file of a source. Groups gives the rows of each row group; their
// sum is the number of rows. Look and Sparse are about how it is written, which
// must not matter: Look chooses among the ways to say the same (0: with the
// columns' own types), and a sparse file lacks what has no values, unless it is
// the source's first.
type File struct {
	Name    string
	Columns []Column
	Groups  []int
	Look    uint64
	Sparse  bool
}

// Rows is the number of rows of the file.
func (f *File) Rows() int { return f.Columns[0].Values.Len() }

// Rows is the number of spine rows.
func (c *Case) Rows() int { return c.Spine[c.Time].Values.Len() }

// Source gives a source by its name, or nil.
func (c *Case) Source(name string) *Source {
	for i := range c.Sources {
		if c.Sources[i].Name == name {
			return &c.Sources[i]
		}
	}
	return nil
}

// SpineColumn gives a spine column by its name, or nil.
func (c *Case) SpineColumn(name string) *Column { return find(c.Spine, name) }

// RequestTime gives the time of a spine row in microseconds, floored; ok is
// false where it is null.
func (c *Case) RequestTime(row int) (t feature.Time, ok bool) {
	at := &c.Spine[c.Time]
	switch {
	case at.Values.IsNull(row):
		return 0, false
	case at.Nanos:
		return feature.FloorNanos(at.Values.Int64s[row]), true
	default:
		return feature.Time(at.Values.Int64s[row]), true
	}
}

// outputType gives the type of output i.
func (c *Case) outputType(i int) feature.Type {
	return c.Selection.Field(c.Selection.Outputs[i]).Type
}

// check tells whether an engine's answer has the shape that Engine asks for.
func (c *Case) check(got []*feature.Column) error {
	if len(got) != len(c.Selection.Outputs) {
		return fmt.Errorf("the engine gave %d columns, expected %d, one per output", len(got), len(c.Selection.Outputs))
	}
	for i, column := range got {
		name := c.Selection.Outputs[i].Name
		switch {
		case column == nil:
			return fmt.Errorf("the engine gave no column for %s", name)
		case column.Type != c.outputType(i):
			return fmt.Errorf("the engine gave %s as %s, expected %s", name, column.Type, c.outputType(i))
		case column.Len() != c.Rows():
			return fmt.Errorf("the engine gave %d values of %s, expected %d, one per spine row", column.Len(), name, c.Rows())
		}
	}
	return nil
}

func find(columns []Column, name string) *Column {
	for i := range columns {
		if columns[i].Name == name {
			return &columns[i]
		}
	}
	return nil
}

// take gives the chosen rows of columns, in the given order.
func take(columns []Column, rows []int) []Column {
	out := make([]Column, len(columns))
	for i, c := range columns {
		out[i] = Column{Name: c.Name, Nanos: c.Nanos, Values: pick(c.Values, rows)}
	}
	return out
}

func pick(c *feature.Column, rows []int) *feature.Column {
	out := feature.NewColumn(c.Type, len(rows))
	for _, r := range rows {
		out.AppendFrom(c, r)
	}
	return out
}

// location says where a line of a script stands.
type location struct {
	file string
	line int
}

func (l location) errorf(format string, args ...any) error {
	return fmt.Errorf("%s:%d: "+format+": %w", append(append([]any{l.file, l.line}, args...), feature.ErrInvalid)...)
}

func quoteList(names []string) string { return strings.Join(names, ", ") }

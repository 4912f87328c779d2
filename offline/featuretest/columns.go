package featuretest

import (
	"fmt"
	"slices"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
)

// Column is a column of a source as rows of tests have it.
type Column struct {
	Name string
	Type feature.Type // that all of its values may be of
	// Problem tells of values that are of no one type. Type is that of the values before.
	Problem *Problem
}

// Columns gives the columns that the tests' rows of a source have, with types that all of
// their values may be of: for a source whose files are not at hand. A column without any
// value is left out. unnamed gives the source of a test's rows that are given without one.
func Columns(tests []*Test, source string, unnamed func(*Test) string) []Column {
	var columns []Column
	for _, t := range tests {
		rows := t.Rows[source]
		if source == unnamed(t) {
			rows = append(slices.Clone(rows), t.Rows[""]...)
		}
		for _, r := range rows {
			for _, name := range r.order {
				if n := r.cells[name]; !typeOf(n).IsZero() {
					columns = withValue(columns, name, n, Place{r.File, n.Line, n.Column})
				}
			}
		}
	}
	return columns
}

// withValue takes a value into account.
func withValue(columns []Column, name string, n *yaml.Node, at Place) []Column {
	of := typeOf(n)
	i := slices.IndexFunc(columns, func(c Column) bool { return c.Name == name })
	if i < 0 {
		return append(columns, Column{Name: name, Type: of})
	}
	c := &columns[i]
	both, ok := typeOfBoth(c.Type, of)
	switch {
	case ok:
		c.Type = both
	case c.Problem == nil:
		c.Problem = &Problem{at, fmt.Sprintf("%s: a value of type %s, where rows before have %s: one column has values of one type "+
			"(text that looks like something else stands in quotes; columns: of the source can name the type)", name, of, c.Type)}
	}
	return columns
}

// typeOfBoth gives a type that values of both may be of: 1 and 1.5 are floats, a day and a
// time are times, and a text may look like one of these.
func typeOfBoth(a, b feature.Type) (feature.Type, bool) {
	if a.List != b.List {
		return a, false
	}
	if a.Kind == b.Kind {
		return a, true
	}
	for _, kinds := range [][]feature.Kind{{feature.Int64, feature.Float64}, {feature.Date, feature.Timestamp, feature.String}} {
		if i, j := slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind); i >= 0 && j >= 0 {
			a.Kind = kinds[max(i, j)]
			return a, true
		}
	}
	return a, false
}

// typeOf gives the type of a value as YAML means it, and texts that are times or dates as
// such; zero: it is null, or a list without a value.
func typeOf(n *yaml.Node) feature.Type {
	if n.Kind == yaml.SequenceNode {
		var all feature.Type
		for _, item := range n.Content {
			of := typeOf(item)
			if both, ok := typeOfBoth(all, of); ok && !all.IsZero() {
				all = both
			} else if all.IsZero() {
				all = of
			}
		}
		if all.IsZero() {
			return all
		}
		return feature.ListOf(all.Kind, 0)
	}
	switch n.Tag {
	case "!!null":
		return feature.Type{}
	case "!!bool":
		return feature.Scalar(feature.Bool)
	case "!!int":
		return feature.Scalar(feature.Int64)
	case "!!float":
		return feature.Scalar(feature.Float64)
	}
	if _, err := feature.ParseDay(n.Value); err == nil {
		return feature.Scalar(feature.Date)
	}
	if _, err := feature.ParseTime(n.Value); err == nil {
		return feature.Scalar(feature.Timestamp)
	}
	return feature.Scalar(feature.String)
}

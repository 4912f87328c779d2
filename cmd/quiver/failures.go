package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// columnTold names a derived column of a source by its expression; one that stands in a
// feature has no other name.
func columnTold(f feature.ColumnFailures) string {
	if strings.HasPrefix(f.Column, "=") {
		return f.Expression
	}
	return f.Column + " (" + f.Expression + ")"
}

// failures says, one line each, what could not be computed in a training set.
func failures(m *offline.Manifest) string {
	var b strings.Builder
	told := map[string]bool{} // a view that is used twice fails once
	for _, v := range m.Views {
		if told[v.View] {
			continue
		}
		told[v.View] = true
		for _, f := range v.Failed {
			fmt.Fprintf(&b, "note: %s: %s could not be computed for %s of source %s, and is null there\n",
				v.View, columnTold(f), plural(int(f.Rows), "row", "rows"), v.Source)
		}
	}
	for _, f := range m.Features {
		if rows := int64(math.Round(f.ErrorRate * float64(m.Rows))); rows > 0 {
			fmt.Fprintf(&b, "note: %s (%s) could not be computed for %s (%s), and is null there\n",
				f.Name, f.Reference, plural(int(rows), "row", "rows"), percent(rows, m.Rows))
		}
	}
	return b.String()
}

// failure is an expression that could not be computed for some rows, for machines too.
type failure struct {
	View       string `json:"view,omitzero"`    // whose rows or feature it is, or
	Service    string `json:"service,omitzero"` // the service that derives it
	Source     string `json:"source,omitzero"`  // of a derived column of its rows
	Name       string `json:"name"`             // of the feature or the column
	Expression string `json:"expression"`
	Rows       int64  `json:"rows"`        // of the source, or keys at a time
	Of         int64  `json:"of,omitzero"` // keys at a time in all
}

// failuresOf gives what could not be computed of a selection.
func failuresOf(selection *feature.Selection, res *offline.Result) []failure {
	var all []failure
	told := map[string]bool{} // a view that is used twice fails once
	for i := range res.Views {
		v := &res.Views[i]
		if told[v.View] {
			continue
		}
		told[v.View] = true
		for _, f := range v.Failed {
			all = append(all, failure{View: v.View, Source: selection.Uses[i].View.Table.Source, Name: f.Column, Expression: f.Expression, Rows: f.Rows})
		}
	}
	for i, o := range selection.Outputs {
		if n := res.Features[i].Errors; n > 0 {
			f := failure{Service: selection.Service, Name: selection.Field(o).Name, Expression: selection.Field(o).Expression, Rows: n, Of: res.Rows}
			if o.Use != feature.DerivedOutput {
				view := selection.Uses[o.Use].View
				f.View, f.Service = view.ID(), ""
				for _, d := range view.Table.Derived { // a feature that shows such a column
					if d.Name == selection.Field(o).Column {
						f.Expression = d.Expression
					}
				}
			}
			all = append(all, f)
		}
	}
	return all
}

// text says it in a line.
func (f failure) text() string {
	if f.Source != "" {
		return fmt.Sprintf("note: %s could not be computed for %s of source %s, and is null there\n",
			columnTold(feature.ColumnFailures{Column: f.Name, Expression: f.Expression}), plural(int(f.Rows), "row", "rows"), f.Source)
	}
	return fmt.Sprintf("note: %s = %s could not be computed for %s of %s, and is null there\n",
		f.Name, f.Expression, count(f.Rows), plural(int(f.Of), "value", "values"))
}

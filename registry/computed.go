package registry

import (
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// What follows is of the columns of a view's table that expressions compute: those
// that its source derives, and its own, of its aggregates' of and where. The view's
// own are named by an equals sign and their text: no column of the source and of no
// other text has that name, and aggregates with the same text share one.

// ownColumn gives the name of the column of a table that an expression of the view
// stands for. ok is false where it can't be computed, which was told.
func (w *wanted) ownColumn(e *written, user string) (column string, ok bool) {
	outline := w.outlineOf(e)
	if outline == nil || !w.readable(e, w.source, outline.Names) {
		return "", false
	}
	if n := lookUp(outline.Names, w.source.look); n.missing || n.broken {
		w.typeOf(e, n, w.source.variables) // tells what is missing
		return "", false
	}
	at := w.defs.At(e.kind, e.name, e.parts...)
	if len(outline.Names) == 1 && outline.Names[0] == outline.Text {
		w.want(outline.Text, feature.Type{}, user, at) // a column as it stands
		return outline.Text, true
	}
	column = "=" + outline.Text
	if w.derived[column] == nil {
		w.derived[column] = &derivedColumn{written: *e, column: column, outline: outline}
		w.wantAll(outline.Names, user, at)
	}
	return column, true
}

// read notes that the view reads a column that its source derives.
func (w *wanted) read(d *derivedColumn) {
	if w.derived[d.column] != nil {
		return
	}
	w.derived[d.column] = d
	if !d.typ.IsZero() { // else it can't be computed, and why was told
		w.wantAll(d.names(), "derived column "+d.column, w.defs.At(d.kind, d.name, d.parts...))
	}
}

func (w *wanted) wantAll(columns []string, user string, at Position) {
	for _, name := range columns {
		w.want(name, feature.Type{}, user, at)
	}
}

// compute completes the table by its derived columns, each after those that it is
// computed of.
func (w *wanted) compute(table *feature.Table) {
	types := make(map[string]feature.Type, len(table.Columns)+len(w.derived))
	for i := range table.Columns {
		types[table.Columns[i].Name] = table.Columns[i].Type
	}
	names := slices.Sorted(maps.Keys(w.derived))
	for _, i := range w.sequence(names) {
		d := w.derived[names[i]]
		if _, clash := types[d.column]; clash {
			w.wrongFrom(&d.written, "rename the column under the source's columns", "the source has a column named %s", d.column)
			continue
		}
		if d.outline == nil {
			continue // told
		}
		t := w.typeOf(&d.written, lookUp(d.names(), func(name string) (feature.Type, bool) { return types[name], true }), nil)
		types[d.column] = t
		if !t.IsZero() {
			table.Derived = append(table.Derived, feature.DerivedColumn{Name: d.column, Expression: tidy(d.text), Type: t})
		}
	}
	for _, a := range w.asked {
		if t := types[a.column]; !t.IsZero() && !takesType(a.typ, t) {
			w.problem(a.at, "an expression gives what it gives; convert in it, or declare that type",
				"%s of view %s takes derived column %s as %s, and its expression gives %s", a.user, w.view.Name, a.column, a.typ, t)
		}
	}
}

// sequence gives the order of computation. A cycle was told with the source.
func (w *wanted) sequence(names []string) []int {
	order, _ := expression.Order(names, func(i int) []string { return w.derived[names[i]].names() })
	return order
}

package registry

import (
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// derivedColumn is a column that a source computes.
type derivedColumn struct {
	written
	column  string
	outline *expression.Outline // nil: broken, and told
	typ     feature.Type        // with the source's own types; zero: it has none, and why was told
}

// addDerived looks at the columns that a source computes: by themselves, with the
// types that the source and the files give. A view that reads a column as another
// type looks again.
func (r *resolver) addDerived(s *resolvedSource) {
	s.derived = make(map[string]*derivedColumn, len(s.Derive))
	for i := range s.Derive {
		d := &derivedColumn{column: s.Derive[i].Name, written: written{
			text: s.Derive[i].Expression, what: "derived column " + s.Derive[i].Name + " of source " + s.Name,
			kind: KindSource, name: s.Name, parts: []string{"derive", s.Derive[i].Name},
		}}
		s.derived[d.column] = d
		d.outline = r.outlineOf(&d.written)
		if s.fields[d.column] != nil {
			r.problem(r.defs.At(KindSource, s.Name, "derive", d.column, "key"), "give it another name", "%s: the files have a column of that name", d.what)
		}
	}
	if s.fields == nil {
		return // what columns there are is not known, and why was told
	}
	order := r.order(s.deriveNames(), func(i int) []string { return s.derived[s.Derive[i].Name].names() },
		func(i int) *written { return &s.derived[s.Derive[i].Name].written })
	for _, i := range order {
		d := s.derived[s.Derive[i].Name]
		if d.outline != nil && r.readable(&d.written, s, d.outline.Names) {
			d.typ = r.typeOf(&d.written, lookUp(d.outline.Names, s.look), s.variables)
		}
	}
}

// names gives what the column's expression names.
func (d *derivedColumn) names() []string {
	if d.outline == nil {
		return nil
	}
	return d.outline.Names
}

func (s *resolvedSource) deriveNames() []string {
	names := make([]string, len(s.Derive))
	for i := range s.Derive {
		names[i] = s.Derive[i].Name
	}
	return names
}

// readable tells whether expressions over the source's rows can read columns. Those of
// a type that is none of Quiver's are told.
func (r *resolver) readable(w *written, s *resolvedSource, names []string) bool {
	for _, name := range names {
		if field := s.field(name); field != nil && s.typeOf(name).IsZero() {
			r.wrongFrom(w, conversionHint(field, feature.Type{}), "column %s holds %s, which is none of Quiver's types", name, field.describe())
			return false
		}
	}
	return s.fields != nil // else why was told
}

// look gives the type of a column, and tells whether there is one.
func (s *resolvedSource) look(column string) (t feature.Type, exists bool) {
	return s.typeOf(column), s.derived[column] != nil || s.field(column) != nil || s.overrides[column] != nil
}

// typeOf gives the type of a column as the source and the files have it, zero where
// there is none.
func (s *resolvedSource) typeOf(column string) feature.Type {
	if d := s.derived[column]; d != nil {
		return d.typ
	}
	field := s.field(column)
	switch o := s.overrides[column]; {
	case field == nil:
		return feature.Type{}
	case s.isTime(column):
		return feature.Scalar(feature.Timestamp)
	case o != nil && !o.Type.IsZero():
		return o.Type
	default:
		return field.Type
	}
}

// variables gives all that expressions over the source's rows can read.
func (s *resolvedSource) variables() []expression.Variable {
	names := map[string]bool{}
	for name := range s.fields {
		names[name] = true
	}
	for name := range s.overrides {
		names[name] = true
	}
	for name := range s.derived {
		names[name] = true
	}
	var vars []expression.Variable
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if t := s.typeOf(name); !t.IsZero() {
			vars = append(vars, expression.Variable{Name: name, Type: t})
		}
	}
	return vars
}

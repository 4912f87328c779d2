package registry

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// meanings tells whether parts of two view versions mean the same: where a column of
// the files has another name in the definitions, or an expression other spaces, no
// value changes.
type meanings struct {
	a, b       *feature.ViewVersion
	sameTables bool              // they read and compute the same columns by the same names
	none       *expression.Scope // of no variables, once it is needed
	known      map[[2]string]bool
}

func newMeanings(a, b *feature.ViewVersion) *meanings {
	return &meanings{
		a: a, b: b, known: map[[2]string]bool{},
		sameTables: slices.Equal(a.Table.Columns, b.Table.Columns) && slices.Equal(a.Table.Derived, b.Table.Derived),
	}
}

// sameFeature tells whether a feature is made of the same.
func (m *meanings) sameFeature(x, y *feature.Field) bool {
	if x.IsDerived() || y.IsDerived() {
		return m.sameText(x.Expression, y.Expression) // what it reads are features, which are compared themselves
	}
	if x.Aggregate == nil || y.Aggregate == nil {
		return x.Aggregate == y.Aggregate && m.sameColumn(x.Column, y.Column)
	}
	p, q := *x.Aggregate, *y.Aggregate
	if !m.sameColumn(p.Column, q.Column) || !m.sameColumn(p.Where, q.Where) || !sameInputs(&p, &q) {
		return false
	}
	p.Column, p.Where, p.Input = q.Column, q.Where, q.Input
	return equalAggregates(&p, &q)
}

// sameInputs tells whether values of the types that aggregates are over give the same: numbers
// do in any width, but integers are summed and told apart otherwise than floats.
func sameInputs(a, b *feature.Aggregate) bool {
	x, y := a.Input, b.Input
	alike := func(kinds ...feature.Kind) bool {
		return slices.Contains(kinds, x.Kind) && slices.Contains(kinds, y.Kind)
	}
	return x == y || a.Function == feature.Count && b.Function == feature.Count ||
		!x.List && !y.List && (alike(feature.Int32, feature.Int64) || alike(feature.Float32, feature.Float64))
}

// sameColumn tells whether a column of one table holds what one of the other holds:
// it is read from the same column of the files, or computed alike of such ones.
func (m *meanings) sameColumn(x, y string) bool {
	if m.sameTables || x == "" || y == "" {
		return x == y
	}
	key := [2]string{x, y}
	same, known := m.known[key]
	if !known {
		m.known[key] = false // columns are computed of earlier ones: nobody asks meanwhile
		same = m.compareColumns(x, y)
		m.known[key] = same
	}
	return same
}

func (m *meanings) compareColumns(x, y string) bool {
	c, d := m.a.Table.Column(x), m.b.Table.Column(y)
	if c != nil || d != nil {
		return c != nil && d != nil && c.Column == d.Column
	}
	p, q := derivedIn(&m.a.Table, x), derivedIn(&m.b.Table, y)
	if p == nil || q == nil || !m.sameText(p.Expression, q.Expression) {
		return false
	}
	o, err := m.outline(q.Expression)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(o.Names, func(name string) bool {
		return m.a.Table.TypeOf(name) != m.b.Table.TypeOf(name) || !m.sameColumn(name, name)
	})
}

// sameText tells whether two expressions differ in nothing but how they are written.
func (m *meanings) sameText(x, y string) bool {
	if x == y {
		return true
	}
	if x == "" || y == "" {
		return false
	}
	o, err := m.outline(x)
	if err != nil {
		return false
	}
	p, err := m.outline(y)
	return err == nil && o.Text == p.Text
}

func (m *meanings) outline(text string) (*expression.Outline, error) {
	if m.none == nil {
		none, err := expression.NewScope(nil)
		if err != nil {
			return nil, err
		}
		m.none = none
	}
	return m.none.Outline(text)
}

func derivedIn(t *feature.Table, name string) *feature.DerivedColumn {
	for i := range t.Derived {
		if t.Derived[i].Name == name {
			return &t.Derived[i]
		}
	}
	return nil
}

// columnText tells where a column comes from: its name in the files, or the
// expression that computes it.
func columnText(v *feature.ViewVersion, column string) string {
	if c := v.Table.Column(column); c != nil {
		return c.Column
	}
	if d := derivedIn(&v.Table, column); d != nil {
		return d.Expression
	}
	return column
}

// madeOf tells what a feature is made of.
func madeOf(v *feature.ViewVersion, f *feature.Field) string {
	switch {
	case f.IsDerived():
		return f.Expression
	case f.Aggregate == nil:
		return columnText(v, f.Column)
	}
	a := *f.Aggregate
	a.Column, a.Where = columnText(v, a.Column), columnText(v, a.Where)
	return a.String()
}

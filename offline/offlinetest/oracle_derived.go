package offlinetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// eventFeature is the name under which the event of the row that is shown is asked for.
const eventFeature = "event_timestamp"

// JoinFailures is Join that also tells, for each output, of which spine rows the value
// could not be computed, and is null for that.
func (Oracle) JoinFailures(ctx context.Context, c *Case) (values []*feature.Column, failed [][]bool, err error) {
	plain, places, err := withoutExpressions(c)
	if err != nil {
		return nil, nil, err
	}
	stored, err := Oracle{}.Join(ctx, plain)
	if err != nil {
		return nil, nil, err
	}
	values, failed = make([]*feature.Column, len(c.Selection.Outputs)), make([][]bool, len(c.Selection.Outputs))
	for i := range values {
		values[i], failed[i] = feature.NewColumn(c.outputType(i), c.Rows()), make([]bool, c.Rows())
	}
	formulas := map[*feature.Field]formula{}
	for row := range c.Rows() {
		r := &answeredRow{c: c, row: row, formulas: formulas, stored: func(use int, name string) any { return stored[places[place{use, name}]].Any(row) }}
		for i, o := range c.Selection.Outputs {
			v, fails, err := r.output(o)
			if err != nil {
				return nil, nil, err
			}
			failed[i][row] = fails
			if err := values[i].AppendAny(v); err != nil {
				return nil, nil, err
			}
		}
	}
	return values, failed, nil
}

func hasExpressions(c *Case) bool {
	return len(c.Selection.Derived) > 0 || slices.ContainsFunc(c.Views, func(v *feature.ViewVersion) bool {
		return len(v.Table.Derived) > 0 || slices.ContainsFunc(v.Features, func(f feature.Field) bool { return f.IsDerived() })
	})
}

// place names a stored feature of a use.
type place struct {
	use     int
	feature string
}

// withoutExpressions gives a case that asks for all stored features, and for the events
// of the rows that they are shown of: derived columns stand in the files, and features
// that are expressions are gone. places tells the output of each.
func withoutExpressions(c *Case) (plain *Case, places map[place]int, err error) {
	out, s := *c, *c.Selection
	out.Sources, out.Views, out.Selection, out.Want = nil, nil, &s, nil
	s.Uses, s.Outputs, s.Inputs, s.Derived = slices.Clone(s.Uses), nil, nil, nil
	views := map[*feature.ViewVersion]*feature.ViewVersion{}
	for _, v := range c.Views {
		source, err := WithDerived(c.Source(v.Table.Source), &v.Table)
		if err != nil {
			return nil, nil, err
		}
		source.Name = fmt.Sprintf("%s_%d", v.Name, v.Version) // of each view its own
		out.Sources = append(out.Sources, *source)
		stored := *v
		stored.Table.Source, stored.Table.Derived, stored.Table.Columns = source.Name, nil, slices.Clone(v.Table.Columns)
		for _, d := range v.Table.Derived {
			addColumn(&stored.Table, d.Name, d.Type)
		}
		stored.Features = slices.DeleteFunc(slices.Clone(v.Features), func(f feature.Field) bool { return f.IsDerived() })
		// Rows in full tie have one event: it settles nothing.
		stored.Features = append(stored.Features, feature.Field{Name: eventFeature, Type: feature.Scalar(feature.Timestamp), Column: v.Table.Event})
		views[v] = &stored
		out.Views = append(out.Views, &stored)
	}
	places = map[place]int{}
	for u := range s.Uses {
		s.Uses[u].View = views[s.Uses[u].View]
		for f, field := range s.Uses[u].View.Features {
			places[place{u, field.Name}] = len(s.Outputs)
			s.Outputs = append(s.Outputs, feature.Output{Use: u, Feature: f, Name: fmt.Sprintf("u%d__%s", u, field.Name)})
		}
	}
	return &out, places, nil
}

// WithDerived gives a source with the derived columns of a table in its files, behind those
// that are there.
func WithDerived(s *Source, t *feature.Table) (*Source, error) {
	out := *s
	if len(t.Derived) == 0 {
		return &out, nil
	}
	out.Files = slices.Clone(s.Files)
	for i := range out.Files {
		out.Files[i].Columns = slices.Clone(out.Files[i].Columns)
	}
	for _, d := range t.Derived {
		formula, err := parseFormula(d.Expression, d.Type)
		if err != nil {
			return nil, err
		}
		for i := range out.Files {
			f := &out.Files[i]
			values := feature.NewColumn(d.Type, f.Rows())
			for row := range f.Rows() {
				v, _ := formula.value(func(name string) any { return rawValue(find(f.Columns, name), row) })
				if err := values.AppendAny(v); err != nil {
					return nil, err
				}
			}
			f.Columns = append(f.Columns, Column{Name: d.Name, Values: values})
		}
	}
	return &out, nil
}

// rawValue gives a cell of a file as expressions see it: times floored to microseconds.
func rawValue(c *Column, row int) any {
	if c.Nanos && !c.Values.IsNull(row) {
		return feature.Time(oracleTime(c, row, false).Int64())
	}
	return c.Values.Any(row)
}

// answeredRow is a spine row with the stored features that it is shown.
type answeredRow struct {
	c        *Case
	row      int
	stored   func(use int, feature string) any
	formulas map[*feature.Field]formula // of the case, as far as they were asked for
}

// formula gives that of a feature, parsed once.
func (r *answeredRow) formula(f *feature.Field) (formula, error) {
	parsed, ok := r.formulas[f]
	if ok {
		return parsed, nil
	}
	parsed, err := parseFormula(f.Expression, f.Type)
	r.formulas[f] = parsed
	return parsed, err
}

// output gives what the row is shown, null where it has no time.
func (r *answeredRow) output(o feature.Output) (v any, failed bool, err error) {
	if _, ok := r.c.RequestTime(r.row); !ok {
		return nil, false, nil
	}
	if o.Use == feature.DerivedOutput {
		return r.ofService(&r.c.Selection.Derived[o.Feature])
	}
	return r.ofUse(o.Use, &r.c.Selection.Uses[o.Use].View.Features[o.Feature])
}

// ofUse gives a feature of a use: stored, or computed of others, of the time of the row
// and of the event. A row without a key has none.
func (r *answeredRow) ofUse(use int, f *feature.Field) (v any, failed bool, err error) {
	u := &r.c.Selection.Uses[use]
	for _, key := range u.Keys {
		if r.c.SpineColumn(key).Values.IsNull(r.row) {
			return nil, false, nil
		}
	}
	if !f.IsDerived() {
		return r.stored(use, f.Name), false, nil
	}
	formula, err := r.formula(f)
	if err != nil {
		return nil, false, err
	}
	v, failed = formula.value(func(name string) any {
		switch at := u.View.Feature(name); {
		case at >= 0:
			v, _, e := r.ofUse(use, &u.View.Features[at])
			err = errorOf(err, e)
			return v
		case name == "as_of":
			t, _ := r.c.RequestTime(r.row)
			return t
		default:
			return r.stored(use, eventFeature)
		}
	})
	return v, failed, err
}

// ofService gives a feature that the service derives.
func (r *answeredRow) ofService(f *feature.Field) (v any, failed bool, err error) {
	formula, err := r.formula(f)
	if err != nil {
		return nil, false, err
	}
	s := r.c.Selection
	v, failed = formula.value(func(name string) any {
		for u := range s.Uses {
			for i := range s.Uses[u].View.Features {
				if of := &s.Uses[u].View.Features[i]; s.Uses[u].Alias+"."+of.Name == name {
					v, _, e := r.ofUse(u, of)
					err = errorOf(err, e)
					return v
				}
			}
		}
		for i := range s.Derived {
			if s.Derived[i].Name == name {
				v, _, e := r.ofService(&s.Derived[i])
				err = errorOf(err, e)
				return v
			}
		}
		return rawValue(r.c.SpineColumn(name), r.row)
	})
	return v, failed, err
}

func errorOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

package offlinetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// eventFeature is the name under which the event of the row that is shown is asked for.
const eventFeature = "event_timestamp"

// withExpressions answers a case whose expressions are left to the oracle: stored
// features by the time rule, then what is computed of them, row by row.
func withExpressions(ctx context.Context, c *Case) ([]*feature.Column, error) {
	plain, places, err := withoutExpressions(c)
	if err != nil {
		return nil, err
	}
	stored, err := Oracle{}.Join(ctx, plain)
	if err != nil {
		return nil, err
	}
	out := make([]*feature.Column, len(c.Selection.Outputs))
	for i := range out {
		out[i] = feature.NewColumn(c.outputType(i), c.Rows())
	}
	for row := range c.Rows() {
		r := &answeredRow{c: c, row: row, stored: func(use int, name string) any { return stored[places[place{use, name}]].Any(row) }}
		for i, o := range c.Selection.Outputs {
			v, err := r.output(o)
			if err != nil {
				return nil, err
			}
			if err := out[i].AppendAny(v); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
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
		source, err := withDerived(c.Source(v.Table.Source), &v.Table)
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

// withDerived gives a source with the derived columns of a table in its files.
func withDerived(s *Source, t *feature.Table) (*Source, error) {
	out := *s
	out.Files = slices.Clone(s.Files)
	for i := range out.Files {
		f := &out.Files[i]
		f.Columns = slices.Clone(f.Columns)
		for _, d := range t.Derived {
			formula, err := parseFormula(d.Expression, d.Type)
			if err != nil {
				return nil, err
			}
			values := feature.NewColumn(d.Type, f.Rows())
			for row := range f.Rows() {
				v := formula.value(func(name string) any { return rawValue(find(f.Columns, name), row) })
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
	c      *Case
	row    int
	stored func(use int, feature string) any
}

// output gives what the row is shown, null where it has no time.
func (r *answeredRow) output(o feature.Output) (any, error) {
	if _, ok := r.c.RequestTime(r.row); !ok {
		return nil, nil //nolint:nilnil // a null
	}
	if o.Use == feature.DerivedOutput {
		return r.ofService(&r.c.Selection.Derived[o.Feature])
	}
	return r.ofUse(o.Use, &r.c.Selection.Uses[o.Use].View.Features[o.Feature])
}

// ofUse gives a feature of a use: stored, or computed of others, of the time of the row
// and of the event. A row without a key has none.
func (r *answeredRow) ofUse(use int, f *feature.Field) (v any, err error) {
	u := &r.c.Selection.Uses[use]
	for _, key := range u.Keys {
		if r.c.SpineColumn(key).Values.IsNull(r.row) {
			return nil, nil //nolint:nilnil // a null
		}
	}
	if !f.IsDerived() {
		return r.stored(use, f.Name), nil
	}
	formula, err := parseFormula(f.Expression, f.Type)
	if err != nil {
		return nil, err
	}
	v = formula.value(func(name string) any {
		switch at := u.View.Feature(name); {
		case at >= 0:
			v, e := r.ofUse(use, &u.View.Features[at])
			err = errorOf(err, e)
			return v
		case name == "as_of":
			t, _ := r.c.RequestTime(r.row)
			return t
		default:
			return r.stored(use, eventFeature)
		}
	})
	return v, err
}

// ofService gives a feature that the service derives.
func (r *answeredRow) ofService(f *feature.Field) (v any, err error) {
	formula, err := parseFormula(f.Expression, f.Type)
	if err != nil {
		return nil, err
	}
	s := r.c.Selection
	v = formula.value(func(name string) any {
		for u := range s.Uses {
			for i := range s.Uses[u].View.Features {
				if of := &s.Uses[u].View.Features[i]; s.Uses[u].Alias+"."+of.Name == name {
					v, e := r.ofUse(u, of)
					err = errorOf(err, e)
					return v
				}
			}
		}
		for i := range s.Derived {
			if s.Derived[i].Name == name {
				v, e := r.ofService(&s.Derived[i])
				err = errorOf(err, e)
				return v
			}
		}
		return rawValue(r.c.SpineColumn(name), r.row)
	})
	return v, err
}

func errorOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

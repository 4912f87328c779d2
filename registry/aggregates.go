package registry

import (
	"github.com/quiver-features/quiver/feature"
)

// aggregate is what a windowed aggregate reads, by columns of the view's table.
type aggregate struct {
	column string // what it is over; empty: rows
	where  string // which rows count; empty: all
	broken bool   // an expression of it can't be computed, which was told
}

// aggregate notes what a windowed aggregate reads.
func (w *wanted) aggregate(f *feature.ViewFeature) aggregate {
	a := aggregate{column: f.Column}
	user := "feature " + f.Name
	if f.Column != "" {
		w.want(f.Column, feature.Type{}, user, w.defs.At(KindView, w.view.Name, "features", f.Name, "column"))
	}
	own := func(field, text string, into *string) {
		if text == "" {
			return
		}
		e := written{
			text: text, what: field + " of feature " + f.Name + " of view " + w.view.Name,
			kind: KindView, name: w.view.Name, parts: []string{"features", f.Name, field},
		}
		column, ok := w.ownColumn(&e, user)
		*into, a.broken = column, a.broken || !ok
	}
	own("of", f.Aggregate.Of, &a.column)
	own("where", f.Aggregate.Where, &a.where)
	return a
}

// complete makes the feature of what an aggregate reads, once the table is known.
func (r *resolver) complete(field *feature.Field, def *feature.View, f *feature.ViewFeature, reads *aggregate, table *feature.Table) {
	at := func(field string) Position { return r.defs.At(KindView, def.Name, "features", f.Name, field) }
	w, err := feature.NewWindow(f.Aggregate.Window, f.Aggregate.Granularity, f.Aggregate.Function.IsSketch())
	if err != nil {
		return // told by the loader
	}
	over := table.TypeOf(reads.column)
	a := &feature.Aggregate{
		Function: f.Aggregate.Function, Column: reads.column, Input: over, Where: reads.where, Window: w,
		N: f.Aggregate.N, Q: f.Aggregate.Q, Default: f.Aggregate.Default,
	}
	field.Aggregate = a
	if where := table.TypeOf(reads.where); reads.where != "" && !where.IsZero() && where != feature.Scalar(feature.Bool) {
		r.problem(at("where"), "for example compare it with something", "feature %s of view %s: where is %s, expected bool", f.Name, def.Name, where)
	}
	if reads.broken || reads.column != "" && over.IsZero() {
		return // the column's own problem was told
	}
	switch field.Type, err = a.Function.Of(over); {
	case err != nil:
		r.problem(at("aggregate"), "", "feature %s of view %s: %s", f.Name, def.Name, plain(err))
	case !f.Type.IsZero() && f.Type != field.Type:
		r.problem(at("type"), "leave the type out", "feature %s of view %s is declared %s, and its %s is %s", f.Name, def.Name, f.Type, a.Function, field.Type)
	}
	if a.Default != nil && !field.Type.IsZero() {
		if err := feature.NewColumn(field.Type, 1).AppendText(*a.Default); err != nil {
			r.problem(at("default"), "", "feature %s of view %s: default: %s", f.Name, def.Name, plain(err))
			a.Default = nil // so that it isn't told again of what is kept online
		}
	}
}

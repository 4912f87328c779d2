package equivalence_test

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// place names a feature of a use, or one that the service derives.
type place struct{ use, feature int }

// expectation is what has to be served of a case: the values of all features, and what
// their statuses follow from. It is derived from the rows, and from the text of the rules.
type expectation struct {
	*life
	c         *offlinetest.Case
	known     *offlinetest.Case // of each use only the rows that its view knew at its watermark
	at        map[place]int     // the columns of values and failed
	values    []*feature.Column
	failed    [][]bool
	complete  [][]bool // per use and row: no key is null
	presences [][]presence
	lost      [][]bool // per use and row: files have lost rows of the key
}

// expect looks at every row of the case.
func (l *life) expect(ctx context.Context, c *offlinetest.Case) (*expectation, error) {
	e := &expectation{life: l, c: c, known: l.known(c), at: map[place]int{}}
	all := *e.known
	selection := *all.Selection
	all.Selection, selection.Outputs = &selection, nil
	add := func(use, n int) {
		for f := range n {
			p := place{use, f}
			e.at[p] = len(selection.Outputs)
			selection.Outputs = append(selection.Outputs, feature.Output{Use: use, Feature: f, Name: fmt.Sprint(p)})
		}
	}
	for u := range selection.Uses {
		add(u, len(selection.Uses[u].View.Features))
	}
	add(feature.DerivedOutput, len(selection.Derived))
	var err error
	if e.values, e.failed, err = (offlinetest.Oracle{}).JoinFailures(ctx, &all); err != nil {
		return nil, err
	}
	for _, use := range c.Selection.Uses {
		e.look(use)
	}
	return e, nil
}

// known gives the case over the rows that the views knew at their watermarks. As each view
// has its own, each use reads a source of its own.
func (l *life) known(c *offlinetest.Case) *offlinetest.Case {
	known := *c
	selection := *c.Selection
	known.Selection, known.Views, known.Sources, selection.Uses = &selection, nil, nil, nil
	for u, use := range c.Selection.Uses {
		source := until(use.View, c.Source(use.View.Table.Source), l.marks[use.View.ID()])
		view := *use.View
		source.Name = fmt.Sprintf("known%d", u)
		view.Table.Source, view.Table.Parquet = source.Name, []string{source.Name + "/*.parquet"}
		use.View = &view
		known.Views, known.Sources, selection.Uses = append(known.Views, &view), append(known.Sources, source), append(selection.Uses, use)
	}
	return &known
}

// look finds what is there of the keys of a use.
func (e *expectation) look(use feature.Use) {
	v := use.View
	facts := factsOf(v, e.c.Source(v.Table.Source))
	keys := make([]*offlinetest.Column, len(use.Keys))
	for i, name := range use.Keys {
		keys[i] = e.c.SpineColumn(name)
	}
	complete, lost, presences := make([]bool, e.c.Rows()), make([]bool, e.c.Rows()), make([]presence, e.c.Rows())
	for row := range e.c.Rows() {
		var key string
		if key, complete[row] = keyOf(keys, row); complete[row] {
			lost[row] = e.life.lost[v.ID()][key]
			presences[row] = presenceOf(v, facts, key, e.marks[v.ID()], e.clock(), e.soon)
		}
	}
	e.complete, e.lost, e.presences = append(e.complete, complete), append(e.lost, lost), append(e.presences, presences)
}

// skips tells whether a cell says nothing, as files have lost rows of its key.
func (e *expectation) skips(o feature.Output, row int) bool {
	if o.Use != feature.DerivedOutput {
		return e.lost[o.Use][row]
	}
	return slices.ContainsFunc(e.lost, func(rows []bool) bool { return rows[row] })
}

// statuses gives those that a cell may have: one, but for what the store may have
// forgotten or not.
func (e *expectation) statuses(o feature.Output, row int) []feature.Status {
	found := map[feature.Status]bool{}
	there := make([]bool, len(e.presences))
	var choose func(use int)
	choose = func(use int) {
		if use == len(there) {
			found[e.status(place{o.Use, o.Feature}, row, there)] = true
			return
		}
		p := e.presences[use][row]
		there[use] = p.rows
		choose(use + 1)
		if p.rows && p.may {
			there[use] = false
			choose(use + 1)
		}
	}
	choose(0)
	return slices.Sorted(maps.Keys(found))
}

// status derives the status of a cell where the store has values of some uses.
func (e *expectation) status(p place, row int, there []bool) feature.Status {
	null, failed := e.values[e.at[p]].IsNull(row), e.failed[e.at[p]][row]
	if p.use == feature.DerivedOutput {
		return computed(e.rests(p, row, there), null, failed)
	}
	if !e.complete[p.use][row] {
		return feature.StatusNotFound
	}
	field := &e.c.Selection.Uses[p.use].View.Features[p.feature]
	if field.IsDerived() {
		return computed(e.rests(p, row, there), null, failed)
	}
	status := e.ofRow(p.use, row, there[p.use], field.Aggregate != nil)
	if null && (status == feature.StatusPresent || status == feature.StatusStale) {
		return feature.StatusNull
	}
	return status
}

// ofRow is the status of what a store has of a key, whatever the value is. The TTL does
// not limit windows.
func (e *expectation) ofRow(use, row int, there, window bool) feature.Status {
	v := e.c.Selection.Uses[use].View
	// Nothing is complete up to the beginning of time, which stands for a run that has begun.
	mark := e.marks[v.ID()]
	age := new(big.Int).Sub(big.NewInt(int64(e.clock())), big.NewInt(int64(mark)))
	limit := e.staleness[v.Name]
	switch {
	case !there && mark == feature.MinTime:
		return feature.StatusUnavailable
	case !there:
		return feature.StatusNotFound
	case !window && e.presences[use][row].outlive:
		return feature.StatusOutsideMaxAge
	case mark == feature.MinTime, limit > 0 && age.Cmp(big.NewInt(int64(limit))) > 0:
		return feature.StatusStale
	}
	return feature.StatusPresent
}

// rests gives the statuses of what a computed cell is made of: in a view, stored features
// and the event of the row, by however many expressions; in a service, features of views.
func (e *expectation) rests(p place, row int, there []bool) []feature.Status {
	var on []feature.Status
	seen := map[place]bool{}
	var follow func(p place)
	follow = func(p place) {
		if seen[p] {
			return
		}
		seen[p] = true
		s := e.c.Selection
		if p.use == feature.DerivedOutput {
			for _, name := range namesIn(s.Derived[p.feature].Expression) {
				for i := range s.Derived {
					if s.Derived[i].Name == name {
						follow(place{feature.DerivedOutput, i})
					}
				}
				for u := range s.Uses {
					for i := range s.Uses[u].View.Features {
						if s.Uses[u].Alias+"."+s.Uses[u].View.Features[i].Name == name {
							status := e.status(place{u, i}, row, there)
							if status == feature.StatusError {
								status = feature.StatusNull // what could not be computed is a null like any other
							}
							on = append(on, status)
						}
					}
				}
			}
			return
		}
		v := s.Uses[p.use].View
		for _, name := range namesIn(v.Features[p.feature].Expression) {
			switch at := v.Feature(name); {
			case at >= 0 && v.Features[at].IsDerived():
				follow(place{p.use, at})
			case at >= 0:
				on = append(on, e.status(place{p.use, at}, row, there))
			case name == "event_timestamp":
				on = append(on, e.ofRow(p.use, row, there[p.use], false))
			}
		}
	}
	follow(p)
	return on
}

// computed derives the status of a cell from those of what it is made of.
func computed(on []feature.Status, null, failed bool) feature.Status {
	if slices.Contains(on, feature.StatusUnavailable) {
		return feature.StatusUnavailable
	}
	stale := slices.Contains(on, feature.StatusStale)
	switch {
	case failed:
		return feature.StatusError
	case !null && stale:
		return feature.StatusStale
	case !null:
		return feature.StatusPresent
	}
	for _, s := range []feature.Status{feature.StatusNotFound, feature.StatusOutsideMaxAge} {
		if slices.Contains(on, s) && !stale {
			return s
		}
	}
	return feature.StatusNull
}

// namesIn gives the names in an expression, with dots: those of variables, and others.
func namesIn(text string) (names []string) {
	for i, part := range strings.Split(text, `"`) { // those of odd number are texts
		if i%2 == 0 {
			names = append(names, strings.FieldsFunc(part, func(r rune) bool {
				return r != '_' && r != '.' && (r < '0' || r > '9') && (r < 'a' || r > 'z')
			})...)
		}
	}
	return names
}

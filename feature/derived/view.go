package derived

import (
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// View computes features of a view. Rows are what features are asked for: slots of a
// spine, or keys of a request.
type View struct {
	// Stored are the features that have to be at hand: those asked for that are no
	// expressions, in their order, then those that expressions read. Each is there once.
	Stored []int
	// Reads are those of Stored that expressions read.
	Reads []int
	// AsOf and Event tell whether expressions read the times of these names.
	AsOf, Event bool
	// Derived are the features asked for that are expressions, in their order.
	Derived []int
	// Needs tells of each of Derived what it is computed of, by others too.
	Needs []ViewNeeds

	plan    *plan
	stored  []int // of each of Reads, its place in the plan's reads
	asOf    int   // likewise; -1: not read
	eventAt int
}

// ViewNeeds is what a derived feature of a view is computed of.
type ViewNeeds struct {
	Stored []int // features, each one of View.Reads
	Event  bool  // the event timestamp
}

// OfView plans features of a view, by their indexes in ViewVersion.Features, each once
// even if it is asked for twice. An expression that does not fit the view is an error that
// wraps feature.ErrInvalid.
func OfView(v *feature.ViewVersion, asked ...int) (*View, error) {
	return ofView(&scopes{}, v, asked)
}

func ofView(scopes *scopes, v *feature.ViewVersion, asked []int) (*View, error) {
	p := &View{asOf: -1, eventAt: -1}
	var names []string
	for _, f := range asked {
		switch derived := v.Features[f].IsDerived(); {
		case derived && !slices.Contains(p.Derived, f):
			p.Derived, names = append(p.Derived, f), append(names, v.Features[f].Name)
		case !derived && !slices.Contains(p.Stored, f):
			p.Stored = append(p.Stored, f)
		}
	}
	if len(names) == 0 {
		p.plan = &plan{}
		return p, nil
	}
	var err error
	if p.plan, err = newPlan(scopes, variablesOf(v), definitionsOf(v.Features), names); err != nil {
		return nil, fmt.Errorf("view %s: feature %w", v.ID(), err)
	}
	p.placeReads(v)
	for _, r := range p.plan.results {
		var n ViewNeeds
		for _, at := range p.plan.readsOf(r) {
			if i := slices.Index(p.stored, at); i >= 0 {
				n.Stored = append(n.Stored, p.Reads[i])
			}
			n.Event = n.Event || at == p.eventAt
		}
		p.Needs = append(p.Needs, n)
	}
	return p, nil
}

// placeReads says what the plan's reads are.
func (p *View) placeReads(v *feature.ViewVersion) {
	for at, name := range p.plan.reads {
		f := v.Feature(name)
		switch {
		case f >= 0:
			p.Reads, p.stored = append(p.Reads, f), append(p.stored, at)
			if !slices.Contains(p.Stored, f) {
				p.Stored = append(p.Stored, f)
			}
		case name == feature.NameAsOf:
			p.AsOf, p.asOf = true, at
		default:
			p.Event, p.eventAt = true, at
		}
	}
}

// variablesOf gives what a view's expressions read beside one another. A feature
// hides the time of its name.
func variablesOf(v *feature.ViewVersion) []expression.Variable {
	var vars []expression.Variable
	for _, name := range []string{feature.NameAsOf, feature.NameEventTimestamp} {
		if v.Feature(name) < 0 {
			vars = append(vars, expression.Variable{Name: name, Type: feature.Scalar(feature.Timestamp)})
		}
	}
	for _, f := range v.Features {
		if !f.IsDerived() {
			vars = append(vars, expression.Variable{Name: f.Name, Type: f.Type})
		}
	}
	return vars
}

func definitionsOf(fields []feature.Field) []definition {
	var definitions []definition
	for _, f := range fields {
		if f.IsDerived() {
			definitions = append(definitions, definition{f.Name, f.Expression, f.Type})
		}
	}
	return definitions
}

// ViewMachine computes a View's derived features. It is used by one goroutine at a
// time.
type ViewMachine struct {
	machine
	view  *View
	reads []*feature.Column
}

// NewMachine makes a machine.
func (p *View) NewMachine() *ViewMachine {
	return &ViewMachine{machine: newMachine(p.plan), view: p, reads: make([]*feature.Column, len(p.plan.reads))}
}

// Compute gives View.Derived, in their order, for a number of rows. stored are the
// columns of View.Reads; asOf and event are timestamps, and looked at only where
// View.AsOf and View.Event are set. Each has rows values, or one that stands for all rows;
// none is changed. Errors are those of TableMachine.Compute.
func (m *ViewMachine) Compute(rows int, stored []*feature.Column, asOf, event *feature.Column) ([]Result, error) {
	for i, at := range m.view.stored {
		m.reads[at] = stored[i]
	}
	if m.view.AsOf {
		m.reads[m.view.asOf] = asOf
	}
	if m.view.Event {
		m.reads[m.view.eventAt] = event
	}
	return m.compute(rows, m.reads)
}

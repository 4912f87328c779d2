package derived

import (
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// Selection computes what a selection delivers: first the features of its views, each
// use for itself, then those that the service derives of them.
type Selection struct {
	Views   []*View  // of each use: for its outputs, and for what the service reads
	Service *Service // never nil; without Derived where the service derives nothing that is delivered
}

// OfSelection plans the outputs of a selection. An expression that does not fit is an
// error that wraps feature.ErrInvalid.
func OfSelection(s *feature.Selection) (*Selection, error) {
	var of []int
	asked := make([][]int, len(s.Uses))
	for _, o := range s.Outputs {
		if o.Use == feature.DerivedOutput {
			of = append(of, o.Feature)
			continue
		}
		asked[o.Use] = append(asked[o.Use], o.Feature)
	}
	p, scopes := &Selection{Views: make([]*View, len(s.Uses))}, &scopes{}
	var err error
	if p.Service, err = ofService(scopes, s, of); err != nil {
		return nil, err
	}
	for _, place := range p.Service.Reads {
		asked[place.Use] = append(asked[place.Use], place.Feature)
	}
	for i := range s.Uses {
		if p.Views[i], err = ofView(scopes, s.Uses[i].View, asked[i]); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Place names a feature of a use: indexes in Selection.Uses and in its View.Features.
type Place struct{ Use, Feature int }

// Service computes features that a service derives. Rows are those of a spine or of a
// request.
type Service struct {
	Reads   []Place // the features of uses that are read, derived ones too
	Inputs  []int   // the inputs that are read, by their indexes in Selection.Inputs
	Derived []int   // the features asked for, by their indexes in Selection.Derived, in their order
	// Needs tells of each of Derived what it is computed of, by others too.
	Needs []ServiceNeeds

	plan   *plan
	reads  []int // of each of Reads, its place in the plan's reads
	inputs []int // of each of Inputs, likewise
}

// ServiceNeeds is what a service's derived feature is computed of.
type ServiceNeeds struct {
	Reads  []int // indexes in Service.Reads
	Inputs []int // indexes in Service.Inputs
}

// OfService plans features of Selection.Derived, by their indexes, each once even if it
// is asked for twice. An expression that does not fit is an error that wraps
// feature.ErrInvalid.
func OfService(s *feature.Selection, asked ...int) (*Service, error) {
	return ofService(&scopes{}, s, asked)
}

func ofService(scopes *scopes, s *feature.Selection, asked []int) (*Service, error) {
	p := &Service{plan: &plan{}}
	var names []string
	for _, d := range asked {
		if !slices.Contains(p.Derived, d) {
			p.Derived, names = append(p.Derived, d), append(names, s.Derived[d].Name)
		}
	}
	if len(names) == 0 {
		return p, nil
	}
	var vars []expression.Variable
	places, inputs := map[string]Place{}, map[string]int{}
	for u := range s.Uses {
		for f, field := range s.Uses[u].View.Features {
			name := s.Uses[u].Alias + "." + field.Name
			vars = append(vars, expression.Variable{Name: name, Type: field.Type})
			places[name] = Place{u, f}
		}
	}
	for i, in := range s.Inputs {
		vars = append(vars, expression.Variable{Name: in.Name, Type: in.Type})
		inputs[in.Name] = i
	}
	var err error
	if p.plan, err = newPlan(scopes, vars, definitionsOf(s.Derived), names); err != nil {
		return nil, fmt.Errorf("service %s: feature %w", s.Service, err)
	}
	for at, name := range p.plan.reads {
		if place, ok := places[name]; ok {
			p.Reads, p.reads = append(p.Reads, place), append(p.reads, at)
		} else {
			p.Inputs, p.inputs = append(p.Inputs, inputs[name]), append(p.inputs, at)
		}
	}
	for _, r := range p.plan.results {
		var n ServiceNeeds
		for _, at := range p.plan.readsOf(r) {
			if i := slices.Index(p.reads, at); i >= 0 {
				n.Reads = append(n.Reads, i)
			} else {
				n.Inputs = append(n.Inputs, slices.Index(p.inputs, at))
			}
		}
		p.Needs = append(p.Needs, n)
	}
	return p, nil
}

// ServiceMachine computes a Service's features. It is used by one goroutine at a time.
type ServiceMachine struct {
	machine
	service *Service
	reads   []*feature.Column
}

// NewMachine makes a machine.
func (s *Service) NewMachine() *ServiceMachine {
	return &ServiceMachine{machine: newMachine(s.plan), service: s, reads: make([]*feature.Column, len(s.plan.reads))}
}

// Compute gives Service.Derived, in their order, for a number of rows. features and
// inputs are the columns of Service.Reads and Service.Inputs, each of rows values, or of
// one that stands for all rows; none is changed. Errors are those of TableMachine.Compute.
func (m *ServiceMachine) Compute(rows int, features, inputs []*feature.Column) ([]Result, error) {
	for i, at := range m.service.reads {
		m.reads[at] = features[i]
	}
	for i, at := range m.service.inputs {
		m.reads[at] = inputs[i]
	}
	return m.compute(rows, m.reads)
}

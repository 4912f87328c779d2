package registry

import (
	"slices"
	"strconv"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// serviceExpressions are the features that a service derives, being resolved.
type serviceExpressions struct {
	*resolver
	def      *feature.Service
	types    map[string]feature.Type // of what they can name, as it gets known: alias.feature, inputs, others
	texts    []written
	outlines []*expression.Outline // nil: broken, and told
}

// derive resolves what a service computes. views are those of its uses.
func (p *planner) derive(def *feature.Service, s *ServiceVersion, views []*feature.ViewVersion) {
	before := len(p.problems)
	e := serviceExpressions{resolver: p.resolver, def: def, types: map[string]feature.Type{}}
	for i, view := range views {
		for f := range view.Features {
			e.types[s.Uses[i].Alias+"."+view.Features[f].Name] = view.Features[f].Type
		}
	}
	for _, in := range def.Inputs {
		e.types[in.Name] = in.Type
	}
	s.Inputs = def.Inputs
	names := make([]string, len(def.Derived))
	for i := range def.Derived {
		names[i] = def.Derived[i].Name
		e.types[names[i]] = feature.Type{} // until its turn
		e.texts = append(e.texts, written{
			text: def.Derived[i].Expression, what: "derived feature " + names[i] + " of service " + def.Name,
			kind: KindService, name: def.Name, parts: []string{"derived", names[i], "expression"},
		})
		e.outlines = append(e.outlines, p.outlineOf(&e.texts[i]))
		s.Outputs = append(s.Outputs, ServiceOutput{Use: feature.DerivedOutput, Feature: names[i], Name: names[i]})
	}
	for _, i := range p.order(names, e.names, func(i int) *written { return &e.texts[i] }) {
		s.Derived = append(s.Derived, e.resolve(i))
	}
	if len(p.problems) == before { // else it may be read where something is wrong
		e.unread(s)
	}
}

func (e *serviceExpressions) names(i int) []string {
	if o := e.outlines[i]; o != nil {
		return o.Names
	}
	return nil
}

// resolve gives one feature its type.
func (e *serviceExpressions) resolve(i int) ServiceDerived {
	def, w := &e.def.Derived[i], &e.texts[i]
	d := ServiceDerived{Name: def.Name, Description: def.Description, Expression: tidy(def.Expression), Reads: e.names(i)}
	if e.outlines[i] == nil {
		return d // told
	}
	d.Type = e.typeOf(w, lookUp(d.Reads, func(name string) (feature.Type, bool) { t, exists := e.types[name]; return t, exists }), e.variables)
	if !d.Type.IsZero() && !takesType(def.Type, d.Type) {
		e.problem(e.defs.At(KindService, e.def.Name, "derived", d.Name, "type"), "leave the type out",
			"derived feature %s of service %s is declared %s, and its expression gives %s", d.Name, e.def.Name, def.Type, d.Type)
	}
	e.types[d.Name] = d.Type
	return d
}

// variables gives all that the service's expressions can name.
func (e *serviceExpressions) variables() []expression.Variable {
	var vars []expression.Variable
	for name, t := range e.types {
		if !t.IsZero() {
			vars = append(vars, expression.Variable{Name: name, Type: t})
		}
	}
	return vars
}

// unread tells of what requests would have to bring along for nothing, and of views
// that are used for nothing.
func (e *serviceExpressions) unread(s *ServiceVersion) {
	for _, in := range e.def.Inputs {
		if !slices.ContainsFunc(s.Derived, func(d ServiceDerived) bool { return slices.Contains(d.Reads, in.Name) }) {
			e.problem(e.defs.At(KindService, s.Name, "inputs", in.Name), "take it out, or use it in an expression under derived",
				"input %s of service %s is read by no derived feature", in.Name, s.Name)
		}
	}
	for i := range s.Uses {
		if len(s.featuresOf(i)) == 0 {
			e.problem(e.defs.At(KindService, s.Name, "features", strconv.Itoa(i), "hide"), "take the view out of the service",
				"service %s delivers no feature of view %s, and derives none of it", s.Name, s.Uses[i].View)
		}
	}
}

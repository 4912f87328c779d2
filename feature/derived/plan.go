package derived

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// definition is an expression with its name, and the type that the registry has
// fixed.
type definition struct {
	name, text string
	typ        feature.Type
}

// plan computes some of a set of named expressions.
type plan struct {
	reads   []string // the variables that have to be given, each once
	steps   []step   // in the order in which they are computed
	results []ref    // of what is asked for, in that order
}

// step computes one expression.
type step struct {
	name    string
	program *expression.Program
	args    []ref // of program.Reads
}

// ref is where a column comes from: 0 and above a variable of the plan's reads, below
// the result of step ^ref.
type ref int

// scopes makes the scopes of plans that are made together: the first costs more than the
// others.
type scopes struct{ none *expression.Scope }

func (s *scopes) of(vars []expression.Variable) (*expression.Scope, error) {
	if s.none == nil {
		none, err := expression.NewScope(nil)
		if err != nil {
			return nil, err
		}
		s.none = none
	}
	return s.none.With(vars)
}

// newPlan makes a plan for what is asked for: names of definitions, or of variables,
// which are passed through.
func newPlan(scopes *scopes, vars []expression.Variable, definitions []definition, asked []string) (*plan, error) {
	b := builder{plan: &plan{}, definitions: make(map[string]*definition, len(definitions)), known: map[string]ref{}}
	for i := range definitions {
		d := &definitions[i]
		b.definitions[d.name] = d
		vars = append(vars, expression.Variable{Name: d.name, Type: d.typ})
	}
	var err error
	if b.scope, err = scopes.of(vars); err != nil {
		return nil, err
	}
	for _, name := range asked {
		r, err := b.need(name)
		if err != nil {
			return nil, err
		}
		b.plan.results = append(b.plan.results, r)
	}
	return b.plan, nil
}

type builder struct {
	plan        *plan
	scope       *expression.Scope
	definitions map[string]*definition
	known       map[string]ref
	path        []string // definitions that are being looked at, each for the one before
}

// need gives the place of a value, and plans its computation where it is the first to
// ask for it.
func (b *builder) need(name string) (ref, error) {
	if r, ok := b.known[name]; ok {
		return r, nil
	}
	d, ok := b.definitions[name]
	if !ok {
		r := ref(len(b.plan.reads))
		b.plan.reads = append(b.plan.reads, name)
		b.known[name] = r
		return r, nil
	}
	if at := slices.Index(b.path, name); at >= 0 {
		return 0, fmt.Errorf("%s need one another: %w", strings.Join(append(b.path[at:], name), ", "), feature.ErrInvalid)
	}
	b.path = append(b.path, name)
	s, err := b.step(d)
	if err != nil {
		return 0, err
	}
	b.path = b.path[:len(b.path)-1]
	r := ^ref(len(b.plan.steps))
	b.plan.steps = append(b.plan.steps, s)
	b.known[name] = r
	return r, nil
}

func (b *builder) step(d *definition) (step, error) {
	program, err := expression.Compile(d.text, b.scope)
	if err != nil {
		return step{}, fmt.Errorf("%s: expression %q: %w", d.name, d.text, err)
	}
	if got := program.Type(); got != d.typ {
		return step{}, fmt.Errorf("%s: expression %q gives %s, and was %s when it was applied: %w", d.name, d.text, got, d.typ, feature.ErrInvalid)
	}
	s := step{name: d.name, program: program}
	for _, name := range program.Reads() {
		r, err := b.need(name)
		if err != nil {
			return step{}, err
		}
		s.args = append(s.args, r)
	}
	return s, nil
}

// readsOf gives the variables that a result needs, ascending, by their place in reads.
func (p *plan) readsOf(r ref) []int {
	var reads []int
	seen := make([]bool, len(p.steps)) // a step may be needed on many ways
	var follow func(r ref)
	follow = func(r ref) {
		switch {
		case r >= 0 && !slices.Contains(reads, int(r)):
			reads = append(reads, int(r))
		case r < 0 && !seen[^r]:
			seen[^r] = true
			for _, arg := range p.steps[^r].args {
				follow(arg)
			}
		}
	}
	follow(r)
	slices.Sort(reads)
	return reads
}

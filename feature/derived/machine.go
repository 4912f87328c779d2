package derived

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// Result is one computed column.
type Result struct {
	// Values belong to the machine, or are a column that it was given: the next
	// computation overwrites them.
	Values *feature.Column
	// Failed tells the rows whose value could not be computed, and is null; nil: none.
	// The next computation overwrites it.
	Failed []bool
}

// machine computes what a plan says. It is used by one goroutine at a time.
type machine struct {
	plan    *plan
	steps   []running // of the plan's
	results []Result  // of the plan's results
	limit   int       // bytes
	ended   func() error
}

// maxResults is how many bytes of texts and lists a computation makes, unless Limit says
// something else.
const maxResults = 1 << 30

// running is a step with its memory.
type running struct {
	machine *expression.Machine
	args    []*feature.Column
	values  *feature.Column
	failed  []bool
}

func newMachine(p *plan) machine {
	m := machine{plan: p, steps: make([]running, len(p.steps)), results: make([]Result, len(p.results)), limit: maxResults}
	for i := range p.steps {
		s := &p.steps[i]
		m.steps[i] = running{
			machine: s.program.NewMachine(),
			args:    make([]*feature.Column, len(s.args)),
			values:  feature.NewColumn(s.program.Type(), 0),
		}
	}
	return m
}

// Limit bounds the bytes of texts and lists that a computation makes of all columns
// together, as feature.Column.Varying counts them: 1 GiB until it is called. What takes more
// is an error that wraps feature.ErrTooLarge.
func (m *machine) Limit(bytes int) { m.limit = bytes }

// Until has a computation ask between expressions, and amid those that have much to do,
// whether it is still wanted: an error is the computation's. nil: nobody is asked.
func (m *machine) Until(ended func() error) {
	m.ended = ended
	for i := range m.steps {
		m.steps[i].machine.Until(ended)
	}
}

// Release gives back large memory. Results that were given are not valid any more.
func (m *machine) Release() {
	for i := range m.steps {
		if s := &m.steps[i]; s.values.Varying() > maxKept {
			s.values = feature.NewColumn(s.values.Type, 0)
		}
	}
}

// maxKept is how many bytes of texts and lists a step holds on to.
const maxKept = 1 << 20

// compute computes rows of all results. reads are the columns of the plan's reads, each
// of rows values, or of one that stands for all of them.
func (m *machine) compute(rows int, reads []*feature.Column) ([]Result, error) {
	left := m.limit
	for i := range m.steps {
		if m.ended != nil {
			if err := m.ended(); err != nil {
				return nil, err
			}
		}
		s := &m.steps[i]
		for n, arg := range m.plan.steps[i].args {
			s.args[n] = m.at(arg, reads)
		}
		s.values.Reset()
		s.machine.Limit(left)
		var err error
		if s.failed, err = s.machine.Eval(rows, s.args, s.values); err != nil {
			return nil, fmt.Errorf("%s: %w", m.plan.steps[i].name, err)
		}
		left -= s.values.Varying()
	}
	for i, r := range m.plan.results {
		m.results[i] = Result{Values: m.at(r, reads)}
		if r < 0 {
			m.results[i].Failed = m.steps[^r].failed
		}
	}
	return m.results, nil
}

func (m *machine) at(r ref, reads []*feature.Column) *feature.Column {
	if r >= 0 {
		return reads[r]
	}
	return m.steps[^r].values
}

// Failures calls yield with everything that the last computation computed and failed
// at: what was asked for, and what that needed.
func (m *machine) Failures(yield func(name string, failed []bool)) {
	for i := range m.steps {
		if failed := m.steps[i].failed; failed != nil {
			yield(m.plan.steps[i].name, failed)
		}
	}
}

package tiles

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/quiver-features/quiver/feature"
)

// Plan says what is kept of a view's aggregates. It is immutable and safe for
// concurrent use.
type Plan struct {
	rule     feature.Rule
	features []int
	asks     []ask // of features
	columns  []Column
	inputs   []input
	groups   []group
	builds   sync.Pool // of *building
	merges   sync.Pool // of *merging
}

// Column is a column that events are read from.
type Column struct {
	Name string
	Type feature.Type
}

// Group is a set of tiles of one granularity. Its tile of an event at e is
// feature.Window{Granularity: g.Granularity}.Tile(e).
type Group struct {
	Granularity feature.Duration
	Reach       feature.Duration // the longest window that is answered from it; 0: all time
}

// group is one of a plan's groups. That of lists keeps the latest values and no
// tiles. What sketches take is more than all else, so none is kept for longer than
// its own windows: each has a group with others of the same reach. All the rest of one
// granularity shares a group, as it takes little more than the numbers of tiles.
type group struct {
	Group
	lists bool
	parts []part
}

// window is the longest window that is answered from a group.
func (g *Group) window() feature.Window {
	return feature.Window{Length: g.Reach, Granularity: g.Granularity}
}

// part is what is kept of one input in each tile of a group.
type part struct {
	kind  kind
	input int // index into Plan.inputs
	n     int // of last: how many; of topK: the k
}

// input is what aggregates are over: the values of a column, or the rows, where a
// condition holds.
type input struct {
	column, where int          // indexes into Plan.columns; -1: none
	over          feature.Type // of the column; zero: rows are counted
}

// ask is a feature, and where its answer comes from.
type ask struct {
	function           feature.Function
	group, part, input int
	window             feature.Window
	n                  int
	q                  float64
	result             feature.Type
	otherwise          *feature.Column // one value in place of null; nil: none
}

// NewPlan makes the plan of those of fields that have an aggregate, for events that a rule
// makes visible. The order of fields is that of the plan's features and nothing else: what
// is kept depends on the names. An error wraps feature.ErrInvalid and names the feature.
func NewPlan(fields []feature.Field, rule feature.Rule) (*Plan, error) {
	p := &Plan{rule: rule}
	for i := range fields {
		if fields[i].Aggregate == nil {
			continue
		}
		a, err := newAsk(&fields[i])
		if err != nil {
			return nil, fmt.Errorf("feature %s: %w", fields[i].Name, err)
		}
		p.features, p.asks = append(p.features, i), append(p.asks, a)
	}
	byName := make([]int, len(p.asks))
	for i := range byName {
		byName[i] = i
	}
	slices.SortFunc(byName, func(a, b int) int { return strings.Compare(fields[p.features[a]].Name, fields[p.features[b]].Name) })
	for _, i := range byName {
		p.read(&p.asks[i], fields[p.features[i]].Aggregate)
		p.keep(&p.asks[i])
	}
	p.join()
	// Only now it is known which part answers what: a richer one may have come later.
	for i := range p.asks {
		p.locate(&p.asks[i])
	}
	return p, nil
}

// newAsk checks a feature. Where its answer comes from is not known yet.
func newAsk(f *feature.Field) (ask, error) {
	a := f.Aggregate
	if err := check(f); err != nil {
		return ask{}, err
	}
	k := ask{function: a.Function, window: a.Window, n: a.N, q: a.Q, result: f.Type}
	if a.Function == feature.First || a.Function == feature.Last {
		k.n = 1
	}
	if a.Default != nil {
		k.otherwise = feature.NewColumn(f.Type, 1)
		if err := k.otherwise.AppendText(*a.Default); err != nil {
			return ask{}, fmt.Errorf("default: %w", err)
		}
	}
	return k, nil
}

// read finds what a feature is over.
func (p *Plan) read(k *ask, a *feature.Aggregate) {
	in := input{column: p.column(a.Column, a.Input), where: p.column(a.Where, feature.Scalar(feature.Bool)), over: a.Input}
	if k.input = slices.Index(p.inputs, in); k.input < 0 {
		k.input = len(p.inputs)
		p.inputs = append(p.inputs, in)
	}
}

func check(f *feature.Field) error {
	a, most := f.Aggregate, f.Aggregate.Function.MaxN()
	result, err := a.Function.Of(a.Input)
	switch w := a.Window; {
	case err != nil:
		return err
	case result != f.Type:
		return fmt.Errorf("%s of %s gives %s, not %s: %w", a.Function, a.Input, result, f.Type, feature.ErrInvalid)
	case (a.Column == "") != a.Input.IsZero():
		return fmt.Errorf("column %q is of type %q: expected both or neither: %w", a.Column, a.Input, feature.ErrInvalid)
	case w.Granularity <= 0 || w.Length < 0 || w.Length%w.Granularity != 0:
		return fmt.Errorf("window %s in steps of %s: expected steps that divide it: %w", w.Length, w.Granularity, feature.ErrInvalid)
	case a.Function == feature.TopK && w.Length == 0:
		return fmt.Errorf("top_k over all time can't be kept online, as there is no end to the values that have to be counted: give it a window such as 90d: %w", feature.ErrInvalid)
	case most > 0 && (a.N < 1 || a.N > most):
		return fmt.Errorf("%s of %d values: expected 1 to %d: %w", a.Function, a.N, most, feature.ErrInvalid)
	case a.Function == feature.Quantile && !(a.Q > 0 && a.Q < 1):
		return fmt.Errorf("quantile %v: expected a share between 0 and 1: %w", a.Q, feature.ErrInvalid)
	}
	return nil
}

// column gives the index of a column, -1 for none.
func (p *Plan) column(name string, t feature.Type) int {
	if name == "" {
		return -1
	}
	at := slices.Index(p.columns, Column{name, t})
	if at < 0 {
		at = len(p.columns)
		p.columns = append(p.columns, Column{name, t})
	}
	return at
}

// partOf is the part that a feature asks for.
func (p *Plan) partOf(a *ask) part {
	of := part{kind: kindOf(a.function, p.inputs[a.input].over), input: a.input}
	if of.kind == last || of.kind == topK {
		of.n = a.n
	}
	return of
}

// keep sees to it that a part that answers a feature is kept.
func (p *Plan) keep(a *ask) {
	want := p.partOf(a)
	g := p.groupFor(a, want)
	for i, have := range g.parts {
		switch {
		case have.answers(want):
			return
		case want.answers(have):
			g.parts[i] = want
			return
		}
	}
	g.parts = append(g.parts, want)
}

// groupFor gives the group that a feature's part is kept in, widened to its window.
func (p *Plan) groupFor(a *ask, want part) *group {
	all, list := a.window.Length == 0, want.kind == last
	at := slices.IndexFunc(p.groups, func(g group) bool { return g.suits(a, want) && g.parts[0].kind.isSketch() == want.kind.isSketch() })
	if at < 0 {
		p.groups = append(p.groups, group{Group: Group{a.window.Granularity, a.window.Length}, lists: list})
		return &p.groups[len(p.groups)-1]
	}
	g := &p.groups[at]
	switch {
	case g.Reach == 0:
	case all, list && a.window.Length > math.MaxInt64/4: // so long that sums with it may have no room
		g.Reach = 0
	default:
		g.Reach = max(g.Reach, reachIn(a.window, g.Granularity))
	}
	return g
}

// suits tells whether a group may have a part that answers a feature: of a sketch, the
// one that has it.
func (g *group) suits(a *ask, want part) bool {
	if g.lists || want.kind == last {
		return g.lists == (want.kind == last)
	}
	if g.Granularity != a.window.Granularity || (g.Reach == 0) != (a.window.Length == 0) {
		return false
	}
	return !want.kind.isSketch() || slices.ContainsFunc(g.parts, func(have part) bool { return have.answers(want) })
}

// join puts the sketches of a granularity and reach into one group, that of other parts
// where there is one.
func (p *Plan) join() {
	var joined []group
	for _, sketches := range []bool{false, true} {
		for i := range p.groups {
			g := &p.groups[i]
			if g.parts[0].kind.isSketch() != sketches {
				continue
			}
			at := slices.IndexFunc(joined, func(have group) bool { return !have.lists && have.Group == g.Group })
			if at >= 0 && sketches {
				joined[at].parts = append(joined[at].parts, g.parts...)
			} else {
				joined = append(joined, *g)
			}
		}
	}
	p.groups = joined
}

// locate finds the part that answers a feature.
func (p *Plan) locate(a *ask) {
	want := p.partOf(a)
	for i := range p.groups {
		g := &p.groups[i]
		if !g.suits(a, want) {
			continue
		}
		if at := slices.IndexFunc(g.parts, func(have part) bool { return have.answers(want) }); at >= 0 {
			a.group, a.part = i, at
			return
		}
	}
}

// reachIn gives the length of a window of a granularity that covers all that w does. Lists
// have windows of several granularities: the tail of w stands up to a step of its own back.
func reachIn(w feature.Window, granularity feature.Duration) feature.Duration {
	if w.Granularity == granularity {
		return w.Length
	}
	steps := (w.Length+w.Granularity-2)/granularity + 1
	return steps * granularity
}

// Features gives the indexes of the features among the fields that the plan was made
// of. The slice must not be changed, as none of those that a plan gives.
func (p *Plan) Features() []int { return p.features }

// Columns gives what events are read from: the inputs and conditions of the
// aggregates, each once.
func (p *Plan) Columns() []Column { return p.columns }

// Groups gives the sets of tiles that are kept. Lists of latest values are one, too.
func (p *Plan) Groups() []Group {
	groups := make([]Group, len(p.groups))
	for i := range p.groups {
		groups[i] = p.groups[i].Group
	}
	return groups
}

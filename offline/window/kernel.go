package window

import (
	"cmp"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// states are what is kept of one input, for some of its outputs. Calls of add exclude each other, and so do those of addLate for
// one window.
type states interface {
	// add adds those events of a batch that are not null to their cells.
	add(p *Part, b *Batch, input int)
	// addLate adds those that are late to their stretches of requests, in a window that is asked for.
	addLate(b *Batch, input, window int)
	// answer writes outputs of windows for all requests. Nothing else is asked afterwards.
	answer(p *Part, windows []asked)
	// bytes gives what they take, about.
	bytes() int64
}

// asked is a window of which some outputs are wanted. For each request, in the order of
// their times, it covers the cells from lo to hi; neither goes back from one request of a
// key to the next, and hi is the same for all windows of a request that cover any.
type asked struct {
	window  int
	lo, hi  []uint32
	outputs []*answer
}

// kernel is the states that serve some outputs of an input.
type kernel struct {
	kernelKind
	states
	outputs []int   // of the spec
	windows []bool  // those of the outputs
	beside  *kernel // of counts: what may count for it, see counts; nil: nothing
}

// kernelKind tells kernels apart: outputs of one kind share their states.
type kernelKind struct {
	input       int
	function    feature.Function // zero: all that are single numbers
	n           int              // of LastN
	granularity feature.Duration // of TopK, which is defined over tiles
}

func (s *Spec) kindOf(o Output) kernelKind {
	k := kernelKind{input: o.Input}
	switch {
	case o.Function == feature.TopK:
		k.function, k.granularity = o.Function, s.Windows[o.Window].Granularity
	case o.Function == feature.LastN:
		k.function, k.n = o.Function, o.N
	case aggregate.New(o.Function, s.Inputs[o.Input].Type, 1) != nil:
		k.function = o.Function
	}
	return k
}

// kernels gives the kernels that the outputs need, as yet without states.
func (s *Spec) kernels() []kernel {
	var all []kernel
	for i, o := range s.Outputs {
		kind, at := s.kindOf(o), 0
		for at < len(all) && all[at].kernelKind != kind {
			at++
		}
		if at == len(all) {
			all = append(all, kernel{kernelKind: kind, windows: make([]bool, len(s.Windows))})
		}
		all[at].outputs = append(all[at].outputs, i)
		all[at].windows[o.Window] = true
	}
	s.pair(all)
	return all
}

// counts tells whether numbers of values are all that is wanted.
func (k *kernel) counts(s *Spec) bool {
	return k.function == "" && !slices.ContainsFunc(k.outputs, func(o int) bool { return s.Outputs[o].Function != feature.Count })
}

// pair sets beside, which then has the windows of both, and puts counts before others.
func (s *Spec) pair(all []kernel) {
	slices.SortStableFunc(all, func(a, b kernel) int { return cmp.Compare(a.place(s), b.place(s)) })
	for i := range all {
		k := &all[i]
		if !k.counts(s) {
			return
		}
		at := slices.IndexFunc(all, func(o kernel) bool {
			return o.function == "" && !o.counts(s) && s.Inputs[o.input].Where == s.Inputs[k.input].Where
		})
		if at < 0 {
			continue
		}
		k.beside = &all[at]
		for w, wanted := range k.windows {
			k.beside.windows[w] = k.beside.windows[w] || wanted
		}
	}
}

// place is that of a kernel among others.
func (k *kernel) place(s *Spec) int {
	if k.counts(s) {
		return 0
	}
	return 1
}

// make makes the kernel's states. The memory of old may be used; nil: there is none.
func (k *kernel) make(s *Spec, cells, requests int, old states) states {
	over := s.Inputs[k.input].Type
	fresh := func() aggregate.State { return aggregate.New(k.function, over, k.n) }
	switch {
	case k.counts(s):
		return newCounts(k.beside, len(s.Windows), cells, requests)
	case k.function == "":
		outputs := make([]Output, len(k.outputs))
		for i, o := range k.outputs {
			outputs[i] = s.Outputs[o]
		}
		return newColumn(over, outputs, len(s.Windows), cells, requests, old)
	case k.function == feature.TopK:
		return newFrequent(s, k)
	case isOrdered(k.function):
		return &latest{held: newHeld(fresh, len(s.Windows), cells, requests), first: k.function == feature.First, n: max(k.n, 1), list: k.function == feature.LastN}
	default:
		return &merged{held: newHeld(fresh, len(s.Windows), cells, requests)}
	}
}

// Bytes of a cell, about, before any event was seen.
const (
	bytesOfSketch  = 512
	bytesOfLatest  = 160 // with a short value
	bytesOfCounted = 24  // a sighting of a value
)

// expected gives the bytes that a cell takes, about, before any event was seen.
func (k *kernel) expected(s *Spec) int64 {
	switch k.function {
	case "":
		return k.make(s, 1, 0, nil).bytes()
	case feature.TopK:
		return bytesOfCounted * 8
	case feature.LastN:
		return bytesOfLatest * int64(min(k.n, 8))
	case feature.CountDistinct, feature.Quantile:
		return bytesOfSketch
	default:
		return bytesOfLatest
	}
}

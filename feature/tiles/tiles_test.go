package tiles_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

func columnTypes() []feature.Type {
	var all []feature.Type
	for k := feature.Bool; k <= feature.Timestamp; k++ {
		all = append(all, feature.Scalar(k))
	}
	return append(all, feature.ListOf(feature.Float64, 0), feature.ListOf(feature.String, 0))
}

// randomFields gives aggregates of all kinds over a table.
func randomFields(r *rand.Rand, t *table) []feature.Field {
	var fields []feature.Field
	for len(fields) < 14 {
		a := &feature.Aggregate{Function: feature.Functions()[r.IntN(len(feature.Functions()))]}
		if at := r.IntN(len(t.names) + 2); at < len(t.names) && t.names[at] != "yes" {
			a.Column, a.Input = t.names[at], t.types[at]
		}
		if r.IntN(3) == 0 {
			a.Where = "yes"
		}
		g := []feature.Duration{1, 5, 10}[r.IntN(3)]
		a.Window = feature.Window{Granularity: g, Length: g * feature.Duration(1+r.IntN(12))}
		if r.IntN(4) == 0 {
			a.Window = feature.Window{Granularity: 20} // days of this world
		}
		if a.Function == feature.TopK && a.Window.Length == 0 {
			continue
		}
		a.N, a.Q = 1+r.IntN(4), 0.25+float64(r.IntN(3))/4
		of, err := a.Function.Of(a.Input)
		if err != nil {
			continue
		}
		if a.Q == 1 {
			a.Q = 0.9
		}
		if a.Function != feature.LastN && a.Function != feature.TopK {
			a.N = 0
		}
		if a.Function != feature.Quantile {
			a.Q = 0
		}
		if of == feature.Scalar(feature.Float64) && r.IntN(3) == 0 {
			text := "-1.5"
			a.Default = &text
		}
		fields = append(fields, feature.Field{Name: fmt.Sprintf("f%02d", len(fields)), Type: of, Aggregate: a})
	}
	// A column feature between them is no business of the plan.
	return slices.Insert(fields, 3, feature.Field{Name: "column", Type: feature.Scalar(feature.Int64), Column: "c1"})
}

// history is one key's events, and the runs that keep its section.
type history struct {
	table  *table
	rule   feature.Rule
	fields []feature.Field
	plan   *tiles.Plan // of fields in another order: bytes do not depend on it
	reads  *tiles.Plan
	events []*event
	runs   []feature.Time // the targets
}

func newHistory(t *testing.T, r *rand.Rand) *history {
	t.Helper()
	h := &history{table: &table{}, rule: feature.Rule{Created: r.IntN(2) == 0, Available: r.IntN(2) == 0}}
	for i, of := range columnTypes() {
		h.table.names, h.table.types = append(h.table.names, fmt.Sprintf("c%d", i)), append(h.table.types, of)
	}
	h.table.names, h.table.types = append(h.table.names, "yes"), append(h.table.types, feature.Scalar(feature.Bool))
	h.fields = randomFields(r, h.table)
	var err error
	shuffled := slices.Clone(h.fields)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	if h.plan, err = tiles.NewPlan(shuffled, h.rule); err != nil {
		t.Fatal(err)
	}
	if h.reads, err = tiles.NewPlan(h.fields, h.rule); err != nil {
		t.Fatal(err)
	}
	to := feature.Time(r.IntN(200) - 150)
	for range 1 + r.IntN(6) {
		h.runs = append(h.runs, to)
		to += feature.Time(r.IntN(80))
	}
	for range r.IntN(80) {
		e := &event{stamp: feature.Stamp{Event: feature.Time(r.IntN(400) - 250)}, lands: max(0, r.IntN(3*len(h.runs))-2*len(h.runs))}
		if r.IntN(4) == 0 && len(h.events) > 0 {
			e.stamp = h.events[r.IntN(len(h.events))].stamp
		}
		if h.rule.Created && r.IntN(2) == 0 {
			e.stamp.Created, e.stamp.HasCreated = feature.Time(r.IntN(5)), true
		}
		if h.rule.Available {
			e.stamp.Available = e.stamp.Event + feature.Time(max(0, r.IntN(60)-30))
		}
		e.visible = h.rule.VisibleFrom(e.stamp.Event, e.stamp.Available)
		for _, of := range h.table.types {
			e.values = append(e.values, randomValue(r, of))
		}
		h.events = append(h.events, e)
	}
	return h
}

// seen gives the events that a run has read.
func (h *history) seen(run int) []*event {
	var seen []*event
	for _, e := range h.events {
		if e.lands <= run && e.visible <= h.runs[run] {
			seen = append(seen, e)
		}
	}
	return seen
}

// build makes a patch of events, in any order, of touched tiles by group, or a whole one.
func (h *history) build(t *testing.T, r *rand.Rand, run int, events []*event, touched [][]int64) []byte {
	t.Helper()
	b := h.plan.NewBuilder(h.runs[run])
	b.Reset(r.IntN(2) == 0) // what was before leaves no trace
	h.add(t, r, b, events[:len(events)/2])
	b.Reset(touched == nil)
	for i, list := range touched {
		b.Touch(i, list)
	}
	h.add(t, r, b, events)
	return b.Append([]byte{0xAA})[1:]
}

func (h *history) add(t *testing.T, r *rand.Rand, b *tiles.Builder, events []*event) {
	t.Helper()
	columns := make([]*feature.Column, len(h.plan.Columns()))
	for i, c := range h.plan.Columns() {
		columns[i] = feature.NewColumn(c.Type, 0)
	}
	for row, at := range r.Perm(len(events)) {
		for i, c := range h.plan.Columns() {
			if err := columns[i].AppendAny(events[at].values[h.table.column(c.Name)]); err != nil {
				t.Fatal(err)
			}
		}
		b.Add(events[at].stamp, columns, row)
	}
}

// touched gives the tiles of events by group, and whether one was folded before known.
func (h *history) touched(events []*event, known feature.Time) (byGroup [][]int64, folded bool) {
	for _, g := range h.plan.Groups() {
		w := feature.Window{Granularity: g.Granularity}
		numbers := []int64{}
		for _, e := range events {
			numbers = append(numbers, w.Tile(e.stamp.Event))
		}
		slices.Sort(numbers)
		numbers = slices.Compact(numbers)
		folded = folded || g.Reach == 0 && len(numbers) > 0 && numbers[0] < w.Tile(known)-1
		byGroup = append(byGroup, numbers)
	}
	return byGroup, folded
}

// bring makes the section that follows a run.
func (h *history) bring(t *testing.T, r *rand.Rand, section []byte, run int) []byte {
	t.Helper()
	to, known, seen := h.runs[run], feature.MinTime, h.seen(run)
	var patch []byte
	if run == 0 {
		patch = h.build(t, r, run, seen, nil)
	} else {
		known = h.runs[run-1]
		var fresh []*event
		for _, e := range seen {
			if e.lands == run || e.visible > known {
				fresh = append(fresh, e)
			}
		}
		touched, folded := h.touched(fresh, known)
		if folded {
			touched = nil
		}
		patch = h.build(t, r, run, seen, touched)
	}
	next, err := h.plan.Merge([]byte{1, 2}, section, patch, to, known)
	if err != nil {
		t.Fatal(err)
	}
	return next[2:]
}

func (h *history) columns() []*feature.Column {
	into := make([]*feature.Column, len(h.reads.Features()))
	for i, f := range h.reads.Features() {
		into[i] = feature.NewColumn(h.fields[f].Type, 1)
	}
	return into
}

// check compares the answers of a section at t with those of the definition.
func (h *history) check(t *testing.T, reader *tiles.Reader, section []byte, seen []*event, at feature.Time, say string) {
	t.Helper()
	into := h.columns()
	if err := reader.Answer(section, at, into); err != nil {
		t.Fatalf("%s: %v", say, err)
	}
	for i, f := range h.reads.Features() {
		want := h.table.oracle(&h.fields[f], seen, at)
		if got := into[i].Any(0); into[i].Len() != 1 || !same(got, want) {
			t.Fatalf("%s: %s where %q (n %d, q %v) at %d: got %v, expected %v", say, h.fields[f].Aggregate, h.fields[f].Aggregate.Where,
				h.fields[f].Aggregate.N, h.fields[f].Aggregate.Q, at, got, want)
		}
	}
}

func TestAnswersAreThoseOfTheDefinition(t *testing.T) {
	for seed := range uint64(250) {
		r := rand.New(rand.NewPCG(seed, 7))
		h := newHistory(t, r)
		reader := h.reads.NewReader()
		var section []byte
		for run, to := range h.runs {
			section = h.bring(t, r, section, run)
			seen := h.seen(run)
			for _, later := range []feature.Time{0, 1, feature.Time(r.IntN(30)), feature.Time(r.IntN(200)), 10_000} {
				h.check(t, reader, section, seen, to+later, fmt.Sprintf("seed %d, run %d", seed, run))
			}
		}
	}
}

// That a section was made by many runs does not show in it.
func TestManyPatchesAreOne(t *testing.T) {
	for seed := range uint64(120) {
		r := rand.New(rand.NewPCG(seed, 8))
		h := newHistory(t, r)
		var section []byte
		for run := range h.runs {
			section = h.bring(t, r, section, run)
		}
		last := len(h.runs) - 1
		to, known, none := h.runs[last], h.runs[max(last-1, 0)], make([][]int64, len(h.plan.Groups()))
		merge := func(old, patch []byte) []byte {
			t.Helper()
			next, err := h.plan.Merge(nil, old, patch, to, known)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
		// A patch without a tile drops and folds all the same.
		many := merge(section, h.build(t, r, last, nil, none))
		whole := merge(nil, h.build(t, r, last, h.seen(last), nil))
		if last > 0 && !bytes.Equal(many, whole) {
			t.Fatalf("seed %d: %d runs give %x, one gives %x", seed, len(h.runs), many, whole)
		}
		// Two patches that part the tiles between them give the same, in any order.
		all, _ := h.touched(h.seen(last), feature.MinTime)
		var halves [2][]byte
		for half := range halves {
			part := make([][]int64, len(all))
			for g := range all {
				for _, n := range all[g] {
					if n%2 == int64(half) || -n%2 == int64(half) && n%2 != 0 {
						part[g] = append(part[g], n)
					}
				}
			}
			halves[half] = h.build(t, r, last, h.seen(last), part)
		}
		// Nothing is folded before both are in.
		meet := func(old, patch []byte) []byte {
			next, err := h.plan.Merge(nil, old, patch, to, feature.MinTime)
			if err != nil {
				t.Fatal(err)
			}
			return next
		}
		a, b := meet(meet(nil, halves[0]), halves[1]), meet(meet(nil, halves[1]), halves[0])
		if !bytes.Equal(a, b) {
			t.Fatalf("seed %d: one order gives %x, the other %x", seed, a, b)
		}
		if got := merge(a, h.build(t, r, last, nil, none)); !bytes.Equal(got, whole) {
			t.Fatalf("seed %d: two patches give %x, one gives %x", seed, got, whole)
		}
	}
}

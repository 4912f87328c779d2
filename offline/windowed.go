package offline

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/window"
)

// windowed is one use of a view while its rows are added to the windows of the
// slots' times.
type windowed struct {
	use    *feature.Use
	order  []int // of the use's keys in its group
	slots  *slots
	spec   *window.Spec
	inputs []windowInput // of the spec
	asked  []int         // of each of the spec's outputs, its feature in the view
	parts  []windowPart  // of the slots

	waiting []*waiting // rows of all workers, at the end of the scan
}

// windowInput is where the values of an input stand.
type windowInput struct {
	column, where string // empty: none
}

type windowPart struct {
	make sync.Once
	*window.Part
}

// newWindowed gives nil where no aggregate is asked of a use. slots are nil where
// nothing is computed yet.
func (t *training) newWindowed(use int, s *slots) *windowed {
	u := &t.req.Selection.Uses[use]
	w := &windowed{use: u, order: keyOrder(t.plan.keyColumns(u)), slots: s, spec: &window.Spec{Rule: u.View.Rule}}
	for _, f := range t.asked(use) {
		if a := u.View.Features[f].Aggregate; a != nil {
			w.ask(f, a)
		}
	}
	if len(w.asked) == 0 {
		return nil
	}
	if s != nil {
		w.parts = make([]windowPart, len(s.parts))
	}
	return w
}

// ask adds an aggregate. What several have in common is kept once.
func (w *windowed) ask(f int, a *feature.Aggregate) {
	o := window.Output{Function: a.Function, N: a.N, Q: a.Q}
	if o.Window = slices.Index(w.spec.Windows, a.Window); o.Window < 0 {
		o.Window = len(w.spec.Windows)
		w.spec.Windows = append(w.spec.Windows, a.Window)
	}
	in := windowInput{a.Column, a.Where}
	if o.Input = slices.Index(w.inputs, in); o.Input < 0 {
		o.Input = len(w.inputs)
		w.inputs = append(w.inputs, in)
		where := slices.IndexFunc(w.inputs, func(o windowInput) bool { return o.where == in.where })
		w.spec.Inputs = append(w.spec.Inputs, window.Input{Type: w.use.View.Table.TypeOf(a.Column), Where: where})
	}
	w.spec.Outputs = append(w.spec.Outputs, o)
	w.asked = append(w.asked, f)
}

// columns gives the columns that values are read from, each once.
func (w *windowed) columns(had []string) []string {
	for _, in := range w.inputs {
		for _, c := range []string{in.column, in.where} {
			if c != "" && !slices.Contains(had, c) {
				had = append(had, c)
			}
		}
	}
	return had
}

// covers widens a span to what the windows cover at the times from least to most.
func (w *windowed) covers(s *span, least, most feature.Time) {
	s.until = max(s.until, most)
	for _, win := range w.spec.Windows {
		after, bounded := win.Tail(least)
		s.tail, s.windows = min(s.tail, after), s.windows && bounded
	}
}

// noWindows is a span that covers nothing yet.
func noWindows() span {
	return span{all: true, until: feature.MinTime, tail: feature.MaxTime, windows: true}
}

// aggregate computes the aggregates that are asked of all uses of a view in one pass
// over its files.
func (t *training) aggregate(ctx context.Context, p *part, table *table, uses []int) error {
	var all []*windowed
	var of []int
	var columns []string
	s, slots := noWindows(), 0
	for _, i := range uses {
		w := t.newWindowed(i, p.slots[t.plan.ofUse[i]])
		if w == nil {
			continue
		}
		all, of = append(all, w), append(of, i)
		columns = w.columns(columns)
		if slots += w.slots.n; w.slots.n > 0 {
			w.covers(&s, w.slots.least, w.slots.most)
		}
	}
	if len(all) == 0 {
		return nil
	}
	id := table.view.ID()
	work := t.res.Work.view(id)
	work.Files = len(table.files)
	groups, read := work.choose(table, s, slots > 0, columns...)
	t.count(table, groups, of)
	first := table.earliest(groups)
	for _, w := range all {
		w.spec.From = first
	}
	m := t.meter(StageWindows, id, read.Rows)
	started := time.Now()
	defer func() { t.res.Work.took(StageWindows, id, started, read.Rows) }()
	var mu sync.Mutex
	var workers []*windowWorker
	err := table.scan(ctx, groups, t.workers, func(rows int) { m.add(int64(rows)) }, func() func(context.Context, int, int64, *chunk) error {
		w := t.windowWorker(s, columns, all, len(table.keys))
		mu.Lock()
		defer mu.Unlock()
		workers = append(workers, w)
		return w.chunk
	}, columns...)
	if err != nil {
		return err
	}
	for n, i := range of {
		for _, w := range workers {
			w.waiting[n].keepAll(w.scatters[n].batches)
			all[n].waiting = append(all[n].waiting, w.waiting[n])
		}
		if err := t.results(ctx, all[n], p.joined[i], i, p.room); err != nil {
			return err
		}
	}
	return nil
}

// results adds the rows that still wait, and computes what was asked of a use, for all its slots.
func (t *training) results(ctx context.Context, w *windowed, j *joined, use int, room *room) error {
	columns := make([]*feature.Column, len(w.asked))
	for i, f := range w.asked {
		columns[i] = nulls(w.use.View.Features[f].Type, w.slots.n)
	}
	if j.marks == nil {
		j.marks = make([]uint8, w.slots.n)
	}
	overflows := make([][]int64, len(w.parts))
	own := make([][]*feature.Column, len(w.parts)) // of each part
	bytes := make([]int64, len(w.parts))
	scratches := make(chan *windowBatch, t.workers) // each is one worker's at a time
	for range t.workers {
		scratches <- new(windowBatch)
	}
	varying := 0 // outputs without a fixed width
	for _, c := range columns {
		if c.Offsets != nil {
			varying++
		}
	}
	order, made := w.byRows(), room.making(int64(varying*w.slots.n))
	err := each(ctx, len(w.parts), t.workers, func(_ context.Context, n int) error {
		i := order[n]
		scratch := <-scratches
		defer func() { scratches <- scratch }()
		w.takeLast(i, scratch)
		base := int(w.slots.parts[i].base)
		part := w.part(i, scratch)
		bytes[i] = part.Bytes()
		told := part.Results(columns, base, &made.left)
		w.parts[i].Part, scratch.done = nil, part
		if err := made.add(varying*len(w.slots.parts[i].times) - told.LeftOut); err != nil {
			return err
		}
		overflows[i], own[i] = told.Overflows, told.Own
		for slot, matched := range told.Matched {
			if matched {
				j.marks[base+slot] |= markWindow
			}
			if told.SameTime[slot] {
				j.marks[base+slot] |= markSameTime
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	w.forgetRows()
	made.end()
	t.learnWindows(use, bytes, w.slots.n)
	for i, f := range w.asked {
		field := &w.use.View.Features[f]
		for _, o := range overflows {
			t.res.Views[use].Overflows += o[i]
		}
		if columns[i].Offsets != nil {
			of := make([]*feature.Column, len(own))
			for part := range own {
				of[part], own[part][i] = own[part][i], nil
			}
			columns[i] = together(field.Type, of)
		}
		if field.Aggregate.Default != nil {
			if columns[i], err = filled(columns[i], *field.Aggregate.Default); err != nil {
				return fmt.Errorf("feature %s: %w", field.Name, err)
			}
		}
		j.bySlot[f] = columns[i]
	}
	return nil
}

// forgetRows gives back the rows that waited. Where they are most of the memory, what is made from now on takes their
// place at once, and not when the collector would come by itself; for fewer it isn't worth a collection.
func (w *windowed) forgetRows() {
	bytes := int64(0)
	for _, rows := range w.waiting {
		bytes += rows.bytes
	}
	if w.waiting = nil; bytes >= manyBytes {
		runtime.GC()
	}
}

// byRows gives the partitions, those with the most rows that wait first: the one of a key with half of all
// events is begun before the others, and not when nothing else is left to do.
func (w *windowed) byRows() []int {
	order, rows := make([]int, len(w.parts)), make([]int, len(w.parts))
	for i := range order {
		order[i] = i
		for _, of := range w.waiting {
			for _, b := range of.full[i] {
				rows[i] += len(b.offers)
			}
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rows[b], rows[a]) })
	return order
}

// part gives a part; it has none of its own before the first event.
func (w *windowed) part(i int, scratch *windowBatch) *window.Part {
	p := &w.parts[i]
	p.make.Do(func() {
		p.Part = w.spec.Renew(scratch.done, &window.Requests{Starts: w.slots.parts[i].starts, Times: w.slots.parts[i].times})
		scratch.done = nil
	})
	return p.Part
}

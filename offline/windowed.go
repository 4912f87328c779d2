package offline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
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
}

// windowInput is where the values of an input stand.
type windowInput struct {
	column, where string // empty: none
}

type windowPart struct {
	make sync.Once
	*window.Part
}

// windowBatch is a worker's scratch: the rows of a batch whose keys are known.
type windowBatch struct {
	keys    []uint32
	events  []feature.Time
	visible []feature.Time
	stamps  []feature.Stamp
	values  window.Values
	placed  window.Batch
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
	err := table.scatter(ctx, groups, t.workers, func(rows int) { m.add(int64(rows)) },
		func() scatterer { return t.windowWorker(s, columns, all, len(table.keys)) }, columns...)
	if err != nil {
		return err
	}
	for n, i := range of {
		if err := t.results(ctx, all[n], p.joined[i], i); err != nil {
			return err
		}
	}
	return nil
}

// results computes what was asked of a use, for all its slots.
func (t *training) results(ctx context.Context, w *windowed, j *joined, use int) error {
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
	err := each(ctx, len(w.parts), t.workers, func(_ context.Context, i int) error {
		base := int(w.slots.parts[i].base)
		bytes[i] = w.part(i).Bytes()
		told := w.part(i).Results(columns, base)
		w.parts[i].Part = nil
		overflows[i], own[i] = told.Overflows, told.Own
		for n, matched := range told.Matched {
			if matched {
				j.marks[base+n] |= markWindow
			}
			if told.SameTime[n] {
				j.marks[base+n] |= markSameTime
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	t.learnWindows(use, bytes, w.slots.n)
	for i, f := range w.asked {
		field := &w.use.View.Features[f]
		for _, o := range overflows {
			t.res.Views[use].Overflows += o[i]
		}
		if columns[i].Offsets != nil {
			columns[i] = feature.NewColumn(field.Type, w.slots.n)
			for part := range own {
				if c := own[part][i]; c != nil { // a part may have no requests
					appendColumn(columns[i], c)
				}
				own[part][i] = nil
			}
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

// part gives a part; it has none of its own before the first event.
func (w *windowed) part(i int) *window.Part {
	p := &w.parts[i]
	p.make.Do(func() {
		p.Part = w.spec.New(&window.Requests{Starts: w.slots.parts[i].starts, Times: w.slots.parts[i].times})
	})
	return p.Part
}

// take adds the rows of a batch.
func (w *windowed) take(partition int, b *batch, p *windowBatch) {
	keys := w.slots.parts[partition].keys
	p.keys, p.events, p.visible, p.stamps = p.keys[:0], p.events[:0], p.visible[:0], p.stamps[:0]
	ordered := len(b.more) > 0 && w.spec.Ordered()
	for i := range b.offers {
		key := keys.find(b.offers[i].word, b.key(i))
		if key == 0 {
			continue
		}
		b.values.keep(len(p.keys), i)
		p.keys = append(p.keys, key-1)
		p.events = append(p.events, b.offers[i].time)
		if len(b.visible) > 0 {
			p.visible = append(p.visible, b.visible[i])
		}
		if ordered {
			p.stamps = append(p.stamps, b.stamp(i))
		}
	}
	if len(p.keys) == 0 {
		return
	}
	visible := p.visible
	if len(visible) == 0 {
		visible = nil
	}
	p.values.Words, p.values.Texts, p.values.Null, p.values.Stamps = b.values.words, b.values.texts, p.values.Null[:0], nil
	if ordered {
		p.values.Stamps = p.stamps
	}
	for _, null := range b.values.null {
		if len(null) == 0 {
			null = nil
		}
		p.values.Null = append(p.values.Null, null)
	}
	part := w.part(partition)
	part.Place(&p.placed, p.keys, p.events, visible, &p.values)
	part.Put(&p.placed)
}

// values are the values of a batch's rows, by input. Of an input that counts rows
// words are nil, of one that is never null null is.
type values struct {
	words   [][]int64
	texts   []window.Texts    // nil: no input has some
	columns []*feature.Column // of a chunk: in place of texts
	null    [][]bool
}

// addText appends value i of a chunk's column, and tells how many bytes there are.
func (v *values) addText(input int, c *feature.Column, i int) int {
	t := &v.texts[input]
	from := uint32(len(t.Data))
	if !c.IsNull(i) {
		t.Data = aggregate.AppendValue(t.Data, c, i)
	}
	t.Ends = append(t.Ends, window.Ends{From: from, To: uint32(len(t.Data))})
	return len(t.Data)
}

// addNull notes whether value i of a chunk is null, for a batch that had n values; null is
// nil where none is. As long as none was null nothing is kept.
func (v *values) addNull(input, n int, null []bool, i int32) {
	own := v.null[input]
	if len(own) == 0 && (null == nil || !null[i]) {
		return
	}
	for len(own) < n {
		own = append(own, false)
	}
	v.null[input] = append(own, null != nil && null[i])
}

// keep moves the values of row from to row to, which is no later.
func (v *values) keep(to, from int) {
	for _, words := range v.words {
		if words != nil {
			words[to] = words[from]
		}
	}
	for i := range v.texts {
		if ends := v.texts[i].Ends; len(ends) > 0 {
			ends[to] = ends[from]
		}
	}
	for _, null := range v.null {
		if len(null) > 0 {
			null[to] = null[from]
		}
	}
}

func (v *values) reset() {
	for i := range v.words {
		if v.words[i] != nil {
			v.words[i] = v.words[i][:0]
		}
		if v.null[i] != nil {
			v.null[i] = v.null[i][:0]
		}
	}
	for i := range v.texts {
		v.texts[i].Data, v.texts[i].Ends = v.texts[i].Data[:0], v.texts[i].Ends[:0]
	}
}

// windowWorker scatters the rows of a view with their values, for each of its uses.
type windowWorker struct {
	rule     feature.Rule
	span     span
	columns  []string // of the chunks' values
	uses     []*windowed
	scatters []*scatter
	keys     []*feature.Column
	selected []int32
	visible  []feature.Time
	scratch  values
}

func (t *training) windowWorker(s span, columns []string, uses []*windowed, keys int) *windowWorker {
	w := &windowWorker{rule: uses[0].use.View.Rule, span: s, columns: columns, uses: uses, keys: make([]*feature.Column, keys)}
	var scratch windowBatch
	for _, u := range uses {
		partitions := len(u.slots.parts)
		to := newScatter(partitions, t.batchLimit(partitions, t.workers*len(uses)), w.rule, u.slots.seed, func(partition int, b *batch) error {
			u.take(partition, b, &scratch)
			return nil
		})
		to.withValues(u.spec, u.inputs)
		w.scatters = append(w.scatters, to)
	}
	return w
}

func (w *windowWorker) chunk(_ context.Context, _ int, base int64, c *chunk) error {
	w.selected, w.visible = c.selectRows(w.rule, w.span, w.selected[:0], w.visible[:0])
	for n, u := range w.uses {
		for to, from := range u.order {
			w.keys[to] = c.keys[from]
		}
		w.load(u, c)
		w.scatters[n].values = w.scratch
		if err := w.scatters[n].add(w.keys, c, base, w.selected, w.visible); err != nil {
			return err
		}
	}
	return nil
}

func (w *windowWorker) flush() error {
	for _, s := range w.scatters {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return nil
}

// load gives the values of a chunk's rows, by the inputs of a use.
func (w *windowWorker) load(u *windowed, c *chunk) {
	v := &w.scratch
	for len(v.words) < len(u.inputs) {
		v.words, v.columns, v.null = append(v.words, nil), append(v.columns, nil), append(v.null, nil)
	}
	column := func(name string) *feature.Column {
		if name == "" {
			return nil
		}
		return c.extra[slices.Index(w.columns, name)]
	}
	for i, in := range u.inputs {
		over, where := column(in.column), column(in.where)
		v.columns[i] = over
		if over != nil && aggregate.IsWord(over.Type) && u.spec.Reads(i) {
			v.words[i] = wordsOf(v.words[i], over)
		}
		v.null[i] = leftOut(c.rows, over, where)
	}
}

// leftOut tells which rows an aggregate leaves out: those with a null value, and those for
// which the condition is false or null; nil: none. Both columns may be nil.
func leftOut(rows int, over, where *feature.Column) []bool {
	if where == nil && (over == nil || over.Valid == nil) {
		return nil
	}
	out := make([]bool, rows)
	if over != nil && over.Valid != nil {
		for n, valid := range over.Valid {
			out[n] = !valid
		}
	}
	if where != nil {
		for n, yes := range where.Bools {
			out[n] = out[n] || !yes || where.IsNull(n)
		}
	}
	return out
}

// wordsOf appends the values of a column as window.Values has them.
func wordsOf(dst []int64, c *feature.Column) []int64 {
	dst = slices.Grow(dst[:0], c.Len())
	switch c.Type.Kind {
	case feature.Float64:
		for _, v := range c.Float64s {
			dst = append(dst, int64(math.Float64bits(v)))
		}
	case feature.Float32:
		for _, v := range c.Float32s {
			dst = append(dst, int64(math.Float64bits(float64(v))))
		}
	case feature.Int32, feature.Date:
		for _, v := range c.Int32s {
			dst = append(dst, int64(v))
		}
	case feature.Bool:
		for _, v := range c.Bools {
			word := int64(0)
			if v {
				word = 1
			}
			dst = append(dst, word)
		}
	default:
		dst = append(dst, c.Int64s...)
	}
	return dst
}

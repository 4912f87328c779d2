package offline

import (
	"context"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// windowWorker scatters the rows of a view with their values, for each of its uses.
type windowWorker struct {
	rule     feature.Rule
	span     span
	columns  []string // of the chunks' values
	uses     []*windowed
	scatters []*scatter
	waiting  []*waiting
	keys     []*feature.Column
	selected []int32
	visible  []feature.Time
	scratch  values
}

func (t *training) windowWorker(s span, columns []string, uses []*windowed, keys int) *windowWorker {
	w := &windowWorker{rule: uses[0].use.View.Rule, span: s, columns: columns, uses: uses, keys: make([]*feature.Column, keys)}
	var scratch windowBatch
	room := t.windowRoom() / int64(t.workers*len(uses))
	for _, u := range uses {
		partitions := len(u.slots.parts)
		rows := newWaiting(partitions)
		limit := min(max(room/int64(4*partitions*(offerBytes+9*len(u.inputs))), batchLeast), waitingMost)
		to := newScatter(partitions, int(limit), w.rule, u.slots.seed, func(partition int, b *batch) error {
			rows.keep(partition, b)
			if rows.bytes < room {
				return nil
			}
			return rows.takeAll(func(partition int, b *batch) error {
				u.take(partition, b, &scratch)
				return nil
			})
		})
		to.withValues(u)
		w.scatters, w.waiting = append(w.scatters, to), append(w.waiting, rows)
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

// load gives the values of a chunk's rows, by the inputs of a use.
func (w *windowWorker) load(u *windowed, c *chunk) {
	v := &w.scratch
	for len(v.words) < len(u.inputs) {
		v.words, v.columns, v.null, v.made = append(v.words, nil), append(v.columns, nil), append(v.null, nil), append(v.made, nil)
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
		if u.words(i) {
			v.words[i] = v.wordsOf(i, over)
		}
		v.null[i] = leftOut(c.rows, over, where)
	}
}

package offline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// Explain tells what Train would do, with the same errors for a request that does not
// fit. It reads the spine's times, and of the views' files the footers; nothing is
// written. Row groups are chosen by all times of the spine, those of rows without a key
// included, so Train may skip more; and where it takes several parts, each has a range
// of its own.
func (e *Engine) Explain(ctx context.Context, req Request) (*Work, error) {
	t, err := e.begin(ctx, req)
	if err != nil {
		return nil, err
	}
	w := &t.res.Work
	if err := t.readTimes(ctx, w); err != nil {
		return nil, err
	}
	t.expect(w)
	for _, use := range req.Selection.Uses {
		if w.view(use.View.ID()).Files > 0 {
			continue // planned for another use
		}
		if err := t.planView(ctx, w, use.View); err != nil {
			return nil, fmt.Errorf("offline: view %s: %w", use.View.ID(), err)
		}
	}
	return w, nil
}

// readTimes reads the spine's times, and counts its rows.
func (t *training) readTimes(ctx context.Context, w *Work) error {
	times := newCursor(ctx, t.req.Spine, []int{t.plan.time})
	defer times.stop()
	m := t.meter(StageSpine, "", t.rows)
	for {
		rec, err := times.take(1 << 30)
		if err != nil || rec == nil {
			return err
		}
		c, err := t.plan.column(rec, timeAt, feature.Scalar(feature.Timestamp), w.Rows)
		if err != nil {
			rec.Release()
			return err
		}
		for i := range c.Len() {
			if !c.IsNull(i) {
				w.asks(feature.Time(c.Int64s[i]), feature.Time(c.Int64s[i]))
			}
		}
		w.Rows += rec.NumRows()
		m.add(rec.NumRows())
		rec.Release()
	}
}

// expect says how the spine will be taken.
func (t *training) expect(w *Work) {
	w.PartRows = min(t.partRows(), max(w.Rows, 1))
	w.Parts = int(max((w.Rows+w.PartRows-1)/w.PartRows, 1))
	w.Partitions = partitionsFor(w.PartRows)
	w.Memory = WorkMemory{Budget: t.memory, Part: w.PartRows * t.rowBytes(), Open: t.isOpen()}
}

// isOpen tells whether values are made, or kept, of which nothing is known before.
func (t *training) isOpen() bool {
	for use, v := range t.derived.Views {
		features := t.req.Selection.Uses[use].View.Features
		for _, f := range slices.Concat(v.Stored, v.Derived) {
			if a := features[f].Aggregate; a != nil && (a.Function.IsSketch() || a.Function == feature.LastN) {
				return true
			}
			if kind := features[f].Type; kind.List || kind.Kind == feature.String || kind.Kind == feature.Bytes {
				return true
			}
		}
	}
	return false
}

// planView chooses the row groups of a view.
func (t *training) planView(ctx context.Context, w *Work, view *feature.ViewVersion) (err error) {
	uses := t.usesOf(view)
	table, err := openTable(ctx, t.files, view, t.res.Views[uses[0]].Files, t.workers)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	if err := table.missing(); err != nil {
		return err
	}
	v := w.view(view.ID())
	v.Files = len(table.files)
	s := span{all: true, until: w.Last, oldest: w.First, ttl: view.Rule.TTL}
	asked := w.First <= w.Last
	windows, columns, plain, windowed := noWindows(), []string(nil), false, false
	for _, use := range uses {
		plain = plain || t.joins(use)
		if of := t.newWindowed(use, nil); of != nil && asked {
			windowed, columns = true, of.columns(columns)
			of.covers(&windows, w.First, w.Last)
		}
	}
	if windowed {
		_, read := v.choose(table, windows, asked, columns...)
		w.Memory.Batches = max(w.Memory.Batches, min(t.windowRoom(), read.Rows*int64(len(uses)*(offerBytes+9*len(columns)))))
	}
	if !plain && asked {
		return nil
	}
	groups, read := v.choose(table, s, asked)
	for _, use := range uses {
		for _, g := range groups {
			v.Features.add(table.work(g, t.featureColumns(use)))
		}
	}
	w.Memory.Batches = max(w.Memory.Batches, min(t.scattered, read.Rows*int64(len(uses)))*offerBytes)
	return nil
}

// featureColumns gives the columns of the features that are asked of a use, each once.
func (t *training) featureColumns(use int) []string {
	var columns []string
	for _, f := range t.askedColumns(use) {
		columns = append(columns, t.req.Selection.Uses[use].View.Features[f].Column)
	}
	return columns
}

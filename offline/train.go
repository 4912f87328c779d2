package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// Request asks for a training set.
type Request struct {
	Spine     Spine // stays open: the caller closes it
	Selection *feature.Selection
	// EventTimestamp names the spine's time column: a timestamp, a date (midnight,
	// UTC) or ISO 8601 text. Empty: the column event_timestamp, else the spine's
	// only timestamp column.
	EventTimestamp string
	// Audit has ViewResult.Audit be made: examples, and one more pass over views that
	// show rows which were created too late.
	Audit bool
}

// Result is what Train found and counted. Rows are rows of the spine.
type Result struct {
	Rows           int64
	EventTimestamp string        // the spine's time column
	Schema         *arrow.Schema // of the training set
	Spine          feature.File
	Views          []ViewResult    // of Selection.Uses, in their order
	Features       []FeatureResult // of Selection.Outputs, in their order
	Work           Work            // what it took, which differs by machine and options
}

// ViewResult counts what a view gave to a training set.
type ViewResult struct {
	View    string         // its ID
	Alias   string         // as Use.Alias
	Files   []feature.File // in the order of their paths
	Scanned int64          // source rows whose keys and times were read
	Skipped int64          // source rows in row groups that could not matter
	Matched int64          // rows for which a source row was visible, or was in a window
	// Ties is how many rows have a value that was settled by value: several visible
	// source rows with equal key and times were the latest, and differ.
	Ties int64
	// SameTime is how many rows show a source row of their own instant (e = t): a
	// leak where the labels are made from the same events.
	SameTime int64
	// CreatedAfter is how many rows show a source row whose created timestamp is after
	// their time: a leak, unless that is when the row was copied.
	CreatedAfter int64
	// Overflows is how many sums of integers were out of range, and are null; each
	// counts once for all rows of its key and time.
	Overflows int64
	// Failed are the derived columns of the source that could not be computed for some of
	// the rows that were scanned, in the order of the table's.
	Failed []feature.ColumnFailures
	Audit  *Audit // nil: not asked for
}

// FeatureResult counts what one output column holds.
type FeatureResult struct {
	Name  string
	Nulls int64 // rows in which it is null, for whatever reason
	// Errors is the rows in which it is null because its expression could not be computed.
	Errors int64
	// Matched is the rows for which every view that a feature of the service is derived of
	// had a row, as ViewResult.Matched has it; 0 for features of views.
	Matched int64
}

// training is one call of Train.
type training struct {
	*Engine
	req     Request
	derived *derived.Selection
	plan    *spinePlan
	places  []derived.Place // features that are written, or that the service derives others of, each once
	placeOf []int           // of each output, its place, or of Service.Derived
	service *derived.ServiceMachine
	res     *Result
	reading *meter
	writing *meter
	rows    int64                            // of the spine, as expected
	part    int                              // that is joined, from 1
	parts   int                              // expected
	scanned map[string][]bool                // per view, its row groups that were read
	failed  map[string]map[failedGroup]int64 // per view
	values  int64                            // bytes of the outputs of a row, about
	keys    int64                            // bytes of the keys of a row as text, about
	windows []windowCost                     // per use, as far as seen
}

// Train writes the training set of a request: one row per spine row, in the
// spine's order, the spine's columns first and as they are, then the selection's
// outputs in their order. open is called once, with the schema of what will be
// written, after the request was checked and before any source is read; Train
// commits the output when all rows are written and aborts it on any error.
//
// A request that does not fit its spine is an error that wraps
// feature.ErrInvalid; a spine or a source file that changes while it is read, one
// that wraps feature.ErrConflict. The rows written depend on spine, selection
// and source rows only.
func (e *Engine) Train(ctx context.Context, req Request, open func(*arrow.Schema) (Output, error)) (*Result, error) {
	started := time.Now()
	t, err := e.begin(ctx, req)
	if err != nil {
		return nil, err
	}
	out, err := open(t.res.Schema)
	if err != nil {
		return nil, err
	}
	if err := t.run(ctx, out); err != nil {
		return nil, errors.Join(err, out.Abort())
	}
	t.res.Work.Took = time.Since(started)
	return t.res, nil
}

// begin checks a request against its spine's schema and lists the files of its views.
func (e *Engine) begin(ctx context.Context, req Request) (*training, error) {
	t := &training{Engine: e, req: req, scanned: map[string][]bool{}, failed: map[string]map[failedGroup]int64{}, rows: rowsOf(req.Spine)}
	t.windows = make([]windowCost, len(req.Selection.Uses))
	var err error
	if t.derived, err = derived.OfSelection(req.Selection); err != nil {
		return nil, fmt.Errorf("offline: %w", err)
	}
	if t.plan, err = planSpine(req, t.derived.Service); err != nil {
		return nil, err
	}
	t.places, t.placeOf = placesOf(req.Selection, t.derived.Service)
	t.service = t.derived.Service.NewMachine()
	t.values = valueBytes(req.Selection, t.derived)
	t.keys = textOfKeys(t.plan.groups)
	t.res = &Result{
		EventTimestamp: t.plan.fields[t.plan.time].Name,
		Schema:         outputSchema(req),
		Spine:          req.Spine.Source(),
		Views:          make([]ViewResult, len(req.Selection.Uses)),
		Features:       make([]FeatureResult, len(req.Selection.Outputs)),
		Work:           Work{First: feature.MaxTime, Last: feature.MinTime},
	}
	if err := t.listFiles(ctx); err != nil {
		return nil, err
	}
	return t, nil
}

// listFiles fixes the files of all views, each view's once.
func (t *training) listFiles(ctx context.Context) error {
	listed := map[string][]feature.File{}
	for i := range t.req.Selection.Uses {
		use := &t.req.Selection.Uses[i]
		files, ok := listed[use.View.ID()]
		if !ok {
			var err error
			if files, err = t.Files(ctx, use.View); err != nil {
				return fmt.Errorf("offline: view %s: %w", use.View.ID(), err)
			}
			listed[use.View.ID()] = files
		}
		t.res.Views[i] = ViewResult{View: use.View.ID(), Alias: use.Alias, Files: files}
		if t.req.Audit {
			t.res.Views[i].Audit = &Audit{Created: use.View.Rule.Created}
		}
	}
	for i, o := range t.req.Selection.Outputs {
		t.res.Features[i].Name = o.Name
	}
	return nil
}

// run takes the spine in parts, each with a pass of its own over the views, and
// writes them one behind the other. As a rule there is one part.
func (t *training) run(ctx context.Context, out Output) error {
	t.service.Until(ctx.Err)
	keys := newCursor(ctx, t.req.Spine, t.plan.read)
	defer func() { keys.stop() }()
	rows := newCursor(ctx, t.req.Spine, t.plan.all())
	defer rows.stop()
	for {
		told := t.told()
		p, err := t.joinPart(ctx, keys)
		if crowded := (*crowded)(nil); errors.As(err, &crowded) {
			t.values = max(t.values, crowded.rowBytes)
			t.tellAgain(told)
			keys.stop()
			keys = newCursor(ctx, t.req.Spine, t.plan.read)
			if err := keys.skip(t.res.Rows); err != nil {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		started := time.Now()
		if err := t.write(ctx, p, rows, out); err != nil {
			return err
		}
		t.res.Work.took(StageWrite, "", started, int64(p.rows))
		t.res.Rows += int64(p.rows)
		t.res.Work.Rows = t.res.Rows
		t.learn(p)
		t.notePart(p)
		if p.last {
			break
		}
	}
	if more, err := rows.more(); err != nil || more {
		return cmp.Or(err, t.changed())
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	started := time.Now()
	defer func() { t.res.Work.took(StageWrite, "", started, 0) }()
	return out.Commit()
}

// joinPart reads the next part and joins it with all views. The error is a crowded where
// it has to be taken in fewer rows.
func (t *training) joinPart(ctx context.Context, keys *cursor) (*part, error) {
	p, err := t.readPart(ctx, keys)
	if err != nil {
		return nil, err
	}
	for i := range t.req.Selection.Uses {
		if p.joined[i] == nil {
			if err := t.joinView(ctx, p, t.req.Selection.Uses[i].View); err != nil {
				return nil, err
			}
		}
	}
	return p, nil
}

// told is what was told of views before a part: that of one which is taken again is
// forgotten.
func (t *training) told() []ViewResult {
	views := slices.Clone(t.res.Views)
	for i := range views {
		if a := views[i].Audit; a != nil {
			audit := *a
			audit.Examples = slices.Clone(a.Examples)
			views[i].Audit = &audit
		}
	}
	return views
}

func (t *training) tellAgain(told []ViewResult) {
	t.res.Views = told
	t.part--
}

// usesOf gives the uses of a view.
func (t *training) usesOf(view *feature.ViewVersion) []int {
	var uses []int
	for i := range t.req.Selection.Uses {
		if t.req.Selection.Uses[i].View.ID() == view.ID() {
			uses = append(uses, i)
		}
	}
	return uses
}

// asked gives the features of a use that are at hand before expressions are computed:
// those asked for that are no expressions, and those that expressions read, each once.
func (t *training) asked(use int) []int { return t.derived.Views[use].Stored }

// askedColumns gives those of the asked features that are columns as they stand.
func (t *training) askedColumns(use int) []int {
	return slices.DeleteFunc(slices.Clone(t.asked(use)), func(f int) bool { return t.req.Selection.Uses[use].View.Features[f].Aggregate != nil })
}

// joins tells whether winners are asked of a use: their columns, or when their event was.
func (t *training) joins(use int) bool {
	return len(t.askedColumns(use)) > 0 || t.derived.Views[use].Event
}

// joinView finds the winners of all uses of a view in one pass over its files.
func (t *training) joinView(ctx context.Context, p *part, view *feature.ViewVersion) (err error) {
	uses := t.usesOf(view)
	table, err := openTable(ctx, t.files, view, t.res.Views[uses[0]].Files, t.workers)
	if err != nil {
		return fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	defer func() { err = errors.Join(err, table.close()) }()
	if err := table.missing(); err != nil {
		return fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}

	asofs, err := t.asOfView(ctx, p, table, uses)
	if err == nil {
		err = t.aggregate(ctx, p, table, uses)
	}
	for n, use := range uses {
		if err == nil {
			err = t.completeUse(ctx, p, table, use, asofs[n])
		}
	}
	if err != nil {
		return fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	t.tellFailures(table, uses)
	return nil
}

// completeUse computes what is computed of a use's columns and aggregates, and takes the
// closer look that an audit asks for. a is nil where no winners were asked for, or they
// need no look.
func (t *training) completeUse(ctx context.Context, p *part, table *table, use int, a *asof) error {
	j := p.joined[use]
	if err := t.derive(ctx, use, j, p.room); err != nil || a == nil {
		return err
	}
	t.findExamples(use, a, j)
	return t.countChanged(ctx, table, p, use, j)
}

// asOfView finds the winners of those uses of a view that they are asked of. With an
// audit it gives, of each of these, the rows that were offered.
func (t *training) asOfView(ctx context.Context, p *part, table *table, all []int) (audited []*asof, err error) {
	audited = make([]*asof, len(all))
	var uses, at []int
	for n, i := range all {
		if t.joins(i) {
			uses, at = append(uses, i), append(at, n)
			continue
		}
		p.joined[i] = newJoined(p.slots[t.plan.ofUse[i]])
	}
	if len(uses) == 0 {
		return audited, nil
	}
	asofs := make([]*asof, len(uses))
	for n, i := range uses {
		asofs[n] = t.newAsof(p, i)
	}
	if err := t.scanView(ctx, table, uses, asofs, false); err != nil {
		return nil, err
	}
	for n, i := range uses {
		if p.joined[i], err = t.gatherUse(ctx, table, i, asofs[n], p.room); err != nil {
			return nil, err
		}
		if t.req.Audit {
			audited[at[n]] = asofs[n]
		}
		asofs[n] = nil
	}
	return audited, nil
}

func (t *training) newAsof(p *part, use int) *asof {
	u := &t.req.Selection.Uses[use]
	return newAsof(u, keyOrder(t.plan.keyColumns(u)), p.slots[t.plan.ofUse[use]])
}

// scanView offers the view's rows to the slots of its uses. With created they are
// hidden until their created timestamp, which is what an audit asks for.
func (t *training) scanView(ctx context.Context, table *table, uses []int, asofs []*asof, created bool) error {
	rule := table.view.Rule
	s := span{all: true, until: feature.MinTime, oldest: feature.MaxTime, ttl: rule.TTL}
	any := false
	for _, a := range asofs {
		if a.slots.n > 0 {
			any = true
			s.until, s.oldest = max(s.until, a.slots.most), min(s.oldest, a.slots.least)
		}
	}
	work := t.res.Work.view(table.view.ID())
	work.Files = len(table.files)
	groups, read := work.choose(table, s, any)
	t.count(table, groups, uses)
	stage := StageScan
	if created {
		stage = StageAudit
	}
	m := t.meter(stage, table.view.ID(), read.Rows)
	started := time.Now()
	defer func() { t.res.Work.took(stage, table.view.ID(), started, read.Rows) }()
	return table.scatter(ctx, groups, t.workers, func(rows int) { m.add(int64(rows)) },
		func() scatterer { return t.asofWorker(ctx, table, s, asofs, created, read.Rows/int64(t.workers)) })
}

// count counts the row groups that are read for a part, each once for all parts.
func (t *training) count(table *table, groups, uses []int) {
	id := table.view.ID()
	if t.scanned[id] == nil {
		t.scanned[id] = make([]bool, len(table.groups))
	}
	for _, g := range groups {
		t.scanned[id][g] = true
	}
	rows := int64(0)
	for g, read := range t.scanned[id] {
		if read {
			rows += int64(table.groups[g].rows)
		}
	}
	for _, i := range uses {
		t.res.Views[i].Scanned, t.res.Views[i].Skipped = rows, table.rows-rows
	}
}

// tellFailures counts the source rows for which derived columns of a view could not be
// computed, each once for all parts.
func (t *training) tellFailures(table *table, uses []int) {
	if table.computed == nil {
		return
	}
	id := table.view.ID()
	if t.failed[id] == nil {
		t.failed[id] = map[failedGroup]int64{}
	}
	maps.Copy(t.failed[id], table.computed.failed)
	failures := failuresOf(table.source, t.failed[id], nil)
	for _, i := range uses {
		t.res.Views[i].Failed = failures
	}
}

// gatherUse settles a use's winners and reads the features that are asked for.
func (t *training) gatherUse(ctx context.Context, table *table, use int, a *asof, room *room) (*joined, error) {
	started := time.Now()
	j, w, err := a.resolve(ctx, table, t.derived.Views[use].Event, t.workers)
	if err != nil {
		return nil, err
	}
	var fields []*feature.Field
	at := t.askedColumns(use)
	for _, f := range at {
		fields = append(fields, &table.view.Features[f])
	}
	m := t.meter(StageGather, table.view.ID(), int64(w.n)*int64(len(fields)))
	columns, failed, err := w.columns(ctx, fields, t.workers, room, m)
	if err != nil {
		return nil, err
	}
	for n, f := range at {
		j.columns[f], j.failed[f] = columns[n], failed[n]
	}
	work := t.res.Work.view(table.view.ID())
	work.Winners += int64(w.n)
	for _, p := range w.parts {
		work.Features.add(table.work(p.group, t.featureColumns(use)))
	}
	t.res.Work.took(StageGather, table.view.ID(), started, int64(w.n))
	return j, nil
}

// asofWorker scatters the rows of a view, or a worker's share of them, for each of its uses.
type asofWorker struct {
	rule     feature.Rule
	span     span
	created  bool // rows are hidden until their created timestamp
	asofs    []*asof
	scatters []*scatter
	keys     []*feature.Column
	selected []int32
	visible  []feature.Time
}

func (t *training) asofWorker(ctx context.Context, table *table, s span, asofs []*asof, created bool, rows int64) *asofWorker {
	w := &asofWorker{rule: table.view.Rule, span: s, created: created, asofs: asofs, keys: make([]*feature.Column, len(table.keys))}
	for _, a := range asofs {
		partitions := len(a.slots.parts)
		scatter := newScatter(partitions, t.batchLimit(partitions, t.workers*len(asofs)), w.rule, a.slots.seed, func(partition int, b *batch) error {
			a.take(partition, b)
			return table.settleIfMany(ctx, a.arena, max(t.ties/int64(len(asofs)), 1), t.workers)
		})
		scatter.apart = scatter.apart || created
		scatter.expect(rows)
		w.scatters = append(w.scatters, scatter)
	}
	return w
}

func (w *asofWorker) chunk(_ context.Context, _ int, base int64, c *chunk) error {
	w.selected, w.visible = c.selectRows(w.rule, w.span, w.selected[:0], w.visible[:0])
	if w.created {
		c.hide(w.selected, w.visible)
	}
	for n, a := range w.asofs {
		for to, from := range a.order {
			w.keys[to] = c.keys[from]
		}
		if err := w.scatters[n].add(w.keys, c, base, w.selected, w.visible); err != nil {
			return err
		}
	}
	return nil
}

func (w *asofWorker) flush() error {
	for _, s := range w.scatters {
		if err := s.flush(); err != nil {
			return err
		}
	}
	return nil
}

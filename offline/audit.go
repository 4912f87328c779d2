package offline

import (
	"context"
	"slices"
	"sort"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
)

// Finding is what may be wrong with the source row that a row of a training set shows.
type Finding string

// The findings, as ViewResult counts them.
const (
	FindingSameTime     Finding = "same_time"
	FindingCreatedAfter Finding = "created_after"
	FindingTie          Finding = "tie"
)

// Findings gives all of them, in their order.
func Findings() []Finding { return []Finding{FindingSameTime, FindingCreatedAfter, FindingTie} }

func (f Finding) mark() uint8 {
	return map[Finding]uint8{FindingSameTime: markSameTime, FindingCreatedAfter: markCreatedAfter, FindingTie: markTie}[f]
}

// examplesMost is how many examples of a finding in a view an audit keeps.
const examplesMost = 3

// Audit is a closer look at what a view gave to a training set.
type Audit struct {
	Examples []Example // the first three of each finding in the spine's order; by part, then by finding
	// Created tells that the view's source names a created timestamp.
	Created bool
	// Changed is how many rows would have other values if source rows counted from
	// their created timestamp on only, those without one as they do now.
	Changed int64
}

// Example is a row of a training set and the source row that it shows.
type Example struct {
	Finding Finding
	Row     int64 // of the spine, from 0
	Keys    []string
	Time    feature.Time  // of the spine's row
	Event   feature.Time  // of the source row
	Created *feature.Time // of the source row; nil: null, or the source names none
	Values  []any         // of the use's outputs, in their order, as feature.Column.Any gives them
}

// findExamples takes the first rows of a part with each finding.
func (t *training) findExamples(use int, a *asof, j *joined) {
	audit := t.res.Views[use].Audit
	for _, f := range Findings() {
		have, mark := 0, f.mark()
		for i := range audit.Examples {
			if audit.Examples[i].Finding == f {
				have++
			}
		}
		for row, slot := range j.slots.ofRow {
			if have == examplesMost {
				break
			}
			if slot != noSlot && j.marks[slot]&mark != 0 {
				e := t.example(use, a, j, slot)
				e.Finding, e.Row = f, t.res.Rows+int64(row)
				audit.Examples = append(audit.Examples, e)
				have++
			}
		}
	}
}

func (t *training) example(use int, a *asof, j *joined, slot uint32) Example {
	time, stamp := a.shown(slot)
	e := Example{Time: time, Event: stamp.Event}
	if stamp.HasCreated {
		e.Created = &stamp.Created
	}
	for _, f := range t.delivered(use) {
		c, at := j.valueAt(f, slot)
		e.Values = append(e.Values, c.Any(int(at)))
	}
	return e
}

// shown gives the time of a slot with a winner, and the winner's stamp.
func (a *asof) shown(slot uint32) (feature.Time, feature.Stamp) {
	parts := a.slots.parts
	stripe := sort.Search(len(parts), func(i int) bool { return int(parts[i].base)+len(parts[i].times) > int(slot) })
	s, p := &a.stripes[stripe], &parts[stripe]
	slot -= p.base
	key, at := slices.BinarySearch(p.starts, slot)
	if !at {
		key--
	}
	latest := none
	for i := p.starts[key]; i <= slot; i++ {
		if s.best[i].row != 0 && (latest == none || s.later(i, latest)) {
			latest = i
		}
	}
	return p.times[slot], s.stamp(latest)
}

// tellKeys writes the keys of the examples that stand in a record of the spine.
func (t *training) tellKeys(rec arrow.Record, first int64) {
	for use := range t.res.Views {
		audit := t.res.Views[use].Audit
		if audit == nil {
			continue
		}
		for i := range audit.Examples {
			e := &audit.Examples[i]
			if e.Row < first || e.Row >= first+rec.NumRows() {
				continue
			}
			for _, at := range t.plan.keyColumns(&t.req.Selection.Uses[use]) {
				e.Keys = append(e.Keys, rec.Column(at).ValueStr(int(e.Row-first)))
			}
		}
	}
}

// countChanged joins the rows of a part once more, with a view's rows hidden until
// they were created, and counts those that show other values then. A winner that was
// created in time is the winner all the same, so only others are compared.
func (t *training) countChanged(ctx context.Context, table *table, p *part, use int, j *joined) error {
	if !slices.ContainsFunc(j.marks, func(m uint8) bool { return m&markCreatedAfter != 0 }) {
		return nil
	}
	strict := t.newAsof(p, use)
	if err := t.scanView(ctx, table, []int{use}, []*asof{strict}, true); err != nil {
		return err
	}
	had := p.room.had
	defer func() { p.room.had = had }() // what is made here is not kept
	other, err := t.gatherUse(ctx, table, use, strict, p.room)
	if err != nil {
		return err
	}
	for f, c := range j.bySlot { // the aggregates are the same; what is derived of them comes anew
		other.bySlot[f] = c
	}
	if err := t.derive(ctx, use, other, p.room); err != nil {
		return err
	}
	delivered := t.delivered(use)
	for _, slot := range j.slots.ofRow {
		if slot != noSlot && j.marks[slot]&markCreatedAfter != 0 && !j.sameValues(other, delivered, slot) {
			t.res.Views[use].Audit.Changed++
		}
	}
	return nil
}

// delivered gives the features of a use that are written.
func (t *training) delivered(use int) []int {
	var features []int
	for _, o := range t.req.Selection.Outputs {
		if o.Use == use {
			features = append(features, o.Feature)
		}
	}
	return features
}

// sameValues tells whether the values of some features of a slot with a winner are those
// of another join of the same slots.
func (j *joined) sameValues(o *joined, features []int, slot uint32) bool {
	for _, f := range features {
		a, at := j.valueAt(f, slot)
		b, other := o.valueAt(f, slot)
		switch {
		case other == none && !a.IsNull(int(at)):
			return false
		case other != none && feature.Compare(a, int(at), b, int(other)) != 0:
			return false
		}
	}
	return true
}

// valueAt gives the column that a feature of a slot is taken from, and its number there,
// or none.
func (j *joined) valueAt(f int, slot uint32) (*feature.Column, uint32) {
	if c := j.bySlot[f]; c != nil {
		return c, slot
	}
	return j.columns[f], j.winner[slot]
}

// hide has the selected rows of a chunk be visible from their created timestamp on at
// the earliest.
func (c *chunk) hide(selected []int32, visible []feature.Time) {
	for n, i := range selected {
		if !c.created.IsNull(int(i)) {
			visible[n] = max(visible[n], feature.Time(c.created.Int64s[i]))
		}
	}
}

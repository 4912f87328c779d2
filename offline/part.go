package offline

import (
	"cmp"
	"context"
	"hash/maphash"
	"math"
	"slices"
	"time"

	"github.com/apache/arrow/go/v17/arrow"
	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// part is the rows of a spine that are joined at once: all of them, where the
// engine's memory allows.
type part struct {
	rows   int
	last   bool
	room   *room
	slots  []*slots  // per group of the plan
	joined []*joined // per use
}

// Bytes of a spine's row, about, while its part is joined.
const (
	bytesPerGroup = 96 // for each set of key columns: as an offer and a request, then as a slot with its key
	bytesPerUse   = 64 // for each use of a view: a board's place, and what becomes of it
	bytesOfText   = 48 // of a value without a fixed width, before any was seen
)

// partRows gives the number of rows of the next part.
func (t *training) partRows() int64 {
	if t.memory == 0 {
		return math.MaxUint32 - 1
	}
	// What is fixed takes its part of the memory, but no shorter part would take less of it.
	left := max(t.memory/2-t.fixedBytes(), t.memory/8)
	return min(max(left/t.rowBytes(), 1), math.MaxUint32-1)
}

// rowBytes gives the bytes that a row of the spine takes while its part is joined,
// about.
func (t *training) rowBytes() int64 {
	row := int64(len(t.plan.groups))*bytesPerGroup + t.keys + int64(len(t.req.Selection.Uses))*bytesPerUse + t.values
	for use := range t.req.Selection.Uses {
		row += t.windowBytes(use)
	}
	if t.req.Audit { // a second join of one view at a time
		row += bytesPerUse + t.values
	}
	return row
}

// textOfKeys gives the bytes that a row's keys take as text, about, beside bytesPerGroup:
// with an offer, and in the table of keys.
func textOfKeys(groups []groupPlan) int64 {
	n := int64(0)
	for _, g := range groups {
		if exactKeys(g.types) {
			continue
		}
		for _, t := range g.types {
			n += 2 * valueWidth(t)
		}
	}
	return n
}

// learnKeys takes the bytes of a part's keys for those of the next one's, where they
// are more.
func (t *training) learnKeys(groups []*groupReader, rows int) {
	n := int64(0)
	for _, g := range groups {
		for _, batches := range g.full {
			for i := range batches {
				n += 2 * int64(len(batches[i].data))
			}
		}
	}
	t.keys = max(t.keys, n/int64(max(rows, 1)))
}

// windowBytes gives the bytes that the windows of a use take for a row of the spine,
// about.
func (t *training) windowBytes(use int) int64 {
	w := t.newWindowed(use, nil)
	if w == nil {
		return 0
	}
	return max(w.spec.Bytes(), t.windows[use].slot)
}

// learnWindows takes the bytes that the windows of a part's slots took for those of the
// next one's.
func (t *training) learnWindows(use int, bytes []int64, slots int) {
	n := int64(0)
	for _, b := range bytes {
		n += b
	}
	t.windows[use].learn(int64(slots), n)
}

// fixedBytes gives the bytes that a part takes whatever its rows are, as far as seen.
func (t *training) fixedBytes() int64 {
	n := int64(0)
	for i := range t.windows {
		n += t.windows[i].fixed
	}
	return n
}

// valueBytes gives the bytes of all values that are kept for a row of the spine while its
// part is joined.
func valueBytes(s *feature.Selection, plan *derived.Selection) int64 {
	n := int64(0)
	for use, v := range plan.Views {
		for _, f := range slices.Concat(v.Stored, v.Derived) {
			n += 1 + valueWidth(s.Uses[use].View.Features[f].Type)
		}
		if v.Event {
			n += 1 + valueWidth(feature.Scalar(feature.Timestamp))
		}
	}
	return n
}

func valueWidth(t feature.Type) int64 {
	switch {
	case t.List || t.Kind == feature.String || t.Kind == feature.Bytes:
		return bytesOfText
	case t.Kind == feature.Bool:
		return 1
	case t.Kind == feature.Int32 || t.Kind == feature.Date || t.Kind == feature.Float32:
		return 4
	}
	return 8
}

// learn takes the size of a part's values for that of the next one's, where it is greater.
func (t *training) learn(p *part) {
	bytes := int64(0)
	for _, j := range p.joined {
		for _, c := range j.columns {
			bytes += c.Size()
		}
		for _, c := range j.bySlot {
			bytes += c.Size()
		}
	}
	t.values = max(t.values, bytes/int64(max(p.rows, 1)))
}

// readPart reads the keys and times of the next rows, and makes the slots of each
// group.
func (t *training) readPart(ctx context.Context, keys *cursor) (*part, error) {
	p := &part{joined: make([]*joined, len(t.req.Selection.Uses))}
	limit := t.partRows()
	left := max(t.rows-t.res.Rows, 0)
	expected := min(left, limit)
	t.part++
	t.parts = t.part + int(max(left-1, 0)/limit)
	t.reading = t.meter(StageSpine, "", expected)
	started := time.Now()
	groups := make([]*groupReader, len(t.plan.groups))
	for i := range groups {
		groups[i] = newGroupReader(&t.plan.groups[i], expected)
	}
	if err := t.scatterPart(ctx, keys, p, int(limit), groups); err != nil {
		return nil, err
	}
	more, err := keys.more()
	if err != nil {
		return nil, err
	}
	p.last = !more
	for _, g := range groups {
		if err := g.flush(); err != nil {
			return nil, err
		}
	}
	t.learnKeys(groups, p.rows)
	p.room = t.newRoom(p.rows)
	for _, g := range groups {
		s, err := newSlots(ctx, g.full, g.keys.seed, exactKeys(g.plan.types), p.rows, t.workers)
		if err != nil {
			return nil, err
		}
		p.slots = append(p.slots, s)
	}
	t.res.Work.took(StageSpine, "", started, int64(p.rows))
	return p, nil
}

// notePart notes a part that was joined in the work done.
func (t *training) notePart(p *part) {
	w := &t.res.Work
	w.Parts++
	w.PartRows = max(w.PartRows, int64(p.rows))
	w.Memory = WorkMemory{Budget: t.memory, Part: w.PartRows*t.rowBytes() + t.fixedBytes(), Fixed: t.fixedBytes()}
	for _, s := range p.slots {
		w.Partitions = max(w.Partitions, len(s.parts))
		if s.n > 0 {
			w.asks(s.least, s.most)
		}
	}
}

// scatterPart reads the part's records, and scatters them by each group in a goroutine
// of its own, while the next ones are read.
func (t *training) scatterPart(ctx context.Context, keys *cursor, p *part, limit int, groups []*groupReader) error {
	g, ctx := errgroup.WithContext(ctx)
	queues := make([]chan spineRecord, len(groups))
	for i, group := range groups {
		queues[i] = make(chan spineRecord, 2)
		g.Go(func() error {
			for r := range queues[i] {
				err := group.take(t.plan, r)
				r.rec.Release()
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := t.readRecords(ctx, keys, p, limit, queues)
	for _, q := range queues {
		close(q)
	}
	return cmp.Or(g.Wait(), err)
}

// readRecords reads the part's records and gives each to all queues.
func (t *training) readRecords(ctx context.Context, keys *cursor, p *part, limit int, queues []chan spineRecord) error {
	for p.rows < limit {
		rec, err := keys.take(limit - p.rows)
		if err != nil || rec == nil {
			return err
		}
		r := spineRecord{rec: rec, first: int64(p.rows), before: t.res.Rows}
		if r.time, err = t.plan.column(rec, timeAt, feature.Scalar(feature.Timestamp), r.before+r.first); err != nil {
			return err
		}
		for _, c := range rec.Columns() {
			c.NullN() // an array counts its nulls when it is first asked: not by several at once
		}
		for _, q := range queues {
			rec.Retain()
			select {
			case q <- r:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		rec.Release()
		p.rows += int(rec.NumRows())
		t.reading.add(rec.NumRows())
	}
	return nil
}

// spineRecord is a record of a part on its way to the groups.
type spineRecord struct {
	rec    arrow.Record
	time   *feature.Column
	first  int64 // its first row, in the part
	before int64 // the spine's rows before the part
}

// groupReader scatters a spine's rows by the keys of one group.
type groupReader struct {
	*scatter
	plan     *groupPlan
	full     [][]batch // by partition
	selected []int32
}

func newGroupReader(plan *groupPlan, expected int64) *groupReader {
	partitions := partitionsFor(expected)
	r := &groupReader{plan: plan, full: make([][]batch, partitions)}
	// A partition of one hot key takes a batch after the other: a long one would be copied as it grows.
	r.scatter = newScatter(partitions, partitionRows+partitionRows/8, feature.Rule{}, maphash.MakeSeed(), r.keep)
	r.expect(expected)
	return r
}

// keep keeps a batch as it is.
func (g *groupReader) keep(partition int, b *batch) error {
	g.full[partition] = append(g.full[partition], *b)
	*b = batch{}
	return nil
}

// take scatters the rows of a record.
func (g *groupReader) take(p *spinePlan, r spineRecord) error {
	c := &chunk{rows: int(r.rec.NumRows()), event: r.time, keys: make([]*feature.Column, len(g.plan.at))}
	for k, at := range g.plan.at {
		var err error
		if c.keys[k], err = p.column(r.rec, at, g.plan.types[k], r.before+r.first); err != nil {
			return err
		}
	}
	nullable := c.nullable()
	g.selected = g.selected[:0]
	for i := range c.rows {
		if !anyNull(nullable, i) {
			g.selected = append(g.selected, int32(i))
		}
	}
	return g.add(c.keys, c, r.first, g.selected, nil)
}

package offline

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/arrowconv"
)

// outputSchema is the spine's schema with the outputs behind it.
func outputSchema(req Request) *arrow.Schema {
	schema := req.Spine.Schema()
	fields := append([]arrow.Field{}, schema.Fields()...)
	for _, o := range req.Selection.Outputs {
		fields = append(fields, arrow.Field{
			Name: o.Name, Type: arrowconv.DataType(req.Selection.Field(o).Type), Nullable: true,
		})
	}
	meta := schema.Metadata()
	return arrow.NewSchema(fields, &meta)
}

// write reads a part of the spine again and writes each of its records with the
// outputs behind. Records are made while the one before is written.
func (t *training) write(ctx context.Context, p *part, rows *cursor, out Output) error {
	t.writing = t.meter(StageWrite, "", int64(p.rows))
	g, ctx := errgroup.WithContext(ctx)
	records := make(chan arrow.Record, 1)
	g.Go(func() error {
		defer close(records)
		return t.makeRecords(ctx, p, rows, records)
	})
	var failed error
	for rec := range records {
		if failed == nil {
			if failed = out.Write(rec); failed != nil {
				g.Go(func() error { return failed }) // stops the maker
			}
		}
		t.writing.add(rec.NumRows())
		rec.Release()
	}
	return g.Wait()
}

func (t *training) makeRecords(ctx context.Context, p *part, rows *cursor, records chan<- arrow.Record) error {
	numbers := make([][]uint32, len(p.joined))
	for at := 0; at < p.rows; {
		rec, err := rows.take(p.rows - at)
		if err != nil {
			return err
		}
		if rec == nil {
			return t.changed()
		}
		t.tellKeys(rec, t.res.Rows+int64(at))
		for i, j := range p.joined {
			numbers[i] = t.number(i, j, at, int(rec.NumRows()), numbers[i][:0])
		}
		err = t.sendRecord(ctx, p, rec, at, numbers, records)
		at += int(rec.NumRows())
		rec.Release()
		if err != nil {
			return err
		}
	}
	return nil
}

// mostOfRecord is how many bytes of texts and lists the outputs of a record have at most.
const mostOfRecord = 64 << 20

// recordBytes is how many they have before it ends: several records are on their way at a time,
// each of them more than once.
func (t *training) recordBytes() int64 {
	if t.memory == 0 {
		return mostOfRecord
	}
	return min(mostOfRecord, t.memory/32)
}

// sendRecord sends a record with its outputs, in several where these are large. first
// is its first row in the part.
func (t *training) sendRecord(ctx context.Context, p *part, rec arrow.Record, first int, numbers [][]uint32, records chan<- arrow.Record) error {
	part := make([][]uint32, len(numbers))
	for from, n := 0, int(rec.NumRows()); from < n; {
		to := t.fitting(p, first, from, n, numbers)
		for i := range numbers {
			part[i] = numbers[i][from:to]
		}
		cut := rec.NewSlice(int64(from), int64(to))
		joined, err := t.extend(ctx, p, cut, first+from, part)
		cut.Release()
		if err != nil {
			return err
		}
		select {
		case records <- joined:
		case <-ctx.Done():
			joined.Release()
			return ctx.Err()
		}
		from = to
	}
	return nil
}

// fitting gives the row before which a record that begins at row from ends: one at
// least.
func (t *training) fitting(p *part, first, from, to int, numbers [][]uint32) int {
	var columns []*feature.Column
	var of [][]uint32
	for _, at := range t.places {
		if c, n := p.joined[at.Use].values(at.Feature, first, numbers[at.Use]); c.Offsets != nil {
			columns, of = append(columns, c), append(of, n)
		}
	}
	if len(columns) == 0 {
		return to
	}
	bytes, most := int64(0), t.recordBytes()
	for row := from; row < to; row++ {
		for i, c := range columns {
			if n := of[i][row]; n != none {
				bytes += (c.Offsets[n+1] - c.Offsets[n]) * itemBytes(c)
			}
		}
		if bytes > most {
			return max(row, from+1)
		}
	}
	return to
}

// itemBytes gives what an item of a list takes, about, or a byte of text.
func itemBytes(c *feature.Column) int64 {
	switch {
	case c.Items == nil:
		return 1
	case c.Items.Offsets != nil && c.Items.Len() > 0:
		return 8 + c.Items.Offsets[c.Items.Len()]/int64(c.Items.Len())
	}
	return 8
}

func (t *training) changed() error {
	return fmt.Errorf("offline: spine %s: it does not have the rows that it had when it was read first: %w", t.plan.name, feature.ErrConflict)
}

// number gives the winners of a run of spine rows, and counts.
func (t *training) number(use int, j *joined, first, n int, numbers []uint32) []uint32 {
	v := &t.res.Views[use]
	for _, slot := range j.slots.ofRow[first : first+n] {
		winner := none
		if slot != noSlot && j.winner != nil {
			winner = j.winner[slot]
		}
		numbers = append(numbers, winner)
		if !j.matched(slot) {
			continue
		}
		v.Matched++
		if mark := j.marks[slot]; mark != 0 {
			v.Ties += int64(mark & markTie)
			v.SameTime += int64(mark & markSameTime / markSameTime)
			v.CreatedAfter += int64(mark & markCreatedAfter / markCreatedAfter)
		}
	}
	return numbers
}

// matched tells whether a source row was visible for a slot, or is in one of its windows.
func (j *joined) matched(slot uint32) bool {
	return slot != noSlot && (j.winner != nil && j.winner[slot] != none || j.marks != nil && j.marks[slot]&markWindow != 0)
}

// values gives the column that a feature of a run of spine rows is taken from, and by
// which numbers.
func (j *joined) values(f, first int, winners []uint32) (*feature.Column, []uint32) {
	if c := j.bySlot[f]; c != nil {
		return c, j.slots.ofRow[first : first+len(winners)]
	}
	return j.columns[f], winners
}

// extend puts the outputs behind a record's columns, column by column in parallel.
// first is the record's first row in the part.
func (t *training) extend(ctx context.Context, p *part, rec arrow.Record, first int, numbers [][]uint32) (arrow.Record, error) {
	taken := make([]delivered, len(t.places))
	err := each(ctx, len(t.places), t.workers, func(_ context.Context, i int) error {
		taken[i] = p.joined[t.places[i].Use].deliver(t.places[i].Feature, first, numbers[t.places[i].Use])
		return nil
	})
	if err != nil {
		return nil, err
	}
	computed, err := t.computeService(rec, taken, p, first)
	if err != nil {
		return nil, err
	}
	outputs := t.req.Selection.Outputs
	columns := make([]arrow.Array, len(outputs))
	defer func() {
		for _, c := range columns {
			if c != nil {
				c.Release()
			}
		}
	}()
	err = each(ctx, len(outputs), t.workers, func(_ context.Context, i int) error {
		from := taken
		if outputs[i].Use == feature.DerivedOutput {
			from = computed
		}
		d := &from[t.placeOf[i]]
		arr, err := arrowconv.ToArrow(d.values, memory.DefaultAllocator)
		if err != nil {
			return fmt.Errorf("offline: output column %s: %w", outputs[i].Name, err)
		}
		columns[i] = arr
		t.res.Features[i].Nulls += d.nulls
		t.res.Features[i].Errors += d.errors
		t.res.Features[i].Matched += d.matched
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := append(append([]arrow.Array{}, rec.Columns()...), columns...)
	return array.NewRecord(t.res.Schema, all, rec.NumRows()), nil
}

package offline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/quiver-features/quiver/feature"
)

// winners are rows of a table, each once, ordered by position and cut by row
// group: what is read of the feature columns.
type winners struct {
	table *table
	n     int
	parts []winnersPart // of the row groups with winners, ascending
}

type winnersPart struct {
	group int
	first int     // number of the part's first winner
	rows  []int32 // in the group, ascending
}

// gather appends the values of some rows of a row group.
func (t *table) gather(ctx context.Context, group int, column string, rows []int32, dst *feature.Column) error {
	_, err := t.gatherTold(ctx, group, column, rows, dst)
	return err
}

// gatherTold is gather that tells which of the rows could not be computed; nil: none.
func (t *table) gatherTold(ctx context.Context, group int, column string, rows []int32, dst *feature.Column) (failed []bool, err error) {
	g := &t.groups[group]
	before := dst.Len()
	if f, ok := t.open[g.file].(*computedFile); ok {
		failed, err = f.gather(ctx, g.group, column, rows, dst)
	} else {
		err = t.open[g.file].Gather(ctx, g.group, column, rows, dst)
	}
	if err != nil {
		return nil, err
	}
	if got := dst.Len() - before; got != len(rows) {
		return nil, fmt.Errorf("offline: %s, row group %d, column %s: asked for %d rows, got %d", t.files[g.file].Path, g.group, column, len(rows), got)
	}
	return failed, nil
}

// entry is a winner while winners are put in order.
type entry struct {
	row int32 // in its group
	at  uint32
}

// order numbers distinct positions in ascending order: numbers[i] is that of
// positions[i].
func (t *table) order(ctx context.Context, positions []int64, workers int) (w *winners, numbers []uint32, err error) {
	groupOf, starts, entries, err := t.byGroup(ctx, positions, workers)
	if err != nil {
		return nil, nil, err
	}
	w = &winners{table: t, n: len(positions)}
	rows := make([]int32, len(positions))
	for g := range t.groups {
		if from, to := starts[g], starts[g+1]; from < to {
			w.parts = append(w.parts, winnersPart{g, from, rows[from:to:to]})
		}
	}
	numbers = groupOf // which is not needed any more
	err = each(ctx, len(w.parts), workers, func(_ context.Context, i int) error {
		p := &w.parts[i]
		sorted := entries[p.first : p.first+len(p.rows)]
		sortEntries(sorted, t.groups[p.group].rows)
		for n, e := range sorted {
			p.rows[n] = e.row
			numbers[e.at] = uint32(p.first + n)
		}
		return nil
	})
	return w, numbers, err
}

// byGroup gives the row group of each position, and entries of all of them: those
// of group g are entries[starts[g]:starts[g+1]].
func (t *table) byGroup(ctx context.Context, positions []int64, workers int) (groupOf []uint32, starts []int, entries []entry, err error) {
	groupOf = make([]uint32, len(positions))
	entries = make([]entry, len(positions))
	block := max((len(positions)+workers-1)/workers, 1) // of positions, for each worker
	blocks := (len(positions) + block - 1) / block
	counts := make([][]int, blocks) // per block and group; then where the block's entries of the group go
	err = each(ctx, blocks, workers, func(_ context.Context, b int) error {
		counts[b] = make([]int, len(t.groups))
		for i := b * block; i < min((b+1)*block, len(positions)); i++ {
			g := t.locate(positions[i])
			groupOf[i] = uint32(g)
			counts[b][g]++
		}
		return nil
	})
	if err != nil {
		return nil, nil, nil, err
	}
	starts = make([]int, len(t.groups)+1)
	for g := range t.groups {
		at := starts[g]
		for b := range counts {
			counts[b][g], at = at, at+counts[b][g]
		}
		starts[g+1] = at
	}
	err = each(ctx, blocks, workers, func(_ context.Context, b int) error {
		for i := b * block; i < min((b+1)*block, len(positions)); i++ {
			g := groupOf[i]
			entries[counts[b][g]] = entry{int32(positions[i] - t.groups[g].base), uint32(i)}
			counts[b][g]++
		}
		return nil
	})
	return groupOf, starts, entries, err
}

// sortEntries sorts the entries of a group with the given number of rows. Where
// they are many, each is put on the seat of its row and the seats are walked
// along.
func sortEntries(entries []entry, rows int) {
	if len(entries) < rows/32 {
		slices.SortFunc(entries, func(a, b entry) int { return cmp.Compare(a.row, b.row) })
		return
	}
	seats := make([]uint32, rows)
	for _, e := range entries {
		seats[e.row] = e.at + 1
	}
	n := 0
	for row, at := range seats {
		if at != 0 {
			entries[n] = entry{int32(row), at - 1}
			n++
		}
	}
}

// columns reads fields of all winners, several columns and row groups at once. failed
// tells of each field which winners' values could not be computed; nil: none's.
func (w *winners) columns(ctx context.Context, fields []*feature.Field, workers int, room *room, m *meter) (columns []*feature.Column, failed [][]bool, err error) {
	made := room.making(int64(w.n * len(fields)))
	defer made.end()
	sinks := make([]*gatherSink, len(fields))
	for f, field := range fields {
		sinks[f] = newGatherSink(field.Type, w.n, len(w.parts))
	}
	scratches := make(chan map[feature.Type]*feature.Column, workers) // each is one worker's at a time
	for range workers {
		scratches <- map[feature.Type]*feature.Column{}
	}
	err = each(ctx, len(w.parts)*len(fields), workers, func(ctx context.Context, task int) error {
		scratch := <-scratches
		defer func() { scratches <- scratch }()
		p, f := task/len(fields), task%len(fields)
		c, err := w.gatherPart(ctx, p, fields[f], sinks[f], scratch)
		if err != nil {
			return err
		}
		if err := made.add(len(w.parts[p].rows), c); err != nil {
			return err
		}
		m.add(int64(len(w.parts[p].rows)))
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	columns, failed = make([]*feature.Column, len(fields)), make([][]bool, len(fields))
	for f := range fields {
		columns[f], failed[f] = sinks[f].column(), sinks[f].failed
		sinks[f] = nil
	}
	return columns, failed, nil
}

func (w *winners) gatherPart(ctx context.Context, p int, field *feature.Field, sink *gatherSink, scratch map[feature.Type]*feature.Column) (*feature.Column, error) {
	part := &w.parts[p]
	c := scratch[field.Type]
	if c == nil || sink.keeps() {
		c = feature.NewColumn(field.Type, len(part.rows))
		if !sink.keeps() {
			scratch[field.Type] = c
		}
	}
	c.Reset()
	failed, err := w.table.gatherTold(ctx, part.group, field.Column, part.rows, c)
	if err != nil {
		return nil, err
	}
	sink.put(p, part.first, c)
	sink.fail(part.first, failed)
	return c, nil
}

// gatherSink puts the parts of a column together, which come in any order and at
// the same time. Values of a fixed width go to their place at once; parts of
// others are kept until all are there.
type gatherSink struct {
	whole *feature.Column
	nulls atomic.Bool
	parts []*feature.Column

	n      int
	mu     sync.Mutex
	failed []bool // values that could not be computed; nil: none
}

func newGatherSink(t feature.Type, n, parts int) *gatherSink {
	s := &gatherSink{whole: feature.NewColumn(t, n), n: n}
	if s.whole.Offsets != nil {
		s.parts = make([]*feature.Column, parts)
		return s
	}
	s.whole.Valid = make([]bool, n)
	switch t.Kind {
	case feature.Bool:
		s.whole.Bools = s.whole.Bools[:n]
	case feature.Int32, feature.Date:
		s.whole.Int32s = s.whole.Int32s[:n]
	case feature.Int64, feature.Timestamp:
		s.whole.Int64s = s.whole.Int64s[:n]
	case feature.Float32:
		s.whole.Float32s = s.whole.Float32s[:n]
	default:
		s.whole.Float64s = s.whole.Float64s[:n]
	}
	return s
}

// keeps tells whether put keeps the column it is given.
func (s *gatherSink) keeps() bool { return s.parts != nil }

func (s *gatherSink) put(part, first int, c *feature.Column) {
	if s.keeps() {
		s.parts[part] = c
		return
	}
	copy(s.whole.Bools[min(first, len(s.whole.Bools)):], c.Bools)
	copy(s.whole.Int32s[min(first, len(s.whole.Int32s)):], c.Int32s)
	copy(s.whole.Int64s[min(first, len(s.whole.Int64s)):], c.Int64s)
	copy(s.whole.Float32s[min(first, len(s.whole.Float32s)):], c.Float32s)
	copy(s.whole.Float64s[min(first, len(s.whole.Float64s)):], c.Float64s)
	valid := s.whole.Valid[first : first+c.Len()]
	if c.Valid == nil {
		for i := range valid {
			valid[i] = true
		}
		return
	}
	s.nulls.Store(true)
	copy(valid, c.Valid)
}

// fail notes which values of a part could not be computed.
func (s *gatherSink) fail(first int, failed []bool) {
	if failed == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failed = noteRows(s.failed, failed, first, s.n)
}

// column gives the whole column when all parts are in.
func (s *gatherSink) column() *feature.Column {
	if !s.keeps() {
		if !s.nulls.Load() {
			s.whole.Valid = nil
		}
		return s.whole
	}
	return together(s.whole.Type, s.parts)
}

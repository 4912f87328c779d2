package offline

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"sort"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
)

const (
	batchRows = 4096  // of the batches that Latest delivers
	pieceRows = 65536 // winners whose values are read at once
)

// missingEverywhere is table.missing where the table has all files of the source:
// a few files that lack a column, which others have, are no error.
func (e *Engine) missingEverywhere(ctx context.Context, t *table) error {
	missing := t.missing()
	if missing == nil {
		return nil
	}
	all, err := e.files.List(ctx, &t.view.Table)
	if err != nil || len(all) > len(t.files) {
		return err
	}
	return missing
}

// Latest delivers, over the rows that the pass scans for with visible_from <= To,
// the latest row of each key, once a key, in batches of a few thousand rows, but for
// the first keys that the pass skips. TTL is not applied. Rows with a null key, event or available timestamp are not
// there. Batches come one at a time, in the order of the winning rows' file
// paths, row groups and rows, which workers do not change; the columns of a batch
// may begin at an offset other than zero. An error of deliver ends the pass and
// is returned as it is.
//
// Of a view with aggregates each row also has the tiles of its key that rows of the
// scans are in, or all of them, computed of the pass's files: see tiling.
//
// A file that was read whole comes back with Scanned, MinVisible and MaxVisible;
// of others the scan's own are kept. Memory is in proportion to the keys.
func (e *Engine) Latest(ctx context.Context, view *feature.ViewVersion, pass feature.Pass,
	deliver func(*feature.Batch) error,
) (res feature.ScanResult, err error) {
	scans := pass.Scans
	l := &latest{Engine: e, failed: map[failedGroup]int64{}, shown: map[string]int64{}, to: pass.To, order: make([]int, len(scans)), seed: maphash.MakeSeed()}
	for i := range scans {
		l.order[i] = i
	}
	sort.SliceStable(l.order, func(a, b int) bool { return scans[l.order[a]].File.Path < scans[l.order[b]].File.Path })
	files := make([]feature.File, len(scans))
	for i, n := range l.order {
		l.scans = append(l.scans, scans[n])
		files[i] = scans[n].File
	}
	if l.table, err = openTable(ctx, e.files, view, files, e.workers); err != nil {
		return res, fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	defer func() { err = errors.Join(err, l.table.close()) }()
	if err := e.missingEverywhere(ctx, l.table); err != nil {
		return res, fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	if res.Rows, err = l.scan(ctx); err != nil {
		return res, fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	res.Files = make([]feature.File, len(scans))
	for i, n := range l.order {
		res.Files[n] = l.file(i)
	}
	err = l.table.settle(ctx, l.boards(), func(int, uint32) bool { return true }, e.workers)
	if err != nil {
		return res, fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	w, err := l.winners(ctx, &res)
	if err != nil {
		return res, err
	}
	w.skip(pass.Skip)
	t, err := l.newTiling(pass, &res, w.n)
	if err != nil {
		return res, err
	}
	res.Keys, err = l.deliver(ctx, w, t, deliver)
	l.noteFailures(l.table)
	res.Failed = failuresOf(l.table.source, l.failed, l.shown)
	return res, err
}

// noteFailures takes over which rows of a table's row groups could not be computed.
func (l *latest) noteFailures(t *table) {
	if t.computed != nil {
		l.mu.Lock()
		defer l.mu.Unlock()
		maps.Copy(l.failed, t.computed.failed)
	}
}

// noteShown counts the winners for which a derived column could not be computed.
func (l *latest) noteShown(column string, failed []bool) {
	if n := count(failed); n > 0 {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.shown[column] += n
	}
}

// latest is one call of Latest. It keeps one place per key, in the stripe that
// the key's hash names.
type latest struct {
	*Engine
	*arena
	table  *table
	scans  []feature.Scan // of the table's files
	order  []int          // of each, its place in the call
	to     feature.Time
	seed   maphash.Seed
	keys   []*keyTable // per stripe, under its lock
	bounds []bounds    // per row group

	mu     sync.Mutex
	failed map[failedGroup]int64
	shown  map[string]int64 // per derived column, winners for which it failed
}

// bounds are the least and greatest visible_from of a row group that was read.
type bounds struct {
	read        bool
	least, most feature.Time
}

// scan offers all rows that the scans ask for, and counts the rows looked at.
func (l *latest) scan(ctx context.Context) (int64, error) {
	types := make([]feature.Type, len(l.table.view.Keys))
	for i, k := range l.table.view.Keys {
		types[i] = k.Type
	}
	l.arena = newArena(partitionsUnknown)
	for range l.stripes {
		l.keys = append(l.keys, newKeyTable(exactKeys(types)))
	}
	l.bounds = make([]bounds, len(l.table.groups))
	var groups []int
	var rows int64
	for g := range l.table.groups {
		if l.needed(g) {
			groups = append(groups, g)
			rows += int64(l.table.groups[g].rows)
		}
	}
	m := l.meter(StageScan, l.table.view.ID(), rows)
	err := l.table.scatter(ctx, groups, l.workers, func(rows int) { m.add(int64(rows)) }, func() scatterer {
		w := &latestWorker{latest: l}
		w.scatter = newScatter(len(l.stripes), l.batchLimit(len(l.stripes), l.workers), l.table.view.Rule, l.seed, func(stripe int, b *batch) error {
			l.take(stripe, b)
			return l.table.settleIfMany(ctx, l.arena, l.Engine.ties, l.workers)
		})
		return w
	})
	return rows, err
}

// needed tells whether a row group has to be read. A file that is asked for whole
// is read whole even where its bounds say that nothing of it counts yet: the
// bounds of visible_from that come back have to be the rows' own.
func (l *latest) needed(g int) bool {
	s := l.scans[l.table.groups[g].file]
	if s.All && !s.File.Scanned {
		return true
	}
	return !l.table.outside(g, l.span(g))
}

// span is the times of the rows that the scan of a row group's file asks for.
func (l *latest) span(g int) span {
	s := l.scans[l.table.groups[g].file]
	return span{all: s.All, after: s.After, until: l.to}
}

// latestWorker scatters the rows that the scans ask for.
type latestWorker struct {
	*latest
	*scatter
	selected []int32
	visible  []feature.Time
}

func (w *latestWorker) chunk(_ context.Context, group int, base int64, c *chunk) error {
	w.selected, w.visible = c.selectRows(w.table.view.Rule, span{all: true, until: feature.MaxTime}, w.selected[:0], w.visible[:0])
	w.note(group, w.visible)
	s := w.scans[w.table.groups[group].file]
	n := 0
	for i, from := range w.visible {
		if from <= w.to && (s.All || from > s.After) {
			w.selected[n], w.visible[n] = w.selected[i], from
			n++
		}
	}
	return w.add(c.keys, c, base, w.selected[:n], w.visible[:n])
}

// take offers the rows of a batch to the places of their keys.
func (l *latest) take(stripe int, b *batch) {
	s, keys := &l.stripes[stripe], l.keys[stripe]
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.live
	for i := range b.offers {
		place := keys.put(b.offers[i].word, b.key(i))
		if int(place) >= len(s.best) {
			s.extend(int(place)+1, l.table.view.Rule)
		}
		s.offer(place, b.stamp(i), b.offers[i].row+1)
	}
	if s.live != before {
		l.live.Add(int64(s.live - before))
	}
}

// note widens the bounds of a row group, which one worker reads.
func (l *latest) note(group int, visible []feature.Time) {
	b := &l.bounds[group]
	if !b.read {
		*b = bounds{true, feature.MaxTime, feature.MinTime}
	}
	for _, v := range visible {
		b.least, b.most = min(b.least, v), max(b.most, v)
	}
}

// file gives the i-th of the table's files with the bounds of its visible_from,
// if they are known.
func (l *latest) file(i int) feature.File {
	f := l.scans[i].File
	least, most := feature.MaxTime, feature.MinTime
	for g := range l.table.groups {
		if l.table.groups[g].file != i || l.table.groups[g].rows == 0 {
			continue
		}
		if !l.bounds[g].read {
			return f
		}
		least, most = min(least, l.bounds[g].least), max(most, l.bounds[g].most)
	}
	f.Scanned, f.MinVisible, f.MaxVisible = true, least, most
	return f
}

// winners orders the latest rows of all keys, and counts those that were settled
// by value.
func (l *latest) winners(ctx context.Context, res *feature.ScanResult) (*winners, error) {
	var positions []int64
	for i := range l.stripes {
		b := &l.stripes[i].board
		for place := range b.best {
			positions = append(positions, b.best[place].row-1)
			if b.wasSettled(uint32(place)) {
				res.Ties++
			}
		}
	}
	w, _, err := l.table.order(ctx, positions, l.workers)
	return w, err
}

// deliver reads the winners' values, a piece ahead of what is delivered, and computes
// their tiles, where t is not nil.
func (l *latest) deliver(ctx context.Context, w *winners, t *tiling, deliver func(*feature.Batch) error) (int64, error) {
	m := l.meter(StageGather, l.table.view.ID(), int64(w.n))
	g, ctx := errgroup.WithContext(ctx)
	pieces := make(chan *feature.Batch)
	g.Go(func() error {
		defer close(pieces)
		return l.readPieces(ctx, w, pieces)
	})
	ready := pieces
	if t != nil {
		ready, t.progress = make(chan *feature.Batch), m
		g.Go(func() error {
			defer close(ready)
			return t.run(ctx, pieces, ready)
		})
	}
	keys := int64(0)
	var failed error
	for piece := range ready {
		for from := 0; from < piece.Rows && failed == nil; from += batchRows {
			to := min(from+batchRows, piece.Rows)
			if failed = ctx.Err(); failed == nil {
				failed = deliver(sliceBatch(piece, from, to))
			}
			if failed != nil {
				g.Go(func() error { return failed }) // stops the reader
				break
			}
			keys += int64(to - from)
			m.add(int64(to - from))
		}
	}
	return keys, g.Wait()
}

// skip leaves out the first n winners.
func (w *winners) skip(n int64) {
	w.n = max(w.n-int(n), 0)
	for n > 0 && len(w.parts) > 0 {
		rows := min(n, int64(len(w.parts[0].rows)))
		w.parts[0].rows = w.parts[0].rows[rows:]
		if n -= rows; len(w.parts[0].rows) == 0 {
			w.parts = w.parts[1:]
		}
	}
}

func (l *latest) readPieces(ctx context.Context, w *winners, pieces chan<- *feature.Batch) error {
	for _, part := range w.parts {
		for rows := range slices.Chunk(part.rows, pieceRows) {
			piece, err := l.readPiece(ctx, part.group, rows)
			if err != nil {
				return err
			}
			select {
			case pieces <- piece:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	return nil
}

// readPiece reads everything of some winners of a row group.
func (l *latest) readPiece(ctx context.Context, group int, rows []int32) (*feature.Batch, error) {
	view := l.table.view
	columns := slices.Clone(l.table.columns)
	for _, f := range view.Features {
		if f.Column != "" && !slices.Contains(columns, f.Column) {
			columns = append(columns, f.Column)
		}
	}
	read := make(map[string]*feature.Column, len(columns))
	for _, name := range columns {
		read[name] = feature.NewColumn(l.table.source.TypeOf(name), len(rows))
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(l.workers)
	for _, name := range columns {
		dst := read[name]
		g.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			failed, err := l.table.gatherTold(ctx, group, name, rows, dst)
			l.noteShown(name, failed)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	return l.batch(read, len(rows)), nil
}

func (l *latest) batch(read map[string]*feature.Column, rows int) *feature.Batch {
	t := l.table
	b := &feature.Batch{Rows: rows, Event: times(read[t.columns[t.event]])}
	for _, k := range t.keys {
		key := *read[t.columns[k]] // a copy: the column may be a feature too
		key.Valid = nil
		b.Keys = append(b.Keys, &key)
	}
	if t.created >= 0 {
		b.Created = read[t.columns[t.created]]
	}
	if t.avail >= 0 {
		b.Available = times(read[t.columns[t.avail]])
	}
	for _, f := range t.view.Features {
		b.Features = append(b.Features, read[f.Column]) // nil for one that is no column
	}
	return b
}

func times(c *feature.Column) []feature.Time {
	out := make([]feature.Time, len(c.Int64s))
	for i, v := range c.Int64s {
		out[i] = feature.Time(v)
	}
	return out
}

func sliceBatch(b *feature.Batch, from, to int) *feature.Batch {
	s := &feature.Batch{Rows: to - from, Event: b.Event[from:to]}
	for _, k := range b.Keys {
		s.Keys = append(s.Keys, slice(k, from, to))
	}
	if b.Created != nil {
		s.Created = slice(b.Created, from, to)
	}
	if b.Available != nil {
		s.Available = b.Available[from:to]
	}
	for _, f := range b.Features {
		if f != nil {
			f = slice(f, from, to)
		}
		s.Features = append(s.Features, f)
	}
	if b.Tiles != nil {
		s.Tiles = slice(b.Tiles, from, to)
	}
	return s
}

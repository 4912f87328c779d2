package offline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

const (
	// tilingMemory is what the events of a part of the keys take at most, about, where no
	// budget is set.
	tilingMemory = 256 << 20
	// bytesPerKey is what a key of a part takes beside its events and values: in a table,
	// with touched tiles.
	bytesPerKey = 128
)

// tiling computes the tiles of the keys that a Latest delivers, for a view with
// aggregates. It takes the winners in their order, in parts: the events of a part's keys are
// read in one pass over the files and put in order by key, and each key's patch is made just
// before it is delivered. It is used by one goroutine.
type tiling struct {
	*Engine
	plan       *tiles.Plan
	groups     []tileGroup
	columns    []tiles.Column
	names      []string // of columns
	progress   *meter   // of the delivery
	view       *feature.ViewVersion
	pass       feature.Pass
	files      []feature.File // of the pass, with what is known of their bounds by now
	news       *latest
	newsGroups []int // row groups with rows that the scans ask for, and that a window may reach
	budget     int64 // bytes for the events of a part
	size       int   // keys of the next part
	part       int
	builders   chan *tiles.Builder // one for each worker
}

// newTiling gives nil for a view without aggregates. found is what the scans found, and
// keys is how many of them there are.
func (l *latest) newTiling(pass feature.Pass, found *feature.ScanResult, keys int) (*tiling, error) {
	view := l.table.view
	if !view.HasAggregates() {
		return nil, nil
	}
	plan, err := tiles.NewPlan(view.Features, view.Rule)
	if err != nil {
		return nil, fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	t := &tiling{
		Engine: l.Engine, plan: plan, columns: plan.Columns(), view: view, pass: pass, news: l, budget: tilingMemory,
		files: slices.Clone(pass.Files), builders: make(chan *tiles.Builder, l.workers),
	}
	if l.memory > 0 {
		t.budget = l.memory / 4
	}
	for range l.workers {
		t.builders <- plan.NewBuilder(pass.To)
	}
	for _, c := range t.columns {
		t.names = append(t.names, c.Name)
	}
	oldest, folded := plan.Bounds(pass.To, pass.Known)
	for i, g := range plan.Groups() {
		t.groups = append(t.groups, tileGroup{feature.Window{Length: g.Reach, Granularity: g.Granularity}, oldest[i], folded[i]})
	}
	tail := oldestOf(t.groups)
	for g := range l.table.groups {
		s := l.span(g)
		s.tail, s.windows = tail, tail != feature.MinTime
		if !pass.Whole && !l.table.outside(g, s) {
			t.newsGroups = append(t.newsGroups, g)
		}
	}
	scanned := make(map[string]feature.File, len(found.Files))
	for _, f := range found.Files {
		scanned[f.Path] = f
	}
	for i, f := range t.files {
		if now := scanned[f.Path]; now.Scanned {
			t.files[i] = now
		}
	}
	t.size = t.firstSize(found.Rows, keys)
	return t, nil
}

// firstSize expects of each key as many events as a key has on average, where all events
// are read, and otherwise that all keys fit: a part with more is cut.
func (t *tiling) firstSize(rows int64, keys int) int {
	if !t.pass.Whole || keys == 0 {
		return t.fits(0)
	}
	return t.fits(rows / int64(keys) * t.eventBytes())
}

// fits gives how many keys with so many bytes of events may be in a part.
func (t *tiling) fits(events int64) int {
	size := bytesPerKey + events
	for _, k := range t.view.Keys {
		size += valueWidth(k.Type)
	}
	for _, f := range t.view.Features {
		if f.Column != "" {
			size += valueWidth(f.Type)
		}
	}
	return int(min(max(t.budget/size, keysLeast), math.MaxInt32))
}

// meter tells of a stage beside the delivery's own.
func (t *tiling) meter(stage Stage, rows int64) *meter {
	return t.progress.beside(Progress{Stage: stage, View: t.view.ID(), Total: rows, Part: t.part})
}

// eventBytes is what an event takes, about; of texts a few letters.
func (t *tiling) eventBytes() int64 {
	size := int64(4 + 8 + 4)
	if t.view.Rule.Created || t.view.Rule.Available {
		size += 24
	}
	for _, c := range t.columns {
		size += valueWidth(c.Type)
	}
	return size
}

// run takes pieces of winners, and gives them on in batches with their tiles.
func (t *tiling) run(ctx context.Context, in <-chan *feature.Batch, out chan<- *feature.Batch) error {
	var waiting []*feature.Batch
	for {
		rows := 0
		for _, b := range waiting {
			rows += b.Rows
		}
		for rows < t.size {
			piece := <-in
			if piece == nil {
				break
			}
			waiting = append(waiting, piece)
			rows += piece.Rows
		}
		if err := ctx.Err(); err != nil || rows == 0 {
			return err
		}
		head, rest := splitBatches(waiting, t.size)
		done, err := t.brings(ctx, head, out)
		if err != nil {
			return err
		}
		_, cut := splitBatches(head, done)
		waiting = slices.Concat(cut, rest)
	}
}

// brings computes the tiles of some keys, gives them on, and says of how many: fewer than
// asked for where their events take too much memory.
func (t *tiling) brings(ctx context.Context, batches []*feature.Batch, out chan<- *feature.Batch) (int, error) {
	t.part++
	types := make([]feature.Type, len(t.view.Keys))
	for i, k := range t.view.Keys {
		types[i] = k.Type
	}
	keys := newTileKeys(batches, types, t.news.seed, t.pass.Whole)
	if !t.pass.Whole {
		if err := t.touch(ctx, keys); err != nil {
			return 0, t.failed(err)
		}
	}
	events, err := t.read(ctx, keys)
	if err != nil {
		return 0, t.failed(err)
	}
	n := int(events.limit)
	order := orderEvents(events.blocks, n)
	batches, _ = splitBatches(batches, n)
	first := 0
	for _, piece := range batches {
		for from := 0; from < piece.Rows; from += batchRows {
			b := sliceBatch(piece, from, min(from+batchRows, piece.Rows))
			if b.Tiles, err = events.patches(ctx, order, first, first+b.Rows); err != nil {
				return 0, err
			}
			first += b.Rows
			select {
			case out <- b:
			case <-ctx.Done():
				return 0, ctx.Err()
			}
		}
	}
	t.size = t.fits(events.seen.Load() / int64(n))
	return n, nil
}

func (t *tiling) failed(err error) error {
	return fmt.Errorf("offline: view %s: %w", t.view.ID(), err)
}

// read collects the events of a part's keys.
func (t *tiling) read(ctx context.Context, keys *tileKeys) (e *tileEvents, err error) {
	e = &tileEvents{t: t, keys: keys, apart: keys.stretches(t.groups), limit: uint32(keys.table.n)}
	if len(e.apart) == 0 {
		return e, nil
	}
	var files []feature.File
	for _, f := range t.files {
		if t.mayMatter(f, e.apart) {
			files = append(files, f)
		}
	}
	table, err := openTable(ctx, t.Engine.files, t.view, files, t.workers)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, table.close()) }()
	s := span{all: true, until: t.pass.To, tail: e.apart[0].after, windows: e.apart[0].after != feature.MinTime}
	var groups []int
	rows := int64(0)
	for g := range table.groups {
		at := &table.groups[g]
		least, most, ok := table.open[at.file].Times(at.group, table.source.Event)
		if table.outside(g, s) || ok && !meets(e.apart, least, most) {
			continue
		}
		groups = append(groups, g)
		rows += int64(at.rows)
	}
	m := t.meter(StageWindows, rows)
	err = table.scatter(ctx, groups, t.workers, func(rows int) { m.add(int64(rows)) },
		func() scatterer { return e.worker(s) }, t.names...)
	t.news.noteFailures(table)
	return e, err
}

// mayMatter tells whether a file may have events at some times: a row is at the earliest
// visible by the delay after its event, and then precisely where nothing else decides.
func (t *tiling) mayMatter(f feature.File, apart []stretch) bool {
	if !f.Scanned {
		return true
	}
	if f.MinVisible > f.MaxVisible || f.MinVisible > t.pass.To {
		return false
	}
	delay := t.view.Rule.Delay
	return slices.ContainsFunc(apart, func(s stretch) bool {
		earliest := s.after
		if earliest != feature.MinTime {
			earliest++
		}
		return earliest.Add(delay) <= f.MaxVisible && (t.view.Rule.Available || s.until.Add(delay) >= f.MinVisible)
	})
}

// splitBatches cuts batches behind a number of rows.
func splitBatches(batches []*feature.Batch, rows int) (head, rest []*feature.Batch) {
	for i, b := range batches {
		if rows < b.Rows {
			rest = append([]*feature.Batch{}, batches[i+1:]...)
			if rows == 0 {
				return head, slices.Insert(rest, 0, b)
			}
			return append(head, sliceBatch(b, 0, rows)), slices.Insert(rest, 0, sliceBatch(b, rows, b.Rows))
		}
		head = append(head, b)
		rows -= b.Rows
	}
	return head, nil
}

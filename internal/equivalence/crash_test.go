package equivalence_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/online"
)

var errKilled = errors.New("killed")

// fuse lets so many operations of a run happen. At the next one the process dies:
// that one happens as a whole or in part, but nobody hears of it, and all later ones
// fail. (That it does not happen at all is the death after the one before.)
type fuse struct {
	left int
	half bool // the last operation happens in part, where it has parts
	dead bool
}

// burn tells whether an operation happens, whether it is the last one, and what
// the caller is told.
func (f *fuse) burn(do func(half bool) error) error {
	switch {
	case f.dead:
		return errKilled
	case f.left > 0:
		f.left--
		return do(false)
	}
	f.dead = true
	return errors.Join(errKilled, do(f.half))
}

// mortalSink and mortalLedger are the real parts, of a process that dies.
type mortalSink struct {
	materialize.Sink
	*fuse
}

func (s mortalSink) Write(ctx context.Context, storage *feature.Storage, view *feature.ViewVersion, b *feature.Batch, from feature.Origin) (r feature.WriteResult, err error) {
	err = s.burn(func(half bool) error {
		if half {
			b = cut(b, 0, b.Rows/2)
		}
		var err error
		r, err = s.Sink.Write(ctx, storage, view, b, from)
		return err
	})
	return r, err
}

func (s mortalSink) Advance(ctx context.Context, storage *feature.Storage, to feature.Time, run, since int64) error {
	return s.burn(func(bool) error { return s.Sink.Advance(ctx, storage, to, run, since) })
}

type mortalLedger struct {
	materialize.Ledger
	*fuse
}

func (l mortalLedger) StartRun(ctx context.Context, run feature.Run) (n int64, err error) {
	err = l.burn(func(bool) (err error) { n, err = l.Ledger.StartRun(ctx, run); return err })
	return n, err
}

func (l mortalLedger) SaveRun(ctx context.Context, run feature.Run) error {
	return l.burn(func(bool) error { return l.Ledger.SaveRun(ctx, run) })
}

func (l mortalLedger) NewStorage(ctx context.Context, view string, version int) (s feature.Storage, err error) {
	err = l.burn(func(bool) (err error) { s, err = l.Ledger.NewStorage(ctx, view, version); return err })
	return s, err
}

func (l mortalLedger) ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error {
	return l.burn(func(bool) error { return l.Ledger.ActivateStorage(ctx, storage, served) })
}

func (l mortalLedger) ForgetStorage(ctx context.Context, storage uint64) error {
	return l.burn(func(bool) error { return l.Ledger.ForgetStorage(ctx, storage) })
}

// inSmallBatches is a source that delivers a few rows at a time.
type inSmallBatches struct {
	materialize.Source
	rows int
}

func (s inSmallBatches) Latest(ctx context.Context, view *feature.ViewVersion, pass feature.Pass, deliver func(*feature.Batch) error) (feature.ScanResult, error) {
	return s.Source.Latest(ctx, view, pass, func(b *feature.Batch) error {
		for from := 0; from < b.Rows; from += s.rows {
			if err := deliver(cut(b, from, min(from+s.rows, b.Rows))); err != nil {
				return err
			}
		}
		return nil
	})
}

// cut gives the rows of a batch from one to before another.
func cut(b *feature.Batch, from, to int) *feature.Batch {
	columns := func(all []*feature.Column) []*feature.Column {
		var out []*feature.Column
		for _, c := range all {
			if c == nil { // of a feature that is no column
				out = append(out, nil)
				continue
			}
			part := feature.NewColumn(c.Type, to-from)
			for i := from; i < to; i++ {
				part.AppendFrom(c, i)
			}
			out = append(out, part)
		}
		return out
	}
	out := &feature.Batch{Rows: to - from, Keys: columns(b.Keys), Event: b.Event[from:to], Features: columns(b.Features)}
	if b.Created != nil {
		out.Created = columns([]*feature.Column{b.Created})[0]
	}
	if b.Available != nil {
		out.Available = b.Available[from:to]
	}
	if b.Tiles != nil {
		out.Tiles = columns([]*feature.Column{b.Tiles})[0]
	}
	return out
}

// chapter is a part of the story in which a process dies: what the files hold, and
// the run that then reads them.
type chapter struct {
	files   map[string][]event
	at      feature.Time
	rebuild bool
}

const things = 14 // some of them have no row at some time, one never

// story is a first load, a run over rows that became visible, late rows, a grown
// file and a new one, and a rebuild after rows were taken away.
func story() []chapter {
	var a, b, late []event
	for id := range int64(8) {
		a = append(a, event{id, 100, 100, 1000 + id})
		if id%2 == 0 {
			a = append(a, event{id, 150, 300, 2000 + id}) // known later
		}
	}
	for id := int64(4); id < 12; id++ {
		b = append(b, event{id, 200, 210, 3000 + id})
	}
	for id := range int64(13) {
		if id%3 == 0 {
			late = append(late, event{id, 90, 90, 4000 + id}, event{id, 220, 220, 5000 + id})
		}
	}
	grown := slices.Concat(a, []event{{1, 310, 310, 6001}, {3, 80, 80, 6003}})
	return []chapter{
		{files: map[string][]event{"a": a}, at: 200},
		{files: map[string][]event{"a": grown, "b": b, "c": late}, at: 400},
		{files: map[string][]event{"a": a, "c": late}, at: 450, rebuild: true},
		{files: map[string][]event{"a": a, "c": late, "d": {{2, 460, 460, 7002}}}, at: 500},
	}
}

// TestAProcessThatDiesAtAnyOperationDoesNoHarm lets the process die at the k-th
// write to the store or to the registry, for every k. What is served then is never
// wrong, and the next run ends where an undisturbed one
// would have.
func TestAProcessThatDiesAtAnyOperationDoesNoHarm(t *testing.T) {
	for _, k := range kinds(t) {
		for i, how := range []string{"in part", "whole"} {
			t.Run(k.name+", the last operation "+how, func(t *testing.T) {
				t.Parallel() // most of the time goes to waiting for the disk
				temp := t.TempDir()
				for n := 0; ; n++ {
					dir, err := os.MkdirTemp(temp, "world")
					if err != nil {
						t.Fatal(err)
					}
					died, err := tell(t.Context(), dir, k, &fuse{left: n, half: i == 0}, (n+i)%2 == 0)
					if err != nil {
						t.Fatalf("after %d operations: %v", n, err)
					}
					if !died {
						if n < 20 {
							t.Errorf("the story has %d operations only", n)
						}
						return
					}
				}
			})
		}
	}
}

// tell lives through the story with a process that dies where the fuse says, and
// is started again at once, or after so long that the run counts as killed.
func tell(ctx context.Context, dir string, k kind, f *fuse, wait bool) (died bool, err error) {
	w, err := newWorld(ctx, dir, k)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	var before chapter
	for n, c := range story() {
		if err := w.become(before.files, c.files); err != nil {
			return f.dead, err
		}
		if n == 0 {
			if err := w.apply(ctx, plainDefinitions()); err != nil {
				return false, err
			}
		}
		w.set(c.at)
		_, err := w.materialize(ctx, w.mortal(f), func(q *materialize.Request) { q.Rebuild = c.rebuild })
		if err != nil {
			if !errors.Is(err, errKilled) {
				return f.dead, err
			}
			if err := w.between(ctx, before, c); err != nil {
				return true, fmt.Errorf("chapter %d, before the process is started again: %w", n+1, err)
			}
			if wait {
				w.pass()
			}
			*f = fuse{left: 1 << 30}
			died = true
			if _, err := w.materialize(ctx, w.mortal(f), func(q *materialize.Request) { q.Rebuild = c.rebuild && q.Filling == nil }); err != nil {
				return true, fmt.Errorf("chapter %d, started again: %w", n+1, err)
			}
		}
		if err := w.wantLatest(ctx, things, c.files, c.at); err != nil {
			return died, fmt.Errorf("chapter %d: %w", n+1, err)
		}
		before = c
	}
	return died, nil
}

// mortal gives a runner of small batches whose process dies.
func (w *world) mortal(f *fuse) *materialize.Runner {
	r := w.runner()
	r.Source = inSmallBatches{w.engine, 5}
	r.Sink = mortalSink{online.NewSink(w.online), f}
	r.Ledger = mortalLedger{w.registry, f}
	return r
}

// become brings the data folder to other files; those that stay the same are left
// alone.
func (w *world) become(from, to map[string][]event) error {
	for name := range from {
		if _, stays := to[name]; !stays {
			if err := os.Remove(w.data() + "/things/" + name + ".parquet"); err != nil {
				return err
			}
		}
	}
	changed := maps.Clone(to)
	maps.DeleteFunc(changed, func(name string, rows []event) bool { return slices.Equal(from[name], rows) })
	return w.plainFiles(changed)
}

// between looks at what is served after a death: for every thing what the last
// run had led to, or what this one leads to. Before the first run is over a
// missing row is told as such.
func (w *world) between(ctx context.Context, before, now chapter) error {
	if err := w.handler.Refresh(ctx); err != nil {
		return err
	}
	got, err := w.ask(ctx, things, "last:x")
	if err != nil {
		return err
	}
	old, next := latest(before.files, before.at), latest(now.files, now.at)
	for id, c := range got[0] {
		var may []cell
		for i, values := range []map[int64]int64{old, next} {
			x, ok := values[int64(id)]
			switch {
			case ok && before.files == nil:
				may = append(may, present(x), cell(fmt.Sprintf("%d/STALE", x)))
			case ok:
				may = append(may, present(x))
			case before.files != nil, i == 1:
				may = append(may, notFound)
			}
		}
		if before.files == nil {
			may = append(may, unavailable)
		}
		if !slices.Contains(may, c) {
			return fmt.Errorf("thing %d is served as %s, want one of %v", id, c, may)
		}
	}
	return nil
}

package materialize_test

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
)

// windows is a world whose view also counts the rows of each tile of ten. Its source
// and sink are written from the contracts: a run brings every touched tile anew, and what
// a later run wrote stays.
type windows struct {
	*world
	counts map[uint64]map[int64]counted
	late   []func(context.Context) error // writes of runs, which may be repeated, or wake up, at any time
	during func()                        // what others do before the next write; nil: nothing
	listed func()                        // likewise, when a run has listed its files and is not recorded yet
}

// counted is what is kept of a key, or brought for it.
type counted struct {
	Whole   bool
	To      feature.Time
	Run     int64
	Counts  map[int64]int // of the touched tiles
	Folding feature.Time  // what of the watermark the run goes by
}

func newWindows() *windows {
	return &windows{world: newWorld(), counts: map[uint64]map[int64]counted{}}
}

func tileOf(e feature.Time) int64 { return int64(e+9)/10 - 1 }

func (w *windows) runner() *materialize.Runner {
	r := w.world.runner()
	r.Source, r.Sink, r.Ledger = w, w, w
	return r
}

func (w *windows) bring(t *testing.T, change func(*materialize.Request)) error {
	t.Helper()
	v := view()
	v.Features = append(v.Features, feature.Field{Name: "n", Type: feature.Scalar(feature.Int64), Aggregate: &feature.Aggregate{Function: feature.Count}})
	q := materialize.Request{View: v, Active: &feature.Storage{ID: w.active}, To: feature.MaxTime}
	if change != nil {
		change(&q)
	}
	_, err := w.runner().Run(t.Context(), q)
	return err
}

func (w *windows) Latest(ctx context.Context, v *feature.ViewVersion, pass feature.Pass, deliver func(*feature.Batch) error) (feature.ScanResult, error) {
	return w.world.Latest(ctx, v, pass, func(b *feature.Batch) error {
		b.Tiles = feature.NewColumn(feature.Scalar(feature.Bytes), b.Rows)
		for _, key := range b.Keys[0].Int64s {
			patch, err := json.Marshal(counted{Whole: pass.Whole, Counts: w.tiles(key, pass), Folding: pass.Known})
			if err != nil {
				return err
			}
			b.Tiles.AppendBytes(patch)
		}
		return deliver(b)
	})
}

// tiles counts the rows of the tiles of a key that the scans touch, over all files of
// the pass.
func (w *windows) tiles(key int64, pass feature.Pass) map[int64]int {
	touched := map[int64]int{}
	for _, s := range pass.Scans {
		for _, r := range w.files[s.File.Path].rows {
			if r.key == key && r.visible <= pass.To && (s.All || r.visible > s.After) {
				touched[tileOf(r.event)] = 0
			}
		}
	}
	for _, f := range pass.Files {
		for _, r := range w.files[f.Path].rows {
			_, brought := touched[tileOf(r.event)]
			if r.key == key && r.visible <= pass.To && (brought || pass.Whole) {
				touched[tileOf(r.event)]++
			}
		}
	}
	return touched
}

func (w *windows) Write(ctx context.Context, s *feature.Storage, v *feature.ViewVersion, b *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	w.late = append(w.late, func(context.Context) error {
		for i, key := range b.Keys[0].Int64s {
			if err := w.merge(s.ID, key, b.Tiles.Bytes(i), from); err != nil {
				return err
			}
		}
		return nil
	})
	if do := w.during; do != nil && w.fuse != 0 {
		w.during = nil
		do()
	}
	result, err := w.world.Write(ctx, s, v, b, from)
	if err != nil {
		return result, err
	}
	for i, key := range b.Keys[0].Int64s {
		if err := w.step(ctx); err != nil {
			return result, err
		}
		if err := w.merge(s.ID, key, b.Tiles.Bytes(i), from); err != nil {
			return result, err
		}
	}
	return result, nil
}

func (w *windows) StartRun(ctx context.Context, run feature.Run) (int64, error) {
	if do := w.listed; do != nil {
		w.listed = nil
		do()
	}
	return w.world.StartRun(ctx, run)
}

// merge puts a patch over what stands there.
func (w *windows) merge(storage uint64, key int64, patch []byte, from feature.Origin) error {
	var p counted
	if err := json.Unmarshal(patch, &p); err != nil {
		return err
	}
	if p.Folding != from.Known {
		return errors.New("the source and the sink of a run are told different watermarks")
	}
	if w.counts[storage] == nil {
		w.counts[storage] = map[int64]counted{}
	}
	old := w.counts[storage][key]
	if old.To > from.To || old.To == from.To && old.Run > from.Run {
		return nil
	}
	merged := counted{To: from.To, Run: from.Run, Counts: map[int64]int{}}
	if !p.Whole {
		for tile, n := range old.Counts {
			merged.Counts[tile] = n
		}
	}
	for tile, n := range p.Counts {
		merged.Counts[tile] = n
	}
	w.counts[storage][key] = merged
	return nil
}

// check compares what is kept with the rows of all files.
func (w *windows) check(t *testing.T, at feature.Time) {
	t.Helper()
	w.world.check(t, at)
	want, got := map[int64]map[int64]int{}, map[int64]map[int64]int{}
	for _, f := range w.files {
		for _, r := range f.rows {
			if r.visible > at {
				continue
			}
			if want[r.key] == nil {
				want[r.key] = map[int64]int{}
			}
			want[r.key][tileOf(r.event)]++
		}
	}
	for key, c := range w.counts[w.active] {
		got[key] = c.Counts
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("tiles at %d (-want +got):\n%s", at, diff)
	}
}

// A run is killed at the k-th operation, for every k, and the next completes it; its
// last write wakes up at the very end.
func TestTilesAreRightAfterARunWasKilledAnywhere(t *testing.T) {
	for seed := range uint64(12) {
		finished := false
		for k := 0; !finished; k++ {
			rng := rand.New(rand.NewPCG(seed, 4))
			w := newWindows()
			for _, name := range []string{"a", "b"} {
				w.now += 40
				w.files[name] = file{1, randomRows(rng, 12)}
				if name == "a" {
					if err := w.bring(t, nil); err != nil {
						t.Fatal(err)
					}
				}
			}
			w.fuse, w.late = k, nil
			err := w.bring(t, nil)
			finished = err == nil
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatalf("seed %d, killed at %d: %v", seed, k, err)
			}
			w.fuse = -1
			late := w.late
			if rng.IntN(2) == 0 {
				w.wall += 3_600_000_000
			}
			if rng.IntN(2) == 0 {
				w.files["c"] = file{1, randomRows(rng, 5)}
			}
			w.now += feature.Time(rng.IntN(20))
			if err := w.bring(t, nil); err != nil {
				t.Fatal(err)
			}
			for _, write := range late {
				if err := write(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			w.check(t, w.now)
			if t.Failed() {
				t.Fatalf("seed %d, killed at operation %d", seed, k)
			}
		}
	}
}

// A run that lists its files, and is overtaken before it has a number, sees a file that the
// other one has read: whatever then becomes of it, that file's rows stay.
func TestARunThatIsOvertakenBeforeItBeginsTakesNothingBack(t *testing.T) {
	finished := false
	for k := 0; !finished; k++ {
		w := newWindows()
		w.now = 40
		w.files["a"] = file{1, []row{{1, 10, 10, 0.1}}}
		if err := w.bring(t, nil); err != nil {
			t.Fatal(err)
		}
		w.now = 80
		w.files["b"] = file{1, []row{{1, 51, 51, 0.2}}}
		w.listed = func() {
			w.files["c"] = file{1, []row{{1, 52, 52, 0.3}}} // in the same tile
			if err := w.bring(t, nil); err != nil {
				t.Fatal(err)
			}
			w.fuse = k
		}
		finished = w.bring(t, nil) == nil
		w.fuse = -1
		w.wall += 3_600_000_000
		if err := w.bring(t, nil); err != nil {
			t.Fatal(err)
		}
		if w.check(t, 80); t.Failed() {
			t.Fatalf("killed at operation %d", k)
		}
	}
}

// A run that is about to complete a killed one is overtaken by a third, which reads a file more
// and may die as well: what the killed one has written is no longer what there is to write.
func TestARunThatIsOvertakenAsItCompletesAnotherBeginsAnew(t *testing.T) {
	rows := func(e feature.Time, value float64) file {
		f := file{version: 1}
		for key := range int64(6) {
			f.rows = append(f.rows, row{key, e, e, value})
		}
		return f
	}
	overtaken := 0
	for j, whole := 0, false; !whole; j++ {
		for k, finished := 0, false; !finished && !whole; k++ {
			w := newWindows()
			w.now, w.files["a"] = 40, rows(10, 0.1)
			if err := w.bring(t, nil); err != nil {
				t.Fatal(err)
			}
			w.now, w.files["b"] = 80, rows(51, 0.2)
			w.fuse = j
			whole = w.bring(t, nil) == nil
			w.fuse = -1
			w.wall += 3_600_000_000
			w.listed = func() {
				overtaken++
				w.files["c"] = rows(52, 0.3) // in the same tile
				w.fuse = k
				finished = w.bring(t, nil) == nil
				w.fuse = -1
			}
			if err := w.bring(t, nil); err != nil {
				t.Fatal(err)
			}
			if w.listed != nil {
				break // there was nothing left to do
			}
			if w.check(t, 80); t.Failed() {
				t.Fatalf("killed at operation %d, the third at %d", j, k)
			}
		}
	}
	if overtaken == 0 {
		t.Fatal("no run was overtaken")
	}
}

func TestRandomHistoriesEndInTheTilesOfAllRows(t *testing.T) {
	for seed := range uint64(800) {
		rng := rand.New(rand.NewPCG(seed, 6))
		w := newWindows()
		for step := range 12 {
			w.now += feature.Time(rng.IntN(15))
			switch rng.IntN(4) {
			case 0:
				name := string(rune('a' + step))
				w.files[name] = file{1, randomRows(rng, rng.IntN(6))}
			case 1:
				w.fuse = rng.IntN(40)
				_ = w.bring(t, nil)
				w.fuse = -1
			case 2: // to a time that others are past, or with rows read again
				to, from := feature.Time(rng.IntN(100)), feature.Time(rng.IntN(100))
				if err := w.bring(t, func(q *materialize.Request) { q.To, q.From = to, &from }); err != nil {
					t.Fatal(err)
				}
			}
			w.wall += feature.Time(rng.Int64N(60_000_000))
			if rng.IntN(3) == 0 { // another process, whose clock is behind, finds one file more
				w.during = func() {
					w.files["during "+string(rune('a'+step))] = file{1, randomRows(rng, 3)}
					outer := w.fuse
					if w.fuse = -1; rng.IntN(3) == 0 {
						w.fuse = rng.IntN(30)
					}
					w.now -= 10
					_ = w.bring(t, nil)
					w.now += 10
					w.fuse = outer
				}
			}
		}
		w.during = nil
		if err := w.bring(t, nil); err != nil {
			t.Fatal(err)
		}
		for len(w.late) > 0 { // every write once more, in any order
			i := rng.IntN(len(w.late))
			if err := w.late[i](t.Context()); err != nil {
				t.Fatal(err)
			}
			w.late = append(w.late[:i], w.late[i+1:]...)
		}
		if w.now > 0 {
			w.check(t, w.now)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

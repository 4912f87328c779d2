package materialize_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
)

func view() *feature.ViewVersion {
	return &feature.ViewVersion{
		Meta: feature.Meta{Name: "v"}, Version: 1, Online: true,
		Keys:     []feature.JoinKey{{Name: "id", Type: feature.Scalar(feature.Int64)}},
		Features: []feature.Field{{Name: "x", Type: feature.Scalar(feature.Float64)}},
	}
}

func (w *world) runner() *materialize.Runner {
	return &materialize.Runner{
		Source: w, Sink: w, Ledger: w, Who: "test",
		Clock: func() feature.Time { return w.now },
		Wall:  func() feature.Time { w.wall++; return w.wall },
	}
}

func (w *world) materialize(t *testing.T, change func(*materialize.Request)) (materialize.Result, error) {
	t.Helper()
	q := materialize.Request{View: view(), Active: &feature.Storage{ID: w.active}, To: feature.MaxTime}
	if change != nil {
		change(&q)
	}
	w.opened = nil
	return w.runner().Run(t.Context(), q)
}

func (w *world) must(t *testing.T) materialize.Result {
	t.Helper()
	result, err := w.materialize(t, nil)
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// latest is what the store must hold at a time: straight from the rows.
func (w *world) latest(at feature.Time) map[int64]float64 {
	best := map[int64]row{}
	for _, f := range w.files {
		for _, r := range f.rows {
			if old, ok := best[r.key]; r.visible <= at && (!ok || later(r, old)) {
				best[r.key] = r
			}
		}
	}
	values := map[int64]float64{}
	for k, r := range best {
		values[k] = r.value
	}
	return values
}

func (w *world) stored() map[int64]float64 {
	values := map[int64]float64{}
	for k, r := range w.store[w.active] {
		values[k] = r.value
	}
	return values
}

func (w *world) check(t *testing.T, at feature.Time) {
	t.Helper()
	if diff := cmp.Diff(w.latest(at), w.stored()); diff != "" {
		t.Errorf("the store does not hold the latest rows at %d (-want +got):\n%s", at, diff)
	}
	if m := w.marks[w.active]; !m.Known || m.Time != at {
		t.Errorf("watermark = %+v, want %d", m, at)
	}
}

func TestARunWritesWhatIsVisibleAndMovesTheWatermark(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {1, 20, 120, 0.2}, {2, 90, 100, 0.3}, {3, 90, 101, 0.4}}}
	w.must(t)
	w.check(t, 100)
	if got := w.stored(); got[1] != 0.1 || got[2] != 0.3 || len(got) != 2 {
		t.Errorf("at 100 the store holds %v, want 1: 0.1 and 2: 0.3", got)
	}
	w.now = 120
	w.must(t)
	w.check(t, 120)
	if got := w.stored(); got[1] != 0.2 || got[3] != 0.4 {
		t.Errorf("at 120 the store holds %v, want 1: 0.2 and 3: 0.4", got)
	}
}

func TestALateFileIsReadWholeAndFilesThatCannotMatterStayClosed(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 50, 50, 0.2}}}
	w.must(t)
	w.now = 200
	w.files["b"] = file{1, []row{{1, 20, 20, 0.5}, {3, 5, 5, 0.7}}}
	w.must(t)
	w.check(t, 200)
	if diff := cmp.Diff([]string{"b"}, w.opened); diff != "" {
		t.Errorf("opened files (-want +got):\n%s", diff)
	}
	w.files["a"] = file{2, []row{{1, 10, 10, 0.1}, {2, 50, 50, 0.2}, {4, 60, 60, 0.4}}}
	w.must(t)
	w.check(t, 200)
	if diff := cmp.Diff([]string{"a"}, w.opened); diff != "" {
		t.Errorf("a changed file is read again; opened (-want +got):\n%s", diff)
	}
}

func TestAFileIsOpenedExactlyWhenItHoldsRowsOfTheInterval(t *testing.T) {
	for _, c := range []struct {
		visible, from, to feature.Time
		opened            []string
	}{
		{visible: 100, from: 100, to: 110},
		{visible: 101, from: 100, to: 110, opened: []string{"a"}},
		{visible: 110, from: 100, to: 110, opened: []string{"a"}},
		{visible: 111, from: 100, to: 110},
	} {
		w := newWorld()
		w.files["a"] = file{1, []row{{1, 10, c.visible, 0.1}}}
		w.now = c.from
		w.must(t)
		w.now = c.to
		w.must(t)
		w.check(t, c.to)
		if diff := cmp.Diff(c.opened, w.opened); diff != "" {
			t.Errorf("visible from %d, run from %d to %d: opened (-want +got):\n%s", c.visible, c.from, c.to, diff)
		}
	}
}

func TestNothingToDoMakesNoRun(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}}}
	if got := len(w.must(t).Runs); got != 1 {
		t.Fatalf("first call made %d runs, want 1", got)
	}
	if got := len(w.must(t).Runs); got != 0 {
		t.Errorf("second call made %d runs, want none", got)
	}
}

func TestATargetInTheFutureEndsAtNowAndOneInThePastMovesNothingBack(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {1, 60, 60, 0.2}, {1, 150, 150, 0.9}}}
	if _, err := w.materialize(t, func(q *materialize.Request) { q.To = 50 }); err != nil {
		t.Fatal(err)
	}
	w.check(t, 50)
	if _, err := w.materialize(t, func(q *materialize.Request) { q.To = 500 }); err != nil {
		t.Fatal(err)
	}
	w.check(t, 100)
	if _, err := w.materialize(t, func(q *materialize.Request) { q.To = 70 }); err != nil {
		t.Fatal(err)
	}
	w.check(t, 100)
}

func TestFromReadsOldRowsAgain(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 60, 60, 0.2}}}
	w.must(t)
	delete(w.store[1], 2) // as a repair by hand would
	from := feature.Time(50)
	if _, err := w.materialize(t, func(q *materialize.Request) { q.From = &from }); err != nil {
		t.Fatal(err)
	}
	w.check(t, 100)
}

func TestAStoreThatLostValuesIsFilledAgain(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 60, 60, 0.2}}}
	w.must(t)
	for _, lose := range []func(){
		func() { w.lost = true; delete(w.store[1], 1) },
		func() { w.store, w.marks = map[uint64]map[int64]row{}, map[uint64]feature.Watermark{} },
	} {
		lose()
		w.must(t)
		w.check(t, 100)
	}
}

func TestANewLayoutIsFilledBesideTheOldOneAndSwitchedTo(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 60, 60, 0.2}}}
	w.must(t)
	result, err := w.materialize(t, func(q *materialize.Request) {
		q.Filling = &feature.Storage{ID: 7}
		q.To = 50 // the switch must not take readers back in time
	})
	if err != nil || !result.Switched || w.active != 7 {
		t.Fatalf("switched %v to %d: %v, want storage 7", result.Switched, w.active, err)
	}
	w.check(t, 100)
}

func TestARebuildForgetsWhatRemovedFilesHeld(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}}}
	w.files["b"] = file{1, []row{{2, 10, 10, 0.2}, {1, 11, 11, 0.3}}}
	w.must(t)
	delete(w.files, "b")
	status, err := w.runner().Status(t.Context(), view(), &feature.Storage{ID: 1}, nil)
	if err != nil || !status.NeedsRebuild() || len(status.Changes.Removed) != 1 || status.Changes.Removed[0].Path != "b" {
		t.Errorf("status = %+v, %v, want b named as removed", status.Changes, err)
	}
	// An ordinary run can't take the rows back, and does not forget that.
	for range 2 {
		w.files["c"] = file{w.files["c"].version + 1, []row{{3, 10, 10, 0.4}}}
		for name, result := range map[string]materialize.Result{"a run": w.must(t), "nothing to do": w.must(t)} {
			if (name == "a run") != (len(result.Runs) > 0) || !slices.Contains(result.Gone, "b") || slices.Contains(result.Gone, "a") {
				t.Errorf("%s: %d runs say that %v are gone, want b", name, len(result.Runs), result.Gone)
			}
		}
		status, err = w.runner().Status(t.Context(), view(), &feature.Storage{ID: 1}, nil)
		if err != nil || !slices.Contains(status.Gone, "b") || slices.Contains(status.Gone, "a") {
			t.Errorf("after another run: gone are %v, %v, want b", status.Gone, err)
		}
	}
	result, err := w.materialize(t, func(q *materialize.Request) { q.Rebuild = true })
	if err != nil || !result.Switched || len(result.Gone) > 0 {
		t.Fatalf("rebuild: %+v, %v", result, err)
	}
	w.check(t, 100)
	status, err = w.runner().Status(t.Context(), view(), &feature.Storage{ID: w.active}, nil)
	if err != nil || status.NeedsRebuild() {
		t.Errorf("after the rebuild: gone are %v, %v, want none", status.Gone, err)
	}
}

func TestRecordsOfRunsThatDiedAreClosed(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{version: 1, rows: eightRows()}
	w.fuse = 9
	_, _ = w.materialize(t, nil)
	w.fuse = -1
	for i := range w.runs {
		w.runs[i].State = feature.RunRunning // a killed process closes no record
	}
	died := len(w.runs)
	w.must(t) // at once: the first may be alive
	if died == 0 || w.runs[0].State != feature.RunRunning {
		t.Fatalf("%d runs died, the first is %s", died, w.runs[0].State)
	}
	w.wall += 60_000_000
	w.now = 150
	w.must(t)
	if got := w.runs[0]; got.State != feature.RunFailed || got.Error == "" {
		t.Errorf("the record of the run that died says %s %q", got.State, got.Error)
	}
}

func TestAMutableSourceIsRebuiltByEveryRun(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 10, 10, 0.5}}}
	mutable := func(q *materialize.Request) { q.View.Table.Mutable = true }
	for i, rows := range [][]row{{{1, 10, 10, 0.1}, {2, 10, 10, 0.5}}, {{1, 9, 9, 0.05}}} {
		w.files["a"] = file{int64(i + 1), rows}
		if _, err := w.materialize(t, mutable); err != nil {
			t.Fatal(err)
		}
		w.check(t, 100)
	}
}

// The process is killed at the k-th operation, for every k; the next run, with
// or without a pause, ends in the state of an undisturbed one.
func TestARunKilledAnywhereIsCompletedByTheNext(t *testing.T) {
	const seeds = 20
	for seed := range uint64(seeds) {
		finished := false
		for k := 0; !finished; k++ {
			rng := rand.New(rand.NewPCG(seed, 1))
			w := newWorld()
			w.now = 40
			w.files["a"] = file{1, randomRows(rng, 12)}
			w.must(t)
			w.now = 80
			w.files["b"] = file{1, randomRows(rng, 12)}
			w.fuse = k
			_, err := w.materialize(t, nil)
			finished = err == nil
			if err != nil && !errors.Is(err, errKilled) {
				t.Fatalf("seed %d, killed at %d: %v", seed, k, err)
			}
			w.fuse = -1
			for i := range w.runs {
				if w.runs[i].State == feature.RunFailed {
					w.runs[i].State = feature.RunRunning // a killed process closes no record
				}
			}
			if rng.IntN(2) == 0 {
				w.wall += 3_600_000_000
			}
			if rng.IntN(2) == 0 {
				w.files["c"] = file{1, randomRows(rng, 5)}
			}
			w.now += feature.Time(rng.IntN(20))
			w.must(t)
			w.check(t, w.now)
			if t.Failed() {
				t.Fatalf("seed %d, killed at operation %d", seed, k)
			}
		}
	}
}

func randomRows(rng *rand.Rand, n int) []row {
	rows := make([]row, n)
	for i := range rows {
		e := feature.Time(rng.IntN(90))
		rows[i] = row{key: int64(rng.IntN(6)), event: e, visible: e + feature.Time(rng.IntN(20)), value: float64(rng.IntN(4))}
	}
	return rows
}

// Histories of files landing, changing without losing rows, targets and kills,
// against the definition of what the store must hold.
func TestARunThatCouldNotBeRecordedIsNoRun(t *testing.T) {
	for k := range 10 {
		w := newWorld()
		w.now = 40
		w.files["a"] = file{1, []row{{1, 10, 10, 0.1}}}
		w.fuse = k
		result, err := w.materialize(t, nil)
		if len(result.Runs) != len(w.runs) {
			t.Errorf("killed at %d: %d runs are told, %d recorded (%v)", k, len(result.Runs), len(w.runs), err)
		}
	}
}

func TestRandomHistoriesEndInTheLatestRows(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 2))
		w := newWorld()
		for step := range 12 {
			w.now += feature.Time(rng.IntN(15))
			switch rng.IntN(4) {
			case 0:
				w.files[fmt.Sprintf("f%d", step)] = file{1, randomRows(rng, rng.IntN(6))}
			case 1:
				if files, _ := w.Files(t.Context(), nil); len(files) > 0 { // one of them grows
					path := files[rng.IntN(len(files))].Path
					f := w.files[path]
					w.files[path] = file{f.version + 1, append(append([]row{}, f.rows...), randomRows(rng, 2)...)}
				}
			case 2:
				w.fuse = rng.IntN(30)
				_, _ = w.materialize(t, nil)
				w.fuse = -1
			}
			if rng.IntN(8) == 0 && w.marks[w.active].Known {
				w.lost = true
				delete(w.store[w.active], int64(rng.IntN(6)))
			}
			w.wall += feature.Time(rng.Int64N(60_000_000))
		}
		w.must(t)
		if w.now > 0 {
			w.check(t, w.now)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

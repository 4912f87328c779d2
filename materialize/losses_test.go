package materialize_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
)

func eightRows() []row {
	var rows []row
	for k := int64(1); k <= 8; k++ {
		at := feature.Time(10 + k%2*100)
		rows = append(rows, row{key: k, event: at, visible: at, value: float64(k)})
	}
	return rows
}

// flush empties the store, watermarks included.
func (w *world) flush() {
	w.store, w.marks = map[uint64]map[int64]row{}, map[uint64]feature.Watermark{}
}

// A first run is killed after a checkpoint; the store is emptied; another first run
// marks its beginning and is killed at any later operation. The next must not trust
// the first one's checkpoint.
func TestACheckpointFromBeforeALossIsNotTrusted(t *testing.T) {
	for first := range 40 {
		for second := range 12 {
			w := newWorld()
			w.now = 200
			w.files["a"] = file{version: 1, rows: eightRows()}
			w.fuse = first
			_, _ = w.materialize(t, nil)
			w.flush()
			w.wall += 60_000_000
			w.fuse = second
			_, _ = w.materialize(t, nil)
			w.fuse = -1
			w.wall += 60_000_000
			for i := range w.runs {
				if w.runs[i].State == feature.RunFailed {
					w.runs[i].State = feature.RunRunning // a killed process closes no record
				}
			}
			w.must(t)
			w.check(t, 200)
			if t.Failed() {
				t.Fatalf("killed at operations %d and %d", first, second)
			}
		}
	}
}

// flushedSink loses everything after the first write of a run, and another process
// begins anew.
type flushedSink struct {
	*world
	done bool
}

func (s *flushedSink) Write(ctx context.Context, st *feature.Storage, v *feature.ViewVersion, b *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	result, err := s.world.Write(ctx, st, v, b, from)
	if !s.done {
		s.done = true
		s.flush()
		err = errors.Join(err, s.Advance(ctx, st, feature.MinTime, 1000, 0))
	}
	return result, err
}

func TestARunWhoseValuesWereLostIsNotCompleteThoughAnotherBegan(t *testing.T) {
	for name, before := range map[string]bool{"first run": false, "later run": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			w.now = 100
			w.files["a"] = file{version: 1, rows: eightRows()}
			if before {
				w.must(t)
			}
			w.now = 200
			r := w.runner()
			r.Sink = &flushedSink{world: w}
			_, err := r.Run(t.Context(), materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, To: feature.MaxTime})
			if !errors.Is(err, feature.ErrUnavailable) || w.marks[1].Holds() {
				t.Errorf("the run ends with %v and the watermark is %+v, want ErrUnavailable and a beginning", err, w.marks[1])
			}
			w.must(t)
			w.check(t, 200)
		})
	}
}

// A registry that was restored from an old copy gives numbers again.
func TestTheBaseIsARunOfThisStorage(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{version: 1, rows: []row{{key: 1, event: 10, visible: 10, value: 1}}}
	w.must(t)
	w.files["b"] = file{version: 1, rows: []row{{key: 2, event: 20, visible: 20, value: 2}}}
	other := w.runs[0]
	other.Storage, other.View = 99, "other"
	other.Files = append(other.Files, feature.File{Path: "b", Size: 1, Modified: 1, Digest: "1", Rows: 1, Scanned: true, MinVisible: 20, MaxVisible: 20})
	w.runs[0] = other
	w.now = 200
	w.must(t)
	w.check(t, 200)
}

func TestWithoutTheRecordEverythingIsNew(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{version: 1, rows: []row{{key: 1, event: 10, visible: 10, value: 1}}}
	w.must(t)
	w.runs = nil
	status, err := w.runner().Status(t.Context(), view(), &feature.Storage{ID: 1}, nil)
	if err != nil || len(status.Changes.New) != 1 || status.NeedsRebuild() {
		t.Errorf("status = %+v, %v, want file a as new", status.Changes, err)
	}
	w.now = 200
	w.must(t)
	w.check(t, 200)
}

// slowSource finds nothing to deliver for so long that a sign of life is due.
type slowSource struct {
	*world
	due  chan time.Time
	told *tellingLedger
}

func (s *slowSource) Latest(ctx context.Context, v *feature.ViewVersion, pass feature.Pass, deliver func(*feature.Batch) error) (feature.ScanResult, error) {
	s.told.saved = make(chan feature.Run)
	s.due <- time.Time{}
	if run := <-s.told.saved; run.Beat <= run.Started {
		return feature.ScanResult{}, errors.New("the record tells no sign of life after the start")
	}
	s.told.saved = nil
	return s.world.Latest(ctx, v, pass, deliver)
}

// tellingLedger tells what it saved while somebody wants to know.
type tellingLedger struct {
	*world
	saved chan feature.Run
}

func (l *tellingLedger) SaveRun(ctx context.Context, run feature.Run) error {
	err := l.world.SaveRun(ctx, run)
	if l.saved != nil {
		l.saved <- run
	}
	return err
}

func TestARunThatReadsForLongGivesSignsOfLife(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{version: 1, rows: eightRows()}
	r := w.runner()
	due, told := make(chan time.Time), &tellingLedger{world: w}
	r.Tick = func() (<-chan time.Time, func()) { return due, func() {} }
	r.Source, r.Ledger = &slowSource{w, due, told}, told
	if _, err := r.Run(t.Context(), materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, To: feature.MaxTime}); err != nil {
		t.Fatal(err)
	}
	w.check(t, 100)
}

// countingLedger saves nothing, and so can be asked to by several at once.
type countingLedger struct {
	*world
	asked *atomic.Int64
}

func (l countingLedger) SaveRun(context.Context, feature.Run) error {
	l.asked.Add(1)
	return nil
}

// awaitingSource is asked until two more signs of life came by themselves: nothing that
// it does goes before them.
type awaitingSource struct {
	*world
	asked *atomic.Int64
}

func (s awaitingSource) Latest(ctx context.Context, v *feature.ViewVersion, pass feature.Pass, deliver func(*feature.Batch) error) (feature.ScanResult, error) {
	for n := s.asked.Load(); s.asked.Load() < n+2; runtime.Gosched() {
		if err := ctx.Err(); err != nil {
			return feature.ScanResult{}, err
		}
	}
	return s.world.Latest(ctx, v, pass, deliver)
}

// The race detector tells where a sign of life meets what a run reads of its record.
func TestSignsOfLifeMayComeAtAnyTime(t *testing.T) {
	always := make(chan time.Time)
	close(always)
	w, asked := newWorld(), &atomic.Int64{}
	w.now = 100
	w.files["a"] = file{version: 1, rows: eightRows()}
	r := w.runner()
	r.Wall = func() feature.Time { return 100 }
	r.Tick = func() (<-chan time.Time, func()) { return always, func() {} }
	r.Ledger, r.Source = countingLedger{w, asked}, awaitingSource{w, asked}
	if _, err := r.Run(t.Context(), materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, To: feature.MaxTime}); err != nil {
		t.Fatal(err)
	}
	w.check(t, 100)
}

// movingSource lets another process advance the active storage just before the switch.
type movingSource struct {
	*world
	moved bool
}

func (s *movingSource) Latest(ctx context.Context, v *feature.ViewVersion, pass feature.Pass, deliver func(*feature.Batch) error) (feature.ScanResult, error) {
	if !s.moved {
		s.moved = true
		s.now = 150
		m := s.marks[1]
		m.Time, m.Run = 150, 77
		s.marks[1] = m
	}
	return s.world.Latest(ctx, v, pass, deliver)
}

func TestASwitchNeverTakesReadersBackThoughTheActiveStorageMovesOn(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{version: 1, rows: eightRows()}
	w.must(t)
	r := w.runner()
	r.Source = &movingSource{world: w}
	result, err := r.Run(t.Context(), materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, Filling: &feature.Storage{ID: 2}, To: 60})
	if err != nil || !result.Switched {
		t.Fatalf("switched %v, %v", result.Switched, err)
	}
	w.check(t, 150)
}

func TestAKilledRunThatLedFurtherThanWantedIsNotCompleted(t *testing.T) {
	for k := range 40 {
		w := newWorld()
		w.now = 200
		w.files["a"] = file{version: 1, rows: eightRows()}
		w.fuse = k
		_, err := w.materialize(t, nil)
		w.fuse = -1
		if err == nil {
			return
		}
		w.wall += 60_000_000
		if _, err := w.materialize(t, func(q *materialize.Request) { q.To = 60 }); err != nil {
			t.Fatal(err)
		}
		if got := w.marks[1].Time; got != 60 && got != 200 {
			t.Fatalf("killed at %d: watermark %d", k, got)
		}
		if w.marks[1].Time == 200 && w.marks[1].Run != 1 {
			t.Fatalf("killed at %d: --to 60 led to 200", k)
		}
	}
	t.Fatal("no run was undisturbed")
}

// overtakenLedger calls overtake when a run of storage 2 is over, or when it is about to be switched to.
type overtakenLedger struct {
	*world
	atSwitch bool
	overtake func()
}

func (l *overtakenLedger) SaveRun(ctx context.Context, run feature.Run) error {
	err := l.world.SaveRun(ctx, run)
	if err == nil && run.State == feature.RunDone && run.Storage == 2 && !l.atSwitch {
		l.overtake()
	}
	return err
}

func (l *overtakenLedger) ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error {
	if l.atSwitch {
		l.overtake()
	}
	return l.world.ActivateStorage(ctx, storage, served)
}

// A rebuild that takes long, or sleeps, does not switch to less than what is served meanwhile, though that was for the same time.
func TestASwitchLosesNoFileThatTheActiveStorageHasRead(t *testing.T) {
	for _, atSwitch := range []bool{false, true} {
		w := newWorld()
		w.now = 100
		w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 60, 60, 0.2}}}
		w.files["gone"] = file{1, []row{{3, 10, 10, 0.3}}}
		w.must(t)
		delete(w.files, "gone")
		r := w.runner()
		r.Ledger = &overtakenLedger{world: w, atSwitch: atSwitch, overtake: sync.OnceFunc(func() {
			w.files["late"] = file{1, []row{{1, 20, 20, 0.4}}}
			w.must(t)
		})}
		result, err := r.Run(t.Context(), materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, To: feature.MaxTime, Rebuild: true})
		if err != nil || !result.Switched || len(result.Runs) != 2 {
			t.Fatalf("at the switch: %v: switched %v after %d runs, %v", atSwitch, result.Switched, len(result.Runs), err)
		}
		w.check(t, 100)
	}
}

func TestASwitchThatAnotherProcessMakesIsEnough(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, eightRows()}
	w.must(t)
	r := w.runner()
	r.Clock = func() feature.Time { w.now++; return w.now }
	r.Ledger = &overtakenLedger{world: w, overtake: func() { w.active = 2 }}
	q := materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, Filling: &feature.Storage{ID: 2}, To: feature.MaxTime}
	result, err := r.Run(t.Context(), q)
	if err != nil || !result.Switched || w.active != 2 || len(result.Runs) != 1 {
		t.Fatalf("switched %v after %d runs, %v", result.Switched, len(result.Runs), err)
	}
}

func TestASwitchThatIsAlwaysOvertakenEndsAndIsGoneOnWith(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, eightRows()}
	w.must(t)
	r := w.runner()
	r.Ledger = &overtakenLedger{world: w, atSwitch: true, overtake: func() {
		w.now++
		w.must(t)
	}}
	q := materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, Filling: &feature.Storage{ID: 2}, To: feature.MaxTime}
	result, err := r.Run(t.Context(), q)
	if !errors.Is(err, feature.ErrConflict) || result.Switched || w.active != 1 || len(result.Runs) != 10 {
		t.Fatalf("switched %v after %d runs, %v", result.Switched, len(result.Runs), err)
	}
	w.check(t, w.now)
	if result, err = w.runner().Run(t.Context(), q); err != nil || !result.Switched {
		t.Fatalf("switched %v, %v", result.Switched, err)
	}
	w.check(t, w.now)
}

func TestASwitchIsFromTheStorageThatTheNewOneWasMadeFor(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, eightRows()}
	w.must(t)
	r := w.runner()
	r.Ledger = &overtakenLedger{world: w, atSwitch: true, overtake: func() { w.active = 9 }}
	q := materialize.Request{View: view(), Active: &feature.Storage{ID: 1}, Filling: &feature.Storage{ID: 2}, To: feature.MaxTime}
	for range 2 {
		if result, err := r.Run(t.Context(), q); !errors.Is(err, feature.ErrConflict) || result.Switched || w.active != 9 {
			t.Fatalf("switched %v from storage 1 to 2 while 9 is active: %v", result.Switched, err)
		}
	}
}

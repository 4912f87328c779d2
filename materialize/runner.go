package materialize

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// Runner executes runs. Its fields are set once, before the first call; then it
// is safe for concurrent use as far as its parts are.
type Runner struct {
	Source Source
	Sink   Sink
	Ledger Ledger
	// Clock gives the project's time, which may be frozen: what is visible.
	Clock func() feature.Time
	// Wall gives real time, for the records of runs.
	Wall func() feature.Time
	// Who stands in the records.
	Who string
	// Tick gives a channel that says when a sign of life is due, and what stops it;
	// nil: every two seconds.
	Tick func() (due <-chan time.Time, stop func())
	// Progress is told how far a run is, from the goroutine that runs; nil: nobody.
	Progress func(Progress)
}

// Progress is how far a run is.
type Progress struct {
	View    *feature.ViewVersion
	Keys    int64 // latest rows handed to the store so far
	Written int64
	Files   int   // that the run reads
	Resumed int64 // keys that a killed run had written already
}

// Request says what to materialize.
type Request struct {
	View    *feature.ViewVersion
	Active  *feature.Storage // what readers use
	Filling *feature.Storage // a new layout that is not filled yet; nil: none
	To      feature.Time     // MaxTime: now
	// From, where set, reads rows that became visible after it again, although the
	// watermark is further.
	From *feature.Time
	// Rebuild fills a new storage from scratch and switches to it: for what changed
	// and removed files held before.
	Rebuild bool
}

// Result is what was done.
type Result struct {
	Runs     []feature.Run // in order; none: the storage was up to date
	Switched bool          // readers now use a new storage
	// Gone are the paths of files that the storage was filled from and that have changed
	// or were removed since: rows that only they held are still in it, and in its windows,
	// until a rebuild.
	Gone []string
}

const (
	// checkpointEvery is how often, in wall time, a run saves how far it is.
	checkpointEvery = 2 * time.Second
	// presumedDead is how long after its last sign of life a run counts as killed.
	presumedDead = 30 * time.Second
	// lookBack is how many of a storage's latest records are looked at for runs that are
	// not over, and at first for those that a run follows.
	lookBack = 20
	// switchTries is how often a new storage is brought up to an active one that other
	// runs lead on meanwhile.
	switchTries = 10
)

// Run materializes one view. A storage that is being filled, or made for a
// rebuild, is switched to when it holds at least what the active one holds. On an
// error the runs done so far are in the result, the last one failed.
func (r *Runner) Run(ctx context.Context, q Request) (Result, error) {
	if q.Active == nil {
		return Result{}, fmt.Errorf("view %s is not kept online: set online: true and apply: %w", q.View.ID(), feature.ErrInvalid)
	}
	active, err := r.Sink.Watermark(ctx, q.Active)
	if err != nil {
		return Result{}, fmt.Errorf("view %s: %w", q.View.ID(), err)
	}
	if q.Rebuild || q.View.Table.Mutable && active.Known {
		fresh, err := r.Ledger.NewStorage(ctx, q.View.Name, q.View.Version)
		if err != nil {
			return Result{}, fmt.Errorf("view %s: new storage: %w", q.View.ID(), err)
		}
		q.Filling = &fresh
	}
	if q.Filling == nil {
		runs, err := r.bring(ctx, q, q.Active, feature.MinTime)
		if err != nil {
			return Result{Runs: runs}, err
		}
		gone, err := r.gone(ctx, q, runs)
		return Result{Runs: runs, Gone: gone}, err
	}
	runs, err := r.replace(ctx, q)
	return Result{Runs: runs, Switched: err == nil}, err
}

// gone gives the files that the active storage holds rows of though they have changed or
// were removed, as the last of the runs has it, or the base where there was nothing to do.
func (r *Runner) gone(ctx context.Context, q Request, runs []feature.Run) ([]string, error) {
	if len(runs) > 0 {
		return runs[len(runs)-1].Gone, nil
	}
	mark, err := r.Sink.Watermark(ctx, q.Active)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", q.View.ID(), err)
	}
	base, err := r.base(ctx, q.Active, mark)
	if err != nil {
		return nil, fmt.Errorf("view %s: %w", q.View.ID(), err)
	}
	return base.Gone, nil
}

// replace fills the new storage and switches to it. What readers are given is looked at
// before the new storage is brought to no less, and the switch takes place only while they
// are given that still: where other runs have led the active storage on, however long this
// process slept, the new one is brought up to it again.
func (r *Runner) replace(ctx context.Context, q Request) ([]feature.Run, error) {
	fail := func(err error) error {
		return fmt.Errorf("view %s: switch to storage %d: %w", q.View.ID(), q.Filling.ID, err)
	}
	var all []feature.Run
	before, err := r.given(ctx, q)
	if err != nil {
		return nil, fail(err)
	}
	for range switchTries {
		runs, err := r.bring(ctx, q, q.Filling, before.to)
		all = append(all, runs...)
		if err != nil {
			return all, err
		}
		now, err := r.activate(ctx, q, before)
		if err != nil {
			return all, fail(err)
		}
		if now == before || now.Storage == q.Filling.ID { // which another process may have switched to
			return all, nil
		}
		before, q.From = now, nil
	}
	return all, fail(fmt.Errorf("%d times the active storage was led on while this one was brought up to it: "+
		"materialize the view when no other run does, which goes on where this one ended: %w", switchTries, feature.ErrConflict))
}

// activate switches to the new storage while readers are given what they were before, and
// else tells what they are given now.
func (r *Runner) activate(ctx context.Context, q Request, before given) (now given, err error) {
	if now, err = r.given(ctx, q); err != nil || now != before {
		return now, err
	}
	refused := r.Ledger.ActivateStorage(ctx, q.Filling.ID, now.Served)
	if !errors.Is(refused, feature.ErrConflict) {
		return now, refused
	}
	if now, err = r.given(ctx, q); err == nil && now == before {
		err = refused // for something else
	}
	return now, err
}

// given is what readers are given: the active storage with its runs, and where its watermark
// stands, which a run moves before it is done.
type given struct {
	feature.Served
	to  feature.Time // MinTime: nothing that can be relied on
	run int64
}

func (r *Runner) given(ctx context.Context, q Request) (given, error) {
	served, err := r.Ledger.Served(ctx, q.View.Name, q.View.Version)
	if err != nil {
		return given{}, err
	}
	if served.Storage != q.Active.ID && served.Storage != q.Filling.ID {
		return given{}, fmt.Errorf("storage %d became active in place of %d meanwhile: materialize the view again: %w", served.Storage, q.Active.ID, feature.ErrConflict)
	}
	active, err := r.Sink.Watermark(ctx, q.Active)
	if err != nil || !active.Holds() {
		return given{served, feature.MinTime, 0}, err
	}
	return given{served, active.Time, active.Run}, nil
}

// bring leads one storage to the request's time, and not to less than floor: it
// first completes a run that was killed, then makes its own.
func (r *Runner) bring(ctx context.Context, q Request, storage *feature.Storage, floor feature.Time) ([]feature.Run, error) {
	var runs []feature.Run
	for {
		l, err := r.next(ctx, q, storage, floor)
		if err != nil || l == nil {
			return runs, err
		}
		completes := l.completes != 0
		run, err := r.execute(ctx, q, storage, l)
		if run.Number != 0 { // 0: it could not be recorded, and never began
			runs = append(runs, run)
		}
		if err != nil || !completes {
			return runs, err
		}
		q.From = nil
	}
}

// next says what is to be done with a storage: complete a killed run, begin a new
// one, or, where it gives nil, nothing.
func (r *Runner) next(ctx context.Context, q Request, storage *feature.Storage, floor feature.Time) (*live, error) {
	fail := func(err error) (*live, error) { return nil, fmt.Errorf("view %s: %w", q.View.ID(), err) }
	mark, err := r.Sink.Watermark(ctx, storage)
	if err != nil {
		return fail(err)
	}
	base, err := r.base(ctx, storage, mark)
	if err != nil {
		return fail(err)
	}
	files, err := r.Source.Files(ctx, q.View)
	if err != nil {
		return fail(err)
	}
	run := feature.Run{
		View: q.View.Name, Version: q.View.Version, Storage: storage.ID, State: feature.RunRunning,
		From: base.To, To: max(min(q.To, r.Clock()), base.To, floor), Files: carry(base.Files, files), Who: r.Who,
	}
	changes := compareFiles(base.Files, files)
	run.Gone = changes.gone(base.Gone)
	if mark.Known && !mark.Lost {
		run.Since = mark.Since
	}
	if q.From != nil && *q.From < run.From {
		run.From = *q.From
	}
	killed, err := r.killed(ctx, storage, base)
	if err != nil {
		return fail(err)
	}
	// What a killed run wrote is still there only if the store lost nothing since.
	if killed != nil && run.Since != 0 && killed.Since == run.Since && killed.To <= run.To &&
		q.From == nil && sameFiles(killed.Files, files) {
		run.From, run.To, run.Files, run.Gone, run.Checkpoint = killed.From, killed.To, killed.Files, killed.Gone, killed.Checkpoint
		return &live{run: run, base: base, completes: killed.Number}, nil
	}
	if run.To > base.To || run.From < base.To || !mark.Holds() || len(changes.Unread())+len(changes.Removed) > 0 {
		return &live{run: run, base: base}, nil
	}
	return nil, nil
}

// base gives the run that set the watermark, or a run from nothing where there
// is none to rely on.
func (r *Runner) base(ctx context.Context, storage *feature.Storage, mark feature.Watermark) (feature.Run, error) {
	nothing := feature.Run{From: feature.MinTime, To: feature.MinTime}
	if !mark.Holds() {
		return nothing, nil
	}
	run, err := r.Ledger.Run(ctx, mark.Run)
	switch {
	case errors.Is(err, feature.ErrNotFound):
		return nothing, nil // the registry lost the record: read everything again
	case err != nil:
		return nothing, fmt.Errorf("record of run %d: %w", mark.Run, err)
	case run.Storage != storage.ID:
		return nothing, nil // the registry is an older copy and gave the number again
	}
	if run.State == feature.RunRunning {
		// It was killed after it moved the watermark and before it said so.
		run.State, run.Finished = feature.RunDone, r.Wall()
		if err := r.save(ctx, run); err != nil {
			return nothing, err
		}
	}
	run.To = mark.Time
	return run, nil
}

// killed closes the records of runs that died, and gives the newest one that
// started where the storage still stands, so that it can be completed.
func (r *Runner) killed(ctx context.Context, storage *feature.Storage, base feature.Run) (*feature.Run, error) {
	runs, err := r.Ledger.Runs(ctx, storage.ID, lookBack)
	if err != nil {
		return nil, fmt.Errorf("records of runs: %w", err)
	}
	var newest *feature.Run
	for i := range runs {
		run := &runs[i]
		if run.State == feature.RunDone {
			continue
		}
		if MayLive(*run, r.Wall()) {
			continue // it may be alive, and both may work: see invariant 2
		}
		if run.State == feature.RunRunning {
			run.State, run.Finished, run.Error = feature.RunFailed, r.Wall(), "interrupted: the process ended before the run did"
			if err := r.save(ctx, *run); err != nil {
				return nil, err
			}
		}
		if newest == nil && run.Number > base.Number && run.From == base.To && run.To > base.To && run.Checkpoint > 0 {
			newest = run
		}
	}
	return newest, nil
}

// MayLive tells whether a run that its record calls running gave a sign of life
// lately. One that did not was interrupted; the next run of its storage closes its
// record.
func MayLive(run feature.Run, wall feature.Time) bool {
	return run.State == feature.RunRunning && wall.Sub(run.Beat) < feature.Duration(presumedDead/time.Microsecond)
}

// save replaces a record. That somebody else closed it first is no error: the
// outcome is decided by the store's watermark, not by the record.
func (r *Runner) save(ctx context.Context, run feature.Run) error {
	if err := r.Ledger.SaveRun(ctx, run); err != nil && !errors.Is(err, feature.ErrConflict) {
		return fmt.Errorf("record of run %d: %w", run.Number, err)
	}
	return nil
}

// live is the record of a run under way. The lock is held while it is saved, so
// that an older state never replaces a newer one.
type live struct {
	mu   sync.Mutex
	run  feature.Run
	base feature.Run // that it starts from: the storage was filled up to its To, whatever the run's From
	// completes is the number of the killed run that it completes; 0: none.
	completes int64
}

// execute makes a run and closes its record.
func (r *Runner) execute(ctx context.Context, q Request, storage *feature.Storage, l *live) (feature.Run, error) {
	l.run.Started = r.Wall()
	l.run.Beat = l.run.Started
	var err error
	if l.run.Number, err = r.Ledger.StartRun(ctx, l.run); err != nil {
		return l.run, fmt.Errorf("view %s: record of a new run: %w", q.View.ID(), err)
	}
	beating, stop := context.WithCancel(ctx)
	var heart sync.WaitGroup
	heart.Go(func() { r.beat(beating, l) })
	err = r.pass(ctx, q, storage, l)
	stop()
	heart.Wait()

	run := l.run
	run.State, run.Finished = feature.RunDone, r.Wall()
	if err != nil {
		run.State, run.Error = feature.RunFailed, err.Error()
		if ctx.Err() != nil {
			run.Error = "interrupted: " + run.Error
		}
		err = fmt.Errorf("view %s: run %d: %w", q.View.ID(), run.Number, err)
	}
	// The record is closed even when the caller has given up.
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return run, errors.Join(err, r.save(closing, run))
}

// beat gives signs of life while a run reads, which may take long before there is
// anything to write. That one can't be saved is no reason to end the run.
func (r *Runner) beat(ctx context.Context, l *live) {
	tick := r.Tick
	if tick == nil {
		tick = everyCheckpoint
	}
	due, stop := tick()
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-due:
			l.mu.Lock()
			l.run.Beat = r.Wall()
			_ = r.save(ctx, l.run)
			l.mu.Unlock()
		}
	}
}

func everyCheckpoint() (due <-chan time.Time, stop func()) {
	ticker := time.NewTicker(checkpointEvery)
	return ticker.C, ticker.Stop
}

// pass reads, writes, and moves the watermark last.
func (r *Runner) pass(ctx context.Context, q Request, storage *feature.Storage, l *live) error {
	if err := r.begin(ctx, storage, l); err != nil {
		return err
	}
	if err := r.follow(ctx, q, storage, l); err != nil {
		return err
	}
	pass := l.pass()
	done := pass.Skip
	found, err := r.Source.Latest(ctx, q.View, pass, func(b *feature.Batch) error {
		done += int64(b.Rows)
		wrote, err := r.Sink.Write(ctx, storage, q.View, b, feature.Origin{Run: l.run.Number, To: pass.To, Known: pass.Known, Now: r.Clock()})
		if err != nil {
			return err
		}
		written, err := r.wrote(ctx, l, b.Rows, done, wrote)
		r.tell(Progress{View: q.View, Keys: done, Written: written, Files: len(pass.Scans), Resumed: pass.Skip})
		return err
	})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	run := &l.run
	run.Rows, run.Ties, run.Failed = found.Rows, found.Ties, found.Failed
	learn(run.Files, found.Files)
	run.Beat = r.Wall()
	if err := r.save(ctx, *run); err != nil {
		return err
	}
	return r.Sink.Advance(ctx, storage, run.To, run.Number, run.Since)
}

// pass says what a run asks of the source.
func (l *live) pass() feature.Pass {
	l.mu.Lock()
	defer l.mu.Unlock()
	return feature.Pass{
		Scans: scansOf(l.run), Files: l.run.Files, To: l.run.To, Skip: l.run.Checkpoint,
		Whole: l.run.From == feature.MinTime, Known: l.base.To,
	}
}

// begin sees to it that the store can tell whether it lost what the run writes:
// since when nothing was lost is fixed here, and the watermark moves only if it is
// still so.
func (r *Runner) begin(ctx context.Context, storage *feature.Storage, l *live) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.run.Since != 0 {
		return nil
	}
	if err := r.Sink.Advance(ctx, storage, feature.MinTime, l.run.Number, 0); err != nil {
		return err
	}
	mark, err := r.Sink.Watermark(ctx, storage)
	if err != nil {
		return err
	}
	if !mark.Known || mark.Lost {
		return fmt.Errorf("the online store lost values as the run began: run it again: %w", feature.ErrUnavailable)
	}
	if mark.Since == 0 {
		return fmt.Errorf("storage %d is being dropped, as the view has another one: run it again: %w", storage.ID, feature.ErrConflict)
	}
	l.run.Since = mark.Since
	return r.save(ctx, l.run)
}

// wrote counts a batch and, now and then, saves how far the run is.
func (r *Runner) wrote(ctx context.Context, l *live, rows int, done int64, wrote feature.WriteResult) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	run := &l.run
	run.Keys += int64(rows)
	run.Written += int64(wrote.Written)
	run.Skipped += int64(wrote.Skipped)
	run.Expired += int64(wrote.Expired)
	run.Bytes += wrote.Bytes
	run.Largest = max(run.Largest, int64(wrote.Largest))
	run.Checkpoint = done
	now := r.Wall()
	if now.Sub(run.Beat) < feature.Duration(checkpointEvery/time.Microsecond) {
		return run.Written, nil
	}
	run.Beat = now
	return run.Written, r.save(ctx, *run)
}

func (r *Runner) tell(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

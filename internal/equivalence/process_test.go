package equivalence_test

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/registry"
)

// TestAProcessThatIsKilledIsCompletedByTheNext kills the real program with SIGKILL
// in a first load and in a run after it, early and late, amid rows and amid tiles.
func TestAProcessThatIsKilledIsCompletedByTheNext(t *testing.T) {
	binary := testenv.Quiver(t)
	for name, url := range onlineURLs(t) {
		t.Run(name, func(t *testing.T) {
			i := install(t, binary, url)
			r, values, storages := i.open()
			order := rand.New(rand.NewPCG(1, 1)).Perm(manyKeys) //nolint:gosec // that of the files
			kills := 0
			kill := func(view, at int, offset int64) {
				t.Helper()
				if i.killAt(values, storages[view], int64(order[at]), offset) {
					kills++
				}
			}
			for round, at := range []int{0, manyKeys / 4, manyKeys * 3 / 4} {
				kill(min(round, 1), at, 0)
				if mark := i.mark(values, storages[1]); mark.Holds() {
					t.Error("the watermark moved although the process was killed")
				}
				i.expectSome(r, values, nil, []int64{120})
			}
			i.run("materialize")
			i.expectAll(r, values, 1, 0, 120)

			i.land(1, 60)
			for view, at := range []int{manyKeys / 2, manyKeys / 4} {
				kill(view, at, manyKeys)
				i.expectSome(r, values, []int64{120}, []int64{120, 60})
			}
			i.run("materialize")
			i.expectAll(r, values, 1, 0, 120, 60)
			i.expectAll(r, values, 16, 60, 120, 60) // without a run
			i.expectTrained(0, 120, 60)
			i.expectTrained(60, 120, 60)
			if kills < 2 {
				t.Errorf("only %d processes were killed before they were done: make manyKeys greater", kills)
			}
			if name != "sqlite" { // whose other writers wait for one that is stopped within a transaction
				i.expectSleeper(r, values, storages[1], int64(order[manyKeys/2]))
			}
		})
	}
}

// expectSleeper stops a process amid its tiles, lets another read one file more and
// end, and wakes the first one up.
func (i *installation) expectSleeper(r registry.Store, values online.Store, storage *feature.Storage, id int64) {
	i.t.Helper()
	i.land(2, 30)
	sleeper := i.startUntil(values, storage, id, 2*manyKeys)
	if err := sleeper.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		i.t.Fatal(err)
	}
	if len(sleeper.ended) > 0 {
		i.t.Error("the process was done before it fell asleep: make manyKeys greater")
	}
	i.land(3, 40)
	i.run("materialize")
	i.expectAll(r, values, 16, 0, 120, 60, 30, 40)
	if err := sleeper.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		i.t.Fatal(err)
	}
	if err := sleeper.wait(); err != nil {
		i.t.Fatal(err)
	}
	i.expectAll(r, values, 1, 0, 120, 60, 30, 40)
}

// TestProcessesThatMaterializeAtOnceEndRight starts several at the same time, on an
// empty store and again when a file has landed.
func TestProcessesThatMaterializeAtOnceEndRight(t *testing.T) {
	binary := testenv.Quiver(t)
	for name, url := range onlineURLs(t) {
		t.Run(name, func(t *testing.T) {
			i := install(t, binary, url)
			r, values, storages := i.open()
			events := []int64{120, 60}
			for round := range 2 {
				if round == 1 {
					i.land(1, 60)
				}
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						cmd, out := i.command("materialize")
						if err := cmd.Run(); err != nil {
							t.Errorf("materialize: %v\n%s", err, out)
						}
					})
				}
				all.Wait()
				i.expectAll(r, values, 1, 0, events[:round+1]...)
				for _, storage := range storages {
					if mark := i.mark(values, storage); !mark.Holds() || mark.Time != feature.TimeOf(noon) {
						t.Errorf("the watermark is %+v", mark)
					}
				}
			}
			for _, storage := range storages {
				runs, err := r.Runs(context.WithoutCancel(t.Context()), storage.ID, 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, run := range runs {
					if run.State != feature.RunDone {
						t.Errorf("run %d is %s: %s", run.Number, run.State, run.Error)
					}
				}
			}
		})
	}
}

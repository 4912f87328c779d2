package registrytest

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func again(t *testing.T, s registry.Store, base int64) {
	t.Helper()
	commit(t, s, base, registry.Change{Storages: []feature.Storage{storage("last", 1)}})
}

func storageStates(t *testing.T, open func() registry.Store) {
	s := open()
	commit(t, s, 0, viewChange(t, "last"))
	type state = []feature.StorageState
	const active, filling, retired = feature.StorageActive, feature.StorageFilling, feature.StorageRetired
	want := func(what string, want state) {
		t.Helper()
		if got := states(load(t, s, 0)); !slices.Equal(got, want) {
			t.Fatalf("%s: got %v, want %v", what, got, want)
		}
	}
	want("the first", state{active})
	again(t, s, 1)
	want("a second", state{active, filling})
	again(t, s, 2)
	want("a third", state{active, retired, filling})
	other := viewChange(t, "other")
	commit(t, s, 3, other)
	want("another view", state{active, retired, filling, active})
	commit(t, s, 4, registry.Change{Objects: []registry.Object{view(t, "last", 2, "")}, Storages: []feature.Storage{storage("last", 2)}})
	want("another version", state{active, retired, filling, active, active})
	commit(t, s, 5, registry.Change{Retire: []registry.ViewRef{{View: "last", Version: 1}}})
	want("a version given up", state{retired, retired, retired, active, active})
	commit(t, s, 6, registry.Change{Retire: []registry.ViewRef{{View: "other", Version: 1}}, Storages: []feature.Storage{storage("other", 1)}})
	want("given up and made anew at once", state{retired, retired, retired, retired, active, active})
	if got := load(t, s, 0).Active("last", 1); got != nil {
		t.Errorf("last@1 is still read from %+v", got)
	}
}

func storageIDs(t *testing.T, open func() registry.Store) {
	s := open()
	commit(t, s, 0, viewChange(t, "last"))
	last := load(t, s, 0).Storages()[0].ID
	if last == 0 {
		t.Fatal("the first storage has id 0, which stands for none")
	}
	for base := int64(1); base < 6; base++ {
		if _, err := s.Commit(t.Context(), 0, viewChange(t, "lost")); err == nil {
			t.Fatal("a commit on an old base succeeded")
		}
		commit(t, s, base, registry.Change{
			Retire: []registry.ViewRef{{View: "last", Version: 1}}, Storages: []feature.Storage{storage("last", 1)},
		})
		list := load(t, open(), 0).Storages()
		if id := list[len(list)-1].ID; id <= last || len(list) != int(base)+1 {
			t.Fatalf("after storage %d came %d of %d", last, id, len(list))
		} else {
			last = id
		}
	}
}

func served(t *testing.T, s registry.Store) feature.Served {
	t.Helper()
	served, err := s.Served(t.Context(), "last", 1)
	if err != nil {
		t.Fatal(err)
	}
	return served
}

func activate(t *testing.T, open func() registry.Store) {
	a, b := open(), open()
	commit(t, a, 0, viewChange(t, "last"))
	again(t, a, 1)
	old, next := load(t, a, 0).Active("last", 1).ID, load(t, a, 0).Filling("last", 1).ID
	before := head(t, b)
	compared := served(t, a)
	if err := a.ActivateStorage(t.Context(), next, compared); err != nil {
		t.Fatal(err)
	}
	switched := head(t, b)
	if switched.Revision != before.Revision || switched.Serial <= before.Serial {
		t.Errorf("a switch took the head from %+v to %+v", before, switched)
	}
	if err := b.ActivateStorage(t.Context(), next, compared); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if h := head(t, b); h != switched {
		t.Errorf("the same again took the head from %+v to %+v", switched, h)
	}
	snapshot := load(t, b, 0)
	if got := snapshot.Active("last", 1); got == nil || got.ID != next || snapshot.Filling("last", 1) != nil {
		t.Errorf("active is %+v, filling %+v", got, snapshot.Filling("last", 1))
	}
	if st, err := snapshot.Storage(old); err != nil || st.State != feature.StorageRetired {
		t.Errorf("the old storage is %+v, %v", st, err)
	}
	if got := states(load(t, b, 1)); !slices.Equal(got, []feature.StorageState{feature.StorageRetired}) {
		t.Errorf("revision 1 shows storages in states %v, want the state of now", got)
	}
}

func activateRetired(t *testing.T, open func() registry.Store) {
	s := open()
	commit(t, s, 0, viewChange(t, "last"))
	again(t, s, 1)
	slow := load(t, s, 0).Filling("last", 1).ID
	again(t, s, 2)
	before := head(t, s)
	wantError(t, s.ActivateStorage(t.Context(), slow, served(t, s)), feature.ErrConflict)
	wantError(t, s.ActivateStorage(t.Context(), slow+1000, served(t, s)), feature.ErrNotFound)
	wantError(t, s.ActivateStorage(t.Context(), 1<<63+1, served(t, s)), feature.ErrNotFound)
	if after := head(t, s); after != before {
		t.Errorf("head %+v became %+v", before, after)
	}
}

// A switch takes place only to what was compared with what readers are given now.
func activateCompared(t *testing.T, open func() registry.Store) {
	a, b := open(), open()
	commit(t, a, 0, viewChange(t, "last"))
	active := load(t, a, 0).Active("last", 1).ID
	early := start(t, a, active) // is over after one that began later
	late := start(t, b, active)
	finish(t, b, late, feature.RunDone)
	made, err := a.NewStorage(t.Context(), "last", 1)
	if err != nil {
		t.Fatal(err)
	}
	compared := served(t, a)
	if want := (feature.Served{Storage: active, Runs: 1}); compared != want {
		t.Fatalf("served are %+v, want %+v", compared, want)
	}
	finish(t, b, early, feature.RunDone)
	before := head(t, a)
	wantError(t, a.ActivateStorage(t.Context(), made.ID, compared), feature.ErrConflict)
	if after := head(t, a); after != before || load(t, b, 0).Active("last", 1).ID != active {
		t.Errorf("head %+v became %+v, served are %+v", before, after, served(t, a))
	}
	compared = served(t, a)
	finish(t, b, start(t, b, active), feature.RunFailed) // which leads nobody on
	start(t, b, active)
	compared.Storage++
	wantError(t, a.ActivateStorage(t.Context(), made.ID, compared), feature.ErrConflict)
	compared.Storage--
	if err := a.ActivateStorage(t.Context(), made.ID, compared); err != nil {
		t.Error(err)
	}
	if got, want := served(t, b), (feature.Served{Storage: made.ID}); got != want {
		t.Errorf("served are %+v, want %+v", got, want)
	}
	_, err = a.Served(t.Context(), "last", 2)
	wantError(t, err, feature.ErrNotFound)
}

func finish(t *testing.T, s registry.Store, run feature.Run, state feature.RunState) {
	t.Helper()
	run.State = state
	if err := s.SaveRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
}

func forgetStorage(t *testing.T, open func() registry.Store) {
	a, b := open(), open()
	commit(t, a, 0, viewChange(t, "last"))
	again(t, a, 1)
	again(t, a, 2)
	active, retired, filling := load(t, a, 0).Storages()[0].ID, load(t, a, 0).Storages()[1].ID, load(t, a, 0).Storages()[2].ID
	run := start(t, a, retired)
	before := head(t, b)
	wantError(t, a.ForgetStorage(t.Context(), active), feature.ErrConflict)
	wantError(t, a.ForgetStorage(t.Context(), filling), feature.ErrConflict)
	wantError(t, a.ForgetStorage(t.Context(), filling+1000), feature.ErrNotFound)
	for range 2 {
		if err := a.ForgetStorage(t.Context(), retired); err != nil {
			t.Fatal(err)
		}
	}
	for revision, want := range [][]feature.StorageState{
		{feature.StorageActive, feature.StorageFilling}, {feature.StorageActive}, {feature.StorageActive}, {feature.StorageActive, feature.StorageFilling},
	} {
		if got := states(load(t, b, int64(revision))); !slices.Equal(got, want) {
			t.Errorf("revision %d shows storages in states %v, want %v", revision, got, want)
		}
	}
	if after := head(t, b); after != before {
		t.Errorf("head %+v became %+v", before, after)
	}

	// A run that wakes up late finds what it had found before.
	wantError(t, b.ActivateStorage(t.Context(), retired, served(t, b)), feature.ErrConflict)
	run.State = feature.RunFailed
	if err := b.SaveRun(t.Context(), run); err != nil {
		t.Error(err)
	}
	if runs, err := b.Runs(t.Context(), retired, 0); err != nil || len(runs) != 1 || runs[0].State != feature.RunFailed {
		t.Errorf("runs are %+v, %v", runs, err)
	}
	made, err := b.NewStorage(t.Context(), "last", 1)
	if err != nil || made.ID <= filling {
		t.Errorf("the next storage is %+v, %v", made, err)
	}
}

// withStorages makes a registry with two storages.
func withStorages(t *testing.T, s registry.Store) (a, b uint64) {
	t.Helper()
	commit(t, s, 0, viewChange(t, "last"))
	commit(t, s, 1, viewChange(t, "other"))
	list := load(t, s, 0).Storages()
	return list[0].ID, list[1].ID
}

func start(t *testing.T, s registry.Store, storage uint64) feature.Run {
	t.Helper()
	run := feature.Run{Number: 77, View: "last", Version: 1, Storage: storage, State: feature.RunRunning, From: feature.MinTime}
	number, err := s.StartRun(t.Context(), run)
	if err != nil {
		t.Fatal(err)
	}
	run.Number = number
	return run
}

func runNumbers(t *testing.T, open func() registry.Store) {
	stores := []registry.Store{open(), open(), open()}
	storage, _ := withStorages(t, stores[0])
	var mu sync.Mutex
	var numbers []int64
	var wait sync.WaitGroup
	for _, s := range stores {
		wait.Go(func() {
			last := int64(0)
			for range 10 {
				number, err := s.StartRun(t.Context(), feature.Run{Storage: storage, State: feature.RunRunning})
				if err != nil || number <= last {
					t.Errorf("after %d came run %d, %v", last, number, err)
				}
				last = number
				mu.Lock()
				numbers = append(numbers, number)
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	slices.Sort(numbers)
	if len(slices.Compact(slices.Clone(numbers))) != 30 || numbers[0] < 1 {
		t.Errorf("30 runs have numbers %v", numbers)
	}
	_, err := stores[1].StartRun(t.Context(), feature.Run{Storage: storage + 1000, State: feature.RunRunning})
	wantError(t, err, feature.ErrNotFound)
}

func saveRun(t *testing.T, open func() registry.Store) {
	s := open()
	storage, other := withStorages(t, s)
	before := head(t, s)
	run := start(t, s, storage)
	run.To, run.Started, run.Beat, run.Rows, run.Checkpoint, run.Who = 5, 6, 7, 8, 9, "bob"
	run.Files = []feature.File{{Path: "a.parquet", Size: 1, Modified: 2, Digest: "xxh3:1", Rows: 3, Scanned: true, MinVisible: feature.MaxTime, MaxVisible: feature.MinTime}}
	if err := s.SaveRun(t.Context(), run); err != nil {
		t.Fatal(err)
	}
	got, err := open().Run(t.Context(), run.Number)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(run, got); diff != "" {
		t.Errorf("the run came back otherwise (-want +got):\n%s", diff)
	}
	moved := run
	moved.Storage = other
	wantError(t, s.SaveRun(t.Context(), moved), feature.ErrInvalid)
	unknown := run
	unknown.Number += 1000
	wantError(t, s.SaveRun(t.Context(), unknown), feature.ErrNotFound)
	_, err = s.Run(t.Context(), unknown.Number)
	wantError(t, err, feature.ErrNotFound)

	failed := start(t, s, storage)
	run.State, failed.State = feature.RunDone, feature.RunFailed
	for _, over := range []feature.Run{run, failed} {
		if err := s.SaveRun(t.Context(), over); err != nil {
			t.Fatal(err)
		}
		late := over
		late.State, late.Rows = feature.RunRunning, 1
		wantError(t, s.SaveRun(t.Context(), late), feature.ErrConflict)
		wantError(t, s.SaveRun(t.Context(), over), feature.ErrConflict)
		if got, err := s.Run(t.Context(), over.Number); err != nil || got.State != over.State || got.Rows != over.Rows {
			t.Errorf("a late sleeper changed %+v to %+v, %v", over, got, err)
		}
	}
	if after := head(t, s); after != before {
		t.Errorf("runs took the head from %+v to %+v: readers need not reload for them", before, after)
	}
}

func filesOfRuns(t *testing.T, open func() registry.Store) {
	s := open()
	a, b := withStorages(t, s)
	save := func(storage uint64, state feature.RunState) feature.Run {
		run := start(t, s, storage)
		run.State, run.To, run.Rows = state, feature.MaxTime, 1<<60+1
		run.Error = `no "files":["x"] for \"files\":[ { \u0000`
		run.Files = []feature.File{{Path: "a, \"files\":[.parquet", Digest: "sha256:1", Rows: 3}, {Path: "b.parquet"}}
		if err := s.SaveRun(t.Context(), run); err != nil {
			t.Fatal(err)
		}
		return run
	}
	running := save(a, feature.RunRunning)
	runs := []feature.Run{
		running, save(a, feature.RunDone), save(b, feature.RunDone), save(a, feature.RunFailed), save(a, feature.RunDone), save(a, feature.RunRunning), save(a, feature.RunDone),
	}
	keep := map[int]bool{2: true, 4: true, 5: true, 6: true} // b's only one, the last two of a that are done, and what came after the first of them
	for i, want := range runs {
		if !keep[i] {
			want.Files = nil
		}
		got, err := open().Run(t.Context(), want.Number)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("run %d of %d (-want +got):\n%s", i, len(runs), diff)
		}
	}
	running.State = feature.RunFailed // it was alive after all
	if err := s.SaveRun(t.Context(), running); err != nil {
		t.Fatal(err)
	}
	if got, err := s.Run(t.Context(), running.Number); err != nil || got.State != feature.RunFailed || len(got.Files) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func listRuns(t *testing.T, open func() registry.Store) {
	s := open()
	a, b := withStorages(t, s)
	runs := []feature.Run{start(t, s, a), start(t, s, b), start(t, s, a), start(t, s, a)}
	runs[0].State = feature.RunDone
	if err := s.SaveRun(t.Context(), runs[0]); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		storage uint64
		limit   int
		want    []int
	}{{0, 0, []int{3, 2, 1, 0}}, {a, 0, []int{3, 2, 0}}, {a, 2, []int{3, 2}}, {0, 1, []int{3}}, {b, 5, []int{1}}, {b + 1000, 0, nil}} {
		got, err := s.Runs(t.Context(), test.storage, test.limit)
		if err != nil {
			t.Fatal(err)
		}
		var want []feature.Run
		for _, i := range test.want {
			want = append(want, runs[i])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("storage %d, limit %d (-want +got):\n%s", test.storage, test.limit, diff)
		}
	}
}

func rebuilds(t *testing.T, open func() registry.Store) {
	s := open()
	if _, err := s.NewStorage(t.Context(), "last", 1); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a storage for an unknown view: %v, want ErrNotFound", err)
	}
	commit(t, s, 0, viewChange(t, "last"))
	before := load(t, s, 0).Active("last", 1)
	var ids []uint64
	for range 2 {
		made, err := s.NewStorage(t.Context(), "last", 1)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, made.ID)
		want := *before
		want.ID, want.State = made.ID, feature.StorageFilling
		if diff := cmp.Diff(want, made); diff != "" {
			t.Errorf("the layout is the active one's (-want +got):\n%s", diff)
		}
	}
	if before.ID >= ids[0] || ids[0] >= ids[1] {
		t.Errorf("ids %d, %d, %d do not grow", before.ID, ids[0], ids[1])
	}
	if got, want := states(load(t, s, 0)), []feature.StorageState{feature.StorageActive, feature.StorageRetired, feature.StorageFilling}; !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
	if err := s.ActivateStorage(t.Context(), ids[1], served(t, s)); err != nil {
		t.Fatal(err)
	}
	if got := load(t, s, 0).Active("last", 1); got == nil || got.ID != ids[1] {
		t.Errorf("after the switch readers use %+v, want storage %d", got, ids[1])
	}
}

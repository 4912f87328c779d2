package materialize_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
)

// snapshot is the storages as they stand: what was active before is retired, but the
// given one, which is being filled.
func (w *world) snapshot(filling uint64) []*feature.Storage {
	var list []*feature.Storage
	for id := uint64(1); id <= w.storages; id++ {
		if slices.Contains(w.forgotten, id) {
			continue
		}
		s := &feature.Storage{ID: id, View: "v", Version: 1, State: feature.StorageRetired}
		switch id {
		case w.active:
			s.State = feature.StorageActive
		case filling:
			s.State = feature.StorageFilling
		}
		list = append(list, s)
	}
	return list
}

func (w *world) sweep(t *testing.T, storages []*feature.Storage, want ...uint64) {
	t.Helper()
	dropped, err := w.runner().Sweep(t.Context(), storages)
	if err != nil || !slices.Equal(dropped, want) {
		t.Errorf("the sweep dropped %v, %v, want %v", dropped, err, want)
	}
}

func (w *world) rebuild(t *testing.T) {
	t.Helper()
	if _, err := w.materialize(t, rebuild); err != nil {
		t.Fatal(err)
	}
}

func rebuild(q *materialize.Request) { q.Rebuild = true }

func TestASweepDropsARetiredStorageAndNoOther(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 10, 10, 0.2}, {3, 20, 20, 0.3}}}
	w.sweep(t, w.snapshot(0))
	w.must(t)
	before := w.snapshot(0)
	w.sweep(t, before)
	w.rebuild(t)
	w.sweep(t, before) // those who read storage 1 then may not know of the switch yet
	w.check(t, 100)
	if len(w.store[1]) != 3 {
		t.Fatalf("storage 1 holds %v", w.store[1])
	}
	w.sweep(t, w.snapshot(0), 1)
	if len(w.store[1]) != 0 || w.marks[1].Known {
		t.Errorf("storage 1 holds %v and %+v after it was dropped", w.store[1], w.marks[1])
	}
	w.check(t, 100)
	if !slices.Equal(w.forgotten, []uint64{1}) {
		t.Errorf("forgotten are %v, want 1", w.forgotten)
	}
	w.sweep(t, w.snapshot(0)) // nothing is left to drop

	// Storage 3 is half filled, 2 is active.
	w.fuse = 12
	if _, err := w.materialize(t, rebuild); !errors.Is(err, errKilled) {
		t.Fatalf("got error %v, want killed", err)
	}
	w.fuse = -1
	if w.active != 2 || w.storages != 3 || !w.marks[3].Known {
		t.Fatalf("active is %d of %d, marks are %+v", w.active, w.storages, w.marks)
	}
	w.wall += 3_600_000_000
	w.sweep(t, w.snapshot(3))
	w.check(t, 100)
	if !w.marks[3].Known {
		t.Error("the storage that is being filled lost its watermark")
	}
	w.sweep(t, w.snapshot(0), 3) // another rebuild took its place
	w.check(t, 100)
}

func TestASweepDropsEveryStorageThatAMutableSourceLeft(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}}}
	w.must(t)
	for range 3 {
		w.rebuild(t)
	}
	w.sweep(t, w.snapshot(0), 1, 2, 3)
	w.check(t, 100)
}

func TestASweepLeavesAStorageThatARunMayStillWriteTo(t *testing.T) {
	w := newWorld()
	w.now = 100
	w.files["a"] = file{1, []row{{1, 10, 10, 0.1}}}
	w.must(t)
	w.rebuild(t)
	if _, err := w.StartRun(t.Context(), feature.Run{Storage: 1, State: feature.RunRunning, Beat: w.wall}); err != nil {
		t.Fatal(err)
	}
	w.sweep(t, w.snapshot(0))
	if len(w.store[1]) != 1 || len(w.forgotten) > 0 {
		t.Errorf("storage 1 holds %v, forgotten are %v", w.store[1], w.forgotten)
	}
	w.wall += 30_000_000
	w.sweep(t, w.snapshot(0), 1)
}

// A storage that nothing was ever written to is forgotten, too, once no run may write to it.
func TestASweepForgetsWhatHoldsNothing(t *testing.T) {
	w := newWorld()
	w.storages, w.active = 3, 3
	if _, err := w.StartRun(t.Context(), feature.Run{Storage: 2, State: feature.RunRunning, Beat: w.wall}); err != nil {
		t.Fatal(err)
	}
	w.sweep(t, w.snapshot(0))
	if !slices.Equal(w.forgotten, []uint64{1}) {
		t.Errorf("forgotten are %v, want 1", w.forgotten)
	}
	w.wall += 30_000_000
	w.sweep(t, w.snapshot(0))
	if !slices.Equal(w.forgotten, []uint64{1, 2}) {
		t.Errorf("forgotten are %v, want 1 and 2", w.forgotten)
	}
}

// The sweep is killed at the k-th operation, for every k; the next one completes it.
func TestASweepKilledAnywhereIsCompletedByTheNext(t *testing.T) {
	for k := 0; ; k++ {
		w := newWorld()
		w.now = 100
		w.files["a"] = file{1, []row{{1, 10, 10, 0.1}, {2, 10, 10, 0.2}}}
		w.must(t)
		w.rebuild(t)
		w.rebuild(t)
		w.fuse = k
		dropped, err := w.runner().Sweep(t.Context(), w.snapshot(0))
		w.fuse = -1
		if err != nil && !errors.Is(err, errKilled) {
			t.Fatalf("killed at %d: %v", k, err)
		}
		for id := uint64(1); id <= 2; id++ {
			if gone := !w.marks[id].Known; gone != slices.Contains(dropped, id) || gone && len(w.store[id]) > 0 {
				t.Errorf("killed at %d: dropped %v, and storage %d holds %v and %+v", k, dropped, id, w.store[id], w.marks[id])
			}
		}
		if _, e := w.runner().Sweep(t.Context(), w.snapshot(0)); e != nil {
			t.Errorf("killed at %d, again: %v", k, e)
		}
		if len(w.store[1])+len(w.store[2]) > 0 || len(w.marks) != 1 {
			t.Errorf("killed at %d, again: storages 1 and 2 hold %v and %v, marks are %+v", k, w.store[1], w.store[2], w.marks)
		}
		if slices.Sort(w.forgotten); !slices.Equal(slices.Compact(w.forgotten), []uint64{1, 2}) {
			t.Errorf("killed at %d, again: forgotten are %v", k, w.forgotten)
		}
		w.check(t, 100)
		if err == nil {
			return
		}
	}
}

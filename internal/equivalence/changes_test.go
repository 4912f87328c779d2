package equivalence_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/registry"
)

// The steps of a test that can only go well.

func (w *world) mustApply(t *testing.T, defs *registry.Definitions) {
	t.Helper()
	if err := w.apply(t.Context(), defs); err != nil {
		t.Fatal(err)
	}
	if err := w.handler.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) mustWrite(t *testing.T, files map[string][]event) {
	t.Helper()
	if err := w.plainFiles(files); err != nil {
		t.Fatal(err)
	}
}

func (w *world) mustRun(t *testing.T, at feature.Time, change ...func(*materialize.Request)) []materialize.Result {
	t.Helper()
	w.set(at)
	results, err := w.materialize(t.Context(), w.runner(), change...)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// expect asks for one reference of the things 0, 1 and so on.
func (w *world) expect(t *testing.T, ref string, want ...cell) {
	t.Helper()
	got, err := w.ask(t.Context(), len(want), ref)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(got[0], want) {
		t.Errorf("%s at %s:\ngot  %v\nwant %v", ref, w.clock(), got[0], want)
	}
}

// onEveryStore runs a test on each kind of store.
func onEveryStore(t *testing.T, test func(t *testing.T, w *world)) {
	for _, k := range kinds(t) {
		t.Run(k.name, func(t *testing.T) { test(t, startWorld(t, k)) })
	}
}

func addWord(v *feature.View) {
	v.Features = append([]feature.ViewFeature{{Name: "word"}}, v.Features...)
}

func TestAnAddedFeatureIsUnavailableUntilTheSwitchAndRightAfterIt(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.mustWrite(t, map[string][]event{"a": {{0, 100, 100, 10}, {1, 110, 110, 11}, {2, 400, 400, 22}}})
		w.mustApply(t, plainDefinitions())
		w.mustRun(t, 200)
		w.mustApply(t, plainDefinitions(addWord))
		before := []cell{present(10), present(11), notFound, notFound}
		expectBefore := func() {
			t.Helper()
			w.expect(t, "last:x", before...)
			w.expect(t, "last:word", unavailable, unavailable, unavailable, unavailable)
		}
		expectBefore()

		w.mustWrite(t, map[string][]event{"b": {{1, 120, 210, 31}, {3, 130, 130, 33}}})
		w.set(300)
		expectBefore()
		// A run that dies while it fills the new storage changes nothing for readers.
		for operations := range 4 {
			_, err := w.bring(t.Context(), w.mortal(&fuse{left: operations}))
			if !errors.Is(err, errKilled) {
				t.Fatalf("got error %v, want killed", err)
			}
			if err := w.handler.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			expectBefore()
		}
		results, err := w.bring(t.Context(), w.runner())
		if err != nil {
			t.Fatal(err)
		}
		if !results[0].Switched {
			t.Error("the run did not switch")
		}
		expectBefore() // a server that has not looked yet reads the old storage
		if err := w.handler.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "last:x", present(10), present(31), notFound, present(33))
		w.expect(t, "last:word", "w10/PRESENT", "w31/PRESENT", notFound, "w33/PRESENT")
		w.mustRun(t, 400)
		w.expect(t, "last:word", "w10/PRESENT", "w31/PRESENT", "w22/PRESENT", "w33/PRESENT")
	})
}

func TestASwitchNeverTakesReadersBackInTime(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.mustWrite(t, map[string][]event{"a": {{0, 100, 100, 10}, {0, 290, 290, 29}}})
		w.mustApply(t, plainDefinitions())
		w.mustRun(t, 300)
		w.mustApply(t, plainDefinitions(addWord))
		w.mustRun(t, 300, func(q *materialize.Request) { q.To = 150 })
		w.expect(t, "last:x", present(29))
		w.expect(t, "last:word", "w29/PRESENT")
	})
}

func TestARebuildForgetsWhatARemovedFileHeld(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		both := map[string][]event{"a": {{0, 100, 100, 10}, {1, 100, 100, 11}}, "b": {{1, 150, 150, 21}, {2, 150, 150, 22}}}
		if err := w.become(nil, both); err != nil {
			t.Fatal(err)
		}
		w.mustApply(t, plainDefinitions())
		w.mustRun(t, 200)
		w.expect(t, "last:x", present(10), present(21), present(22))

		if err := w.become(both, map[string][]event{"a": both["a"]}); err != nil {
			t.Fatal(err)
		}
		w.mustRun(t, 300) // can't take anything back, and says so
		w.expect(t, "last:x", present(10), present(21), present(22))
		w.mustRun(t, 300, rebuild)
		w.expect(t, "last:x", present(10), present(11), notFound)
		w.mustRun(t, 400)
		w.expect(t, "last:x", present(10), present(11), notFound)
	})
}

func TestStatusNamesRemovedFilesUntilARebuild(t *testing.T) {
	w := startWorld(t, onSQLite())
	both := map[string][]event{"a": {{0, 100, 100, 10}}, "b": {{0, 150, 150, 20}}}
	if err := w.become(nil, both); err != nil {
		t.Fatal(err)
	}
	w.mustApply(t, plainDefinitions())
	w.mustRun(t, 200)
	if err := w.become(both, map[string][]event{"a": both["a"]}); err != nil {
		t.Fatal(err)
	}
	needs := func() bool {
		snapshot, err := w.registry.Load(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		v := snapshot.OnlineViews()[0]
		status, err := w.runner().Status(t.Context(), v.View, v.Active, v.Filling)
		if err != nil {
			t.Fatal(err)
		}
		return status.NeedsRebuild()
	}
	if !needs() {
		t.Error("a removed file is not told before a run")
	}
	w.mustRun(t, 250, rebuild)
	if needs() {
		t.Error("a removed file is told after the rebuild")
	}
}

func TestAMutableSourceIsRebuiltByEveryRun(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		defs := plainDefinitions()
		defs.Sources[0].Mutable = true
		w.mustWrite(t, map[string][]event{"a": {{0, 100, 100, 10}, {1, 100, 100, 11}}})
		w.mustApply(t, defs)
		w.mustRun(t, 200)
		w.mustWrite(t, map[string][]event{"a": {{1, 90, 90, 21}}})
		w.mustRun(t, 200)
		w.expect(t, "last:x", notFound, present(21))
	})
}

func TestTwoVersionsOfAViewAreServedSideBySide(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		w.mustWrite(t, map[string][]event{"a": {{0, 100, 100, 10}, {0, 190, 190, 19}, {1, 195, 195, 11}}})
		w.mustApply(t, plainDefinitions())
		w.mustRun(t, 200)
		w.mustApply(t, plainDefinitions(func(v *feature.View) { v.Delay = 50 }))
		w.expect(t, "last:x", present(19), present(11), notFound)
		w.expect(t, "last@2:x", unavailable, unavailable, unavailable)

		promote := func() error {
			base, err := w.registry.Load(t.Context(), 0)
			if err != nil {
				t.Fatal(err)
			}
			target := registry.Target{Kind: registry.KindView, Name: "last", Version: 2}
			materialized := func(ctx context.Context, storage *feature.Storage) (bool, error) {
				marks, err := w.online.Watermarks(ctx, []uint64{storage.ID})
				return err == nil && marks[0].Holds(), err
			}
			_, err = registry.Promote(t.Context(), w.registry, base, target, materialized, registry.Author{Who: "test"})
			return err
		}
		if err := promote(); !errors.Is(err, feature.ErrConflict) {
			t.Errorf("promote before materialize: got error %v, want a conflict", err)
		}
		w.mustRun(t, 200)
		w.expect(t, "last:x", present(19), present(11), notFound)
		w.expect(t, "last@2:x", present(10), notFound, notFound)
		if err := promote(); err != nil {
			t.Fatal(err)
		}
		if err := w.handler.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.expect(t, "last:x", present(10), notFound, notFound)
		w.expect(t, "last@1:x", present(19), present(11), notFound)
		w.mustRun(t, 245)
		w.expect(t, "last:x", present(19), present(11), notFound)
	})
}

func TestALongerTTLDoesNotTurnForgottenRowsIntoUnknownOnes(t *testing.T) {
	onEveryStore(t, func(t *testing.T, w *world) {
		now := feature.Time(0).Add(3 * feature.Day)
		ttl := func(d feature.Duration) *registry.Definitions {
			return plainDefinitions(func(v *feature.View) { v.TTL = d })
		}
		young := now.Add(-2 * feature.Hour)
		w.mustWrite(t, map[string][]event{"a": {{0, 100, 100, 10}, {1, young, young, 11}, {2, now, now, 12}}})
		w.mustApply(t, ttl(feature.Hour))
		w.mustRun(t, now)
		w.expect(t, "last:x", notFound, "null/OUTSIDE_MAX_AGE", present(12), notFound)
		w.mustApply(t, ttl(feature.Week))
		w.expect(t, "last:x", unavailable, present(11), present(12), unavailable)
		w.mustRun(t, now)
		w.expect(t, "last:x", present(10), present(11), present(12), notFound)
	})
}

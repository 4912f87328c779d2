package registrytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func emptyRegistry(t *testing.T, open func() registry.Store) {
	s := open()
	if h := head(t, s); h.Revision != 0 {
		t.Errorf("the head of an empty registry is %+v", h)
	}
	identity, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if identity.Project != "flights" || len(identity.ID) != 36 || identity.ID[14] != '4' {
		t.Errorf("got identity %+v, want a random UUID and project flights", identity)
	}
	snapshot := load(t, s, 0)
	if snapshot.Revision() != 0 || snapshot.Identity() != identity || len(snapshot.Views())+len(snapshot.Entities()) != 0 {
		t.Errorf("an empty registry gives revision %d of %+v with views %v", snapshot.Revision(), snapshot.Identity(), snapshot.Views())
	}
	if revisions, err := s.History(t.Context(), 0); err != nil || len(revisions) != 0 {
		t.Errorf("got history %v, %v", revisions, err)
	}
	if runs, err := s.Runs(t.Context(), 0, 0); err != nil || len(runs) != 0 {
		t.Errorf("got runs %v, %v", runs, err)
	}
}

func twoIdentities(t *testing.T, fresh Fresh) {
	var ids []string
	for range 2 {
		identity, err := fresh(t)().Identity(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, identity.ID)
	}
	if ids[0] == ids[1] {
		t.Errorf("both are %s", ids[0])
	}
}

func commitMakesTheNextRevision(t *testing.T, open func() registry.Store) {
	a, b := open(), open()
	before := head(t, b)
	commit(t, a, 0, viewChange(t, "last"))
	after := head(t, b)
	if after.Revision != 1 || after.Serial <= before.Serial {
		t.Errorf("the head went from %+v to %+v", before, after)
	}
	want := viewVersion("last", 1, "")
	got, err := load(t, b, 0).View("last", 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("the view came back otherwise (-want +got):\n%s", diff)
	}
	wantStorage := storage("last", 1)
	wantStorage.ID, wantStorage.State = load(t, b, 0).Storages()[0].ID, feature.StorageActive
	if diff := cmp.Diff(&wantStorage, load(t, b, 0).Active("last", 1)); diff != "" {
		t.Errorf("the storage came back otherwise (-want +got):\n%s", diff)
	}
	if got := load(t, b, 0).Head(); got != after {
		t.Errorf("the snapshot's head is %+v, the store's %+v", got, after)
	}
}

func commitOnAnOldBase(t *testing.T, open func() registry.Store) {
	s := open()
	commit(t, s, 0, viewChange(t, "last"))
	before := head(t, s)
	for _, base := range []int64{0, 2, -1} {
		_, err := s.Commit(t.Context(), base, viewChange(t, "other"))
		wantError(t, err, feature.ErrConflict)
	}
	if after := head(t, s); after != before {
		t.Errorf("the head went from %+v to %+v", before, after)
	}
	snapshot := load(t, s, 0)
	if _, err := snapshot.View("other", 1); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a commit that lost left its view: %v", err)
	}
	if n := len(snapshot.Storages()); n != 1 {
		t.Errorf("there are %d storages, want 1", n)
	}
	if revisions, err := s.History(t.Context(), 0); err != nil || len(revisions) != 1 {
		t.Errorf("got history %v, %v", revisions, err)
	}
}

func commitThatContradictsItself(t *testing.T, open func() registry.Store) {
	s := open()
	twice := viewChange(t, "last")
	twice.Objects = append(twice.Objects, view(t, "last", 1, "again"))
	_, err := s.Commit(t.Context(), 0, twice)
	wantError(t, err, feature.ErrInvalid)
	twice = viewChange(t, "last")
	twice.Pointers = append(twice.Pointers, viewPointer("last", 1, 1))
	_, err = s.Commit(t.Context(), 0, twice)
	wantError(t, err, feature.ErrInvalid)
	if h := head(t, s); h.Revision != 0 || len(load(t, s, 0).Views()) != 0 {
		t.Errorf("something was written: head %+v, views %v", h, load(t, s, 0).Views())
	}
	commit(t, s, 0, viewChange(t, "last"))
}

func tenCommitAtOnce(t *testing.T, open func() registry.Store) {
	const appliers, rounds = 10, 5
	stores := make([]registry.Store, appliers)
	for i := range stores {
		stores[i] = open()
	}
	for round := range int64(rounds) {
		var mu sync.Mutex
		var winners []string
		var wait sync.WaitGroup
		for i, s := range stores {
			name := fmt.Sprintf("v%d_%d", round, i)
			change := viewChange(t, name)
			wait.Go(func() {
				revision, err := s.Commit(t.Context(), round, change)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil && revision == round+1:
					winners = append(winners, name)
				case err == nil:
					t.Errorf("a commit on %d made revision %d", round, revision)
				case !errors.Is(err, feature.ErrConflict):
					t.Errorf("one that lost was told %v", err)
				}
			})
		}
		wait.Wait()
		if len(winners) != 1 {
			t.Fatalf("round %d was won by %v", round, winners)
		}
		if _, err := load(t, stores[0], 0).View(winners[0], 1); err != nil {
			t.Errorf("the winner's view is not there: %v", err)
		}
	}
	snapshot := load(t, stores[1], 0)
	if n, m := len(snapshot.Views()), len(snapshot.Storages()); n != rounds || m != rounds {
		t.Errorf("after %d rounds there are %d views and %d storages", rounds, n, m)
	}
}

func olderRevisions(t *testing.T, open func() registry.Store) {
	s := open()
	first := viewChange(t, "last")
	first.Objects = append(first.Objects, entity(t, "airport", "one"), entity(t, "carrier", "one"))
	commit(t, s, 0, first)
	commit(t, s, 1, registry.Change{
		Objects:  []registry.Object{view(t, "last", 1, "in place"), view(t, "last", 2, "new"), {Kind: registry.KindEntity, Name: "carrier"}},
		Pointers: []registry.Pointer{viewPointer("last", 1, 2)},
		Storages: []feature.Storage{storage("last", 2)},
	})
	commit(t, s, 2, registry.Change{Objects: []registry.Object{entity(t, "carrier", "back")}, Pointers: []registry.Pointer{viewPointer("last", 0, 0)}})

	type at struct{ text, carrier, current string }
	for revision, want := range map[int64]at{
		1: {"", "one", "last@1"}, 2: {"in place", "none", "last@1"}, 3: {"in place", "back", "none"}, 0: {"in place", "back", "none"},
	} {
		snapshot := load(t, s, revision)
		var got at
		if v, err := snapshot.View("last", 1); err == nil {
			got.text = v.Description
		}
		got.carrier, got.current = "none", "none"
		if e, err := snapshot.Entity("carrier"); err == nil {
			got.carrier = e.Description
		}
		if v, err := snapshot.View("last", 0); err == nil {
			got.current = v.ID()
		}
		if got != want {
			t.Errorf("revision %d: got %+v, want %+v", revision, got, want)
		}
	}
	if got := load(t, s, 1).Revision(); got != 1 {
		t.Errorf("the snapshot of revision 1 says %d", got)
	}
	if n := len(load(t, s, 1).Storages()); n != 1 {
		t.Errorf("revision 1 has %d storages, want the one made by then", n)
	}
}

func noSuchRevision(t *testing.T, open func() registry.Store) {
	s := open()
	commit(t, s, 0, viewChange(t, "last"))
	for _, revision := range []int64{2, 1 << 40, -1} {
		_, err := s.Load(t.Context(), revision)
		wantError(t, err, feature.ErrNotFound)
	}
}

func history(t *testing.T, open func() registry.Store) {
	s := open()
	var want []registry.Revision
	for i := range int64(3) {
		r := registry.Revision{
			Number: i + 1,
			Author: registry.Author{Who: fmt.Sprint("ann", i), At: feature.Time(1_000_000 * i), GitCommit: "abc123", Message: "why\n\"so\""},
			Operation: []registry.Operation{
				registry.OperationApply, registry.OperationPromote, registry.OperationApply,
			}[i],
			Changes: []registry.ObjectChange{{
				Kind: registry.KindView, Name: "last", Action: registry.ActionNewVersion, Class: registry.Breaking, From: 1, To: 2, Storage: true,
				Reasons: []registry.Reason{{Class: registry.Breaking, Field: "ttl", Text: "ttl 7d -> 3d"}, {Class: registry.Safe, Field: "owner", Text: "owner"}},
			}},
		}
		commit(t, s, i, registry.Change{Author: r.Author, Operation: r.Operation, Changes: r.Changes})
		want = append(want, r)
	}
	slices.Reverse(want)
	for limit, n := range map[int]int{0: 3, 2: 2, 9: 3} {
		got, err := s.History(t.Context(), limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want[:n], got); diff != "" {
			t.Errorf("limit %d (-want +got):\n%s", limit, diff)
		}
	}
}

func awkwardTexts(t *testing.T, open func() registry.Store) {
	s := open()
	texts := map[string]string{
		"large":   strings.Repeat("flights and airports ", 100_000),
		"quotes":  `'"` + "`" + `; DROP TABLE objects; -- \ %s ? $1`,
		"unicode": "größe \u0000 \u2028 \U0001F6EB <&>",
	}
	c := registry.Change{Author: registry.Author{Who: texts["unicode"], Message: texts["quotes"]}}
	for name, text := range texts {
		c.Objects = append(c.Objects, entity(t, name, text))
	}
	commit(t, s, 0, c)
	for name, text := range texts {
		e, err := load(t, s, 0).Entity(name)
		if err != nil {
			t.Fatal(err)
		}
		if e.Description != text {
			t.Errorf("%s: %d bytes came back as %d other ones", name, len(text), len(e.Description))
		}
	}
	revisions, err := s.History(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if revisions[0].Who != texts["unicode"] || revisions[0].Message != texts["quotes"] {
		t.Errorf("got %q, %q", revisions[0].Who, revisions[0].Message)
	}
}

func reopen(t *testing.T, open func() registry.Store) {
	s := open()
	identity, err := s.Identity(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	commit(t, s, 0, viewChange(t, "last"))
	active := load(t, s, 0).Active("last", 1)
	number, err := s.StartRun(t.Context(), feature.Run{View: "last", Version: 1, Storage: active.ID, State: feature.RunRunning})
	if err != nil {
		t.Fatal(err)
	}
	before := head(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open()
	if again, err := s.Identity(t.Context()); err != nil || again != identity {
		t.Errorf("identity %+v became %+v, %v", identity, again, err)
	}
	if after := head(t, s); after != before {
		t.Errorf("head %+v became %+v", before, after)
	}
	if got := load(t, s, 0).Active("last", 1); got == nil || got.ID != active.ID {
		t.Errorf("storage %d became %+v", active.ID, got)
	}
	if run, err := s.Run(t.Context(), number); err != nil || run.View != "last" {
		t.Errorf("got run %+v, %v", run, err)
	}
}

func endedContext(t *testing.T, open func() registry.Store) {
	s := open()
	commit(t, s, 0, viewChange(t, "last"))
	id := load(t, s, 0).Active("last", 1).ID
	before := head(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, loadErr := s.Load(ctx, 0)
	_, commitErr := s.Commit(ctx, 1, viewChange(t, "other"))
	_, startErr := s.StartRun(ctx, feature.Run{Storage: id, State: feature.RunRunning})
	_, headErr := s.Head(ctx)
	for _, err := range []error{loadErr, commitErr, startErr, headErr, s.ActivateStorage(ctx, id, feature.Served{Storage: id})} {
		wantError(t, err, context.Canceled)
		wantError(t, err, feature.ErrUnavailable)
	}
	if after := head(t, s); after != before {
		t.Errorf("head %+v became %+v", before, after)
	}
	if runs, err := s.Runs(t.Context(), 0, 0); err != nil || len(runs) != 0 {
		t.Errorf("got runs %v, %v", runs, err)
	}
}

func closed(t *testing.T, open func() registry.Store) {
	s := open()
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	_, err := s.Head(t.Context())
	wantError(t, err, feature.ErrUnavailable)
	_, err = s.Load(t.Context(), 0)
	wantError(t, err, feature.ErrUnavailable)
	_, err = s.Commit(t.Context(), 0, viewChange(t, "last"))
	wantError(t, err, feature.ErrUnavailable)
}

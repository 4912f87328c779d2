package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/postgres"
)

// change is a view with a storage, and pointers to it.
func change(name string) registry.Change {
	return registry.Change{
		Author:    registry.Author{Who: name},
		Operation: registry.OperationApply,
		Objects:   []registry.Object{{Kind: registry.KindView, Name: name, Version: 1, Spec: []byte(`{"name": "` + name + `", "version": 1}`)}},
		Pointers:  []registry.Pointer{{Kind: registry.KindView, Name: name, Current: 1, Defined: 1}},
		Storages:  []feature.Storage{{View: name, Version: 1}},
	}
}

func commit(t *testing.T, s registry.Store, base int64, name string) {
	t.Helper()
	if got, err := s.Commit(t.Context(), base, change(name)); err != nil || got != base+1 {
		t.Fatalf("a commit on %d gave %d, %v", base, got, err)
	}
}

// winners gives who made the revisions, oldest first, and checks that each is whole.
func winners(t *testing.T, s registry.Store) []string {
	t.Helper()
	revisions, err := s.History(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, err := s.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if n := int64(len(revisions)); n != snapshot.Revision() {
		t.Errorf("%d revisions, and the head is %d", n, snapshot.Revision())
	}
	if n, m := len(snapshot.Views()), len(snapshot.Storages()); n != len(revisions) || m != len(revisions) {
		t.Errorf("%d revisions have %d views and %d storages", len(revisions), n, m)
	}
	names := make([]string, len(revisions))
	for _, r := range revisions {
		if r.Number < 1 || r.Number > int64(len(names)) || names[r.Number-1] != "" {
			t.Fatalf("revision %d of %d", r.Number, len(names))
		}
		names[r.Number-1] = r.Who
		if _, err := snapshot.View(r.Who, 1); err != nil || snapshot.Active(r.Who, 1) == nil {
			t.Errorf("revision %d lacks its view or its storage: %v", r.Number, err)
		}
	}
	return names
}

func TestACallWhoseCommitWasCutHappensOnce(t *testing.T) {
	server := testenv.Postgres(t)
	between := newProxy(t, server.Addr())
	s := open(t, postgres.Options{URL: between.url(server.URL()), Project: "p"})
	commit(t, s, 0, "first")
	for n, delivered := range []bool{true, false} {
		name, base, run := fmt.Sprint("v", n), int64(n+1), int64(n+1)
		cut := func(what string, call func() error) {
			t.Helper()
			between.atCommit(func() bool { return delivered })
			if err := call(); err != nil {
				t.Errorf("%s, delivered %v: %v", what, delivered, err)
			}
		}
		cut("Commit", func() error {
			got, err := s.Commit(t.Context(), base, change(name))
			if got != base+1 {
				t.Errorf("made revision %d on %d", got, base)
			}
			return err
		})
		record := feature.Run{View: "first", Version: 1, Storage: 1, State: feature.RunRunning, Files: []feature.File{{Path: "a"}}}
		cut("StartRun", func() (err error) {
			record.Number, err = s.StartRun(t.Context(), record)
			return err
		})
		record.State = feature.RunDone
		cut("SaveRun", func() error { return s.SaveRun(t.Context(), record) })
		if runs, err := s.Runs(t.Context(), 0, 0); err != nil || int64(len(runs)) != run || !cmp.Equal(runs[0], record) || record.Number != run {
			t.Errorf("delivered %v: run %+v is kept as %+v, %v", delivered, record, runs, err)
		}
		if err := s.SaveRun(t.Context(), record); !errors.Is(err, feature.ErrConflict) {
			t.Errorf("a run that is done was replaced: %v", err)
		}
	}
	if got, want := winners(t, s), []string{"first", "v0", "v1"}; !cmp.Equal(got, want) {
		t.Errorf("revisions of %v, want %v", got, want)
	}
	var made feature.Storage
	between.atCommit(func() bool { return true })
	made, err := s.NewStorage(t.Context(), "first", 1)
	if err != nil {
		t.Fatal(err)
	}
	served, err := s.Served(t.Context(), "first", 1)
	if err != nil {
		t.Fatal(err)
	}
	between.atCommit(func() bool { return true })
	if err := s.ActivateStorage(t.Context(), made.ID, served); err != nil {
		t.Fatal(err)
	}
	snapshot, err := s.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if active := snapshot.Active("first", 1); active == nil || active.ID != made.ID || snapshot.Filling("first", 1) != nil {
		t.Errorf("storage %d was made and switched to; active is %+v, filling %+v", made.ID, active, snapshot.Filling("first", 1))
	}
}

func TestACommitThatWasCutAndOvertakenIsAConflict(t *testing.T) {
	server := testenv.Postgres(t)
	between := newProxy(t, server.Addr())
	other := open(t, postgres.Options{URL: server.URL()})
	s := open(t, postgres.Options{URL: between.url(server.URL())})
	between.atCommit(func() bool {
		// The first transaction is still open and holds the lock: the other one, and the
		// second try, wait until the server has noticed.
		return false
	})
	var wait sync.WaitGroup
	errs := make([]error, 2)
	wait.Go(func() { _, errs[0] = s.Commit(t.Context(), 0, change("cut")) })
	wait.Go(func() { _, errs[1] = other.Commit(t.Context(), 0, change("other")) })
	wait.Wait()
	won := winners(t, other)
	for n, name := range []string{"cut", "other"} {
		if mine := len(won) == 1 && won[0] == name; mine != (errs[n] == nil) || !mine && !errors.Is(errs[n], feature.ErrConflict) {
			t.Errorf("%s: %v; revisions of %v", name, errs[n], won)
		}
	}
}

func TestAnOutcomeThatNobodyKnowsIsToldSo(t *testing.T) {
	server := testenv.Postgres(t)
	between := newProxy(t, server.Addr())
	s := open(t, postgres.Options{URL: between.url(server.URL()), Patience: 300 * time.Millisecond})
	between.atCommit(func() bool {
		between.setDown(true)
		return true
	})
	_, err := s.Commit(t.Context(), 0, change("v"))
	if !errors.Is(err, feature.ErrUnavailable) || !strings.Contains(err.Error(), "nobody knows whether it took place") || !strings.Contains(err.Error(), "quiver plan") {
		t.Errorf("got %v", err)
	}
	between.setDown(false)
	if _, err := s.Commit(t.Context(), 0, change("v")); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("it took place; the same again: %v", err)
	}
}

// Readers and writers go on while the server is shut down and killed.
func TestRestartsAreSurvived(t *testing.T) {
	server := testenv.Postgres(t)
	options := postgres.Options{URL: server.URL(), Project: "p", Patience: time.Minute}
	commit(t, open(t, options), 0, "first")
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[int64]string{1: "first"}
	commits := make(chan struct{}, 1000)
	for w := range 3 {
		s := open(t, options)
		wait.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				name := fmt.Sprintf("w%d_%d", w, n)
				head, err := s.Head(t.Context())
				if err != nil {
					t.Error(err)
					return
				}
				revision, err := s.Commit(t.Context(), head.Revision, change(name))
				switch {
				case err == nil:
					mu.Lock()
					acknowledged[revision] = name
					mu.Unlock()
					commits <- struct{}{}
				case !errors.Is(err, feature.ErrConflict):
					t.Errorf("%s: %v", name, err)
					return
				}
			}
		})
		wait.Go(func() {
			for last := int64(0); ctx.Err() == nil; {
				snapshot, err := s.Load(t.Context(), 0)
				if err != nil {
					t.Error(err)
					return
				}
				n := int64(len(snapshot.Views()))
				if n != snapshot.Revision() || n < last {
					t.Errorf("revision %d has %d views, after %d", snapshot.Revision(), n, last)
					return
				}
				last = n
			}
		})
	}
	for _, end := range []func(){server.Kill, server.Stop, server.Kill} {
		for range 10 {
			select {
			case <-commits:
			case <-time.After(time.Minute):
				t.Fatal("no commits any more")
			}
		}
		end()
		server.Restart()
	}
	<-commits
	stop()
	wait.Wait()
	won := winners(t, open(t, options))
	for revision, name := range acknowledged {
		if revision > int64(len(won)) || won[revision-1] != name {
			t.Errorf("revision %d was acknowledged to %s and is lost or another's", revision, name)
		}
	}
	if len(won) != len(acknowledged) {
		t.Errorf("%d revisions, of which %d were acknowledged", len(won), len(acknowledged))
	}
}

func TestAStandby(t *testing.T) {
	server := testenv.Postgres(t)
	before := open(t, postgres.Options{URL: server.URL(), Patience: time.Minute})
	commit(t, before, 0, "first")
	server.RestartAsStandby()

	s := open(t, postgres.Options{URL: server.URL(), MustExist: true})
	if got := winners(t, s); len(got) != 1 {
		t.Errorf("a standby shows %v", got)
	}
	_, err := s.Commit(t.Context(), 1, change("second"))
	if !errors.Is(err, feature.ErrUnavailable) || !strings.Contains(err.Error(), "can only be read") || !strings.Contains(err.Error(), "target_session_attrs=read-write") {
		t.Errorf("got %v", err)
	}
	refused(t, postgres.Options{URL: server.URL() + "&schema=other"}, feature.ErrUnavailable, "can only be read")
	refused(t, postgres.Options{URL: server.URL() + "&target_session_attrs=read-write", Patience: time.Millisecond}, feature.ErrUnavailable, "none of the servers can be written")

	// One that has written here before waits for the new primary.
	done := make(chan error)
	go func() {
		_, err := before.Commit(t.Context(), 1, change("second"))
		done <- err
	}()
	raw(t, server.URL(), "SELECT pg_promote()")
	if err := <-done; err != nil {
		t.Error(err)
	}
	if got, want := winners(t, s), []string{"first", "second"}; !cmp.Equal(got, want) {
		t.Errorf("revisions of %v, want %v", got, want)
	}
}

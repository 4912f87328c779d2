package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/snapshotfile"
	registrysqlite "github.com/quiver-features/quiver/registry/sqlite"
)

// openShop opens the registry of a project of newProject.
func openShop(ctx context.Context, dir string) (registry.Store, error) {
	return registrysqlite.Open(ctx, filepath.Join(dir, ".quiver", "registry.db"), registrysqlite.Options{Project: "shop", MustExist: true})
}

func TestASnapshotFileHoldsAllThatARegistryHolds(t *testing.T) {
	store, err := openShop(t.Context(), newProject(t))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	want, err := store.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "serve.snapshot")
	if err := snapshotfile.Write(path, want); err != nil {
		t.Fatal(err)
	}
	got, _, err := snapshotfile.Read(path, "shop")
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]any{
		"identity": {want.Identity(), got.Identity()}, "head": {want.Head(), got.Head()},
		"entities": {want.Entities(), got.Entities()}, "sources": {want.Sources(), got.Sources()},
		"views": {want.Views(), got.Views()}, "services": {want.Services(), got.Services()},
		"storages": {want.Storages(), got.Storages()}, "online views": {want.OnlineViews(), got.OnlineViews()},
	} {
		if d := cmp.Diff(pair[0], pair[1]); d != "" {
			t.Errorf("%s differ:\n%s", what, d)
		}
	}
	if len(got.Views()) == 0 || len(got.Services()) == 0 || len(got.Storages()) == 0 {
		t.Error("the registry is empty")
	}
}

func TestAnotherRegistryThanTheSnapshotsIsNotTaken(t *testing.T) {
	own, other := newProject(t), newProject(t)
	store, err := openShop(t.Context(), own)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	snapshot, err := store.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	r := &servedRegistry{file: filepath.Join(t.TempDir(), "serve.snapshot"), log: slog.New(slog.NewTextHandler(&log, nil))}
	if err := snapshotfile.Write(r.file, snapshot); err != nil {
		t.Fatal(err)
	}
	r.open = func(context.Context) (registry.Store, error) {
		return nil, fmt.Errorf("down: %w", feature.ErrUnavailable)
	}
	if err := r.begin(t.Context(), "shop", 1e9); err != nil {
		t.Fatal(err)
	}
	defer r.close()
	if _, err := r.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.open = func(ctx context.Context) (registry.Store, error) { return openShop(ctx, other) }
	for range 2 {
		if _, err := r.Head(t.Context()); !errors.Is(err, feature.ErrConflict) || r.up.Load() {
			t.Errorf("another registry: %v", err)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("told %d times:\n%s", n, &log)
	}
	r.open = func(ctx context.Context) (registry.Store, error) { return openShop(ctx, own) }
	if serial, err := r.Head(t.Context()); err != nil || serial != snapshot.Head().Serial || !r.up.Load() {
		t.Errorf("the own registry: %d, %v", serial, err)
	}
}

// Only a registry that can't be reached is replaced by the snapshot.
func TestARegistryThatRefusesIsNotReplacedByTheSnapshot(t *testing.T) {
	dir := newProject(t)
	store, err := openShop(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	snapshot, err := store.Load(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []error{feature.ErrInvalid, feature.ErrNotFound, feature.ErrConflict} {
		r := &servedRegistry{file: filepath.Join(t.TempDir(), "serve.snapshot"), log: slog.New(slog.DiscardHandler)}
		if err := snapshotfile.Write(r.file, snapshot); err != nil {
			t.Fatal(err)
		}
		r.open = func(context.Context) (registry.Store, error) { return nil, fmt.Errorf("refused: %w", kind) }
		if err := r.begin(t.Context(), "shop", 1e9); !errors.Is(err, kind) || r.first != nil {
			t.Errorf("%v: started with %v", kind, err)
		}
	}
}

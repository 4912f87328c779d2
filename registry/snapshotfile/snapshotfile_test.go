package snapshotfile_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/snapshotfile"
)

// held is what a registry of one view and one service holds, written by hand.
func held() registry.State {
	return registry.State{
		Identity: registry.Identity{ID: "6f0c1a52-6d0e-4d3b-9a0e-5a7f6f1e2d3c", Project: "shop"},
		Head:     registry.Head{Revision: 3, Serial: 5},
		Objects: []registry.Object{
			{Kind: registry.KindEntity, Name: "customer", Spec: []byte(`{"name":"customer","keys":[{"name":"customer","type":"int64"}]}`)},
			{Kind: registry.KindView, Name: "orders", Version: 1, Spec: []byte(`{"name":"orders","version":1}`)},
			{Kind: registry.KindView, Name: "orders", Version: 2, Spec: []byte(`{"name":"orders","version":2,"owner":"shop@example.com"}`)},
			{Kind: registry.KindService, Name: "churn", Version: 1, Spec: []byte(`{"name":"churn","version":1,"uses":[{"view":"orders","version":1,"alias":"orders"}],"outputs":[]}`)},
		},
		Pointers: []registry.Pointer{
			{Kind: registry.KindView, Name: "orders", Current: 1, Defined: 2},
			{Kind: registry.KindService, Name: "churn", Current: 1, Defined: 1},
		},
		Storages: []feature.Storage{
			{ID: 1, View: "orders", Version: 1, State: feature.StorageActive},
			{ID: 2, View: "orders", Version: 2, State: feature.StorageFilling},
		},
	}
}

func snapshot(t *testing.T, state registry.State) *registry.Snapshot {
	t.Helper()
	s, err := registry.NewSnapshot(state)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "serve.snapshot")
	if err := snapshotfile.Write(path, snapshot(t, held())); err != nil {
		t.Fatal(err)
	}
	confirmed := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := snapshotfile.Touch(path, confirmed); err != nil {
		t.Fatal(err)
	}
	got, at, err := snapshotfile.Read(path, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if !at.Equal(confirmed) {
		t.Errorf("confirmed at %s", at)
	}
	if got.Identity() != held().Identity || got.Head() != held().Head {
		t.Errorf("identity %v, head %v", got.Identity(), got.Head())
	}
	view, err := got.View("orders", 0)
	if err != nil || view.Version != 1 {
		t.Errorf("the current version of orders: %v, %v", view, err)
	}
	if a, f := got.Active("orders", 1), got.Filling("orders", 2); a == nil || a.ID != 1 || f == nil || f.ID != 2 {
		t.Errorf("active %v, filling %v", a, f)
	}
	want, err := snapshot(t, held()).State()
	if err != nil {
		t.Fatal(err)
	}
	again, err := got.State()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, again); d != "" {
		t.Errorf("what was written and what was read differ:\n%s", d)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("beside it stand %v", names)
	}
}

func TestWhatCannotBeUsedIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "serve.snapshot")
	if err := snapshotfile.Write(path, snapshot(t, held())); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, project string
		text          []byte
		kind          error
		message       string
	}{
		{"another project", "bank", good, feature.ErrConflict, "is of project shop, not of bank"},
		{"empty", "shop", nil, feature.ErrInvalid, "is damaged, or no snapshot"},
		{"cut in its first line", "shop", good[:40], feature.ErrInvalid, "is damaged, or no snapshot"},
		{"cut by a byte", "shop", good[:len(good)-1], feature.ErrInvalid, "checksum"},
		{"a byte changed", "shop", bytes.Replace(good, []byte(`"shop@`), []byte(`"shoq@`), 1), feature.ErrInvalid, "checksum"},
		{"another file", "shop", []byte("SQLite format 3\x00\n"), feature.ErrInvalid, "no snapshot of a registry"},
		{"of a later format", "shop", bytes.Replace(good, []byte("snapshot 1 "), []byte("snapshot 2 "), 1), feature.ErrInvalid, "has format 2, and this version of Quiver reads up to 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(path, c.text, 0o600); err != nil {
				t.Fatal(err)
			}
			s, _, err := snapshotfile.Read(path, c.project)
			if s != nil || !errors.Is(err, c.kind) || !strings.Contains(err.Error(), c.message) || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v", err)
			}
		})
	}
	if _, _, err := snapshotfile.Read(path+".none", "shop"); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
	if _, _, err := snapshotfile.Read(t.TempDir(), "shop"); !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("a folder: %v", err)
	}
}

func TestAFailedWriteLeavesTheFileAsItWas(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := snapshotfile.Write(filepath.Join(folder, "file", "serve.snapshot"), snapshot(t, held())); !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("written below a file: %v", err)
	}
	if err := os.Mkdir(filepath.Join(folder, "taken"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := snapshotfile.Write(filepath.Join(folder, "taken"), snapshot(t, held())); !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("written over a folder: %v", err)
	}
	if names, _ := os.ReadDir(folder); len(names) != 2 {
		t.Errorf("left %v", names)
	}
}

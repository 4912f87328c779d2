package registrytest

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func spec(t *testing.T, v any) json.RawMessage {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func entity(t *testing.T, name, description string) registry.Object {
	t.Helper()
	return registry.Object{Kind: registry.KindEntity, Name: name, Spec: spec(t, feature.Entity{
		Meta: feature.Meta{Name: name, Description: description},
		Keys: []feature.JoinKey{{Name: name, Type: feature.Scalar(feature.String)}},
	})}
}

func viewVersion(name string, version int, description string) feature.ViewVersion {
	text := feature.Scalar(feature.String)
	return feature.ViewVersion{
		Meta:    feature.Meta{Name: name, Description: description},
		Version: version,
		Keys:    []feature.JoinKey{{Name: "airport", Type: text}}, KeyColumns: []string{"origin"},
		Entities: []feature.Role{{Entity: "airport"}},
		Table: feature.Table{
			Source: "departures", Parquet: []string{"flights/*.parquet"}, Event: "date",
			Columns: []feature.TableColumn{
				{Name: "date", Column: "date", Type: feature.Scalar(feature.Timestamp)},
				{Name: "delay", Column: "delay", Type: feature.Scalar(feature.Int64), Declared: true},
				{Name: "origin", Column: "origin", Type: text},
			},
		},
		Rule:     feature.Rule{TTL: 7 * feature.Day, Delay: feature.Microsecond},
		Features: []feature.Field{{Name: "delay", Type: feature.Scalar(feature.Int64), Column: "delay"}},
		Online:   true, Schedule: "*/10 * * * *", MaxStaleness: 30 * feature.Minute,
	}
}

func view(t *testing.T, name string, version int, description string) registry.Object {
	t.Helper()
	return registry.Object{Kind: registry.KindView, Name: name, Version: version, Spec: spec(t, viewVersion(name, version, description))}
}

func viewPointer(name string, current, defined int) registry.Pointer {
	return registry.Pointer{Kind: registry.KindView, Name: name, Current: current, Defined: defined}
}

func storage(name string, version int) feature.Storage {
	return feature.Storage{
		View: name, Version: version,
		Keys:     []feature.JoinKey{{Name: "airport", Type: feature.Scalar(feature.String)}},
		Features: []feature.Field{{Name: "delay", Type: feature.Scalar(feature.Int64)}},
		Rule:     feature.Rule{TTL: 7 * feature.Day, Delay: feature.Microsecond},
	}
}

// viewChange is a new view with a storage.
func viewChange(t *testing.T, name string) registry.Change {
	t.Helper()
	return registry.Change{
		Author:    registry.Author{Who: "ann", At: 1_000_000},
		Operation: registry.OperationApply,
		Objects:   []registry.Object{view(t, name, 1, "")},
		Pointers:  []registry.Pointer{viewPointer(name, 1, 1)},
		Storages:  []feature.Storage{storage(name, 1)},
	}
}

func commit(t *testing.T, s registry.Store, base int64, c registry.Change) {
	t.Helper()
	got, err := s.Commit(t.Context(), base, c)
	if err != nil {
		t.Fatal(err)
	}
	if got != base+1 {
		t.Fatalf("a commit on revision %d made revision %d", base, got)
	}
}

func load(t *testing.T, s registry.Store, revision int64) *registry.Snapshot {
	t.Helper()
	snapshot, err := s.Load(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	return snapshot
}

func head(t *testing.T, s registry.Store) registry.Head {
	t.Helper()
	h, err := s.Head(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func wantError(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("got error %v, want one that wraps %q", err, kind)
	}
}

// states gives the state of each storage, by its place in the order of IDs.
func states(s *registry.Snapshot) []feature.StorageState {
	var got []feature.StorageState
	for _, st := range s.Storages() {
		got = append(got, st.State)
	}
	return got
}

package registry_test

import (
	"context"
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// memory is a store in memory, for tests of plans and rollbacks: the suite in
// registrytest is not for it. Methods that it lacks panic.
type memory struct {
	registry.Store
	state   registry.State
	past    []registry.State // by revision, from 1; of their storages only the number counts
	history []registry.Revision
	filled  map[uint64]bool // storages that the online store holds
}

func (m *memory) Load(_ context.Context, revision int64) (*registry.Snapshot, error) {
	s := m.state
	if revision > 0 && revision < s.Head.Revision {
		s = m.past[revision-1]
	}
	s.Storages = slices.Clone(m.state.Storages[:len(s.Storages)])
	return registry.NewSnapshot(s)
}

func (m *memory) Commit(_ context.Context, base int64, c registry.Change) (int64, error) {
	if base != m.state.Head.Revision {
		return 0, fmt.Errorf("at %d: %w", m.state.Head.Revision, feature.ErrConflict)
	}
	m.state.Head.Revision++
	m.state.Objects, m.state.Pointers = slices.Clone(m.state.Objects), slices.Clone(m.state.Pointers) // the past keeps its own
	for _, o := range c.Objects {
		m.state.Objects = slices.DeleteFunc(m.state.Objects, func(was registry.Object) bool {
			return was.Kind == o.Kind && was.Name == o.Name && was.Version == o.Version
		})
		m.state.Objects = append(m.state.Objects, o)
	}
	for _, p := range c.Pointers {
		m.state.Pointers = slices.DeleteFunc(m.state.Pointers, func(was registry.Pointer) bool {
			return was.Kind == p.Kind && was.Name == p.Name
		})
		m.state.Pointers = append(m.state.Pointers, p)
	}
	for _, ref := range c.Retire {
		m.move(ref, feature.StorageActive, feature.StorageRetired)
		m.move(ref, feature.StorageFilling, feature.StorageRetired)
	}
	for _, st := range c.Storages {
		ref := registry.ViewRef{View: st.View, Version: st.Version}
		m.move(ref, feature.StorageFilling, feature.StorageRetired)
		st.ID, st.State = uint64(len(m.state.Storages)+1), feature.StorageActive
		if m.find(ref, feature.StorageActive) != nil {
			st.State = feature.StorageFilling
		}
		m.state.Storages = append(m.state.Storages, st)
	}
	m.past = append(m.past, m.state)
	m.history = append(m.history, registry.Revision{Number: base + 1, Author: c.Author, Operation: c.Operation, Changes: c.Changes})
	return base + 1, nil
}

func (m *memory) find(ref registry.ViewRef, state feature.StorageState) *feature.Storage {
	for i := range m.state.Storages {
		if st := &m.state.Storages[i]; st.View == ref.View && st.Version == ref.Version && st.State == state {
			return st
		}
	}
	return nil
}

func (m *memory) move(ref registry.ViewRef, from, to feature.StorageState) {
	if st := m.find(ref, from); st != nil {
		st.State = to
	}
}

// Served counts no runs: it has none.
func (m *memory) Served(_ context.Context, view string, version int) (feature.Served, error) {
	return feature.Served{Storage: m.find(registry.ViewRef{View: view, Version: version}, feature.StorageActive).ID}, nil
}

func (m *memory) ActivateStorage(_ context.Context, id uint64, _ feature.Served) error {
	st := &m.state.Storages[id-1]
	m.move(registry.ViewRef{View: st.View, Version: st.Version}, feature.StorageActive, feature.StorageRetired)
	st.State = feature.StorageActive
	return nil
}

// materialized implements registry.Materialized.
func (m *memory) materialized(_ context.Context, storage *feature.Storage) (bool, error) {
	return m.filled[storage.ID], nil
}

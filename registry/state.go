package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// State gives what the snapshot was made of, in an order that depends on nothing
// else: NewSnapshot makes the same snapshot of it. Objects that were removed are
// not in it. The caller owns it.
func (s *Snapshot) State() (State, error) {
	state := State{Identity: s.identity, Head: s.head}
	var failed error
	add := func(kind, name string, version int, value any) {
		spec, err := json.Marshal(value)
		if err != nil && failed == nil {
			failed = fmt.Errorf("the registry's record of %s %s@%d can't be written: %w: %w", kind, name, version, err, feature.ErrInvalid)
		}
		state.Objects = append(state.Objects, Object{kind, name, version, spec})
	}
	for _, e := range s.Entities() {
		add(KindEntity, e.Name, 0, e)
	}
	for _, e := range s.Sources() {
		add(KindSource, e.Name, 0, e)
	}
	for _, l := range s.Views() {
		for _, v := range l.Versions {
			add(KindView, v.Name, v.Version, v)
		}
		state.Pointers = append(state.Pointers, Pointer{KindView, l.Name, l.Current, l.Defined})
	}
	for _, l := range s.Services() {
		for _, v := range l.Versions {
			add(KindService, v.Name, v.Version, v)
		}
		state.Pointers = append(state.Pointers, Pointer{KindService, l.Name, l.Current, l.Defined})
	}
	for _, id := range slices.Sorted(maps.Keys(s.storages)) {
		state.Storages = append(state.Storages, cloneStorage(s.storages[id]))
	}
	return state, failed
}

func cloneStorage(st *feature.Storage) feature.Storage {
	c := *st
	c.Keys, c.Features = slices.Clone(st.Keys), slices.Clone(st.Features)
	return c
}

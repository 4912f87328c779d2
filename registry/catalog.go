package registry

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// What follows is for people (list, describe, status): it walks the whole
// registry and is not for the request path. Everything comes in the order of
// names, then versions.

// Listing is a view or a service with all its versions.
type Listing[T any] struct {
	Name     string `json:"name"`
	Current  int    `json:"current"`  // the one that the bare name stands for; 0: it was removed
	Defined  int    `json:"defined"`  // the one that the files describe; 0: it was removed
	Versions []T    `json:"versions"` // oldest first
}

// ViewListing is a view with all its versions.
type ViewListing = Listing[*feature.ViewVersion]

// ServiceListing is a service with all its versions.
type ServiceListing = Listing[*ServiceVersion]

// OnlineView is a view version with what is stored of it.
type OnlineView struct {
	View    *feature.ViewVersion
	Active  *feature.Storage // what reads are answered from; never nil
	Filling *feature.Storage // what is being filled to replace it; nil: nothing
}

// ObjectRef names an object; Version is 0 for kinds without versions.
type ObjectRef struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version int    `json:"version,omitzero"`
}

// Entities gives all entities.
func (s *Snapshot) Entities() []*feature.Entity { return byName(s.entities) }

// Sources gives all sources.
func (s *Snapshot) Sources() []*feature.Source { return byName(s.sources) }

// Views gives all views, those that were removed too.
func (s *Snapshot) Views() []ViewListing {
	return listings(s.views, func(e *viewEntry) *feature.ViewVersion { return e.view })
}

// Services gives all services, those that were removed too.
func (s *Snapshot) Services() []ServiceListing {
	return listings(s.services, func(v *ServiceVersion) *ServiceVersion { return v })
}

func listings[T, V any](all map[string]*versioned[T], shown func(T) V) []Listing[V] {
	list := make([]Listing[V], 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := all[name]
		l := Listing[V]{Name: name, Current: v.pointer.Current, Defined: v.pointer.Defined}
		for _, version := range v.numbers() {
			l.Versions = append(l.Versions, shown(v.versions[version]))
		}
		list = append(list, l)
	}
	return list
}

// OnlineViews gives every view version that has a storage to read from: what
// materialize keeps fresh. Versions that are not current are among them, because
// services may hold on to them.
func (s *Snapshot) OnlineViews() []OnlineView {
	var list []OnlineView
	for _, v := range s.views {
		for _, e := range v.versions {
			if e.active != nil {
				list = append(list, OnlineView{View: e.view, Active: e.active, Filling: e.filling})
			}
		}
	}
	slices.SortFunc(list, func(a, b OnlineView) int {
		return cmp.Or(strings.Compare(a.View.Name, b.View.Name), cmp.Compare(a.View.Version, b.View.Version))
	})
	return list
}

// Storages gives all storages, retired ones too, in the order of their IDs.
func (s *Snapshot) Storages() []*feature.Storage {
	list := slices.Collect(maps.Values(s.storages))
	slices.SortFunc(list, func(a, b *feature.Storage) int { return cmp.Compare(a.ID, b.ID) })
	return list
}

// UsedBy gives what reads an object directly: the view versions of an entity or a
// source, the service versions of a view version (of all of its versions for
// version 0). Versions of removed services are not counted.
func (s *Snapshot) UsedBy(kind, name string, version int) []ObjectRef {
	var refs []ObjectRef
	switch kind {
	case KindEntity, KindSource:
		for _, v := range s.views {
			for _, e := range v.versions {
				if v.pointer.Current != 0 && reads(e.view, kind, name) {
					refs = append(refs, ObjectRef{KindView, e.view.Name, e.view.Version})
				}
			}
		}
	case KindView:
		for _, v := range s.services {
			for _, service := range v.versions {
				if v.pointer.Current != 0 && slices.ContainsFunc(service.Uses, func(u ServiceUse) bool {
					return u.View == name && (version == 0 || u.Version == version)
				}) {
					refs = append(refs, ObjectRef{KindService, service.Name, service.Version})
				}
			}
		}
	}
	slices.SortFunc(refs, func(a, b ObjectRef) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return refs
}

func reads(v *feature.ViewVersion, kind, name string) bool {
	if kind == KindSource {
		return v.Table.Source == name
	}
	return slices.ContainsFunc(v.Entities, func(r feature.Role) bool { return r.Entity == name })
}

func byName[T any](m map[string]*T) []*T {
	list := make([]*T, 0, len(m))
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[name])
	}
	return list
}

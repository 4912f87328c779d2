package registry

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// LineageNode is an object on the way of values from a source over views to
// services, with what reads it.
type LineageNode struct {
	ObjectRef
	By        []string      `json:"by,omitempty"`       // the entities of a view
	Current   bool          `json:"current,omitzero"`   // the bare name stands for this version
	Defined   bool          `json:"defined,omitzero"`   // the files describe this version
	Removed   bool          `json:"removed,omitzero"`   // the name is gone from the files; versions are readable by number
	Described bool          `json:"described,omitzero"` // the object that was asked for
	ReadBy    []LineageNode `json:"read_by,omitempty"`  // in the order of kinds, names, versions
}

// Lineage gives the ways of values through one object: what it reads, from the
// sources on, and what reads it, down to services. Each tree begins at a source; for
// an entity, at the entity. Of views and services the versions are told that a name
// stands for or that files describe, and those on the object's own way: below a view
// version all service versions that read it. An unknown object wraps ErrNotFound;
// version 0 is the current one.
func (s *Snapshot) Lineage(kind, name string, version int) ([]LineageNode, error) {
	switch kind {
	case KindEntity:
		if _, err := s.Entity(name); err != nil {
			return nil, err
		}
		return []LineageNode{s.below(kind, name)}, nil
	case KindSource:
		if _, err := s.Source(name); err != nil {
			return nil, err
		}
		return []LineageNode{s.below(kind, name)}, nil
	case KindView:
		v, err := s.View(name, version)
		if err != nil {
			return nil, err
		}
		node := s.viewNode(v)
		node.Described, node.ReadBy = true, s.servicesReading(v, true)
		return []LineageNode{s.sourceAbove(v, node)}, nil
	default:
		service, err := s.ServiceVersion(name, version)
		if err != nil {
			return nil, err
		}
		return s.above(service)
	}
}

// below gives an entity or a source with the views that read it.
func (s *Snapshot) below(kind, name string) LineageNode {
	node := LineageNode{ObjectRef: ObjectRef{Kind: kind, Name: name}, Described: true}
	for _, view := range slices.Sorted(maps.Keys(s.views)) {
		v := s.views[view]
		for _, version := range v.numbers() {
			e := v.versions[version]
			if !reads(e.view, kind, name) {
				continue
			}
			child := s.viewNode(e.view)
			child.ReadBy = s.servicesReading(e.view, false)
			if v.pointer.pointedAt(version) || len(child.ReadBy) > 0 {
				node.ReadBy = append(node.ReadBy, child)
			}
		}
	}
	return node
}

// above gives the sources of a service, with the views that it reads of each.
func (s *Snapshot) above(service *ServiceVersion) ([]LineageNode, error) {
	leaf := s.serviceNode(service)
	leaf.Described = true
	roots := map[string]*LineageNode{}
	seen := map[ViewRef]bool{}
	for _, u := range service.Uses {
		v, err := s.View(u.View, u.Version)
		if err != nil {
			return nil, err
		}
		if seen[ViewRef{v.Name, v.Version}] {
			continue
		}
		seen[ViewRef{v.Name, v.Version}] = true
		node := s.viewNode(v)
		node.ReadBy = []LineageNode{leaf}
		root := s.sourceAbove(v, node)
		if known := roots[root.Name]; known != nil {
			known.ReadBy = append(known.ReadBy, root.ReadBy...)
		} else {
			roots[root.Name] = &root
		}
	}
	var all []LineageNode
	for _, name := range slices.Sorted(maps.Keys(roots)) {
		slices.SortFunc(roots[name].ReadBy, compareNodes)
		all = append(all, *roots[name])
	}
	return all, nil
}

func (s *Snapshot) sourceAbove(v *feature.ViewVersion, node LineageNode) LineageNode {
	source := v.Table.Source
	return LineageNode{ObjectRef: ObjectRef{Kind: KindSource, Name: source}, Removed: s.sources[source] == nil, ReadBy: []LineageNode{node}}
}

// servicesReading gives the service versions that read a view version: those that a
// name stands for or files describe, or all but those of removed services.
func (s *Snapshot) servicesReading(v *feature.ViewVersion, earlier bool) []LineageNode {
	var nodes []LineageNode
	for _, l := range s.services {
		for version, service := range l.versions {
			if (l.pointer.pointedAt(version) || earlier && l.pointer.Defined != 0) && service.readsView(v.Name, v.Version, "") {
				nodes = append(nodes, s.serviceNode(service))
			}
		}
	}
	slices.SortFunc(nodes, compareNodes)
	return nodes
}

func compareNodes(a, b LineageNode) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
}

func (s *Snapshot) viewNode(v *feature.ViewVersion) LineageNode {
	node := nodeOf(KindView, v.Name, v.Version, s.views[v.Name].pointer)
	for _, role := range v.Entities {
		if !slices.Contains(node.By, role.Entity) {
			node.By = append(node.By, role.Entity)
		}
	}
	return node
}

func (s *Snapshot) serviceNode(service *ServiceVersion) LineageNode {
	return nodeOf(KindService, service.Name, service.Version, s.services[service.Name].pointer)
}

func nodeOf(kind, name string, version int, pointer Pointer) LineageNode {
	return LineageNode{
		ObjectRef: ObjectRef{kind, name, version},
		Current:   version == pointer.Current, Defined: version == pointer.Defined, Removed: pointer.Defined == 0,
	}
}

// UseCounts tells, for every entity, source and view by kind and name, how many
// views or services read it by a version that a name stands for or files describe.
func (s *Snapshot) UseCounts() map[ObjectRef]int {
	readers := map[ObjectRef]map[string]bool{}
	note := func(kind, name, reader string) {
		ref := ObjectRef{Kind: kind, Name: name}
		if readers[ref] == nil {
			readers[ref] = map[string]bool{}
		}
		readers[ref][reader] = true
	}
	for name, v := range s.views {
		for version, e := range v.versions {
			if !v.pointer.pointedAt(version) {
				continue
			}
			note(KindSource, e.view.Table.Source, name)
			for _, role := range e.view.Entities {
				note(KindEntity, role.Entity, name)
			}
		}
	}
	for name, v := range s.services {
		for version, service := range v.versions {
			if !v.pointer.pointedAt(version) {
				continue
			}
			for _, u := range service.Uses {
				note(KindView, u.View, name)
			}
		}
	}
	counts := make(map[ObjectRef]int, len(readers))
	for ref, names := range readers {
		counts[ref] = len(names)
	}
	return counts
}

package registry

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"

	"github.com/quiver-features/quiver/feature"
)

// Snapshot is the registry at one revision: an immutable view of it, safe for
// concurrent use. Lookups are by map; what a request costs does not depend on how
// much else is registered. Values that it gives out are shared: callers don't
// change them.
type Snapshot struct {
	identity Identity
	head     Head

	entities map[string]*feature.Entity
	sources  map[string]*feature.Source
	views    map[string]*versioned[*viewEntry]
	services map[string]*versioned[*ServiceVersion]

	storages map[uint64]*feature.Storage

	selections sync.Map // serviceKey: *feature.Selection, made on demand
}

type serviceKey struct {
	name    string
	version int
}

type viewEntry struct {
	view    *feature.ViewVersion
	active  *feature.Storage
	filling *feature.Storage
}

// ServiceVersion is one version of a service: which features of which view
// versions it delivers, frozen.
type ServiceVersion struct {
	feature.Meta
	Version int             `json:"version"`
	Uses    []ServiceUse    `json:"uses"`    // in the order of the definition
	Outputs []ServiceOutput `json:"outputs"` // in the order in which they are delivered
	// Inputs are what derived features read beside features. Derived come in an order in
	// which each can be computed after those that it reads.
	Inputs  []feature.Input  `json:"inputs,omitempty"`
	Derived []ServiceDerived `json:"derived,omitempty"`
}

// ID writes the service with its version: delay_model@3.
func (s *ServiceVersion) ID() string { return s.Name + "@" + strconv.Itoa(s.Version) }

// ServiceUse is a view version as a service version reads it.
type ServiceUse struct {
	View    string   `json:"view"`
	Version int      `json:"version"`
	Alias   string   `json:"alias"`          // the view's name, or what replaces it in output columns
	Keys    []string `json:"keys,omitempty"` // for each join key of the view, the column of the spine or request
}

// ServiceDerived is a feature that a service version computes.
type ServiceDerived struct {
	Name        string       `json:"name"`
	Description string       `json:"description,omitzero"`
	Type        feature.Type `json:"type"`
	Expression  string       `json:"expression"`
	// Reads are the names in the expression: features as alias.feature, also those that
	// are not delivered, inputs and other derived features.
	Reads []string `json:"reads,omitempty"`
}

// ServiceOutput is one feature that a service delivers.
type ServiceOutput struct {
	Use     int    `json:"use"` // index into Uses; feature.DerivedOutput: Feature is one of Derived
	Feature string `json:"feature"`
	Name    string `json:"name"` // of the output column
}

// NewSnapshot makes a snapshot of what a store holds. A state that contradicts
// itself is an error that wraps ErrInvalid.
func NewSnapshot(state State) (*Snapshot, error) {
	s := &Snapshot{
		identity: state.Identity,
		head:     state.Head,
		entities: map[string]*feature.Entity{},
		sources:  map[string]*feature.Source{},
		views:    map[string]*versioned[*viewEntry]{},
		services: map[string]*versioned[*ServiceVersion]{},
		storages: map[uint64]*feature.Storage{},
	}
	for i := range state.Objects {
		if err := s.addObject(&state.Objects[i]); err != nil {
			return nil, err
		}
	}
	for _, p := range state.Pointers {
		if err := s.addPointer(p); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(state.Storages, func(a, b feature.Storage) int { return cmp.Compare(a.ID, b.ID) })
	for i := range state.Storages {
		if err := s.addStorage(&state.Storages[i]); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *Snapshot) addObject(o *Object) error {
	if o.Spec == nil {
		return nil
	}
	var into any
	switch o.Kind {
	case KindEntity:
		e := new(feature.Entity)
		s.entities[o.Name], into = e, e
	case KindSource:
		e := new(feature.Source)
		s.sources[o.Name], into = e, e
	case KindView:
		v := new(feature.ViewVersion)
		claim(s.views, o.Name).versions[o.Version], into = &viewEntry{view: v}, v
	case KindService:
		v := new(ServiceVersion)
		claim(s.services, o.Name).versions[o.Version], into = v, v
	default:
		return fmt.Errorf("the registry holds a %q, which this version of Quiver does not know: %w", o.Kind, feature.ErrInvalid)
	}
	if err := json.Unmarshal(o.Spec, into); err != nil {
		return fmt.Errorf("the registry's record of %s %s can't be read: %w: %w", o.Kind, versionedName(o.Name, o.Version), err, feature.ErrInvalid)
	}
	if !consistent(into) {
		return fmt.Errorf("the registry's record of %s %s contradicts itself: restore the registry from a backup: %w", o.Kind, versionedName(o.Name, o.Version), feature.ErrInvalid)
	}
	return nil
}

// consistent tells whether the parts of a record that point at one another do.
func consistent(record any) bool {
	switch r := record.(type) {
	case *feature.ViewVersion:
		return len(r.KeyColumns) == len(r.Keys)
	case *ServiceVersion:
		return !slices.ContainsFunc(r.Outputs, func(o ServiceOutput) bool {
			if o.Use == feature.DerivedOutput {
				return r.derivedIndex(o.Feature) < 0
			}
			return o.Use < 0 || o.Use >= len(r.Uses)
		})
	}
	return true
}

func (s *Snapshot) addPointer(p Pointer) error {
	sound := p.Current == 0 && p.Defined == 0 // other kinds have no versions
	switch p.Kind {
	case KindView:
		sound = point(s.views, p)
	case KindService:
		sound = point(s.services, p)
	}
	if !sound {
		return fmt.Errorf("the registry points %s %s at versions %d and %d, and does not hold them: %w",
			p.Kind, p.Name, p.Current, p.Defined, feature.ErrInvalid)
	}
	return nil
}

func (s *Snapshot) addStorage(st *feature.Storage) error {
	s.storages[st.ID] = st
	e := named(s.views, st.View).versions[st.Version]
	if e == nil {
		return fmt.Errorf("the registry holds storage %d of %s@%d, but not that view: %w", st.ID, st.View, st.Version, feature.ErrInvalid)
	}
	switch st.State {
	case feature.StorageActive:
		e.active = st
	case feature.StorageFilling:
		e.filling = st
	case feature.StorageRetired:
	}
	return nil
}

// Identity tells which registry this is a snapshot of.
func (s *Snapshot) Identity() Identity { return s.identity }

// Head tells which revision this is, and the serial at which it was read.
func (s *Snapshot) Head() Head { return s.head }

// Revision is the number of the revision; 0: nothing was ever applied.
func (s *Snapshot) Revision() int64 { return s.head.Revision }

// Entity gives an entity. An unknown name wraps ErrNotFound.
func (s *Snapshot) Entity(name string) (*feature.Entity, error) {
	if e := s.entities[name]; e != nil {
		return e, nil
	}
	return nil, notFound(KindEntity, name, maps.Keys(s.entities))
}

// Source gives a source. An unknown name wraps ErrNotFound.
func (s *Snapshot) Source(name string) (*feature.Source, error) {
	if e := s.sources[name]; e != nil {
		return e, nil
	}
	return nil, notFound(KindSource, name, maps.Keys(s.sources))
}

// View gives a version of a view, 0 meaning the current one. An unknown name or
// version wraps ErrNotFound.
func (s *Snapshot) View(name string, version int) (*feature.ViewVersion, error) {
	e, err := s.viewEntry(name, version)
	if err != nil {
		return nil, err
	}
	return e.view, nil
}

func (s *Snapshot) viewEntry(name string, version int) (*viewEntry, error) {
	return find(KindView, s.views, name, version)
}

// ServiceVersion gives a version of a service as it is recorded, 0 meaning the
// current one. An unknown name or version wraps ErrNotFound.
func (s *Snapshot) ServiceVersion(name string, version int) (*ServiceVersion, error) {
	return find(KindService, s.services, name, version)
}

// Storage gives a storage by its ID. An unknown one wraps ErrNotFound.
func (s *Snapshot) Storage(id uint64) (*feature.Storage, error) {
	if st := s.storages[id]; st != nil {
		return st, nil
	}
	return nil, fmt.Errorf("the registry has no storage %d: %w", id, feature.ErrNotFound)
}

// Active gives the storage that a view version is read from online, or nil where
// the version is unknown or not kept online.
func (s *Snapshot) Active(view string, version int) *feature.Storage {
	if e := named(s.views, view).versions[version]; e != nil {
		return e.active
	}
	return nil
}

// Filling gives the storage that is being filled to replace the active one, or
// nil.
func (s *Snapshot) Filling(view string, version int) *feature.Storage {
	if e := named(s.views, view).versions[version]; e != nil {
		return e.filling
	}
	return nil
}

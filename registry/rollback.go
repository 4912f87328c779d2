package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// Rollback is what going back to an earlier revision would change. It holds for the
// revision that it was made on, and is not changed by Apply.
type Rollback struct {
	Base     int64          `json:"base"`
	To       int64          `json:"to"`
	Changes  []ObjectChange `json:"changes"`            // from Base to To, as Diff tells them
	Removals []Removal      `json:"removals,omitempty"` // with what reads it on Base
	// Fill are the view versions that get a new storage, to be filled by materialize:
	// theirs were given up, or have another layout than the versions had at To.
	Fill []ObjectRef `json:"fill,omitempty"`
	// Missing says, for each version that would become current, what of it the online
	// store does not hold; readers would be told that it is unavailable.
	Missing []string `json:"missing,omitempty"`

	write Change // without author
}

// Empty tells whether the registry says already what it said then.
func (r *Rollback) Empty() bool { return len(r.Changes) == 0 }

// Class is the gravest class of the changes.
func (r *Rollback) Class() Class { return Gravest(r.Changes) }

// NewRollback says what leads from base, the head, back to an earlier state. Names
// stand again for the versions that they stood for, and objects and versions say
// what they said; no version is made. Versions that were made since then stay
// readable by their number. materialized is asked for the storages of what would
// become current; only its errors are returned.
func NewRollback(ctx context.Context, base, to *Snapshot, materialized Materialized) (*Rollback, error) {
	b := &rollbacker{
		base: base, to: to,
		rollback: &Rollback{Base: base.Revision(), To: to.Revision(), Changes: Diff(base, to)},
	}
	b.objects()
	b.pointers()
	b.removals()
	b.storages()
	giveUp(b.rollback.Removals, b.rollback.write.Retire)
	if err := b.missing(ctx, materialized); err != nil {
		return nil, err
	}
	if b.failed != nil {
		return nil, b.failed
	}
	b.rollback.write.Operation, b.rollback.write.Changes = OperationRollback, b.rollback.Changes
	return b.rollback, nil
}

// Apply goes back in one transaction and gives the number of the revision that it
// made. Where the registry moved on since the rollback was planned, nothing is
// changed and the error wraps ErrConflict. An empty rollback makes no revision: the
// number is that of its base.
func (r *Rollback) Apply(ctx context.Context, store Store, by Author) (int64, error) {
	if r.Empty() {
		return r.Base, nil
	}
	change := r.write
	change.Author = by
	revision, err := store.Commit(ctx, r.Base, change)
	if errors.Is(err, feature.ErrConflict) {
		return 0, fmt.Errorf("the registry changed in the meantime, and nothing was rolled back: look at it, and roll back again: %w", err)
	}
	if err != nil {
		return 0, fmt.Errorf("roll back to revision %d: %w", r.To, err)
	}
	return revision, nil
}

// rollbacker finds out what a rollback changes.
type rollbacker struct {
	base, to *Snapshot
	rollback *Rollback
	failed   error
}

// objects writes every state that differs: what said something else then says it
// again, entities and sources that did not exist go.
func (b *rollbacker) objects() {
	for i := range b.rollback.Changes {
		c := &b.rollback.Changes[i]
		if c.Kind != KindEntity && c.Kind != KindSource {
			continue
		}
		var spec any
		if c.Action != ActionDelete && c.Kind == KindEntity {
			spec = b.to.entities[c.Name]
		} else if c.Action != ActionDelete {
			spec = b.to.sources[c.Name]
		}
		b.object(c.Kind, c.Name, 0, spec)
	}
	for _, name := range slices.Sorted(maps.Keys(b.to.views)) {
		for _, version := range b.to.views[name].numbers() {
			if was := b.to.views[name].versions[version].view; len(compareViews(b.base.views[name].versions[version].view, was, nowhere)) > 0 {
				b.object(KindView, name, version, was)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.to.services)) {
		for _, version := range b.to.services[name].numbers() {
			if was := b.to.services[name].versions[version]; len(compareServices(b.base.services[name].versions[version], was, nowhere)) > 0 {
				b.object(KindService, name, version, was)
			}
		}
	}
}

// object notes a state to write; a nil spec removes.
func (b *rollbacker) object(kind, name string, version int, spec any) {
	o := Object{Kind: kind, Name: name, Version: version}
	if spec != nil {
		text, err := json.Marshal(spec)
		if err != nil {
			b.failed = errors.Join(b.failed, fmt.Errorf("%s %s can't be recorded: %w: %w", kind, versionedName(name, version), err, feature.ErrInvalid))
			return
		}
		o.Spec = text
	}
	b.rollback.write.Objects = append(b.rollback.write.Objects, o)
}

func (b *rollbacker) pointers() {
	move := func(kind, name string, is, was Pointer) {
		if is.Current != was.Current || is.Defined != was.Defined {
			b.rollback.write.Pointers = append(b.rollback.write.Pointers, Pointer{Kind: kind, Name: name, Current: was.Current, Defined: was.Defined})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(b.base.views)) {
		move(KindView, name, b.base.views[name].pointer, named(b.to.views, name).pointer)
	}
	for _, name := range slices.Sorted(maps.Keys(b.base.services)) {
		move(KindService, name, b.base.services[name].pointer, named(b.to.services, name).pointer)
	}
}

// removals says what goes: names that did not exist then, and what versions were
// given since and that services read of them, by number too.
func (b *rollbacker) removals() {
	now, all := b.readers()
	for i := range b.rollback.Changes {
		c := &b.rollback.Changes[i]
		r := Removal{Kind: c.Kind, Name: c.Name, Version: c.From}
		switch {
		case c.Action != ActionDelete:
			continue
		case c.Kind == KindView:
			r.Users = now.servicesOf(c.Name, 0, "")
		case c.Kind != KindService:
			r.Users = now.viewsOf(c.Kind, c.Name)
		}
		b.rollback.Removals = append(b.rollback.Removals, r)
	}
	for _, name := range slices.Sorted(maps.Keys(b.to.views)) {
		for _, version := range b.to.views[name].numbers() {
			b.taken(all, b.base.views[name].versions[version].view, b.to.views[name].versions[version].view)
		}
	}
}

// taken says what one version loses.
func (b *rollbacker) taken(readers *outlook, is, was *feature.ViewVersion) {
	for name := range featureNames(is) {
		if was.Feature(name) >= 0 {
			continue
		}
		if users := readers.servicesOf(is.Name, is.Version, name); len(users) > 0 {
			b.rollback.Removals = append(b.rollback.Removals, Removal{Kind: KindView, Name: is.Name, Version: is.Version, Feature: name, Users: users})
		}
	}
	if is.Online && !was.Online {
		if users := readers.servicesOf(is.Name, is.Version, ""); len(users) > 0 {
			b.rollback.Removals = append(b.rollback.Removals, Removal{Kind: KindView, Name: is.Name, Version: is.Version, Online: true, Users: users})
		}
	}
}

// readers gives the versions that names stand for or files describe on the base,
// and all that there are.
func (b *rollbacker) readers() (now, all *outlook) {
	now, all = &outlook{}, &outlook{}
	for _, v := range b.base.views {
		for version, e := range v.versions {
			all.addView(e.view, v.pointer, Position{})
			if v.pointer.pointedAt(version) {
				now.addView(e.view, v.pointer, Position{})
			}
		}
	}
	for _, v := range b.base.services {
		for version, s := range v.versions {
			all.addService(s, v.pointer, Position{})
			if v.pointer.pointedAt(version) {
				now.addService(s, v.pointer, Position{})
			}
		}
	}
	return now, all
}

// storages gives every version that was read online then a storage to be read from,
// and gives up those that nothing reads afterwards. A storage that was given up is
// never taken into use again, because what it held may have been dropped.
func (b *rollbacker) storages() {
	wanted, kept := map[ViewRef]bool{}, map[ViewRef]bool{}
	for name, v := range b.base.views {
		if named(b.to.views, name).pointer.Defined == 0 {
			continue
		}
		for version := range v.versions {
			kept[ViewRef{name, version}] = true
			wanted[ViewRef{name, version}] = b.to.views[name].versions[version] != nil
		}
	}
	for name, v := range b.base.services {
		if named(b.to.services, name).pointer.Defined == 0 {
			continue
		}
		for version, s := range v.versions {
			for _, u := range s.Uses {
				ref := ViewRef{u.View, u.Version}
				kept[ref] = true
				wanted[ref] = wanted[ref] || b.to.services[name].versions[version] != nil
			}
		}
	}
	write := &b.rollback.write
	for name, v := range b.base.views {
		for version, e := range v.versions {
			ref := ViewRef{name, version}
			view := b.viewAfter(ref)
			if stored := e.active != nil || e.filling != nil; stored && (!kept[ref] || !view.Online) {
				write.Retire = append(write.Retire, ref)
				continue
			}
			if wanted[ref] && view.Online && !storedAs(e, view) {
				write.Storages = append(write.Storages, storageLayout(view))
			}
		}
	}
	slices.SortFunc(write.Retire, compareRefs)
	slices.SortFunc(write.Storages, func(x, y feature.Storage) int {
		return compareRefs(ViewRef{x.View, x.Version}, ViewRef{y.View, y.Version})
	})
	for i := range write.Storages {
		b.fill(&write.Storages[i])
	}
}

// fill notes that a storage is to be filled.
func (b *rollbacker) fill(layout *feature.Storage) {
	b.rollback.Fill = append(b.rollback.Fill, ObjectRef{KindView, layout.View, layout.Version})
	for i := range b.rollback.Changes {
		if c := &b.rollback.Changes[i]; c.Kind == KindView && c.Name == layout.View && c.To == layout.Version {
			c.Storage = true
			return
		}
	}
}

// viewAfter gives a version as it is after the rollback: versions that were made
// since stay as they are.
func (b *rollbacker) viewAfter(ref ViewRef) *feature.ViewVersion {
	if e := named(b.to.views, ref.View).versions[ref.Version]; e != nil {
		return e.view
	}
	return b.base.views[ref.View].versions[ref.Version].view
}

// missing asks whether what becomes current can be read online.
func (b *rollbacker) missing(ctx context.Context, materialized Materialized) error {
	asked := map[string]bool{}
	check := func(reader string, ref ViewRef, features []string) error {
		view := b.viewAfter(ref)
		if !view.Online {
			return nil
		}
		lack := fmt.Sprintf("the storage of view %s was given up (with the view, when it was removed), and it gets a new one, which is empty", view.ID())
		if e := b.base.views[ref.View].versions[ref.Version]; e.active != nil {
			var err error
			if lack, err = lacking(ctx, view, e.active, features, materialized); err != nil || lack == "" {
				return err
			}
		}
		text := reader + ": " + lack
		if !asked[text] {
			asked[text] = true
			b.rollback.Missing = append(b.rollback.Missing, text)
		}
		return nil
	}
	for _, w := range b.rollback.write.Pointers {
		if w.Current == 0 {
			continue
		}
		if w.Kind == KindView && b.base.views[w.Name].pointer.Current != w.Current {
			ref := ViewRef{w.Name, w.Current}
			if err := check(versionedName(w.Name, w.Current), ref, slices.Collect(featureNames(b.viewAfter(ref)))); err != nil {
				return err
			}
		}
		if w.Kind == KindService && b.base.services[w.Name].pointer.Current != w.Current {
			s := b.to.services[w.Name].versions[w.Current]
			for i, u := range s.Uses {
				if err := check(s.ID(), ViewRef{u.View, u.Version}, s.featuresOf(i)); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// Target names the version that a promotion makes current. Kind is KindView or
// KindService, or empty where the name is that of only one of them.
type Target struct {
	Kind    string
	Name    string
	Version int
}

// Materialized tells whether an online store holds what a storage should hold.
type Materialized func(ctx context.Context, storage *feature.Storage) (bool, error)

// Promote makes a version of a view or a service the one that its bare name
// stands for, as a revision of its own, and gives the revision's number. What the
// version serves online has to be materialized first, else the error wraps
// ErrConflict and names the view. A registry that moved on since base wraps
// ErrConflict too, an unknown name or version ErrNotFound. Promoting the current
// version changes nothing and succeeds, materialized or not.
func Promote(ctx context.Context, store Store, base *Snapshot, target Target, materialized Materialized, by Author) (int64, error) {
	kind, err := base.kindOf(target)
	if err != nil {
		return 0, err
	}
	p := promotion{base: base, target: target, materialized: materialized}
	if kind == KindView {
		err = p.view(ctx)
	} else {
		err = p.service(ctx)
	}
	if err != nil {
		return 0, err
	}
	if p.nothing() {
		return base.Revision(), nil
	}
	changes := []ObjectChange{p.change}
	revision, err := store.Commit(ctx, base.Revision(), Change{
		Author: by, Operation: OperationPromote, Changes: changes, Pointers: []Pointer{p.pointer},
	})
	if errors.Is(err, feature.ErrConflict) {
		return 0, fmt.Errorf("the registry changed in the meantime, and nothing was promoted: look at it, and promote again: %w", err)
	}
	if err != nil {
		return 0, fmt.Errorf("promote %s@%d: %w", target.Name, target.Version, err)
	}
	return revision, nil
}

// kindOf finds out whether a target is a view or a service.
func (s *Snapshot) kindOf(t Target) (string, error) {
	_, view := s.views[t.Name]
	_, service := s.services[t.Name]
	switch {
	case t.Kind == KindView, t.Kind == KindService:
		return t.Kind, nil
	case t.Kind != "":
		return "", fmt.Errorf("%s %s has no versions to promote, as views and services do: %w", t.Kind, t.Name, feature.ErrInvalid)
	case view && service:
		return "", fmt.Errorf("both a view and a service are named %s: say which one is meant: %w", t.Name, feature.ErrInvalid)
	case view:
		return KindView, nil
	case service:
		return KindService, nil
	}
	return "", notFound("view or service", t.Name, func(yield func(string) bool) {
		for name := range maps.Keys(s.views) {
			if !yield(name) {
				return
			}
		}
		for name := range maps.Keys(s.services) {
			if !yield(name) {
				return
			}
		}
	})
}

// promotion checks one target and says what promoting it changes.
type promotion struct {
	base         *Snapshot
	target       Target
	materialized Materialized
	pointer      Pointer
	change       ObjectChange
}

func nowhere(...string) Position { return Position{} }

func (p *promotion) view(ctx context.Context) error {
	e, err := p.base.viewEntry(p.target.Name, p.target.Version)
	if err != nil {
		return err
	}
	was := p.base.views[p.target.Name]
	var reasons []Reason
	if current := was.versions[was.pointer.Current]; current != nil {
		reasons = compareViews(current.view, e.view, nowhere)
	}
	if err := p.settle(was.pointer, reasons); err != nil {
		return err
	}
	if p.nothing() {
		return nil
	}
	all := slices.Collect(featureNames(e.view))
	return p.ready(ctx, e, all)
}

func (p *promotion) service(ctx context.Context) error {
	service, err := p.base.ServiceVersion(p.target.Name, p.target.Version)
	if err != nil {
		return err
	}
	was := p.base.services[p.target.Name]
	var reasons []Reason
	if current := was.versions[was.pointer.Current]; current != nil {
		reasons = compareServices(current, service, nowhere)
	}
	if err := p.settle(was.pointer, reasons); err != nil {
		return err
	}
	if p.nothing() {
		return nil
	}
	for i, use := range service.Uses {
		e, err := p.base.viewEntry(use.View, use.Version)
		if err != nil {
			return fmt.Errorf("service %s: %w", service.ID(), err)
		}
		if err := p.ready(ctx, e, service.featuresOf(i)); err != nil {
			return fmt.Errorf("service %s: %w", service.ID(), err)
		}
	}
	return nil
}

func (p *promotion) settle(was Pointer, reasons []Reason) error {
	if was.Current == 0 {
		return fmt.Errorf("%s %s was removed: define it again before one of its versions is promoted: %w", was.Kind, was.Name, feature.ErrNotFound)
	}
	p.pointer = was
	p.pointer.Current = p.target.Version
	p.change = ObjectChange{
		Kind: was.Kind, Name: was.Name, Action: ActionPromote, Class: worst(reasons),
		From: was.Current, To: p.target.Version, Current: true, Reasons: reasons,
	}
	return nil
}

// nothing tells that the version is the current one already, whether its values
// are there or not.
func (p *promotion) nothing() bool { return p.change.From == p.change.To }

// ready checks that features of a view version can be read online, where the
// version is kept online at all.
func (p *promotion) ready(ctx context.Context, e *viewEntry, features []string) error {
	if !e.view.Online {
		return nil
	}
	lack, err := lacking(ctx, e.view, e.active, features, p.materialized)
	if err != nil {
		return err
	}
	if lack != "" {
		return fmt.Errorf("%s: %w", lack, feature.ErrConflict)
	}
	return nil
}

// lacking says why features of a view version that is kept online can't be read
// from its storage, and what to do; empty: they can.
func lacking(ctx context.Context, view *feature.ViewVersion, active *feature.Storage, features []string, materialized Materialized) (string, error) {
	if active == nil {
		return fmt.Sprintf("view %s has no storage in the online store any more: apply its definition again", view.ID()), nil
	}
	for _, name := range storedFeatures(view, features) {
		if !slices.ContainsFunc(active.Features, func(f feature.Field) bool { return f.Name == name }) {
			return fmt.Sprintf("feature %s of view %s is still being filled: run quiver materialize %s first", name, view.ID(), view.Name), nil
		}
	}
	done, err := materialized(ctx, active)
	if err != nil {
		return "", fmt.Errorf("find out whether view %s is materialized: %w", view.ID(), err)
	}
	if !done {
		return fmt.Sprintf("view %s is not materialized yet: run quiver materialize %s first", view.ID(), view.Name), nil
	}
	return "", nil
}

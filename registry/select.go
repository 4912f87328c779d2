package registry

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Service gives the selection of a service version, 0 meaning the current one. It
// is made once per snapshot and shared. An unknown name or version wraps
// ErrNotFound.
func (s *Snapshot) Service(name string, version int) (*feature.Selection, error) {
	service, err := s.ServiceVersion(name, version)
	if err != nil {
		return nil, err
	}
	key := serviceKey{name, service.Version}
	if made, ok := s.selections.Load(key); ok {
		if selection, ok := made.(*feature.Selection); ok {
			return selection, nil
		}
	}
	selection, err := s.selection(service)
	if err != nil {
		return nil, err
	}
	s.selections.Store(key, selection)
	return selection, nil
}

func (s *Snapshot) selection(service *ServiceVersion) (*feature.Selection, error) {
	selection := &feature.Selection{
		Service:  service.ID(),
		Revision: s.head.Revision,
		Uses:     make([]feature.Use, len(service.Uses)),
		Outputs:  make([]feature.Output, len(service.Outputs)),
	}
	for i, use := range service.Uses {
		e, err := s.viewEntry(use.View, use.Version)
		if err != nil {
			return nil, fmt.Errorf("service %s: %w", service.ID(), err)
		}
		selection.Uses[i] = feature.Use{View: e.view, Alias: use.Alias, Keys: use.Keys, Active: e.active}
	}
	for i := range selection.Uses {
		for _, name := range service.featuresOf(i) {
			if view := selection.Uses[i].View; view.Feature(name) < 0 {
				return nil, fmt.Errorf("service %s: view %s has no feature %s any more: %w", service.ID(), view.ID(), name, feature.ErrInvalid)
			}
		}
	}
	for i, out := range service.Outputs {
		if out.Use == feature.DerivedOutput {
			selection.Outputs[i] = feature.Output{Use: out.Use, Feature: service.derivedIndex(out.Feature), Name: out.Name}
			continue
		}
		f := selection.Uses[out.Use].View.Feature(out.Feature)
		selection.Outputs[i] = feature.Output{Use: out.Use, Feature: f, Name: out.Name}
	}
	derive(selection, service)
	return selection, nil
}

// derive completes a selection by what the service computes, and by the inputs that
// this takes.
func derive(selection *feature.Selection, service *ServiceVersion) {
	read := map[string]bool{}
	for i := range service.Derived {
		d := &service.Derived[i]
		selection.Derived = append(selection.Derived, feature.Field{Name: d.Name, Description: d.Description, Type: d.Type, Expression: d.Expression})
		for _, name := range d.Reads {
			read[name] = true
		}
	}
	for _, in := range service.Inputs {
		if read[in.Name] {
			selection.Inputs = append(selection.Inputs, in)
		}
	}
}

// Select gives the selection of a list of references, in their order; feature "*"
// stands for all features of its view. Output columns are named view__feature,
// and join keys are taken from the columns of their own names. An unknown view,
// version or feature wraps ErrNotFound; no reference at all, a feature that is
// asked for twice, and two features of one output name wrap ErrInvalid.
func (s *Snapshot) Select(refs []feature.Reference) (*feature.Selection, error) {
	if len(refs) == 0 {
		return nil, fmt.Errorf("no feature is asked for: name at least one, as view:feature: %w", feature.ErrInvalid)
	}
	b := selectionBuilder{
		snapshot:  s,
		selection: &feature.Selection{Revision: s.head.Revision},
		uses:      map[*feature.ViewVersion]int{},
		outputs:   map[string]feature.Reference{},
	}
	for _, ref := range refs {
		if err := b.add(ref); err != nil {
			return nil, err
		}
	}
	return b.selection, nil
}

type selectionBuilder struct {
	snapshot  *Snapshot
	selection *feature.Selection
	uses      map[*feature.ViewVersion]int
	outputs   map[string]feature.Reference // by output name
}

func (b *selectionBuilder) add(ref feature.Reference) error {
	e, err := b.snapshot.viewEntry(ref.View, ref.Version)
	if err != nil {
		return fmt.Errorf("feature reference %s: %w", ref, err)
	}
	use, seen := b.uses[e.view]
	if !seen {
		use = len(b.selection.Uses)
		b.uses[e.view] = use
		b.selection.Uses = append(b.selection.Uses, feature.Use{
			View: e.view, Alias: e.view.Name, Keys: keyNames(e.view.Keys), Active: e.active,
		})
	}
	if ref.Feature == "*" {
		for f := range e.view.Features {
			if err := b.output(ref, use, f); err != nil {
				return err
			}
		}
		return nil
	}
	f := e.view.Feature(ref.Feature)
	if f < 0 {
		return fmt.Errorf("feature reference %s: %w", ref, notFound("feature of "+e.view.ID(), ref.Feature, featureNames(e.view)))
	}
	return b.output(ref, use, f)
}

func (b *selectionBuilder) output(ref feature.Reference, use, f int) error {
	view := b.selection.Uses[use].View
	name := view.Name + "__" + view.Features[f].Name
	if other, ok := b.outputs[name]; ok {
		return fmt.Errorf("feature references %s and %s both give the output column %s: leave one out, or make a service that names one of them otherwise: %w",
			other, ref, name, feature.ErrInvalid)
	}
	b.outputs[name] = ref
	b.selection.Outputs = append(b.selection.Outputs, feature.Output{Use: use, Feature: f, Name: name})
	return nil
}

func keyNames(keys []feature.JoinKey) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return names
}

func featureNames(v *feature.ViewVersion) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for i := range v.Features {
			if !yield(v.Features[i].Name) {
				return
			}
		}
	}
}

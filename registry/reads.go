package registry

import (
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// storedFeatures gives, of features of a view, those that are stored, and in place of
// those that are expressions the stored ones that they are computed of; each once.
func storedFeatures(v *feature.ViewVersion, names []string) []string {
	var stored []string
	seen := map[string]bool{}
	var none *expression.Scope
	for left := slices.Clone(names); len(left) > 0; left = left[1:] {
		at := v.Feature(left[0])
		if seen[left[0]] {
			continue
		}
		seen[left[0]] = true
		switch {
		case at < 0: // as_of and event_timestamp among them
			if slices.Contains(names, left[0]) {
				stored = append(stored, left[0])
			}
		case !v.Features[at].IsDerived():
			stored = append(stored, left[0])
		default:
			if none == nil {
				none, _ = expression.NewScope(nil)
			}
			if o, err := none.Outline(v.Features[at].Expression); err == nil {
				left = append(left, o.Names...)
			}
		}
	}
	return stored
}

// featuresOf gives the features that a service version reads of one use: those that
// it delivers, and those that it derives others of.
func (s *ServiceVersion) featuresOf(use int) []string {
	var names []string
	for _, out := range s.Outputs {
		if out.Use == use {
			names = append(names, out.Feature)
		}
	}
	for i := range s.Derived {
		for _, read := range s.Derived[i].Reads {
			if alias, name, ok := strings.Cut(read, "."); ok && alias == s.Uses[use].Alias && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// reads tells whether a service version reads a feature of one use, or with the empty
// name whether it reads the view at all.
func (s *ServiceVersion) reads(use int, name string) bool {
	if name == "" {
		return true
	}
	if slices.ContainsFunc(s.Outputs, func(o ServiceOutput) bool { return o.Use == use && o.Feature == name }) {
		return true
	}
	read := s.Uses[use].Alias + "." + name
	return slices.ContainsFunc(s.Derived, func(d ServiceDerived) bool { return slices.Contains(d.Reads, read) })
}

// derivedIndex gives the index of a derived feature by its name, or -1.
func (s *ServiceVersion) derivedIndex(name string) int {
	return slices.IndexFunc(s.Derived, func(d ServiceDerived) bool { return d.Name == name })
}

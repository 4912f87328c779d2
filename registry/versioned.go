package registry

import (
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// versioned holds the versions of one view or service, T being what is kept of each.
type versioned[T any] struct {
	pointer  Pointer
	versions map[int]T
}

// numbers gives the versions that there are, oldest first.
func (v *versioned[T]) numbers() []int { return slices.Sorted(maps.Keys(v.versions)) }

// has tells whether there is a version.
func (v *versioned[T]) has(version int) bool {
	_, ok := v.versions[version]
	return ok
}

// named gives what bears a name; of an unknown one there is no version.
func named[T any](all map[string]*versioned[T], name string) *versioned[T] {
	if v := all[name]; v != nil {
		return v
	}
	return &versioned[T]{}
}

// claim gives what bears a name, and makes it where it is missing.
func claim[T any](all map[string]*versioned[T], name string) *versioned[T] {
	v := all[name]
	if v == nil {
		v = &versioned[T]{versions: map[int]T{}}
		all[name] = v
	}
	return v
}

// point sets a pointer. It is false where it points at a version that is missing.
func point[T any](all map[string]*versioned[T], p Pointer) bool {
	v := claim(all, p.Name)
	v.pointer = p
	return (p.Current == 0 || v.has(p.Current)) && (p.Defined == 0 || v.has(p.Defined))
}

// find gives a version, 0 meaning the current one. An unknown name or version wraps
// ErrNotFound.
func find[T any](kind string, all map[string]*versioned[T], name string, version int) (found T, err error) {
	v := all[name]
	if v == nil {
		return found, notFound(kind, name, currentNames(all))
	}
	if version == 0 {
		version = v.pointer.Current
	}
	switch {
	case version == 0:
		return found, fmt.Errorf("%s %s was removed; its versions can still be read by number, online as long as their values are kept: %s: %w",
			kind, name, versionList(name, v.numbers()), feature.ErrNotFound)
	case !v.has(version):
		return found, fmt.Errorf("%s %s has no version %d; there is %s: %w",
			kind, name, version, versionList(name, v.numbers()), feature.ErrNotFound)
	}
	return v.versions[version], nil
}

// currentNames gives the names that stand for a version.
func currentNames[T any](all map[string]*versioned[T]) iter.Seq[string] {
	return func(yield func(string) bool) {
		for name, v := range all {
			if v.pointer.Current != 0 && !yield(name) {
				return
			}
		}
	}
}

// versionedName writes an object with its version: delay_model@3; without one where
// it is 0.
func versionedName(name string, version int) string {
	if version == 0 {
		return name
	}
	return name + "@" + strconv.Itoa(version)
}

func versionList(name string, versions []int) string {
	names := make([]string, len(versions))
	for i, v := range versions {
		names[i] = versionedName(name, v)
	}
	return strings.Join(names, ", ")
}

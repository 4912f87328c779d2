package parquet

import (
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// names gives the names of the file's columns.
func (o *opened) names() []string {
	names := make([]string, 0, len(o.columns))
	for _, c := range o.root.children {
		names = append(names, c.name())
	}
	return names
}

// hint says what a missing name may have been meant to be.
func hint(name string, known []string) string {
	best := feature.Nearest(name, slices.Values(known))
	sorted := slices.Sorted(slices.Values(known))
	const most = 30
	if len(sorted) > most {
		sorted = append(sorted[:most], "…")
	}
	list := "; its columns are " + strings.Join(sorted, ", ")
	if best == "" {
		return list
	}
	return " (did you mean " + best + "?)" + list
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

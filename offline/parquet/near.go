package parquet

import (
	"slices"
	"strings"
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
	best, least := "", 1+len(name)/3
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d <= least && (best == "" || d < least) {
			best, least = k, d
		}
	}
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

// distance is the number of bytes to insert, delete or replace.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			next := diagonal
			if a[i] != b[j] {
				next = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return row[len(b)]
}

func sortedKeys(set map[string]bool) []string {
	keys := make([]string, 0, len(set))
	for k := range set {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

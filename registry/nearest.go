package registry

import (
	"fmt"
	"iter"

	"github.com/quiver-features/quiver/feature"
)

// Nearest gives the known name that a misspelled one most probably means, or ""
// where none is close: at most a third of its letters, or one, differ. Of equally
// near names the first in the order of strings is given.
func Nearest(name string, known iter.Seq[string]) string {
	best, least := "", max(1, len(name)/3)
	for k := range known {
		if d := len(k) - len(name); d > least || -d > least {
			continue
		}
		if d := distance(name, k); d < least || (d == least && (best == "" || k < best)) {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of letters to insert, remove, replace or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

// notFound is the error for a name that does not exist.
func notFound(what, name string, known iter.Seq[string]) error {
	if near := Nearest(name, known); near != "" {
		return fmt.Errorf("no %s is named %q (did you mean %q?): %w", what, name, near, feature.ErrNotFound)
	}
	return fmt.Errorf("no %s is named %q: %w", what, name, feature.ErrNotFound)
}

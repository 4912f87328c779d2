package registry

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// notFound is the error for a name that does not exist: it names the one that was
// probably meant, or some of those that there are.
func notFound(what, name string, known iter.Seq[string]) error {
	if near := feature.Nearest(name, known); near != "" {
		return fmt.Errorf("no %s is named %q (did you mean %q?): %w", what, name, near, feature.ErrNotFound)
	}
	if all := slices.Compact(slices.Sorted(known)); len(all) > 0 {
		return fmt.Errorf("no %s is named %q; there is %s: %w", what, name, shortList(all), feature.ErrNotFound)
	}
	return fmt.Errorf("no %s is named %q: %w", what, name, feature.ErrNotFound)
}

// shortList writes names, some of them where there are many.
func shortList(names []string) string {
	const most = 12
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

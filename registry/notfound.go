package registry

import (
	"fmt"
	"iter"

	"github.com/quiver-features/quiver/feature"
)

// notFound is the error for a name that does not exist.
func notFound(what, name string, known iter.Seq[string]) error {
	if near := feature.Nearest(name, known); near != "" {
		return fmt.Errorf("no %s is named %q (did you mean %q?): %w", what, name, near, feature.ErrNotFound)
	}
	return fmt.Errorf("no %s is named %q: %w", what, name, feature.ErrNotFound)
}

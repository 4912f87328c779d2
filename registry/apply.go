package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Apply commits a plan in one transaction and gives the number of the revision
// that it made. Where the registry moved on since the plan was made, nothing is
// applied and the error wraps ErrConflict. An empty plan makes no revision: the
// number is that of its base.
func Apply(ctx context.Context, store Store, plan *Plan, by Author) (int64, error) {
	if plan.Empty() {
		return plan.Base, nil
	}
	change := plan.write
	change.Author = by
	revision, err := store.Commit(ctx, plan.Base, change)
	if errors.Is(err, feature.ErrConflict) {
		return 0, fmt.Errorf("the registry changed since the plan was made, and nothing was applied: plan again, and apply what it says then: %w", err)
	}
	if err != nil {
		return 0, fmt.Errorf("apply: %w", err)
	}
	return revision, nil
}

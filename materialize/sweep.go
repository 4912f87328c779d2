package materialize

import (
	"context"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Sweep takes back what retired storages hold in the online store, and gives the numbers
// of those that it dropped. Others among the storages are left alone, and so are retired
// ones that hold nothing, or that a run may still be writing to. Storages come as they
// stood some time ago, before the runs of this command for instance, so that
// those who read one when it was retired have had the time to see that.
//
// An error is told after the other storages were tried; what is left is dropped by a
// later sweep.
func (r *Runner) Sweep(ctx context.Context, storages []*feature.Storage) (dropped []uint64, err error) {
	var retired []*feature.Storage
	for _, storage := range storages {
		if storage.State == feature.StorageRetired {
			retired = append(retired, storage)
		}
	}
	if len(retired) == 0 {
		return nil, nil
	}
	marks, err := r.Sink.Watermarks(ctx, retired)
	if err != nil {
		return nil, fmt.Errorf("retired storages: %w", err)
	}
	var failed []error
	for i, storage := range retired {
		if !marks[i].Known {
			continue
		}
		done, err := r.drop(ctx, storage)
		if err != nil {
			failed = append(failed, fmt.Errorf("view %s@%d: drop the retired storage %d: %w", storage.View, storage.Version, storage.ID, err))
		}
		if done {
			dropped = append(dropped, storage.ID)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return dropped, errors.Join(failed...)
}

// drop drops one storage, unless a run may be writing to it.
func (r *Runner) drop(ctx context.Context, storage *feature.Storage) (bool, error) {
	runs, err := r.Ledger.Runs(ctx, storage.ID, lookBack)
	if err != nil {
		return false, fmt.Errorf("records of runs: %w", err)
	}
	for i := range runs {
		if MayLive(runs[i], r.Wall()) {
			return false, nil
		}
	}
	if err := r.Sink.Drop(ctx, storage); err != nil {
		return false, err
	}
	return true, nil
}

package materialize

import (
	"context"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Sweep takes back what retired storages hold in the online store, has the ledger forget
// them, and gives the numbers of those that it dropped: some hold nothing. Others among the
// storages are left alone, and so are those that a run may still be writing to. Storages come as they
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
		held, err := r.takeBack(ctx, storage, marks[i].Known)
		if err != nil {
			failed = append(failed, fmt.Errorf("view %s@%d: drop the retired storage %d: %w", storage.View, storage.Version, storage.ID, err))
		}
		if held {
			dropped = append(dropped, storage.ID)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return dropped, errors.Join(failed...)
}

// takeBack drops what one storage holds and forgets it, unless a run may be writing to
// it. It tells whether something was dropped.
func (r *Runner) takeBack(ctx context.Context, storage *feature.Storage, holds bool) (dropped bool, err error) {
	runs, err := r.Ledger.Runs(ctx, storage.ID, lookBack)
	if err != nil {
		return false, fmt.Errorf("records of runs: %w", err)
	}
	for i := range runs {
		if MayLive(runs[i], r.Wall()) {
			return false, nil
		}
	}
	if holds {
		if err := r.Sink.Drop(ctx, storage); err != nil {
			return false, err
		}
	}
	return holds, r.Ledger.ForgetStorage(ctx, storage.ID)
}

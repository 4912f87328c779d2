package materialize

import (
	"context"
	"fmt"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// follow makes a run of a view with aggregates one that takes in all that the runs
// recorded before it do, if they are at work still, only seem to be dead, or failed: what
// these wrote stays, and how much that was a record does not tell, as a write that fails may
// have done a part. It leads no less far, and sees every file that they saw, as it lists them once more now that it has its
// number. So of two runs the one with the greater number brings tiles with no less in
// them, and it is right that they stay. (Rows need none of that: the later row stays,
// whoever wrote it.)
func (r *Runner) follow(ctx context.Context, q Request, storage *feature.Storage, l *live) error {
	if !q.View.HasAggregates() {
		return nil
	}
	before, err := r.before(ctx, storage, l)
	if err != nil {
		return fmt.Errorf("records of runs: %w", err)
	}
	if l.completes != 0 && len(before) > 0 && before[0].Number == l.completes {
		return nil // nobody has begun since, and what was killed is completed as it was
	}
	files, err := r.Source.Files(ctx, q.View)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.completes, l.run.Checkpoint = 0, 0
	for _, o := range before {
		l.run.To = max(l.run.To, o.To)
	}
	l.run.Files = carry(l.base.Files, files)
	l.run.Gone = compareFiles(l.base.Files, files).gone(l.base.Gone)
	return r.save(ctx, l.run)
}

// before gives the records of the runs before this one that it may have to follow, newest
// first: back to its base, or to one that is done and so has followed all before it. Between
// these there are as many as have failed in a row.
func (r *Runner) before(ctx context.Context, storage *feature.Storage, l *live) ([]feature.Run, error) {
	for limit := lookBack; ; limit *= 8 {
		runs, err := r.Ledger.Runs(ctx, storage.ID, limit)
		if err != nil {
			return nil, err
		}
		all := len(runs) < limit
		runs = slices.DeleteFunc(runs, func(o feature.Run) bool { return o.Number >= l.run.Number })
		last := slices.IndexFunc(runs, func(o feature.Run) bool { return o.Number <= l.base.Number || o.State == feature.RunDone })
		switch {
		case last >= 0 && runs[last].Number <= l.base.Number:
			return runs[:last], nil
		case last >= 0:
			return runs[:last+1], nil
		case all:
			return runs, nil
		}
	}
}

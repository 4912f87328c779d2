package materialize

import (
	"context"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Status is how a view stands in the online store.
type Status struct {
	View      *feature.ViewVersion
	Storage   *feature.Storage // what readers use
	Filling   *feature.Storage // a new layout that waits to be filled; nil: none
	Watermark feature.Watermark
	LastRun   *feature.Run // the newest record of the storage; nil: none
	Changes   Changes      // of the files since the run that set the watermark
	// Gone are the paths of files that the storage was filled from and that have
	// changed or were removed, now or before an earlier run.
	Gone []string
	// Stale tells that the watermark is older than the view's max_staleness.
	Stale bool
}

// NeedsRebuild tells that files which the storage was filled from have changed or
// are gone: rows that only they held are still served.
func (s Status) NeedsRebuild() bool { return len(s.Gone) > 0 }

// Status looks at one view. It changes nothing.
func (r *Runner) Status(ctx context.Context, view *feature.ViewVersion, active, filling *feature.Storage) (Status, error) {
	s := Status{View: view, Storage: active, Filling: filling}
	var err error
	if s.Watermark, err = r.Sink.Watermark(ctx, active); err != nil {
		return s, fmt.Errorf("view %s: %w", view.ID(), err)
	}
	runs, err := r.Ledger.Runs(ctx, active.ID, 1)
	if err != nil {
		return s, fmt.Errorf("view %s: records of runs: %w", view.ID(), err)
	}
	if len(runs) > 0 {
		s.LastRun = &runs[0]
	}
	s.Stale = view.MaxStaleness > 0 && (!s.Watermark.Holds() || r.Clock().Sub(s.Watermark.Time) > view.MaxStaleness)
	if !s.Watermark.Holds() {
		return s, nil
	}
	base, err := r.Ledger.Run(ctx, s.Watermark.Run)
	if errors.Is(err, feature.ErrNotFound) || err == nil && base.Storage != active.ID {
		base, err = feature.Run{}, nil // as a run sees it: everything is new
	}
	if err != nil {
		return s, fmt.Errorf("view %s: record of run %d, which set the watermark: %w", view.ID(), s.Watermark.Run, err)
	}
	now, err := r.Source.Files(ctx, view)
	if err != nil {
		return s, fmt.Errorf("view %s: %w", view.ID(), err)
	}
	s.Changes = compareFiles(base.Files, now)
	s.Gone = s.Changes.gone(base.Gone)
	return s, nil
}

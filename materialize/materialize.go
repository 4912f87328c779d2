package materialize

import (
	"context"

	"github.com/quiver-features/quiver/feature"
)

// Source is what a run reads from: the offline store.
type Source interface {
	// Files fixes the files of a view's source as they stand, in the order of
	// their paths.
	Files(ctx context.Context, view *feature.ViewVersion) ([]feature.File, error)
	// Latest delivers, over the rows that the pass scans for with visible_from <= To,
	// the latest row of each key, once a key, in batches of at most a few thousand
	// rows. TTL is not applied: only T1 and T3. Of a view with aggregates each key also
	// gets the tiles that those rows touch, computed of all files of the pass. The order
	// of keys depends only on the scans and the files' content, so that a killed run can
	// be completed from a checkpoint, and begins after those that the pass skips. An
	// error of deliver ends the pass and is returned.
	Latest(ctx context.Context, view *feature.ViewVersion, pass feature.Pass, deliver func(*feature.Batch) error) (feature.ScanResult, error)
}

// Sink is what a run writes to: the online store.
type Sink interface {
	// Watermark tells what the store knows of a storage.
	Watermark(ctx context.Context, storage *feature.Storage) (feature.Watermark, error)
	// Watermarks tells it of many storages at once, in their order.
	Watermarks(ctx context.Context, storages []*feature.Storage) ([]feature.Watermark, error)
	// Write puts the latest rows of a storage. Of two rows of a key the later one
	// stays, so repeating and reordering are harmless. Rows whose TTL and grace are
	// over are not written. Of a view with aggregates a key's tiles are replaced by those
	// that the batch brings, unless a later run has written them.
	Write(ctx context.Context, storage *feature.Storage, view *feature.ViewVersion, batch *feature.Batch, from feature.Origin) (feature.WriteResult, error)
	// Advance moves the watermark after everything up to it was written. It never
	// goes back. MinTime marks that a run has begun where nothing is known or values
	// were lost, and else changes nothing; since is not looked at then. Any other
	// time is refused, with an error that wraps feature.ErrUnavailable, where values
	// were lost since the run began: the watermark is gone, tells a loss, or has
	// another Since.
	Advance(ctx context.Context, storage *feature.Storage, to feature.Time, run, since int64) error
	// Drop removes the rows of a storage that nobody uses any more, and then its
	// watermark. After an error any part may be left, and repeating the call is right.
	Drop(ctx context.Context, storage *feature.Storage) error
}

// Ledger keeps the records of runs and says which storages a view has: the
// registry.
type Ledger interface {
	// StartRun records a new run and gives it the next number.
	StartRun(ctx context.Context, run feature.Run) (int64, error)
	// SaveRun replaces the record of a run. A run that is done or failed is not
	// replaced: that is an error that wraps feature.ErrConflict.
	SaveRun(ctx context.Context, run feature.Run) error
	// Run gives one record by its number.
	Run(ctx context.Context, number int64) (feature.Run, error)
	// Runs gives records, newest first: of one storage, or of all for storage 0.
	// At most limit; 0 means all.
	Runs(ctx context.Context, storage uint64, limit int) ([]feature.Run, error)
	// NewStorage makes a storage for a view version, in the layout that the version
	// has now, to be filled beside the active one. One that was being filled is
	// retired.
	NewStorage(ctx context.Context, view string, version int) (feature.Storage, error)
	// Served tells which storage of a view version readers are given, and how many of its
	// runs are done.
	Served(ctx context.Context, view string, version int) (feature.Served, error)
	// ActivateStorage makes a filled storage the one that its view version is read
	// from, and retires the one before, if served is still what Served tells; else it
	// wraps ErrConflict, as it does for a storage that is retired. Doing it twice is harmless.
	ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error
	// ForgetStorage has a retired storage, of which nothing is left in the online
	// store, no more among those that a sweep is given. Doing it twice is harmless.
	ForgetStorage(ctx context.Context, storage uint64) error
}

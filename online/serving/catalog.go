package serving

import (
	"context"

	"github.com/quiver-features/quiver/feature"
)

// Catalog is where definitions come from: the registry. It is called by one
// goroutine at a time.
type Catalog interface {
	// Head gives a number that changes whenever something changes that Load
	// shows. It is asked often and is cheap.
	Head(ctx context.Context) (serial int64, err error)
	// Load gives the definitions as they stand.
	Load(ctx context.Context) (Snapshot, error)
	// Filled tells whether a run has ever filled a storage. It is asked once for a
	// storage of which the online store knows nothing.
	Filled(ctx context.Context, storage uint64) (bool, error)
}

// Snapshot is definitions at one moment. It is immutable and safe for concurrent
// use.
type Snapshot interface {
	// Service looks up a service; version 0 is its current one. The error wraps
	// feature.ErrNotFound and tells the nearest known name.
	Service(name string, version int) (*feature.Selection, error)
	// Select looks up references. The error wraps feature.ErrNotFound or
	// feature.ErrInvalid (clashing output names).
	Select(refs []feature.Reference) (*feature.Selection, error)
	// Storage gives a storage by its number. An unknown one wraps feature.ErrNotFound.
	Storage(id uint64) (*feature.Storage, error)
	// Revision is the registry's revision.
	Revision() int64
}

// Store is what is asked of an online store: part of online.Store, whose
// comments hold here. It is safe for concurrent use.
type Store interface {
	Get(ctx context.Context, keys [][]byte) ([][]byte, error)
	Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error)
}

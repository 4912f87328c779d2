package online

import (
	"context"

	"github.com/quiver-features/quiver/feature"
)

// Store keeps the latest row of every key of every storage. Keys and values are
// bytes that a Layout made; a key is unique over all storages of a store. A
// Store is bound to one registry when it is opened.
//
// All methods are safe for concurrent use, by several processes too. Errors
// wrap feature.ErrUnavailable where trying again may help. Where a context ends
// first, its error is wrapped beside ErrUnavailable.
type Store interface {
	// Get reads the values of keys, in their order, nil where there is none, in
	// one round trip per node. The values are the caller's. Keys are not kept.
	Get(ctx context.Context, keys [][]byte) ([][]byte, error)

	// Put writes rows of one storage. Of two rows of a key the later by the
	// order of rows stays (stamp, then values), whatever the order in which they
	// arrive and however often. Keys within one call may repeat. Each row is
	// written atomically, the call as a whole is not: after an error any part of
	// the rows may be written, and repeating the call is right. Rows are not kept.
	Put(ctx context.Context, layout *Layout, rows []Row) (PutResult, error)

	// Watermarks reads what is known of storages, in their order.
	Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error)

	// Advance sets the watermark of a storage, with what tells later that nothing
	// was lost since. It is called after everything up to the watermark is
	// written. A watermark never goes back: an earlier time than the known one
	// changes nothing, unless values were lost since (then it is replaced).
	Advance(ctx context.Context, storage uint64, to feature.Time, run int64) error

	// Ping tells whether the store answers.
	Ping(ctx context.Context) error

	// Close releases what the store holds. It may be called twice.
	Close() error
}

// Row is a key with its value, as Layout encodes them.
type Row struct {
	Key   []byte
	Value []byte
	// Expires is when the store may forget the row (TTL and grace are over), in
	// the time of the project's clock. feature.MaxTime: never.
	Expires feature.Time
}

// PutResult counts what Put did with its rows.
type PutResult struct {
	Written int // rows that are now in the store because of this call
	Kept    int // rows for which the store had the same or a later one
	Bytes   int // of keys and values written
}

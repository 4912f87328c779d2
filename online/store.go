package online

import (
	"context"

	"github.com/quiver-features/quiver/feature"
)

// Store keeps the latest row of every key of every storage. Keys and values are
// bytes that a Layout made; a key is unique over all storages of a store. A
// Store is bound to one registry when it is opened: opening the store of another
// registry is an error that wraps feature.ErrConflict.
//
// All methods are safe for concurrent use, by several processes too. Errors
// wrap feature.ErrUnavailable where trying again may help. Where a context ends
// first, its error is wrapped beside ErrUnavailable.
type Store interface {
	// Get reads the values of keys, in their order, nil where there is none, in
	// one round trip per node. The values are the caller's. Keys are not kept.
	// Where keys are absent, a store that can lose values looks again at the watermarks of
	// their storages, if it told through this handle that they hold: where one does not any
	// more, the error wraps feature.ErrUnavailable. What holds is told by Watermarks alone.
	// Where only some keys can't be told, the values of the others are given beside an
	// error that is a *PartialError.
	Get(ctx context.Context, keys [][]byte) ([][]byte, error)

	// Put writes rows of one storage whose layout has no tiles. Of two rows of a key the later by the
	// order of rows stays (stamp, then values), whatever the order in which they
	// arrive and however often. Keys within one call may repeat. Each row is
	// written atomically, the call as a whole is not: after an error any part of
	// the rows may be written, and repeating the call is right. Rows are not kept.
	// A stored value that is not of the layout is never overwritten: the error names
	// its key and wraps feature.ErrInvalid.
	Put(ctx context.Context, layout *Layout, rows []Row) (PutResult, error)

	// Merge replaces values of one storage whose layout has tiles: for each key, which stands
	// there once, it reads what is there where writes go to, nil where there is none, calls
	// merge with the key's index, and writes what that gives, unless another writer changed it
	// meanwhile: then it is read and merged again. merge is called by one goroutine at a time,
	// in any order, more than once where that is needed, and with memory that it must not
	// change or keep; what it gives is read until Merge returns. A value that is nil leaves
	// what is there. Each value is replaced atomically, the call as a whole is not: after an
	// error any part may be written, and repeating the call is right. An error of merge ends
	// the call; it is wrapped, and the key is named.
	Merge(ctx context.Context, layout *Layout, keys [][]byte, merge MergeFunc) (PutResult, error)

	// Watermarks reads what is known of storages, in their order.
	Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error)

	// Advance sets the watermark of a storage, with what tells later that nothing
	// was lost since. A run that finds no watermark, or a lost one, first calls it
	// with feature.MinTime, which marks that a run has begun, so that what is lost
	// while it writes is seen; every run calls it after everything up to the
	// watermark is written.
	//
	// MinTime sets the mark of a beginning, with run as its Since, where no watermark
	// is known or values were lost since; else it changes nothing.
	//
	// Any other time keeps Since, which the caller read when its run began. Where the
	// watermark has another one, tells a loss, or is gone, values may have been lost
	// that this run or one before it wrote: nothing is changed, the error wraps
	// feature.ErrUnavailable, and the run must begin again. A watermark never goes
	// back: one that is not after the known one changes nothing, where of two of one
	// time the greater run number is the later. When it returns nil, everything
	// written before is as durable as the store can make it.
	Advance(ctx context.Context, storage uint64, to feature.Time, run, since int64) error

	// Drop removes all rows and the watermark of a storage that nobody reads or writes
	// any more. First the watermark is set back to feature.MinTime, so that one who
	// reads on all the same never takes a removed row for one that never was; it goes
	// last, so that a watermark that is known tells that there is something left to
	// drop. It may take long, in steps that keep other calls waiting for milliseconds
	// only. After an error any part may be left, and repeating the call is right, as it
	// is where there is nothing. Rows of other storages are not touched.
	Drop(ctx context.Context, storage uint64) error

	// Close releases what the store holds. It may be called twice.
	Close() error
}

// MergeFunc makes of the value of key i, nil where there is none, the one that follows it,
// and says when that may be forgotten, as Row does.
type MergeFunc func(i int, old []byte) (value []byte, expires feature.Time, err error)

// PartialError is the error of a Get that could not tell of some keys whether they have a
// value, and which.
type PartialError struct {
	Unread []int // indexes into the keys, rising
	Err    error
}

// Error gives the reason.
func (e *PartialError) Error() string { return e.Err.Error() }

// Unwrap gives the reason.
func (e *PartialError) Unwrap() error { return e.Err }

// Row is a key with its value, as Layout encodes them.
type Row struct {
	Key   []byte
	Value []byte
	// Expires is when the store may forget the row (TTL and grace are over), in
	// the time of the project's clock. feature.MaxTime: never.
	Expires feature.Time
}

// PutResult counts what Put did with its rows, or Merge with its keys.
type PutResult struct {
	Written int // rows that are now in the store because of this call
	Kept    int // rows for which the store had the same or a later one; keys that merge left as they are
	Bytes   int // of keys and values written
}

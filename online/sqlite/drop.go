package sqlite

import (
	"context"
	"database/sql"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// dropRows are looked at in one step and deleted in one transaction at most, so that
// no writer waits for long.
const dropRows = 5_000

// Drop removes all rows and the watermark of a storage, as the contract says. The
// file keeps its size: the space is used again.
func (s *Store) Drop(ctx context.Context, storage uint64) error {
	_, err := s.writes.ExecContext(ctx, `UPDATE watermark SET "to" = ?, since = 0 WHERE storage = ?`, int64(feature.MinTime), int64(storage))
	if err == nil {
		err = s.dropAllRows(ctx, storage)
	}
	// The log keeps the order: after a power failure the watermark is not gone before the rows.
	if err == nil {
		_, err = s.writes.ExecContext(ctx, "DELETE FROM watermark WHERE storage = ?", int64(storage))
	}
	return s.failed(ctx, "drop a storage of", err)
}

// dropAllRows walks over the rows that there are now. It reads as other readers do, and
// waits for the writers only where there is something to delete.
func (s *Store) dropAllRows(ctx context.Context, storage uint64) error {
	var last sql.NullInt64
	if err := s.reads.QueryRowContext(ctx, "SELECT max(rowid) FROM row").Scan(&last); err != nil {
		return err
	}
	for at := int64(0); at < last.Int64; {
		keys, next, err := s.keysAfter(ctx, storage, at, last.Int64)
		if err != nil {
			return err
		}
		if len(keys) > 0 {
			if err := s.write(ctx, func(tx *sql.Tx) error { return remove(ctx, tx, keys) }); err != nil {
				return err
			}
		}
		at = next
	}
	return nil
}

// keysAfter looks at the next dropRows rows after a rowid and up to another one. It gives the
// keys among them that are of the storage, and the rowid to go on from.
func (s *Store) keysAfter(ctx context.Context, storage uint64, after, last int64) (keys [][]byte, next int64, err error) {
	rows, err := s.reads.QueryContext(ctx, "SELECT rowid, key FROM row WHERE rowid > ? AND rowid <= ? ORDER BY rowid LIMIT ?", after, last, dropRows)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = rows.Close() }()
	seen := 0
	for ; rows.Next(); seen++ {
		var key sql.RawBytes
		if err := rows.Scan(&next, &key); err != nil {
			return nil, 0, err
		}
		if of, ok := online.StorageOf(key); ok && of == storage {
			keys = append(keys, append([]byte(nil), key...))
		}
	}
	if seen < dropRows {
		next = last
	}
	return keys, next, rows.Err()
}

// remove deletes rows by their keys, as a rowid may be another row's by now.
func remove(ctx context.Context, tx *sql.Tx, keys [][]byte) error {
	stmt, err := tx.PrepareContext(ctx, "DELETE FROM row WHERE key = ?")
	if err != nil {
		return err
	}
	defer func() { _ = stmt.Close() }()
	for _, key := range keys {
		if _, err := stmt.ExecContext(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

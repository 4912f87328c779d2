package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/quiver-features/quiver/online"
)

// mergeKeys is how many values one transaction merges: they are long, and other writers
// wait for it.
const mergeKeys = 512

// Merge replaces values by what merge makes of them. As one process writes at a time,
// nothing changes in between.
func (s *Store) Merge(ctx context.Context, layout *online.Layout, keys [][]byte, merge online.MergeFunc) (online.PutResult, error) {
	var result online.PutResult
	for from := 0; from < len(keys); from += mergeKeys {
		to := min(from+mergeKeys, len(keys))
		one := online.PutResult{}
		err := s.write(ctx, func(tx *sql.Tx) error { return s.mergeBatch(ctx, tx, layout, keys, from, to, merge, &one) })
		if err != nil {
			return result, s.failed(ctx, "write values to", err)
		}
		result.Written += one.Written
		result.Kept += one.Kept
		result.Bytes += one.Bytes
	}
	return result, nil
}

// mergeBatch merges the values of the keys from one to before another, in one transaction.
func (s *Store) mergeBatch(ctx context.Context, tx *sql.Tx, layout *online.Layout, keys [][]byte, from, to int, merge online.MergeFunc, result *online.PutResult) error {
	old := make([][]byte, to-from)
	if err := read(ctx, s.peeks, tx, keys[from:to], old); err != nil {
		return err
	}
	var rows []online.Row
	for i := from; i < to; i++ {
		value, expires, err := merge(i, old[i-from])
		if err != nil {
			return fmt.Errorf("online/sqlite: the value of %s in %s was left as it is: %w", layout.KeyText(keys[i]), s.path, err)
		}
		if value == nil {
			result.Kept++
			continue
		}
		rows = append(rows, online.Row{Key: keys[i], Value: value, Expires: expires})
		result.Written++
		result.Bytes += len(keys[i]) + len(value)
	}
	return s.insert(ctx, tx, rows)
}

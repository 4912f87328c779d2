package sqlite

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

const (
	transactionRows = 10_000 // of one commit
	putRows         = 64     // of one insert statement
)

// getSizes are how many keys the statements that read take. A read uses the least
// that is enough and fills it up with its last key.
func getSizes() []int { return []int{1, 8, 64, 512} }

func (s *Store) prepare(ctx context.Context) error {
	for _, n := range getSizes() {
		text := "WITH wanted(i, key) AS (VALUES " + placeholders("(%d, ?)", n) + ") SELECT i, value FROM wanted CROSS JOIN row USING (key)"
		get, err := s.reads.PrepareContext(ctx, text) //nolint:sqlclosecheck // by Close
		if err != nil {
			return s.failed(ctx, "open", err)
		}
		s.gets = append(s.gets, get)
		peek, err := s.writes.PrepareContext(ctx, text) //nolint:sqlclosecheck // by Close
		if err != nil {
			return s.failed(ctx, "open", err)
		}
		s.peeks = append(s.peeks, peek)
	}
	for _, n := range []int{1, putRows} {
		text := "INSERT INTO row (key, value, expires) VALUES " + placeholders("(?, ?, ?)", n) +
			" ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires = excluded.expires"
		put, err := s.writes.PrepareContext(ctx, text) //nolint:sqlclosecheck // by Close
		if err != nil {
			return s.failed(ctx, "open", err)
		}
		s.puts = append(s.puts, put)
	}
	return nil
}

func placeholders(one string, n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = one
		if strings.Contains(one, "%") {
			list[i] = fmt.Sprintf(one, i)
		}
	}
	return strings.Join(list, ", ")
}

// Get reads the values of keys, in their order, nil where there is none.
func (s *Store) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if err := read(ctx, s.gets, nil, keys, values); err != nil {
		return nil, s.failed(ctx, fmt.Sprintf("read %d values of", len(keys)), err)
	}
	return values, nil
}

// read fills values with those of keys, by statements of getSizes, in a transaction
// where one is given.
func read(ctx context.Context, statements []*sql.Stmt, tx *sql.Tx, keys, values [][]byte) error {
	sizes := getSizes()
	var args []any
	for len(keys) > 0 {
		n := min(len(keys), sizes[len(sizes)-1])
		at, _ := slices.BinarySearch(sizes, n)
		stmt := statements[at]
		if tx != nil {
			stmt = tx.StmtContext(ctx, stmt)
		}
		args = args[:0]
		for i := range sizes[at] {
			args = append(args, keys[min(i, n-1)])
		}
		if err := readSome(ctx, stmt, args, values[:n]); err != nil {
			return err
		}
		keys, values = keys[n:], values[n:]
	}
	return nil
}

func readSome(ctx context.Context, stmt *sql.Stmt, args []any, values [][]byte) error {
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var i int
		var value []byte
		if err := rows.Scan(&i, &value); err != nil {
			return err
		}
		if value == nil {
			value = []byte{} // the driver gives nil for a value of no bytes
		}
		if i < len(values) {
			values[i] = value
		}
	}
	return rows.Err()
}

// Put writes rows, each where it is later than what is there.
func (s *Store) Put(ctx context.Context, layout *online.Layout, rows []online.Row) (online.PutResult, error) {
	var result online.PutResult
	// In the order of keys, pages are touched one after the other.
	sorted := slices.Clone(rows)
	slices.SortStableFunc(sorted, func(a, b online.Row) int { return bytes.Compare(a.Key, b.Key) })
	for batch := range slices.Chunk(sorted, transactionRows) {
		one := online.PutResult{}
		err := s.write(ctx, func(tx *sql.Tx) error { return s.putBatch(ctx, tx, layout, batch, &one) })
		if err != nil {
			return result, s.failed(ctx, "write values to", err)
		}
		result.Written += one.Written
		result.Kept += one.Kept
		result.Bytes += one.Bytes
	}
	return result, nil
}

// putBatch writes rows, sorted by key, in one transaction.
func (s *Store) putBatch(ctx context.Context, tx *sql.Tx, layout *online.Layout, rows []online.Row, result *online.PutResult) error {
	rows, err := latest(layout, rows, result)
	if err != nil {
		return s.incomparable(err)
	}
	keys, old := make([][]byte, len(rows)), make([][]byte, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	if err := read(ctx, s.peeks, tx, keys, old); err != nil {
		return err
	}
	later := rows[:0:0]
	for i := range rows {
		if old[i] != nil {
			c, err := layout.Compare(rows[i].Value, old[i])
			if err != nil {
				return s.incomparable(fmt.Errorf("%s: %w", layout.KeyText(rows[i].Key), err))
			}
			if c <= 0 {
				result.Kept++
				continue
			}
		}
		later = append(later, rows[i])
		result.Written++
		result.Bytes += len(rows[i].Key) + len(rows[i].Value)
	}
	return s.insert(ctx, tx, later)
}

// latest keeps the latest row of each key. Rows are sorted by key.
func latest(layout *online.Layout, rows []online.Row, result *online.PutResult) ([]online.Row, error) {
	kept := make([]online.Row, 0, len(rows))
	for i := range rows {
		last := len(kept) - 1
		if last < 0 || !bytes.Equal(kept[last].Key, rows[i].Key) {
			kept = append(kept, rows[i])
			continue
		}
		c, err := layout.Compare(rows[i].Value, kept[last].Value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", layout.KeyText(rows[i].Key), err)
		}
		if c > 0 {
			kept[last] = rows[i]
		}
		result.Kept++
	}
	return kept, nil
}

func (s *Store) incomparable(err error) error {
	return fmt.Errorf("online/sqlite: a value in %s can't be compared and was left as it is: %w", s.path, err)
}

func (s *Store) insert(ctx context.Context, tx *sql.Tx, rows []online.Row) error {
	var args []any
	for len(rows) > 0 {
		stmt, n := s.puts[0], 1
		if len(rows) >= putRows {
			stmt, n = s.puts[1], putRows
		}
		args = args[:0]
		for i := range rows[:n] {
			var expires any
			if rows[i].Expires != feature.MaxTime {
				expires = int64(rows[i].Expires)
			}
			args = append(args, rows[i].Key, rows[i].Value, expires)
		}
		bound := tx.StmtContext(ctx, stmt) //nolint:sqlclosecheck // by the end of the transaction
		if _, err := bound.ExecContext(ctx, args...); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

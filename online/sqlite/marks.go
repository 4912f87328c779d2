package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

const (
	// sweepEvery is how long expired rows may stay beyond their grace, in the time of
	// the project's clock.
	sweepEvery = feature.Hour
	// sweepRows are looked at in one transaction, so that no writer waits for long.
	sweepRows = 50_000
)

// Watermarks reads what is known of storages, in their order. A file loses nothing
// that it does not lose together with its watermarks, so that none is ever lost.
func (s *Store) Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error) {
	marks := make([]feature.Watermark, len(storages))
	for i, storage := range storages {
		var to, run int64
		err := s.reads.QueryRowContext(ctx, `SELECT "to", run FROM watermark WHERE storage = ?`, int64(storage)).Scan(&to, &run)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, s.failed(ctx, "read watermarks of", err)
		default:
			marks[i] = feature.Watermark{Known: true, Time: feature.Time(to), Run: run}
		}
	}
	return marks, nil
}

// Advance sets the watermark of a storage, as the contract says. When it returns, all
// that was written before is on the disk. It also forgets expired rows, at most once
// an hour.
func (s *Store) Advance(ctx context.Context, storage uint64, to feature.Time, run int64) error {
	if err := s.advance(ctx, storage, to, run); err != nil {
		return s.failed(ctx, "write a watermark to", err)
	}
	return s.failed(ctx, "delete expired values from", s.sweep(ctx))
}

func (s *Store) advance(ctx context.Context, storage uint64, to feature.Time, run int64) (err error) {
	conn, err := s.writes.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	if _, err := conn.ExecContext(ctx, "PRAGMA synchronous=FULL"); err != nil {
		return err
	}
	err = set(ctx, conn, storage, to, run)
	// The connection goes back to the pool as it was, even when the caller gave up.
	_, reset := conn.ExecContext(context.WithoutCancel(ctx), "PRAGMA synchronous=NORMAL")
	return errors.Join(err, reset)
}

// set writes a watermark. Only the mark of a beginning makes one where there is none.
func set(ctx context.Context, conn *sql.Conn, storage uint64, to feature.Time, run int64) error {
	if to == feature.MinTime {
		_, err := conn.ExecContext(ctx, `INSERT INTO watermark VALUES (?1, ?2, ?3) ON CONFLICT (storage) DO UPDATE
			SET run = ?3 WHERE "to" = ?2 AND run < ?3`, int64(storage), int64(to), run)
		return err
	}
	_, err := conn.ExecContext(ctx, `UPDATE watermark SET "to" = ?2, run = ?3 WHERE storage = ?1 AND (?2, ?3) > ("to", run)`,
		int64(storage), int64(to), run)
	if err != nil {
		return err
	}
	var known bool
	err = conn.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM watermark WHERE storage = ?)", int64(storage)).Scan(&known)
	if err == nil && !known {
		err = fmt.Errorf("storage %d has no watermark: no run has begun, or it was lost since: run it again: %w", storage, feature.ErrUnavailable)
	}
	return err
}

// sweep deletes rows whose grace is over, unless that was done lately.
func (s *Store) sweep(ctx context.Context) error {
	now := s.clock()
	var due bool
	var last sql.NullInt64
	err := s.write(ctx, func(tx *sql.Tx) error {
		var swept int64
		err := tx.QueryRowContext(ctx, "SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'swept'").Scan(&swept)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		// A clock that was set back makes it due as well.
		if due = err != nil || now.Sub(feature.Time(swept)) >= sweepEvery || now < feature.Time(swept); !due {
			return nil
		}
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES ('swept', ?)", int64(now)); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT max(rowid) FROM row").Scan(&last)
	})
	if err != nil || !due {
		return err
	}
	for from := int64(0); from <= last.Int64; from += sweepRows {
		_, err := s.writes.ExecContext(ctx, "DELETE FROM row WHERE rowid BETWEEN ? AND ? AND expires <= ?", from, from+sweepRows-1, int64(now))
		if err != nil {
			return err
		}
	}
	return nil
}

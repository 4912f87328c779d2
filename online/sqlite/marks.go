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
		var to, run, since int64
		err := s.reads.QueryRowContext(ctx, `SELECT "to", run, since FROM watermark WHERE storage = ?`, int64(storage)).Scan(&to, &run, &since)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return nil, s.failed(ctx, "read watermarks of", err)
		default:
			marks[i] = feature.Watermark{Known: true, Time: feature.Time(to), Run: run, Since: since}
		}
	}
	return marks, nil
}

// Advance sets the watermark of a storage, as the contract says. It also forgets
// expired rows, at most once an hour.
func (s *Store) Advance(ctx context.Context, storage uint64, to feature.Time, run, since int64) error {
	err := s.write(ctx, func(tx *sql.Tx) error { return set(ctx, tx, storage, to, run, since) })
	if err != nil {
		return s.failed(ctx, "write a watermark to", err)
	}
	_ = s.sweep(ctx) // the watermark is set; what could not be deleted now is at the next time
	return nil
}

// set writes a watermark. Only the mark of a beginning makes one where there is none.
func set(ctx context.Context, tx *sql.Tx, storage uint64, to feature.Time, run, since int64) error {
	if to == feature.MinTime {
		_, err := tx.ExecContext(ctx, "INSERT INTO watermark VALUES (?1, ?2, ?3, ?3) ON CONFLICT (storage) DO NOTHING", int64(storage), int64(to), run)
		return err
	}
	_, err := tx.ExecContext(ctx, `UPDATE watermark SET "to" = ?2, run = ?3 WHERE storage = ?1 AND since = ?4 AND since <> 0 AND (?2, ?3) > ("to", run)`,
		int64(storage), int64(to), run, since)
	if err != nil {
		return err
	}
	var known bool
	err = tx.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM watermark WHERE storage = ? AND since = ? AND since <> 0)", int64(storage), since).Scan(&known)
	if err == nil && !known {
		err = fmt.Errorf("storage %d has lost its watermark since the run began: run it again: %w", storage, feature.ErrUnavailable)
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

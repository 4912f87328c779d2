package dataset

import (
	"context"
	"fmt"
	"path/filepath"
)

type eventRow struct {
	User      int64   `parquet:"user_id"`
	At        int64   `parquet:"ts,timestamp(microsecond)"`
	Available int64   `parquet:"available,timestamp(microsecond)"`
	Amount    float64 `parquet:"amount"`
}

// lateness bounds how long after its event a row becomes available, in microseconds: long beside the time between
// two events of a key, so that the order of availability has nothing of the events'.
const lateness = 2 * Day

// Events is one file to aggregate, ordered by time. Amounts are whole sixteenths below a million: a sum of them is the
// same float64 in whatever order it is made.
func (c Cache) Events(ctx context.Context, s Size) (string, error) {
	name := fmt.Sprintf("events-%s-%s", count(s.Rows), s.keys())
	folder, err := c.Set(ctx, name, func(ctx context.Context, folder string) error {
		return writeFiles(ctx, folder, s.Rows, 1, func(i int, r *eventRow) {
			at := s.time(i)
			*r = eventRow{s.key(i), at, at + below(i, columnAvailable, lateness), amount(i)}
		})
	})
	return filepath.Join(folder, "00.parquet"), err
}

func amount(row int) float64 { return float64(below(row, columnFloat, 32_000_000)-16_000_000) / 16 }

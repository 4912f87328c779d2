package dataset

import (
	"context"
	"fmt"
	"path/filepath"
)

type spineRow struct {
	User int64 `parquet:"user_id"`
	At   int64 `parquet:"event_timestamp,timestamp(microsecond)"`
	ID   int64 `parquet:"row_id"`
}

type textSpineRow struct {
	User string `parquet:"user_id"`
	At   int64  `parquet:"event_timestamp,timestamp(microsecond)"`
	ID   int64  `parquet:"row_id"`
}

// Spine is a file of rows in random order whose times are spread over days, from is the first: 0 to 29. The column
// row_id counts the rows.
func (c Cache) Spine(ctx context.Context, s Size, from, days int) (string, error) {
	name := fmt.Sprintf("spine-%s-%s-%d-%d", count(s.Spine), s.keys(), from, days)
	folder, err := c.Set(ctx, name, func(ctx context.Context, folder string) error {
		return writeFiles(ctx, folder, s.Spine, 1, func(i int, r *spineRow) {
			*r = spineRow{s.spineKey(i), spineTime(i, from, days), int64(i)}
		})
	})
	return filepath.Join(folder, "00.parquet"), err
}

// TextSpine is the spine of Profiles.
func (c Cache) TextSpine(ctx context.Context, s Size) (string, error) {
	name := fmt.Sprintf("textspine-%s-%s", count(s.Spine), s.keys())
	folder, err := c.Set(ctx, name, func(ctx context.Context, folder string) error {
		return writeFiles(ctx, folder, s.Spine, 1, func(i int, r *textSpineRow) {
			*r = textSpineRow{textKey(s.spineKey(i)), spineTime(i, 0, int(Span/Day)), int64(i)}
		})
	})
	return filepath.Join(folder, "00.parquet"), err
}

func spineTime(row, from, days int) int64 {
	return Begin + int64(from)*Day + below(row, columnSpineTime, int64(days)*Day)
}

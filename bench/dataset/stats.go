package dataset

import (
	"context"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Size is how large a set of feature rows and its spine are.
type Size struct {
	Rows  int // feature rows, at most Span
	Keys  int // distinct keys
	Spine int // spine rows; one in twenty has a key that no feature row has
	// Hot gives one key half of all feature rows, and half of the spine's.
	Hot bool
}

// The columns of random, one number for each use.
const (
	columnKey = iota
	columnTime
	columnLate
	columnShuffle
	columnSpineKey
	columnSpineTime
	columnText
	columnList
	columnHot
	columnAvailable
	columnFloat = 100
)

// key and time make the rows ordered by time, with no two at the same time.
func (s Size) key(row int) int64 {
	if s.hot(row, columnHot) {
		return 0
	}
	return below(row, columnKey, int64(s.Keys))
}

func (s Size) hot(row, column int) bool { return s.Hot && below(row, column, 2) == 0 }

// keys is the part of a set's name that tells how its keys are spread.
func (s Size) keys() string {
	if s.Hot {
		return count(s.Keys) + "hot"
	}
	return count(s.Keys)
}

func (s Size) time(row int) int64 {
	step := Span / int64(s.Rows)
	return Begin + int64(row)*step + below(row, columnTime, step)
}

// spineKey names a key that no feature row has in one of twenty rows.
func (s Size) spineKey(row int) int64 {
	if s.hot(row, columnHot+1000) {
		return 0
	}
	return below(row, columnSpineKey, max(int64(s.Keys)*20/19, int64(s.Keys)+1))
}

// float is a decimal number of four places between -100,000 and 100,000.
func float(row, feature int) float64 {
	return float64(below(row, columnFloat+feature, 2_000_000_000)-1_000_000_000) / 1e4
}

type statsRow struct {
	User int64   `parquet:"user_id"`
	At   int64   `parquet:"ts,timestamp(microsecond)"`
	F0   float64 `parquet:"f0"`
	F1   float64 `parquet:"f1"`
	F2   float64 `parquet:"f2"`
	F3   float64 `parquet:"f3"`
	F4   float64 `parquet:"f4"`
	F5   float64 `parquet:"f5"`
	F6   float64 `parquet:"f6"`
	F7   float64 `parquet:"f7"`
	F8   float64 `parquet:"f8"`
	F9   float64 `parquet:"f9"`
}

// Stats is a folder of Parquet files with int64 keys and ten float64 features, f0 to f9, in the order of the layout.
func (c Cache) Stats(ctx context.Context, s Size, l Layout, files int) (string, error) {
	name := fmt.Sprintf("stats-%s-%s-%s-%d", count(s.Rows), s.keys(), l, files)
	return c.Set(ctx, name, func(ctx context.Context, folder string) error {
		order := l.order(s)
		return writeFiles(ctx, folder, len(order), files, func(i int, r *statsRow) {
			row := int(order[i])
			*r = statsRow{
				s.key(row), s.time(row),
				float(row, 0), float(row, 1), float(row, 2), float(row, 3), float(row, 4),
				float(row, 5), float(row, 6), float(row, 7), float(row, 8), float(row, 9),
			}
		})
	})
}

type profileRow struct {
	User    string    `parquet:"user_id"`
	At      int64     `parquet:"ts,timestamp(microsecond)"`
	F0      float64   `parquet:"f0"`
	F1      float64   `parquet:"f1"`
	F2      float64   `parquet:"f2"`
	F3      float64   `parquet:"f3"`
	F4      float64   `parquet:"f4"`
	F5      float64   `parquet:"f5"`
	City    string    `parquet:"city,dict"`
	Session string    `parquet:"session"`
	Vector  []float32 `parquet:"vector,list"`
	Tags    []string  `parquet:"tags,list"`
}

// Profiles is one file, ordered by time, with keys of 24 bytes and, among ten features, two strings and two lists.
func (c Cache) Profiles(ctx context.Context, s Size) (string, error) {
	name := fmt.Sprintf("profiles-%s-%s", count(s.Rows), s.keys())
	return c.Set(ctx, name, func(ctx context.Context, folder string) error {
		return writeFiles(ctx, folder, s.Rows, 1, func(i int, r *profileRow) {
			*r = profileRow{
				textKey(s.key(i)), s.time(i),
				float(i, 0), float(i, 1), float(i, 2), float(i, 3), float(i, 4), float(i, 5),
				fmt.Sprintf("city %d", below(i, columnText, 500)), fmt.Sprintf("%016x", random(i, columnText+1)),
				vector(i), tags(i),
			}
		})
	})
}

// textKey gives 24 bytes that share no beginning.
func textKey(key int64) string {
	var b [12]byte
	for i := range b {
		b[i] = byte(random(int(key), columnKey+1000+i/8) >> (i % 8 * 8))
	}
	return hex.EncodeToString(b[:])
}

func vector(row int) []float32 {
	v := make([]float32, 4)
	for i := range v {
		v[i] = float32(below(row, columnList+200+i, 10_000)) / 100
	}
	return v
}

// tags has no item, one or two.
func tags(row int) []string {
	t := make([]string, below(row, columnList, 3))
	for i := range t {
		t[i] = fmt.Sprintf("tag%d", below(row, columnList+300+i, 100))
	}
	return t
}

// writeFiles writes n rows into as many files as asked for, several at once.
func writeFiles[T any](ctx context.Context, folder string, n, files int, fill func(i int, row *T)) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(runtime.GOMAXPROCS(0))
	for f := range files {
		from, to := n*f/files, n*(f+1)/files
		group.Go(func() error {
			return writeFile(ctx, filepath.Join(folder, fmt.Sprintf("%02d.parquet", f)), to-from, func(i int, row *T) { fill(from+i, row) })
		})
	}
	return group.Wait()
}

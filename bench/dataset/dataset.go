// Package dataset makes the benchmark's files: Parquet, compressed by zstd, the same bytes of content for the same
// size on every machine. A row is a function of its number, so the same rows can be written in any order.
//
// A set is made once: it is written beside its place and renamed into it when it is whole, so a folder that exists
// is complete. The folder's name tells the generator's version and the set's size.
package dataset

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
)

// version is part of the folders' names: what an older generator made is not taken for this one's.
const version = 1

// Begin is the time of the first rows and Span how long all of them last, in microseconds since the epoch (UTC).
const (
	Begin = 1_767_225_600_000_000 // 2026-01-01
	Span  = 30 * Day
	Day   = int64(24 * time.Hour / time.Microsecond)
)

// rowGroup is the rows of a row group, as the common writers make them.
const rowGroup = 1_000_000

// Cache is a folder of sets.
type Cache struct {
	Folder string
	Log    func(format string, args ...any) // told of each set that is made; nil says nothing
}

// Set gives the folder of the set of that name, and makes it first where it is not there. make writes the set's
// files into the folder that it is given.
func (c Cache) Set(ctx context.Context, name string, write func(ctx context.Context, folder string) error) (string, error) {
	path := filepath.Join(c.Folder, fmt.Sprintf("v%d-%s", version, name))
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	began := time.Now()
	if err := os.MkdirAll(c.Folder, 0o750); err != nil {
		return "", err
	}
	part, err := os.MkdirTemp(c.Folder, ".part-"+name+"-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(part) }()
	if err := write(ctx, part); err != nil {
		return "", fmt.Errorf("make data %s in %s: %w", name, c.Folder, err)
	}
	if err := os.Rename(part, path); err != nil {
		return "", err
	}
	if c.Log != nil {
		c.Log("made %s in %.1f s", name, time.Since(began).Seconds())
	}
	return path, nil
}

// count writes a number of rows for names: 20000000 is 20M, 400000 is 400k.
func count(n int) string {
	text := fmt.Sprint(n)
	if short, ok := strings.CutSuffix(text, "000000"); ok {
		return short + "M"
	}
	if short, ok := strings.CutSuffix(text, "000"); ok {
		return short + "k"
	}
	return text
}

// writeFile writes n rows, of which fill sets the i-th.
func writeFile[T any](ctx context.Context, path string, n int, fill func(i int, row *T)) (err error) {
	f, err := os.Create(path) //nolint:gosec // below the cache's folder
	if err != nil {
		return err
	}
	defer func() { err = closed(f, err) }()
	w := parquet.NewGenericWriter[T](f, parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}), parquet.MaxRowsPerRowGroup(rowGroup))
	batch := make([]T, min(n, 4096))
	for at := 0; at < n; at += len(batch) {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch = batch[:min(len(batch), n-at)]
		for i := range batch {
			fill(at+i, &batch[i])
		}
		if _, err := w.Write(batch); err != nil {
			return err
		}
	}
	return w.Close()
}

func closed(f *os.File, err error) error {
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// random gives the same well-mixed 64 bits for the same row and column.
func random(row, column int) uint64 {
	x := uint64(row)*0x9e3779b97f4a7c15 + uint64(column)*0xd1b54a32d192ed03 //nolint:gosec // numbers of rows and columns are not negative
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// below gives a number from 0 to n-1.
func below(row, column int, n int64) int64 {
	return int64(random(row, column) % uint64(n)) //nolint:gosec // n is positive, and so below 2^63
}

package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	parquetgo "github.com/parquet-go/parquet-go"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/csv"
	"github.com/quiver-features/quiver/offline/parquet"
)

// rows prints a file as its format's own library reads it, not Quiver.
func rows(ts *testscript.TestScript, _ bool, args []string) {
	var lines []string
	var err error
	if filepath.Ext(args[0]) == ".arrow" {
		lines, err = arrowRows(ts.MkAbs(args[0]))
	} else {
		lines, err = parquetRows(ts.MkAbs(args[0]))
	}
	ts.Check(err)
	for _, l := range lines {
		_, err := fmt.Fprintln(ts.Stdout(), l)
		ts.Check(err)
	}
}

func parquetRows(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	reader := parquetgo.NewReader(f)
	defer func() { _ = reader.Close() }()
	var names []string
	for _, c := range reader.Schema().Fields() {
		names = append(names, c.Name())
	}
	lines := []string{strings.Join(names, ",")}
	buffer := make([]parquetgo.Row, 1)
	for {
		n, err := reader.ReadRows(buffer)
		if n == 1 {
			var cells []string
			for _, v := range buffer[0] {
				cells = append(cells, v.String())
			}
			lines = append(lines, strings.Join(cells, ","))
		}
		if errors.Is(err, io.EOF) {
			return lines, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func arrowRows(path string) ([]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	reader, err := ipc.NewFileReader(f)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }()
	var names []string
	for _, c := range reader.Schema().Fields() {
		names = append(names, c.Name)
	}
	lines := []string{strings.Join(names, ",")}
	for i := range reader.NumRecords() {
		r, err := reader.Record(i)
		if err != nil {
			return nil, err
		}
		for row := range int(r.NumRows()) {
			var cells []string
			for _, c := range r.Columns() {
				cells = append(cells, c.ValueStr(row))
			}
			lines = append(lines, strings.Join(cells, ","))
		}
	}
	return lines, nil
}

func toParquet(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: parquet CSV FILE [COLUMN...]")
	}
	ts.Check(writeParquet(context.Background(), ts.MkAbs(args[0]), ts.MkAbs(args[1]), args[2:]))
}

// unsigned makes a Parquet file of orders: two row groups of a row each, the second
// with a number of items that no int64 holds.
func unsigned(ts *testscript.TestScript, _ bool, args []string) {
	type order struct {
		Customer  int64   `parquet:"customer"`
		OrderedAt int64   `parquet:"ordered_at,timestamp(microsecond)"`
		Amount    float64 `parquet:"amount"`
		Items     uint64  `parquet:"items"`
	}
	f, err := os.Create(ts.MkAbs(args[0]))
	ts.Check(err)
	w := parquetgo.NewGenericWriter[order](f)
	for _, o := range []order{{1, 1_767_571_200_000_000, 1.5, 2}, {2, 1_767_571_200_000_000, 1.5, 1 << 63}} {
		_, err := w.Write([]order{o})
		ts.Check(errors.Join(err, w.Flush()))
	}
	ts.Check(errors.Join(w.Close(), f.Close()))
}

func writeParquet(ctx context.Context, from, to string, times []string) error {
	hints := map[string]feature.Type{}
	for _, name := range times {
		hints[name] = feature.Scalar(feature.Timestamp)
	}
	in, err := csv.OpenSpine(ctx, from, hints)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	out, err := parquet.Create(to, in.Schema(), parquet.Options{Force: true})
	if err != nil {
		return err
	}
	var all []int
	for i := range in.Schema().NumFields() {
		all = append(all, i)
	}
	if err := in.Scan(ctx, all, func(r arrow.Record) error { return out.Write(r) }); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}

func cut(ts *testscript.TestScript, _ bool, args []string) {
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), size))
}

func remember(ts *testscript.TestScript, _ bool, _ []string) {
	folder := ts.MkAbs(".")
	tree, err := readTree(folder)
	ts.Check(err)
	stateOf(ts).trees[folder] = tree
}

func untouched(ts *testscript.TestScript, _ bool, _ []string) {
	folder := ts.MkAbs(".")
	was := stateOf(ts).trees[folder]
	if was == nil {
		ts.Fatalf("nothing is remembered of %s", folder)
	}
	now, err := readTree(folder)
	ts.Check(err)
	if diff := differ(was, now); len(diff) > 0 {
		ts.Fatalf("not as they were: %s", strings.Join(diff, ", "))
	}
}

func readTree(folder string) (map[string]string, error) {
	tree := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		tree[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	})
	return tree, err
}

func differ(was, now map[string]string) []string {
	var names []string
	for name, digest := range was {
		if now[name] != digest {
			names = append(names, name)
		}
	}
	for name := range now {
		if _, known := was[name]; !known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

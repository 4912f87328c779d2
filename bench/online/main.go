// Command online measures the path from Parquet to a served value with the real
// binary: materialization into SQLite and into Redis, bytes per key, and the
// latency and throughput of single requests over gRPC and over HTTP. It prints a Markdown table.
//
//	make bench-online     # or: go run ./bench/online --quiver bin/quiver --rows 2000000 --keys 200000
//
// The data is made from a seed, so that two machines measure the same work. It is
// run beside nothing else: it uses every core.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
)

type config struct {
	quiver, folder string
	rows, keys     int
	requests       int
	clients        int
}

func main() {
	var c config
	flag.StringVar(&c.quiver, "quiver", "bin/quiver", "the binary to measure")
	flag.StringVar(&c.folder, "folder", "", "folder for data and stores (default: a temporary one)")
	flag.IntVar(&c.rows, "rows", 2_000_000, "source rows")
	flag.IntVar(&c.keys, "keys", 200_000, "distinct keys")
	flag.IntVar(&c.requests, "requests", 20_000, "requests of each kind")
	flag.IntVar(&c.clients, "clients", 8, "clients of the throughput test")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := c.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (c config) run(ctx context.Context) (err error) {
	if c.quiver, err = filepath.Abs(c.quiver); err != nil {
		return err
	}
	if c.folder == "" {
		if c.folder, err = os.MkdirTemp("", "quiver-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(c.folder)) }()
	}
	if err := c.makeProject(); err != nil {
		return fmt.Errorf("make the project: %w", err)
	}
	if _, err := c.command(ctx, "", "apply", "--yes"); err != nil {
		return err
	}
	redis, err := startRedis(ctx, c.folder)
	if err != nil {
		return err
	}
	defer redis.stop()
	var columns [2]figures
	for i, env := range []string{"", "redis"} {
		if columns[i], err = c.measure(ctx, env, redis); err != nil {
			return err
		}
	}
	var table strings.Builder
	fmt.Fprintf(&table, "%d rows, %d keys, 10 float64 features\n\n| what | SQLite | Redis |\n| --- | --- | --- |\n", c.rows, c.keys)
	for i, name := range c.figureNames() {
		fmt.Fprintf(&table, "| %s | %s | %s |\n", name, columns[0][i], columns[1][i])
	}
	_, err = os.Stdout.WriteString(table.String())
	return err
}

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/parquet-go/parquet-go"
)

type row struct {
	User int64 `parquet:"user_id"`
	At   int64 `parquet:"ts,timestamp(microsecond)"`
	F0   float64
	F1   float64
	F2   float64
	F3   float64
	F4   float64
	F5   float64
	F6   float64
	F7   float64
	F8   float64
	F9   float64
}

const begin = 1_767_225_600_000_000 // 2026-01-01T00:00:00Z

// makeProject writes seeded rows in order of time, and the project around them.
func (c config) makeProject() error {
	var features strings.Builder
	for i := range 10 {
		fmt.Fprintf(&features, "  - {name: f%d, column: F%d}\n", i, i)
	}
	files := map[string]string{
		"quiver.yaml": "project: bench\ndata: data\nenvironments:\n  redis: {online: \"redis://" + redisAddress + "\"}\n",
		"features/stats.yaml": `kind: entity
name: user
keys: [{name: user_id, type: int64}]
---
kind: source
name: rows
parquet: rows.parquet
event_timestamp: ts
---
kind: view
name: stats
entities: [user]
source: rows
online: true
features:
` + features.String(),
	}
	for name, text := range files {
		path := filepath.Join(c.folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return c.writeRows(filepath.Join(c.folder, "data", "rows.parquet"))
}

func (c config) writeRows(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.Create(path) //nolint:gosec // below our own folder
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	w := parquet.NewGenericWriter[row](f, parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(500_000))
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same rows each time
	batch := make([]row, 0, 10_000)
	for i := range c.rows {
		v := func() float64 { return rng.Float64() }
		batch = append(batch, row{
			User: rng.Int64N(int64(c.keys)), At: begin + int64(i)*1_000_000,
			F0: v(), F1: v(), F2: v(), F3: v(), F4: v(), F5: v(), F6: v(), F7: v(), F8: v(), F9: v(),
		})
		if len(batch) == cap(batch) || i == c.rows-1 {
			if _, err := w.Write(batch); err != nil {
				return err
			}
			batch = batch[:0]
		}
	}
	return w.Close()
}

// command runs the binary in the project and gives what it printed.
func (c config) command(ctx context.Context, env string, args ...string) (string, error) {
	all := append([]string{"-C", c.folder, "--env", env}, args...)
	cmd := exec.CommandContext(ctx, c.quiver, all...) //nolint:gosec // the binary that the user named
	var told strings.Builder
	cmd.Stderr = &told
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("quiver %s: %w\n%s", strings.Join(args, " "), err, told.String())
	}
	return string(out), nil
}

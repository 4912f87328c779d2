// Package peers has the scripts that do the benchmark's work with other engines, and what they are told.
package peers

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

//go:embed *.py
var scripts embed.FS

// Job is what a script is told, as JSON in a file.
type Job struct {
	Spine   string `json:"spine"` // Parquet file with the views' keys, event_timestamp and row_id
	Views   []View `json:"views"`
	Out     string `json:"out"`     // Parquet file to write: the spine's columns, and per feature VIEW__FEATURE
	Threads int    `json:"threads"` // cores to use
	Folder  string `json:"folder"`  // for what the engine keeps of its own
	Every   int    `json:"every"`   // take the spine rows whose row_id this divides; 0 for all of them
}

// View is a set of features: for each spine row, those of the latest row with its key and no later time.
type View struct {
	Name     string   `json:"name"`
	Files    []string `json:"files"` // Parquet
	Keys     []string `json:"keys"`  // join keys: columns of the files and of the spine
	KeyType  string   `json:"key_type"`
	Time     string   `json:"time"` // column of the files
	TTL      int64    `json:"ttl"`  // microseconds, inclusive; 0 for no limit
	Features []string `json:"features"`
	Types    []string `json:"types"`   // of the features, in Quiver's words
	Ordered  bool     `json:"ordered"` // the files stand in the order of time
	Tied     string   `json:"tied"`    // the feature that tells which rows tie in full with others, or ""

	Available  string      `json:"available"`  // column of the files before which a row is not seen, or ""
	Aggregates []Aggregate `json:"aggregates"` // of the features, where they are aggregates of rows; or none
}

// Aggregate is a feature over the rows of the key that are visible at t, with times after floor(t, Granularity) - Window.
type Aggregate struct {
	Function    string `json:"function"`    // count (of rows), sum, min, max
	Column      string `json:"column"`      // of the files; "" for count
	Window      int64  `json:"window"`      // microseconds
	Granularity int64  `json:"granularity"` // microseconds
}

// Told is what a script prints, as JSON: the work without the interpreter's start and its imports.
type Told struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds of user and system
}

// Unpack writes the scripts into a folder.
func Unpack(folder string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	entries, err := scripts.ReadDir(".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		text, err := scripts.ReadFile(e.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(folder, e.Name()), text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Install makes a Python environment with the packages that the requirements file pins, and gives its interpreter.
// One that was made of the same requirements before is taken as it is.
func Install(ctx context.Context, requirements, folder string, say func(format string, args ...any)) (string, error) {
	wanted, err := os.ReadFile(requirements) //nolint:gosec // named by the user
	if err != nil {
		return "", fmt.Errorf("the peers' packages (run this in the repository's root, or name --requirements): %w", err)
	}
	python, mark := filepath.Join(folder, "bin", "python"), filepath.Join(folder, "requirements.txt")
	has, err := os.ReadFile(mark) //nolint:gosec // written below
	if err == nil && bytes.Equal(has, wanted) {
		return python, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	say("installing the peers from %s", filepath.Base(requirements))
	for _, args := range [][]string{
		{"python3", "-m", "venv", "--clear", folder},
		{python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--requirement", requirements},
	} {
		cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // constants and our own folder
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("install the peers (Debian packages python3 and python3-venv, and a package index): %v: %w\n%s", args, err, out)
		}
	}
	return python, os.WriteFile(mark, wanted, 0o600)
}

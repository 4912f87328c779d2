// Command train measures training sets: the real binary beside DuckDB, Polars and Feast on the same files, with every
// value compared. README.md in the folder above tells what is measured and how.
//
//	make bench-small                                   # everything, at 0.03 of the size
//	go run ./bench/train --quiver bin/quiver --only W1 # one workload
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/quiver-features/quiver/bench/dataset"
	"github.com/quiver-features/quiver/bench/measure"
	"github.com/quiver-features/quiver/bench/peers"
)

type config struct {
	quiver, folder, flights string
	only, write             string
	python, requirements    string
	scale                   float64
	runs, budget            int
}

// bench is what all workloads share.
type bench struct {
	config
	cache         dataset.Cache
	work, scripts string
	memory        int64 // W8's budget in bytes
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if len(os.Args) > 1 && os.Args[1] == measure.Launch {
		code := measure.Launcher(ctx, os.Args[2:])
		stop()
		os.Exit(code)
	}
	var c config
	flag.StringVar(&c.quiver, "quiver", "bin/quiver", "the binary to measure")
	flag.StringVar(&c.folder, "dir", "", "folder for data, the peers' Python environment and outputs (default: quiver-bench in the user's cache folder)")
	flag.StringVar(&c.flights, "flights", "examples/flights/data/flights", "Parquet file of flights, or a folder of them, for W9")
	flag.StringVar(&c.only, "only", "", "workloads to run, separated by commas (default: all)")
	flag.StringVar(&c.write, "write", "", "Markdown file to write the tables to as well")
	flag.StringVar(&c.python, "python", "", "Python that has the peers' packages (default: one is installed in --dir)")
	flag.StringVar(&c.requirements, "requirements", "bench/requirements.txt", "the peers' packages")
	flag.Float64Var(&c.scale, "scale", 1, "share of the full size, 0.001 to 10")
	flag.IntVar(&c.runs, "runs", 3, "runs of each, of which the median counts")
	flag.IntVar(&c.budget, "memory", 512, "W8's budget in MiB at full size; it shrinks with --scale, to no less than 48")
	flag.Parse()
	err := c.run(ctx, os.Stdout, os.Stderr)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (c config) run(ctx context.Context, out, log io.Writer) (err error) {
	chosen, err := choose(c.only)
	if err != nil {
		return err
	}
	b, err := c.prepare(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(b.work)) }()
	text, err := b.facts(ctx)
	if err != nil {
		return err
	}
	fmt.Fprint(out, text)
	tables, different := b.hold(ctx, chosen, out)
	if c.write != "" && tables != "" {
		err = os.WriteFile(c.write, []byte("# Training sets: Quiver beside its peers\n\n"+text+tables), 0o644) //nolint:gosec // a report is for everyone
	}
	return errors.Join(different, err)
}

// hold runs the workloads one after the other and gives their tables. Where results differ it goes on: the error tells
// of all that do.
func (b *bench) hold(ctx context.Context, chosen []workload, out io.Writer) (string, error) {
	results, text := table{}, ""
	var aims []aim
	var differences []error
	for _, w := range chosen {
		contest, err := w.make(b, ctx)
		if err != nil {
			return "", fmt.Errorf("%s: %w", w.name, err)
		}
		results[w.name], err = contest.hold(ctx, b.runs)
		if results[w.name] == nil {
			return "", err
		}
		differences = append(differences, err)
		part := section(contest, results[w.name])
		fmt.Fprint(out, part)
		text += part
		if contest.aims != nil {
			aims = append(aims, contest.aims(results)...)
		}
		if err := os.RemoveAll(filepath.Join(b.work, w.name)); err != nil {
			return "", err
		}
	}
	fmt.Fprint(out, aimsTable(aims))
	return text + aimsTable(aims), errors.Join(differences...)
}

// choose gives the workloads of those names, in order; W8 is both of W8t and W8r.
func choose(only string) ([]workload, error) {
	all := workloads()
	if only == "" {
		return all, nil
	}
	var chosen []workload
	names := strings.Split(only, ",")
	found := map[string]bool{}
	for _, w := range all {
		for _, name := range names {
			if w.name == name || strings.TrimRight(w.name, "tr") == name {
				found[name] = true
				chosen = append(chosen, w)
				break
			}
		}
	}
	for _, name := range names {
		if !found[name] {
			return nil, fmt.Errorf("--only: no workload %q: expected W1 to W9 or A1 to A6", name)
		}
	}
	return chosen, nil
}

// leastBudget in MiB leaves room for the program itself, and a little more.
const leastBudget = 48

// prepare makes the folders, the peers' environment and scripts.
func (c config) prepare(ctx context.Context, log io.Writer) (*bench, error) {
	if c.scale < 0.001 || c.scale > 10 || c.runs < 1 || c.budget < 1 {
		return nil, errors.New("--scale goes from 0.001 to 10, --runs and --memory begin at 1")
	}
	var err error
	if c.folder == "" {
		if c.folder, err = os.UserCacheDir(); err != nil {
			return nil, fmt.Errorf("no cache folder, name one by --dir: %w", err)
		}
		c.folder = filepath.Join(c.folder, "quiver-bench")
	}
	for _, path := range []*string{&c.quiver, &c.folder, &c.requirements} {
		if *path, err = filepath.Abs(*path); err != nil {
			return nil, err
		}
	}
	say := func(format string, args ...any) { fmt.Fprintf(log, format+"\n", args...) }
	b := &bench{config: c, cache: dataset.Cache{Folder: filepath.Join(c.folder, "data"), Log: say}}
	b.memory = max(int64(float64(c.budget)*c.scale), leastBudget) << 20
	if err := os.MkdirAll(c.folder, 0o750); err != nil {
		return nil, err
	}
	if b.python == "" {
		if b.python, err = peers.Install(ctx, c.requirements, filepath.Join(c.folder, "venv"), say); err != nil {
			return nil, err
		}
	}
	b.scripts = filepath.Join(c.folder, "peers")
	if err := peers.Unpack(b.scripts); err != nil {
		return nil, err
	}
	b.work, err = os.MkdirTemp(c.folder, "run-")
	return b, err
}

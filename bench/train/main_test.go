package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quiver-features/quiver/bench/compare"
	"github.com/quiver-features/quiver/bench/dataset"
	"github.com/quiver-features/quiver/bench/measure"
	"github.com/quiver-features/quiver/bench/peers"
	"github.com/quiver-features/quiver/internal/testenv"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == measure.Launch {
		os.Exit(measure.Launcher(context.Background(), os.Args[2:]))
	}
	os.Exit(m.Run())
}

// The workloads are what `make bench-train` runs, without the engines that the tests' environment lacks.
func TestQuiverAndDuckDBAgreeOnEveryWorkload(t *testing.T) {
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the launcher is this binary: with -race each would end a second later
	folder := t.TempDir()
	b := &bench{
		config: config{
			quiver: testenv.Quiver(t), python: testenv.Python(t), scale: 0.001, runs: 1,
			flights: filepath.Join(testenv.Root(t), "examples", "flights", "data", "flights", "2001-06-17.parquet"),
		},
		cache: dataset.Cache{Folder: filepath.Join(folder, "data")},
		work:  filepath.Join(folder, "work"), scripts: filepath.Join(folder, "peers"), memory: 64 << 20,
	}
	if err := peers.Unpack(b.scripts); err != nil {
		t.Fatal(err)
	}
	var chosen []workload
	for _, w := range workloads() {
		chosen = append(chosen, workload{w.name, func(b *bench, ctx context.Context) (contest, error) {
			c, err := w.make(b, ctx)
			c.entrants = slices.DeleteFunc(c.entrants, func(e entrant) bool {
				return strings.HasPrefix(e.name, "Feast") || e.name == "Polars"
			})
			return c, err
		}})
	}
	text, err := b.hold(t.Context(), chosen, t.Output())
	if err != nil {
		t.Fatal(err)
	}
	for want, n := range map[string]int{"| same ": 13, "| same in the ": 4, "| same bytes ": 2, "| same but for ": 1} {
		if got := strings.Count(text, want); got < n {
			t.Errorf("%q stands %d times in the tables, want %d", want, got, n)
		}
	}
}

func TestADifferenceShowsItsRow(t *testing.T) {
	folder := t.TempDir()
	cache := dataset.Cache{Folder: folder}
	size := dataset.Size{Rows: 100, Keys: 5, Spine: 100}
	one, err := cache.Spine(t.Context(), size, 0, 1)
	if err != nil {
		t.Fatal(err)
	}
	two, err := cache.Spine(t.Context(), size, 0, 2)
	if err != nil {
		t.Fatal(err)
	}
	c := contest{
		name: "W0", entrants: []entrant{{name: "Quiver", out: one}, {name: "Other", out: two}},
		spec: compare.Spec{RowID: "row_id", Rows: 100, Groups: []compare.Group{{Columns: []string{"user_id", "event_timestamp"}}}},
	}
	told, err := c.compare(t.Context())
	if err == nil || !strings.Contains(err.Error(), "W0, Other: the first row that differs has row_id 0\n  Quiver: event_timestamp = ") || told[1] != "DIFFERENT" {
		t.Errorf("told %q, error %v", told, err)
	}
}

func TestMedianIsOfEachFigure(t *testing.T) {
	got := median([]measure.Cost{
		{Wall: 3 * time.Second, CPU: 1, Peak: 5, Read: 7},
		{Wall: 1 * time.Second, CPU: 2, Peak: 6, Read: 9},
		{Wall: 2 * time.Second, CPU: 3, Peak: 4, Read: 8},
	})
	if want := (measure.Cost{Wall: 2 * time.Second, CPU: 2, Peak: 5, Read: 8}); got != want {
		t.Errorf("median is %+v, want %+v", got, want)
	}
}

func TestChoose(t *testing.T) {
	names := func(only string) string {
		chosen, err := choose(only)
		if err != nil {
			return err.Error()
		}
		var names []string
		for _, w := range chosen {
			names = append(names, w.name)
		}
		return strings.Join(names, " ")
	}
	for only, want := range map[string]string{
		"":      "W1 W2 W3 W4 W5 W6 W7 W8t W8r W9 A1 A2 A3 A4 A5 A6",
		"W8,W1": "W1 W8t W8r",
		"W8r":   "W8r",
		"W1,X":  `--only: no workload "X": expected W1 to W9 or A1 to A6`,
	} {
		if got := names(only); got != want {
			t.Errorf("--only %q gives %q, want %q", only, got, want)
		}
	}
}

func TestAContestEndsWithTheFirstFailure(t *testing.T) {
	broken := errors.New("no memory")
	c := contest{name: "W0", entrants: []entrant{{name: "Quiver", run: func(context.Context) (measure.Cost, error) { return measure.Cost{}, broken }}}}
	if results, err := c.hold(t.Context(), 3); results != nil || !errors.Is(err, broken) || !strings.Contains(err.Error(), "W0, Quiver: ") {
		t.Errorf("results %v, error %v", results, err)
	}
}

func TestGrid(t *testing.T) {
	got := grid([][]string{{"", "wall s", "result"}, {"Quiver", "1.00", "≥ 2"}})
	want := "|        | wall s | result |\n| ------ | -----: | ------ |\n| Quiver |   1.00 | ≥ 2    |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

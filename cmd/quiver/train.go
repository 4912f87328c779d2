package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/csv"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/registry"
)

type trainFlags struct {
	spine, service, out, time, memory string
	features                          []string
	force                             bool
}

func (a *app) trainCommand() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use:   "train --spine FILE (--service NAME | --features LIST) --out FILE",
		Short: "Build a training set: the spine's rows with their features as of each row's time",
		Long: `Builds a training set: each row of the spine (join keys, a time, anything else) with
the features that were visible at that time. It has exactly one row per spine
row, in the spine's order, the spine's own columns first and untouched.

The spine is Parquet (.parquet) or CSV (.csv); the output is Parquet (.parquet) or
an Arrow IPC file (.arrow, .feather). A manifest is written beside the output.

The spine's time is the column event_timestamp, else its only timestamp column,
else --event-timestamp names it.`,
		Example: `  quiver train --spine labels.parquet --service delay_model --out train.parquet
  quiver train --spine labels.csv --features airport_delay:* --out train.arrow --force`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.train(c.Context(), f) },
	}
	c.Flags().StringVar(&f.spine, "spine", "", "`file` with the rows to build for (.parquet or .csv)")
	c.Flags().StringVar(&f.service, "service", "", "`service` whose features are wanted: name or name@version")
	c.Flags().StringSliceVar(&f.features, "features", nil, "`features` that are wanted, separated by commas: view:feature, view@2:feature, view:*")
	c.Flags().StringVar(&f.out, "out", "", "`file` to write (.parquet, .arrow or .feather)")
	c.Flags().StringVar(&f.time, "event-timestamp", "", "`column` of the spine with the time of each row (default: see above)")
	c.Flags().StringVar(&f.memory, "memory", "", "most `bytes` to remember of source rows that tie, for example 512MiB (default: no bound); the rest is as large as the spine")
	c.Flags().BoolVar(&f.force, "force", false, "replace an output that exists")
	return c
}

func (f *trainFlags) check() error {
	switch {
	case f.spine == "":
		return usagef("--spine is missing: name the file with the rows to build for")
	case f.out == "":
		return usagef("--out is missing: name the file to write")
	}
	return nil
}

func (a *app) train(ctx context.Context, f trainFlags) error {
	if err := f.check(); err != nil {
		return err
	}
	memory, err := parseBytes(f.memory)
	if err != nil {
		return err
	}
	format, err := outputFormat(f.out)
	if err != nil {
		return err
	}
	wanted, err := parseWanted(f.service, f.features)
	if err != nil {
		return err
	}
	return a.withSnapshot(ctx, func(p *project, _ registry.Store, s *registry.Snapshot) (err error) {
		selection, err := wanted.from(s)
		if err != nil {
			return err
		}
		if err := p.keepInputs(ctx, f.out, f.spine, selection); err != nil {
			return err
		}
		spine, err := openSpine(ctx, f.spine, selection, f.time)
		if err != nil {
			return err
		}
		defer func() { _ = spine.Close() }()
		set, err := stageTrainingSet(f.out, format, f.force)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, set.close()) }()
		started := time.Now()
		m := newMeter(a.env.err)
		engine := p.engine(offline.Options{Memory: memory, Progress: func(g offline.Progress) {
			m.set(strings.TrimSpace(string(g.Stage)+" "+g.View), g.Done, g.Total)
		}})
		request := offline.Request{Spine: spine, Selection: selection, EventTimestamp: f.time}
		result, err := engine.Train(ctx, request, set.create)
		m.stop()
		if err != nil {
			return err
		}
		manifest, err := set.finish(request, result, offline.Origin{Registry: s.Identity().ID, Engine: version, Created: time.Now().UTC()})
		if err != nil {
			return err
		}
		return a.print(manifest, func() error { return a.printTraining(f.out, selection, result, manifest, time.Since(started)) })
	})
}

// openSpine opens the file by its ending. A CSV file says nothing of types, so
// keys are read in the types that the features want.
func openSpine(ctx context.Context, path string, selection *feature.Selection, timeColumn string) (offline.Spine, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".parquet", ".pq", ".parq":
		return parquet.OpenSpine(path)
	case ".csv":
		keys, err := selection.KeyColumns()
		if err != nil {
			return nil, err
		}
		if timeColumn == "" {
			timeColumn = "event_timestamp"
		}
		hints := map[string]feature.Type{timeColumn: feature.Scalar(feature.Timestamp)}
		for _, k := range keys {
			hints[k.Name] = k.Type
		}
		return csv.OpenSpine(ctx, path, hints)
	}
	return nil, usagef("spine %s: expected a file that ends in .parquet or .csv", path)
}

func outputFormat(path string) (string, error) {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".parquet", ".pq", ".parq":
		return "parquet", nil
	case ".arrow", ".feather", ".ipc":
		return "arrow", nil
	}
	return "", usagef("output %s: expected a name that ends in .parquet, .arrow or .feather", path)
}

// parseBytes reads 512MiB, 2GiB or a plain number of bytes. Empty is 0.
func parseBytes(s string) (int64, error) {
	if s == "" {
		return 0, nil
	}
	units := []struct {
		name string
		size int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n <= 0 || n > (1<<62)/u.size {
			break
		}
		return n * u.size, nil
	}
	return 0, usagef("--memory %q is not a size: expected a whole number with a unit, for example 512MiB or 2GiB", s)
}

func (a *app) printTraining(out string, s *feature.Selection, r *offline.Result, m *offline.Manifest, took time.Duration) error {
	var rows [][]string
	for _, f := range m.Features {
		rows = append(rows, []string{f.Name, f.Type.String(), f.Reference, share(f.MatchRate), share(f.NullRate)})
	}
	if err := a.printTable([]string{"COLUMN", "TYPE", "FEATURE", "MATCHED", "NULL"}, rows, 3, 4); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s with %s written to %s in %s (time column %s; manifest %s)\n",
		plural(int(r.Rows), "row", "rows"), plural(len(s.Outputs), "feature", "features"), out, tookText(took), r.EventTimestamp, offline.ManifestPath(out))
	for _, v := range r.Views {
		if v.Ties > 0 {
			fmt.Fprintf(&b, "note: %s as %s: in %s (%s) several source rows of one key and time tie with different values; the greatest are taken. A created timestamp settles which is right.\n",
				v.View, v.Alias, plural(int(v.Ties), "row", "rows"), percent(v.Ties, r.Rows))
		}
		if v.SameTime > 0 {
			fmt.Fprintf(&b, "note: %s as %s: %s (%s) with a source row of the same instant. If labels come from the same events this is a leak: delay: 1us excludes it.\n",
				v.View, v.Alias, plural(int(v.SameTime), "row", "rows"), percent(v.SameTime, r.Rows))
		}
	}
	return a.printText(b.String())
}

func share(rate float64) string { return strconv.FormatFloat(100*rate, 'f', 1, 64) + " %" }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/registry"
)

type trainFlags struct {
	spine, spineFormat, from, to, asOf, time, sample string
	seed                                             uint64

	service   string
	features  []string
	fromFiles bool

	out, format, manifest string
	partitionBy           []string
	fileRows              int64
	fileSize              string
	force                 bool

	rebuild  string
	exitCode bool

	audit, explain, stats bool

	memory  string
	workers int
}

func (a *app) trainCommand() *cobra.Command {
	var f trainFlags
	c := &cobra.Command{
		Use:   "train --spine FILE (--service NAME | --features LIST) --out FILE",
		Short: "Build a training set: the spine's rows with their features as of each row's time",
		Long: `Builds a training set: each row of the spine (join keys, a time, anything else) with
the features that were visible at that time. It has exactly one row per spine
row, in the spine's order, the spine's own columns first and untouched.

Spine and output are Parquet (.parquet), CSV (.csv), Arrow IPC files (.arrow,
.feather) or streams (.arrows); - is standard input or output, whose format
--spine-format and --format name. The spine's time is the column
event_timestamp, else its only timestamp column, else --event-timestamp names it.

Without a spine, --from and --to take the distinct keys and event times of the
features' views in a range, the end not included; --as-of takes every key seen
up to a time, as of that time. Rows come in order of time and key then.

With --partition-by, --file-rows or --file-size the output is a folder of files.
A manifest (OUT.manifest.json) tells how the training set came about;
--from-manifest builds it again, from the files and versions that it names, and
says whether the bytes agree and what changed.

--explain says what would be read, skipped and held in memory, and builds nothing;
--stats says the same afterwards, as it was, with the time of each stage.`,
		Example: `  quiver train --spine labels.parquet --service delay_model --out train.parquet
  quiver train --spine labels.csv --features airport_delay:* --out train.arrow --force
  quiver train --from 2026-01-01 --to 2026-02-01 --service delay_model --out january.parquet
  quiver train --as-of 2026-01-31T12:00:00Z --service delay_model --out snapshot.csv
  quiver train --spine - --spine-format csv --service delay_model --out - --format csv
  quiver train --spine labels.csv --service delay_model --from-files --sample 1% --out try.parquet
  quiver train --spine labels.csv --service delay_model --out train --partition-by country,day
  quiver train --from-manifest train.parquet.manifest.json --out again.parquet
  quiver train --spine labels.parquet --service delay_model --explain
  quiver train --spine labels.parquet --service delay_model --out train.parquet --stats`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.train(c, f) },
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.spine, "spine", "", "`file` with the rows to build for; - is standard input")
	flags.StringVar(&f.spineFormat, "spine-format", "", "`format` of the spine, where its name does not tell: "+strings.Join(outputFormats(), ", "))
	flags.StringVar(&f.time, "event-timestamp", "", "`column` of the spine with the time of each row (default: see above)")
	flags.StringVar(&f.from, "from", "", "`time` from which on the views' own rows are the spine")
	flags.StringVar(&f.to, "to", "", "`time` before which they are")
	flags.StringVar(&f.asOf, "as-of", "", "`time` of a snapshot: every key that was seen up to it, as of it")
	flags.StringVar(&f.sample, "sample", "", "`share` (0.1, 10%) or number (5000) of the spine's rows to take, by chance that repeats")
	flags.Uint64Var(&f.seed, "seed", 0, "`number` that decides which rows a sample takes")
	flags.StringVar(&f.service, "service", "", "`service` whose features are wanted: name or name@version")
	flags.StringSliceVar(&f.features, "features", nil, "`features` that are wanted, separated by commas: view:feature, view@2:feature, view:*")
	flags.BoolVar(&f.fromFiles, "from-files", false, "take the definitions as they stand in the project's files, not applied, without the registry")
	flags.StringVar(&f.out, "out", "", "`file` (or folder) to write; - is standard output")
	flags.StringVar(&f.format, "format", "", "`format` of the output, where its name does not tell: "+strings.Join(outputFormats(), ", "))
	flags.StringSliceVar(&f.partitionBy, "partition-by", nil, "`columns`, separated by commas, whose values become folders (column=value/) of the output")
	flags.Int64Var(&f.fileRows, "file-rows", 0, "most `rows` of a file: the output is a folder of several")
	flags.StringVar(&f.fileSize, "file-size", "", "about how many `bytes` a file has, for example 256MiB: the output is a folder of several")
	flags.BoolVar(&f.force, "force", false, "replace an output that exists")
	flags.StringVar(&f.manifest, "manifest", "", "`file` for the manifest (default: OUT.manifest.json; with standard output none)")
	flags.StringVar(&f.rebuild, "from-manifest", "", "`file` with the manifest of a training set to build again (default --out: NAME.rebuilt)")
	flags.BoolVar(&f.exitCode, "exit-code", false, "with --from-manifest: exit with 3 where the bytes differ")
	flags.BoolVar(&f.audit, "audit", false, "show rows that may leak, and how many would change if source rows counted once they are created")
	flags.BoolVar(&f.explain, "explain", false, "say what would be read and skipped, and how much memory it takes; build nothing (--out is not needed)")
	flags.BoolVar(&f.stats, "stats", false, "say afterwards what was read and skipped, how long each stage took, and the peak of memory")
	flags.StringVar(&f.memory, "memory", "", "`bytes` of memory to use, about, for example 512MiB (default: a quarter of the machine's)")
	flags.IntVar(&f.workers, "workers", 0, "`number` of row groups that are read at once (default: all cores)")
	return c
}

// training is a command line that was understood.
type training struct {
	trainFlags
	wanted wanted
	rows   rowsWanted
	memory int64
	to     destination
	before *offline.Manifest // that is built again; nil: none
	stdout io.Writer
}

func (a *app) train(c *cobra.Command, f trainFlags) error {
	t, err := f.understand(c)
	if err != nil {
		return err
	}
	shown := a
	t.stdout = a.env.out
	if t.to.stdout() && !t.explain {
		ignoreBrokenPipe()
		shown = a.onStandardError()
	}
	return a.withDefinitions(c.Context(), t.fromFiles, func(p *project, s *registry.Snapshot) error {
		return shown.build(c.Context(), p, s, t)
	})
}

// understand reads the flags, and the manifest that they may come from.
func (f trainFlags) understand(c *cobra.Command) (*training, error) {
	t := &training{trainFlags: f}
	var err error
	if f.rebuild != "" {
		if err := t.fromManifest(c); err != nil {
			return nil, err
		}
	}
	if t.rows, err = t.rowsWanted(); err != nil {
		return nil, err
	}
	if err := t.explained(); err != nil {
		return nil, err
	}
	if t.memory, err = parseMemory(t.trainFlags.memory); err != nil {
		return nil, usagef("--memory: %w", err)
	}
	if f.workers < 0 {
		return nil, usagef("--workers %d is negative: expected how many row groups are read at once", f.workers)
	}
	if c.Flags().Changed("file-rows") && f.fileRows < 1 {
		return nil, usagef("--file-rows %d: expected the most rows of a file, 1 or more", f.fileRows)
	}
	if t.out != "" {
		if t.to, err = t.destination(); err != nil {
			return nil, err
		}
	}
	if t.wanted, err = parseWanted(t.trainFlags.service, t.features); err != nil {
		return nil, err
	}
	return t, nil
}

// explained checks what is asked for beside the training set, and that one is.
func (f *trainFlags) explained() error {
	switch {
	case f.explain && f.stats:
		return usagef("--explain and --stats don't go together: --explain says what would be read and builds nothing, --stats says what was")
	case f.explain && f.audit:
		return usagef("--explain and --audit don't go together: --explain builds nothing, and an audit is of rows that were built")
	case f.explain && f.exitCode:
		return usagef("--explain and --exit-code don't go together: --explain builds nothing, so there are no bytes to compare")
	case !f.explain && f.out == "":
		return usagef("--out is missing: name the file to write")
	}
	return nil
}

// build makes the training set, or says how it would be made.
func (a *app) build(ctx context.Context, p *project, s *registry.Snapshot, t *training) error {
	selection, err := t.wanted.from(s)
	if err != nil {
		return err
	}
	files := newFixedFiles(p.files)
	if t.before != nil {
		if err := files.asIn(ctx, selection, t.before); err != nil {
			return err
		}
	}
	if t.out != "" {
		if err := p.keepInputs(ctx, files, t.to.written(), t.rows.path, selection); err != nil {
			return err
		}
	}
	if t.explain {
		return a.explain(ctx, files, selection, t)
	}
	return a.make(ctx, files, selection, s.Identity().ID, t)
}

// make makes the training set.
func (a *app) make(ctx context.Context, files *fixedFiles, selection *feature.Selection, registry string, t *training) (err error) {
	set, err := t.to.stage(t.stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, set.close()) }()
	started := time.Now()
	m := newMeter(a.env.err)
	defer m.stop()
	memory, unbound := boundMemory(t.memory)
	defer unbound()
	engine := offline.New(files, offline.Options{Memory: memory, Workers: t.workers, Progress: m.training})
	spine, err := a.openRows(ctx, engine, memory, selection, t)
	if err != nil {
		return err
	}
	defer func() { _ = spine.Close() }()
	opened := time.Since(started)
	request := offline.Request{Spine: spine, Selection: selection, EventTimestamp: t.time, Audit: t.audit}
	result, err := engine.Train(ctx, request, set.create)
	m.stop()
	if err != nil {
		return err
	}
	origin := offline.Origin{Registry: registry, Engine: version, Created: time.Now().UTC(), Asked: t.asked()}
	manifest, err := set.finish(request, result, origin)
	if err != nil {
		return err
	}
	shown := trainShown{Manifest: manifest}
	took := time.Since(started)
	if t.stats {
		shown.Stats = statsOf(&result.Work, opened, took)
	}
	if t.before != nil {
		return a.printRebuilt(t, files, selection, shown)
	}
	if t.audit {
		shown.Audit = audited(selection, result)
	}
	return a.print(shown, func() error { return a.printTraining(t, selection, result, shown, took) })
}

// trainShown is what is shown of a training set that was built.
type trainShown struct {
	*offline.Manifest
	Audit []auditedView `json:"audit,omitempty"`
	Stats *workDocument `json:"stats,omitempty"`
}

// asked is what the manifest keeps of the command line.
func (t *training) asked() offline.ManifestAsked {
	asked := offline.ManifestAsked{
		From: t.rows.from, To: t.rows.to, AsOf: t.rows.asOf, SpineFormat: t.spineFormat, EventTimestamp: t.time,
		Sample: t.sample, PartitionBy: t.partitionBy, FileRows: t.fileRows, FileBytes: t.to.fileBytes,
	}
	if t.sample != "" {
		asked.Seed = t.seed
	}
	return asked
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
	return 0, usagef("%q is not a size: expected a whole number with a unit, for example 512MiB or 2GiB", s)
}

// leastMemory is what a command may be told to use: less is a unit that was forgotten.
const leastMemory = 1 << 10

// parseMemory reads how many bytes of memory to use; 0: it was not said.
func parseMemory(s string) (int64, error) {
	n, err := parseBytes(s)
	if err == nil && s != "" && n < leastMemory {
		return 0, usagef("%q is too little: expected 1KiB or more, for example 512MiB or 2GiB (is the unit missing?)", s)
	}
	return n, err
}

func (a *app) printTraining(t *training, selection *feature.Selection, r *offline.Result, m trainShown, took time.Duration) error {
	var rows [][]string
	for _, f := range m.Features {
		rows = append(rows, []string{f.Name, f.Type.String(), f.Reference, shareOf(r.Rows, f.MatchRate), shareOf(r.Rows, f.NullRate)})
	}
	if err := a.printTable([]string{"COLUMN", "TYPE", "FEATURE", "MATCHED", "NULL"}, rows, 3, 4); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s with %s written to %s in %s (time column %s; %s)\n",
		plural(int(r.Rows), "row", "rows"), plural(len(m.Features), "feature", "features"), t.to.told(m.Manifest), tookText(took), r.EventTimestamp, t.to.manifestTold())
	if t.fromFiles {
		b.WriteString("note: the definitions are those of the project's files, which are not applied\n")
	}
	if r.Rows == 0 {
		b.WriteString("note: there are no rows: " + t.rows.whyNone() + "\n")
	}
	if r.Work.Parts > 1 {
		fmt.Fprintf(&b, "note: the rows were joined in %s parts, each a pass over the views; --memory %dMiB joins all at once\n", count(r.Work.Parts), wholeOf(&r.Work)>>20+1)
	}
	b.WriteString(t.leaks(r))
	b.WriteString(failures(m.Manifest))
	b.WriteString(a.auditText(m.Audit, r.Rows))
	b.WriteString(a.statsText(m.Stats, selection, t))
	return a.printText(b.String())
}

// parseTimeFlag reads a time.
func parseTimeFlag(flag, text string) (*feature.Time, error) {
	if text == "" {
		return nil, nil //nolint:nilnil // not asked for
	}
	t, err := feature.ParseTime(text)
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	return &t, nil
}

// givenBeside names a flag that was given beside those that may be.
func givenBeside(c *cobra.Command, may ...string) string {
	for _, name := range []string{
		"spine-format", "event-timestamp", "from", "to", "as-of", "sample", "seed", "service", "features", "from-files",
		"format", "partition-by", "file-rows", "file-size", "audit",
	} {
		if c.Flags().Changed(name) && !slices.Contains(may, name) {
			return name
		}
	}
	return ""
}

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/registry"
)

type materializeFlags struct {
	to, from string
	rebuild  bool
	memory   string
}

func (a *app) materializeCommand() *cobra.Command {
	var f materializeFlags
	c := &cobra.Command{
		Use:   "materialize [VIEW...]",
		Short: "Bring the online store up to now",
		Long: `Writes the latest row of every key that became visible since the last run, of the
named views or of all online views, and all of the windows that those rows fall into;
then moves their watermarks. Files that are new or have changed are read whole,
however late they come. A run that was interrupted is completed by the next. At the
end, storages that were replaced before are dropped.

What was read stays: rows of a file that was rewritten or removed since are still
served, and counted in windows, which a note tells after each run, with the files.
--rebuild fills a new storage from the files as they stand.`,
		Example: `  quiver materialize
  quiver materialize airport_delay --to 2001-06-30T12:00:00Z
  quiver materialize airport_delay --rebuild    # forget what changed and removed files held`,
		RunE: func(c *cobra.Command, args []string) error { return a.materialize(c.Context(), f, args) },
	}
	c.Flags().StringVar(&f.to, "to", "", "`time` up to which to materialize, for example 2026-01-31T12:00:00Z (default: now)")
	c.Flags().StringVar(&f.from, "from", "", "read again what became visible after this `time`")
	c.Flags().BoolVar(&f.rebuild, "rebuild", false, "fill a new storage from scratch and switch to it")
	c.Flags().StringVar(&f.memory, "memory", "", "`bytes` of memory to use for windows, about: events take a quarter of it at a time (default: 1GiB)")
	return c
}

// stores is what the commands around materialization work with.
type stores struct {
	project  *project
	registry registry.Store
	snapshot *registry.Snapshot
	online   online.Store
	runner   *materialize.Runner
}

// withStores opens everything that a run needs.
func (a *app) withStores(ctx context.Context, f func(*stores) error) error {
	return a.withSnapshot(ctx, func(p *project, store registry.Store, s *registry.Snapshot) error {
		values, err := p.openOnline(ctx, s.Identity().ID)
		if err != nil {
			return err
		}
		defer func() { _ = values.Close() }()
		return f(&stores{project: p, registry: store, snapshot: s, online: values, runner: &materialize.Runner{
			Source: p.engine(offline.Options{}), Sink: online.NewSink(values), Ledger: store,
			Clock: p.clock, Wall: wall, Who: who(),
		}})
	})
}

func (f *materializeFlags) times() (to feature.Time, from *feature.Time, err error) {
	to = feature.MaxTime
	if f.to != "" {
		if to, err = feature.ParseTime(f.to); err != nil {
			return 0, nil, usagef("--to: %w", err)
		}
	}
	if f.from != "" {
		t, err := feature.ParseTime(f.from)
		if err != nil {
			return 0, nil, usagef("--from: %w", err)
		}
		if t > to {
			return 0, nil, usagef("--from %s is after --to %s", t, to)
		}
		from = &t
	}
	return to, from, nil
}

func (a *app) materialize(ctx context.Context, f materializeFlags, names []string) error {
	to, from, err := f.times()
	if err != nil {
		return err
	}
	reading, err := f.reading()
	if err != nil {
		return err
	}
	wanted, err := parseViews(names)
	if err != nil {
		return err
	}
	return a.withStores(ctx, func(s *stores) error {
		views, err := onlineViews(s.snapshot, wanted)
		if err != nil {
			return err
		}
		a.warn(ctx, s.online)
		a.tellAhead(to, from, s.project.clock())
		runs := []feature.Run{}
		var failed []error
		for _, v := range views {
			m := newMeter(a.env.err)
			a.meter = m
			s.runner.Source = s.project.engine(shownOn(m, reading))
			s.runner.Progress = func(g materialize.Progress) {
				m.set(advance{stage: "write " + g.View.ID(), unit: "keys", done: g.Keys})
			}
			result, err := s.runner.Run(ctx, materialize.Request{
				View: v.View, Active: v.Active, Filling: v.Filling, To: to, From: from, Rebuild: f.rebuild,
			})
			m.stop()
			a.meter = nil
			runs = append(runs, result.Runs...)
			failed = append(failed, err)
			if ctx.Err() != nil {
				break
			}
			a.tellResult(v, result, err)
			a.tellFurther(v, result, min(to, s.project.clock()))
			a.tellGone(v, result)
			a.tellLarge(v, result)
		}
		if err := a.print(runDocumentsOf(runs), func() error { return a.printRuns(runs) }); err != nil {
			return err
		}
		if err := errors.Join(failed...); err != nil && ctx.Err() != nil {
			return interruptedError{written(runs) + ", and the next run completes it", err}
		} else if err != nil {
			return err
		}
		return a.sweep(ctx, s)
	})
}

// reading gives the options by which what is materialized is read.
func (f *materializeFlags) reading() (offline.Options, error) {
	memory, err := parseMemory(f.memory)
	if err != nil {
		return offline.Options{}, usagef("--memory: %w", err)
	}
	return offline.Options{Memory: memory}, nil
}

// shownOn shows on a meter how far reading is.
func shownOn(m *meter, reading offline.Options) offline.Options {
	reading.Progress = func(g offline.Progress) {
		switch g.Stage { // the rest goes on in turn with the writing
		case offline.StageScan:
			m.set(advance{stage: "read " + g.View, unit: "rows", done: g.Done, total: g.Total})
		case offline.StageWindows: // once for every part of the keys
			m.set(advance{stage: "read events of " + g.View, unit: "rows", done: g.Done, total: g.Total, passing: true})
		}
	}
	return reading
}

// written says how many keys runs have brought into the online store.
func written(runs []feature.Run) string {
	n := 0
	for _, r := range runs {
		n += int(r.Written)
	}
	if n == 1 {
		return "1 key is written"
	}
	return count(n) + " keys are written"
}

// sweep drops the storages that were retired before this command began: who read them
// had the time of its runs to switch.
func (a *app) sweep(ctx context.Context, s *stores) error {
	dropped, err := s.runner.Sweep(ctx, s.snapshot.Storages())
	for _, storage := range dropped {
		a.note("dropped storage %d", storage)
	}
	return err
}

func (a *app) tellResult(v registry.OnlineView, result materialize.Result, err error) {
	for _, run := range result.Runs {
		for _, f := range run.Failed {
			a.note("%s: %s could not be computed for %s of source %s, and is null there", v.View.ID(), columnTold(f), plural(int(f.Rows), "row", "rows"), v.View.Table.Source)
		}
	}
	switch {
	case errors.Is(err, feature.ErrUnavailable):
		a.note("%s: run quiver materialize again: it completes what this run has begun", v.View.ID())
	case err != nil:
	case len(result.Runs) == 0:
		a.note("%s: up to date", v.View.ID())
	case result.Switched:
		a.note("%s: switched to storage %d", v.View.ID(), result.Runs[len(result.Runs)-1].Storage)
	}
}

// tellAhead says of times that are not reached yet what comes of them.
func (a *app) tellAhead(to feature.Time, from *feature.Time, now feature.Time) {
	if to > now && to != feature.MaxTime {
		a.note("note: --to %s is later than now, %s: what is materialized is up to now", to, now)
	}
	if from != nil && *from > now {
		a.note("note: --from %s is later than now, %s: nothing is read again", *from, now)
	}
}

// tellFurther says that a run leads further than was asked, as one before it did whose
// values may be there.
func (a *app) tellFurther(v registry.OnlineView, result materialize.Result, asked feature.Time) {
	for _, run := range result.Runs {
		if run.State == feature.RunDone && run.To > asked && run.To > run.From {
			a.note("%s: run %d leads to %s and not to %s, as an earlier run led so far and its values may be there", v.View.ID(), run.Number, run.To, asked)
		}
	}
}

// tellGone names files whose rows are still served though no file has them any more, some
// of many.
func (a *app) tellGone(v registry.OnlineView, result materialize.Result) {
	const shown = 3
	files := slices.Clone(result.Gone)
	switch more := len(files) - shown; {
	case len(files) == 0:
		return
	case more > 0:
		files = append(files[:shown], plural(more, "other", "others"))
	}
	a.note("warning: %s: rewritten or removed since read: %s; rows that only they held are still served, and counted in windows: quiver materialize %s --rebuild",
		v.View.ID(), printable(strings.Join(files, ", ")), v.View.ID())
}

// tellLarge warns of keys that have become so large that reading them is slow, which
// definitions could not tell.
func (a *app) tellLarge(v registry.OnlineView, result materialize.Result) {
	largest := int64(0)
	for _, run := range result.Runs {
		largest = max(largest, run.Largest)
	}
	if largest <= registry.MaxKeyBytes {
		return
	}
	a.note("warning: %s: the values of a key take up to %s online, and each request for it reads all of them: long texts and lists take the most; "+
		"keep fewer of them (n of last_n and top_k), or shorter ones", v.View.ID(), sizeTold(largest, 1))
}

// viewRef is a view as a command line names it.
type viewRef struct {
	name    string
	version int // 0: all of them
}

// parseViews reads names of views: view or view@version.
func parseViews(texts []string) ([]viewRef, error) {
	refs := make([]viewRef, len(texts))
	for i, text := range texts {
		var err error
		if refs[i].name, refs[i].version, err = feature.ParseVersioned(text); err != nil {
			return nil, usagef("%w", err)
		}
	}
	return refs, nil
}

// onlineViews gives the online versions of the wanted views, or of all.
func onlineViews(s *registry.Snapshot, wanted []viewRef) ([]registry.OnlineView, error) {
	all := s.OnlineViews()
	if len(wanted) == 0 {
		if len(all) == 0 {
			return nil, fmt.Errorf("no view is kept online: set online: true in a view's definition and apply: %w", feature.ErrNotFound)
		}
		return all, nil
	}
	var chosen []registry.OnlineView
	for _, w := range wanted {
		view, err := s.View(w.name, w.version)
		if err != nil {
			return nil, err
		}
		before := len(chosen)
		for _, v := range all {
			if v.View.Name == w.name && (w.version == 0 || v.View.Version == w.version) && !slices.Contains(chosen, v) {
				chosen = append(chosen, v)
			}
		}
		if len(chosen) == before && view.Online {
			return nil, fmt.Errorf("view %s was removed, and its values with it from the online store: define it again and apply: %w", view.ID(), feature.ErrInvalid)
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("view %s is not kept online: set online: true in its definition and apply: %w", versioned(w.name, w.version), feature.ErrInvalid)
		}
	}
	return chosen, nil
}

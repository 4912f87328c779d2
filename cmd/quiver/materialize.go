package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/redis"
	"github.com/quiver-features/quiver/registry"
)

type materializeFlags struct {
	to, from string
	rebuild  bool
}

func (a *app) materializeCommand() *cobra.Command {
	var f materializeFlags
	c := &cobra.Command{
		Use:   "materialize [VIEW...]",
		Short: "Bring the online store up to now",
		Long: `Writes the latest row of every key that became visible since the last run, of the
named views or of all online views, and moves their watermarks. Files that are
new or have changed are read whole, however late they come. A run that was
interrupted is completed by the next. At the end, storages that were replaced before
are dropped.`,
		Example: `  quiver materialize
  quiver materialize airport_delay --to 2001-06-30T12:00:00Z
  quiver materialize airport_delay --rebuild    # forget what changed and removed files held`,
		RunE: func(c *cobra.Command, args []string) error { return a.materialize(c.Context(), f, args) },
	}
	c.Flags().StringVar(&f.to, "to", "", "`time` up to which to materialize, for example 2026-01-31T12:00:00Z (default: now)")
	c.Flags().StringVar(&f.from, "from", "", "read again what became visible after this `time`")
	c.Flags().BoolVar(&f.rebuild, "rebuild", false, "fill a new storage from scratch and switch to it")
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
	wanted, err := parseViews(names)
	if err != nil {
		return err
	}
	return a.withStores(ctx, func(s *stores) error {
		views, err := onlineViews(s.snapshot, wanted)
		if err != nil {
			return err
		}
		runs := []feature.Run{}
		var failed []error
		for _, v := range views {
			m := newMeter(a.env.err)
			s.runner.Source = s.project.engine(offline.Options{Progress: func(g offline.Progress) {
				if g.Stage == offline.StageScan { // the rest goes on in turn with the writing
					m.set("read "+g.View+" (rows)", g.Done, g.Total)
				}
			}})
			s.runner.Progress = func(g materialize.Progress) { m.set("write "+g.View.ID()+" (keys)", g.Keys, 0) }
			result, err := s.runner.Run(ctx, materialize.Request{
				View: v.View, Active: v.Active, Filling: v.Filling, To: to, From: from, Rebuild: f.rebuild,
			})
			m.stop()
			runs = append(runs, result.Runs...)
			failed = append(failed, err)
			if ctx.Err() != nil {
				break
			}
			a.tellResult(v, result, err)
		}
		if err := a.print(runs, func() error { return a.printRuns(runs) }); err != nil {
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
	switch {
	case err != nil:
	case len(result.Runs) == 0:
		a.note("%s: up to date", v.View.ID())
	case result.Switched:
		a.note("%s: switched to storage %d", v.View.ID(), result.Runs[len(result.Runs)-1].Storage)
	}
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

// knownView checks that there is such a view, and names those that there are.
func knownView(s *registry.Snapshot, w viewRef) error {
	_, err := s.View(w.name, w.version)
	var names []string
	for _, l := range s.Views() {
		if l.Name == w.name {
			return err
		}
		if l.Current != 0 {
			names = append(names, l.Name)
		}
	}
	if err == nil || len(names) == 0 {
		return err
	}
	return fmt.Errorf("no view is named %q%s: the views are %s: %w", w.name,
		didYouMean("", w.name, slices.Values(names)), strings.Join(names, ", "), feature.ErrNotFound)
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
		if err := knownView(s, w); err != nil {
			return nil, err
		}
		before := len(chosen)
		for _, v := range all {
			if v.View.Name == w.name && (w.version == 0 || v.View.Version == w.version) && !slices.Contains(chosen, v) {
				chosen = append(chosen, v)
			}
		}
		if len(chosen) == before {
			return nil, fmt.Errorf("view %s is not kept online: set online: true in its definition and apply: %w", versioned(w.name, w.version), feature.ErrInvalid)
		}
	}
	return chosen, nil
}

func (a *app) printRuns(runs []feature.Run) error {
	if len(runs) == 0 {
		return nil
	}
	var rows [][]string
	for _, r := range runs {
		took := "-"
		if r.Finished != 0 {
			took = tookText(r.Finished.Sub(r.Started).Std())
		}
		rows = append(rows, []string{
			strconv.FormatInt(r.Number, 10), versioned(r.View, r.Version), shownState(r), shortTime(r.From), shortTime(r.To),
			count(r.Rows), count(r.Keys), count(r.Written), count(r.Skipped), count(r.Expired), count(r.Ties), took, r.Who,
		})
	}
	return a.printTable([]string{"RUN", "VIEW", "STATE", "FROM", "TO", "ROWS", "KEYS", "WRITTEN", "SKIPPED", "EXPIRED", "TIES", "TOOK", "WHO"}, rows, 0, 5, 6, 7, 8, 9, 10, 11)
}

// shownState is a run's state, but of one that died without closing its record.
func shownState(r feature.Run) string {
	if r.State == feature.RunRunning && !materialize.MayLive(r, wall()) {
		return "interrupted"
	}
	return string(r.State)
}

// printRunErrors says why runs failed, below their table.
func (a *app) printRunErrors(runs []feature.Run) error {
	var b strings.Builder
	for _, r := range runs {
		if r.Error != "" {
			fmt.Fprintf(&b, "run %d: %s\n", r.Number, printable(r.Error))
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return a.printText("\n" + b.String())
}

func (a *app) runsCommand() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "runs [VIEW[@VERSION]]",
		Short:   "Show the records of materialization, newest first",
		Example: "  quiver runs airport_delay --limit 5",
		Args:    atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			if limit < 0 {
				return usagef("--limit %d is negative: expected a number of runs, or 0 for all", limit)
			}
			wanted, err := parseViews(args)
			if err != nil {
				return err
			}
			return a.withReader(c.Context(), func(_ *project, store registry.Store, s *registry.Snapshot) error {
				for _, w := range wanted {
					if err := knownView(s, w); err != nil {
						return err
					}
				}
				runs, err := newestRuns(c.Context(), store, wanted, limit)
				if err != nil {
					return err
				}
				return a.print(runs, func() error {
					if len(runs) == 0 {
						return a.printText("no runs yet: quiver materialize makes the first\n")
					}
					if err := a.printRuns(runs); err != nil {
						return err
					}
					return a.printRunErrors(runs)
				})
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "how many runs; 0: all")
	return c
}

// newestRuns gives records of the wanted views, or of all, newest first: at most
// limit, 0 meaning all. Records stay for ever, so it reads no more than it needs: a
// few times the limit, and more only while too few of them are of the views. Without
// a store there are none.
func newestRuns(ctx context.Context, store registry.Store, wanted []viewRef, limit int) ([]feature.Run, error) {
	if store == nil {
		return []feature.Run{}, nil
	}
	for window := limit; ; window *= 8 {
		runs, err := store.Runs(ctx, 0, window)
		if err != nil {
			return nil, err
		}
		all := window == 0 || len(runs) < window
		runs = slices.DeleteFunc(runs, func(r feature.Run) bool {
			return len(wanted) > 0 && !slices.ContainsFunc(wanted, func(w viewRef) bool {
				return r.View == w.name && (w.version == 0 || r.Version == w.version)
			})
		})
		if all || len(runs) >= limit {
			if limit > 0 && len(runs) > limit {
				runs = runs[:limit]
			}
			return append([]feature.Run{}, runs...), nil
		}
	}
}

func (a *app) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status [VIEW...]",
		Short:   "Show how fresh and how complete the online store is",
		Example: "  quiver status",
		RunE: func(c *cobra.Command, args []string) error {
			wanted, err := parseViews(args)
			if err != nil {
				return err
			}
			return a.withStores(c.Context(), func(s *stores) error {
				views, err := onlineViews(s.snapshot, wanted)
				if err != nil {
					return err
				}
				all := []viewStatus{}
				var failed []error
				for _, v := range views {
					st, err := s.runner.Status(c.Context(), v.View, v.Active, v.Filling)
					if ctxErr := c.Context().Err(); ctxErr != nil {
						return ctxErr
					}
					line := statusOf(st, s.project.clock(), s.project.Online)
					if err != nil { // what is known of this view, and of the others, is shown
						failed = append(failed, err)
						line.Error = readable(err.Error())
					}
					all = append(all, line)
				}
				a.warn(c.Context(), s.online)
				if err := a.print(all, func() error { return a.printStatus(all) }); err != nil {
					return err
				}
				return errors.Join(failed...)
			})
		},
	}
}

// warner is a store that can tell what about its settings endangers values.
type warner interface {
	Warnings(ctx context.Context) ([]string, error)
}

var _ warner = (*redis.Store)(nil)

// warn passes on what a store says of its own settings.
func (a *app) warn(ctx context.Context, store online.Store) {
	w, ok := store.(warner)
	if !ok {
		return
	}
	texts, err := w.Warnings(ctx)
	if err != nil {
		return // the watermarks of the same store can't be read either, which is told
	}
	for _, text := range texts {
		a.note("warning: %s", text)
	}
}

// viewStatus is a view's line in status.
type viewStatus struct {
	View      string        `json:"view"`
	Storage   uint64        `json:"storage"`
	State     string        `json:"state"` // fresh, stale, empty or lost
	Watermark *feature.Time `json:"watermark,omitempty"`
	Age       string        `json:"age,omitzero"`
	New       []string      `json:"new_files,omitempty"`
	Changed   []string      `json:"changed_files,omitempty"`
	Removed   []string      `json:"removed_files,omitempty"`
	Gone      []string      `json:"gone_files,omitempty"` // changed or removed at any time since the storage was first filled
	LastRun   *feature.Run  `json:"last_run,omitempty"`
	Todo      []string      `json:"todo,omitempty"`
	Error     string        `json:"error,omitzero"` // why the files can't be compared
}

// statusOf says how a view stands. store is the online store, whose secrets are masked.
func statusOf(s materialize.Status, now feature.Time, store fmt.Stringer) viewStatus {
	v := viewStatus{View: s.View.ID(), Storage: s.Storage.ID, State: "fresh", LastRun: s.LastRun}
	mark := s.Watermark
	if mark.Known && mark.Time > feature.MinTime {
		v.Watermark, v.Age = &mark.Time, rough(now.Sub(mark.Time))
	}
	v.New, v.Changed, v.Removed = paths(s.Changes.New), paths(s.Changes.Changed), paths(s.Changes.Removed)
	v.Gone = s.Gone
	run := "quiver materialize " + s.View.ID()
	switch {
	case mark.Known && mark.Lost:
		v.State = "lost"
		v.Todo = append(v.Todo, mark.Reason+": "+run)
	case !mark.Known && s.LastRun != nil && s.LastRun.State == feature.RunDone:
		// The store can't tell that it lost the view, having lost that as well.
		v.State = "lost"
		v.Todo = append(v.Todo, fmt.Sprintf("%s knows nothing of it, though run %d filled it (it was flushed, restarted empty, or is another one): %s",
			store, s.LastRun.Number, run))
	case !mark.Holds():
		v.State = "empty"
		v.Todo = append(v.Todo, run)
	case s.Stale:
		v.State = "stale"
		v.Todo = append(v.Todo, run)
	case len(v.New) > 0:
		v.Todo = append(v.Todo, run)
	}
	if s.Filling != nil {
		v.Todo = append(v.Todo, fmt.Sprintf("storage %d waits to be filled: %s", s.Filling.ID, run))
	}
	if s.NeedsRebuild() {
		v.Todo = append(v.Todo, "files have changed or are gone, and rows that only they held are still served: "+run+" --rebuild")
	}
	return v
}

func paths(files []feature.File) []string {
	var list []string
	for _, f := range files {
		list = append(list, f.Path)
	}
	return list
}

func (a *app) printStatus(all []viewStatus) error {
	var rows [][]string
	for _, v := range all {
		mark := "-"
		if v.Watermark != nil {
			mark = shortTime(*v.Watermark)
		}
		last := "-"
		if v.LastRun != nil {
			last = fmt.Sprintf("%d %s", v.LastRun.Number, shownState(*v.LastRun))
		}
		files := fmt.Sprintf("%d new, %d changed, %d removed", len(v.New), len(v.Changed), len(v.Removed))
		if v.Error != "" {
			files = "can't be told"
		}
		rows = append(rows, []string{v.View, v.State, mark, v.Age, last, files})
	}
	if err := a.printTable([]string{"VIEW", "STATE", "WATERMARK", "AGE", "LAST RUN", "FILES SINCE"}, rows); err != nil {
		return err
	}
	var b strings.Builder
	for _, v := range all {
		for _, f := range v.Gone {
			fmt.Fprintf(&b, "%s: changed or removed: %s\n", v.View, printable(f))
		}
		if v.LastRun != nil && v.LastRun.Error != "" {
			fmt.Fprintf(&b, "%s: run %d: %s\n", v.View, v.LastRun.Number, printable(v.LastRun.Error))
		}
		for _, todo := range v.Todo {
			fmt.Fprintf(&b, "%s: %s\n", v.View, todo)
		}
	}
	if b.Len() == 0 {
		return nil
	}
	return a.printText("\n" + b.String())
}

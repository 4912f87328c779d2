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
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/redis"
)

func (a *app) statusCommand() *cobra.Command {
	var exitCode bool
	c := &cobra.Command{
		Use:   "status [VIEW...]",
		Short: "Show how fresh and how complete the online store is",
		Long: `Shows each view that is kept online, and what to do about it. The state is
  fresh    the online store holds the view up to its watermark
  rebuild  it does, but also rows of files that were rewritten or removed since they
           were read: until materialize --rebuild these are served, and counted in windows
  stale    the watermark is older than the view's max_staleness (where none is set,
           three intervals of its schedule)
  empty    it was never materialized
  lost     the online store lost values of it`,
		Example: `  quiver status
  quiver status --exit-code    # for a monitor: exit 3 where a view is not fresh`,
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
				warnings := a.warn(c.Context(), s.online)
				for i := range all {
					all[i].Warnings = warnings
				}
				if err := a.print(all, func() error { return a.printStatus(all) }); err != nil {
					return err
				}
				if err := errors.Join(failed...); err != nil {
					return err
				}
				if exitCode && slices.ContainsFunc(all, func(v viewStatus) bool { return v.State != "fresh" }) {
					return errChanges
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when a view is not fresh: rebuild, stale, empty or lost")
	return c
}

// warner is a store that can tell what about its settings endangers values.
type warner interface {
	Warnings(ctx context.Context) ([]string, error)
}

var _ warner = (*redis.Store)(nil)

// warn passes on what a store says of its own settings, and gives it.
func (a *app) warn(ctx context.Context, store online.Store) []string {
	w, ok := store.(warner)
	if !ok {
		return nil
	}
	texts, err := w.Warnings(ctx)
	if err != nil {
		return nil // the watermarks of the same store can't be read either, which is told
	}
	for _, text := range texts {
		a.note("warning: %s", text)
	}
	return texts
}

// viewStatus is a view's line in status.
type viewStatus struct {
	View      string        `json:"view"`
	Storage   uint64        `json:"storage"`
	State     string        `json:"state"` // fresh, rebuild, stale, empty or lost
	Watermark *feature.Time `json:"watermark,omitempty"`
	Age       string        `json:"age,omitzero"`
	New       []string      `json:"new_files,omitempty"`
	Changed   []string      `json:"changed_files,omitempty"`
	Removed   []string      `json:"removed_files,omitempty"`
	Gone      []string      `json:"gone_files,omitempty"` // changed or removed at any time since the storage was first filled
	LastRun   *runDocument  `json:"last_run,omitempty"`
	Todo      []string      `json:"todo,omitempty"`
	Error     string        `json:"error,omitzero"`     // why the files can't be compared
	Warnings  []string      `json:"warnings,omitempty"` // what about the online store's settings endangers values
}

// statusOf says how a view stands. store is the online store, whose secrets are masked.
func statusOf(s materialize.Status, now feature.Time, store fmt.Stringer) viewStatus {
	v := viewStatus{View: s.View.ID(), Storage: s.Storage.ID, State: "fresh"}
	if s.LastRun != nil {
		run := runDocumentOf(*s.LastRun)
		v.LastRun = &run
	}
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
		v.Todo = append(v.Todo, fmt.Sprintf("%s knows nothing of it, though run %d filled it (it was flushed, restarted empty, failed over, evicted the watermark, or is another one): %s",
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
		if v.State == "fresh" {
			v.State = "rebuild"
		}
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
			last = fmt.Sprintf("%d %s", v.LastRun.Number, shownState(v.LastRun.Run))
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

package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/registry"
)

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
			rowsText(r), count(r.Keys), count(r.Written), count(r.Skipped), count(r.Expired), count(r.Ties), took, r.Who,
		})
	}
	return a.printTable([]string{"RUN", "VIEW", "STATE", "FROM", "TO", "ROWS", "KEYS", "WRITTEN", "SKIPPED", "EXPIRED", "TIES", "TOOK", "WHO"}, rows, 0, 5, 6, 7, 8, 9, 10, 11)
}

// rowsText is how many rows a run looked at. That is recorded once its pass is over,
// so one that was cut short while it wrote does not know.
func rowsText(r feature.Run) string {
	if r.Rows == 0 && r.Keys > 0 {
		return "-"
	}
	return count(r.Rows)
}

// runDocument is a run for machines.
type runDocument struct {
	feature.Run
	From *feature.Time `json:"from,omitempty"` // in place of Run's; absent: the run read everything
}

func runDocumentOf(r feature.Run) runDocument {
	d := runDocument{Run: r}
	d.State = feature.RunState(shownState(r))
	if r.From != feature.MinTime {
		d.From = &r.From
	}
	return d
}

func runDocumentsOf(runs []feature.Run) []runDocument {
	documents := make([]runDocument, len(runs))
	for i, r := range runs {
		documents[i] = runDocumentOf(r)
	}
	return documents
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
					if _, err := s.View(w.name, w.version); err != nil {
						return err
					}
				}
				runs, err := newestRuns(c.Context(), store, wanted, limit)
				if err != nil {
					return err
				}
				return a.print(runDocumentsOf(runs), func() error {
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

package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/registry"
)

func (a *app) historyCommand() *cobra.Command {
	var limit int
	c := &cobra.Command{
		Use:     "history",
		Short:   "Show who changed what, and when",
		Example: "  quiver history --limit 5",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if limit < 0 {
				return usagef("--limit %d is negative: expected a number of revisions, or 0 for all", limit)
			}
			return a.withReader(c.Context(), func(_ *project, store registry.Store, _ *registry.Snapshot) error {
				revisions := []registry.Revision{}
				if store != nil {
					found, err := store.History(c.Context(), limit)
					if err != nil {
						return err
					}
					revisions = append(revisions, found...)
				}
				return a.print(revisions, func() error { return a.printHistory(revisions) })
			})
		},
	}
	c.Flags().IntVar(&limit, "limit", 20, "how many revisions, newest first; 0: all")
	return c
}

func (a *app) printHistory(revisions []registry.Revision) error {
	if len(revisions) == 0 {
		return a.printText("nothing was applied yet: quiver apply makes the first revision\n")
	}
	var rows [][]string
	for _, r := range revisions {
		rows = append(rows, []string{
			strconv.FormatInt(r.Number, 10), shortTime(r.At), r.Who, r.GitCommit, string(r.Operation), summary(r.Changes), r.Message,
		})
	}
	return a.printTable([]string{"REVISION", "WHEN", "WHO", "COMMIT", "BY", "CHANGES", "MESSAGE"}, rows, 0)
}

// summary names the first changes of a revision.
func summary(changes []registry.ObjectChange) string {
	const shown = 3
	var parts []string
	for i, c := range changes {
		if i == shown {
			parts = append(parts, fmt.Sprintf("and %d more", len(changes)-shown))
			break
		}
		parts = append(parts, fmt.Sprintf("%s %s %s", c.Action, c.Kind, versioned(c.Name, c.To)))
	}
	return strings.Join(parts, ", ")
}

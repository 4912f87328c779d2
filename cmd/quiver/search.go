package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/registry"
)

func (a *app) searchCommand() *cobra.Command {
	var kind string
	var limit int
	kinds := []string{registry.KindEntity, registry.KindSource, registry.KindView, registry.KindService}
	c := &cobra.Command{
		Use:   "search WORD...",
		Short: "Find features and what they belong to by words",
		Long: `Finds entities, sources, views and services in the registry by words in their names,
features, columns, keys, tags, owners, files and descriptions, whatever the case.
What has all the words is listed, the best first: what bears a word as its name
before what begins with it, has it in its name, in a feature, in a tag, in a text.`,
		Example: `  quiver search delay
  quiver search airport ops --kind view
  quiver search delay -o json`,
		Args: func(c *cobra.Command, args []string) error {
			if strings.TrimSpace(strings.Join(args, "")) == "" {
				return wrongUse(c, "the words to search for are missing")
			}
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(c *cobra.Command, args []string) error {
			if kind != "" && !slices.Contains(kinds, kind) {
				return usagef("--kind: unknown kind %q%s: expected one of %s", kind, didYouMean("", kind, slices.Values(kinds)), strings.Join(kinds, ", "))
			}
			if limit < 0 {
				return usagef("--limit %d is negative: expected a number of matches, or 0 for all", limit)
			}
			return a.withReader(c.Context(), func(_ *project, _ registry.Store, s *registry.Snapshot) error {
				return a.search(s, args, kind, limit)
			})
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "only this `kind`: "+strings.Join(kinds, ", "))
	c.Flags().IntVar(&limit, "limit", 20, "how many matches, best first; 0: all")
	return c
}

func (a *app) search(s *registry.Snapshot, words []string, kind string, limit int) error {
	matches := s.Search(words, kind)
	all := len(matches)
	if limit > 0 && all > limit {
		matches = matches[:limit]
	}
	if matches == nil {
		matches = []registry.Match{}
	}
	return a.print(matches, func() error {
		switch {
		case s.Revision() == 0:
			return a.printText("nothing yet: quiver apply registers the definitions\n")
		case all == 0:
			return a.printText(foundNothing(s, words, kind))
		}
		if err := a.printMatches(matches, words); err != nil {
			return err
		}
		if all > len(matches) {
			return a.printText(fmt.Sprintf("\n%s of %s; --limit 0 shows all\n", count(len(matches)), plural(all, "match", "matches")))
		}
		return nil
	})
}

func foundNothing(s *registry.Snapshot, words []string, kind string) string {
	text := fmt.Sprintf("nothing is found by %q", strings.Join(words, " "))
	if kind != "" {
		text += " among the kind " + kind
	}
	if near := s.Nearest(words); near != nil && !slices.Equal(near, words) {
		text += fmt.Sprintf(" (did you mean %q?)", strings.Join(near, " "))
	}
	return printable(text) + "\n"
}

func (a *app) printMatches(matches []registry.Match, words []string) error {
	var rows [][]string
	for _, m := range matches {
		rows = append(rows, []string{m.Kind, versioned(m.Name, m.Version), whereFound(m.Hits), m.Owner, m.Description})
	}
	table := a.table([]string{"KIND", "NAME", "FOUND IN", "OWNER", "DESCRIPTION"}, rows)
	if terminal(a.env.out) && a.colours() {
		table = highlighted(table, words)
	}
	return a.printText(table)
}

// whereFound writes the places of the words; what the table shows anyway is not
// repeated.
func whereFound(hits []registry.Hit) string {
	var places []string
	for _, h := range hits {
		place := h.Field
		switch h.Field {
		case "name", "owner", "description":
		default:
			place += " " + h.Text
		}
		if !slices.Contains(places, place) {
			places = append(places, place)
		}
	}
	return strings.Join(places, ", ")
}

// highlighted sets the words in bold, in all lines of a table but those of its
// header.
func highlighted(table string, words []string) string {
	var patterns []string
	for _, w := range strings.Fields(strings.Join(words, " ")) {
		patterns = append(patterns, regexp.QuoteMeta(w))
	}
	found := regexp.MustCompile("(?i)" + strings.Join(patterns, "|"))
	header, rows, _ := strings.Cut(table, "\n")
	return header + "\n" + found.ReplaceAllString(rows, "\x1b[1;32m$0\x1b[0m")
}

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "validate",
		Short:   "Check the definitions, all errors at once",
		Example: "  quiver validate",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withReader(c.Context(), func(p *project, _ registry.Store, base *registry.Snapshot) error {
				defs, err := p.Load()
				if err != nil {
					return a.problems(err)
				}
				if _, err := registry.NewPlan(c.Context(), base, defs, schemas{p.files}); err != nil {
					return a.problems(err)
				}
				counts := map[string]int{
					"entities": len(defs.Entities), "sources": len(defs.Sources), "views": len(defs.Views), "services": len(defs.Services),
				}
				return a.print(counts, func() error {
					return a.printText(fmt.Sprintf("valid: %s, %s, %s, %s\n",
						plural(counts["entities"], "entity", "entities"), plural(counts["sources"], "source", "sources"),
						plural(counts["views"], "view", "views"), plural(counts["services"], "service", "services")))
				})
			})
		},
	}
}

// problems counts what is wrong with definitions, for the last line.
func (a *app) problems(err error) error {
	var all registry.Problems
	if errors.As(err, &all) {
		return fmt.Errorf("%s in the definitions:\n%w", plural(len(all), "problem", "problems"), err)
	}
	return err
}

func (a *app) planCommand() *cobra.Command {
	var exitCode bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what applying the definitions would change",
		Example: `  quiver plan
  quiver plan --exit-code -o json    # as a gate in CI: exit 3 when there are changes`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withReader(c.Context(), func(p *project, _ registry.Store, base *registry.Snapshot) error {
				plan, emptied, err := p.plan(c.Context(), base)
				if err != nil {
					return a.problems(err)
				}
				a.warnEmptied(emptied)
				if err := a.print(planDocumentOf(plan), func() error { return a.printPlan(plan) }); err != nil {
					return err
				}
				if exitCode && !plan.Empty() {
					return errChanges
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when there are changes")
	return c
}

// warnEmptied tells what definitions that have all gone mean.
func (a *app) warnEmptied(emptied bool) {
	if emptied {
		a.note("warning: nothing is defined: this would remove EVERYTHING from the registry (is the folder of definitions in quiver.yaml right?)")
	}
}

// planDocument is a plan for machines: with the gravest class, and with the places
// in the files.
type planDocument struct {
	Base    int64            `json:"base"`
	Class   registry.Class   `json:"class"` // the gravest
	Changes []changeDocument `json:"changes"`
	// Removals is what apply takes away, and then needs --allow-removal.
	Removals []removalDocument `json:"removals"`
}

type changeDocument struct {
	registry.ObjectChange
	*place
	Reasons []reasonDocument `json:"reasons,omitempty"` // in place of ObjectChange's
}

type reasonDocument struct {
	registry.Reason
	*place
}

// place is a position in a definition file; what was removed has none.
type place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func placeOf(p registry.Position) *place {
	if p.File == "" {
		return nil
	}
	return &place{p.File, p.Line, p.Column}
}

func planDocumentOf(plan *registry.Plan) planDocument {
	document := planDocument{Base: plan.Base, Class: plan.Class(), Changes: []changeDocument{}, Removals: removalDocumentsOf(plan.Removals)}
	for _, c := range plan.Changes {
		change := changeDocument{ObjectChange: c, place: placeOf(c.At)}
		for _, r := range c.Reasons {
			change.Reasons = append(change.Reasons, reasonDocument{r, placeOf(r.At)})
		}
		document.Changes = append(document.Changes, change)
	}
	return document
}

func (a *app) printPlan(plan *registry.Plan) error {
	if plan.Empty() {
		return a.printText(fmt.Sprintf("no changes: revision %d is what the files say\n", plan.Base))
	}
	var rows [][]string
	for _, change := range plan.Changes {
		rows = append(rows, []string{string(change.Action), change.Kind, versioned(change.Name, change.To), change.Class.String(), consequence(change)})
		for _, r := range change.Reasons {
			rows = append(rows, []string{"", "", "  " + r.Field, r.Class.String(), r.Text})
		}
	}
	if err := a.printTable([]string{"ACTION", "KIND", "NAME", "CLASS", "WHAT"}, rows); err != nil {
		return err
	}
	if err := a.printRemovals(plan.Removals); err != nil {
		return err
	}
	return a.printText(fmt.Sprintf("\n%s on revision %d; the gravest is %s\n", plural(len(plan.Changes), "change", "changes"), plan.Base, plan.Class()))
}

func consequence(c registry.ObjectChange) string {
	var parts []string
	if c.From != 0 && c.To != 0 && c.From != c.To {
		parts = append(parts, fmt.Sprintf("version %d -> %d", c.From, c.To))
		if !c.Current {
			parts = append(parts, fmt.Sprintf("current after quiver promote %s", versioned(c.Name, c.To)))
		}
	}
	if c.Storage {
		parts = append(parts, "to be filled by quiver materialize")
	}
	return strings.Join(parts, "; ")
}

func versioned(name string, version int) string {
	if version == 0 {
		return name
	}
	return name + "@" + strconv.Itoa(version)
}

func (a *app) applyCommand() *cobra.Command {
	var yes, allowRemoval bool
	var message string
	c := &cobra.Command{
		Use:   "apply",
		Short: "Make the definitions the registry's, in one revision",
		Long: `Makes one revision of all that quiver plan shows, or none. What is no longer defined
is taken away only where that is said: by a person who is asked, or by
--allow-removal beside --yes. So are features that a service still reads.`,
		Example: `  quiver apply
  quiver apply --yes --message "tighter TTL for routes"
  quiver apply --yes --allow-removal`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withReader(c.Context(), func(p *project, store registry.Store, base *registry.Snapshot) error {
				plan, emptied, err := p.plan(c.Context(), base)
				if err != nil {
					return a.problems(err)
				}
				a.warnEmptied(emptied)
				if a.format == "table" {
					if err := a.printPlan(plan); err != nil {
						return err
					}
				}
				if err := a.allowed(plan.Removals, "applying", "put it back into the definitions", yes, allowRemoval); err != nil {
					return err
				}
				if !plan.Empty() && !yes {
					if err := a.confirm(c.Context(), question("apply", plan.Removals)); err != nil {
						return err
					}
				}
				if store == nil && !plan.Empty() {
					if store, err = p.openRegistry(c.Context(), true); err != nil {
						return err
					}
					defer func() { _ = store.Close() }()
				}
				revision, err := registry.Apply(c.Context(), store, plan, author(c.Context(), p, message))
				if err != nil {
					return committed(c.Context(), err)
				}
				return a.print(map[string]any{"revision": revision, "changes": plan.Changes}, func() error {
					if plan.Empty() {
						return nil
					}
					return a.printText(fmt.Sprintf("applied as revision %d\n", revision))
				})
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&allowRemoval, "allow-removal", false, "with --yes, also take away what is no longer defined")
	c.Flags().StringVarP(&message, "message", "m", "", "why, for the history")
	return c
}

// confirm asks a person. Where nobody can answer, --yes is needed.
func (a *app) confirm(ctx context.Context, question string) error {
	if !a.env.person {
		return usagef("nobody can be asked here (standard input is not a terminal): add --yes")
	}
	_, _ = fmt.Fprint(a.env.err, question, " [y/N] ")
	type line struct {
		text string
		err  error
	}
	answered := make(chan line, 1)
	go func() { // a read can't be interrupted; after Ctrl-C it ends with the process
		text, err := bufio.NewReader(a.env.in).ReadString('\n')
		answered <- line{text, err}
	}()
	var answer string
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(a.env.err)
		return ctx.Err()
	case got := <-answered:
		if got.err != nil && got.text == "" {
			return fmt.Errorf("no answer, nothing was changed: %w", got.err)
		}
		answer = got.text
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}

var errDeclined = errors.New("declined: nothing was changed")

// author says who changes the registry, and from which commit.
func author(ctx context.Context, p *project, message string) registry.Author {
	return registry.Author{Who: who(), At: wall(), GitCommit: gitCommit(ctx, p.Folder), Message: message}
}

// gitCommit gives the commit of a folder, with +changes where files in it differ
// from it; empty where there is no git.
func gitCommit(ctx context.Context, folder string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	git := func(args ...string) (string, bool) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output() //nolint:gosec // no argument comes from outside
		return strings.TrimSpace(string(out)), err == nil
	}
	commit, ok := git("rev-parse", "--short=12", "HEAD")
	if !ok {
		return ""
	}
	if changes, ok := git("status", "--porcelain", "--", "."); ok && changes != "" {
		return commit + "+changes"
	}
	return commit
}

func (a *app) promoteCommand() *cobra.Command {
	var kind string
	c := &cobra.Command{
		Use:   "promote NAME@VERSION",
		Short: "Make a version of a view or a service the current one",
		Example: `  quiver materialize                # the new version's storage first
  quiver promote delay_model@2`,
		Args: exactly("NAME@VERSION"),
		RunE: func(c *cobra.Command, args []string) error {
			switch kind {
			case "", registry.KindView, registry.KindService:
			default:
				return usagef("--kind: unknown kind %q: expected view or service", kind)
			}
			name, version, err := feature.ParseVersioned(args[0])
			if err != nil {
				return usagef("%w", err)
			}
			if version == 0 {
				return usagef("say which version: quiver promote %s@VERSION", name)
			}
			return a.withSnapshot(c.Context(), func(p *project, store registry.Store, base *registry.Snapshot) error {
				target := registry.Target{Kind: kind, Name: name, Version: version}
				return a.promote(c.Context(), p, store, base, target)
			})
		},
	}
	c.Flags().StringVar(&kind, "kind", "", "`kind` of what is meant, view or service, where both bear the name")
	return c
}

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

// shortTime writes a time to the second.
func shortTime(t feature.Time) string {
	if t == 0 || t == feature.MinTime {
		return "-"
	}
	return t.Std().Truncate(time.Second).Format("2006-01-02 15:04:05Z")
}

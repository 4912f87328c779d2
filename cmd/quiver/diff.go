package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func (a *app) diffCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "diff REVISION [REVISION]",
		Short: "Show what changed between two revisions",
		Long: `Compares what was registered at two revisions, field by field, with the class that
each difference has in a plan. Without a second revision the first is compared with
the head. Revision 0 is the registry before anything was applied. What the
definition files would change is told by quiver plan.`,
		Example: `  quiver diff 3 5
  quiver diff 3            # from revision 3 to the head
  quiver diff head 3       # what quiver rollback 3 would change
  quiver diff 3 5 -o json`,
		Args:              revisions(1, 2),
		ValidArgsFunction: a.newestRevisions(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withReader(c.Context(), func(_ *project, store registry.Store, head *registry.Snapshot) error {
				from, err := snapshotAt(c.Context(), store, head, args[0])
				if err != nil {
					return err
				}
				to := head
				if len(args) == 2 {
					if to, err = snapshotAt(c.Context(), store, head, args[1]); err != nil {
						return err
					}
				}
				d := diffDocument{From: from.Revision(), To: to.Revision(), Changes: registry.Diff(from, to)}
				d.Class = registry.Gravest(d.Changes)
				return a.print(d, func() error { return a.printDiff(d) })
			})
		},
	}
}

// diffDocument is a diff for machines.
type diffDocument struct {
	From    int64                   `json:"from"`
	To      int64                   `json:"to"`
	Class   registry.Class          `json:"class"` // the gravest
	Changes []registry.ObjectChange `json:"changes"`
}

// headWord stands for the newest revision.
const headWord = "head"

// revisions asks for numbers of revisions.
func revisions(least, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least {
			return wrongUse(c, "REVISION is missing")
		}
		if len(args) > most {
			return wrongUse(c, "%s takes %s at most, got %d", c.CommandPath(), plural(most, "revision", "revisions"), len(args))
		}
		for _, arg := range args {
			if _, err := strconv.ParseUint(arg, 10, 63); err != nil && arg != headWord {
				return wrongUse(c, "%q is no revision: expected a number of quiver history, or %s", arg, headWord)
			}
		}
		return nil
	}
}

// snapshotAt loads a revision that a command line names. store is nil before
// the first apply.
func snapshotAt(ctx context.Context, store registry.Store, head *registry.Snapshot, text string) (*registry.Snapshot, error) {
	if text == headWord {
		return head, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return nil, usagef("%q is no revision: %w", text, err)
	case number == 0:
		return registry.NewSnapshot(registry.State{Identity: head.Identity()})
	case number == head.Revision():
		return head, nil
	case number > head.Revision() || store == nil:
		return nil, noRevision(number, head)
	}
	return store.Load(ctx, number)
}

// noRevision names those that there are.
func noRevision(number int64, head *registry.Snapshot) error {
	if head.Revision() == 0 {
		return fmt.Errorf("there is no revision %d: nothing was applied yet: %w", number, feature.ErrNotFound)
	}
	return fmt.Errorf("there is no revision %d: the registry has revisions 1 to %d (see quiver history): %w", number, head.Revision(), feature.ErrNotFound)
}

func (a *app) printDiff(d diffDocument) error {
	if len(d.Changes) == 0 {
		return a.printText(fmt.Sprintf("nothing differs between revisions %d and %d\n", d.From, d.To))
	}
	return a.printText(fmt.Sprintf("revision %d -> %d\n\n%s\n%s\n", d.From, d.To, a.diffText(d.Changes), changesCounted(d.Changes)))
}

// changesCounted sums changes up: 1 added, 2 changed; the gravest is breaking.
func changesCounted(changes []registry.ObjectChange) string {
	var added, removed int
	for i := range changes {
		switch signOf(&changes[i]) {
		case "+":
			added++
		case "-":
			removed++
		}
	}
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{added, "added"}, {len(changes) - added - removed, "changed"}, {removed, "removed"}} {
		if p.n > 0 {
			parts = append(parts, count(p.n)+" "+p.word)
		}
	}
	return fmt.Sprintf("%s; the gravest is %s", strings.Join(parts, ", "), registry.Gravest(changes))
}

// signOf tells whether an object came (+), went (-) or changed (~).
func signOf(c *registry.ObjectChange) string {
	switch {
	case c.Action == registry.ActionDelete:
		return "-"
	case c.Action == registry.ActionCreate, c.Action == registry.ActionRestore && c.From == 0:
		return "+"
	}
	return "~"
}

// diffText writes an object a line, and below it a field a line.
func (a *app) diffText(changes []registry.ObjectChange) string {
	var b strings.Builder
	for i := range changes {
		c := &changes[i]
		sign := signOf(c)
		name := versioned(c.Name, c.To)
		switch {
		case sign == "-":
			name = versioned(c.Name, c.From)
		case c.From != 0 && c.From != c.To:
			name = fmt.Sprintf("%s -> @%d", versioned(c.Name, c.From), c.To)
		}
		fmt.Fprintf(&b, "%s  %s\n", a.paint(signStyle(sign), fmt.Sprintf("%s %s %s", sign, c.Kind, printable(name))), strings.Join(a.remarks(c), "; "))
		for j := range c.Reasons {
			b.WriteString(a.reasonLine(&c.Reasons[j]))
		}
	}
	return b.String()
}

// remarks says of a change what its fields don't.
func (a *app) remarks(c *registry.ObjectChange) []string {
	remarks := []string{a.paint(classStyle(c.Class), c.Class.String())}
	switch c.Action {
	case registry.ActionNewVersion:
		remarks = append(remarks, "new version")
	case registry.ActionRestore:
		remarks = append(remarks, "a version of before")
	case registry.ActionPromote:
		remarks = append(remarks, "what the bare name stands for")
	}
	if c.To != 0 && !c.Current {
		remarks = append(remarks, "not current")
	}
	if c.Storage {
		remarks = append(remarks, "to be filled by quiver materialize")
	}
	return remarks
}

func (a *app) reasonLine(r *registry.Reason) string {
	sign, text := "~", r.Text
	switch {
	case r.Old == "" && r.New == "":
	case r.Old == "":
		sign, text = "+", r.New
	case r.New == "":
		sign, text = "-", r.Old
	default:
		text = r.Old + " -> " + r.New
	}
	line := fmt.Sprintf("    %s: %s  %s", a.paint(signStyle(sign), sign+" "+printable(r.Field)), printable(text), a.paint(classStyle(r.Class), r.Class.String()))
	if r.Why != "" {
		line += ": " + printable(r.Why)
	}
	return line + "\n"
}

// The styles of terminals.
const (
	bold   = "1"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func signStyle(sign string) string {
	return map[string]string{"+": green, "-": red, "~": yellow}[sign]
}

func classStyle(c registry.Class) string {
	return map[registry.Class]string{registry.Safe: green, registry.Backfill: yellow, registry.Breaking: bold + ";" + red}[c]
}

// paint colours a text where standard output is a terminal that shows colours.
func (a *app) paint(style, s string) string {
	if a.env.width == 0 || !a.colours() {
		return s
	}
	return "\x1b[" + style + "m" + s + "\x1b[0m"
}

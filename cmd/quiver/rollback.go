package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/registry"
)

type rollbackFlags struct {
	yes, allowRemoval, allowUnmaterialized bool
	message                                string
}

func (a *app) rollbackCommand() *cobra.Command {
	var f rollbackFlags
	c := &cobra.Command{
		Use:   "rollback REVISION",
		Short: "Point back to what was registered at an earlier revision",
		Long: `Names stand again for the versions that they stood for at the revision, and
entities, sources and versions say what they said. It makes one new revision and no
new version; what was made since stays readable by its number. The definition files
stay as they are: revert them too, or the next apply brings back what they say.`,
		Example: `  quiver history
  quiver diff head 3              # what it would change
  quiver rollback 3
  quiver rollback 3 --yes --message "orders were counted twice"`,
		Args:              revisions(1, 1),
		ValidArgsFunction: a.newestRevisions(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.withSnapshot(c.Context(), func(p *project, store registry.Store, head *registry.Snapshot) error {
				to, err := snapshotAt(c.Context(), store, head, args[0])
				if err != nil {
					return err
				}
				if to.Revision() == 0 {
					return fmt.Errorf("revision 0 is the registry before anything was applied, and can't be gone back to: to empty it, take the definitions out of the files and run quiver apply --allow-removal: %w",
						feature.ErrInvalid)
				}
				return a.rollback(c.Context(), p, store, head, to, f)
			})
		},
	}
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.allowRemoval, "allow-removal", false, "with --yes, also take away what was made since then")
	c.Flags().BoolVar(&f.allowUnmaterialized, "allow-unmaterialized", false, "also make versions current whose values the online store does not hold")
	c.Flags().StringVarP(&f.message, "message", "m", "", "why, for the history")
	return c
}

func (a *app) rollback(ctx context.Context, p *project, store registry.Store, head, to *registry.Snapshot, f rollbackFlags) error {
	m := materializedIn{app: a, project: p, identity: head.Identity().ID, lenient: f.allowUnmaterialized}
	defer m.close()
	r, err := registry.NewRollback(ctx, head, to, m.ask)
	if err != nil {
		return err
	}
	if a.format == "table" {
		if err := a.printRollback(r); err != nil {
			return err
		}
	}
	if len(r.Missing) > 0 && !f.allowUnmaterialized {
		return fmt.Errorf("the online store does not hold what would become current, and readers would get UNAVAILABLE:\n  %s\nmaterialize what can be, or add --allow-unmaterialized and run quiver materialize right after: %w",
			strings.Join(r.Missing, "\n  "), feature.ErrConflict)
	}
	if err := a.allowed(r.Removals, "rolling back", "leave it", f.yes, f.allowRemoval); err != nil {
		return err
	}
	if !r.Empty() && !f.yes {
		if err := a.confirm(ctx, question(fmt.Sprintf("roll back to revision %d", r.To), r.Removals)); err != nil {
			return err
		}
	}
	message := fmt.Sprintf("back to revision %d", r.To)
	if f.message != "" {
		message += ": " + f.message
	}
	revision, err := r.Apply(ctx, store, author(ctx, p, message))
	if err != nil {
		return committed(ctx, err)
	}
	files := ""
	if !r.Empty() {
		files = a.filesAfter(ctx, p, store, r)
	}
	document := rollbackDocument{revision, r, removalDocumentsOf(r.Removals), files}
	return a.print(document, func() error { return a.printRolledBack(document) })
}

// rollbackDocument is a rollback that took place, for machines.
type rollbackDocument struct {
	Revision int64 `json:"revision"`
	*registry.Rollback
	Removals []removalDocument `json:"removals"`       // in place of Rollback's
	Files    string            `json:"files,omitzero"` // what about the definition files
}

func (a *app) printRollback(r *registry.Rollback) error {
	if r.Empty() {
		return nil
	}
	d := diffDocument{From: r.Base, To: r.To, Changes: r.Changes}
	if err := a.printDiff(d); err != nil {
		return err
	}
	return a.printRemovals(r.Removals)
}

func (a *app) printRolledBack(d rollbackDocument) error {
	if d.Empty() {
		return a.printText(fmt.Sprintf("nothing to change: the registry is as it was at revision %d\n", d.To))
	}
	text := fmt.Sprintf("revision %d is as revision %d was\n", d.Revision, d.To)
	if len(d.Fill) > 0 {
		var views []string
		for _, v := range d.Fill {
			views = append(views, versioned(v.Name, v.Version))
		}
		text += "to be filled: quiver materialize " + strings.Join(views, " ") + "\n"
	}
	return a.printText(text + d.Files + "\n")
}

// filesAfter says what the definition files would change now. That they can't be
// read changes nothing about the rollback.
func (a *app) filesAfter(ctx context.Context, p *project, store registry.Store, r *registry.Rollback) string {
	text := "the definition files say something else now: until they are reverted too, the next quiver apply brings it back"
	commits := commitsSince(ctx, store, r)
	if len(commits) > 0 {
		text += " (git revert; what was rolled back came from " + strings.Join(commits, ", ") + ")"
	}
	head, err := store.Load(ctx, 0)
	if err != nil {
		return text
	}
	if plan, _, err := p.plan(ctx, head); err == nil && plan.Empty() {
		return "the definition files say the same"
	}
	return text
}

// commitsSince gives the commits that the revisions which were rolled back came
// from, newest first.
func commitsSince(ctx context.Context, store registry.Store, r *registry.Rollback) []string {
	revisions, err := store.History(ctx, int(r.Base-r.To)+1) // and the rollback's own
	if err != nil {
		return nil
	}
	var commits []string
	for _, revision := range revisions {
		if revision.Number > r.Base || revision.Operation != registry.OperationApply || revision.GitCommit == "" || slices.Contains(commits, revision.GitCommit) {
			continue
		}
		commits = append(commits, revision.GitCommit)
	}
	return commits
}

// materializedIn asks the online store what it holds; it is opened when it is first
// asked.
type materializedIn struct {
	app      *app
	project  *project
	identity string
	lenient  bool // a store that does not answer is no error, and not asked again
	away     bool // it did not answer
	store    online.Store
}

func (m *materializedIn) ask(ctx context.Context, storage *feature.Storage) (bool, error) {
	if m.away {
		return true, nil
	}
	holds, err := m.holds(ctx, storage)
	if err != nil && m.lenient && ctx.Err() == nil {
		m.away = true
		m.app.note("warning: what the online store holds can't be told: %s", readable(err.Error()))
		return true, nil
	}
	return holds, err
}

func (m *materializedIn) holds(ctx context.Context, storage *feature.Storage) (bool, error) {
	if err := m.open(ctx); err != nil {
		return false, err
	}
	marks, err := m.store.Watermarks(ctx, []uint64{storage.ID})
	if err != nil {
		return false, err
	}
	return marks[0].Holds(), nil
}

// open opens the store, once.
func (m *materializedIn) open(ctx context.Context) error {
	if m.store != nil {
		return nil
	}
	store, err := m.project.openOnline(ctx, m.identity)
	if err == nil {
		m.store = store
	}
	return err
}

func (m *materializedIn) close() {
	if m.store != nil {
		_ = m.store.Close()
	}
}

package main

import (
	"context"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// completionTime bounds how long a shell waits for names.
const completionTime = 2 * time.Second

const (
	onlyThese = cobra.ShellCompDirectiveNoFileComp
	goesOn    = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
)

// fromRegistry offers what a function finds in the registry: nothing, and without a
// word, where there is no project, no registry or no answer.
func (a *app) fromRegistry(c *cobra.Command, find func(*registry.Snapshot) []cobra.Completion) []cobra.Completion {
	return a.fromStore(c, func(_ context.Context, _ registry.Store, s *registry.Snapshot) []cobra.Completion { return find(s) })
}

// fromStore is fromRegistry for what a snapshot does not hold. Before the first apply
// there is no store, and nothing is asked.
func (a *app) fromStore(c *cobra.Command, find func(context.Context, registry.Store, *registry.Snapshot) []cobra.Completion) []cobra.Completion {
	a.env.err, a.clockTold = io.Discard, true
	ctx, cancel := context.WithTimeout(c.Context(), completionTime)
	defer cancel()
	var found []cobra.Completion
	err := a.withReader(ctx, func(_ *project, store registry.Store, s *registry.Snapshot) error {
		if store != nil {
			found = find(ctx, store, s)
		}
		return nil
	})
	if err != nil {
		return nil
	}
	return found
}

// newestRevisions offers revisions for the first arguments, at most most of them.
func (a *app) newestRevisions(most int) cobra.CompletionFunc {
	const offered = 30
	return func(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) >= most {
			return nil, onlyThese
		}
		return a.fromStore(c, func(ctx context.Context, store registry.Store, _ *registry.Snapshot) []cobra.Completion {
			revisions, err := store.History(ctx, offered)
			if err != nil {
				return nil
			}
			var found []cobra.Completion
			for _, r := range revisions {
				about := string(r.Operation) + " at " + shortTime(r.At)
				if r.Message != "" {
					about += ": " + printable(r.Message)
				}
				found = append(found, cobra.CompletionWithDesc(strconv.FormatInt(r.Number, 10), about))
			}
			return found
		}), onlyThese | cobra.ShellCompDirectiveKeepOrder
	}
}

// environments offers those of the project file.
func (a *app) environments(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	folder, err := definition.FindProject(a.dir)
	if err != nil {
		return nil, onlyThese
	}
	unknown := func(string) (string, bool) { return "", true } // variables don't matter for the names
	p, err := definition.LoadProject(folder, "", unknown)
	if err != nil {
		return nil, onlyThese
	}
	return p.Environments, onlyThese
}

func (a *app) services(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.named(c, nil, typed, "services"), onlyThese
}

func (a *app) views(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return a.named(c, args, typed, "views"), onlyThese
}

// viewsOfFiles offers the views that the files define, applied or not, for one; those of the
// registry where the files are being edited and can't be read.
func (a *app) viewsOfFiles(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, onlyThese
	}
	a.env.err, a.clockTold = io.Discard, true
	p, err := a.project()
	if err != nil {
		return nil, onlyThese
	}
	defs, err := p.Load()
	if err != nil {
		return a.views(c, nil, typed)
	}
	var found []cobra.Completion
	for i := range defs.Views {
		found = append(found, cobra.CompletionWithDesc(defs.Views[i].Name, defs.Views[i].Description))
	}
	return found, onlyThese
}

// objects offers everything that describe knows.
func (a *app) objects(c *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, onlyThese
	}
	return a.named(c, nil, typed, "entities", "sources", "views", "services"), onlyThese
}

// named offers the names of some kinds, those apart that args has, and versions in
// their place once an @ was typed.
func (a *app) named(c *cobra.Command, args []string, typed string, kinds ...string) []cobra.Completion {
	return a.fromRegistry(c, func(s *registry.Snapshot) []cobra.Completion {
		var found []cobra.Completion
		for _, kind := range kinds {
			for _, l := range listKind(s, kind) {
				switch {
				case slices.Contains(args, l.Name):
				case strings.HasPrefix(typed, l.Name+"@"):
					for _, v := range l.Versions {
						found = append(found, l.Name+"@"+strconv.Itoa(v))
					}
				default:
					found = append(found, cobra.CompletionWithDesc(l.Name, l.Description))
				}
			}
		}
		return found
	})
}

// versions offers what promote can make current.
func (a *app) versions(c *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, onlyThese
	}
	return a.fromRegistry(c, func(s *registry.Snapshot) []cobra.Completion {
		var found []cobra.Completion
		for _, l := range append(listKind(s, "views"), listKind(s, "services")...) {
			for _, v := range l.Versions {
				if v != l.Version {
					found = append(found, l.Name+"@"+strconv.Itoa(v))
				}
			}
		}
		return found
	}), onlyThese
}

// features offers views, and the features of a view once its colon was typed, for
// the last item of the list.
func (a *app) features(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	view, _, inView := strings.Cut(typed[len(before):], ":")
	return a.fromRegistry(c, func(s *registry.Snapshot) []cobra.Completion {
		var found []cobra.Completion
		if !inView {
			for _, l := range listKind(s, "views") {
				found = append(found, cobra.CompletionWithDesc(before+l.Name+":", l.Description))
			}
			return found
		}
		name, version, err := feature.ParseVersioned(view)
		if err != nil {
			return nil
		}
		v, err := s.View(name, version)
		if err != nil {
			return nil
		}
		found = append(found, cobra.CompletionWithDesc(before+view+":*", "all of them"))
		for _, f := range v.Features {
			found = append(found, cobra.CompletionWithDesc(before+view+":"+f.Name, f.Description))
		}
		return found
	}), goesOn
}

// keys offers the key columns that the service or the features ask for and that
// were not given yet.
func (a *app) keys(c *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
	service, _ := c.Flags().GetString("service")
	features, _ := c.Flags().GetStringSlice("features")
	given, _ := c.Flags().GetStringArray("key")
	w, err := parseWanted(service, features)
	if err != nil || strings.Contains(typed, "=") {
		return nil, goesOn
	}
	return a.fromRegistry(c, func(s *registry.Snapshot) []cobra.Completion {
		selection, err := w.from(s)
		if err != nil {
			return nil
		}
		columns, err := selection.KeyColumns()
		if err != nil {
			return nil
		}
		var found []cobra.Completion
		for _, k := range columns {
			if !slices.ContainsFunc(given, func(text string) bool { return strings.HasPrefix(text, k.Name+"=") }) {
				found = append(found, cobra.CompletionWithDesc(k.Name+"=", k.Type.String()))
			}
		}
		return found
	}), goesOn
}

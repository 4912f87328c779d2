package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

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

// promote makes a version current, once the online store holds it.
func (a *app) promote(ctx context.Context, p *project, store registry.Store, base *registry.Snapshot, target registry.Target) error {
	if target.Kind == "" && ambiguous(base, target.Name) {
		return usagef("both a view and a service are named %s: add --kind view or --kind service", target.Name)
	}
	m := materializedIn{app: a, project: p, identity: base.Identity().ID}
	defer m.close()
	if err := m.open(ctx); err != nil {
		return err
	}
	revision, err := registry.Promote(ctx, store, base, target, m.ask, author(ctx, p, ""))
	if err != nil {
		return committed(ctx, err)
	}
	return a.print(map[string]any{"name": target.Name, "version": target.Version, "revision": revision}, func() error {
		if revision == base.Revision() {
			return a.printText(fmt.Sprintf("%s is current already\n", versioned(target.Name, target.Version)))
		}
		return a.printText(fmt.Sprintf("%s is current as of revision %d\n", versioned(target.Name, target.Version), revision))
	})
}

// ambiguous tells whether a name is that of a view and of a service.
func ambiguous(s *registry.Snapshot, name string) bool {
	view := slices.ContainsFunc(s.Views(), func(l registry.ViewListing) bool { return l.Name == name })
	service := slices.ContainsFunc(s.Services(), func(l registry.ServiceListing) bool { return l.Name == name })
	return view && service
}

package main

import (
	"context"
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// promote makes a version current, once the online store holds it.
func (a *app) promote(ctx context.Context, p *project, store registry.Store, base *registry.Snapshot, target registry.Target) error {
	values, err := p.openOnline(ctx, base.Identity().ID)
	if err != nil {
		return err
	}
	defer func() { _ = values.Close() }()
	materialized := func(ctx context.Context, storage *feature.Storage) (bool, error) {
		marks, err := values.Watermarks(ctx, []uint64{storage.ID})
		if err != nil {
			return false, err
		}
		return marks[0].Holds(), nil
	}
	revision, err := registry.Promote(ctx, store, base, target, materialized, author(ctx, p, ""))
	if err != nil {
		return err
	}
	return a.print(map[string]any{"name": target.Name, "version": target.Version, "revision": revision}, func() error {
		if revision == base.Revision() {
			return a.printText(fmt.Sprintf("%s is current already\n", versioned(target.Name, target.Version)))
		}
		return a.printText(fmt.Sprintf("%s is current as of revision %d\n", versioned(target.Name, target.Version), revision))
	})
}

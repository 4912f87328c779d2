package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
	registrypostgres "github.com/quiver-features/quiver/registry/postgres"
	registrysqlite "github.com/quiver-features/quiver/registry/sqlite"
)

// openRegistry opens the registry store for a command that somebody waits for, and
// makes it where that is asked for and it is missing. The caller closes it.
func (p *project) openRegistry(ctx context.Context, create bool) (registry.Store, error) {
	w := p.app.waits("the registry at " + p.Registry.String())
	store, err := waited(w, func() (registry.Store, error) { return p.reachRegistry(ctx, create) })
	if err != nil {
		return nil, err
	}
	return &waitingRegistry{Store: store, waits: w}, nil
}

// reachRegistry is openRegistry for a server, which has a log.
func (p *project) reachRegistry(ctx context.Context, create bool) (registry.Store, error) {
	scheme, rest, _ := strings.Cut(p.Registry.Value, ":")
	switch scheme {
	case "sqlite":
		store, err := registrysqlite.Open(ctx, rest, registrysqlite.Options{Project: p.Name, MustExist: !create})
		if err != nil {
			return nil, err
		}
		return store, nil
	case "postgres", "postgresql":
		store, err := registrypostgres.Open(ctx, registrypostgres.Options{URL: p.Registry.Value, Project: p.Name, MustExist: !create})
		switch {
		case err == nil:
			return store, nil
		case ctx.Err() == nil && (errors.Is(err, feature.ErrUnavailable) || errors.Is(err, feature.ErrInvalid)):
			return nil, fmt.Errorf("the registry can't be opened (is %s right?): %w", p.setting("registry"), err)
		}
		return nil, err
	}
	return nil, fmt.Errorf("registry %s: this version of Quiver keeps registries in sqlite:FILE or postgres:// only: %w", p.Registry, feature.ErrInvalid)
}

// setting says where a store is named.
func (p *project) setting(field string) string {
	if p.app.target != "" {
		return fmt.Sprintf("%s of environment %s in %s", field, p.app.target, definition.ProjectFile)
	}
	return field + " in " + definition.ProjectFile
}

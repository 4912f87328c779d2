package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	registrysqlite "github.com/quiver-features/quiver/registry/sqlite"
)

// openRegistry opens the registry store, and makes it where that is asked for and
// it is missing. The caller closes it.
func (p *project) openRegistry(ctx context.Context, create bool) (registry.Store, error) {
	scheme, rest, _ := strings.Cut(p.Registry.Value, ":")
	if scheme != "sqlite" {
		return nil, fmt.Errorf("registry %s: this version of Quiver keeps registries in sqlite:FILE only: %w", p.Registry, feature.ErrInvalid)
	}
	return registrysqlite.Open(ctx, rest, registrysqlite.Options{Project: p.Name, MustExist: !create})
}

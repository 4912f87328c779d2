package main

import (
	"context"
	"errors"
	"os"
	"os/user"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// project is a project file and what it names, opened on demand.
type project struct {
	*definition.Project
	app   *app
	files *parquet.Files
}

// projectFile finds and reads the project file.
func (a *app) projectFile() (*definition.Project, error) {
	folder, err := definition.FindProject(a.dir)
	if err != nil {
		return nil, usageError{err}
	}
	p, err := definition.LoadProject(folder, a.target, a.env.getenv)
	if a.target != "" && errors.Is(err, feature.ErrNotFound) {
		return nil, usagef("--env: %w", err)
	}
	return p, err
}

// project reads the project file, and tells of a clock that is frozen in it.
func (a *app) project() (*project, error) {
	p, err := a.projectFile()
	if err != nil {
		return nil, err
	}
	if p.Now != nil && !a.clockTold {
		a.clockTold = true
		a.note("clock: frozen at %s by now in %s", *p.Now, definition.ProjectFile)
	}
	return &project{Project: p, app: a, files: parquet.New(p.Data.Value)}, nil
}

// clock gives the project's time.
func (p *project) clock() feature.Time {
	if p.Now != nil {
		return *p.Now
	}
	return wall()
}

func wall() feature.Time { return feature.TimeOf(time.Now()) }

// engine makes the offline engine over the project's data.
func (p *project) engine(options offline.Options) *offline.Engine {
	return offline.New(p.files, options)
}

// withSnapshot opens the registry, reads its head and closes it when f returns. A
// registry that does not exist yet is an error.
func (a *app) withSnapshot(ctx context.Context, f func(*project, registry.Store, *registry.Snapshot) error) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	store, err := p.openRegistry(ctx, false)
	if err != nil {
		return err
	}
	return p.withHead(ctx, store, f)
}

// withHead reads the head of a registry that was opened.
func (p *project) withHead(ctx context.Context, store registry.Store, f func(*project, registry.Store, *registry.Snapshot) error) error {
	defer func() { _ = store.Close() }()
	snapshot, err := store.Load(ctx, 0)
	if err != nil {
		return err
	}
	return f(p, store, snapshot)
}

// withReader is withSnapshot for commands that only look: before the first apply
// they see an empty registry, the store is nil, and nothing is written.
func (a *app) withReader(ctx context.Context, f func(*project, registry.Store, *registry.Snapshot) error) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	store, err := p.openRegistry(ctx, false)
	switch {
	case errors.Is(err, feature.ErrNotFound):
		empty, err := registry.NewSnapshot(registry.State{Identity: registry.Identity{Project: p.Name}})
		if err != nil {
			return err
		}
		return f(p, nil, empty)
	case err != nil:
		return err
	}
	return p.withHead(ctx, store, f)
}

// plan reads the definitions and compares them with the registry. Emptied says that
// nothing is defined any more, so that everything would be removed.
func (p *project) plan(ctx context.Context, base *registry.Snapshot) (plan *registry.Plan, emptied bool, err error) {
	defs, err := p.Load()
	if err != nil {
		return nil, false, err
	}
	plan, err = registry.NewPlan(ctx, base, defs, schemas{p.files})
	if err != nil {
		return nil, false, err
	}
	defined := len(defs.Entities) + len(defs.Sources) + len(defs.Views) + len(defs.Services)
	return plan, defined == 0 && !plan.Empty(), nil
}

// schemas shows the offline store's files to the registry.
type schemas struct{ files *parquet.Files }

func (s schemas) Columns(ctx context.Context, patterns []string) ([]registry.SourceField, error) {
	fields, err := s.files.Columns(ctx, patterns)
	if err != nil {
		return nil, err
	}
	columns := make([]registry.SourceField, len(fields))
	for i, f := range fields {
		columns[i] = registry.SourceField(f)
	}
	return columns, nil
}

// who names the person and the machine for records.
func who() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}

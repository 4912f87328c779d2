package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/snapshotfile"
)

// touchEvery is how often the snapshot file is told that the registry confirms it.
const touchEvery = time.Minute

// servedRegistry is the registry as a server sees it: serving.Catalog. What it
// loads is kept in a file; where the registry can't be reached at the start, the
// file is what is served until it can be.
type servedRegistry struct {
	open     func(context.Context) (registry.Store, error)
	file     string // empty: none
	log      *slog.Logger
	identity registry.Identity // of all that is ever served

	store   registry.Store     // nil: not reached yet
	first   *registry.Snapshot // what is served first; nil once it was given
	kept    bool               // the file holds what is served
	failed  bool               // the file could not be written, which was told
	foreign bool               // another registry was met, which was told
	touched time.Time

	up   atomic.Bool
	seen atomic.Int64 // when the registry last confirmed what is served, in Unix seconds
}

// openServed opens the registry, or else the snapshot. The caller closes it.
func (p *project) openServed(ctx context.Context, c *serveConfig, log *slog.Logger, metrics prometheus.Registerer) (*servedRegistry, error) {
	r := &servedRegistry{
		open: func(ctx context.Context) (registry.Store, error) { return p.reachRegistry(ctx, false) },
		file: c.snapshot, log: log,
	}
	if err := r.begin(ctx, p.Name, c.registryTimeout); err != nil {
		return nil, err
	}
	metrics.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "quiver_registry_up",
			Help: "1 where the last look at the registry succeeded, else 0.",
		}, func() float64 {
			if r.up.Load() {
				return 1
			}
			return 0
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "quiver_registry_snapshot_age_seconds",
			Help: "Time since the registry last confirmed the definitions that are served.",
		}, func() float64 { return time.Since(time.Unix(r.seen.Load(), 0)).Seconds() }),
	)
	return r, nil
}

// begin finds what is served first: what the registry holds or, where it does not
// answer in time, what the file does.
func (r *servedRegistry) begin(ctx context.Context, project string, limit time.Duration) error {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	store, err := r.open(bounded)
	if err == nil {
		r.first, err = store.Load(bounded, 0)
		if err == nil {
			r.store, r.identity = store, r.first.Identity()
			r.confirmed(time.Now())
			return nil
		}
		_ = store.Close()
	}
	if ctx.Err() != nil || r.file == "" || !errors.Is(err, feature.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	snapshot, confirmed, fileErr := snapshotfile.Read(r.file, project)
	if fileErr != nil {
		return fmt.Errorf("the registry can't be reached: %w (nor can the server start without it: %s)", err, fileErr.Error())
	}
	r.first, r.identity, r.kept = snapshot, snapshot.Identity(), true
	r.seen.Store(confirmed.Unix())
	r.log.Warn("THE REGISTRY CAN'T BE REACHED: the server starts from its snapshot, and goes on trying",
		slog.String("snapshot", r.file), slog.Int64("revision", snapshot.Revision()),
		slog.Time("confirmed", confirmed.UTC()), slog.Any("error", err))
	return nil
}

// Head implements serving.Catalog.
func (r *servedRegistry) Head(ctx context.Context) (int64, error) {
	if r.first != nil {
		return r.first.Head().Serial, nil
	}
	head, err := r.look(ctx)
	r.up.Store(err == nil)
	return head.Serial, err
}

func (r *servedRegistry) look(ctx context.Context) (registry.Head, error) {
	if err := r.reach(ctx); err != nil {
		return registry.Head{}, err
	}
	head, err := r.store.Head(ctx)
	if err == nil {
		r.confirmed(time.Now())
	}
	return head, err
}

// reach opens the registry where the server started without it. Another registry
// than that of the snapshot is not taken: its storages are others.
func (r *servedRegistry) reach(ctx context.Context) error {
	if r.store != nil {
		return nil
	}
	store, err := r.open(ctx)
	if err != nil {
		return err
	}
	identity, err := store.Identity(ctx)
	if err == nil && identity != r.identity {
		err = fmt.Errorf("the registry that answers is another one than that of snapshot %s: restart the server to change over: %w", r.file, feature.ErrConflict)
		if !r.foreign {
			r.log.Error("the server goes on serving its snapshot", slog.Any("error", err))
			r.foreign = true
		}
	}
	if err != nil {
		_ = store.Close()
		return err
	}
	r.store = store
	r.log.Info("the registry is reached, and followed from now on")
	return nil
}

// Load implements serving.Catalog.
func (r *servedRegistry) Load(ctx context.Context) (serving.Snapshot, error) {
	if s := r.first; s != nil {
		r.first = nil
		if !r.kept {
			r.keep(s)
		}
		return s, nil
	}
	s, err := r.store.Load(ctx, 0)
	if err != nil {
		return nil, err
	}
	r.keep(s)
	return s, nil
}

// Filled implements serving.Catalog.
func (r *servedRegistry) Filled(ctx context.Context, storage uint64) (bool, error) {
	if r.store == nil {
		return false, fmt.Errorf("the registry was not reached yet: %w", feature.ErrUnavailable)
	}
	return wasFilled(ctx, r.store, storage)
}

// wasFilled tells whether one of the last runs of a storage was completed.
func wasFilled(ctx context.Context, store registry.Store, storage uint64) (bool, error) {
	runs, err := store.Runs(ctx, storage, 20)
	if err != nil {
		return false, err
	}
	return slices.ContainsFunc(runs, func(r feature.Run) bool { return r.State == feature.RunDone }), nil
}

// keep writes what is served to the file. A server does not depend on it.
func (r *servedRegistry) keep(s *registry.Snapshot) {
	if r.file == "" {
		return
	}
	err := snapshotfile.Write(r.file, s)
	r.kept, r.touched = err == nil, time.Now()
	if err != nil && !r.failed {
		r.log.Warn("the snapshot can't be written: this server could not start again while the registry is down", slog.Any("error", err))
	}
	r.failed = err != nil
}

// confirmed notes that the registry has said that what is served is its state.
func (r *servedRegistry) confirmed(now time.Time) {
	r.up.Store(true)
	r.seen.Store(now.Unix())
	if r.kept && now.Sub(r.touched) >= touchEvery {
		r.touched = now
		_ = snapshotfile.Touch(r.file, now) // the file may be gone; the next change writes it again
	}
}

func (r *servedRegistry) close() {
	if r.store != nil {
		_ = r.store.Close()
	}
}

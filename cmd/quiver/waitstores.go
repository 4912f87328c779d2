package main

import (
	"context"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/registry"
)

// waitingRegistry is a registry of a command that somebody waits for.
type waitingRegistry struct {
	registry.Store
	waits *waits
}

// Identity implements registry.Store.
func (r *waitingRegistry) Identity(ctx context.Context) (registry.Identity, error) {
	return waited(r.waits, func() (registry.Identity, error) { return r.Store.Identity(ctx) })
}

// Head implements registry.Store.
func (r *waitingRegistry) Head(ctx context.Context) (registry.Head, error) {
	return waited(r.waits, func() (registry.Head, error) { return r.Store.Head(ctx) })
}

// Load implements registry.Store.
func (r *waitingRegistry) Load(ctx context.Context, revision int64) (*registry.Snapshot, error) {
	return waited(r.waits, func() (*registry.Snapshot, error) { return r.Store.Load(ctx, revision) })
}

// Commit implements registry.Store.
func (r *waitingRegistry) Commit(ctx context.Context, base int64, change registry.Change) (int64, error) {
	return waited(r.waits, func() (int64, error) { return r.Store.Commit(ctx, base, change) })
}

// History implements registry.Store.
func (r *waitingRegistry) History(ctx context.Context, limit int) ([]registry.Revision, error) {
	return waited(r.waits, func() ([]registry.Revision, error) { return r.Store.History(ctx, limit) })
}

// StartRun implements registry.Store.
func (r *waitingRegistry) StartRun(ctx context.Context, run feature.Run) (int64, error) {
	return waited(r.waits, func() (int64, error) { return r.Store.StartRun(ctx, run) })
}

// SaveRun implements registry.Store.
func (r *waitingRegistry) SaveRun(ctx context.Context, run feature.Run) error {
	defer r.waits.begin()()
	return r.Store.SaveRun(ctx, run)
}

// Run implements registry.Store.
func (r *waitingRegistry) Run(ctx context.Context, number int64) (feature.Run, error) {
	return waited(r.waits, func() (feature.Run, error) { return r.Store.Run(ctx, number) })
}

// Runs implements registry.Store.
func (r *waitingRegistry) Runs(ctx context.Context, storage uint64, limit int) ([]feature.Run, error) {
	return waited(r.waits, func() ([]feature.Run, error) { return r.Store.Runs(ctx, storage, limit) })
}

// NewStorage implements registry.Store.
func (r *waitingRegistry) NewStorage(ctx context.Context, view string, version int) (feature.Storage, error) {
	return waited(r.waits, func() (feature.Storage, error) { return r.Store.NewStorage(ctx, view, version) })
}

// Served implements registry.Store.
func (r *waitingRegistry) Served(ctx context.Context, view string, version int) (feature.Served, error) {
	return waited(r.waits, func() (feature.Served, error) { return r.Store.Served(ctx, view, version) })
}

// ActivateStorage implements registry.Store.
func (r *waitingRegistry) ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error {
	defer r.waits.begin()()
	return r.Store.ActivateStorage(ctx, storage, served)
}

// ForgetStorage implements registry.Store.
func (r *waitingRegistry) ForgetStorage(ctx context.Context, storage uint64) error {
	defer r.waits.begin()()
	return r.Store.ForgetStorage(ctx, storage)
}

// waitingOnline is an online store of a command that somebody waits for. Drop may take
// long where all is well, and is not waited for aloud.
type waitingOnline struct {
	online.Store
	waits *waits
}

// Get implements online.Store.
func (o *waitingOnline) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	return waited(o.waits, func() ([][]byte, error) { return o.Store.Get(ctx, keys) })
}

// Put implements online.Store.
func (o *waitingOnline) Put(ctx context.Context, layout *online.Layout, rows []online.Row) (online.PutResult, error) {
	return waited(o.waits, func() (online.PutResult, error) { return o.Store.Put(ctx, layout, rows) })
}

// Merge implements online.Store.
func (o *waitingOnline) Merge(ctx context.Context, layout *online.Layout, keys [][]byte, merge online.MergeFunc) (online.PutResult, error) {
	return waited(o.waits, func() (online.PutResult, error) { return o.Store.Merge(ctx, layout, keys, merge) })
}

// Watermarks implements online.Store.
func (o *waitingOnline) Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error) {
	return waited(o.waits, func() ([]feature.Watermark, error) { return o.Store.Watermarks(ctx, storages) })
}

// Advance implements online.Store.
func (o *waitingOnline) Advance(ctx context.Context, storage uint64, to feature.Time, run, since int64) error {
	defer o.waits.begin()()
	return o.Store.Advance(ctx, storage, to, run, since)
}

// Warnings implements warner: a store that has none to give has none.
func (o *waitingOnline) Warnings(ctx context.Context) ([]string, error) {
	w, ok := o.Store.(warner)
	if !ok {
		return nil, nil
	}
	return waited(o.waits, func() ([]string, error) { return w.Warnings(ctx) })
}

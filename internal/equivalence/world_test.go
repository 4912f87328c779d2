package equivalence_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/redis"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/online/sqlite"
	"github.com/quiver-features/quiver/registry"
	registrysqlite "github.com/quiver-features/quiver/registry/sqlite"
)

// kind is a technology of online stores. open opens the store of a world; what it
// needs beside that it has. What has no longer to live than soon may be gone already, where
// a server's time goes on by itself.
type kind struct {
	name string
	soon feature.Duration
	open func(ctx context.Context, w *world, registryID string) (online.Store, error)
}

func onSQLite() kind {
	return kind{"sqlite", 0, func(ctx context.Context, w *world, id string) (online.Store, error) {
		return sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(w.dir, "online.db"), Registry: id, Clock: w.clock})
	}}
}

// onRedis keeps the values of many worlds in one server, apart by their prefix.
func onRedis(server *testenv.RedisServer) kind {
	var worlds atomic.Int64
	return kind{"redis", feature.Minute, func(ctx context.Context, w *world, id string) (online.Store, error) {
		url := fmt.Sprintf("%s?prefix=w%d:", server.URL(), worlds.Add(1))
		return redis.Open(ctx, redis.Options{URL: url, Registry: id, Clock: w.clock})
	}}
}

// kinds gives every technology, with one Redis server for the test.
func kinds(tb testing.TB) []kind {
	return []kind{onSQLite(), onRedis(testenv.Redis(tb))}
}

// world is a project with everything that it needs: data, a registry, an online
// store and the handler over it. now is its clock; wall stands for real time,
// goes on by three seconds each time it is read (so that a run saves a checkpoint
// after every batch), and never meets the other.
type world struct {
	dir      string
	files    *parquet.Files
	engine   *offline.Engine
	registry registry.Store
	online   online.Store
	handler  *serving.Handler
	now      atomic.Int64
	wall     atomic.Int64
}

// newWorld makes an empty project below dir. Data files are looked for in
// dir/data.
func newWorld(ctx context.Context, dir string, k kind) (*world, error) {
	w := &world{dir: dir}
	if err := os.MkdirAll(w.data(), 0o750); err != nil {
		return nil, err
	}
	w.files = parquet.New(w.data())
	w.engine = offline.New(w.files, offline.Options{Workers: 2})
	store, err := registrysqlite.Open(ctx, filepath.Join(dir, "registry.db"), registrysqlite.Options{Project: "equivalence"})
	if err != nil {
		return nil, err
	}
	w.registry = store
	identity, err := store.Identity(ctx)
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	if w.online, err = k.open(ctx, w, identity.ID); err != nil {
		return nil, errors.Join(err, w.close())
	}
	w.handler, err = serving.New(catalog{store}, w.online, handlerOptions(w, 0))
	if err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

// handlerOptions are those of a quiet handler on the clock of a world.
func handlerOptions(w *world, rows int) serving.Options {
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	return serving.Options{Clock: w.clock, Log: log, Registerer: prometheus.NewRegistry(), MaxRows: rows, StoreTimeout: time.Minute}
}

// startWorld is newWorld for a test.
func startWorld(t *testing.T, k kind) *world {
	t.Helper()
	w, err := newWorld(t.Context(), t.TempDir(), k)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func (w *world) data() string { return filepath.Join(w.dir, "data") }

func (w *world) clock() feature.Time { return feature.Time(w.now.Load()) }

func (w *world) set(t feature.Time) { w.now.Store(int64(t)) }

func (w *world) tick() feature.Time { return feature.Time(w.wall.Add(int64(3 * feature.Second))) }

// pass lets so much real time go by that a run which said nothing counts as
// killed.
func (w *world) pass() { w.wall.Add(int64(feature.Hour)) }

func (w *world) close() error {
	var err error
	if w.online != nil {
		err = w.online.Close()
	}
	return errors.Join(err, w.registry.Close())
}

// apply plans definitions against the data and the registry, and applies them.
func (w *world) apply(ctx context.Context, defs *registry.Definitions) error {
	base, err := w.registry.Load(ctx, 0)
	if err != nil {
		return err
	}
	plan, err := registry.NewPlan(ctx, base, defs, schemas{w.files})
	if err != nil {
		return fmt.Errorf("plan: %w", err)
	}
	_, err = registry.Apply(ctx, w.registry, plan, registry.Author{Who: "test"})
	return err
}

// runner works on the parts of the world. Tests put others between.
func (w *world) runner() *materialize.Runner {
	return &materialize.Runner{
		Source: w.engine, Sink: online.NewSink(w.online), Ledger: w.registry, Clock: w.clock, Wall: w.tick, Who: "test",
	}
}

// materialize brings every online view up to now, and the handler to the state
// after it.
func (w *world) materialize(ctx context.Context, r *materialize.Runner, change ...func(*materialize.Request)) ([]materialize.Result, error) {
	results, err := w.bring(ctx, r, change...)
	if err != nil {
		return results, err
	}
	return results, w.handler.Refresh(ctx)
}

// bring brings every online view up to now.
func (w *world) bring(ctx context.Context, r *materialize.Runner, change ...func(*materialize.Request)) ([]materialize.Result, error) {
	snapshot, err := w.registry.Load(ctx, 0)
	if err != nil {
		return nil, err
	}
	var results []materialize.Result
	for _, v := range snapshot.OnlineViews() {
		q := materialize.Request{View: v.View, Active: v.Active, Filling: v.Filling, To: feature.MaxTime}
		for _, c := range change {
			c(&q)
		}
		result, err := r.Run(ctx, q)
		results = append(results, result)
		if err != nil {
			return results, err
		}
	}
	return results, nil
}

func rebuild(q *materialize.Request) { q.Rebuild = true }

// schemas shows the data files to the registry.
type schemas struct{ files *parquet.Files }

func (s schemas) Columns(ctx context.Context, patterns []string) ([]registry.SourceField, error) {
	fields, err := s.files.Columns(ctx, patterns)
	columns := make([]registry.SourceField, len(fields))
	for i, f := range fields {
		columns[i] = registry.SourceField(f)
	}
	return columns, err
}

// catalog shows the registry to the handler.
type catalog struct{ store registry.Store }

func (c catalog) Head(ctx context.Context) (int64, error) {
	head, err := c.store.Head(ctx)
	return head.Serial, err
}

func (c catalog) Load(ctx context.Context) (serving.Snapshot, error) {
	return c.store.Load(ctx, 0)
}

func (catalog) Filled(context.Context, uint64) (bool, error) { return false, nil }

package serving_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// memory is a store in memory whose failures the test chooses.
type memory struct {
	mu     sync.Mutex
	values map[string][]byte
	marks  map[uint64]feature.Watermark
	get    func(ctx context.Context, keys [][]byte) error // nil: works
	down   error                                          // of Watermarks
	gets   int
	asked  int       // keys, in all
	until  time.Time // the deadline of the last Watermarks
}

func newMemory() *memory {
	return &memory{values: map[string][]byte{}, marks: map[uint64]feature.Watermark{}}
}

func (m *memory) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	m.asked += len(keys)
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = m.values[string(k)]
	}
	if m.get == nil {
		return values, nil
	}
	err := m.get(ctx, keys)
	var partial *online.PartialError
	if !errors.As(err, &partial) {
		if err != nil {
			return nil, err
		}
		return values, nil
	}
	for _, i := range partial.Unread {
		values[i] = nil
	}
	return values, err
}

func (m *memory) Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until, _ = ctx.Deadline()
	if m.down != nil {
		return nil, m.down
	}
	found := make([]feature.Watermark, len(storages))
	for i, s := range storages {
		found[i] = m.marks[s]
	}
	return found, nil
}

func (m *memory) set(change func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change()
}

// put stores a row with boxed keys and values, the values in the order of the
// storage's features.
func (m *memory) put(t testing.TB, s *feature.Storage, event feature.Time, keys, values []any) {
	t.Helper()
	layout, err := online.NewLayout(s)
	if err != nil {
		t.Fatal(err)
	}
	b := &feature.Batch{Rows: 1, Event: []feature.Time{event}}
	for i, k := range s.Keys {
		b.Keys = append(b.Keys, column(t, k.Type, keys[i]))
	}
	for i, f := range s.Features {
		b.Features = append(b.Features, column(t, f.Type, values[i]))
	}
	m.set(func() {
		m.values[string(layout.AppendKey(nil, b.Keys, 0))] = bytes.Clone(layout.AppendRow(nil, b, 0))
	})
}

func column(t testing.TB, typ feature.Type, values ...any) *feature.Column {
	t.Helper()
	c := feature.NewColumn(typ, len(values))
	for _, v := range values {
		if err := c.AppendAny(v); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func strings(values ...string) *feature.Column {
	c := feature.NewColumn(feature.Scalar(feature.String), len(values))
	for _, v := range values {
		c.AppendString(v)
	}
	return c
}

// catalog is a registry in memory. Its selections are found by name.
type catalog struct {
	mu       sync.Mutex
	serial   int64
	loads    int
	down     error
	services map[string]*feature.Selection
	list     func(refs []feature.Reference) (*feature.Selection, error)
	retired  uint64          // a storage that is not active any more
	filled   map[uint64]bool // storages that a run has filled
	asked    int             // how often Filled was called
}

func (c *catalog) Filled(_ context.Context, storage uint64) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.filled[storage], nil
}

func (c *catalog) Head(context.Context) (int64, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.serial, c.down
}

func (c *catalog) Load(context.Context) (serving.Snapshot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.loads++
	return snapshot{serial: c.serial, services: c.services, list: c.list, retired: c.retired}, c.down
}

func (c *catalog) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	change()
}

type snapshot struct {
	serial   int64
	services map[string]*feature.Selection
	list     func(refs []feature.Reference) (*feature.Selection, error)
	retired  uint64
}

func (s snapshot) Revision() int64 { return s.serial }

func (s snapshot) Storage(id uint64) (*feature.Storage, error) {
	state := feature.StorageActive
	if id == s.retired {
		state = feature.StorageRetired
	}
	return &feature.Storage{ID: id, State: state}, nil
}

func (s snapshot) Service(name string, version int) (*feature.Selection, error) {
	if version > 0 {
		name = fmt.Sprintf("%s@%d", name, version)
	}
	if found := s.services[name]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("no service is called %s: %w", name, feature.ErrNotFound)
}

func (s snapshot) Select(refs []feature.Reference) (*feature.Selection, error) { return s.list(refs) }

// view makes a view with its active storage, which holds the features given.
// Features have to be in the order of their names.
func view(name string, storage uint64, keys []feature.JoinKey, rule feature.Rule, fields ...feature.Field) (*feature.ViewVersion, *feature.Storage) {
	v := &feature.ViewVersion{Meta: feature.Meta{Name: name}, Version: 1, Keys: keys, Rule: rule, Features: fields, Online: true}
	return v, &feature.Storage{ID: storage, View: name, Version: 1, State: feature.StorageActive, Keys: keys, Features: fields, Rule: rule}
}

func field(name string, kind feature.Kind) feature.Field {
	return feature.Field{Name: name, Type: feature.Scalar(kind)}
}

func key(name string, kind feature.Kind) feature.JoinKey {
	return feature.JoinKey{Name: name, Type: feature.Scalar(kind)}
}

// selection delivers all features of the uses, as alias__feature.
func selection(service string, uses ...feature.Use) *feature.Selection {
	s := &feature.Selection{Service: service, Revision: 1, Uses: uses}
	for i, u := range uses {
		for f := range u.View.Features {
			s.Outputs = append(s.Outputs, feature.Output{Use: i, Feature: f, Name: u.Alias + "__" + u.View.Features[f].Name})
		}
	}
	return s
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

const now = feature.Time(1_000_000_000_000)

func options() serving.Options {
	return serving.Options{Clock: func() feature.Time { return now }, Log: quiet(), Registerer: prometheus.NewRegistry()}
}

func newHandler(t testing.TB, c *catalog, m *memory, opts serving.Options) *serving.Handler {
	t.Helper()
	h, err := serving.New(c, m, opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return h
}

func get(t testing.TB, h *serving.Handler, r *serving.Request) *serving.Response {
	t.Helper()
	resp, err := h.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

// show writes a column's cells as value/STATUS.
func show(f *serving.Feature) []string {
	cells := make([]string, f.Values.Len())
	for i := range cells {
		value := "null"
		if !f.Values.IsNull(i) {
			value = f.Values.Text(i)
		}
		cells[i] = value + "/" + f.Status(i).String()
	}
	return cells
}

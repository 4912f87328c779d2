package serving

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
)

// Handler answers requests. It is safe for concurrent use. It answers once its
// first look at the registry has succeeded, which Run or Refresh does.
type Handler struct {
	opts    Options
	catalog Catalog
	store   Store
	marks   *marks
	metrics *metrics
	served  atomic.Pointer[served]
	scratch sync.Pool
	places  chan struct{} // of requests that take much memory

	ready     chan struct{}
	readyOnce sync.Once

	refreshing   sync.Mutex // one look at the registry at a time
	registryDown atomic.Bool
	marksDown    atomic.Bool
	storeLogged  atomic.Int64 // when a failed read was last logged, in Unix seconds
	damageLogged atomic.Int64 // likewise, a value that could not be decoded
}

// served is one snapshot and the plans compiled against it. It is swapped whole.
type served struct {
	Snapshot
	serial          int64
	services, lists *planCache
	compiling       chan struct{} // held by the one that compiles
}

// New makes a handler over a catalog and a store, which the caller closes.
func New(catalog Catalog, store Store, opts Options) (*Handler, error) {
	if err := opts.Validate(); err != nil {
		return nil, fmt.Errorf("serving: options: %w", err)
	}
	h := &Handler{
		opts: opts.withDefaults(), catalog: catalog, store: store, ready: make(chan struct{}),
		marks:   &marks{store: store, byStorage: map[uint64]*mark{}},
		scratch: sync.Pool{New: func() any { return new(scratch) }},
	}
	h.places = make(chan struct{}, h.opts.MaxLarge)
	var err error
	if h.metrics, err = newMetrics(opts.Registerer, h.marks, opts.Clock); err != nil {
		return nil, fmt.Errorf("serving: register metrics: %w", err)
	}
	return h, nil
}

// Ready is closed when requests can be answered.
func (h *Handler) Ready() <-chan struct{} { return h.ready }

// Run keeps the definitions and the watermarks fresh until ctx ends. It returns
// nil then: failures are logged and counted, and what is known goes on being
// served.
func (h *Handler) Run(ctx context.Context) error {
	var both sync.WaitGroup
	// Apart, so that a registry that hangs does not age the watermarks.
	both.Go(func() { h.every(ctx, h.refreshDefinitions) })
	both.Go(func() { h.every(ctx, h.refreshWatermarks) })
	both.Wait()
	return nil
}

func (h *Handler) every(ctx context.Context, look func(context.Context) error) {
	ticker := time.NewTicker(h.opts.RefreshInterval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		bounded, cancel := context.WithTimeout(ctx, h.opts.RefreshTimeout)
		_ = look(bounded) // logged and counted where it is known what changed
		cancel()
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// Refresh looks at the registry and at the watermarks once, as Run does over and
// over. After an error what was known before is served.
func (h *Handler) Refresh(ctx context.Context) error {
	return errors.Join(h.refreshDefinitions(ctx), h.refreshWatermarks(ctx))
}

func (h *Handler) refreshDefinitions(ctx context.Context) error {
	h.refreshing.Lock()
	defer h.refreshing.Unlock()
	err := h.load(ctx)
	if err == nil {
		err = h.askFilled(ctx)
	}
	h.told(ctx, &h.registryDown, err, "registry")
	return err
}

func (h *Handler) load(ctx context.Context) error {
	serial, err := h.catalog.Head(ctx)
	if err != nil {
		return fmt.Errorf("serving: look at the registry: %w", err)
	}
	old := h.served.Load()
	if old != nil && old.serial == serial {
		return nil
	}
	// What is loaded may be newer than serial. Then the next look loads once more.
	snapshot, err := h.catalog.Load(ctx)
	if err != nil {
		return fmt.Errorf("serving: load definitions: %w", err)
	}
	h.served.Store(&served{
		Snapshot: snapshot, serial: serial, compiling: make(chan struct{}, 1),
		services: newPlanCache(h.opts.MaxPlans), lists: newPlanCache(h.opts.MaxPlans),
	})
	h.metrics.revision.Set(float64(snapshot.Revision()))
	h.opts.Log.InfoContext(ctx, "serving definitions", slog.Int64("revision", snapshot.Revision()))
	h.readyOnce.Do(func() { close(h.ready) })
	return nil
}

// askFilled asks the registry, once for each, for runs of the storages of which the
// store knows nothing.
func (h *Handler) askFilled(ctx context.Context) error {
	for _, mk := range h.marks.all() {
		if s := mk.state.Load(); mk.asked || s.doubtful || s.Known || mk.filled.Load() {
			continue
		}
		filled, err := h.catalog.Filled(ctx, mk.storage)
		if err != nil {
			return fmt.Errorf("serving: ask for runs of storage %d: %w", mk.storage, err)
		}
		mk.asked = true
		if filled {
			mk.filled.Store(true)
		}
	}
	return nil
}

func (h *Handler) refreshWatermarks(ctx context.Context) error {
	h.marks.keep(func(storage uint64) bool {
		now := h.served.Load()
		if now == nil {
			return false
		}
		s, err := now.Storage(storage)
		return err == nil && s.State == feature.StorageActive
	})
	all := h.marks.all()
	err := h.marks.read(ctx, all)
	if err != nil {
		err = fmt.Errorf("serving: read watermarks: %w", err)
	}
	h.told(ctx, &h.marksDown, err, "watermarks")
	h.tellLosses(ctx, all)
	return err
}

// tellLosses logs when a view's values begin and cease to be lost.
func (h *Handler) tellLosses(ctx context.Context, all []*mark) {
	for _, mk := range all {
		reason := mk.state.Load().lost
		switch was := mk.told.Swap(reason != ""); {
		case !was && reason != "":
			h.opts.Log.WarnContext(ctx, "the online store may have lost values of a view", slog.String("view", mk.view),
				slog.Uint64("storage", mk.storage), slog.String("reason", reason), slog.String("do", "quiver materialize "+mk.view))
		case was && reason == "":
			h.opts.Log.InfoContext(ctx, "the online store has the values of a view again", slog.String("view", mk.view),
				slog.Uint64("storage", mk.storage))
		}
	}
}

// told counts a failed look, and logs when looks begin and cease to fail.
func (h *Handler) told(ctx context.Context, down *atomic.Bool, err error, what string) {
	if err == nil {
		if down.Swap(false) {
			h.opts.Log.InfoContext(ctx, "the "+what+" can be read again")
		}
		return
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return // a shutdown
	}
	h.metrics.refreshErrors.WithLabelValues(what).Inc()
	if !down.Swap(true) {
		h.opts.Log.WarnContext(ctx, "the "+what+" can't be read; what is known goes on being served", slog.Any("error", err))
	}
}

// plan finds the plan of a request, or makes it. The store is asked within reading.
func (h *Handler) plan(ctx, reading context.Context, r *Request, s *scratch) (*plan, error) {
	now := h.served.Load()
	if now == nil {
		return nil, fmt.Errorf("the registry was not read yet: try again in a moment: %w", feature.ErrUnavailable)
	}
	cache := now.services
	s.buf = s.buf[:0]
	if r.Service != "" {
		s.buf = append(s.buf, r.Service...)
	} else {
		cache = now.lists
		for _, ref := range r.Features {
			s.buf = append(binary.AppendUvarint(s.buf, uint64(len(ref))), ref...)
		}
	}
	if p := cache.get(s.buf); p != nil {
		return p, nil
	}
	select {
	case now.compiling <- struct{}{}:
		defer func() { <-now.compiling }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if p := cache.get(s.buf); p != nil {
		return p, nil
	}
	p, err := h.compile(reading, now, r)
	if err == nil {
		cache.put(string(s.buf), p)
	}
	return p, err
}

func (h *Handler) compile(reading context.Context, now *served, r *Request) (*plan, error) {
	selection, field, err := lookUp(now, r)
	if err != nil {
		return nil, &FieldError{Field: field, Message: err.Error(), kind: err}
	}
	var unread []*mark
	p, err := compile(selection, compiling{
		mark: func(view string, storage uint64) *mark {
			mk, isNew := h.marks.get(view, storage)
			if isNew {
				unread = append(unread, mk)
			}
			return mk
		},
		failed: func(feature string) prometheus.Counter { return h.metrics.failed.WithLabelValues(feature) },
	})
	if err != nil {
		if r.Service == "" {
			field = "features"
		}
		return nil, &FieldError{Field: field, Message: err.Error(), kind: err}
	}
	label := p.service
	if label == "" {
		label = lists
	}
	p.requests, p.rows = h.metrics.requests.WithLabelValues(label), h.metrics.rows.WithLabelValues(label)
	if err := h.marks.read(reading, unread); err != nil { // the next refresh reads them
		h.storeFailed(reading, err)
	}
	return p, nil
}

// lookUp asks the snapshot for what a request names, and tells by which field.
func lookUp(now *served, r *Request) (s *feature.Selection, field string, err error) {
	if r.Service != "" {
		name, version, err := feature.ParseVersioned(r.Service)
		if err != nil {
			return nil, "service", err
		}
		s, err = now.Service(name, version)
		return s, "service", err
	}
	refs := make([]feature.Reference, len(r.Features))
	for i, text := range r.Features {
		if refs[i], err = feature.ParseReference(text); err != nil {
			return nil, fmt.Sprintf("features[%d]", i), err
		}
	}
	if s, err = now.Select(refs); err == nil {
		return s, "", nil
	}
	// References are added in their order: the first list that fails ends with the one to blame.
	at := sort.Search(len(refs), func(i int) bool {
		_, err := now.Select(refs[:i+1])
		return err != nil
	})
	return nil, fmt.Sprintf("features[%d]", at), err
}

package serving

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/quiver-features/quiver/feature"
)

// mark is what is known of one storage's watermark. Plans point to it; reading it
// takes no lock.
type mark struct {
	view    string
	storage uint64
	state   atomic.Pointer[markState]
	filled  atomic.Bool // a run has filled the storage: the store showed it, or the registry tells so
	told    atomic.Bool // that it is lost, in the log
	asked   bool        // the registry has told of runs; of the one that looks at the registry
}

type markState struct {
	feature.Watermark
	doubtful bool   // it could not be read at the last attempt
	lost     string // why values that a run wrote may be gone; empty: they are there, or there never was one
}

// absent tells whether a key that is not there proves that there is no row. While
// a first run fills a storage, or fills it again after a loss, it proves nothing.
func (s *markState) absent() bool { return s.Holds() && !s.doubtful }

// stale tells whether a value found at t may be out of date.
func (s *markState) stale(t feature.Time, limit feature.Duration) bool {
	return !s.Holds() || limit > 0 && t.Sub(s.Time) > limit
}

// marks are the watermarks of all storages in use.
type marks struct {
	store Store

	mu        sync.Mutex
	byStorage map[uint64]*mark
}

// get gives the mark of a storage, and whether it is new and was never read.
func (m *marks) get(view string, storage uint64) (mk *mark, isNew bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	mk = m.byStorage[storage]
	if mk == nil {
		mk, isNew = &mark{view: view, storage: storage}, true
		mk.state.Store(&markState{doubtful: true})
		m.byStorage[storage] = mk
	}
	return mk, isNew
}

// keep forgets the marks of storages that are not active any more. What is active is
// asked under the lock, so that no mark is missed that a plan of now points to.
func (m *marks) keep(active func(storage uint64) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for storage := range m.byStorage {
		if !active(storage) {
			delete(m.byStorage, storage)
		}
	}
}

// all gives the marks in the order of their storages.
func (m *marks) all() []*mark {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]*mark, 0, len(m.byStorage))
	for _, mk := range m.byStorage {
		all = append(all, mk)
	}
	slices.SortFunc(all, func(a, b *mark) int { return cmp.Compare(a.storage, b.storage) })
	return all
}

// read reads watermarks from the store. Where it does not answer, what was known
// stays, in doubt.
func (m *marks) read(ctx context.Context, which []*mark) error {
	if len(which) == 0 {
		return nil
	}
	storages := make([]uint64, len(which))
	for i, mk := range which {
		storages[i] = mk.storage
	}
	found, err := m.store.Watermarks(ctx, storages)
	if err == nil && len(found) != len(which) {
		err = fmt.Errorf("the store gave %d watermarks for %d storages: %w", len(found), len(which), feature.ErrUnavailable)
	}
	for i, mk := range which {
		if err != nil {
			last := mk.state.Load()
			mk.state.Store(&markState{Watermark: last.Watermark, doubtful: true, lost: last.lost})
			continue
		}
		mk.state.Store(&markState{Watermark: found[i], lost: mk.lost(found[i])})
	}
	return err
}

// lost tells why what a run wrote may be gone, or "". A store that lost its watermark as
// well knows of no loss: that the storage was filled is known from before.
func (mk *mark) lost(w feature.Watermark) string {
	if _, ok := w.At(); ok {
		mk.filled.Store(true)
	}
	switch {
	case w.Lost && w.Reason != "":
		return w.Reason
	case w.Lost:
		return "the store may have lost values since its watermark was set"
	case w.Holds() || !mk.filled.Load():
		return ""
	case w.Known:
		return "a run has begun to fill it anew, and is not over"
	default:
		return "the store knows nothing of it, though a run has filled it: it was flushed, restarted empty, failed over, evicted the watermark, or is another one"
	}
}

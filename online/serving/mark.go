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
	used    int // the generation of snapshots that used it last
	state   atomic.Pointer[markState]
}

type markState struct {
	feature.Watermark
	doubtful bool // it could not be read at the last attempt
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

	mu         sync.Mutex
	generation int
	byStorage  map[uint64]*mark
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
	mk.used = m.generation
	return mk, isNew
}

// next begins a new generation. Marks that no plan of the last one used are
// forgotten.
func (m *marks) next() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for storage, mk := range m.byStorage {
		if mk.used < m.generation {
			delete(m.byStorage, storage)
		}
	}
	m.generation++
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
			mk.state.Store(&markState{Watermark: mk.state.Load().Watermark, doubtful: true})
			continue
		}
		mk.state.Store(&markState{Watermark: found[i]})
	}
	return err
}

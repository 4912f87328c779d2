// Package eventspine makes spines from what views hold, where nobody has labels:
// the distinct keys and event times of views in a range of time, or every key that
// was seen up to a time, as of that time.
//
// Each row is encoded as bytes whose order is the rows' own: the time, then the
// keys. Workers sort their rows in memory, drop those that are there twice, and
// spill what is more than their share as sorted runs; a merge of all runs is the
// spine. So the rows come in order of time and key, whatever the files, the workers
// and the memory. Temporary files have no name any more while they are used: they
// are gone when the process is, however it ends.
package eventspine

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// TimeColumn is the name of a spine's time column.
const TimeColumn = "event_timestamp"

// Source delivers the rows of views; offline.Engine is one.
type Source interface {
	EventsIn(ctx context.Context, view *feature.ViewVersion, from, to feature.Time, worker func() func(*offline.Events) error) error
	EventsSeen(ctx context.Context, view *feature.ViewVersion, at feature.Time, worker func() func(*offline.Events) error) error
}

// Options of a spine. The zero value is useful.
type Options struct {
	// Memory is how many bytes of rows are held while they are sorted; 0 means 256
	// MiB. What is more goes to disk.
	Memory int64
	// Workers is how many workers of the source share the memory; 0 is GOMAXPROCS.
	Workers int
	// Folder is where temporary files are made; empty: os.TempDir.
	Folder string
}

const (
	memoryByDefault = 256 << 20
	memoryAtLeast   = 1 << 20
)

// InRange gives the distinct keys and event times of the selection's views with
// from <= time < to. Its columns are the join keys as the selection names them and
// TimeColumn. Views of different keys are an error that wraps feature.ErrInvalid.
// The caller closes the spine.
func InRange(ctx context.Context, source Source, selection *feature.Selection, from, to feature.Time, o Options) (offline.Spine, error) {
	if from >= to {
		return nil, fmt.Errorf("from %s to %s is no time at all: the range begins before it ends, its end not included: %w", from, to, feature.ErrInvalid)
	}
	name := fmt.Sprintf("of keys and times from %s to %s", from, to)
	return build(ctx, selection, o, layout{name: name, timed: true}, func(view *feature.ViewVersion, worker func() func(*offline.Events) error) error {
		return source.EventsIn(ctx, view, from, to, worker)
	})
}

// AsOf gives each key of the selection's views with a row that was visible at the
// time or before (however long ago: TTL does not count), with that time in
// TimeColumn. It is as InRange otherwise.
func AsOf(ctx context.Context, source Source, selection *feature.Selection, at feature.Time, o Options) (offline.Spine, error) {
	name := fmt.Sprintf("of keys as of %s", at)
	return build(ctx, selection, o, layout{name: name, at: at}, func(view *feature.ViewVersion, worker func() func(*offline.Events) error) error {
		return source.EventsSeen(ctx, view, at, worker)
	})
}

func build(ctx context.Context, selection *feature.Selection, o Options, l layout,
	scan func(*feature.ViewVersion, func() func(*offline.Events) error) error,
) (offline.Spine, error) {
	readings, keys, err := plan(selection)
	if err != nil {
		return nil, err
	}
	l.keys = keys
	memory := o.Memory
	if memory <= 0 {
		memory = memoryByDefault
	}
	workers := o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	s := &sorting{folder: o.Folder, share: int(min(max(memory/int64(workers), memoryAtLeast), sorterMost))}
	defer s.close()
	for _, r := range readings {
		s.begin()
		err := scan(r.view, func() func(*offline.Events) error { return s.worker(l, r.order) })
		if err != nil {
			return nil, err
		}
	}
	return s.spine(ctx, l)
}

// reading is a view that rows are taken from.
type reading struct {
	view  *feature.ViewVersion
	order []int // for each key column of the spine, its index in View.Keys
}

// plan says which views are read, each once, and the spine's key columns: those of
// the first view.
func plan(selection *feature.Selection) ([]reading, []feature.JoinKey, error) {
	columns, err := selection.KeyColumns()
	if err != nil {
		return nil, nil, err
	}
	first := &selection.Uses[0]
	keys := make([]feature.JoinKey, len(first.Keys))
	for k, name := range first.Keys {
		keys[k] = columns[slices.IndexFunc(columns, func(c feature.JoinKey) bool { return c.Name == name })]
		if name == TimeColumn {
			return nil, nil, fmt.Errorf("join key %s is named as the time column of a spine without a file: give a spine: %w", name, feature.ErrInvalid)
		}
	}
	var readings []reading
	for i := range selection.Uses {
		use := &selection.Uses[i]
		if !sameKeys(first.Keys, use.Keys) {
			return nil, nil, fmt.Errorf("view %s is by (%s) and view %s by (%s): without a spine all views are of one set of keys; "+
				"ask for their features apart, or give a spine that has both: %w",
				first.View.ID(), strings.Join(first.Keys, ", "), use.View.ID(), strings.Join(use.Keys, ", "), feature.ErrInvalid)
		}
		r := reading{view: use.View, order: make([]int, len(first.Keys))}
		for k, name := range first.Keys {
			r.order[k] = slices.Index(use.Keys, name)
		}
		if !slices.ContainsFunc(readings, func(had reading) bool { return had.view.ID() == r.view.ID() && slices.Equal(had.order, r.order) }) {
			readings = append(readings, r)
		}
	}
	return readings, keys, nil
}

func sameKeys(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

// sorting is the making of one spine.
type sorting struct {
	folder string
	share  int // bytes of a worker

	mu      sync.Mutex
	sorters []*sorter
	free    []*sorter // those of the views before, for the workers of the next one
}

// begin begins a view: no worker of the one before has a sorter any more.
func (s *sorting) begin() { s.free = slices.Clone(s.sorters) }

// sorter gives a worker a sorter of its own.
func (s *sorting) sorter() *sorter {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.free); n > 0 {
		own := s.free[n-1]
		s.free = s.free[:n-1]
		return own
	}
	own := &sorter{folder: s.folder, most: s.share}
	s.sorters = append(s.sorters, own)
	return own
}

// worker gives what encodes events into a sorter.
func (s *sorting) worker(l layout, order []int) func(*offline.Events) error {
	own := s.sorter()
	var row []byte
	return func(e *offline.Events) error {
		for i, r := range e.Rows {
			row = l.encode(row[:0], e.Event[i], e.Keys, order, int(r))
			if err := own.add(row); err != nil {
				return err
			}
		}
		return nil
	}
}

// close gives up what the sorters hold; after it was merged that is nothing.
func (s *sorting) close() {
	for _, own := range s.sorters {
		own.close()
	}
}

// spine merges everything into one file.
func (s *sorting) spine(ctx context.Context, l layout) (_ offline.Spine, err error) {
	out := &spine{layout: l}
	if out.file, err = newTemp(s.folder); err != nil {
		return nil, err
	}
	if err := out.fill(ctx, s.sorters); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	return out, nil
}

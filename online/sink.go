package online

import (
	"context"
	"sync"

	"github.com/quiver-features/quiver/feature"
)

// What one Put takes at most: enough that the store's cost per call does not
// count, little enough that a call is over soon and holds little memory.
const (
	putRows  = 4096
	putBytes = 4 << 20
)

// Sink is how materialization writes to a store: it turns batches of rows into keys
// and values. It is safe for concurrent use.
type Sink struct {
	store   Store
	layouts sync.Map // of storage numbers, to *Layout; a number never changes its layout
	buffers sync.Pool
}

// NewSink makes a sink that writes to store. Closing the store is the caller's.
func NewSink(store Store) *Sink {
	s := &Sink{store: store}
	s.buffers.New = func() any { return new(rowBuffer) }
	return s
}

// Watermark tells what the store knows of a storage.
func (s *Sink) Watermark(ctx context.Context, storage *feature.Storage) (feature.Watermark, error) {
	marks, err := s.Watermarks(ctx, []*feature.Storage{storage})
	if err != nil {
		return feature.Watermark{}, err
	}
	return marks[0], nil
}

// Write puts the latest rows of a storage. Of two rows of a key the later one stays,
// so repeating and reordering are harmless. Of a view with aggregates the batch's tiles
// replace those that are there, unless a later run has been there: see Layout.Merge. Rows that may be forgotten, as
// their TTL and Grace are over, are not written but counted. After an error any
// part of the batch may be written. The batch is not kept.
func (s *Sink) Write(ctx context.Context, storage *feature.Storage, view *feature.ViewVersion, batch *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	var result feature.WriteResult
	layout, err := s.layout(storage)
	if err != nil {
		return result, err
	}
	if batch, err = layout.Arrange(view, batch); err != nil {
		return result, err
	}
	if layout.HasTiles() {
		return s.merge(ctx, layout, batch, from)
	}
	buf, _ := s.buffers.Get().(*rowBuffer)
	defer s.buffers.Put(buf)
	buf.reset()
	for i := range batch.Rows {
		expires := layout.Expires(batch.Event[i])
		if expires != feature.MaxTime && expires <= from.Now {
			result.Expired++
			continue
		}
		result.Largest = max(result.Largest, buf.add(layout, batch, i, expires))
		if len(buf.ends) >= putRows || len(buf.bytes) >= putBytes {
			if err := s.flush(ctx, layout, buf, &result); err != nil {
				return result, err
			}
		}
	}
	err = s.flush(ctx, layout, buf, &result)
	return result, err
}

// Advance moves the watermark, as Store.Advance does.
func (s *Sink) Advance(ctx context.Context, storage *feature.Storage, to feature.Time, run, since int64) error {
	return s.store.Advance(ctx, storage.ID, to, run, since)
}

// Watermarks tells what the store knows of storages, in their order.
func (s *Sink) Watermarks(ctx context.Context, storages []*feature.Storage) ([]feature.Watermark, error) {
	numbers := make([]uint64, len(storages))
	for i, storage := range storages {
		numbers[i] = storage.ID
	}
	return s.store.Watermarks(ctx, numbers)
}

// Drop removes a storage that nobody reads or writes any more, as Store.Drop does.
func (s *Sink) Drop(ctx context.Context, storage *feature.Storage) error {
	return s.store.Drop(ctx, storage.ID)
}

func (s *Sink) layout(storage *feature.Storage) (*Layout, error) {
	if known, ok := s.layouts.Load(storage.ID); ok {
		layout, _ := known.(*Layout)
		return layout, nil
	}
	layout, err := NewLayout(storage)
	if err != nil {
		return nil, err
	}
	s.layouts.Store(storage.ID, layout)
	return layout, nil
}

func (s *Sink) flush(ctx context.Context, layout *Layout, buf *rowBuffer, result *feature.WriteResult) error {
	if len(buf.ends) == 0 {
		return nil
	}
	put, err := s.store.Put(ctx, layout, buf.slice())
	result.Written += put.Written
	result.Skipped += put.Kept
	result.Bytes += int64(put.Bytes)
	buf.reset()
	return err
}

// rowBuffer collects rows in one piece of memory that is used again and again.
type rowBuffer struct {
	bytes []byte
	ends  []rowEnds
	rows  []Row
}

type rowEnds struct {
	key, value int
	expires    feature.Time
}

func (b *rowBuffer) reset() { b.bytes, b.ends = b.bytes[:0], b.ends[:0] }

// add gives the bytes of the row's value.
func (b *rowBuffer) add(l *Layout, batch *feature.Batch, i int, expires feature.Time) int {
	b.bytes = l.AppendKey(b.bytes, batch.Keys, i)
	key := len(b.bytes)
	b.bytes = l.AppendRow(b.bytes, batch, i)
	b.ends = append(b.ends, rowEnds{key, len(b.bytes), expires})
	return len(b.bytes) - key
}

// slice gives the rows, which alias the buffer. It is called when all are added, as
// adding moves the memory.
func (b *rowBuffer) slice() []Row {
	b.rows = b.rows[:0]
	start := 0
	for _, e := range b.ends {
		b.rows = append(b.rows, Row{Key: b.bytes[start:e.key:e.key], Value: b.bytes[e.key:e.value:e.value], Expires: e.expires})
		start = e.value
	}
	return b.rows
}

package online

import (
	"context"

	"github.com/quiver-features/quiver/feature"
)

// What one Merge takes: what it reads and gives is held until it returns. How much a key's
// value takes is known of those before it, so that the first are few.
const (
	mergeKeys  = 1024
	mergeFirst = 64
	mergeBytes = 8 << 20 // about
)

// merge writes a batch of a view with aggregates.
func (s *Sink) merge(ctx context.Context, layout *Layout, batch *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	var result feature.WriteResult
	m := mergeBuffer{layout: layout, batch: batch, from: from, expired: make([]bool, batch.Rows)}
	for first, keys := 0, mergeFirst; first < batch.Rows; first += len(m.keys) {
		m.reset(first, keys)
		put, err := s.store.Merge(ctx, layout, m.keys, m.merge)
		result.Written += put.Written
		result.Skipped += put.Kept
		result.Bytes += int64(put.Bytes)
		result.Largest = m.largest
		if err != nil {
			return result, err
		}
		keys = min(max(mergeBytes*len(m.keys)/max(len(m.bytes), 1), 1), mergeKeys)
	}
	for _, expired := range m.expired {
		if expired {
			result.Expired++
			result.Skipped--
		}
	}
	return result, nil
}

// mergeBuffer is keys with their values while these are merged.
type mergeBuffer struct {
	layout  *Layout
	batch   *feature.Batch
	from    feature.Origin
	first   int // row of the first of keys
	keys    [][]byte
	bytes   []byte // of keys and values, which stay where they are when it grows
	expired []bool // of the batch's rows: left out, as it may be forgotten
	largest int    // bytes of the largest value
}

// reset takes the keys from a row on, at most so many, and fewer where they bring much.
func (m *mergeBuffer) reset(first, keys int) {
	m.first, m.keys, m.bytes = first, m.keys[:0], m.bytes[:0]
	end := min(first+keys, m.batch.Rows)
	brought := m.batch.Tiles.Offsets
	for i := first; i < end && (i == first || brought[i+1]-brought[first] <= mergeBytes); i++ {
		start := len(m.bytes)
		m.bytes = m.layout.AppendKey(m.bytes, m.batch.Keys, i)
		m.keys = append(m.keys, m.bytes[start:len(m.bytes):len(m.bytes)])
	}
}

// merge is a MergeFunc.
func (m *mergeBuffer) merge(i int, old []byte) (value []byte, expires feature.Time, err error) {
	row, start := m.first+i, len(m.bytes)
	bytes, expires, err := m.layout.Merge(m.bytes, old, m.batch, row, m.from)
	if err != nil || bytes == nil {
		return nil, 0, err
	}
	// What is there is replaced all the same: it may show what is no more.
	if m.expired[row] = old == nil && expires != feature.MaxTime && expires <= m.from.Now; m.expired[row] {
		return nil, 0, nil
	}
	m.bytes = bytes
	m.largest = max(m.largest, len(bytes)-start)
	return bytes[start:len(bytes):len(bytes)], expires, nil
}

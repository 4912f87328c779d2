package online

import (
	"context"

	"github.com/quiver-features/quiver/feature"
)

// mergeKeys is how many values one Merge takes at most: what it gives is held until it
// returns.
const mergeKeys = 1024

// merge writes a batch of a view with aggregates.
func (s *Sink) merge(ctx context.Context, layout *Layout, batch *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	var result feature.WriteResult
	m := mergeBuffer{layout: layout, batch: batch, from: from, expired: make([]bool, batch.Rows)}
	for first := 0; first < batch.Rows; first += mergeKeys {
		m.reset(first, min(first+mergeKeys, batch.Rows))
		put, err := s.store.Merge(ctx, layout, m.keys, m.merge)
		result.Written += put.Written
		result.Skipped += put.Kept
		result.Bytes += int64(put.Bytes)
		if err != nil {
			return result, err
		}
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
}

func (m *mergeBuffer) reset(first, end int) {
	m.first, m.keys, m.bytes = first, m.keys[:0], m.bytes[:0]
	for i := first; i < end; i++ {
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
	return bytes[start:len(bytes):len(bytes)], expires, nil
}

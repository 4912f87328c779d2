package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// mergeKeys is how many values are read, merged and written in two round trips: values
// with tiles are long.
const mergeKeys = 256

// Merge replaces values by what merge makes of them.
func (s *Store) Merge(ctx context.Context, layout *online.Layout, keys [][]byte, merge online.MergeFunc) (online.PutResult, error) {
	var result online.PutResult
	for from := 0; from < len(keys); from += mergeKeys {
		m := merging{layout: layout, merge: merge, keys: keys}
		for i := from; i < min(from+mergeKeys, len(keys)); i++ {
			m.open = append(m.open, i)
		}
		if err := s.mergeAll(ctx, &m, &result); err != nil {
			return result, err
		}
	}
	return result, nil
}

// merging is values on their way.
type merging struct {
	layout *online.Layout
	merge  online.MergeFunc
	keys   [][]byte
	open   []int // indexes into keys: those that are not written yet
}

func (s *Store) mergeAll(ctx context.Context, m *merging, result *online.PutResult) error {
	for range settleAttempts {
		if len(m.open) == 0 {
			return nil
		}
		if err := s.mergeOnce(ctx, m, result); err != nil {
			return err
		}
	}
	return fmt.Errorf("online/redis: the value of %s at %s was changed by others %d times while it was merged: %w",
		m.layout.KeyText(m.keys[m.open[0]]), s.where, settleAttempts, feature.ErrUnavailable)
}

// mergeOnce reads, merges and writes, two round trips for all. What somebody else changed
// in between stays open.
func (s *Store) mergeOnce(ctx context.Context, m *merging, result *online.PutResult) error {
	full := make([][]byte, len(m.open))
	for n, i := range m.open {
		full[n] = s.key(m.keys[i])
	}
	old, err := s.getFrom(ctx, s.primary, full)
	switch {
	case errors.Is(err, feature.ErrUnavailable):
		return err
	case err != nil:
		return fmt.Errorf("merge the value of %s: %w", s.culprit(ctx, m.layout, full), err)
	}
	var calls [][]any
	var rows []online.Row
	var written []int
	now := s.clock()
	for n, i := range m.open {
		value, expires, err := m.merge(i, old[n])
		if err != nil {
			return fmt.Errorf("online/redis: the value of %s at %s was left as it is: %w", m.layout.KeyText(m.keys[i]), s.where, err)
		}
		if value == nil {
			result.Kept++
			continue
		}
		written, rows = append(written, i), append(rows, online.Row{Key: m.keys[i], Value: value})
		calls = append(calls, s.swapHeadCall(full[n], old[n], value, s.life(now, expires)))
	}
	m.open = m.open[:0]
	if len(calls) == 0 {
		return nil
	}
	replies, err := s.evalAll(ctx, s.swap, calls)
	if err != nil {
		return s.failed(ctx, "write values", err)
	}
	for n := range rows {
		if replies[n] == swapped {
			countWritten(result, &rows[n])
		} else {
			m.open = append(m.open, written[n])
		}
	}
	return nil
}

// swapHeadCall makes a call of swap.lua for a value of a layout with tiles.
func (s *Store) swapHeadCall(key, old, value []byte, life string) []any {
	head := old[:min(len(old), online.HeadLen)]
	return []any{"evalsha", s.swap.Hash(), 1, key, head, value, life, strconv.Itoa(online.HeadLen)}
}

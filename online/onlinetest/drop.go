package onlinetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// awkwardStorages have numbers whose bytes at the end of a key could be taken for others: the
// closing brace (125), it at the beginning or the end of two bytes (253, 16,000), the byte that
// escapes it (124), the same low bits (1, 128, 129), two bytes (300) and ten.
func awkwardStorages() []uint64 {
	return []uint64{1, 124, 125, 128, 129, 253, 300, 16_000, 1<<63 + 1}
}

func dropping(t *testing.T, open Open) {
	s := MustOpen(t, open)
	storages := awkwardStorages()
	rows := map[uint64][]online.Row{}
	mark := feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1}
	for _, id := range storages {
		k := newKitOf(t, id)
		for i, name := range awkwardNames() {
			rows[id] = append(rows[id], k.Row(name, Stamp{Event: feature.Time(i)}, float64(id), nil))
		}
		Put(t, s, k.Layout, rows[id]...)
		Advance(t, s, id, mark.Time, mark.Run)
	}
	mustDrop(t, s, 7) // nothing was ever written to it
	left := slices.Clone(storages)
	for len(left) > 0 {
		at := len(left) / 2
		gone := left[at]
		left = slices.Delete(left, at, at+1)
		for range 2 {
			mustDrop(t, s, gone)
			ExpectMark(t, s, gone, feature.Watermark{})
			Expect(t, s, keysOf(rows[gone])...)
		}
		for _, id := range left {
			ExpectMark(t, s, id, mark)
			Expect(t, s, rows[id]...)
		}
		if t.Failed() {
			t.Fatalf("after the drop of storage %d", gone)
		}
	}
	// Rows without a watermark are dropped as well, and the number may be begun anew.
	k := NewKit(t)
	Put(t, s, k.Layout, rows[1]...)
	mustDrop(t, s, 1)
	Expect(t, MustOpen(t, open), keysOf(rows[1])...)
	Advance(t, s, 1, 5, 2)
	Put(t, s, k.Layout, rows[1]...)
	Expect(t, s, rows[1]...)
}

func mustDrop(t *testing.T, s online.Store, storage uint64) {
	t.Helper()
	if err := s.Drop(t.Context(), storage); err != nil {
		t.Fatalf("drop storage %d: %v", storage, err)
	}
}

// keysOf gives the rows without values: what is expected where nothing is stored.
func keysOf(rows []online.Row) []online.Row {
	keys := make([]online.Row, len(rows))
	for i := range rows {
		keys[i].Key = rows[i].Key
	}
	return keys
}

// dropRows of each of two storages are more than a store looks at in two steps.
const dropRows = 6_000

func manyRows(k *Kit) []online.Row {
	rows := make([]online.Row, dropRows)
	for i := range rows {
		rows[i] = k.Row(fmt.Sprint(i), Stamp{Event: feature.Time(i)}, float64(i), nil)
	}
	return rows
}

func dropCutOff(t *testing.T, open Open) {
	s := MustOpen(t, open)
	k, other := NewKit(t), newKitOf(t, 2)
	rows, others := manyRows(k), manyRows(other)
	Put(t, s, k.Layout, rows...)
	Put(t, s, other.Layout, others...)
	Advance(t, s, 1, 100, 1)
	for limit := 50 * time.Microsecond; ; limit = limit * 3 / 2 {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		err := s.Drop(ctx, 1)
		cancel()
		left := countRows(t, s, rows)
		marks, e := s.Watermarks(t.Context(), []uint64{1})
		if e != nil {
			t.Fatal(e)
		}
		if left > 0 && !marks[0].Known {
			t.Errorf("after %s: %d rows are left and no watermark that tells so", limit, left)
		}
		if left < len(rows) && marks[0].Holds() {
			t.Errorf("after %s: the watermark %+v holds, and %d rows of %d are gone", limit, marks[0], len(rows)-left, len(rows))
		}
		if err == nil {
			break
		}
		if !errors.Is(err, feature.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("after %s: got error %v, want unavailable and the deadline", limit, err)
		}
	}
	Expect(t, s, keysOf(rows)...)
	ExpectMark(t, s, 1, feature.Watermark{})
	Expect(t, s, others...)
}

func countRows(t *testing.T, s online.Store, rows []online.Row) int {
	t.Helper()
	keys := make([][]byte, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	values, err := s.Get(t.Context(), keys)
	if err != nil {
		t.Fatalf("get: %v", err)
	}
	return len(values) - len(slices.DeleteFunc(slices.Clone(values), func(v []byte) bool { return v != nil }))
}

func dropBesideOthers(t *testing.T, open Open) {
	s, same := MustOpen(t, open), MustOpen(t, open)
	k, other := NewKit(t), newKitOf(t, 2)
	rows, others := manyRows(k), manyRows(other)
	Put(t, s, k.Layout, rows...)
	Put(t, s, other.Layout, others[:dropRows/2]...)
	Advance(t, s, 1, 100, 1)
	var running sync.WaitGroup
	for range 2 {
		running.Go(func() {
			if err := s.Drop(t.Context(), 1); err != nil {
				t.Errorf("drop: %v", err)
			}
		})
	}
	running.Go(func() {
		for some := range slices.Chunk(others[dropRows/2:], 100) {
			if _, err := same.Put(t.Context(), other.Layout, some); err != nil {
				t.Errorf("put: %v", err)
			}
		}
	})
	for range 5 {
		Expect(t, same, others[:dropRows/2]...)
	}
	running.Wait()
	Expect(t, s, keysOf(rows)...)
	ExpectMark(t, s, 1, feature.Watermark{})
	Expect(t, s, others...)
}

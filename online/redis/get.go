package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// told is a watermark as Watermarks told it, of a storage that had lost nothing.
type told struct {
	text     string // as it is stored
	since    int64
	tokens   map[int]string
	noEvict  bool  // no server evicts keys
	connects int64 // how many connections had been made before it was read
}

// Get reads the values of keys, in their order, nil where there is none. Where replicas
// are read, what they do not have is read from the primary.
func (s *Store) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if len(keys) == 0 {
		return [][]byte{}, nil
	}
	full := make([][]byte, len(keys))
	for i, key := range keys {
		full[i] = s.key(key)
	}
	values := s.getReplica(ctx, full)
	missing := absent(values)
	if len(missing) == 0 {
		return values, nil
	}
	// A replica that is behind, or empty, knows of no row what the primary may.
	r := s.readPrimary(ctx, pick(full, missing))
	for i, at := range missing {
		values[at] = r.values[i]
	}
	unread, err := pick(missing, r.unread), r.err
	if missing = absent(values); len(missing) > len(unread) {
		if doubt := s.confirm(ctx, pick(keys, missing)); doubt != nil {
			unread, err = missing, doubt
		}
	}
	if err != nil {
		return values, &online.PartialError{Unread: unread, Err: err}
	}
	return values, nil
}

// absent gives the indexes of values that are not there.
func absent(values [][]byte) (at []int) {
	for i := range values {
		if values[i] == nil {
			at = append(at, i)
		}
	}
	return at
}

func pick[T any](from []T, at []int) []T {
	picked := make([]T, len(at))
	for i := range at {
		picked[i] = from[at[i]]
	}
	return picked
}

// getReplica reads keys from a replica; all are absent where none is to be read, or none
// answers.
func (s *Store) getReplica(ctx context.Context, keys [][]byte) [][]byte {
	for range s.replicas {
		r, start := s.replicas[uint64(s.turn.Add(1))%uint64(len(s.replicas))], time.Now()
		if !r.try(start) {
			continue
		}
		values, err := s.getFrom(ctx, r, keys)
		r.heard(ctx, start, err)
		if err == nil {
			return values
		}
	}
	return make([][]byte, len(keys))
}

// getFrom reads keys, with their prefix, all or none.
func (s *Store) getFrom(ctx context.Context, client driver.UniversalClient, keys [][]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	pipe := client.Pipeline()
	replies := make([]*driver.StringCmd, len(keys))
	for i, key := range keys {
		replies[i] = driver.NewStringCmd(ctx, "get", key)
		_ = pipe.Process(ctx, replies[i]) // in a pipeline it only queues
	}
	_, err := pipe.Exec(ctx)
	if err != nil && !errors.Is(err, driver.Nil) {
		return nil, s.failed(ctx, fmt.Sprintf("read %d values", len(keys)), err)
	}
	for i, reply := range replies {
		v, err := reply.Bytes()
		switch {
		case err == nil:
			values[i] = v
		case !errors.Is(err, driver.Nil):
			return nil, s.failed(ctx, fmt.Sprintf("read %d values", len(keys)), err)
		}
	}
	return values, nil
}

// confirm tells whether what Watermarks said of the storages of absent keys is still so: a
// caller who was told that nothing is lost takes an absent key for a row that never was.
// One round trip is enough while the watermark and the tokens of all nodes are there, which a
// server that was flushed or restarted empty has not. A server that evicts, and one to
// which there is a new connection, is asked in full.
func (s *Store) confirm(ctx context.Context, absent [][]byte) error {
	var storages []uint64
	for _, key := range absent {
		storage, ok := online.StorageOf(key)
		if ok && !slices.Contains(storages, storage) {
			storages = append(storages, storage)
		}
	}
	known := make([]*told, 0, len(storages))
	kept := storages[:0]
	for _, storage := range storages {
		if t, ok := s.told.Load(storage); ok {
			known = append(known, t.(*told)) //nolint:errcheck,forcetypeassert // nothing else is put there
			kept = append(kept, storage)
		}
	}
	storages = kept
	if len(storages) == 0 {
		return nil // nobody was told anything
	}
	same, err := s.unchanged(ctx, storages, known)
	if err != nil || same {
		return err
	}
	marks, news, err := s.watermarks(ctx, storages)
	if err != nil {
		return err
	}
	for i, m := range marks {
		if reason := m.Reason; !m.Holds() || m.Since != known[i].since {
			if reason == "" {
				reason = "its watermark is gone or set back"
			}
			return fmt.Errorf("online/redis: read values: storage %d at %s may have lost those that are absent: %s: %w", storages[i], s.where, reason, feature.ErrUnavailable)
		}
	}
	s.remember(storages, news)
	return nil
}

// unchanged tells whether watermarks and tokens are what they were. False may also mean
// that it can't be told so.
func (s *Store) unchanged(ctx context.Context, storages []uint64, known []*told) (bool, error) {
	connects := s.connects.Load()
	var keys [][]byte
	var want []string
	tokens := map[int]string{}
	for i, storage := range storages {
		if !known[i].noEvict || known[i].connects != connects {
			return false, nil
		}
		keys, want = append(keys, []byte(s.markKey(storage))), append(want, known[i].text)
		for tag, value := range known[i].tokens {
			if was, seen := tokens[tag]; seen && was != value {
				return false, nil
			} else if !seen {
				tokens[tag] = value
				keys, want = append(keys, []byte(s.tokenKey(tag))), append(want, value)
			}
		}
	}
	r := s.readPrimary(ctx, keys)
	if r.err != nil {
		return false, r.err
	}
	for i, value := range r.values {
		if string(value) != want[i] {
			return false, nil
		}
	}
	return connects == s.connects.Load(), nil
}

// remember keeps what the caller of Watermarks was told of storages. nil forgets.
func (s *Store) remember(storages []uint64, news []*told) {
	for i, storage := range storages {
		if news[i] == nil {
			s.told.Delete(storage)
		} else {
			s.told.Store(storage, news[i])
		}
	}
}

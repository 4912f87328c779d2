package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

const (
	scanKeys   = 1000 // looked at by one SCAN, during which the server does nothing else
	unlinkKeys = 250  // of one UNLINK
)

// Drop removes all rows and the watermark of a storage, as the contract says. It walks over
// all keys of the database, whoever they belong to.
func (s *Store) Drop(ctx context.Context, storage uint64) error {
	// After FLUSHALL the keys belong to nobody.
	if err := s.bind(ctx, false); err != nil {
		return err
	}
	s.told.Delete(storage) // who drops a storage knows that its rows go
	before, err := s.withdraw(ctx, storage)
	if err != nil {
		return err
	}
	if err := s.dropRows(ctx, storage); err != nil {
		return err
	}
	now, err := s.look(ctx, nil)
	if err != nil {
		return err
	}
	// A cursor means nothing to another server, and a slot that moved may have been passed over.
	if reason := moved(before, now); reason != "" {
		return fmt.Errorf("online/redis: drop storage %d at %s: %s meanwhile: drop it again: %w", storage, s.where, reason, feature.ErrUnavailable)
	}
	return s.failed(ctx, fmt.Sprintf("drop the watermark of storage %d", storage), s.primary.Del(ctx, s.markKey(storage)).Err())
}

// moved says what happened to the servers between two looks that makes a walk over their
// keys incomplete, or "".
func moved(before, now *sight) string {
	was := record{Nodes: before.nodes}
	for _, n := range now.nodes {
		old := was.find(n)
		switch {
		case old == nil:
			return was.stranger(n)
		case old.History != n.History:
			return fmt.Sprintf("the Redis server at %s failed over or changed its replication history", n.Addr)
		case n.slots != nil && *old.slots != *n.slots:
			return fmt.Sprintf("the Redis server at %s gave or took slots", n.Addr)
		}
	}
	return ""
}

// withdraw sets the watermark of a storage back, where there is one, and tells what the
// servers say of themselves.
func (s *Store) withdraw(ctx context.Context, storage uint64) (*sight, error) {
	now, err := s.look(ctx, []uint64{storage})
	if err != nil || now.texts[0] == "" {
		return now, err
	}
	r := now.records[0]
	r.To, r.Since = feature.MinTime, 0
	text, err := json.Marshal(r)
	if err != nil {
		return now, fmt.Errorf("online/redis: watermark of storage %d: %w", storage, err)
	}
	// Only where it still is: somebody else may have dropped it.
	err = s.primary.SetXX(ctx, s.markKey(storage), text, 0).Err()
	if errors.Is(err, driver.Nil) {
		err = nil
	}
	return now, s.failed(ctx, fmt.Sprintf("set back the watermark of storage %d", storage), err)
}

// dropRows removes the rows that there are now from all servers, each a part of its key space at a time.
func (s *Store) dropRows(ctx context.Context, storage uint64) error {
	what := fmt.Sprintf("drop the values of storage %d", storage)
	err := s.eachPrimary(ctx, func(ctx context.Context, c *driver.Client) error { return s.dropRowsAt(ctx, c, storage) })
	if errors.Is(err, feature.ErrConflict) {
		return err
	}
	return s.failed(ctx, what, err)
}

func (s *Store) dropRowsAt(ctx context.Context, c *driver.Client, storage uint64) error {
	pattern := escapeGlob(s.prefix) + "{*"
	for cursor := uint64(0); ; {
		owner := s.primary.Get(ctx, s.registryKey())
		if err := owner.Err(); err != nil && !errors.Is(err, driver.Nil) {
			return err
		}
		if err := s.checkOwner(owner); err != nil {
			return err
		}
		found, next, err := c.Scan(ctx, cursor, pattern, scanKeys).Result()
		if err != nil {
			return err
		}
		keys := slices.DeleteFunc(found, func(key string) bool {
			of, ok := online.StorageOf([]byte(strings.TrimPrefix(key, s.prefix)))
			return !ok || of != storage
		})
		if err := s.unlink(ctx, keys); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}

// unlink removes keys in one round trip. The server frees their memory aside.
func (s *Store) unlink(ctx context.Context, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	most := unlinkKeys
	if s.cluster != nil {
		most = 1 // those of a call must be of one slot
	}
	pipe := s.primary.Pipeline()
	for some := range slices.Chunk(keys, most) {
		pipe.Unlink(ctx, some...)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// escapeGlob makes a pattern that stands for the text alone.
func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `-`, `\-`).Replace(text)
}

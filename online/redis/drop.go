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
	if err := s.bind(ctx); err != nil {
		return err
	}
	before, err := s.withdraw(ctx, storage)
	if err != nil {
		return err
	}
	if err := s.dropRows(ctx, storage); err != nil {
		return err
	}
	now, _, err := s.look(ctx, nil)
	if err != nil {
		return err
	}
	// A cursor means nothing to another server, which may have passed over rows.
	now.Evicted = before.Evicted
	if reason := before.lost(now); reason != "" {
		return fmt.Errorf("online/redis: drop storage %d at %s: %s meanwhile: drop it again: %w", storage, s.addr, reason, feature.ErrUnavailable)
	}
	return s.failed(ctx, fmt.Sprintf("drop the watermark of storage %d", storage), s.client.Del(ctx, s.markKey(storage)).Err())
}

// withdraw sets the watermark of a storage back, where there is one, and tells what the
// server says of itself.
func (s *Store) withdraw(ctx context.Context, storage uint64) (node, error) {
	now, texts, err := s.look(ctx, []uint64{storage})
	if err != nil || texts[0] == "" {
		return now, err
	}
	r, err := s.parseRecord(storage, texts[0])
	if err != nil {
		return now, err
	}
	r.To, r.Since = feature.MinTime, 0
	text, err := json.Marshal(r)
	if err != nil {
		return now, fmt.Errorf("online/redis: watermark of storage %d: %w", storage, err)
	}
	// Only where it still is: somebody else may have dropped it.
	err = s.client.SetXX(ctx, s.markKey(storage), text, 0).Err()
	if errors.Is(err, driver.Nil) {
		err = nil
	}
	return now, s.failed(ctx, fmt.Sprintf("set back the watermark of storage %d", storage), err)
}

// dropRows removes the rows that there are now, a part of the key space at a time.
func (s *Store) dropRows(ctx context.Context, storage uint64) error {
	what := fmt.Sprintf("drop the values of storage %d", storage)
	pattern := escapeGlob(s.prefix) + "{*"
	for cursor := uint64(0); ; {
		pipe := s.client.Pipeline()
		owner := pipe.Get(ctx, s.registryKey())
		scan := pipe.Scan(ctx, cursor, pattern, scanKeys)
		_, _ = pipe.Exec(ctx) // the scan's own error says more
		if err := s.checkOwner(owner); err != nil {
			return err
		}
		found, next, err := scan.Result()
		if err != nil {
			return s.failed(ctx, what, err)
		}
		keys := slices.DeleteFunc(found, func(key string) bool {
			of, ok := online.StorageOf([]byte(strings.TrimPrefix(key, s.prefix)))
			return !ok || of != storage
		})
		if err := s.unlink(ctx, keys); err != nil {
			return s.failed(ctx, what, err)
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
	pipe := s.client.Pipeline()
	for some := range slices.Chunk(keys, unlinkKeys) {
		pipe.Unlink(ctx, some...)
	}
	_, err := pipe.Exec(ctx)
	return err
}

// escapeGlob makes a pattern that stands for the text alone.
func escapeGlob(text string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `^`, `\^`, `-`, `\-`).Replace(text)
}

// Package redis keeps online values in a Redis server, version 7 or newer.
//
// A value is one string key; its expiry is the server's own. What may overwrite
// what is decided inside the server by a script (put.lua), so that processes on
// several machines need no lock. Watermarks are stored with what tells later
// that the server lost nothing since (see marks.go).
package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

//go:embed put.lua
var putSource string

//go:embed swap.lua
var swapSource string

// Store is an online.Store on one Redis server. It is safe for concurrent use. A
// call whose context is canceled while it waits for the server returns when the
// server answers, or after Options.IOTimeout; a deadline is met.
type Store struct {
	client   driver.UniversalClient
	addr     string // host:port, for messages
	prefix   string
	registry string
	clock    func() feature.Time
	frozen   bool
	put      *driver.Script
	swap     *driver.Script
	close    func() error
}

var _ online.Store = (*Store)(nil)

// Open connects to a server and binds its keys under the prefix to the registry.
// A server that does not answer is an error that wraps feature.ErrUnavailable;
// values of another registry one that wraps feature.ErrConflict.
func Open(ctx context.Context, o Options) (*Store, error) {
	opts, err := o.driverOptions()
	if err != nil {
		return nil, err
	}
	// The driver prints to standard error what it returns as errors as well, and
	// can be told otherwise only for the whole process.
	driver.SetLogger(silence{})
	client := driver.NewClient(opts)
	s := &Store{
		client: client, addr: opts.Addr, prefix: or(o.Prefix, DefaultPrefix), registry: o.Registry,
		clock: o.Clock, frozen: o.Frozen,
		put: driver.NewScript(putSource), swap: driver.NewScript(swapSource),
		close: sync.OnceValue(client.Close),
	}
	if s.clock == nil {
		s.clock = func() feature.Time { return feature.TimeOf(time.Now()) }
	}
	if err := s.bind(ctx); err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

type silence struct{}

// Printf is what the driver asks of a logger.
func (silence) Printf(context.Context, string, ...any) {}

// bind claims the prefix for the registry, or sees that it is already its own.
func (s *Store) bind(ctx context.Context) error {
	pipe := s.client.Pipeline()
	pipe.SetNX(ctx, s.registryKey(), s.registry, 0)
	owner := pipe.Get(ctx, s.registryKey())
	if _, err := pipe.Exec(ctx); err != nil {
		return s.failed(ctx, "open the store", err)
	}
	return s.checkOwner(owner)
}

// checkOwner judges the reply to a read of the registry key. Where it is absent
// the server has lost everything, which is no conflict.
func (s *Store) checkOwner(owner *driver.StringCmd) error {
	if id, err := owner.Result(); err == nil && id != s.registry {
		return fmt.Errorf("online/redis: the values at %s under the prefix %q belong to the registry %s, and this is the registry %s: "+
			"use the store of this registry, another prefix or another database; or delete the keys under the prefix, where their registry is gone: %w",
			s.addr, s.prefix, id, s.registry, feature.ErrConflict)
	}
	return nil
}

// Meta keys hold no brace, and keys of values begin with one: they can't be the same.
func (s *Store) registryKey() string { return s.prefix + "registry" }

func (s *Store) markKey(storage uint64) string {
	return fmt.Sprintf("%swatermark:%d", s.prefix, storage)
}

func (s *Store) key(key []byte) []byte {
	return append(append(make([]byte, 0, len(s.prefix)+len(key)), s.prefix...), key...)
}

// Get reads the values of keys, in their order, nil where there is none.
func (s *Store) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	values := make([][]byte, len(keys))
	if len(keys) == 0 {
		return values, nil
	}
	pipe := s.client.Pipeline()
	replies := make([]*driver.StringCmd, len(keys))
	for i, key := range keys {
		replies[i] = driver.NewStringCmd(ctx, "get", s.key(key))
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

// Ping tells whether the server answers.
func (s *Store) Ping(ctx context.Context) error {
	return s.failed(ctx, "ping", s.client.Ping(ctx).Err())
}

// Close closes the connections. It may be called twice.
func (s *Store) Close() error { return s.close() }

// failed wraps an error of the driver with what was done, where, and its kind.
func (s *Store) failed(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	kind, hint := feature.ErrUnavailable, ""
	switch {
	case driver.HasErrorPrefix(err, "NOAUTH"), driver.HasErrorPrefix(err, "WRONGPASS"), driver.HasErrorPrefix(err, "NOPERM"):
		kind, hint = feature.ErrInvalid, " (check user and password in the URL, and what the user may do)"
	case driver.HasErrorPrefix(err, "WRONGTYPE"):
		kind, hint = feature.ErrInvalid, " (another program uses the same keys: choose another prefix or database)"
	case driver.HasErrorPrefix(err, "OOM"):
		hint = " (the server's memory is full: raise its maxmemory)"
	case driver.HasErrorPrefix(err, "READONLY"):
		hint = " (this server is a replica: give the address of the one that takes writes)"
	}
	// The driver gives a network timeout where the context's deadline has passed.
	ended := ctx.Err()
	if deadline, ok := ctx.Deadline(); ok && ended == nil && !time.Now().Before(deadline) {
		ended = context.DeadlineExceeded
	}
	if ended != nil && !errors.Is(err, ended) {
		err = errors.Join(err, ended)
	}
	return fmt.Errorf("online/redis: %s at %s%s: %w: %w", what, s.addr, hint, kind, err)
}

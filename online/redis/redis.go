// Package redis keeps online values in Redis, version 7 or newer: in one server, in a
// Redis Cluster, or in the master that sentinels name.
//
// A value is one string key; its expiry is the server's own. What may overwrite
// what is decided inside the server by a script (put.lua), so that processes on
// several machines need no lock. Watermarks are stored with what tells later
// that no server lost anything since (see nodes.go and marks.go), and an absent value is
// told as such only while that is so (see get.go).
package redis

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

//go:embed put.lua
var putSource string

//go:embed swap.lua
var swapSource string

// Store is an online.Store on Redis. It is safe for concurrent use. A
// call whose context is canceled while it waits for the server returns when the
// server answers, or after the timeout in the URL; a deadline is met.
type Store struct {
	*links
	prefix   string
	registry string
	clock    func() feature.Time
	frozen   bool
	put      *driver.Script
	swap     *driver.Script
	close    func() error

	told     sync.Map      // of storage numbers, to *told: what Watermarks said last, where it holds
	connects atomic.Int64  // connections to primaries that were ever made
	turn     atomic.Uint32 // of the replica that is read next
	breakers sync.Map      // of addresses of a cluster's servers, to *breaker
}

var _ online.Store = (*Store)(nil)

// Open connects to a server and binds its keys under the prefix to the registry.
// A server that does not answer is an error that wraps feature.ErrUnavailable;
// values of another registry one that wraps feature.ErrConflict. A user who may not
// write can open a store to read it.
func Open(ctx context.Context, o Options) (*Store, error) {
	a, err := o.address()
	if err != nil {
		return nil, err
	}
	s := &Store{
		prefix: a.prefix, registry: o.Registry, clock: o.Clock, frozen: o.Frozen,
		put: driver.NewScript(putSource), swap: driver.NewScript(swapSource),
	}
	if s.links, err = a.connect(o.Folder, func() { s.connects.Add(1) }); err != nil {
		return nil, err
	}
	s.close = sync.OnceValue(s.links.close)
	if s.clock == nil {
		s.clock = func() feature.Time { return feature.TimeOf(time.Now()) }
	}
	if err := s.bind(ctx, true); err != nil {
		_ = s.close()
		return nil, err
	}
	return s, nil
}

// bind claims the prefix for the registry, or sees that it is already its own. A reader
// need not claim what is nobody's yet: there is nothing to mistake.
func (s *Store) bind(ctx context.Context, reader bool) error {
	for range 2 {
		owner := s.primary.Get(ctx, s.registryKey())
		if err := owner.Err(); !errors.Is(err, driver.Nil) {
			if err != nil {
				return s.failed(ctx, "open the store", err)
			}
			return s.checkOwner(owner)
		}
		err := s.primary.SetNX(ctx, s.registryKey(), s.registry, 0).Err()
		if reader && err != nil && driver.HasErrorPrefix(err, "NOPERM") {
			return nil
		}
		if err != nil {
			return s.failed(ctx, "open the store", err)
		}
	}
	return nil
}

// checkOwner judges the reply to a read of the registry key. Where it is absent
// the server has lost everything, which is no conflict.
func (s *Store) checkOwner(owner *driver.StringCmd) error {
	if id, err := owner.Result(); err == nil && id != s.registry {
		return fmt.Errorf("online/redis: the values at %s under the prefix %q belong to the registry %s, and this is the registry %s: "+
			"use the store of this registry, or keep this project's values apart by another prefix, as in ?prefix=team- at the end of the URL; "+
			"or delete the keys under the prefix, where their registry is gone: %w",
			s.where, s.prefix, id, s.registry, feature.ErrConflict)
	}
	return nil
}

// Meta keys begin with a letter, and keys of values with a brace: they can't be the same.
func (s *Store) registryKey() string { return s.prefix + "registry" }

func (s *Store) markKey(storage uint64) string {
	return fmt.Sprintf("%swatermark:%d", s.prefix, storage)
}

func (s *Store) key(key []byte) []byte {
	return append(append(make([]byte, 0, len(s.prefix)+len(key)), s.prefix...), key...)
}

// Close closes the connections. It may be called twice.
func (s *Store) Close() error { return s.close() }

// eachPrimary calls f for every server that takes writes, at the same time, and waits
// for all of them.
func (s *Store) eachPrimary(ctx context.Context, f func(context.Context, *driver.Client) error) error {
	if s.cluster != nil {
		return s.cluster.ForEachMaster(ctx, f)
	}
	return f(ctx, s.primary.(*driver.Client)) //nolint:errcheck,forcetypeassert // see connect
}

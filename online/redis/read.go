package redis

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
)

// reading is what a read of several keys came to.
type reading struct {
	values [][]byte // nil where there is none, or it could not be read
	unread []int    // of keys that could not be read, rising
	err    error    // why; of one of them
}

// readPrimary reads keys, with their prefix, from where they are written. In a cluster a
// server that does not answer costs the others' keys nothing.
func (s *Store) readPrimary(ctx context.Context, keys [][]byte) reading {
	if s.cluster == nil {
		values, err := s.getFrom(ctx, s.primary, keys)
		return s.whole(keys, values, err)
	}
	shares, err := s.share(ctx, keys)
	if err != nil {
		return s.whole(keys, nil, s.failed(ctx, fmt.Sprintf("read %d values", len(keys)), err))
	}
	r := reading{values: make([][]byte, len(keys))}
	var all sync.WaitGroup
	for _, sh := range shares[1:] {
		all.Go(func() { sh.read(ctx, s, keys, r.values) })
	}
	shares[0].read(ctx, s, keys, r.values)
	all.Wait()
	for _, sh := range shares {
		s.follow(ctx, keys, sh, r.values)
		if sh.err != nil {
			r.unread, r.err = append(r.unread, sh.unread...), sh.err
		}
	}
	slices.Sort(r.unread)
	if r.err != nil {
		s.cluster.ReloadState(ctx) // in the background: another server may have taken over
	}
	return r
}

// whole is a reading of all keys or none.
func (s *Store) whole(keys, values [][]byte, err error) reading {
	r := reading{values: values, err: err}
	if err != nil {
		r.values = make([][]byte, len(keys))
		for i := range keys {
			r.unread = append(r.unread, i)
		}
	}
	return r
}

// share is the part of a reading that one server of a cluster has.
type share struct {
	client *driver.Client
	at     []int    // indexes of its keys
	moved  []int    // those of which it says that another server has them
	to     []string // the addresses of these servers
	unread []int    // those that could not be read
	err    error    // why
}

// share parts keys, of which there is at least one, by the servers that should have them.
func (s *Store) share(ctx context.Context, keys [][]byte) (shares []*share, err error) {
	for i, key := range keys {
		client, err := s.cluster.MasterForKey(ctx, string(key))
		if err != nil {
			return nil, err
		}
		at := slices.IndexFunc(shares, func(sh *share) bool { return sh.client == client })
		if at < 0 {
			at, shares = len(shares), append(shares, &share{client: client})
		}
		shares[at].at = append(shares[at].at, i)
	}
	return shares, nil
}

func (sh *share) read(ctx context.Context, s *Store, keys, values [][]byte) {
	addr, start := sh.client.Options().Addr, time.Now()
	b := s.breakerOf(addr)
	if !b.try(start) {
		sh.unread, sh.err = sh.at, leftAlone(addr)
		return
	}
	pipe := sh.client.Pipeline()
	replies := make([]*driver.StringCmd, len(sh.at))
	for i, at := range sh.at {
		replies[i] = driver.NewStringCmd(ctx, "get", keys[at])
		_ = pipe.Process(ctx, replies[i]) // in a pipeline it only queues
	}
	_, _ = pipe.Exec(ctx) // the replies tell
	var broken error
	for i, reply := range replies {
		at := sh.at[i]
		v, err := reply.Bytes()
		to, moved := movedTo(err)
		switch {
		case err == nil:
			values[at] = v
		case errors.Is(err, driver.Nil):
		case moved && slices.Contains(sh.to, to):
			sh.moved = append(sh.moved, at)
		case moved && s.breakerOf(to).try(start):
			sh.moved, sh.to = append(sh.moved, at), append(sh.to, to)
		case moved:
			sh.unread, sh.err = append(sh.unread, at), leftAlone(to)
		default:
			sh.unread = append(sh.unread, at)
			if sh.err == nil {
				sh.err = s.failed(ctx, "read values", fmt.Errorf("%s: %w", addr, err))
			}
			var reply driver.Error
			if !errors.As(err, &reply) || driver.IsLoadingError(err) {
				broken = err
			}
		}
	}
	b.heard(ctx, start, broken)
}

// movedTo gives the address of the server that has a key, by the answer of one that has not.
func movedTo(err error) (addr string, moved bool) {
	if addr, moved = driver.IsMovedError(err); !moved {
		addr, moved = driver.IsAskError(err)
	}
	return addr, moved
}

// follow reads the keys of a share that have moved, by the driver's own means.
func (s *Store) follow(ctx context.Context, keys [][]byte, sh *share, values [][]byte) {
	if len(sh.moved) == 0 {
		return
	}
	start := time.Now()
	found, err := s.getFrom(ctx, s.primary, pick(keys, sh.moved))
	for _, addr := range sh.to {
		s.breakerOf(addr).heard(ctx, start, err)
	}
	if err != nil {
		sh.unread, sh.err = append(sh.unread, sh.moved...), err
		return
	}
	for i, at := range sh.moved {
		values[at] = found[i]
	}
}

func leftAlone(addr string) error {
	return fmt.Errorf("online/redis: read values: the server at %s did not answer, and is left alone for %s: %w", addr, breakTime, feature.ErrUnavailable)
}

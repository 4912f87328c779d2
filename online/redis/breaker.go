package redis

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	// breakTime is how long a server that did not answer is left alone.
	breakTime = time.Second
	// patience is how long a read must have waited for a server when its context ends, for
	// that to be the server's fault.
	patience = 500 * time.Millisecond
)

// breaker is a circuit breaker of a server: when it did not answer last, in Unix
// nanoseconds; 0: it answers. It is safe for concurrent use.
type breaker struct{ since atomic.Int64 }

// try tells whether the server may be asked now: while it answers, and once per breakTime
// while it does not.
func (b *breaker) try(now time.Time) bool {
	since := b.since.Load()
	return since == 0 || now.UnixNano()-since >= int64(breakTime) && b.since.CompareAndSwap(since, now.UnixNano())
}

// heard notes what came of asking since start.
func (b *breaker) heard(ctx context.Context, start time.Time, err error) {
	switch {
	case err == nil:
		if b.since.Load() != 0 {
			b.since.Store(0)
		}
	case ctx.Err() == nil || time.Since(start) >= patience:
		b.since.Store(time.Now().UnixNano())
	}
}

// breakerOf gives the breaker of a server of the cluster.
func (s *Store) breakerOf(addr string) *breaker {
	b, ok := s.breakers.Load(addr)
	if !ok {
		b, _ = s.breakers.LoadOrStore(addr, &breaker{})
	}
	return b.(*breaker) //nolint:errcheck,forcetypeassert // nothing else is put there
}

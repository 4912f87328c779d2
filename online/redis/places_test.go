package redis_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
)

// onPrefixes gives places that share servers, apart by what follows the URL's end. Where
// replicas are read, catchUp waits for them before a read that follows a write: the suite
// reads its own writes. masters are emptied for each place: a drop walks over all keys.
func onPrefixes(url string, catchUp func(), masters ...*testenv.RedisServer) func(t *testing.T) onlinetest.Open {
	var places atomic.Int64
	return func(t *testing.T) onlinetest.Open {
		t.Helper()
		for _, m := range masters {
			if err := raw(t, m).FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		}
		open := opener(fmt.Sprintf("%s%d:", url, places.Add(1)))
		written := &atomic.Bool{}
		return func(ctx context.Context, registry string, clock func() feature.Time) (online.Store, error) {
			s, err := open(ctx, registry, clock)
			if err != nil || catchUp == nil {
				return s, err
			}
			return caughtUp{s, written, catchUp}, nil
		}
	}
}

// caughtUp is a store whose reads see what was written before to any store of its place.
type caughtUp struct {
	online.Store
	written *atomic.Bool
	wait    func()
}

func (s caughtUp) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if s.written.Swap(false) {
		s.wait()
	}
	return s.Store.Get(ctx, keys)
}

func (s caughtUp) Put(ctx context.Context, l *online.Layout, rows []online.Row) (online.PutResult, error) {
	defer s.written.Store(true)
	return s.Store.Put(ctx, l, rows)
}

func (s caughtUp) Merge(ctx context.Context, l *online.Layout, keys [][]byte, merge online.MergeFunc) (online.PutResult, error) {
	defer s.written.Store(true)
	return s.Store.Merge(ctx, l, keys, merge)
}

func (s caughtUp) Drop(ctx context.Context, storage uint64) error {
	defer s.written.Store(true)
	return s.Store.Drop(ctx, storage)
}

// rawWith gives a client of a database that goes around the store.
func rawWith(t *testing.T, server *testenv.RedisServer, password string, db int) *driver.Client {
	t.Helper()
	client := driver.NewClient(&driver.Options{Addr: server.Addr(), Password: password, DB: db, MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

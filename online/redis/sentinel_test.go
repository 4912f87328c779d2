package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

func TestAMasterThatSentinelsName(t *testing.T) {
	t.Parallel()
	s := testenv.NewRedisSentinel(t)
	onlinetest.Run(t, onPrefixes(s.URL()+"?prefix=p", nil, s.Master))
}

func TestAFailoverBySentinelsIsFollowedAndNamed(t *testing.T) {
	t.Parallel()
	servers := testenv.NewRedisSentinel(t)
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: servers.URL()})
	row, nobody := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil), online.Row{Key: k.Key("nobody")}
	onlinetest.Put(t, s, k.Layout, row)
	onlinetest.Advance(t, s, 1, 100, 1)
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1})
	onlinetest.Expect(t, s, row, nobody)
	servers.Replica.AwaitCaughtUp(servers.Master)
	reader := openWith(t, redis.Options{URL: servers.URL() + "?read_from=replica"})
	if err := raw(t, servers.Master).ConfigResetStat(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	onlinetest.Expect(t, reader, row)
	if stats := raw(t, servers.Master).Info(t.Context(), "commandstats").Val(); strings.Contains(stats, "cmdstat_get:") {
		t.Errorf("the value was read from the master: %s", stats)
	}
	servers.Failover()

	// The sentinel tells its clients, which turn to the new master when they hear it. Nobody
	// looked at the watermark since, and an absent value is not believed there.
	eventually(t, func() bool {
		values, err := s.Get(t.Context(), [][]byte{row.Key, nobody.Key})
		if err == nil && !bytes.Equal(values[0], row.Value) {
			t.Errorf("got %x, want %x", values[0], row.Value)
		}
		return err != nil && strings.Contains(err.Error(), "failed over")
	})
	onlinetest.Expect(t, s, row)
	expectLost(t, s, "failed over")
	later := k.Row("SFO", onlinetest.Stamp{Event: 2}, 2.0, nil)
	onlinetest.Put(t, s, k.Layout, later)
	onlinetest.Expect(t, s, later, nobody)
	if got := raw(t, servers.Replica).Get(t.Context(), redis.DefaultPrefix+string(row.Key)).Val(); got != string(later.Value) {
		t.Errorf("the new master has %x, want %x", got, later.Value)
	}
}

// eventually waits until something is so.
func eventually(t *testing.T, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); !done(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatal("it did not happen within 10 s")
		}
	}
}

// TestAReplicaThatIsBehindMakesNoValueAbsent stops the replication of a replica that is read.
func TestAReplicaThatIsBehindMakesNoValueAbsent(t *testing.T) {
	primary := testenv.Redis(t, testenv.RedisArgs("--repl-diskless-sync-delay", "0"))
	replica := primary.NewReplica()
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: fmt.Sprintf("%s?read_from=replica&replicas=%s", primary.URL(), replica.Addr())})
	old, row := k.Row("old", onlinetest.Stamp{Event: 1}, 1.0, nil), k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
	onlinetest.Put(t, s, k.Layout, old)
	replica.AwaitCaughtUp(primary)
	client := raw(t, replica)
	// A server of its own from now on, with what it had.
	if err := client.Do(t.Context(), "replicaof", "no", "one").Err(); err != nil {
		t.Fatal(err)
	}
	if err := client.Set(t.Context(), redis.DefaultPrefix+string(old.Key), "from the replica", 0).Err(); err != nil {
		t.Fatal(err)
	}
	onlinetest.Put(t, s, k.Layout, row)
	onlinetest.Advance(t, s, 1, 100, 1)
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1})
	onlinetest.Expect(t, s, row, online.Row{Key: old.Key, Value: []byte("from the replica")}, online.Row{Key: k.Key("nobody")})
	replica.Stop()
	onlinetest.Expect(t, s, row, old, online.Row{Key: k.Key("nobody")})
}

// TestAnAbsentValueIsNotBelievedAfterALoss loses values between two looks at watermarks.
func TestAnAbsentValueIsNotBelievedAfterALoss(t *testing.T) {
	for name, lose := range map[string]func(context.Context, *testenv.RedisServer, *driver.Client) error{
		"restarted empty": func(_ context.Context, s *testenv.RedisServer, _ *driver.Client) error { s.Restart(); return nil },
		"flushed": func(ctx context.Context, _ *testenv.RedisServer, c *driver.Client) error {
			return c.FlushAll(ctx).Err()
		},
		"failed over": func(ctx context.Context, _ *testenv.RedisServer, c *driver.Client) error {
			err := c.Do(ctx, "debug", "change-repl-id").Err()
			c.ClientKillByFilter(ctx, "type", "normal", "skipme", "yes")
			return err
		},
		"restarted from a snapshot": func(ctx context.Context, s *testenv.RedisServer, c *driver.Client) error {
			mark, err := c.Get(ctx, redis.DefaultPrefix+"watermark:1").Result()
			s.Restart()
			c.Ping(ctx) // the old connection ends
			return errors.Join(err, c.Set(ctx, redis.DefaultPrefix+"watermark:1", mark, 0).Err())
		},
		"dropped by another process": func(ctx context.Context, s *testenv.RedisServer, _ *driver.Client) error {
			other, err := opener(s.URL())(ctx, onlinetest.Registry, nil)
			if err != nil {
				return err
			}
			return errors.Join(other.Drop(ctx, 1), other.Close())
		},
		"evicted": func(ctx context.Context, _ *testenv.RedisServer, c *driver.Client) error {
			return errors.Join(c.ConfigSet(ctx, "maxmemory", "1").Err(), ignore(c.Set(ctx, "x", "y", 0).Err()))
		},
	} {
		t.Run(name, func(t *testing.T) {
			policy := "noeviction"
			if name == "evicted" {
				policy = "allkeys-lru"
			}
			server := testenv.Redis(t, testenv.RedisArgs("--enable-debug-command", "yes", "--maxmemory-policy", policy))
			k := onlinetest.NewKit(t)
			s := openWith(t, redis.Options{URL: server.URL()})
			row, nobody := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil), online.Row{Key: k.Key("nobody")}
			onlinetest.Put(t, s, k.Layout, row)
			onlinetest.Advance(t, s, 1, 100, 1)
			onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1})
			onlinetest.Expect(t, s, row, nobody)
			onlinetest.Advance(t, s, 1, 200, 2) // that is no loss
			onlinetest.Expect(t, s, row, nobody)
			if err := lose(t.Context(), server, raw(t, server)); err != nil {
				t.Fatal(err)
			}
			_, _ = s.Get(t.Context(), [][]byte{row.Key}) // a connection that ended is seen by one call
			_, err := s.Get(t.Context(), [][]byte{nobody.Key})
			expectUnavailable(t, err, "storage 1")
		})
	}
}

func ignore(error) error { return nil }

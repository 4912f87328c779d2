package testenv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// RedisSentinel is a master with a replica and a sentinel that watches them, all of one test.
type RedisSentinel struct {
	Name     string       // of the master, as the sentinel knows it
	Master   *RedisServer // at first
	Replica  *RedisServer // at first
	Sentinel *RedisServer
}

// NewRedisSentinel starts them and returns when the sentinel knows the replica. opts hold for master and replica.
func NewRedisSentinel(tb testing.TB, opts ...RedisOption) *RedisSentinel {
	tb.Helper()
	s := &RedisSentinel{Name: "features", Master: Redis(tb, append([]RedisOption{RedisArgs("--repl-diskless-sync-delay", "0")}, opts...)...)}
	s.Replica = s.Master.NewReplica(opts...)
	s.Sentinel = Redis(tb, func(r *RedisServer) {
		config := filepath.Join(r.dir, "sentinel.conf")
		text := fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 1\nsentinel down-after-milliseconds %[1]s 60000\nsentinel failover-timeout %[1]s 10000\n",
			s.Name, s.Master.port)
		if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
			tb.Fatalf("testenv: %v", err)
		}
		r.config = config
	})
	s.Sentinel.eventually("find the replica in order", func() bool {
		reply := s.Sentinel.must("SENTINEL REPLICAS " + s.Name)
		return strings.Contains(reply, s.Replica.Addr()) && strings.Contains(reply, "master-link-status\r\n$2\r\nok")
	})
	return s
}

// NewReplica starts a server that follows this one and returns when it has all its data.
func (s *RedisServer) NewReplica(opts ...RedisOption) *RedisServer {
	s.tb.Helper()
	replica := Redis(s.tb, append([]RedisOption{RedisArgs("--replicaof", fmt.Sprintf("127.0.0.1 %d", s.port))}, opts...)...)
	replica.AwaitReplica()
	return replica
}

// URL returns the master as a redis-sentinel:// URL.
func (s *RedisSentinel) URL() string {
	return "redis-sentinel://" + s.Sentinel.Addr() + "/" + s.Name
}

// Failover makes the replica the master and waits until it is, and the sentinel says so.
func (s *RedisSentinel) Failover() {
	s.Sentinel.tb.Helper()
	s.Sentinel.must("SENTINEL FAILOVER " + s.Name)
	s.Sentinel.eventually("name the new master", func() bool {
		return strings.Contains(s.Sentinel.must("SENTINEL GET-MASTER-ADDR-BY-NAME "+s.Name), fmt.Sprintf("\r\n%d\r\n", s.Replica.port))
	})
	s.Replica.eventually("become the master", func() bool { return strings.Contains(s.Replica.must("INFO replication"), "role:master") })
}

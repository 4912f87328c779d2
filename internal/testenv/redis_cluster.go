package testenv

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

const clusterSlots = 16384

// RedisCluster is a Redis Cluster of one test: several servers on loopback ports.
type RedisCluster struct {
	Masters  []*RedisServer // at first; each holds an equal share of the slots, in their order
	Replicas []*RedisServer // at first: replica i follows master i
}

// NewRedisCluster starts a cluster of masters with as many replicas, or none, and returns when all of them agree on
// it. Nobody fails over by himself, as a busy machine might make it look necessary. Starting takes about three
// seconds, as a cluster takes no writes before; opts hold for every server.
func NewRedisCluster(tb testing.TB, masters, replicas int, opts ...RedisOption) *RedisCluster {
	tb.Helper()
	c := &RedisCluster{}
	for i := range masters + replicas {
		bus, err := freePort(tb.Context())
		if err != nil {
			tb.Fatalf("testenv: find a port for a redis cluster: %v", err)
		}
		s := Redis(tb, append([]RedisOption{RedisArgs("--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus),
			"--cluster-node-timeout", "300", "--cluster-replica-no-failover", "yes", "--repl-diskless-sync-delay", "0",
			"--cluster-allow-replica-migration", "no")}, opts...)...)
		s.bus = bus
		if i < masters {
			from, to := i*clusterSlots/masters, (i+1)*clusterSlots/masters-1
			s.must(fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1))
			s.must(fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", from, to))
			c.Masters = append(c.Masters, s)
		} else {
			c.Replicas = append(c.Replicas, s)
		}
	}
	all := c.all()
	for _, s := range all[1:] {
		s.must(fmt.Sprintf("CLUSTER MEET 127.0.0.1 %d %d", all[0].port, all[0].bus))
	}
	for _, s := range all {
		s.eventually("know the cluster's nodes", func() bool {
			return strings.Contains(s.must("CLUSTER INFO"), fmt.Sprintf("cluster_known_nodes:%d\r\n", len(all)))
		})
	}
	for i, s := range c.Replicas {
		id := c.Masters[i].ID()
		s.eventually("follow its master", func() bool {
			reply, err := s.command(tb.Context(), "CLUSTER REPLICATE "+id)
			return err == nil && strings.HasPrefix(reply, "+OK")
		})
	}
	for _, s := range all {
		s.eventually("find the cluster in order", func() bool {
			return strings.Contains(s.must("CLUSTER INFO"), "cluster_state:ok")
		})
		s.must("CONFIG SET cluster-node-timeout 60000")
	}
	for _, s := range c.Replicas {
		s.AwaitReplica()
	}
	return c
}

func (c *RedisCluster) all() []*RedisServer {
	return append(append([]*RedisServer{}, c.Masters...), c.Replicas...)
}

// Addrs returns host:port of the masters, with commas between them.
func (c *RedisCluster) Addrs() string {
	addrs := make([]string, len(c.Masters))
	for i, s := range c.Masters {
		addrs[i] = s.Addr()
	}
	return strings.Join(addrs, ",")
}

// URL returns the cluster as a redis-cluster:// URL.
func (c *RedisCluster) URL() string { return "redis-cluster://" + c.Addrs() }

// ID returns the id by which a cluster knows the server.
func (s *RedisServer) ID() string {
	s.tb.Helper()
	_, id, _ := strings.Cut(s.must("CLUSTER MYID"), "\r\n")
	return strings.TrimSpace(id)
}

// Slot returns the slot of a key by the server's own account.
func (s *RedisServer) Slot(key string) int {
	s.tb.Helper()
	reply, err := s.commandArgs(s.tb.Context(), "CLUSTER", "KEYSLOT", key)
	slot, err2 := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(reply, ":")))
	if err != nil || err2 != nil {
		s.tb.Fatalf("testenv: the slot of key %q: %q, %v", key, reply, err)
	}
	return slot
}

// MoveSlot moves a slot with its keys from one master to another, as `redis-cli --cluster reshard` does. between, which
// may be nil, is called when the slot is open at both ends and some of its keys have moved.
func (c *RedisCluster) MoveSlot(slot int, from, to *RedisServer, between func()) {
	from.tb.Helper()
	to.must(fmt.Sprintf("CLUSTER SETSLOT %d IMPORTING %s", slot, from.ID()))
	from.must(fmt.Sprintf("CLUSTER SETSLOT %d MIGRATING %s", slot, to.ID()))
	for first := true; ; first = false {
		keys := from.keysInSlot(slot)
		if first && len(keys) > 1 {
			keys = keys[:len(keys)/2]
		}
		for _, key := range keys {
			reply, err := from.commandArgs(from.tb.Context(), "MIGRATE", "127.0.0.1", strconv.Itoa(to.port), key, "0", "5000")
			if err != nil || !strings.HasPrefix(reply, "+OK") {
				from.tb.Fatalf("testenv: move key %q: %q, %v", key, reply, err)
			}
		}
		if first && between != nil {
			between()
		}
		if len(keys) == 0 {
			break
		}
	}
	for _, s := range []*RedisServer{to, from} {
		s.must(fmt.Sprintf("CLUSTER SETSLOT %d NODE %s", slot, to.ID()))
	}
}

// keysInSlot returns at most 100 keys of a slot.
func (s *RedisServer) keysInSlot(slot int) []string {
	s.tb.Helper()
	reply := s.must(fmt.Sprintf("CLUSTER GETKEYSINSLOT %d 100", slot))
	_, rest, _ := strings.Cut(reply, "\r\n")
	var keys []string
	for rest != "" {
		head, after, _ := strings.Cut(rest, "\r\n")
		n, err := strconv.Atoi(strings.TrimPrefix(head, "$"))
		if err != nil || len(after) < n+2 {
			s.tb.Fatalf("testenv: keys of slot %d: unexpected answer %q", slot, reply)
		}
		keys, rest = append(keys, after[:n]), after[n+2:]
	}
	return keys
}

// AwaitReplica waits until the server follows a master and has all its data.
func (s *RedisServer) AwaitReplica() {
	s.tb.Helper()
	s.eventually("follow a master", func() bool { return strings.Contains(s.must("INFO replication"), "master_link_status:up") })
}

// Promote makes a replica of a cluster the master in the place of its own, which need not live, and waits until the
// given others know it.
func (s *RedisServer) Promote(others ...*RedisServer) {
	s.tb.Helper()
	s.must("CLUSTER FAILOVER TAKEOVER")
	id := s.ID()
	for _, o := range others {
		o.eventually("see the new master", func() bool {
			for line := range strings.Lines(o.must("CLUSTER NODES")) {
				if strings.HasPrefix(line, id) || strings.Contains(line, "\n"+id) {
					return strings.Contains(line, "master")
				}
			}
			return false
		})
	}
}

// must sends a command and fails the test where the server refuses it.
func (s *RedisServer) must(line string) string {
	s.tb.Helper()
	reply, err := s.command(s.tb.Context(), line)
	if err != nil || strings.HasPrefix(reply, "-") {
		s.tb.Fatalf("testenv: redis at %s: %s: %q, %v", s.Addr(), line, reply, err)
	}
	return reply
}

// commandArgs is command with words that may hold any bytes.
func (s *RedisServer) commandArgs(ctx context.Context, args ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(args))
	for i, arg := range args {
		fmt.Fprintf(&b, "$%d\r\n%s", len(arg), arg)
		if i < len(args)-1 {
			b.WriteString("\r\n")
		}
	}
	return s.command(ctx, b.String())
}

// eventually waits until something is so.
func (s *RedisServer) eventually(what string, done func() bool) {
	s.tb.Helper()
	tick := time.NewTicker(redisPoll)
	defer tick.Stop()
	for deadline := time.Now().Add(redisPatience); time.Now().Before(deadline); <-tick.C {
		if done() {
			return
		}
	}
	s.tb.Fatalf("testenv: redis at %s did not %s within %v; its log:\n%s", s.Addr(), what, redisPatience, s.Output())
}

// AwaitCluster waits until the server finds its cluster in order, as after a restart.
func (s *RedisServer) AwaitCluster() {
	s.tb.Helper()
	s.eventually("find the cluster in order", func() bool {
		return strings.Contains(s.must("CLUSTER INFO"), "cluster_state:ok")
	})
}

// AwaitCaughtUp waits until a replica has everything that was written to its master so far.
func (s *RedisServer) AwaitCaughtUp(master *RedisServer) {
	s.tb.Helper()
	want := master.offset("master_repl_offset")
	s.eventually("catch up with its master", func() bool { return s.offset("slave_repl_offset") >= want })
}

func (s *RedisServer) offset(field string) int {
	s.tb.Helper()
	_, rest, _ := strings.Cut(s.must("INFO replication"), field+":")
	text, _, _ := strings.Cut(rest, "\r\n")
	n, err := strconv.Atoi(text)
	if err != nil {
		s.tb.Fatalf("testenv: redis at %s does not tell its %s", s.Addr(), field)
	}
	return n
}

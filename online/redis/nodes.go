package redis

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
)

// node is what tells that a server kept everything: while all of it stays the
// same, nothing that was written is gone, but by its expiry. FLUSHALL changes none
// of what the server says of itself, but takes the tokens along, or on a single server the
// watermark.
type node struct {
	Addr    string `json:"addr,omitempty"`
	Run     string `json:"run_id"`        // changes when the server restarts
	History string `json:"master_replid"` // changes with a failover
	Evicted string `json:"evicted_keys"`  // grows where memory was too small

	// Tokens are keys in slots of this node of a cluster, by their tags, with their values.
	// They move with their slots.
	Tokens map[int]string `json:"tokens,omitempty"`

	before string // the history that it shares with another server up to its own
	policy string // maxmemory-policy
	named  bool   // by sentinels, so that Addr does not tell one server from another
	slots  *slotSet
}

const (
	slotCount     = 16384
	tokensPerNode = 3 // so that a node keeps one though some slots move away
	lookAttempts  = 3 // to see a cluster that is changing
)

type slotSet [slotCount]bool

// lost says what happened since the watermark was set, or "".
func (r record) lost(now *sight) string {
	for _, n := range now.nodes {
		was := r.find(n)
		switch {
		case was == nil:
			return r.stranger(n)
		case was.History != n.History:
			return fmt.Sprintf("the Redis server at %s failed over or changed its replication history", n.Addr)
		case was.Evicted != n.Evicted:
			return fmt.Sprintf("the Redis server at %s evicted keys (evicted_keys was %s and is %s, maxmemory-policy is %s)",
				n.Addr, was.Evicted, n.Evicted, n.policy)
		}
	}
	if !now.clustered {
		return ""
	}
	held := map[int]bool{}
	for _, was := range r.Nodes {
		for tag, value := range was.Tokens {
			if now.tokens[tag] != value {
				return fmt.Sprintf("the Redis server at %s was flushed, or is gone with the keys of its slots", was.Addr)
			}
			held[slotOf(tag)] = true
		}
	}
	for _, n := range now.nodes {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(held)), func(slot int) bool { return n.slots[slot] }) {
			return fmt.Sprintf("the Redis server at %s has other slots than when the watermark was set, and what it kept can't be told", n.Addr)
		}
	}
	return ""
}

// find gives a node as it was, nil where it was not there.
func (r record) find(n node) *node {
	for i := range r.Nodes {
		if r.Nodes[i].Run == n.Run {
			return &r.Nodes[i]
		}
	}
	return nil
}

// stranger says why there is a node that was not there.
func (r record) stranger(n node) string {
	for _, was := range r.Nodes {
		switch {
		case n.before != "" && was.History == n.before && n.named:
			return fmt.Sprintf("the Redis server failed over: another is %s now, and may lack what was written last", n.Addr)
		case was.Addr == n.Addr:
			return fmt.Sprintf("the Redis server at %s was restarted or replaced by another one", n.Addr)
		case n.before != "" && was.History == n.before:
			return fmt.Sprintf("the Redis server at %s failed over: %s took its place, and may lack what was written last", was.Addr, n.Addr)
		}
	}
	if n.slots != nil {
		return fmt.Sprintf("the Redis server at %s has taken over slots, and whether it kept their values can't be told", n.Addr)
	}
	return fmt.Sprintf("the Redis server was restarted or replaced by another one, at %s", n.Addr)
}

// parseNode reads what a server tells of itself.
func parseNode(addr string, fields map[string]string) (node, error) {
	n := node{
		Addr: addr, Run: fields["run_id"], History: fields["master_replid"], Evicted: fields["evicted_keys"],
		before: fields["master_replid2"], policy: fields["maxmemory_policy"],
	}
	switch {
	case n.Run == "" || n.Evicted == "":
		return n, fmt.Errorf("the server at %s does not tell its run_id and evicted_keys, without which lost values can't be noticed: allow the command INFO: %w",
			addr, feature.ErrInvalid)
	case fields["role"] == "slave":
		return n, fmt.Errorf("the server at %s is a replica: give the address of the one that takes writes (read_from=replica in the URL reads from replicas): %w", addr, feature.ErrUnavailable)
	}
	return n, nil
}

func parseInfo(text string, into map[string]string) {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			into[name] = value
		}
	}
}

// queueInfo queues what a server is asked of itself. The sections are asked one by one,
// as some services know no other way.
func queueInfo(ctx context.Context, pipe driver.Pipeliner) (read func() map[string]string) {
	var infos []*driver.StringCmd
	for _, section := range []string{"server", "replication", "stats", "memory"} {
		infos = append(infos, pipe.Info(ctx, section))
	}
	return func() map[string]string {
		fields := map[string]string{}
		for _, info := range infos {
			parseInfo(info.Val(), fields)
		}
		return fields
	}
}

// clusterNodes asks every master of the cluster, again where it is changing and no master
// says that it holds a slot.
func (s *Store) clusterNodes(ctx context.Context) ([]node, error) {
	var err error
	for range lookAttempts {
		var nodes []node
		if nodes, err = s.askNodes(ctx); err == nil {
			return nodes, nil
		}
		if ctx.Err() != nil || errors.Is(err, feature.ErrInvalid) {
			break
		}
	}
	if errors.Is(err, feature.ErrInvalid) || errors.Is(err, feature.ErrUnavailable) {
		return nil, fmt.Errorf("online/redis: read watermarks: %w", err)
	}
	return nil, s.failed(ctx, "read watermarks", err)
}

func (s *Store) askNodes(ctx context.Context) ([]node, error) {
	var mu sync.Mutex
	var nodes []node
	err := s.eachPrimary(ctx, func(ctx context.Context, c *driver.Client) error {
		pipe := c.Pipeline()
		read := queueInfo(ctx, pipe)
		view := pipe.ClusterNodes(ctx)
		if _, err := pipe.Exec(ctx); err != nil {
			return err
		}
		n, err := parseNode(c.Options().Addr, read())
		if err != nil {
			return err
		}
		n.slots = ownSlots(view.Val())
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, n)
		return nil
	})
	if err != nil {
		return nil, err
	}
	nodes = slices.DeleteFunc(nodes, func(n node) bool { return *n.slots == slotSet{} })
	for slot := range slotCount {
		if !slices.ContainsFunc(nodes, func(n node) bool { return n.slots[slot] }) {
			return nil, fmt.Errorf("no server of the cluster at %s says that it holds slot %d: %w", s.where, slot, feature.ErrUnavailable)
		}
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.Addr, b.Addr) })
	return nodes, nil
}

// ownSlots reads which slots a node says that it holds from the answer to CLUSTER NODES.
func ownSlots(text string) *slotSet {
	own := &slotSet{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 8 || !strings.Contains(fields[2], "myself") {
			continue
		}
		for _, part := range fields[8:] {
			if strings.HasPrefix(part, "[") {
				continue // a slot that is being moved: it is still where it was
			}
			first, last, ok := strings.Cut(part, "-")
			if !ok {
				last = first
			}
			from, err1 := strconv.Atoi(first)
			to, err2 := strconv.Atoi(last)
			if err1 != nil || err2 != nil {
				continue
			}
			for slot := max(from, 0); slot <= min(to, slotCount-1); slot++ {
				own[slot] = true
			}
		}
	}
	return own
}

// tokenKey is a key in the slot of a tag. Tags of values begin with a letter.
func (s *Store) tokenKey(tag int) string { return fmt.Sprintf("%snode:{%d}", s.prefix, tag) }

// slotOf is the slot of a tag: the cluster's CRC-16 (polynomial 0x1021) of its digits.
func slotOf(tag int) int {
	var crc uint16
	for _, b := range []byte(strconv.Itoa(tag)) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc) % slotCount
}

// tags gives the first tags whose slots the node holds: spread over them, and the same for
// everybody who looks.
func (n node) tags() (tags []int) {
	for tag := 0; len(tags) < tokensPerNode && tag < 1<<18; tag++ {
		if n.slots[slotOf(tag)] {
			tags = append(tags, tag)
		}
	}
	return tags
}

// plant sees to it that every node has its tokens. Their values are new at random where
// there are none, so that those of before a loss are told from those of after.
func (s *Store) plant(ctx context.Context) error {
	if s.cluster == nil {
		return nil
	}
	nodes, err := s.clusterNodes(ctx)
	if err != nil {
		return err
	}
	pipe := s.primary.Pipeline()
	for _, n := range nodes {
		for _, tag := range n.tags() {
			pipe.SetNX(ctx, s.tokenKey(tag), rand.Text(), 0)
		}
	}
	_, err = pipe.Exec(ctx)
	return s.failed(ctx, "mark the servers of the cluster", err)
}

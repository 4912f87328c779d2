package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strconv"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
)

// record is a watermark as it is stored, in JSON.
type record struct {
	Format int          `json:"format"` // 1
	To     feature.Time `json:"to"`
	Run    int64        `json:"run"`
	Since  int64        `json:"since"` // the run that began with nothing known; 0: the storage is being dropped
	Nodes  []node       `json:"nodes"` // that hold values, as they were; without a cluster one
}

const recordFormat = 1

func (s *Store) parseRecord(storage uint64, raw string) (record, error) {
	var r record
	err := json.Unmarshal([]byte(raw), &r)
	if err == nil && (r.Format != recordFormat || len(r.Nodes) == 0) {
		err = errors.New("it was written by another release")
	}
	if err != nil {
		return r, fmt.Errorf("online/redis: the watermark of storage %d at %s can't be read: %w: %w", storage, s.where, feature.ErrInvalid, err)
	}
	return r, nil
}

// watermark judges a stored watermark by what the servers say now.
func (r record) watermark(now *sight) feature.Watermark {
	reason := r.lost(now)
	return feature.Watermark{Known: true, Time: r.To, Run: r.Run, Since: r.Since, Lost: reason != "", Reason: reason}
}

// sight is what is seen at one look.
type sight struct {
	clustered bool
	nodes     []node
	tokens    map[int]string // by their tags; of a cluster
	texts     []string       // watermarks of the storages that were asked for, "" where there is none
	records   []record       // the same, read
	connects  int64          // how many connections had been made before
}

// look reads watermarks and what the servers tell of themselves: of a single server in
// one round trip, of a cluster in three.
func (s *Store) look(ctx context.Context, storages []uint64) (*sight, error) {
	now := &sight{clustered: s.cluster != nil, connects: s.connects.Load(), tokens: map[int]string{}}
	var err error
	if now.clustered {
		if now.nodes, err = s.clusterNodes(ctx); err != nil {
			return nil, err
		}
	}
	pipe := s.primary.Pipeline()
	var info func() map[string]string
	if !now.clustered {
		info = queueInfo(ctx, pipe)
	}
	owner := pipe.Get(ctx, s.registryKey())
	marks := make([]*driver.StringCmd, len(storages))
	for i, storage := range storages {
		marks[i] = pipe.Get(ctx, s.markKey(storage))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, driver.Nil) {
		return nil, s.failed(ctx, "read watermarks", err)
	}
	if err := s.checkOwner(owner); err != nil {
		return nil, err
	}
	if !now.clustered {
		fields := info()
		n, err := parseNode(s.serverAddr(fields), fields)
		if err != nil {
			return nil, fmt.Errorf("online/redis: read watermarks: %w", err)
		}
		n.named = s.sentinels
		now.nodes = []node{n}
	}
	now.texts, now.records = make([]string, len(marks)), make([]record, len(marks))
	for i, mark := range marks {
		if now.texts[i] = mark.Val(); now.texts[i] == "" {
			continue
		}
		if now.records[i], err = s.parseRecord(storages[i], now.texts[i]); err != nil {
			return nil, err
		}
	}
	return now, s.readTokens(ctx, now)
}

// serverAddr is the address of the only server. One that sentinels name tells no more than
// its port.
func (s *Store) serverAddr(fields map[string]string) string {
	if s.sentinels {
		return fmt.Sprintf("%s, port %s", s.where, fields["tcp_port"])
	}
	return s.where
}

// readTokens reads the tokens of a cluster's nodes, and those that watermarks speak of.
func (s *Store) readTokens(ctx context.Context, now *sight) error {
	if !now.clustered {
		return nil
	}
	pipe := s.primary.Pipeline()
	replies := map[int]*driver.StringCmd{}
	read := func(tag int) {
		if replies[tag] == nil {
			replies[tag] = pipe.Get(ctx, s.tokenKey(tag))
		}
	}
	for i := range now.nodes {
		for _, tag := range now.nodes[i].tags() {
			read(tag)
		}
	}
	for _, r := range now.records {
		for _, n := range r.Nodes {
			for tag := range n.Tokens {
				read(tag)
			}
		}
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, driver.Nil) {
		return s.failed(ctx, "read watermarks", err)
	}
	for tag, reply := range replies {
		if value := reply.Val(); value != "" {
			now.tokens[tag] = value
		}
	}
	for i := range now.nodes {
		n := &now.nodes[i]
		n.Tokens = map[int]string{}
		for _, tag := range n.tags() {
			if value := now.tokens[tag]; value != "" {
				n.Tokens[tag] = value
			}
		}
	}
	return nil
}

// Watermarks reads what is known of storages, in their order. What the servers say
// of themselves is read each time; callers that ask often keep the answer for a while.
func (s *Store) Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error) {
	marks, news, err := s.watermarks(ctx, storages)
	if err != nil {
		return nil, err
	}
	s.remember(storages, news)
	return marks, nil
}

// watermarks gives watermarks, and what is to be remembered of those that hold.
func (s *Store) watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, []*told, error) {
	now, err := s.look(ctx, storages)
	if err != nil {
		return nil, nil, err
	}
	marks, news := make([]feature.Watermark, len(storages)), make([]*told, len(storages))
	for i, r := range now.records {
		if now.texts[i] == "" {
			continue
		}
		if marks[i] = r.watermark(now); !marks[i].Holds() {
			continue
		}
		t := &told{text: now.texts[i], since: r.Since, tokens: map[int]string{}, noEvict: true, connects: now.connects}
		for _, n := range now.nodes {
			t.noEvict = t.noEvict && n.policy == "noeviction"
			maps.Copy(t.tokens, n.Tokens)
		}
		news[i] = t
	}
	return marks, news, nil
}

// Advance sets the watermark of a storage, as the contract says.
func (s *Store) Advance(ctx context.Context, storage uint64, to feature.Time, run, since int64) error {
	// After FLUSHALL the keys belong to nobody.
	if err := s.bind(ctx, false); err != nil {
		return err
	}
	// Before the look: what is flushed after it has no tokens that the watermark knows.
	if err := s.plant(ctx); err != nil {
		return err
	}
	for range settleAttempts {
		now, err := s.look(ctx, []uint64{storage})
		if err != nil {
			return err
		}
		next, err := s.nextRecord(storage, now, record{Format: recordFormat, To: to, Run: run, Since: since, Nodes: now.nodes})
		if err != nil || next == nil {
			return err
		}
		replies, err := s.evalAll(ctx, s.swap, [][]any{s.swapCall([]byte(s.markKey(storage)), []byte(now.texts[0]), next, "")})
		if err != nil {
			return s.failed(ctx, "write the watermark of storage "+strconv.FormatUint(storage, 10), err)
		}
		if replies[0] == swapped {
			return nil
		}
	}
	return fmt.Errorf("online/redis: the watermark of storage %d at %s was changed by others again and again: %w", storage, s.where, feature.ErrUnavailable)
}

// nextRecord gives what a stored watermark, "" for none, is to be replaced by: nil
// where it stays as it is.
func (s *Store) nextRecord(storage uint64, now *sight, next record) ([]byte, error) {
	begins := next.To == feature.MinTime
	lost := func(what string) ([]byte, error) {
		return nil, fmt.Errorf("online/redis: storage %d at %s %s: run it again: %w", storage, s.where, what, feature.ErrUnavailable)
	}
	switch {
	case now.texts[0] != "":
		r := now.records[0]
		known := r.watermark(now)
		switch {
		case begins && !known.Lost:
			return nil, nil
		case begins:
		case known.Lost:
			return lost("has lost values since its watermark was set: " + known.Reason)
		case next.Since == 0 || r.Since != next.Since:
			return lost("has lost its watermark, and values with it, since the run began; another run has begun anew")
		case next.To < r.To || next.To == r.To && next.Run <= r.Run:
			return nil, nil
		}
	case !begins:
		return lost("has lost its watermark, and values with it, since the run began")
	}
	if begins {
		next.Since = next.Run
	}
	text, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("online/redis: watermark of storage %d: %w", storage, err)
	}
	return text, nil
}

// Warnings tells, in sentences, what about the server's settings endangers values.
func (s *Store) Warnings(ctx context.Context) ([]string, error) {
	now, err := s.look(ctx, nil)
	if err != nil {
		return nil, err
	}
	var warnings []string
	for _, n := range now.nodes {
		switch n.policy {
		case "noeviction":
		case "":
			warnings = append(warnings, fmt.Sprintf("Redis at %s does not tell its maxmemory-policy: see to it that it is noeviction, as any other drops values when memory is full", n.Addr))
		default:
			warnings = append(warnings, fmt.Sprintf("Redis at %s has maxmemory-policy %s and drops values when its memory is full: set it to noeviction", n.Addr, n.policy))
		}
	}
	return warnings, nil
}

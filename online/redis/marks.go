package redis

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
)

// node is what tells that a server kept everything: while all of it stays the
// same, nothing that was written is gone, but by its expiry. FLUSHALL changes none
// of it, but takes the watermark along.
type node struct {
	Run     string `json:"run_id"`        // changes when the server restarts
	History string `json:"master_replid"` // changes with a failover
	Evicted string `json:"evicted_keys"`  // grows where memory was too small
	policy  string // maxmemory-policy
}

// lost says what happened between two looks at a server, or "".
func (n node) lost(now node) string {
	switch {
	case n.Run != now.Run:
		return "the Redis server was restarted or replaced by another one"
	case n.History != now.History:
		return "the Redis server failed over or changed its replication history"
	case n.Evicted != now.Evicted:
		return fmt.Sprintf("the Redis server evicted keys (evicted_keys was %s and is %s, maxmemory-policy is %s)", n.Evicted, now.Evicted, now.policy)
	}
	return ""
}

// record is a watermark as it is stored, in JSON.
type record struct {
	Format int          `json:"format"` // 1
	To     feature.Time `json:"to"`
	Run    int64        `json:"run"`
	Since  int64        `json:"since"` // the run that began with nothing known; 0: the storage is being dropped
	Nodes  []node       `json:"nodes"` // of a single server, one
}

const recordFormat = 1

func (s *Store) parseRecord(storage uint64, raw string) (record, error) {
	var r record
	err := json.Unmarshal([]byte(raw), &r)
	if err == nil && (r.Format != recordFormat || len(r.Nodes) != 1) {
		err = errors.New("it was written by another release")
	}
	if err != nil {
		return r, fmt.Errorf("online/redis: the watermark of storage %d at %s can't be read: %w: %w", storage, s.addr, feature.ErrInvalid, err)
	}
	return r, nil
}

// watermark judges a stored watermark by what the server says now.
func (r record) watermark(now node) feature.Watermark {
	reason := r.Nodes[0].lost(now)
	return feature.Watermark{Known: true, Time: r.To, Run: r.Run, Since: r.Since, Lost: reason != "", Reason: reason}
}

// look reads watermarks and what the server tells of itself in one round trip.
// Texts of storages that have none are empty.
func (s *Store) look(ctx context.Context, storages []uint64) (node, []string, error) {
	pipe := s.client.Pipeline()
	infos := []*driver.StringCmd{pipe.Info(ctx, "server"), pipe.Info(ctx, "replication"), pipe.Info(ctx, "stats"), pipe.Info(ctx, "memory")}
	owner := pipe.Get(ctx, s.registryKey())
	marks := make([]*driver.StringCmd, len(storages))
	for i, storage := range storages {
		marks[i] = pipe.Get(ctx, s.markKey(storage))
	}
	if _, err := pipe.Exec(ctx); err != nil && !errors.Is(err, driver.Nil) {
		return node{}, nil, s.failed(ctx, "read watermarks", err)
	}
	if err := s.checkOwner(owner); err != nil {
		return node{}, nil, err
	}
	fields := map[string]string{}
	for _, info := range infos {
		parseInfo(info.Val(), fields)
	}
	now := node{Run: fields["run_id"], History: fields["master_replid"], Evicted: fields["evicted_keys"], policy: fields["maxmemory_policy"]}
	if now.Run == "" || now.Evicted == "" {
		return node{}, nil, fmt.Errorf("online/redis: the server at %s does not tell its run_id and evicted_keys, without which lost values can't be noticed: allow the command INFO: %w",
			s.addr, feature.ErrInvalid)
	}
	texts := make([]string, len(marks))
	for i, mark := range marks {
		text, err := mark.Result()
		if err != nil && !errors.Is(err, driver.Nil) {
			return node{}, nil, s.failed(ctx, "read watermarks", err)
		}
		texts[i] = text
	}
	return now, texts, nil
}

func parseInfo(text string, into map[string]string) {
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			into[name] = value
		}
	}
}

// Watermarks reads what is known of storages, in their order. What the server says
// of itself is read each time; callers that ask often keep the answer for a while.
func (s *Store) Watermarks(ctx context.Context, storages []uint64) ([]feature.Watermark, error) {
	now, texts, err := s.look(ctx, storages)
	if err != nil {
		return nil, err
	}
	marks := make([]feature.Watermark, len(storages))
	for i, text := range texts {
		if text == "" {
			continue
		}
		r, err := s.parseRecord(storages[i], text)
		if err != nil {
			return nil, err
		}
		marks[i] = r.watermark(now)
	}
	return marks, nil
}

// Advance sets the watermark of a storage, as the contract says.
func (s *Store) Advance(ctx context.Context, storage uint64, to feature.Time, run, since int64) error {
	// After FLUSHALL the keys belong to nobody.
	if err := s.bind(ctx); err != nil {
		return err
	}
	for range settleAttempts {
		now, texts, err := s.look(ctx, []uint64{storage})
		if err != nil {
			return err
		}
		next, err := s.nextRecord(storage, texts[0], now, record{Format: recordFormat, To: to, Run: run, Since: since, Nodes: []node{now}})
		if err != nil || next == nil {
			return err
		}
		replies, err := s.evalAll(ctx, s.swap, [][]any{s.swapCall([]byte(s.markKey(storage)), []byte(texts[0]), next, "")})
		if err != nil {
			return s.failed(ctx, "write the watermark of storage "+strconv.FormatUint(storage, 10), err)
		}
		if replies[0] == swapped {
			return nil
		}
	}
	return fmt.Errorf("online/redis: the watermark of storage %d at %s was changed by others again and again: %w", storage, s.addr, feature.ErrUnavailable)
}

// nextRecord gives what a stored watermark, "" for none, is to be replaced by: nil
// where it stays as it is.
func (s *Store) nextRecord(storage uint64, stored string, now node, next record) ([]byte, error) {
	begins := next.To == feature.MinTime
	lost := func(what string) ([]byte, error) {
		return nil, fmt.Errorf("online/redis: storage %d at %s %s: run it again: %w", storage, s.addr, what, feature.ErrUnavailable)
	}
	switch {
	case stored != "":
		r, err := s.parseRecord(storage, stored)
		if err != nil {
			return nil, err
		}
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
	now, _, err := s.look(ctx, nil)
	if err != nil {
		return nil, err
	}
	if now.policy == "" || now.policy == "noeviction" {
		return nil, nil
	}
	return []string{fmt.Sprintf("Redis at %s has maxmemory-policy %s and drops values when its memory is full: set it to noeviction", s.addr, now.policy)}, nil
}

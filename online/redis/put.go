package redis

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

const (
	scriptRows     = 128       // of one script call, during which the server does nothing else
	scriptBytes    = 256 << 10 // of one script call
	pipelineCalls  = 8         // script calls in one round trip
	settleAttempts = 1000      // of one compare-and-swap against other writers
)

// What put.lua says of a row, where it can decide: t and x are left to settle.
const (
	wrote = 'w'
	kept  = 'k'
)

// swapped is what swap.lua says where it replaced the value.
const swapped = "swapped"

// Put writes rows, each where it is later than what is there.
func (s *Store) Put(ctx context.Context, layout *online.Layout, rows []online.Row) (online.PutResult, error) {
	var result online.PutResult
	groups, perTrip := s.group(rows)
	for len(groups) > 0 {
		n := min(len(groups), perTrip)
		if err := s.putGroups(ctx, layout, groups[:n], &result); err != nil {
			return result, err
		}
		groups = groups[n:]
	}
	return result, nil
}

// group cuts rows into what one script call takes: any rows on a single server, and on a
// cluster a row, as the keys of a call must be of one slot and few of a call are.
func (s *Store) group(rows []online.Row) (groups [][]online.Row, perTrip int) {
	most, perTrip := scriptRows, pipelineCalls
	if s.cluster != nil {
		most, perTrip = 1, scriptRows*pipelineCalls
	}
	start, size := 0, 0
	for i := range rows {
		size += len(rows[i].Key) + len(rows[i].Value)
		if i+1-start == most || size >= scriptBytes || i+1 == len(rows) {
			groups = append(groups, rows[start:i+1])
			start, size = i+1, 0
		}
	}
	return groups, perTrip
}

// putGroups writes groups in one round trip, then settles what the server could
// not decide.
func (s *Store) putGroups(ctx context.Context, layout *online.Layout, groups [][]online.Row, result *online.PutResult) error {
	replies, err := s.evalAll(ctx, s.put, s.putCalls(layout, groups))
	if err != nil {
		return s.failed(ctx, "write values", err)
	}
	var open []*online.Row
	for g, rows := range groups {
		if len(replies[g]) != len(rows) {
			return fmt.Errorf("online/redis: write values at %s: unexpected reply %q: %w", s.where, replies[g], feature.ErrUnavailable)
		}
		for i := range rows {
			switch replies[g][i] {
			case wrote:
				countWritten(result, &rows[i])
			case kept:
				result.Kept++
			default: // tied, mismatch: the values themselves decide, or say what is wrong
				open = append(open, &rows[i])
			}
		}
	}
	for range settleAttempts {
		if len(open) == 0 {
			return nil
		}
		if open, err = s.settle(ctx, layout, open, result); err != nil {
			return err
		}
	}
	return fmt.Errorf("online/redis: the value of %s at %s was changed by others %d times while it was compared: %w",
		layout.KeyText(open[0].Key), s.where, settleAttempts, feature.ErrUnavailable)
}

func countWritten(result *online.PutResult, row *online.Row) {
	result.Written++
	result.Bytes += len(row.Key) + len(row.Value)
}

// putCalls makes a call of put.lua for each group.
func (s *Store) putCalls(layout *online.Layout, groups [][]online.Row) [][]any {
	calls := make([][]any, len(groups))
	now := s.clock()
	for g, rows := range groups {
		args := make([]any, 0, 5+3*len(rows))
		args = append(args, "evalsha", s.put.Hash(), len(rows))
		for i := range rows {
			args = append(args, s.key(rows[i].Key))
		}
		args = append(args, online.StampAt+1, online.StampAt+layout.StampLen())
		for i := range rows {
			args = append(args, rows[i].Value, s.life(now, rows[i].Expires))
		}
		calls[g] = args
	}
	return calls
}

// settle writes rows by comparing whole values here and swapping against the exact
// bytes that were compared, two round trips for all. It gives those that somebody
// else changed in between.
func (s *Store) settle(ctx context.Context, layout *online.Layout, rows []*online.Row, result *online.PutResult) ([]*online.Row, error) {
	keys := make([][]byte, len(rows))
	for i, row := range rows {
		keys[i] = s.key(row.Key)
	}
	old, err := s.getFrom(ctx, s.primary, keys)
	if errors.Is(err, feature.ErrUnavailable) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("settle the value of %s: %w", s.culprit(ctx, layout, keys), err)
	}
	var later []*online.Row
	var calls [][]any
	now := s.clock()
	for i, row := range rows {
		if old[i] != nil {
			c, err := layout.Compare(row.Value, old[i])
			if err != nil {
				return nil, fmt.Errorf("online/redis: the stored value of %s at %s can't be compared and was left as it is; where nobody needs it, delete its key: %w",
					layout.KeyText(row.Key), s.where, err)
			}
			if c <= 0 {
				result.Kept++
				continue
			}
		}
		later = append(later, row)
		calls = append(calls, s.swapCall(s.key(row.Key), old[i], row.Value, s.life(now, row.Expires)))
	}
	replies, err := s.evalAll(ctx, s.swap, calls)
	if err != nil {
		return nil, s.failed(ctx, "write values", err)
	}
	var open []*online.Row
	for i, row := range later {
		if replies[i] == swapped {
			countWritten(result, row)
		} else {
			open = append(open, row)
		}
	}
	return open, nil
}

// culprit names the first of keys, with their prefix, whose value can't be read.
func (s *Store) culprit(ctx context.Context, layout *online.Layout, keys [][]byte) string {
	name := func(key []byte) string { return layout.KeyText(key[len(s.prefix):]) }
	for _, key := range keys {
		if _, err := s.getFrom(ctx, s.primary, [][]byte{key}); errors.Is(err, feature.ErrInvalid) {
			return name(key)
		}
		if ctx.Err() != nil {
			break
		}
	}
	return name(keys[0]) + " or another"
}

// swapCall makes a call of swap.lua. An absent old value is empty.
func (s *Store) swapCall(key, old, value []byte, life string) []any {
	return []any{"evalsha", s.swap.Hash(), 1, key, old, value, life, ""}
}

// evalAll makes calls of one script in one round trip, and gives their replies.
func (s *Store) evalAll(ctx context.Context, script *driver.Script, calls [][]any) ([]string, error) {
	replies := make([]string, len(calls))
	// The server may not know the script yet, have lost it by a restart, or be a master no
	// more, in which case the driver turns to the new one.
	for attempt := 0; len(calls) > 0; attempt++ {
		unknown, err := s.evalOpen(ctx, calls, replies)
		if err != nil {
			return nil, err
		}
		if !unknown {
			break
		}
		if attempt == 3 {
			return nil, errors.New("the server forgets scripts as soon as they are loaded, or is a replica")
		}
		load := func(ctx context.Context, c *driver.Client) error { return script.Load(ctx, c).Err() }
		if err := s.eachPrimary(ctx, load); err != nil {
			return nil, err
		}
	}
	return replies, nil
}

// evalOpen makes the calls that have no reply yet, and tells whether the server did
// not know the script.
func (s *Store) evalOpen(ctx context.Context, calls [][]any, replies []string) (unknown bool, err error) {
	pipe := s.primary.Pipeline()
	cmds := make([]*driver.Cmd, len(calls))
	for g, args := range calls {
		if replies[g] == "" {
			cmds[g] = pipe.Do(ctx, args...)
		}
	}
	_, _ = pipe.Exec(ctx) // each call's own error says more
	for g, cmd := range cmds {
		if cmd == nil {
			continue
		}
		text, err := cmd.Text()
		switch {
		case err == nil:
			replies[g] = text
		case driver.HasErrorPrefix(err, "NOSCRIPT"), s.sentinels && driver.HasErrorPrefix(err, "READONLY"):
			unknown = true
		default:
			return false, err
		}
	}
	return unknown, nil
}

// life is how long the server shall keep a value, in milliseconds, as text. It is
// a span and not a time, since the server's clock need not be the project's.
func (s *Store) life(now, expires feature.Time) string {
	if s.frozen || expires == feature.MaxTime {
		return ""
	}
	left := int64(expires.Sub(now))
	ms := left/1000 + 1 // rounded up: never before the row expires
	return strconv.FormatInt(max(ms, 1), 10)
}

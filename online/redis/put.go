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

// What put.lua says of a row.
const (
	wrote    = 'w'
	kept     = 'k'
	tied     = 't'
	mismatch = 'x'
)

// Put writes rows, each where it is later than what is there.
func (s *Store) Put(ctx context.Context, layout *online.Layout, rows []online.Row) (online.PutResult, error) {
	var result online.PutResult
	groups := group(rows)
	for len(groups) > 0 {
		n := min(len(groups), pipelineCalls)
		if err := s.putGroups(ctx, layout, groups[:n], &result); err != nil {
			return result, err
		}
		groups = groups[n:]
	}
	return result, nil
}

// group cuts rows into what one script call takes. On a single server any rows may
// go together.
func group(rows []online.Row) [][]online.Row {
	var groups [][]online.Row
	start, size := 0, 0
	for i := range rows {
		size += len(rows[i].Key) + len(rows[i].Value)
		if i+1-start == scriptRows || size >= scriptBytes || i+1 == len(rows) {
			groups = append(groups, rows[start:i+1])
			start, size = i+1, 0
		}
	}
	return groups
}

// putGroups writes groups in one round trip, then settles what the server could
// not decide.
func (s *Store) putGroups(ctx context.Context, layout *online.Layout, groups [][]online.Row, result *online.PutResult) error {
	replies, err := s.callPut(ctx, layout, groups)
	if err != nil {
		return s.failed(ctx, "write values", err)
	}
	for g, rows := range groups {
		if len(replies[g]) != len(rows) {
			return fmt.Errorf("online/redis: write values at %s: unexpected reply %q: %w", s.addr, replies[g], feature.ErrUnavailable)
		}
		for i := range rows {
			row := &rows[i]
			switch replies[g][i] {
			case wrote:
				result.Written++
				result.Bytes += len(row.Key) + len(row.Value)
			case kept:
				result.Kept++
			default: // tied, mismatch: the values themselves decide, or say what is wrong
				if err := s.settle(ctx, layout, row, result); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// callPut runs put.lua on each group, and gives the letters per group.
func (s *Store) callPut(ctx context.Context, layout *online.Layout, groups [][]online.Row) ([]string, error) {
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
	replies := make([]string, len(groups))
	// The server may not know the script yet, or have lost it by a restart.
	for attempt := 0; ; attempt++ {
		unknown, err := s.evalAll(ctx, calls, replies)
		if err != nil || !unknown {
			return replies, err
		}
		if attempt == 3 {
			return nil, errors.New("the server forgets scripts as soon as they are loaded")
		}
		if err := s.put.Load(ctx, s.client).Err(); err != nil {
			return nil, err
		}
	}
}

// evalAll runs the calls that have no reply yet, and tells whether the server did
// not know the script.
func (s *Store) evalAll(ctx context.Context, calls [][]any, replies []string) (unknown bool, err error) {
	pipe := s.client.Pipeline()
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
		case driver.HasErrorPrefix(err, "NOSCRIPT"):
			unknown = true
		default:
			return false, err
		}
	}
	return unknown, nil
}

// settle writes one row by comparing whole values here and swapping against the
// exact bytes that were compared.
func (s *Store) settle(ctx context.Context, layout *online.Layout, row *online.Row, result *online.PutResult) error {
	key := string(s.key(row.Key))
	for range settleAttempts {
		old, err := s.client.Get(ctx, key).Result()
		if err != nil && !errors.Is(err, driver.Nil) {
			return s.failed(ctx, "read the value of "+layout.KeyText(row.Key), err)
		}
		if err == nil {
			c, err := layout.Compare(row.Value, []byte(old))
			if err != nil {
				return fmt.Errorf("online/redis: the stored value of %s at %s can't be compared and was left as it is; where nobody needs it, delete its key: %w",
					layout.KeyText(row.Key), s.addr, err)
			}
			if c <= 0 {
				result.Kept++
				return nil
			}
		}
		swapped, err := s.swap.Run(ctx, s.client, []string{key}, old, row.Value, s.life(s.clock(), row.Expires)).Int()
		if err != nil {
			return s.failed(ctx, "write the value of "+layout.KeyText(row.Key), err)
		}
		if swapped == 1 {
			result.Written++
			result.Bytes += len(row.Key) + len(row.Value)
			return nil
		}
	}
	return fmt.Errorf("online/redis: the value of %s at %s was changed by others %d times while it was compared: %w",
		layout.KeyText(row.Key), s.addr, settleAttempts, feature.ErrUnavailable)
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

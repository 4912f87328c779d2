package offline

import (
	"context"
	"errors"
	"iter"
	"math"

	"github.com/apache/arrow/go/v17/arrow"
)

// cursor reads a spine at the caller's pace. It is used by one goroutine at a time,
// and stopped by the one that made it.
type cursor struct {
	next func() (arrow.Record, error, bool)
	stop func()
	rec  arrow.Record // the scan's own, until the next one is read
	at   int64        // rows of rec that were taken
}

var errStopped = errors.New("stopped")

func newCursor(ctx context.Context, spine Spine, columns []int) *cursor {
	c := &cursor{}
	c.next, c.stop = iter.Pull2(func(yield func(arrow.Record, error) bool) {
		err := spine.Scan(ctx, columns, func(rec arrow.Record) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			if !yield(rec, nil) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(nil, err)
		}
	})
	return c
}

// more tells whether there are rows left.
func (c *cursor) more() (bool, error) {
	for c.rec == nil || c.at == c.rec.NumRows() {
		rec, err, ok := c.next()
		if err != nil || !ok {
			c.rec, c.at = nil, 0
			return false, err
		}
		c.rec, c.at = rec, 0
	}
	return true, nil
}

// skip passes over rows.
func (c *cursor) skip(rows int64) error {
	for rows > 0 {
		rec, err := c.take(int(min(rows, math.MaxInt32)))
		if err != nil || rec == nil {
			return err
		}
		rows -= rec.NumRows()
		rec.Release()
	}
	return nil
}

// take gives the next rows, at most so many, or nil at the end. The caller releases
// the record.
func (c *cursor) take(most int) (arrow.Record, error) {
	if more, err := c.more(); err != nil || !more {
		return nil, err
	}
	from := c.at
	c.at = min(c.at+int64(most), c.rec.NumRows())
	return c.rec.NewSlice(from, c.at), nil
}

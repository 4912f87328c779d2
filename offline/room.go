package offline

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/quiver-features/quiver/feature"
)

// room is what the texts and lists of a part may take. How long they are is known only as
// they are made; a part with more than there is room for is given up, and taken again in
// fewer rows.
type room struct {
	bytes int64
	rows  int64 // of the part
	had   int64 // bytes that former stages made
}

// newRoom gives the room of a part: half of what a part may take, as what workers have made
// is put together then.
func (t *training) newRoom(rows int) *room {
	r := &room{bytes: math.MaxInt64, rows: int64(rows)}
	if t.memory > 0 && rows > 1 {
		r.bytes = t.memory / 4
	}
	return r
}

// making is a stage that makes texts and lists, by several workers at a time.
type making struct {
	room *room
	of   int64        // values, all that it makes
	n    atomic.Int64 // that were made
	left atomic.Int64 // bytes that there is still room for; less than 0: there is none
}

func (r *room) making(of int64) *making {
	m := &making{room: r, of: of}
	m.left.Store(r.bytes - r.had)
	return m
}

// add counts n values that were made, and the bytes of columns that have not been taken from what is
// left. The error is a crowded where there is no room for them.
func (m *making) add(n int, made ...*feature.Column) error {
	bytes := int64(0)
	for _, c := range made {
		if c != nil && c.Offsets != nil {
			bytes += c.Size()
		}
	}
	m.n.Add(int64(n))
	if m.left.Add(-bytes) >= 0 {
		return nil
	}
	whole := float64(m.room.had) + float64(m.made())*float64(m.of)/float64(max(m.n.Load(), 1))
	whole = min(max(whole, float64(m.room.bytes)), crowdedMost*float64(m.room.bytes))
	return &crowded{rowBytes: int64(2*crowdedMore*whole)/m.room.rows + 1}
}

const (
	// crowdedMore is how much more than what was seen values are supposed to take, so that few
	// parts are given up.
	crowdedMore = 1.25
	// crowdedMost bounds how many times the room they are supposed to take, as what was made first may be of the keys
	// that have the most: a part that is still too long is taken once more.
	crowdedMost = 4
)

// made is the bytes that were made.
func (m *making) made() int64 { return m.room.bytes - m.room.had - m.left.Load() }

// end is the end of a stage that has made all.
func (m *making) end() { m.room.had += m.made() }

// crowded is the error of a part for which there is no room.
type crowded struct {
	rowBytes int64 // that values take for a row, twice
}

func (c *crowded) Error() string {
	return fmt.Sprintf("texts and lists need a part of rows of %d bytes", c.rowBytes)
}

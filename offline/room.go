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
	room  *room
	of    int64 // values, all that it makes
	n     atomic.Int64
	bytes atomic.Int64
}

func (r *room) making(of int64) *making { return &making{room: r, of: of} }

// add counts n values that were made. The error is a crowded where there is no room for them.
func (m *making) add(n int, made ...*feature.Column) error {
	bytes := int64(0)
	for _, c := range made {
		if c != nil && c.Offsets != nil {
			bytes += columnBytes(c)
		}
	}
	m.n.Add(int64(n))
	if m.room.had+m.bytes.Add(bytes) <= m.room.bytes {
		return nil
	}
	return m.crowded()
}

// crowded is the error that there is no room for the rest.
func (m *making) crowded() error {
	whole := float64(m.room.had) + float64(m.bytes.Load())*float64(m.of)/float64(max(m.n.Load(), 1))
	return &crowded{rowBytes: int64(2*crowdedMore*whole)/m.room.rows + 1}
}

// crowdedMore is how much more than what was seen values are supposed to take, so that few
// parts are given up.
const crowdedMore = 1.25

// left is how many bytes there is still room for.
func (m *making) left() int64 { return m.room.bytes - m.room.had - m.bytes.Load() }

// end is the end of a stage that has made all.
func (m *making) end() { m.room.had += m.bytes.Load() }

// crowded is the error of a part for which there is no room.
type crowded struct {
	rowBytes int64 // that values take for a row, twice
}

func (c *crowded) Error() string {
	return fmt.Sprintf("texts and lists need a part of rows of %d bytes", c.rowBytes)
}

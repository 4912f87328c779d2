package serving

import "github.com/quiver-features/quiver/feature"

// sharing tells which rows of a request have the same key of a use. They are one row of
// its view, which is merged and computed once.
type sharing struct {
	rows []int32 // of each distinct key the first row, ascending
	nth  []int32 // of each row the place of its key in rows; -1: a key is null
	last []int32 // of each slot its place in rows, if slots says so there: see of
}

// of finds the rows that share a key. slots are the use's, below keys.
func (s *sharing) of(slots []int32, keys int) *sharing {
	s.rows, s.nth = s.rows[:0], s.nth[:0]
	if len(s.last) < keys {
		s.last = make([]int32, keys)
	}
	for row, slot := range slots {
		if slot < 0 {
			s.nth = append(s.nth, -1)
			continue
		}
		// last is never cleared: what it holds counts where the row that it leads to has this slot.
		n := s.last[slot]
		if int(n) >= len(s.rows) || slots[s.rows[n]] != slot {
			n = int32(len(s.rows))
			s.last[slot], s.rows = n, append(s.rows, int32(row))
		}
		s.nth = append(s.nth, n)
	}
	return s
}

// first gives the first row with the key of a row: that row itself where no key, or
// nothing, is shared.
func (s *sharing) first(row int) int {
	if s == nil || s.nth[row] < 0 {
		return row
	}
	return int(s.rows[s.nth[row]])
}

// pick makes into the values of some rows of a column.
func pick(into, c *feature.Column, rows []int32) {
	into.Reset()
	for _, row := range rows {
		into.AppendFrom(c, int(row))
	}
}

// bytesAt gives what a value adds to feature.Column.Varying.
func bytesAt(c *feature.Column, i int) int {
	if c.Offsets == nil {
		return 0
	}
	from, to := c.Offsets[i], c.Offsets[i+1]
	switch {
	case c.Items == nil:
		return int(to - from)
	case c.Items.Offsets == nil:
		return feature.ItemBytes * int(to-from)
	default:
		return feature.ItemBytes*int(to-from) + int(c.Items.Offsets[to]-c.Items.Offsets[from])
	}
}

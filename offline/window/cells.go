package window

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// cells cut the time of each key. The cells of key k are those from starts[k] to
// starts[k+1]; cell i holds the events after the end of the cell before it, up to
// ends[i], inclusive.
type cells struct {
	finder
	starts []uint32
	ends   []feature.Time   // the finder's times
	firsts [][]feature.Time // for each window, the first time that it covers, of each request
}

// newCells cuts the time of each key wherever a window of a request begins or ends. The
// memory of old is used.
func newCells(s *Spec, r *Requests, old *cells) *cells {
	c := &cells{
		starts: append(slices.Grow(old.starts[:0], len(r.Starts)), 0),
		ends:   slices.Grow(old.ends[:0], len(r.Times)*(1+len(s.Windows))),
		firsts: slices.Grow(old.firsts, len(s.Windows))[:len(s.Windows)],
	}
	for w := range c.firsts {
		c.firsts[w] = slices.Grow(c.firsts[w][:0], len(r.Times))
	}
	for k := range len(r.Starts) - 1 {
		from := len(c.ends)
		times := r.Times[r.Starts[k]:r.Starts[k+1]]
		for _, t := range times {
			if head, ok := headOf(s.Rule, t); ok {
				c.ends = append(c.ends, head)
			}
		}
		for n, w := range s.Windows {
			for _, t := range times {
				tail, ok := w.Tail(t)
				if !ok {
					c.firsts[n] = append(c.firsts[n], feature.MinTime)
					continue
				}
				c.firsts[n] = append(c.firsts[n], tail+1)
				if (s.From == 0 || tail >= s.From) && (len(c.ends) == from || c.ends[len(c.ends)-1] != tail) {
					c.ends = append(c.ends, tail)
				}
			}
		}
		own := c.ends[from:]
		slices.Sort(own)
		c.ends = c.ends[:from+len(slices.Compact(own))]
		c.starts = append(c.starts, uint32(len(c.ends)))
	}
	c.finder = newFinder(c.starts, c.ends)
	return c
}

// headOf gives the last event time that is visible at t where no available
// timestamp tells; false: there is none.
func headOf(rule feature.Rule, t feature.Time) (feature.Time, bool) {
	if t == feature.MaxTime {
		return t, true // sums of times saturate
	}
	if t < feature.MinTime+feature.Time(rule.Delay) {
		return 0, false
	}
	return t - feature.Time(rule.Delay), true
}

// noCell stands for an event that no request's window covers.
const noCell = ^uint32(0)

// of gives the cell of an event of a key.
func (c *cells) of(key uint32, e feature.Time) uint32 {
	if at := c.first(key, e); at < c.starts[key+1] {
		return at
	}
	return noCell
}

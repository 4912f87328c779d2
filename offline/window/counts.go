package window

import "slices"

// counts are numbers of values, where nothing else is wanted of them. Most often these are of rows, and another
// input of the view has a value in each: then that one's states count them as well.
type counts struct {
	beside   *kernel // whose states have counted the same rows so far; nil: none
	cells    []int64
	late     [][]int64 // for each window what late events change from one request to the next; nil: nothing
	requests int
}

// counting are states that count values beside something else.
type counting interface {
	// counted gives a copy of the numbers, as counts has them.
	counted() (cells []int64, late [][]int64)
}

func newCounts(beside *kernel, windows, cells, requests int) *counts {
	c := &counts{beside: beside, late: make([][]int64, windows), requests: requests}
	if beside == nil {
		c.cells = make([]int64, cells)
	}
	return c
}

// add implements states. It has to come before the states beside it add the batch.
func (c *counts) add(p *Part, b *Batch, input int) {
	null := b.null(input)
	if c.beside != nil {
		if sameNulls(null, b.null(c.beside.input)) {
			return
		}
		c.part(p)
	}
	for i, at := range b.places {
		if at != noCell && (null == nil || !null[i]) {
			c.cells[at]++
		}
	}
}

// part has it count on its own from now on.
func (c *counts) part(p *Part) {
	for w := range p.late {
		p.late[w].Lock()
	}
	if beside, ok := c.beside.states.(counting); ok {
		c.cells, c.late = beside.counted()
	}
	c.beside = nil
	for w := range p.late {
		p.late[w].Unlock()
	}
}

func sameNulls(a, b []bool) bool {
	if a == nil || b == nil {
		return !slices.Contains(a, true) && !slices.Contains(b, true)
	}
	return slices.Equal(a, b)
}

// addLate implements states. It, too, has to come before.
func (c *counts) addLate(b *Batch, input, window int) {
	if c.beside != nil {
		return
	}
	if c.late[window] == nil {
		c.late[window] = make([]int64, c.requests)
	}
	late, null := c.late[window], b.null(input)
	for _, e := range b.late[window] {
		if null != nil && null[e.event] {
			continue
		}
		late[e.from]++
		if e.to < e.end {
			late[e.to]--
		}
	}
}

// answer implements states. It is not called where the states beside it answer.
func (c *counts) answer(p *Part, windows []asked) {
	for _, w := range windows {
		c.answerWindow(p, w)
	}
}

func (c *counts) answerWindow(p *Part, w asked) {
	late := c.late[w.window]
	for k := range len(p.requests.Starts) - 1 {
		from := p.cells.starts[k]
		to, inside, beside := from, int64(0), int64(0)
		for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
			for ; to < w.hi[i]; to++ {
				inside += c.cells[to]
			}
			for ; from < w.lo[i]; from++ {
				inside -= c.cells[from]
			}
			if late != nil {
				beside += late[i]
			}
			for _, o := range w.outputs {
				o.write(int(i), inside+beside, inside+beside, true)
			}
		}
	}
}

func (c *counts) bytes() int64 {
	n := 8 * int64(len(c.cells))
	for _, late := range c.late {
		n += 8 * int64(len(late))
	}
	return n
}

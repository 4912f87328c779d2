package main

import (
	"strconv"
	"sync"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// keyCounter counts the events of keys.
type keyCounter struct {
	mu      sync.Mutex
	numbers map[string]int
	keys    []*feature.Column // one value a number
	texts   []string
	counts  []int64
}

func newKeyCounter(view *feature.ViewVersion) *keyCounter {
	c := &keyCounter{numbers: map[string]int{}}
	for _, k := range view.Keys {
		c.keys = append(c.keys, feature.NewColumn(k.Type, 0))
	}
	return c
}

// worker counts for one goroutine.
func (c *keyCounter) worker() func(*offline.Events) error {
	var text []byte
	return func(e *offline.Events) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, row := range e.Rows {
			text = text[:0]
			for _, k := range e.Keys {
				part := k.Text(int(row))
				text = append(append(strconv.AppendInt(text, int64(len(part)), 10), ':'), part...)
			}
			n, seen := c.numbers[string(text)]
			if !seen {
				n = len(c.counts)
				c.numbers[string(text)] = n
				c.texts, c.counts = append(c.texts, string(text)), append(c.counts, 0)
				for i, k := range e.Keys {
					c.keys[i].AppendFrom(k, int(row))
				}
			}
			c.counts[n]++
		}
		return nil
	}
}

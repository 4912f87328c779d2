package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
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
			text = appendKey(text[:0], e.Keys, int(row))
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

// appendKey writes a key so that no two are alike.
func appendKey(text []byte, keys []*feature.Column, row int) []byte {
	for _, k := range keys {
		part := k.Text(row)
		text = append(append(strconv.AppendInt(text, int64(len(part)), 10), ':'), part...)
	}
	return text
}

// markUnknown finds the keys that no row of the source has, at any time.
func (p *previewed) markUnknown(ctx context.Context, engine *offline.Engine, view *feature.ViewVersion, keys []*feature.Column) error {
	if len(keys) == 0 {
		return nil
	}
	var mu sync.Mutex
	missing := map[string][]int{}
	for i := range p.Keys {
		text := string(appendKey(nil, keys, i))
		missing[text] = append(missing[text], i)
	}
	err := engine.EventsSeen(ctx, view, feature.MaxTime, func() func(*offline.Events) error {
		var text []byte
		return func(e *offline.Events) error {
			mu.Lock()
			defer mu.Unlock()
			for _, row := range e.Rows {
				if len(missing) == 0 {
					return nil
				}
				text = appendKey(text[:0], e.Keys, int(row))
				delete(missing, string(text))
			}
			return nil
		}
	})
	for _, at := range missing {
		for _, i := range at {
			p.Keys[i].Unknown = true
		}
	}
	return err
}

// busiest gives the keys with the most events in a span of time, the most first, of
// several with as many those that come first by their text.
func busiest(ctx context.Context, engine *offline.Engine, view *feature.ViewVersion, from, to feature.Time, most int) ([]*feature.Column, error) {
	c := newKeyCounter(view)
	if err := engine.EventsIn(ctx, view, from, to.Add(1), c.worker); err != nil {
		return nil, err
	}
	order := make([]int, len(c.counts))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(x, y int) int {
		if c.counts[x] != c.counts[y] {
			return int(c.counts[y] - c.counts[x])
		}
		return strings.Compare(c.texts[x], c.texts[y])
	})
	var keys []*feature.Column
	for i := range view.Keys {
		column := feature.NewColumn(c.keys[i].Type, most)
		for _, at := range order[:min(most, len(order))] {
			column.AppendFrom(c.keys[i], at)
		}
		keys = append(keys, column)
	}
	return keys, nil
}

package window

import (
	"slices"
	"sort"
)

// tiles are the tiles of a key's window, while its requests are gone through: what each
// counts, and the sum of what each keeps. As counts only grow while a tile is there, what
// it keeps changes by one value at most when one is counted.
type tiles struct {
	values []string // by their numbers
	keeps  int      // values that a tile keeps
	all    map[int64]*tile
	order  []int64 // the numbers of all, ascending
	sum    *ranking
	found  []uint32 // scratch
	edge   []int    // likewise
}

type tile struct {
	kept    *ranking         // the one that is dropped next first
	dropped map[uint32]int64 // counts of the values that are not kept; nil: all are
}

func newTiles(values []string, keeps int) *tiles {
	return &tiles{values: values, keeps: keeps, all: map[int64]*tile{}, sum: newRanking(values, false)}
}

// add counts a value in a tile.
func (t *tiles) add(number int64, value uint32, n int64) {
	own := t.all[number]
	if own == nil {
		own = &tile{kept: newRanking(t.values, true)}
		t.all[number] = own
		at := sort.Search(len(t.order), func(i int) bool { return t.order[i] > number })
		t.order = slices.Insert(t.order, at, number)
	}
	if len(own.kept.heap) < t.keeps || own.kept.find(value) >= 0 {
		own.kept.change(value, n)
		t.sum.change(value, n)
		return
	}
	c := counted{value, own.dropped[value] + n}
	if own.dropped == nil {
		own.dropped = map[uint32]int64{}
	}
	if !own.kept.better(c, own.kept.heap[0]) {
		own.dropped[value] = c.n
		return
	}
	delete(own.dropped, value)
	out := own.kept.replace(c)
	own.dropped[out.value] = out.n
	t.sum.change(out.value, -out.n)
	t.sum.change(value, c.n)
}

// leave drops the oldest tiles, as long as they are gone.
func (t *tiles) leave(gone func(tile int64) bool) {
	for len(t.order) > 0 && gone(t.order[0]) {
		own := t.all[t.order[0]]
		for _, c := range own.kept.heap {
			t.sum.change(c.value, -c.n)
		}
		delete(t.all, t.order[0])
		t.order = t.order[1:]
	}
}

// top gives the k most frequent values of the sum, the most frequent first, valid until the next
// call. It goes down the heap from its root: the next one is always a child of one that
// was found.
func (t *tiles) top(k int) []uint32 {
	t.found, t.edge = t.found[:0], t.edge[:0]
	if len(t.sum.heap) > 0 {
		t.edge = append(t.edge, 0)
	}
	for len(t.found) < k && len(t.edge) > 0 {
		best := 0
		for i := range t.edge {
			if t.sum.before(t.edge[i], t.edge[best]) {
				best = i
			}
		}
		at := t.edge[best]
		t.found = append(t.found, t.sum.heap[at].value)
		t.edge = slices.Delete(t.edge, best, best+1)
		for child := 2*at + 1; child <= 2*at+2 && child < len(t.sum.heap); child++ {
			t.edge = append(t.edge, child)
		}
	}
	return t.found
}

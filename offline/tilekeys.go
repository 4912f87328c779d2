package offline

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/quiver-features/quiver/feature"
)

// tileKeys are the keys of a part of the winners, numbered in their order, and the
// tiles of each that a run brings.
type tileKeys struct {
	table   *keyTable
	seed    maphash.Seed
	whole   []bool        // per key: every tile is brought
	touched []touchedSets // per group of tiles; nil where all keys are whole
}

// touchedSets are the touched tiles of each key, ascending: those of key k are
// tiles[starts[k]:starts[k+1]].
type touchedSets struct {
	starts []int
	tiles  []int64
}

func (s *touchedSets) of(key uint32) []int64 { return s.tiles[s.starts[key]:s.starts[key+1]] }

// tileGroup is a set of tiles as a run sees it.
type tileGroup struct {
	window feature.Window // the longest of the set
	oldest int64          // tiles before it are in no window any more
	folded int64          // of all time: tiles before it may be merged into one already
}

// touch is a tile of a key that rows of the scans are in.
type touch struct {
	key, group uint32
	tile       int64
}

// wholeKey stands in touch.group for a key of which every tile is brought.
const wholeKey = ^uint32(0)

// newTileKeys numbers the keys of some batches.
func newTileKeys(batches []*feature.Batch, types []feature.Type, seed maphash.Seed, whole bool) *tileKeys {
	k := &tileKeys{table: newKeyTable(exactKeys(types)), seed: seed}
	load := keyBatch{seed: seed}
	for _, b := range batches {
		load.load(b.Keys, b.Rows)
		for i := range b.Rows {
			k.table.put(load.words[i], load.bytes(int32(i)))
		}
	}
	k.whole = make([]bool, k.table.n)
	for i := range k.whole {
		k.whole[i] = whole
	}
	return k
}

// toucher notes the tiles of the rows that a worker sees.
type toucher struct {
	t        *tiling
	keys     *tileKeys
	batch    keyBatch
	last     []int64 // per key and group, the tile noted last; a row in the same one is no news
	noted    []touch
	selected []int32
	visible  []feature.Time
}

// noTile is the tile of no time, but for the first of all at the finest granularity.
const noTile = int64(feature.MinTime)

func (t *tiling) newToucher(keys *tileKeys) *toucher {
	w := &toucher{t: t, keys: keys, batch: keyBatch{seed: keys.seed}, last: make([]int64, keys.table.n*len(t.groups))}
	for i := range w.last {
		w.last[i] = noTile
	}
	return w
}

func (w *toucher) chunk(_ context.Context, group int, _ int64, c *chunk) error {
	w.selected, w.visible = c.selectRows(w.t.view.Rule, w.t.news.span(group), w.selected[:0], w.visible[:0])
	w.batch.load(c.keys, c.rows)
	for _, i := range w.selected {
		if key := w.keys.table.find(w.batch.words[i], w.batch.bytes(i)); key != 0 {
			w.note(key-1, feature.Time(c.event.Int64s[i]))
		}
	}
	return nil
}

func (w *toucher) note(key uint32, e feature.Time) {
	groups := w.t.groups
	last := w.last[int(key)*len(groups):][:len(groups)]
	for g := range groups {
		tile := groups[g].window.Tile(e)
		if tile == last[g] && tile != noTile || tile < groups[g].oldest {
			continue
		}
		last[g] = tile
		if tile < groups[g].folded {
			w.noted = append(w.noted, touch{key, wholeKey, 0})
			continue
		}
		w.noted = append(w.noted, touch{key, uint32(g), tile})
	}
}

// touch finds the tiles of the keys that rows of the scans are in.
func (t *tiling) touch(ctx context.Context, keys *tileKeys) error {
	rows := int64(0)
	for _, g := range t.newsGroups {
		rows += int64(t.news.table.groups[g].rows)
	}
	m := t.meter(StageTiles, rows)
	var mu sync.Mutex
	var all []*toucher
	err := t.news.table.scan(ctx, t.newsGroups, t.workers, func(rows int) { m.add(int64(rows)) },
		func() func(context.Context, int, int64, *chunk) error {
			w := t.newToucher(keys)
			mu.Lock()
			defer mu.Unlock()
			all = append(all, w)
			return w.chunk
		})
	if err != nil {
		return err
	}
	keys.touched = make([]touchedSets, len(t.groups))
	for g := range keys.touched {
		keys.touched[g] = collect(all, uint32(g), keys.table.n)
	}
	for _, w := range all {
		for _, n := range w.noted {
			if n.group == wholeKey {
				keys.whole[n.key] = true
			}
		}
	}
	return nil
}

// collect puts the tiles of one group, which workers noted in any order, in order.
func collect(all []*toucher, group uint32, keys int) touchedSets {
	s := touchedSets{starts: make([]int, keys+1)}
	each := func(fn func(n *touch)) {
		for _, w := range all {
			for i := range w.noted {
				if w.noted[i].group == group {
					fn(&w.noted[i])
				}
			}
		}
	}
	each(func(n *touch) { s.starts[n.key+1]++ })
	for k := range keys {
		s.starts[k+1] += s.starts[k]
	}
	s.tiles = make([]int64, s.starts[keys])
	at := slices.Clone(s.starts)
	each(func(n *touch) {
		s.tiles[at[n.key]] = n.tile
		at[n.key]++
	})
	// Every key's are sorted, and each stays once.
	to, from := 0, 0
	for k := range keys {
		own := s.tiles[from:s.starts[k+1]]
		from = s.starts[k+1]
		slices.Sort(own)
		to += copy(s.tiles[to:], slices.Compact(own))
		s.starts[k+1] = to
	}
	s.tiles = s.tiles[:to]
	return s
}

// wants tells whether an event of a key is in a tile that is brought.
func (k *tileKeys) wants(groups []tileGroup, key uint32, e feature.Time) bool {
	if k.whole[key] {
		return true // and is not too old, as the span of the pass tells
	}
	for g := range groups {
		own := k.touched[g].of(key)
		if len(own) == 0 {
			continue
		}
		if _, found := slices.BinarySearch(own, groups[g].window.Tile(e)); found {
			return true
		}
	}
	return false
}

// stretch is the times in (after, until]; after MinTime all of them up to until.
type stretch struct{ after, until feature.Time }

// stretches gives the times that tiles of any of the keys are at, in their order and
// apart from one another.
func (k *tileKeys) stretches(groups []tileGroup) []stretch {
	var all []stretch
	if slices.Contains(k.whole, true) {
		all = append(all, stretch{oldestOf(groups), feature.MaxTime})
	}
	for g := range k.touched {
		distinct := slices.Clone(k.touched[g].tiles)
		slices.Sort(distinct)
		for _, tile := range slices.Compact(distinct) {
			all = append(all, groups[g].stretch(tile))
		}
	}
	slices.SortFunc(all, func(a, b stretch) int { return cmp.Compare(a.after, b.after) })
	var apart []stretch
	for _, s := range all {
		if n := len(apart); n > 0 && s.after <= apart[n-1].until {
			apart[n-1].until = max(apart[n-1].until, s.until)
			continue
		}
		apart = append(apart, s)
	}
	return apart
}

// stretch gives the times of a tile.
func (g *tileGroup) stretch(tile int64) stretch {
	return stretch{edge(tile, g.window.Granularity), edge(tile+1, g.window.Granularity)}
}

// edge gives the time at which a tile begins, saturating.
func edge(tile int64, g feature.Duration) feature.Time {
	switch {
	case tile > int64(feature.MaxTime)/int64(g):
		return feature.MaxTime
	case tile < int64(feature.MinTime)/int64(g):
		return feature.MinTime
	}
	return feature.Time(tile * int64(g))
}

// oldestOf gives the time after which an event can be in a tile of any group.
func oldestOf(groups []tileGroup) feature.Time {
	oldest := feature.MaxTime
	for i := range groups {
		oldest = min(oldest, groups[i].stretch(groups[i].oldest).after)
	}
	return oldest
}

// meets tells whether an event with least <= e <= most can be at one of the times.
func meets(stretches []stretch, least, most feature.Time) bool {
	i, _ := slices.BinarySearchFunc(stretches, least, func(s stretch, e feature.Time) int {
		if s.until < e {
			return -1
		}
		return 1
	})
	return i < len(stretches) && (stretches[i].after < most || stretches[i].after == feature.MinTime)
}

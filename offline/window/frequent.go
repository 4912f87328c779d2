package window

import (
	"cmp"
	"math"
	"slices"
	"sort"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// frequent answers top_k, which is defined over tiles: a window is the sum of its tiles,
// of each the most frequent values among those that are visible. So it is no function of
// what a run of cells holds, and values are noted by the request that sees them first
// and by their tile; equal ones are one note. The requests of a key then take one
// pass over its notes (see tiles).
type frequent struct {
	kind    feature.Kind
	word    bool
	windows []feature.Window // of one granularity; those that are not asked for cover nothing
	longest feature.Window   // of those asked for
	numbers map[string]uint32
	values  []string // as aggregate encodes them, by their numbers
	notes   []note
	counted int // of the notes, those in order, equal ones as one
	value   aggregate.Value
	room    []byte
}

// note is how often a value came into sight at a request, in a tile.
type note struct {
	request uint32
	value   uint32
	tile    int64
	n       int64
}

func newFrequent(s *Spec, k *kernel) *frequent {
	over := s.Inputs[k.input].Type
	f := &frequent{kind: over.Kind, word: aggregate.IsWord(over), windows: s.Windows, numbers: map[string]uint32{}}
	first := true
	for w, asked := range k.windows {
		if length := s.Windows[w].Length; asked && (first || length == 0 || f.longest.Length != 0 && length > f.longest.Length) {
			f.longest, first = s.Windows[w], false
		}
	}
	return f
}

func (f *frequent) add(p *Part, b *batch, input int) {
	null := b.null(input)
	for i, key := range b.keys {
		if null != nil && null[i] {
			continue
		}
		visible := b.events[i].Add(p.spec.Rule.Delay)
		if b.visible != nil {
			visible = b.visible[i]
		}
		request := p.first(key, visible)
		if request == p.requests.Starts[key+1] || !f.longest.Covers(p.requests.Times[request], b.events[i]) {
			continue
		}
		if value, ok := f.numberOf(b.value(&f.value, input, i)); ok {
			f.notes = append(f.notes, note{request, value, tileOf(f.longest, b.events[i]), 1})
		}
	}
	if len(f.notes) > 2*f.counted+1<<14 {
		f.count()
	}
}

// addLate has nothing to do: add goes by the time from which on an event is visible.
func (*frequent) addLate(int, stretch, *batch, int, int) {}

// numberOf numbers distinct values; false: it is left out.
func (f *frequent) numberOf(v *aggregate.Value) (uint32, bool) {
	key := v.Bytes
	if f.word {
		if (f.kind == feature.Float32 || f.kind == feature.Float64) && math.IsNaN(floatOf(v.Word)) {
			return 0, false
		}
		f.room = aggregate.AppendWord(f.room[:0], f.kind, v.Word)
		key = f.room
	}
	n, known := f.numbers[string(key)]
	if !known {
		n = uint32(len(f.values))
		f.values = append(f.values, string(key))
		f.numbers[f.values[n]] = n
	}
	return n, true
}

// count puts the notes in order and makes equal ones one.
func (f *frequent) count() {
	slices.SortFunc(f.notes, func(a, b note) int {
		return cmp.Or(cmp.Compare(a.request, b.request), cmp.Compare(a.tile, b.tile), cmp.Compare(a.value, b.value))
	})
	n := 0
	for _, x := range f.notes {
		if n > 0 && f.notes[n-1].request == x.request && f.notes[n-1].tile == x.tile && f.notes[n-1].value == x.value {
			f.notes[n-1].n += x.n
			continue
		}
		f.notes[n] = x
		n++
	}
	f.notes = f.notes[:n]
	f.counted = n
}

func (f *frequent) answer(p *Part, window int, _, _ []uint32, outputs []*answer) {
	f.count()
	for _, o := range outputs {
		next := 0
		for k := range len(p.requests.Starts) - 1 {
			t := newTiles(f.values, aggregate.SealSize(o.N))
			for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
				for ; next < len(f.notes) && f.notes[next].request == i; next++ {
					if x := &f.notes[next]; f.windows[window].Covers(p.requests.Times[i], eventIn(f.longest, x.tile)) {
						t.add(x.tile, x.value, x.n)
					}
				}
				t.leave(func(tile int64) bool { return !f.windows[window].Covers(p.requests.Times[i], eventIn(f.longest, tile)) })
				f.write(o, i, t.top(o.N))
			}
		}
	}
}

func (f *frequent) write(o *answer, request uint32, top []uint32) {
	own := o.appending()
	if len(top) == 0 {
		own.AppendNull()
		return
	}
	o.matched[request] = true
	for _, v := range top {
		appendValue(own.Items, []byte(f.values[v]))
	}
	own.EndList()
}

func (f *frequent) bytes() int64 {
	n := int64(cap(f.notes)) * bytesOfCounted
	for _, v := range f.values {
		n += 64 + int64(len(v))
	}
	return n
}

// tileOf gives the number of an event's tile. Tiles of a microsecond are numbered by
// their only time: feature.Window.Tile saturates there.
func tileOf(w feature.Window, e feature.Time) int64 {
	if w.Granularity == 1 {
		return int64(e)
	}
	return w.Tile(e)
}

// eventIn gives a time in a tile.
func eventIn(w feature.Window, tile int64) feature.Time {
	g := int64(w.Granularity)
	switch {
	case g == 1:
		return feature.Time(tile)
	case tile < math.MinInt64/g:
		return feature.MinTime
	}
	return feature.Time(tile*g + 1)
}

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
	counts map[uint32]int64
	kept   *ranking // the one that is dropped next first
}

func newTiles(values []string, keeps int) *tiles {
	return &tiles{values: values, keeps: keeps, all: map[int64]*tile{}, sum: newRanking(values, false)}
}

// add counts a value in a tile.
func (t *tiles) add(number int64, value uint32, n int64) {
	own := t.all[number]
	if own == nil {
		own = &tile{counts: map[uint32]int64{}, kept: newRanking(t.values, true)}
		t.all[number] = own
		at := sort.Search(len(t.order), func(i int) bool { return t.order[i] > number })
		t.order = slices.Insert(t.order, at, number)
	}
	own.counts[value] += n
	count := own.counts[value]
	switch had := own.kept.has(value); {
	case had:
		own.kept.set(value, count)
		t.sum.change(value, n)
		return
	case own.kept.len() >= t.keeps:
		last := own.kept.ids[0]
		if !better(t.values, value, count, last, own.kept.count[last]) {
			return
		}
		t.sum.change(last, -own.kept.count[last])
		own.kept.set(last, 0)
	}
	own.kept.set(value, count)
	t.sum.change(value, count)
}

// leave drops the oldest tiles, as long as they are gone.
func (t *tiles) leave(gone func(tile int64) bool) {
	for len(t.order) > 0 && gone(t.order[0]) {
		own := t.all[t.order[0]]
		for _, value := range own.kept.ids {
			t.sum.change(value, -own.kept.count[value])
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
	if t.sum.len() > 0 {
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
		t.found = append(t.found, t.sum.ids[at])
		t.edge = slices.Delete(t.edge, best, best+1)
		for child := 2*at + 1; child <= 2*at+2 && child < t.sum.len(); child++ {
			t.edge = append(t.edge, child)
		}
	}
	return t.found
}

package window

import (
	"cmp"
	"math"
	"slices"

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

func (f *frequent) add(p *Part, b *Batch, input int) {
	null := b.null(input)
	for i, key := range b.keys {
		if null != nil && null[i] {
			continue
		}
		visible := b.events[i].Add(p.spec.Rule.Delay)
		if b.visible != nil {
			visible = b.visible[i]
		}
		base := p.requests.Starts[key]
		request := base + uint32(first(p.requests.Times[base:p.requests.Starts[key+1]], visible))
		if request == p.requests.Starts[key+1] || !f.longest.Covers(p.requests.Times[request], b.events[i]) {
			continue
		}
		if value, ok := f.numberOf(b.value(input, i)); ok {
			f.notes = append(f.notes, note{request, value, tileOf(f.longest, b.events[i]), 1})
		}
	}
	if len(f.notes) > 2*f.counted+1<<14 {
		f.count()
	}
}

// addLate has nothing to do: add goes by the time from which on an event is visible.
func (*frequent) addLate(*Batch, int, int) {}

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
		switch {
		case a.request != b.request:
			return cmp.Compare(a.request, b.request)
		case a.tile != b.tile:
			return cmp.Compare(a.tile, b.tile)
		default:
			return cmp.Compare(a.value, b.value)
		}
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

func (f *frequent) answer(p *Part, windows []asked) {
	f.count()
	for _, w := range windows {
		f.answerWindow(p, w)
	}
}

func (f *frequent) answerWindow(p *Part, w asked) {
	for _, o := range w.outputs {
		next := 0
		for k := range len(p.requests.Starts) - 1 {
			t := newTiles(f.values, aggregate.SealSize(o.N))
			for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
				for ; next < len(f.notes) && f.notes[next].request == i; next++ {
					if x := &f.notes[next]; f.windows[w.window].Covers(p.requests.Times[i], eventIn(f.longest, x.tile)) {
						t.add(x.tile, x.value, x.n)
					}
				}
				t.leave(func(tile int64) bool {
					return !f.windows[w.window].Covers(p.requests.Times[i], eventIn(f.longest, tile))
				})
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
	if o.full() {
		return
	}
	defer o.appended()
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

package tiles

import (
	"cmp"
	"encoding/binary"
	"math"
	"slices"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// building is the tiles of one key while its events come. It belongs to one builder at
// a time.
type building struct {
	groups []tileset
	bytes  int               // that it takes, about
	values []aggregate.Value // of the event at hand, by input
}

// tileset is the tiles of one group.
type tileset struct {
	slots  map[int64]int // of the numbers of tiles
	tiles  []tile        // of the slots
	order  []int         // scratch
	states []states      // of the group's parts
	lists  []*aggregate.LastN
	code   []coder // of lists
}

type tile struct {
	number int64
	used   bool // an event has a value for a part
}

// building gives one that is empty.
func (p *Plan) building() *building {
	if b, ok := p.builds.Get().(*building); ok {
		return b
	}
	b := &building{groups: make([]tileset, len(p.groups)), values: make([]aggregate.Value, len(p.inputs))}
	for i, g := range p.groups {
		s := &b.groups[i]
		s.slots = map[int64]int{}
		for _, of := range g.parts {
			if g.lists {
				s.lists = append(s.lists, aggregate.NewLastN(of.n))
				s.code = append(s.code, coder{over: p.inputs[of.input].over})
			} else {
				s.states = append(s.states, p.newStates(of))
			}
		}
	}
	return b
}

func (b *building) reset() {
	for i := range b.groups {
		s := &b.groups[i]
		clear(s.slots)
		s.tiles = s.tiles[:0]
		for _, st := range s.states {
			st.reset()
		}
		for _, l := range s.lists {
			l.Reset()
		}
	}
}

// take puts recorded events into the tiles that a builder brings.
func (b *building) take(of *Builder, events []byte) {
	p := of.plan
	for len(events) > 0 {
		r := p.cutRecord(events)
		events = p.load(b.values, &r)
		for i := range p.groups {
			g := &p.groups[i]
			if number := g.window().Tile(r.stamp.Event); of.takes(i, number) {
				b.groups[i].add(g, number, b.values, &r)
			}
		}
	}
	b.bytes = b.memory()
}

// load reads the values of an event, and gives what follows it.
func (p *Plan) load(values []aggregate.Value, r *recorded) (rest []byte) {
	rest = r.values
	for i := range p.inputs {
		over := p.inputs[i].over
		if !r.gives(i) || over.IsZero() {
			values[i] = aggregate.Value{Stamp: r.stamp}
			continue
		}
		v := aggregate.Value{Stamp: r.stamp}
		if aggregate.IsWord(over) {
			v.Word, rest = int64(binary.LittleEndian.Uint64(rest)), rest[8:]
		} else {
			size, n := binary.Uvarint(rest)
			v.Bytes, rest = rest[n:n+int(size)], rest[n+int(size):]
		}
		values[i] = v
	}
	return rest
}

// gives tells whether an event has a value for an input.
func (r *recorded) gives(input int) bool { return r.has[input/8]>>(input%8)&1 != 0 }

// add adds an event to its tile.
func (s *tileset) add(g *group, number int64, values []aggregate.Value, r *recorded) {
	if g.lists {
		for i, of := range g.parts {
			if r.gives(of.input) {
				s.lists[i].Add(r.stamp, s.code[i].encode(&values[of.input]))
			}
		}
		return
	}
	slot := s.slot(number)
	for i, of := range g.parts {
		if r.gives(of.input) {
			s.states[i].add(slot, &values[of.input])
			s.tiles[slot].used = true
		}
	}
}

func (s *tileset) slot(number int64) int {
	// Most events are in the tile of the one before them.
	if n := len(s.tiles); n > 0 && s.tiles[n-1].number == number {
		return n - 1
	}
	slot, ok := s.slots[number]
	if !ok {
		slot = len(s.tiles)
		s.slots[number] = slot
		s.tiles = append(s.tiles, tile{number: number})
		for _, st := range s.states {
			st.grow(slot + 1)
		}
	}
	return slot
}

// append appends what a section has of a group.
func (s *tileset) append(dst []byte, g *group) []byte {
	if g.lists {
		for _, l := range s.lists {
			start := len(dst)
			dst = sized(l.Append(dst), start)
		}
		return dst
	}
	if g.Reach == 0 {
		dst = append(dst, 0) // no base
	}
	s.order = s.order[:0]
	for slot := range s.tiles {
		if s.tiles[slot].used {
			s.order = append(s.order, slot)
		}
	}
	slices.SortFunc(s.order, func(a, b int) int { return cmp.Compare(s.tiles[b].number, s.tiles[a].number) })
	dst = binary.AppendUvarint(dst, uint64(len(s.order)))
	before := int64(0)
	for i, slot := range s.order {
		number := s.tiles[slot].number
		dst = appendNumber(dst, i == 0, before, number)
		before = number
	}
	for _, st := range s.states {
		start := len(dst)
		for _, slot := range s.order {
			dst = st.append(dst, slot)
		}
		if len(s.order) > 0 {
			dst = sized(dst, start)
		}
	}
	return dst
}

func (b *building) memory() int {
	n := 256
	for i := range b.groups {
		s := &b.groups[i]
		n += 64 * len(s.tiles)
		for _, st := range s.states {
			n += st.memory()
		}
		for _, l := range s.lists {
			n += 64 * l.Len()
		}
	}
	return n
}

// appendValue appends a value as events record it.
func appendValue(dst []byte, c *feature.Column, row int) []byte {
	var word uint64
	switch {
	case !aggregate.IsWord(c.Type):
		start := len(dst)
		return sized(aggregate.AppendValue(dst, c, row), start)
	case c.Type.Kind == feature.Float64:
		word = math.Float64bits(c.Float64s[row])
	case c.Type.Kind == feature.Float32:
		word = math.Float64bits(float64(c.Float32s[row]))
	case c.Type.Kind == feature.Bool:
		if c.Bools[row] {
			word = 1
		}
	case c.Type.Kind == feature.Int32, c.Type.Kind == feature.Date:
		word = uint64(int64(c.Int32s[row]))
	default:
		word = uint64(c.Int64s[row])
	}
	return binary.LittleEndian.AppendUint64(dst, word)
}

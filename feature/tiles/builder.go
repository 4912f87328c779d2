package tiles

import (
	"encoding/binary"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// Builder gathers the events of one key and makes the patch of its tiles. Until it has
// many events it holds little more than their values, so that there may be a builder
// for each of many keys. It is not safe for concurrent use.
type Builder struct {
	plan    *Plan
	least   []int64 // by group: tiles of lesser numbers are of no use
	whole   bool
	touched [][]int64 // by group, ascending
	events  []byte    // as record writes them, not in tiles yet
	tiles   *building // nil: all events are in events
}

// eventBytes is how many bytes of events a builder holds before it puts them into tiles:
// less than tiles of as many events take.
const eventBytes = 8 << 10

// NewBuilder makes a builder for a run that leads to a time: tiles that no window reaches
// then are left out of whole patches. Reset comes first.
func (p *Plan) NewBuilder(to feature.Time) *Builder {
	b := &Builder{plan: p, least: make([]int64, len(p.groups)), touched: make([][]int64, len(p.groups))}
	for i := range p.groups {
		b.least[i] = p.groups[i].oldest(to)
	}
	return b
}

// Reset makes it a builder of no events of a key. whole: every tile is brought, and the
// patch replaces all that was kept. Else only touched tiles are.
func (b *Builder) Reset(whole bool) {
	b.whole, b.events = whole, b.events[:0]
	for i := range b.touched {
		b.touched[i] = b.touched[i][:0]
	}
	b.release()
}

// release gives the memory of tiles back to the plan.
func (b *Builder) release() {
	if b.tiles != nil {
		b.tiles.reset()
		b.plan.builds.Put(b.tiles)
		b.tiles = nil
	}
}

// Touch says which tiles of a group are brought, even if they turn out empty. It is
// called before the first Add, and not for what is whole. The numbers are ascending, each
// once, and are not kept.
func (b *Builder) Touch(group int, tiles []int64) {
	b.touched[group] = append(b.touched[group][:0], tiles...)
}

// Add takes an event: a row that is visible at the time of the run, with its stamp. The
// columns are those of Plan.Columns, in their order and types, and nothing of them is
// kept. An event that is in no tile that is brought is left out. Every call is an event
// of its own; the order of events changes nothing.
func (b *Builder) Add(s feature.Stamp, columns []*feature.Column, row int) {
	if !b.brings(s.Event) {
		return
	}
	b.events = b.plan.record(b.events, s, columns, row)
	if len(b.events) > eventBytes {
		b.settle()
	}
}

func (b *Builder) brings(e feature.Time) bool {
	for i := range b.plan.groups {
		if b.takes(i, b.plan.groups[i].window().Tile(e)) {
			return true
		}
	}
	return false
}

// takes tells whether a tile of a group is brought.
func (b *Builder) takes(group int, tile int64) bool {
	if b.whole {
		return tile >= b.least[group]
	}
	touched := b.touched[group]
	if n := len(touched); n == 0 || tile < touched[0] || tile > touched[n-1] {
		return false
	}
	_, found := slices.BinarySearch(touched, tile)
	return found
}

// settle puts the events into tiles.
func (b *Builder) settle() {
	if b.tiles == nil {
		b.tiles = b.plan.building()
	}
	b.tiles.take(b, b.events)
	b.events = b.events[:0]
}

// Append appends the patch: a byte, 1 for whole; then for each group, unless it is whole,
// the numbers of the tiles that are brought, and what a section has of the group. Only
// Reset may follow.
func (b *Builder) Append(dst []byte) []byte {
	b.settle()
	if b.whole {
		dst = append(dst, 1)
	} else {
		dst = append(dst, 0)
	}
	for i := range b.plan.groups {
		if !b.whole {
			slices.Reverse(b.touched[i])
			dst = appendNumbers(dst, b.touched[i])
		}
		dst = b.tiles.groups[i].append(dst, &b.plan.groups[i])
	}
	b.release()
	return dst
}

// Bytes is how much memory the builder holds, about.
func (b *Builder) Bytes() int {
	n := cap(b.events) + 24*len(b.touched)
	for _, t := range b.touched {
		n += 8 * cap(t)
	}
	if b.tiles != nil {
		n += b.tiles.bytes
	}
	return n
}

// record appends an event: its stamp, a bit for each input that has a value, and these
// values, 8 bytes of words, and of others their length and bytes.
func (p *Plan) record(dst []byte, s feature.Stamp, columns []*feature.Column, row int) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Event))
	if p.rule.Created {
		if s.HasCreated {
			dst = binary.LittleEndian.AppendUint64(append(dst, 1), uint64(s.Created))
		} else {
			dst = append(dst, 0)
		}
	}
	if p.rule.Available {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(s.Available))
	}
	has := len(dst)
	for range (len(p.inputs) + 7) / 8 {
		dst = append(dst, 0)
	}
	for i := range p.inputs {
		in := &p.inputs[i]
		if in.where >= 0 {
			if w := columns[in.where]; w.IsNull(row) || !w.Bools[row] {
				continue
			}
		}
		if in.column >= 0 {
			c := columns[in.column]
			if c.IsNull(row) {
				continue
			}
			dst = appendValue(dst, c, row)
		}
		dst[has+i/8] |= 1 << (i % 8)
	}
	return dst
}

// recorded is an event as it is read back.
type recorded struct {
	stamp  feature.Stamp
	has    []byte
	values []byte
}

// cutRecord cuts what record wrote off b, but for the values, which have to be gone
// through one after the other.
func (p *Plan) cutRecord(b []byte) recorded {
	var r recorded
	next := func() feature.Time {
		v := feature.Time(binary.LittleEndian.Uint64(b))
		b = b[8:]
		return v
	}
	r.stamp.Event = next()
	if p.rule.Created {
		if r.stamp.HasCreated, b = b[0] == 1, b[1:]; r.stamp.HasCreated {
			r.stamp.Created = next()
		}
	}
	if p.rule.Available {
		r.stamp.Available = next()
	}
	n := (len(p.inputs) + 7) / 8
	r.has, r.values = b[:n], b[n:]
	return r
}

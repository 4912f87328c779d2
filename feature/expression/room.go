package expression

import "github.com/quiver-features/quiver/feature"

// Bounds of the texts and lists that are computed: a short expression can make long ones
// of short ones, and features made of one another can do so without end.
const (
	// maxValue bounds the bytes of one of them.
	maxValue = 1 << 20
	// maxChunk bounds the bytes of those that are made on the way to the values of a
	// chunk. A row that needs more by itself fails; else the chunk gets fewer rows.
	maxChunk = 32 << 20
	// maxResult is how many bytes an Eval appends unless Limit says something else.
	maxResult = 1 << 30
	// maxLoad bounds the bytes of texts and lists that a chunk of several rows reads: no
	// instruction works on much more before Until is asked.
	maxLoad = 1 << 20
	// arenaBlock is the size of an arena's blocks. Growing an arena as one would leave each
	// of its former copies to the texts that lie there.
	arenaBlock = 256 << 10
	// littleWork is how many bytes a chunk reads and makes without asking Until.
	littleWork = 64 << 10
)

// textItem is what an item that is a text takes in a vector, beside its bytes.
const textItem = 24

// made gives the bytes of texts and lists that the vector's kernel has made.
func (v *vector) made() int {
	n := v.filled + len(v.arena)
	if v.items != nil {
		n += v.items.n * v.itemBytes()
	}
	return n
}

func (v *vector) itemBytes() int {
	if v.items.lane == textLane {
		return textItem
	}
	return feature.ItemBytes
}

// fits tells whether a kernel may go on making texts or lists. Where it may not, what it
// made is of no use to anybody.
func (v *vector) fits() bool {
	v.full = v.full || v.made() > v.room
	return !v.full
}

// loaded gives the bytes of texts and lists in rows from to from+n of a column.
func loaded(c *feature.Column, from, n, rows int) int {
	if c.Offsets == nil {
		return 0
	}
	times := 1
	if c.Len() != rows { // one value for all of them
		from, n, times = 0, 1, n
	}
	first, last := c.Offsets[from], c.Offsets[from+n]
	size := int(last - first)
	if c.Items != nil {
		size *= feature.ItemBytes
		if c.Items.Offsets != nil {
			size += int(c.Items.Offsets[last] - c.Items.Offsets[first])
		}
	}
	return size * times
}

// nextBlock has the arena go on in other memory.
func (v *vector) nextBlock() {
	v.filled += len(v.arena)
	v.blocks = append(v.blocks, v.arena)
	if n := len(v.spare); n > 0 {
		v.arena, v.spare = v.spare[n-1][:0], v.spare[:n-1]
		return
	}
	v.arena = make([]byte, 0, arenaBlock)
}

// drop gives back large memory.
func (v *vector) drop() {
	v.blocks, v.spare = nil, nil
	if cap(v.arena) > arenaBlock {
		v.arena = nil
	}
	if v.items != nil && v.items.n*v.itemBytes() > arenaBlock {
		v.items = &vector{lane: v.items.lane, room: v.items.room, items: v.items.items}
	}
}

// listBytes gives the bytes of the list of row i, as feature.Column.Varying counts them.
func (v *vector) listBytes(i int) int {
	from, to := v.starts[i], v.ends[i]
	n := (to - from) * feature.ItemBytes
	if v.items.lane == textLane {
		for _, text := range v.items.texts[from:to] {
			n += len(text)
		}
	}
	return n
}

// varying gives the bytes of the texts or lists of the first n rows that have a value.
func (v *vector) varying(n int) int {
	size := 0
	for i := range n {
		switch {
		case v.stateAt(i) != present:
		case v.lane == textLane:
			size += len(v.texts[i])
		case v.lane == listLane:
			size += v.listBytes(i)
		}
	}
	return size
}

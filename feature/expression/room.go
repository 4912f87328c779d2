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
)

// textItem is what an item that is a text takes in a vector, beside its bytes.
const textItem = 24

// made gives the bytes of texts and lists that the vector's kernel has made.
func (v *vector) made() int {
	n := len(v.arena)
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

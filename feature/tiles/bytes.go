package tiles

import (
	"encoding/binary"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// What sizes suppose, as it can't be known.
const (
	supposedValues = 100     // different ones of a tile, as usual for sketches
	manyValues     = 1 << 23 // of a tile, at worst
	supposedText   = 16      // bytes of a text, or of a list of any length
	longText       = 256     // likewise, at worst
	supposedDays   = 4       // of all time, that are not in the base yet
	manyDays       = 32      // likewise, at worst: where runs are a month apart
)

// ManyTiles is as far as tiles are counted for sizes.
const ManyTiles = 1 << 32

// Size is the bytes of a key's section, or of a part of it, where every tile is there.
type Size struct {
	// Usual is with values as they usually are: integers and texts are short, floats are
	// fractions, and of a sketch a tile has 100 different values.
	Usual int
	// Worst is with such values as take the most. Texts, and lists of no fixed length, are
	// supposed to have at most 256 bytes, a tile of a quantile at most 2^23 values, and
	// runs to be a month apart at most. Floats and
	// their sums are supposed to be below 2^83, and multiples of 2^-108 (which all are from
	// 2^-56 on): with others a tile's sum takes up to 0.3 KB, with its squares 0.9 KB.
	Worst int
}

func (s Size) plus(o Size) Size { return Size{s.Usual + o.Usual, s.Worst + o.Worst} }

// GroupSize is the size of a group.
type GroupSize struct {
	Group
	Size
	// Tiles is how many there are at most, those of a window and one to spare; 0: the group
	// is that of lists. They are counted up to ManyTiles.
	Tiles  int64
	Sketch bool // one takes the most of it
}

// Size gives the size of a key's section.
func (p *Plan) Size() Size {
	all := Size{1, 1}
	for _, g := range p.Sizes() {
		all = all.plus(g.Size)
	}
	return all
}

// Sizes gives the size of each of Groups.
func (p *Plan) Sizes() []GroupSize {
	sizes := make([]GroupSize, len(p.groups))
	for i := range p.groups {
		sizes[i] = p.groupSize(&p.groups[i])
	}
	return sizes
}

func (p *Plan) groupSize(g *group) GroupSize {
	size := GroupSize{Group: g.Group}
	some, most := int64(1), int64(1) // states of each part
	switch {
	case g.lists:
	case g.Reach == 0:
		late := int64(p.rule.Delay / g.Granularity) // which are not folded
		some, most = 2+supposedDays+late, 2+manyDays+late
		size.Tiles = most - 1
	default:
		some = min(int64(g.Reach)/int64(g.Granularity)+2, ManyTiles) // the tail's to the head's, and one to spare
		most, size.Tiles = some, some
	}
	sketches := 0
	for _, of := range g.parts {
		one := p.stateSize(of)
		all := Size{int(some) * one.Usual, int(most) * one.Worst}
		if of.kind.isSketch() {
			sketches += all.Worst
		}
		size.Size = size.plus(all).plus(Size{3, 2 * binary.MaxVarintLen64}) // lengths
	}
	size.Sketch = 2*sketches > size.Worst
	// How many tiles there are, the first one's number and that of the base; a byte for each.
	const numbers = 3*binary.MaxVarintLen64 + 1
	size.Size = size.plus(Size{int(some) + 8, int(most) + numbers})
	return size
}

func (k kind) isSketch() bool { return k == distinct || k == quantile || k == topK }

// stateSize gives the size of a state, with its length where that stands before it.
func (p *Plan) stateSize(of part) Size {
	usual, worst := p.stateBytes(of)
	return Size{usual, worst}
}

func (p *Plan) stateBytes(of part) (usual, worst int) {
	over := p.inputs[of.input].over
	value, long := valueBytes(over)
	stamp := 3
	if p.rule.Created {
		stamp += 5
	}
	if p.rule.Available {
		stamp += 5
	}
	list := func(n int) (usual, worst int) {
		return 4 + n*(1+value+stamp), 3 + aggregate.LastNMaxBytes(n, long, p.rule.Created, p.rule.Available)
	}
	const counted = 7 // bytes of a count
	switch of.kind {
	case count:
		return 2, counted
	case total:
		if isFloat(over) {
			return 14, counted + floatSum
		}
		return 6, counted + aggregate.IntSumMaxBytes
	case moments:
		if isFloat(over) {
			return 35, aggregate.MomentsUsualBytes + floatCounts
		}
		return 12, aggregate.IntMomentsMaxBytes
	case minimum, maximum:
		if over.Kind == feature.Float64 {
			return 9, aggregate.ExtremeMaxBytes
		}
		return 4, aggregate.ExtremeMaxBytes
	case minText, maxText:
		return 1 + value, aggregate.TextMaxBytes(long)
	case distinct:
		return 3 + 8*supposedValues, 3 + aggregate.DistinctMaxBytes
	case quantile:
		return 3 + aggregate.QuantileMaxBytes(supposedValues), 3 + aggregate.QuantileMaxBytes(manyValues)
	case topK:
		n := aggregate.SealSize(of.n)
		return 4 + n*(2+value), 3 + aggregate.TopKMaxBytes(n, long)
	case first:
		return list(1)
	default:
		return list(of.n)
	}
}

// Of a sum of floats: the numbers of NaN and infinities; and all of it.
const (
	floatCounts = 3 * 7
	floatSum    = aggregate.SumUsualBytes + floatCounts
)

// valueBytes gives the bytes of a value of a type, usually and at worst.
func valueBytes(over feature.Type) (usual, worst int) {
	usual, worst = supposedText, longText
	if aggregate.IsWord(feature.Scalar(over.Kind)) {
		usual, worst = 5, 9
	}
	switch {
	case !over.List:
		return usual, worst
	case over.Length == 0:
		return supposedText, longText
	case usual < supposedText: // words, all of a float's bytes among them
		return 1 + 9*over.Length, 1 + (1+worst)*over.Length
	default: // what marks an item, and its end; zeros are doubled
		return 1 + (3+usual)*over.Length, 1 + (3+2*worst)*over.Length
	}
}

package tiles

import (
	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
)

// What Bytes supposes of a key that is asked for a lot.
const (
	supposedTiles  = 4096 // with a value, at most, in a group: of short steps few have one
	supposedValues = 100  // of a tile
	supposedText   = 16   // bytes of a text
	longText       = 256  // likewise, where they are long
	supposedDays   = 4    // that are not in the base of all time yet
	manyDays       = 100  // likewise, where runs are rare
)

// Bytes gives the length of a key's section where every tile is there: with values as they
// usually are, and with such that take the most. Of texts and of the values of a tile it
// supposes what can't be known.
func (p *Plan) Bytes() (usual, worst int) {
	usual, worst = 1, 1
	for i := range p.groups {
		g := &p.groups[i]
		some, most := int64(1), int64(1)
		switch {
		case g.lists:
		case g.Reach == 0:
			some, most = 1+supposedDays, 1+manyDays
		default:
			// The tail's tile to the head's, and one to spare.
			tiles := int64(g.Reach)/int64(g.Granularity) + 2
			some, most = min(tiles, supposedTiles), min(tiles, 1<<32)
		}
		for _, of := range g.parts {
			u, w := p.stateBytes(of)
			usual, worst = usual+int(some)*u, worst+int(most)*w
		}
		usual, worst = usual+int(some)+8, worst+int(most)*2+16
	}
	return usual, worst
}

// stateBytes gives the bytes of a state, with its length where that stands before it.
func (p *Plan) stateBytes(of part) (usual, worst int) {
	over := p.inputs[of.input].over
	value, long := supposedText, longText
	if aggregate.IsWord(over) {
		value, long = 5, 9
	}
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
	switch of.kind {
	case count:
		return 2, 7
	case total:
		if isFloat(over) {
			return 14, 7 + aggregate.SumMaxBytes
		}
		return 6, 7 + aggregate.IntSumMaxBytes
	case moments:
		if isFloat(over) {
			return 35, aggregate.MomentsMaxBytes
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
		return 3 + aggregate.QuantileMaxBytes(supposedValues), 3 + aggregate.QuantileMaxBytes(1<<30)
	case topK:
		n := aggregate.SealSize(of.n)
		return 4 + n*(2+value), 3 + aggregate.TopKMaxBytes(n, long)
	case first:
		return list(1)
	default:
		return list(of.n)
	}
}

package window

// stretches hold numbers, each for a stretch of requests, and tell each request's least and greatest. Requests stand in
// blocks, blocks in blocks of the next level, and so on. A stretch is noted where it begins and where it ends, at each
// level of the blocks that it covers; within a block, at each place. So a long one takes few steps, of which only the first
// two may be far from others.
type stretches []level // level 0 is of requests, and each level ends with a full block

type level struct {
	own    []extremes // of the place
	ahead  []extremes // of it and those behind it, to the end of the block
	behind []extremes // of those before it, from the beginning of the block
}

// holding is a number for a stretch of requests, or of blocks.
type holding struct {
	from, to uint32
	one      extremes
}

// blockSize is the number of places in a block.
const blockSize = 16

func newStretches(requests int) stretches {
	var s stretches
	for n := requests; ; {
		n = (n + blockSize - 1) / blockSize
		s = append(s, level{make([]extremes, n*blockSize), make([]extremes, n*blockSize), make([]extremes, n*blockSize)})
		if n <= 1 {
			return s
		}
	}
}

// hold holds numbers, in whose memory it then works. All go up level by level, as the places of the first are far apart: so many
// of them are on their way from memory at once.
func (s stretches) hold(all []holding) {
	for _, level := range s {
		left := all[:0]
		for _, h := range all {
			first, last := h.from/blockSize, h.to/blockSize
			if first == last {
				for i := h.from; i < h.to; i++ {
					level.own[i].take(h.one)
				}
				continue
			}
			level.ahead[h.from].take(h.one)
			if h.to%blockSize > 0 {
				level.behind[h.to].take(h.one)
			}
			left = append(left, holding{first + 1, last, h.one})
		}
		all = left
	}
}

// settle has own tell all that is held for a place.
func (s stretches) settle() {
	for l := len(s) - 1; l >= 0; l-- {
		for block := range len(s[l].own) / blockSize {
			at := block * blockSize
			own, ahead, behind := s[l].own[at:][:blockSize], s[l].ahead[at:][:blockSize], s[l].behind[at:][:blockSize]
			var above, after extremes
			if l+1 < len(s) {
				above = s[l+1].own[block]
			}
			for i := range own {
				above.take(ahead[i])
				own[i].take(above)
			}
			for i := blockSize - 1; i >= 0; i-- {
				own[i].take(after)
				after.take(behind[i])
			}
		}
	}
}

func (s stretches) bytes() int64 {
	n := 0
	for _, level := range s {
		n += len(level.own)
	}
	return bytesOfEdge * int64(n)
}

const bytesOfEdge = 6 * 8

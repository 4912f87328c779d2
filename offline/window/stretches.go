package window

// stretches hold numbers, each for a stretch of requests, and tell each request's least and greatest. Requests stand in
// blocks, blocks in blocks of the next level, and so on. A stretch is noted where it begins and where it ends, at each
// level of the blocks that it covers; within a block, at each place. So a long one takes few steps, of which only the first
// two may be far from others.
type stretches [][]edge // by level; level 0 is of requests, and each level ends with a full block

type edge struct {
	own    extremes // of the place
	ahead  extremes // of it and those behind it, to the end of the block
	behind extremes // of those before it, from the beginning of the block
}

// blockSize is the number of places in a block.
const blockSize = 16

func newStretches(requests int) stretches {
	var s stretches
	for n := requests; ; {
		n = (n + blockSize - 1) / blockSize
		s = append(s, make([]edge, n*blockSize))
		if n <= 1 {
			return s
		}
	}
}

func (s stretches) hold(from, to uint32, one extremes) {
	for _, level := range s {
		first, last := from/blockSize, to/blockSize
		if first == last {
			for i := from; i < to; i++ {
				level[i].own.take(one)
			}
			return
		}
		level[from].ahead.take(one)
		if to%blockSize > 0 {
			level[to].behind.take(one)
		}
		from, to = first+1, last
	}
}

// settle has own tell all that is held for a place.
func (s stretches) settle() {
	for l := len(s) - 1; l >= 0; l-- {
		for block := range len(s[l]) / blockSize {
			edges := s[l][block*blockSize:][:blockSize]
			var above, behind extremes
			if l+1 < len(s) {
				above = s[l+1][block].own
			}
			for i := range edges {
				above.take(edges[i].ahead)
				edges[i].own.take(above)
			}
			for i := blockSize - 1; i >= 0; i-- {
				edges[i].own.take(behind)
				behind.take(edges[i].behind)
			}
		}
	}
}

func (s stretches) bytes() int64 {
	n := 0
	for _, level := range s {
		n += len(level)
	}
	return bytesOfEdge * int64(n)
}

const bytesOfEdge = 6 * 8

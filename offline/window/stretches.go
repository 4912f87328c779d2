package window

// stretches hold numbers, each for a stretch of requests, and tell each request's least and greatest. Requests stand in
// blocks. A stretch within a block is noted at each of its requests; another one where it begins, where it
// ends, and at the nodes of a tree over the blocks between: however long it is, it is at two places that may be
// far away, and in a small tree.
type stretches struct {
	edges []edge     // of each request, up to the end of a block
	tree  []extremes // node n has the children 2n and 2n+1, and block i is leaf len/2+i
}

type edge struct {
	own    extremes // of the request
	ahead  extremes // of it and those behind it, to the end of the block
	behind extremes // of those before it, from the beginning of the block
}

// blockSize is the number of requests in a block.
const blockSize = 16

func newStretches(requests int) *stretches {
	blocks := (requests + blockSize - 1) / blockSize
	return &stretches{make([]edge, blocks*blockSize), make([]extremes, 2*blocks)}
}

func (s *stretches) hold(r stretch, one extremes) {
	first, last := r.from/blockSize, r.to/blockSize
	if first == last {
		for i := r.from; i < r.to; i++ {
			s.edges[i].own.take(one)
		}
		return
	}
	s.edges[r.from].ahead.take(one)
	if r.to%blockSize > 0 {
		s.edges[r.to].behind.take(one)
	}
	leaves := uint32(len(s.tree) / 2)
	for from, to := first+1+leaves, last+leaves; from < to; from, to = from/2, to/2 {
		if from%2 == 1 {
			s.tree[from].take(one)
			from++
		}
		if to%2 == 1 {
			to--
			s.tree[to].take(one)
		}
	}
}

// settle has own tell all that is held for a request.
func (s *stretches) settle() {
	for node := 2; node < len(s.tree); node++ {
		s.tree[node].take(s.tree[node/2])
	}
	for block, above := range s.tree[len(s.tree)/2:] {
		edges := s.edges[block*blockSize:][:blockSize]
		for i := range edges {
			above.take(edges[i].ahead)
			edges[i].own.take(above)
		}
		var behind extremes
		for i := blockSize - 1; i >= 0; i-- {
			edges[i].own.take(behind)
			behind.take(edges[i].behind)
		}
	}
}

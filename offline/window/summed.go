package window

// inverse is a state that another one can be taken away from again, without a
// trace.
type inverse[S any] interface {
	*S
	Merge(*S)
	Unmerge(*S)
}

// summed is states with an inverse: one for each cell, and for each window changes
// from one request to the next by late events.
type summed[S any, P inverse[S]] struct {
	cells []S
	late  [][]S // of each window and request: what changes there; nil: nothing is late
	put   func(s *S, word int64)
}

func newSummed[S any, P inverse[S]](cells, windows int, put func(*S, int64)) *summed[S, P] {
	return &summed[S, P]{cells: make([]S, cells), late: make([][]S, windows), put: put}
}

func (s *summed[S, P]) add(places []uint32, words []int64, null []bool) {
	for i, at := range places {
		if at == noCell || null != nil && null[i] {
			continue
		}
		word := int64(0)
		if words != nil {
			word = words[i]
		}
		s.put(&s.cells[at], word)
	}
}

func (s *summed[S, P]) addLate(requests, window int, r stretch, word int64) {
	if s.late[window] == nil {
		s.late[window] = make([]S, requests)
	}
	var one S
	s.put(&one, word)
	P(&s.late[window][r.from]).Merge(&one)
	if r.to < r.end {
		P(&s.late[window][r.to]).Unmerge(&one)
	}
}

// each calls fn with the state of each request's window, whose cells are those from
// lo to hi. The state is the callee's until it returns.
func (s *summed[S, P]) each(p *Part, window int, lo, hi []uint32, fn func(request int, state *S)) {
	late := s.late[window]
	var zero S
	for k := range len(p.requests.Starts) - 1 {
		var inside, beside S // the cells from from to to, and late events
		from := p.cells.starts[k]
		to := from
		for i := p.requests.Starts[k]; i < p.requests.Starts[k+1]; i++ {
			if lo[i] >= to {
				inside, from, to = zero, lo[i], lo[i]
			}
			for ; to < hi[i]; to++ {
				P(&inside).Merge(&s.cells[to])
			}
			for ; from < lo[i]; from++ {
				P(&inside).Unmerge(&s.cells[from])
			}
			if late == nil {
				fn(int(i), &inside)
				continue
			}
			P(&beside).Merge(&late[i])
			all := beside
			P(&all).Merge(&inside)
			fn(int(i), &all)
		}
	}
}

package expression

import "slices"

// repeat makes n rows of the one that src has. What was repeated before stands.
func (v *vector) repeat(src *vector, n int) {
	if v.n >= n {
		return
	}
	v.n = n
	switch v.lane {
	case boolLane:
		v.bools = repeated(v.bools, src.bools, n)
	case intLane:
		v.ints = repeated(v.ints, src.ints, n)
	case floatLane:
		v.floats = repeated(v.floats, src.floats, n)
	case textLane:
		v.texts = repeated(v.texts, src.texts, n)
	case listLane:
		v.starts, v.ends = repeated(v.starts, src.starts, n), repeated(v.ends, src.ends, n)
		v.items = src.items
	}
	if src.state != nil {
		v.states = repeated(v.states[:len(v.state)], src.state, n)
		v.state = v.states
	}
}

func repeated[T any](s, one []T, n int) []T {
	s = slices.Grow(s, n-len(s))
	for len(s) < n {
		s = append(s, one[0])
	}
	return s
}

// widened gives constant integers as floats, exactly: of lists, their items.
func (v *vector) widened() (*vector, bool) {
	w := &vector{lane: v.lane, n: v.n, state: v.state, starts: v.starts, ends: v.ends}
	if v.lane == listLane {
		var ok bool
		w.items, ok = v.items.widened()
		return w, ok
	}
	w.lane = floatLane
	for _, n := range v.ints {
		if n > 1<<53 || n < -1<<53 {
			return nil, false
		}
		w.floats = append(w.floats, float64(n))
	}
	return w, true
}

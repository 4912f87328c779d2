package expression

import "github.com/quiver-features/quiver/feature"

// state says of a row whether it has a value. Of several the greatest counts: an
// error is stronger than a null.
type state = uint8

const (
	present state = iota
	null
	failed
)

// vector is a register: values of one type for the rows of a chunk. Rows that are
// null or failed hold any value of the lane, and empty lists.
type vector struct {
	lane  lane
	n     int
	state []state // nil: all rows are present

	bools  []bool
	ints   []int64
	floats []float64
	texts  [][]byte
	// The list of row i is items from starts[i] to ends[i].
	starts, ends []int
	items        *vector

	arena  []byte       // of texts that were computed, the last block of it
	filled int          // bytes in the blocks before
	blocks [][]byte     // these
	spare  [][]byte     // blocks of former rows
	room   int          // bytes that may be made
	full   bool         // they were not enough
	ended  func() error // asks whether what a kernel computes is still wanted; nil: it is
	gone   error        // it was not: what the kernel computed is of no use
	states []state      // memory of state
	zeros  []state      // what known gives where state is nil
	choice []uint16     // memory of ?: and coalesce

	single, repeats *vector // of a variable that has one value for all rows
}

func newVector(t feature.Type) *vector {
	v := &vector{lane: laneOf(t), room: maxChunk}
	if t.List {
		v.items = newVector(t.Elem())
	}
	return v
}

// resize makes n present rows of any value; lists are empty.
func (v *vector) resize(n int) {
	v.n, v.state, v.full, v.gone = n, nil, false, nil
	switch v.lane {
	case boolLane:
		v.bools = sized(v.bools, n)
	case intLane:
		v.ints = sized(v.ints, n)
	case floatLane:
		v.floats = sized(v.floats, n)
	case textLane:
		v.texts, v.arena, v.filled = sized(v.texts, n), v.arena[:0], 0
		v.spare, v.blocks = append(v.spare, v.blocks...), v.blocks[:0]
	case listLane:
		v.starts, v.ends = sized(v.starts, n), sized(v.ends, n)
		clear(v.starts)
		clear(v.ends)
		v.items.resize(0)
	}
}

func sized[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, max(n, 2*cap(s)))
	}
	return s[:n]
}

// wanted asks, where a kernel has much to do with few bytes, whether it is to go on.
func (v *vector) wanted() bool {
	if v.gone == nil && v.ended != nil {
		v.gone = v.ended()
	}
	return v.gone == nil
}

// touch gives the states to be written.
func (v *vector) touch() []state {
	if v.state == nil {
		v.states = sized(v.states, v.n)
		clear(v.states)
		v.state = v.states
	}
	return v.state
}

// known gives the states to be read.
func (v *vector) known() []state {
	if v.state != nil {
		return v.state
	}
	if len(v.zeros) < v.n {
		v.zeros = make([]state, v.n)
	}
	return v.zeros
}

// fail marks a row that has all its operands and yet no value.
func (v *vector) fail(i int) {
	if s := v.touch(); s[i] == present {
		s[i] = failed
	}
}

// stateAt is the state of a row.
func (v *vector) stateAt(i int) state {
	if v.state == nil {
		return present
	}
	return v.state[i]
}

// merge takes over the nulls and errors of operands.
func (v *vector) merge(in []*vector) {
	for _, a := range in {
		switch {
		case a.state == nil:
		case v.state == nil:
			v.states = sized(v.states, v.n)
			copy(v.states, a.state)
			v.state = v.states
		default:
			s := v.state
			for i, other := range a.state[:len(s)] {
				s[i] = max(s[i], other)
			}
		}
	}
}

// push appends row i of another vector of the lane; it is how items of lists are
// gathered. Texts are shared, not copied.
func (v *vector) push(src *vector, i int) {
	switch v.lane {
	case boolLane:
		v.bools = append(v.bools, src.bools[i])
	case intLane:
		v.ints = append(v.ints, src.ints[i])
	case floatLane:
		v.floats = append(v.floats, src.floats[i])
	case textLane:
		v.texts = append(v.texts, src.texts[i])
	}
	v.grown(src.stateAt(i))
}

// grown counts one row more, whose value was appended.
func (v *vector) grown(s state) {
	v.n++
	switch {
	case v.state != nil:
		v.states = append(v.states, s)
		v.state = v.states
	case s != present:
		v.states = sized(v.states, v.n)
		clear(v.states)
		v.states[v.n-1] = s
		v.state = v.states
	}
}

// pushList makes the list of row i a copy of another vector's.
func (v *vector) pushList(i int, src *vector, j int) {
	v.starts[i] = v.items.n
	for k := src.starts[j]; k < src.ends[j]; k++ {
		v.items.push(src.items, k)
	}
	v.ends[i] = v.items.n
}

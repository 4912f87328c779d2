package expression

import (
	"bytes"
	"cmp"

	"github.com/quiver-features/quiver/feature"
)

// comparisons holds == and its like. Values of one lane are of types that compare,
// once their types do.
func comparisons() []function {
	anything, nothing := scalar(kindAny), scalar(kindNull)
	boolean := scalar(feature.Bool)
	equality := func(name string, equal bool) function {
		return function{name: name, overloads: []overload{
			{args: of(anything, nothing), result: boolean, kernel: isNull(0, equal), nulls: true},
			{args: of(nothing, anything), result: boolean, kernel: isNull(1, equal), nulls: true},
			{args: of(anything, anything), result: boolean, prepare: func(c *call) (kernel, *problem) { return equalTo(c, equal) }},
		}}
	}
	order := func(name string, swapped, orEqual bool) function {
		return function{name: name, overloads: []overload{
			{args: of(anything, anything), result: boolean, prepare: func(c *call) (kernel, *problem) { return ordered(c, swapped, orEqual) }},
		}}
	}
	return []function{
		equality("==", true), equality("!=", false),
		order("<", false, false), order("<=", false, true), order(">", true, false), order(">=", true, true),
	}
}

// isNull looks at whether an argument is null; an error stays one.
func isNull(arg int, want bool) kernel {
	return func(out *vector, in []*vector, n int) {
		a := in[arg]
		for i := range out.bools[:n] {
			s := a.stateAt(i)
			out.bools[i] = (s == null) == want
			if s == failed {
				out.fail(i)
			}
		}
	}
}

func equalTo(c *call, equal bool) (kernel, *problem) {
	switch laneOf(c.any) {
	case boolLane:
		return equals(boolsOf, equal), nil
	case intLane:
		return equals(intsOf, equal), nil
	case floatLane:
		return equals(floatsOf, equal), nil
	case textLane:
		return mapped2(textsOf, textsOf, boolsOf, func(a, b []byte) bool { return bytes.Equal(a, b) == equal }), nil
	default:
		return nil, problemf("compare their items", "lists are not compared with %s", c.name)
	}
}

func equals[T comparable](lane func(*vector) []T, equal bool) kernel {
	if equal {
		return func(out *vector, in []*vector, n int) {
			a, b, r := lane(in[0])[:n], lane(in[1])[:n], out.bools[:n]
			for i := range r {
				r[i] = a[i] == b[i]
			}
		}
	}
	return func(out *vector, in []*vector, n int) {
		a, b, r := lane(in[0])[:n], lane(in[1])[:n], out.bools[:n]
		for i := range r {
			r[i] = a[i] != b[i]
		}
	}
}

// ordered makes < or <=, of swapped arguments > or >=.
func ordered(c *call, swapped, orEqual bool) (kernel, *problem) {
	first, second := 0, 1
	if swapped {
		first, second = 1, 0
	}
	switch laneOf(c.any) {
	case boolLane:
		return func(out *vector, in []*vector, n int) {
			a, b, r := in[first].bools[:n], in[second].bools[:n], out.bools[:n]
			for i := range r {
				r[i] = !a[i] && b[i] || orEqual && a[i] == b[i]
			}
		}, nil
	case intLane:
		return less(intsOf, first, second, orEqual), nil
	case floatLane:
		return less(floatsOf, first, second, orEqual), nil
	case textLane:
		limit := 0
		if orEqual {
			limit = 1
		}
		return func(out *vector, in []*vector, n int) {
			a, b, r := in[first].texts[:n], in[second].texts[:n], out.bools[:n]
			for i := range r {
				r[i] = bytes.Compare(a[i], b[i]) < limit
			}
		}, nil
	default:
		return nil, problemf("compare their items", "lists are not compared with %s", c.name)
	}
}

func less[T cmp.Ordered](lane func(*vector) []T, first, second int, orEqual bool) kernel {
	if orEqual {
		return func(out *vector, in []*vector, n int) {
			a, b, r := lane(in[first])[:n], lane(in[second])[:n], out.bools[:n]
			for i := range r {
				r[i] = a[i] <= b[i]
			}
		}
	}
	return func(out *vector, in []*vector, n int) {
		a, b, r := lane(in[first])[:n], lane(in[second])[:n], out.bools[:n]
		for i := range r {
			r[i] = a[i] < b[i]
		}
	}
}

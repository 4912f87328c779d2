package expression

import (
	"bytes"
	"unicode/utf8"

	"github.com/quiver-features/quiver/feature"
)

// lists holds literals and functions of lists.
func lists() []function {
	i, s, raw, b, anything := scalar(feature.Int64), scalar(feature.String), scalar(feature.Bytes), scalar(feature.Bool), scalar(kindAny)
	return []function{
		{name: "[…]", overloads: []overload{{args: of(anything), rest: true, result: listOf(kindAny), nulls: true, prepare: literalList}}},
		{
			name: "[]", fails: "the list has no item at this position; the first is at 0",
			overloads: []overload{{args: of(listOf(kindAny), i), result: anything, prepare: func(c *call) (kernel, *problem) {
				return index(laneOf(c.result)), nil
			}}},
		},
		{
			name:      "in",
			overloads: []overload{{args: of(anything, listOf(kindAny)), result: b, prepare: membership}},
		},
		{
			name: "size", doc: "the number of a list's items, of a text's characters, of bytes",
			overloads: []overload{
				{args: of(listOf(kindAny)), result: i, kernel: func(out *vector, in []*vector, n int) {
					for i := range out.ints[:n] {
						out.ints[i] = int64(in[0].ends[i] - in[0].starts[i])
					}
				}},
				{args: of(s), result: i, kernel: mapped(textsOf, intsOf, func(v []byte) int64 { return int64(utf8.RuneCount(v)) })},
				{args: of(raw), result: i, kernel: mapped(textsOf, intsOf, func(v []byte) int64 { return int64(len(v)) })},
			},
		},
		{
			name: "one_hot", doc: "a list<float32> with an item for each of the values, as one_hot(x, values): 1 where x equals it, otherwise 0",
			overloads: []overload{{
				args: []param{{typ: anything}, {typ: listOf(kindAny), constant: true}}, result: listOf(feature.Float32),
				prepare: oneHot,
			}},
		},
	}
}

// literalList gathers the items of [a, b, c]. An item may be null; one that failed
// fails the list.
func literalList(c *call) (kernel, *problem) {
	if c.any.List || c.any.Kind == kindDuration {
		return nil, problemf("", "a list of %s is not part of the language", typeName(c.any))
	}
	return func(out *vector, in []*vector, n int) {
		for i := range n {
			size := len(in) * feature.ItemBytes
			for _, item := range in {
				switch s := item.stateAt(i); {
				case s == failed:
					out.fail(i)
				case s == present && item.lane == textLane:
					size += len(item.texts[i])
				}
			}
			if size > maxValue {
				out.fail(i)
			}
			if out.stateAt(i) != present {
				continue
			}
			out.starts[i] = out.items.n
			for _, item := range in {
				out.items.push(item, i)
			}
			if out.ends[i] = out.items.n; !out.fits() {
				return
			}
		}
	}, nil
}

// index takes one item of each list.
func index(l lane) kernel {
	switch l {
	case boolLane:
		return indexed(boolsOf)
	case intLane:
		return indexed(intsOf)
	case floatLane:
		return indexed(floatsOf)
	default:
		return indexed(textsOf)
	}
}

func indexed[T any](lane func(*vector) []T) kernel {
	return func(out *vector, in []*vector, n int) {
		l, r := in[0], lane(out)
		items := lane(l.items)
		for i := range n {
			at := in[1].ints[i]
			switch {
			case out.stateAt(i) != present:
			case at < 0 || at >= int64(l.ends[i]-l.starts[i]):
				out.fail(i)
			case l.items.stateAt(l.starts[i]+int(at)) == null:
				out.touch()[i] = null
			default:
				r[i] = items[l.starts[i]+int(at)]
			}
		}
	}
}

// membership makes x in list: true if an item equals x, otherwise null if an item is
// null, which could be x.
func membership(c *call) (kernel, *problem) {
	if k := longMembership(c); k != nil {
		return k, nil
	}
	switch laneOf(c.any) {
	case boolLane:
		return among(boolsOf, func(a, b bool) bool { return a == b }), nil
	case intLane:
		return among(intsOf, func(a, b int64) bool { return a == b }), nil
	case floatLane:
		return among(floatsOf, func(a, b float64) bool { return a == b }), nil
	case textLane:
		return among(textsOf, bytes.Equal), nil
	default:
		return nil, problemf("", "a list has no lists as items")
	}
}

// longMembership looks long constant lists up in a set; nil if the list is not one.
func longMembership(c *call) kernel {
	const long = 8
	l := c.args[1].constant
	if l == nil || l.state != nil || l.items.state != nil || l.items.n <= long {
		return nil
	}
	switch laneOf(c.any) {
	case intLane:
		set := make(map[int64]struct{}, l.items.n)
		for _, x := range l.items.ints {
			set[x] = struct{}{}
		}
		return mapped(intsOf, boolsOf, func(x int64) bool { _, ok := set[x]; return ok })
	case textLane:
		set := make(map[string]struct{}, l.items.n)
		for _, text := range l.items.texts {
			set[string(text)] = struct{}{}
		}
		return mapped(textsOf, boolsOf, func(x []byte) bool { _, ok := set[string(x)]; return ok })
	}
	return nil
}

func among[T any](lane func(*vector) []T, equal func(a, b T) bool) kernel {
	return func(out *vector, in []*vector, n int) {
		x, l := lane(in[0]), in[1]
		items := lane(l.items)
		for i := range out.bools[:n] {
			found, unknown := false, false
			for k := l.starts[i]; k < l.ends[i] && !found; k++ {
				if l.items.stateAt(k) == null {
					unknown = true
				} else {
					found = equal(x[i], items[k])
				}
			}
			out.bools[i] = found
			if unknown && !found && out.stateAt(i) == present {
				out.touch()[i] = null
			}
		}
	}
}

// oneHot gives lists as long as the constant list of values, which is the type's
// length.
func oneHot(c *call) (kernel, *problem) {
	values := c.args[1].constant
	width := values.items.n
	if width == 0 || values.items.state != nil {
		return nil, problemf("", "one_hot needs values, none of them null")
	}
	c.result.Length = width
	switch laneOf(c.any) {
	case boolLane:
		return marked(boolsOf, values.items, func(a, b bool) bool { return a == b }), nil
	case intLane:
		return marked(intsOf, values.items, func(a, b int64) bool { return a == b }), nil
	case floatLane:
		return marked(floatsOf, values.items, func(a, b float64) bool { return a == b }), nil
	case textLane:
		return marked(textsOf, values.items, bytes.Equal), nil
	default:
		return nil, problemf("", "one_hot takes one value, not a list")
	}
}

func marked[T any](lane func(*vector) []T, values *vector, equal func(a, b T) bool) kernel {
	all := lane(values)[:values.n]
	return func(out *vector, in []*vector, n int) {
		x := lane(in[0])
		if n*len(all)*feature.ItemBytes > out.room {
			out.full = true
			return
		}
		out.items.resize(n * len(all))
		at := 0
		for i := range n {
			out.starts[i] = at
			for _, v := range all {
				out.items.floats[at] = 0
				if equal(x[i], v) {
					out.items.floats[at] = 1
				}
				at++
			}
			out.ends[i] = at
		}
	}
}

package expression

import "github.com/quiver-features/quiver/feature"

// logic holds what looks at nulls and errors itself: an operand that does not matter
// does no harm.
func logic() []function {
	b, anything := scalar(feature.Bool), scalar(kindAny)
	return []function{
		{name: "&&", overloads: []overload{{args: of(b, b), result: b, kernel: decided(false), nulls: true}}},
		{name: "||", overloads: []overload{{args: of(b, b), result: b, kernel: decided(true), nulls: true}}},
		{name: "!", overloads: []overload{{args: of(b), result: b, kernel: mapped(boolsOf, boolsOf, func(a bool) bool { return !a })}}},
		{
			name: "?:", overloads: []overload{{args: of(b, anything, anything), result: anything, nulls: true, prepare: func(c *call) (kernel, *problem) {
				return choose(laneOf(c.result)), nil
			}}},
		},
		{
			name: "coalesce", doc: "the first of its arguments that is not null; an error before it stays an error",
			overloads: []overload{{args: of(anything, anything), rest: true, result: anything, nulls: true, prepare: func(c *call) (kernel, *problem) {
				return coalesce(laneOf(c.result)), nil
			}}},
		},
	}
}

// decided makes && (decided by false) or || (by true): an operand that decides wins
// over null and over errors, errors over null.
func decided(by bool) kernel {
	return func(out *vector, in []*vector, n int) {
		a, b, r := in[0].bools[:n], in[1].bools[:n], out.bools[:n]
		switch {
		case in[0].state != nil || in[1].state != nil:
			decidedStates(out, in, n, by)
		case by:
			for i := range r {
				r[i] = a[i] || b[i]
			}
		default:
			for i := range r {
				r[i] = a[i] && b[i]
			}
		}
	}
}

// decidedStates is decided with nulls or errors: operands are numbered 0 where they
// decide, 1 where they do not, 2 where null and 3 where failed; unless one is 0 the
// greater counts. It does without branches, which nulls would make hard to predict.
func decidedStates(out *vector, in []*vector, n int, by bool) {
	a, b, r := in[0].bools[:n], in[1].bools[:n], out.bools[:n]
	s, t, states := in[0].known()[:n], in[1].known()[:n], out.touch()[:n]
	for i := range r {
		x, y := verdict(a[i] == by, s[i]), verdict(b[i] == by, t[i])
		worst := max(x, y)
		if min(x, y) == 0 {
			worst = 0
		}
		r[i] = (worst == 0) == by
		states[i] = max(worst, 1) - 1
	}
}

func verdict(decides bool, s state) uint8 {
	v := s + 1
	if decides && s == present {
		v = 0
	}
	return v
}

// choose makes ?: by picking from both branches, which are both computed.
func choose(l lane) kernel {
	pick := picker(l)
	return func(out *vector, in []*vector, n int) {
		condition := in[0]
		choice := out.choices(n)
		for i, yes := range condition.bools[:n] {
			choice[i] = 2
			if yes {
				choice[i] = 1
			}
		}
		if condition.state != nil || in[1].state != nil || in[2].state != nil {
			s, states := condition.known(), out.touch()
			branch := [3][]state{nil, in[1].known(), in[2].known()}
			for i, k := range choice {
				states[i] = s[i]
				if s[i] == present {
					states[i] = branch[k][i]
				}
			}
		}
		pick(out, in, choice)
	}
}

// coalesce picks the first argument that is not null.
func coalesce(l lane) kernel {
	pick := picker(l)
	return func(out *vector, in []*vector, n int) {
		choice := out.choices(n)
		for i := range choice {
			choice[i] = 0
			for k, arg := range in {
				s := arg.stateAt(i)
				choice[i] = uint16(k)
				if s != null {
					break
				}
			}
			if s := in[choice[i]].stateAt(i); s != present {
				out.touch()[i] = s
			}
		}
		pick(out, in, choice)
	}
}

// choices is memory for the argument that each row takes.
func (v *vector) choices(n int) []uint16 {
	v.choice = sized(v.choice, n)
	return v.choice
}

// picker makes what takes each row from the argument that was chosen for it.
func picker(l lane) func(out *vector, in []*vector, choice []uint16) {
	switch l {
	case boolLane:
		return pick(boolsOf)
	case intLane:
		return pick(intsOf)
	case floatLane:
		return pick(floatsOf)
	case textLane:
		return pick(textsOf)
	default:
		return func(out *vector, in []*vector, choice []uint16) {
			for i, k := range choice {
				if out.stateAt(i) != present {
					continue
				}
				if out.pushList(i, in[k], i); !out.fits() {
					return
				}
			}
		}
	}
}

func pick[T any](lane func(*vector) []T) func(out *vector, in []*vector, choice []uint16) {
	return func(out *vector, in []*vector, choice []uint16) {
		r := lane(out)[:len(choice)]
		for i, k := range choice {
			r[i] = lane(in[k])[i]
		}
	}
}

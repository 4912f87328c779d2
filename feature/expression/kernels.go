package expression

// The lanes of a vector, for kernels that are written once for several of them.
func boolsOf(v *vector) []bool     { return v.bools }
func intsOf(v *vector) []int64     { return v.ints }
func floatsOf(v *vector) []float64 { return v.floats }
func textsOf(v *vector) [][]byte   { return v.texts }

// mapped makes a kernel of a function of one value that always has a result.
func mapped[A, R any](in func(*vector) []A, to func(*vector) []R, f func(A) R) kernel {
	return func(out *vector, args []*vector, n int) {
		a, r := in(args[0])[:n], to(out)[:n]
		for i := range r {
			r[i] = f(a[i])
		}
	}
}

// tried is mapped for a function that may have no result. It sees present rows only.
func tried[A, R any](in func(*vector) []A, to func(*vector) []R, f func(A) (R, bool)) kernel {
	return func(out *vector, args []*vector, n int) {
		a, r := in(args[0])[:n], to(out)[:n]
		for i := range r {
			if out.stateAt(i) != present {
				continue
			}
			var ok bool
			if r[i], ok = f(a[i]); !ok {
				out.fail(i)
			}
		}
	}
}

// mapped2 is mapped for two arguments.
func mapped2[A, B, R any](first func(*vector) []A, second func(*vector) []B, to func(*vector) []R, f func(A, B) R) kernel {
	return func(out *vector, args []*vector, n int) {
		a, b, r := first(args[0])[:n], second(args[1])[:n], to(out)[:n]
		for i := range r {
			r[i] = f(a[i], b[i])
		}
	}
}

// tried2 is tried for two arguments.
func tried2[A, B, R any](first func(*vector) []A, second func(*vector) []B, to func(*vector) []R, f func(A, B) (R, bool)) kernel {
	return func(out *vector, args []*vector, n int) {
		a, b, r := first(args[0])[:n], second(args[1])[:n], to(out)[:n]
		for i := range r {
			if out.stateAt(i) != present {
				continue
			}
			var ok bool
			if r[i], ok = f(a[i], b[i]); !ok {
				out.fail(i)
			}
		}
	}
}

// folded makes a kernel of any number of arguments from a function of two.
func folded[T any](lane func(*vector) []T, f func(a, b T) T) kernel {
	return func(out *vector, args []*vector, n int) {
		r := lane(out)[:n]
		copy(r, lane(args[0]))
		for _, arg := range args[1:] {
			b := lane(arg)[:n]
			for i := range r {
				r[i] = f(r[i], b[i])
			}
		}
	}
}

// written makes a kernel that computes texts: f appends the text of row i to the
// arena, or says that there is none. It sees to it that the text is no longer than
// maxValue.
func written(f func(arena []byte, args []*vector, i int) ([]byte, bool)) kernel {
	return func(out *vector, args []*vector, n int) {
		for i := range n {
			out.texts[i] = nil
			if out.stateAt(i) != present {
				continue
			}
			if len(out.arena) > arenaBlock/2 {
				out.nextBlock()
			}
			from := len(out.arena)
			var ok bool
			if out.arena, ok = f(out.arena, args, i); !ok {
				out.arena = out.arena[:from]
				out.fail(i)
				continue
			}
			if out.texts[i] = out.arena[from:len(out.arena):len(out.arena)]; !out.fits() {
				return
			}
		}
	}
}

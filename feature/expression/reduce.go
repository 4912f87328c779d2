package expression

import "math/bits"

// reduced makes a kernel that makes one value of a list's items. Of no items, and of
// a null one, it makes null, as an aggregate of an empty window does.
func reduced[T, R any](lane func(*vector) []T, to func(*vector) []R, f func(items []T) (R, bool)) kernel {
	return func(out *vector, in []*vector, n int) {
		l, r := in[0], to(out)
		for i := range n {
			if out.stateAt(i) != present {
				continue
			}
			if l.starts[i] == l.ends[i] || l.items.hasNull(l.starts[i], l.ends[i]) {
				out.touch()[i] = null
				continue
			}
			var ok bool
			if r[i], ok = f(lane(l.items)[l.starts[i]:l.ends[i]]); !ok {
				out.fail(i)
			}
		}
	}
}

// hasNull tells whether one of the rows of a range is not present.
func (v *vector) hasNull(from, to int) bool {
	if v.state == nil {
		return false
	}
	for _, s := range v.state[from:to] {
		if s != present {
			return true
		}
	}
	return false
}

// reduction applies a function of two values from the first item to the last.
func reduction[T any](f func(a, b T) T) func(items []T) (T, bool) {
	return func(items []T) (T, bool) {
		r := items[0]
		for _, item := range items[1:] {
			r = f(r, item)
		}
		return r, true
	}
}

// wide is an integer of 128 bits, hi * 2^64 + lo: what is beyond int64 on the way does
// no harm.
type wide struct {
	hi int64
	lo uint64
}

func wideSum(items []int64) wide {
	var sum wide
	for _, x := range items {
		var carry uint64
		sum.lo, carry = bits.Add64(sum.lo, uint64(x), 0)
		sum.hi += x>>63 + int64(carry)
	}
	return sum
}

func (w wide) fits() bool { return w.hi == int64(w.lo)>>63 }

func sumInts(items []int64) (int64, bool) {
	sum := wideSum(items)
	return int64(sum.lo), sum.fits()
}

func meanInts(items []int64) (float64, bool) {
	sum := wideSum(items)
	total := float64(int64(sum.lo))
	if !sum.fits() {
		total = float64(float64(sum.hi)*(1<<64)) + float64(sum.lo)
	}
	return total / float64(len(items)), true
}

func sumFloats(items []float64) (float64, bool) {
	sum := 0.0
	for _, x := range items {
		sum += x
	}
	return sum, true
}

func meanFloats(items []float64) (float64, bool) {
	sum, _ := sumFloats(items)
	return sum / float64(len(items)), true
}

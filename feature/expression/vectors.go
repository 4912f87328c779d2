package expression

import (
	"math"

	"github.com/quiver-features/quiver/feature"
)

// vectors holds functions of lists of numbers. Sums go from the first item to the
// last, and no product is fused into them: every CPU gives the same.
func vectors() []function {
	i, f, l := scalar(feature.Int64), scalar(feature.Float64), listOf(feature.Float64)
	two := func(name, doc string, fn func(a, b []float64) float64) function {
		return function{name: name, doc: doc, fails: "the lists are of different length", overloads: []overload{{args: of(l, l), result: f, kernel: paired(fn)}}}
	}
	return []function{
		{
			name: "sum", doc: "the sum of a list's items; null if there are none, or an item is null", fails: "the sum of integers is beyond int64",
			overloads: []overload{
				{args: of(listOf(feature.Int64)), result: i, kernel: reduced(intsOf, intsOf, sumInts)},
				{args: of(l), result: f, kernel: reduced(floatsOf, floatsOf, sumFloats)},
			},
		},
		{
			name: "mean", doc: "the mean of a list's items; null if there are none, or an item is null",
			overloads: []overload{
				{args: of(listOf(feature.Int64)), result: f, kernel: reduced(intsOf, floatsOf, meanInts)},
				{args: of(l), result: f, kernel: reduced(floatsOf, floatsOf, meanFloats)},
			},
		},
		two("dot", "the sum of the products of the items of two lists; null if an item is null", dot),
		two("cosine", "the cosine of the angle between two lists: dot(a, b) / (norm(a) * norm(b)); NaN if one is all zeros; null if an item is null", func(a, b []float64) float64 {
			return dot(a, b) / (norm(a) * norm(b))
		}),
		{
			name: "norm", doc: "the Euclidean length of a list: the square root of the sum of the squares; null if an item is null",
			overloads: []overload{{args: of(l), result: f, kernel: func(out *vector, in []*vector, n int) {
				for i := range out.floats[:n] {
					a, ok := in[0].floatsAt(i)
					if !ok && out.stateAt(i) == present {
						out.touch()[i] = null
					}
					out.floats[i] = norm(a)
				}
			}}},
		},
	}
}

func paired(f func(a, b []float64) float64) kernel {
	return func(out *vector, in []*vector, n int) {
		for i := range out.floats[:n] {
			if out.stateAt(i) != present {
				continue
			}
			a, okA := in[0].floatsAt(i)
			b, okB := in[1].floatsAt(i)
			switch {
			case len(a) != len(b):
				out.fail(i)
			case !okA || !okB:
				out.touch()[i] = null
			default:
				out.floats[i] = f(a, b)
			}
		}
	}
}

// floatsAt gives the items of a list of floats; false if one of them is null.
func (v *vector) floatsAt(i int) ([]float64, bool) {
	from, to := v.starts[i], v.ends[i]
	return v.items.floats[from:to], !v.items.hasNull(from, to)
}

func dot(a, b []float64) float64 {
	sum := 0.0
	for i, x := range a {
		sum += float64(x * b[i])
	}
	return sum
}

func norm(a []float64) float64 { return math.Sqrt(dot(a, a)) }

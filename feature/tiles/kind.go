package tiles

import "github.com/quiver-features/quiver/feature"

// kind is the kind of state that a part keeps.
type kind uint8

const (
	count    kind = iota // of rows, or values
	total                // the number of values and their sum
	moments              // likewise, and the sum of squares
	minimum              // of values of one word
	maximum              //
	minText              // of other values
	maxText              //
	distinct             //
	quantile             //
	topK                 //
	first                // the earliest value
	last                 // the latest values: of the group of lists alone
)

// kindOf gives the kind of state that a function over values of a type needs.
func kindOf(f feature.Function, over feature.Type) kind {
	switch f {
	case feature.Count:
		return count
	case feature.Sum, feature.Mean:
		return total
	case feature.Variance, feature.Stddev:
		return moments
	case feature.Min, feature.Max:
		text := over.Kind == feature.String || over.Kind == feature.Bytes
		switch {
		case f == feature.Min && text:
			return minText
		case f == feature.Min:
			return minimum
		case text:
			return maxText
		default:
			return maximum
		}
	case feature.CountDistinct:
		return distinct
	case feature.Quantile:
		return quantile
	case feature.TopK:
		return topK
	case feature.First:
		return first
	default:
		return last
	}
}

// answers tells whether what p keeps answers all that is asked of want. Moments have
// totals, and these the count; of the latest values the more have the fewer. The most
// frequent values of a tile depend on how many it keeps.
func (p part) answers(want part) bool {
	switch {
	case p.input != want.input:
		return false
	case p.kind == want.kind:
		return p.n == want.n || p.kind == last && p.n > want.n
	default:
		return want.kind < p.kind && p.kind <= moments
	}
}

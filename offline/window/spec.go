package window

import (
	"github.com/quiver-features/quiver/feature"
)

// Requests are the requests for the keys of one partition: those of key k are at
// Times[Starts[k]:Starts[k+1]], each later than the one before. They are not
// changed while a Part works on them.
type Requests struct {
	Starts []uint32
	Times  []feature.Time
}

// Spec says what is to be computed for a view. It is immutable and safe for
// concurrent use.
type Spec struct {
	Rule    feature.Rule // its TTL does not limit aggregates
	Windows []feature.Window
	Inputs  []Input
	Outputs []Output
}

// Bytes gives the bytes that a Part takes for each request, about.
func (s *Spec) Bytes() int64 {
	cell := int64(9)
	for i := range s.Inputs {
		cell += newStates(s, i, 0, 0).bytes()
	}
	return cell * int64(1+len(s.Windows))
}

// Input is what aggregates are over: a column of the view's table, of those rows
// that a condition holds for.
type Input struct {
	Type feature.Type // of the values; zero: rows are counted, and have none
}

// Output is one aggregate over one window. Its type is what Function.Of gives.
type Output struct {
	Function feature.Function // Count, Sum, Mean, Min, Max, Variance or Stddev
	Input    int              // index into Spec.Inputs
	Window   int              // index into Spec.Windows
}

// Values are those of a batch of events, one column for each of Spec.Inputs. A word
// is an integer, a date, a time or a boolean as a number, a float64 by its bits; a
// float32 is one widened.
type Values struct {
	Words [][]int64 // of an input without a type: nil
	Null  [][]bool  // nil: none is null; true also where the condition does not hold
}

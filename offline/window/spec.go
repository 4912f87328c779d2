package window

import (
	"slices"

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
	From    feature.Time // no event is earlier, so that cells before it are left out; 0: not known
	Windows []feature.Window
	Inputs  []Input
	Outputs []Output
}

// Bytes gives the bytes that a Part takes for each request, about, before any event
// was seen: what Part.Bytes gives afterwards may be more.
func (s *Spec) Bytes() int64 {
	cell := int64(9)
	all := s.kernels()
	for k := range all {
		cell += all[k].expected(s)
	}
	return cell * int64(1+len(s.Windows))
}

// Input is what aggregates are over: a column of the view's table, of those rows
// that a condition holds for.
type Input struct {
	Type feature.Type // of the values; zero: rows are counted, and have none
	// Where tells conditions apart, and changes nothing but the time that is taken: rows that inputs with the
	// same one leave out differ by null values only.
	Where int
}

// Output is one aggregate over one window. Its type is what Function.Of gives.
type Output struct {
	Function feature.Function
	Input    int     // index into Spec.Inputs
	Window   int     // index into Spec.Windows
	N        int     // of LastN and TopK: how many
	Q        float64 // of Quantile: the share of values that are no greater
}

// Values are those of a batch of events, one column for each of Spec.Inputs.
type Values struct {
	Words  [][]int64       // of inputs whose type is a word (aggregate.IsWord); else nil
	Texts  []Texts         // of the others, where they are read (Spec.Reads); nil: there are none
	Null   [][]bool        // nil: none is null; true also where the condition does not hold
	Stamps []feature.Stamp // nil: stamps have event times only, or nothing goes by them (Spec.Ordered)
}

// Texts are values as aggregate.AppendValue encodes them: value i is
// Data[Ends[i].From:Ends[i].To].
type Texts struct {
	Data []byte
	Ends []Ends
}

// Ends is where a value stands.
type Ends struct{ From, To uint32 }

// Reads tells whether an output goes by an input's values, and not only by whether they
// are null.
func (s *Spec) Reads(input int) bool {
	return slices.ContainsFunc(s.Outputs, func(o Output) bool { return o.Input == input && o.Function != feature.Count })
}

// Ordered tells whether an output goes by the stamps of rows.
func (s *Spec) Ordered() bool {
	return slices.ContainsFunc(s.Outputs, func(o Output) bool { return isOrdered(o.Function) })
}

func isOrdered(f feature.Function) bool {
	return f == feature.First || f == feature.Last || f == feature.LastN
}

package quiver

import (
	"time"

	"google.golang.org/protobuf/proto"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// Request names features and the entities they are wanted for. Exactly one of
// Service and Features is set.
type Request struct {
	Service  string   // "delay_model", its current version, or "delay_model@3"
	Features []string // "view:feature", "view@2:feature", "view:*"

	Keys   Columns // the key columns: each that the features need, all of one length
	Inputs Columns // the service's request-time inputs, as long as the keys

	EventTimestamps bool   // asks for Response.Views
	Matrix          Matrix // asks for one matrix in place of columns
}

// Columns are columns by their names.
type Columns map[string]Column

// Column is a typed column of a request.
type Column struct{ values *quiverv1.Values }

// Matrix says whether and how values come as one row-major matrix, in which nulls
// are NaN. Only numbers and bools can.
type Matrix uint8

// The kinds of matrices.
const (
	NoMatrix      Matrix = 0
	Float64Matrix Matrix = 1 // Response.Float64Matrix
	Float32Matrix Matrix = 2 // Response.Float32Matrix
)

// Strings makes a column of strings.
func Strings(values ...string) Column { return Column{&quiverv1.Values{Strings: values}} }

// Bytes makes a column of bytes.
func Bytes(values ...[]byte) Column { return Column{&quiverv1.Values{Bytes: values}} }

// Bools makes a column of bools.
func Bools(values ...bool) Column { return Column{&quiverv1.Values{Bools: values}} }

// Int32s makes a column of integers. Keys declared as int64 take it too.
func Int32s(values ...int32) Column { return Column{&quiverv1.Values{Int32S: values}} }

// Int64s makes a column of integers. Keys declared as int32 take it too.
func Int64s(values ...int64) Column { return Column{&quiverv1.Values{Int64S: values}} }

// Float32s makes a column of floats, for inputs.
func Float32s(values ...float32) Column { return Column{&quiverv1.Values{Float32S: values}} }

// Float64s makes a column of floats, for inputs.
func Float64s(values ...float64) Column { return Column{&quiverv1.Values{Float64S: values}} }

// Dates makes a column of days: those on which the times fall in their own zone.
func Dates(values ...time.Time) Column {
	days := make([]int32, len(values))
	for i, t := range values {
		y, m, d := t.Date()
		days[i] = int32(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / secondsPerDay)
	}
	return Column{&quiverv1.Values{Dates: days}}
}

// Timestamps makes a column of instants. What is finer than a microsecond is
// dropped, towards the past.
func Timestamps(values ...time.Time) Column {
	micros := make([]int64, len(values))
	for i, t := range values {
		micros[i] = t.UnixMicro()
	}
	return Column{&quiverv1.Values{Timestamps: micros}}
}

// Lists makes a column of lists, each of the values of one column, for inputs.
func Lists(lists ...Column) Column {
	all, lengths := &quiverv1.Values{}, make([]uint32, len(lists))
	for i, l := range lists {
		before := length(all)
		proto.Merge(all, l.values)
		lengths[i] = uint32(length(all) - before)
	}
	return Column{&quiverv1.Values{Items: all, Lengths: lengths}}
}

// length is how many values a vector has.
func length(v *quiverv1.Values) (n int) {
	for _, size := range sizes(v) {
		n += size
	}
	return n
}

// WithNulls gives a column of which some values are null, for inputs: those for which
// null is true, one for each value.
func (c Column) WithNulls(null ...bool) Column {
	nulls := make([]byte, len(null))
	for i, is := range null {
		if is {
			nulls[i] = 1
		}
	}
	with, _ := proto.Clone(c.values).(*quiverv1.Values)
	with.Nulls = nulls
	return Column{with}
}

const secondsPerDay = 86400

func (r *Request) message() *quiverv1.GetOnlineFeaturesRequest {
	return &quiverv1.GetOnlineFeaturesRequest{
		Service: r.Service, Features: r.Features, Keys: r.Keys.message(), Inputs: r.Inputs.message(),
		EventTimestamps: r.EventTimestamps, Matrix: quiverv1.Matrix(r.Matrix),
	}
}

func (c Columns) message() map[string]*quiverv1.Values {
	vectors := make(map[string]*quiverv1.Values, len(c))
	for name, column := range c {
		vectors[name] = column.values
		if column.values == nil {
			vectors[name] = &quiverv1.Values{} // a zero Column is an empty one
		}
	}
	return vectors
}

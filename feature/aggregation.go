package feature

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Function is an aggregate function, by its name in definitions.
type Function string

// The aggregate functions. All skip nulls. For an empty window Count and
// CountDistinct give 0, the others null.
const (
	Count         Function = "count"          // of values, or of rows; int64
	Sum           Function = "sum"            // int64 of integers, null where it is out of range; float64 of floats, the exact sum rounded once
	Mean          Function = "mean"           // float64
	Min           Function = "min"            // NaN is greater than every number
	Max           Function = "max"            //
	Stddev        Function = "stddev"         // float64, of a sample: null for fewer than two values
	Variance      Function = "variance"       // likewise
	First         Function = "first"          // the value of the earliest row, in the order of Stamp and then of the value
	Last          Function = "last"           // the value of the latest row
	LastN         Function = "last_n"         // a list of the latest values, newest first
	CountDistinct Function = "count_distinct" // int64
	Quantile      Function = "quantile"       // float64
	TopK          Function = "top_k"          // a list of the most frequent values, the most frequent first
)

// Functions gives all of them, in the order in which they are told.
func Functions() []Function {
	return []Function{Count, Sum, Mean, Min, Max, Stddev, Variance, First, Last, LastN, CountDistinct, Quantile, TopK}
}

// Limits of what an aggregate keeps.
const (
	MaxLastN = 1000
	MaxTopK  = 100
)

// MaxN gives the greatest n of a function that gives several values, 0 for others.
func (f Function) MaxN() int {
	switch f {
	case LastN:
		return MaxLastN
	case TopK:
		return MaxTopK
	default:
		return 0
	}
}

// IsSketch tells whether the function is computed from summaries of tiles.
func (f Function) IsSketch() bool { return f == CountDistinct || f == Quantile || f == TopK }

// Of gives the type of the function's result over values of a type; the zero type
// stands for rows that have no value. What can't be aggregated is an error that
// wraps ErrInvalid and says what can.
func (f Function) Of(t Type) (Type, error) {
	number := !t.List && slices.Contains([]Kind{Int32, Int64, Float32, Float64}, t.Kind)
	switch {
	case !slices.Contains(Functions(), f):
		return Type{}, fmt.Errorf("there is no aggregate function %q: expected one of %s: %w", string(f), joined(Functions()), ErrInvalid)
	case f == Count:
		return Scalar(Int64), nil
	case t.IsZero():
		return Type{}, fmt.Errorf("%s is over values: name their column: %w", f, ErrInvalid)
	case t.List && f != First && f != Last:
		return Type{}, fmt.Errorf("%s can't be over lists (%s): expected single values: %w", f, t, ErrInvalid)
	}
	switch f {
	case Sum, Mean, Stddev, Variance, Quantile:
		if !number {
			return Type{}, fmt.Errorf("%s is over numbers, not over %s: %w", f, t, ErrInvalid)
		}
		if f == Sum && (t.Kind == Int32 || t.Kind == Int64) {
			return Scalar(Int64), nil
		}
		return Scalar(Float64), nil
	case CountDistinct:
		return Scalar(Int64), nil
	case LastN, TopK:
		return ListOf(t.Kind, 0), nil
	default:
		return t, nil
	}
}

func joined(all []Function) string {
	names := make([]string, len(all))
	for i, f := range all {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// Aggregate is a windowed aggregate with everything looked up: what a feature of a
// view version is computed by.
type Aggregate struct {
	Function Function `json:"function"`
	Column   string   `json:"column,omitzero"` // a name in Table.Columns or Table.Derived; empty: rows are counted
	Input    Type     `json:"input,omitzero"`  // of the column; zero where there is none
	Where    string   `json:"where,omitzero"`  // a boolean of Table.Derived or Table.Columns; rows where it is false or null are left out; empty: all rows
	Window   Window   `json:"window"`
	N        int      `json:"n,omitzero"`       // of LastN and TopK: how many, at most
	Q        float64  `json:"q,omitzero"`       // of Quantile: the share of values that are no greater, in (0, 1)
	Default  *string  `json:"default,omitzero"` // in place of null; a text that ParseValue reads as the feature's type
}

// String tells the aggregate in words: mean of delay over 24h in steps of 10m, or
// top_k(5) of carrier over all time.
func (a *Aggregate) String() string {
	text := string(a.Function)
	switch {
	case a.N != 0:
		text += "(" + strconv.Itoa(a.N) + ")"
	case a.Q != 0:
		text += "(" + strconv.FormatFloat(a.Q, 'g', -1, 64) + ")"
	}
	if a.Column != "" {
		text += " of " + strings.TrimPrefix(a.Column, "=")
	}
	if a.Where != "" {
		text += " where " + strings.TrimPrefix(a.Where, "=")
	}
	if a.Window.Length == 0 {
		text += " over all time"
	} else {
		text += " over " + a.Window.Length.String() + " in steps of " + a.Window.Granularity.String()
	}
	if a.Default != nil {
		text += ", else " + *a.Default
	}
	return text
}

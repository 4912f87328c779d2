package quiver

import (
	"errors"
	"fmt"
	"math"
	"time"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// ErrType is asking for a feature as a type that it does not have.
var ErrType = errors.New("wrong type")

// ErrUnknown is asking for a feature that the response does not hold.
var ErrUnknown = errors.New("unknown feature")

// ErrMalformed is a response that does not hold together.
var ErrMalformed = errors.New("malformed response")

// Response holds a value for each row and feature.
type Response struct {
	Service  string    // "delay_model@3"; empty for a list of references
	Revision int64     // of the registry whose definitions answered
	Time     time.Time // that the request was answered for, UTC
	Rows     int
	Features []Feature // in the order of the service or the request
	Views    []View    // where Request.EventTimestamps was set

	// Where a matrix was asked for: row i, feature j is at i*len(Features)+j.
	Float64Matrix []float64
	Float32Matrix []float32

	index map[string]int
}

// Feature is one feature for all rows.
type Feature struct {
	Name string
	Type string // as definitions write it: "float64", "list<float32>[128]"
	View int    // index into Response.Views, where these were asked for; -1: the service derives it

	values   *quiverv1.Values
	statuses []byte
}

// View says which rows of a view the values come from.
type View struct {
	Name      string      // with its version: "route_last@2"
	Alias     string      // what stands for it in the names of output columns
	Events    []time.Time // one a row, UTC; zero where there is none
	Statuses  []Status    // one a row
	Watermark time.Time   // everything visible up to here was in the store, UTC; zero: not known
}

// Feature gives a feature by its name. The error wraps ErrUnknown.
func (r *Response) Feature(name string) (*Feature, error) {
	i, ok := r.index[name]
	if !ok {
		return nil, fmt.Errorf("quiver: %w %q", ErrUnknown, name)
	}
	return &r.Features[i], nil
}

// Float64s gives a feature of type float64, float32, int32 or bool (1 and 0) with
// NaN for nulls. The errors of this and the like wrap ErrUnknown and ErrType.
func (r *Response) Float64s(name string) ([]float64, error) {
	f, err := r.Feature(name)
	if err != nil {
		return nil, err
	}
	return f.Float64s()
}

// Int64s gives a feature of type int64 or int32, with 0 for nulls.
func (r *Response) Int64s(name string) ([]int64, error) {
	f, err := r.Feature(name)
	if err != nil {
		return nil, err
	}
	return f.Int64s()
}

// Strings gives a feature of type string, with "" for nulls.
func (r *Response) Strings(name string) ([]string, error) {
	f, err := r.Feature(name)
	if err != nil {
		return nil, err
	}
	return f.Strings()
}

// Status gives the status of a row.
func (f *Feature) Status(row int) Status { return Status(f.statuses[row]) }

// IsNull tells whether a row has no value. A count of an unknown key has one, 0, though
// its status is NOT_FOUND. What came in a matrix is told by its status alone.
func (f *Feature) IsNull(row int) bool {
	if nulls := f.values.GetNulls(); len(nulls) > 0 {
		return nulls[row] != 0
	}
	return !f.Status(row).HasValue()
}

// Float64s gives the values with NaN for nulls; of float64, float32, int32 and
// bool features.
func (f *Feature) Float64s() ([]float64, error) {
	switch f.Type {
	case "float32":
		return converted(f, f.Type, f.values.GetFloat32S(), math.NaN(), func(v float32) float64 { return float64(v) })
	case "int32":
		return converted(f, f.Type, f.values.GetInt32S(), math.NaN(), func(v int32) float64 { return float64(v) })
	case "bool":
		return converted(f, f.Type, f.values.GetBools(), math.NaN(), func(v bool) float64 {
			if v {
				return 1
			}
			return 0
		})
	default:
		return converted(f, "float64", f.values.GetFloat64S(), math.NaN(), func(v float64) float64 { return v })
	}
}

// Float32s gives the values of a float32 feature, with 0 for nulls. It is the
// response's own memory.
func (f *Feature) Float32s() ([]float32, error) { return typed(f, "float32", f.values.GetFloat32S()) }

// Int64s gives the values of an int64 or int32 feature, with 0 for nulls.
func (f *Feature) Int64s() ([]int64, error) {
	if f.Type == "int32" {
		return converted(f, f.Type, f.values.GetInt32S(), 0, func(v int32) int64 { return int64(v) })
	}
	return typed(f, "int64", f.values.GetInt64S())
}

// Bools gives the values of a bool feature, with false for nulls.
func (f *Feature) Bools() ([]bool, error) { return typed(f, "bool", f.values.GetBools()) }

// Strings gives the values of a string feature, with "" for nulls.
func (f *Feature) Strings() ([]string, error) { return typed(f, "string", f.values.GetStrings()) }

// Bytes gives the values of a bytes feature, empty for nulls.
func (f *Feature) Bytes() ([][]byte, error) { return typed(f, "bytes", f.values.GetBytes()) }

// Times gives the values of a timestamp feature, or the midnights, UTC, at which
// the days of a date feature begin; the zero time for nulls.
func (f *Feature) Times() ([]time.Time, error) {
	if f.Type == "date" {
		return converted(f, f.Type, f.values.GetDates(), time.Time{}, midnight)
	}
	return converted(f, "timestamp", f.values.GetTimestamps(), time.Time{}, instant)
}

func midnight(day int32) time.Time { return time.Unix(int64(day)*secondsPerDay, 0).UTC() }

func instant(micros int64) time.Time { return time.UnixMicro(micros).UTC() }

// Value gives the value of a row boxed: nil, bool, int32, int64, float32,
// float64, string, []byte, time.Time (timestamps and dates) or, for lists, []any.
// It is for tables and logs; the typed methods are for work.
func (f *Feature) Value(row int) any {
	if f.values == nil || f.IsNull(row) {
		return nil
	}
	lengths := f.values.GetLengths()
	if lengths == nil {
		return boxed(f.values, row)
	}
	if lengths[row] == 0 {
		return []any{}
	}
	if !known(f.values.GetItems()) {
		return nil // lengths alone say nothing of what is there
	}
	start := 0
	for _, n := range lengths[:row] {
		start += int(n)
	}
	items, nulls := make([]any, lengths[row]), f.values.GetItems().GetNulls()
	for i := range items {
		if at := start + i; len(nulls) == 0 || nulls[at] == 0 {
			items[i] = boxed(f.values.GetItems(), at)
		}
	}
	return items
}

func boxed(v *quiverv1.Values, i int) any {
	switch {
	case len(v.GetBools()) > 0:
		return v.GetBools()[i]
	case len(v.GetInt32S()) > 0:
		return v.GetInt32S()[i]
	case len(v.GetInt64S()) > 0:
		return v.GetInt64S()[i]
	case len(v.GetFloat32S()) > 0:
		return v.GetFloat32S()[i]
	case len(v.GetFloat64S()) > 0:
		return v.GetFloat64S()[i]
	case len(v.GetStrings()) > 0:
		return v.GetStrings()[i]
	case len(v.GetBytes()) > 0:
		return v.GetBytes()[i]
	case len(v.GetDates()) > 0:
		return midnight(v.GetDates()[i])
	case len(v.GetTimestamps()) > 0:
		return instant(v.GetTimestamps()[i])
	default:
		return nil // a type that this client does not know
	}
}

// typed gives the values of a feature that is of the wanted type.
func typed[T any](f *Feature, want string, values []T) ([]T, error) {
	switch {
	case f.values == nil:
		return nil, fmt.Errorf("quiver: feature %s came in a matrix and has no column: %w", f.Name, ErrType)
	case f.Type != want:
		return nil, fmt.Errorf("quiver: feature %s is of type %s and can't be read as %s: %w", f.Name, f.Type, want, ErrType)
	case len(values) != len(f.statuses):
		return nil, fmt.Errorf("quiver: feature %s has %d values of its type for %d rows: %w", f.Name, len(values), len(f.statuses), ErrMalformed)
	}
	return values, nil
}

// converted is typed, in memory of the caller's, each value through convert.
func converted[T, U any](f *Feature, want string, values []T, null U, convert func(T) U) ([]U, error) {
	values, err := typed(f, want, values)
	if err != nil {
		return nil, err
	}
	out := make([]U, len(values))
	for i, v := range values {
		if out[i] = null; !f.IsNull(i) {
			out[i] = convert(v)
		}
	}
	return out, nil
}

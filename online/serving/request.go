package serving

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Request names features and the entities that they are wanted for. Exactly one
// of Service and Features is given. The handler reads it until it returns.
type Request struct {
	Service  string   // name or name@version
	Features []string // references: view:feature, view@2:feature, view:*

	// Keys are the key columns by name: each that the features need, no other,
	// all of one length, which is the number of rows; any integer width. A null
	// key has no row. A column without a type and values stands for an empty one.
	Keys map[string]*feature.Column
	// Inputs are the service's request-time inputs by name: each of them and no other,
	// as long as the keys; of one that is declared int64 or float64, narrower ones will
	// do. They may be null. A service without keys has as many rows as they.
	Inputs map[string]*feature.Column
	// ReadColumns, where it is set, is called once the key columns and inputs that the
	// features need are known, and sets Keys and Inputs: for transports that don't tell
	// types. Its error is Get's.
	ReadColumns func(keys []feature.JoinKey, inputs []feature.Input) error

	EventTimestamps bool // asks for Response.Views
	Matrix          Matrix
}

// Matrix says whether and how values come as one row-major matrix.
type Matrix uint8

// The kinds of matrices. Only numbers and bools (1 and 0) can stand in one; nulls
// are NaN.
const (
	NoMatrix      Matrix = iota // a column per feature
	Float64Matrix               // an int64 beyond 2^53 is rounded
	Float32Matrix               // values are rounded
)

// Response holds a cell for each row and feature. It is the caller's.
type Response struct {
	Service  string // "delay_model@3"; empty for a list of references
	Revision int64  // of the registry
	Time     feature.Time
	Rows     int
	Features []Feature  // in the order of the service or the request
	Views    []ViewRows // only where asked for

	// Row i, feature j is at i*len(Features)+j of the matrix that was asked for.
	Float64s []float64
	Float32s []float32
}

// Feature is one feature for all rows.
type Feature struct {
	Name     string
	TypeText string          // the type as definitions write it
	Values   *feature.Column // nil where a matrix was asked for
	Statuses []byte          // one feature.Status a row
	View     int             // index into Response.Views, where these were asked for; -1: the service derives it

	column *feature.Column
}

// IsNull tells whether the value of a row is null, in a matrix too.
func (f *Feature) IsNull(row int) bool { return f.column.IsNull(row) }

// Status gives the status of a row.
func (f *Feature) Status(row int) feature.Status { return feature.Status(f.Statuses[row]) }

// ViewRows says which rows of a view the values come from.
type ViewRows struct {
	View      string         // with its version: "route_last@2"
	Alias     string         // what stands for it in output columns
	Events    []feature.Time // one a row; 0 where the status is NOT_FOUND, UNAVAILABLE or ERROR; nil: the view has aggregates alone
	Statuses  []byte         // one feature.Status a row: see the package comment
	Watermark feature.Watermark
}

// Event gives the event timestamp of a row's values; false where no row was found.
func (v *ViewRows) Event(row int) (feature.Time, bool) {
	if v.Events == nil {
		return 0, false
	}
	switch feature.Status(v.Statuses[row]) {
	case feature.StatusNotFound, feature.StatusUnavailable, feature.StatusError:
		return 0, false
	default:
		return v.Events[row], true
	}
}

// FieldError is a request that has to be changed. It wraps feature.ErrInvalid,
// feature.ErrTooLarge or what looking up a name gave.
type FieldError struct {
	Field   string // path in the request: "keys.origin"; empty: the request as a whole
	Message string // what is wrong, what was expected, what to do
	kind    error
}

// Error writes field: message.
func (e *FieldError) Error() string {
	if e.Field == "" {
		return e.Message
	}
	return e.Field + ": " + e.Message
}

// Problem gives the field and the message, for transports that send them apart.
func (e *FieldError) Problem() (field, message string) { return e.Field, e.Message }

// Unwrap gives the kind of the error.
func (e *FieldError) Unwrap() error { return e.kind }

// Invalid makes a FieldError that wraps feature.ErrInvalid.
func Invalid(field, format string, args ...any) error { return invalid(field, format, args...) }

func invalid(field, format string, args ...any) error {
	return &FieldError{Field: field, Message: fmt.Sprintf(format, args...), kind: feature.ErrInvalid}
}

func tooLarge(field, format string, args ...any) error {
	return &FieldError{Field: field, Message: fmt.Sprintf(format, args...), kind: feature.ErrTooLarge}
}

// check tells what is wrong with the parts of a request that need no plan.
func (o *Options) check(r *Request) error {
	switch {
	case r.Service == "" && len(r.Features) == 0:
		return invalid("service", "the request names no service and no features: set one of them")
	case r.Service != "" && len(r.Features) > 0:
		return invalid("features", "the request names a service and features: set one of them")
	case len(r.Service) > maxNameBytes:
		return tooLarge("service", "%d bytes long, at most %d are allowed", len(r.Service), maxNameBytes)
	case len(r.Features) > o.MaxFeatures:
		return tooLarge("features", "%d references, at most %d are allowed", len(r.Features), o.MaxFeatures)
	case r.Matrix > Float32Matrix:
		return invalid("matrix", "unknown kind %d", r.Matrix)
	}
	for i, ref := range r.Features {
		if len(ref) > maxNameBytes {
			return tooLarge(fmt.Sprintf("features[%d]", i), "%d bytes long, at most %d are allowed", len(ref), maxNameBytes)
		}
	}
	return nil
}

// maxNameBytes is more than any view, version and feature of legal names need.
const maxNameBytes = 300

// keyColumns finds the key columns that the plan needs, in its order, and the
// number of rows.
func (p *plan) keyColumns(r *Request, into []*feature.Column) (cols []*feature.Column, rows int, err error) {
	cols = into[:0]
	for i := range p.keys {
		c := r.Keys[p.keys[i].Name]
		if c == nil {
			return nil, 0, p.missingKey(r, p.keys[i])
		}
		if err := checkKey(p.keys[i], c); err != nil {
			return nil, 0, err
		}
		if n := c.Len(); i == 0 {
			rows = n
		} else if n != rows {
			return nil, 0, invalid("keys."+p.keys[i].Name, "%d values, but keys.%s has %d: key columns are of one length", n, p.keys[0].Name, rows)
		}
		cols = append(cols, c)
	}
	if len(r.Keys) != len(p.keys) {
		return nil, 0, p.unknownKey(r)
	}
	if len(p.keys) == 0 {
		rows = 1 // global views: one row holds for every request
	}
	return cols, rows, nil
}

func checkKey(want feature.JoinKey, c *feature.Column) error {
	if c.Type.SameKey(want.Type) || c.Type.IsZero() && c.Len() == 0 {
		return nil
	}
	return invalid("keys."+want.Name, "values of type %s, expected %s", c.Type, want.Type)
}

func (p *plan) missingKey(r *Request, want feature.JoinKey) error {
	for name := range r.Keys {
		if !p.hasKey(name) {
			return p.unknownKey(r)
		}
	}
	return invalid("keys."+want.Name, "missing (%s): %s needs %s", want.Type, p.what(), p.keyList())
}

func (p *plan) unknownKey(r *Request) error {
	var unknown, known []string
	for name := range r.Keys {
		if !p.hasKey(name) {
			unknown = append(unknown, name)
		}
	}
	sort.Strings(unknown)
	for _, k := range p.keys {
		known = append(known, k.Name)
	}
	name := unknown[0]
	hint := ""
	if near := feature.Nearest(name, slices.Values(known)); near != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", near)
	}
	return invalid("keys."+clip(name), "no key column is called %q%s: %s needs %s", clip(name), hint, p.what(), p.keyList())
}

// clip shortens a name that a client sent so that it fits into a message.
func clip(name string) string {
	if len(name) > maxNameBytes {
		return strings.ToValidUTF8(name[:maxNameBytes], "") + "…"
	}
	return name
}

func (p *plan) hasKey(name string) bool {
	for _, k := range p.keys {
		if k.Name == name {
			return true
		}
	}
	return false
}

func (p *plan) what() string {
	if p.service != "" {
		return "service " + p.service
	}
	return "the list of features"
}

func (p *plan) keyList() string {
	if len(p.keys) == 0 {
		return "no key columns"
	}
	names := make([]string, len(p.keys))
	for i, k := range p.keys {
		names[i] = fmt.Sprintf("%s (%s)", k.Name, k.Type)
	}
	return strings.Join(names, ", ")
}

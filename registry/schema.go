package registry

import (
	"context"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Schemas tells which columns the files of a source have. The offline store
// implements it.
type Schemas interface {
	// Columns gives the columns that the footers of the files name, and the
	// partition folders above them, each name once. parquet is as in
	// feature.Source. Where files disagree about a column, the type is one that
	// all of them convert to without loss, or none. Names that match no file wrap
	// ErrNotFound.
	Columns(ctx context.Context, parquet []string) ([]SourceField, error)
}

// SourceField is a column as the files have it.
type SourceField struct {
	Name      string
	Type      feature.Type // zero: none of Quiver's types (see Decimal and Physical)
	Physical  string       // the files' own type, for messages: DECIMAL(10,2), MAP
	Decimal   bool         // a decimal number: read as float64 where that is declared
	Nullable  bool         // nulls are possible; also a column that some of the files lack
	Partition bool         // a partition folder's name: string or int64
}

// describe names what the files hold, for messages.
func (f *SourceField) describe() string {
	switch {
	case f.Type.IsZero() || f.Physical == "" || f.Physical == f.Type.String():
		if f.Type.IsZero() {
			return f.Physical
		}
		return f.Type.String()
	default:
		return f.Type.String() + " (" + f.Physical + ")"
	}
}

// converts tells whether the values of a column become values of a type without
// loss: equal types; integers and floats that widen, an int32 to a float64 too; a date that becomes the
// midnight, UTC, at which it begins; and, only where the type is declared, an
// integer that becomes its text, a decimal that becomes a float64, and text and
// bytes that become one another. Lengths of lists are checked value by value.
func converts(from *SourceField, to feature.Type, declared bool) bool {
	if from.Decimal {
		return declared && to == feature.Scalar(feature.Float64)
	}
	if from.Type.IsZero() || from.Type.List != to.List {
		return false
	}
	if to.List && from.Type.Length != 0 && to.Length != 0 && from.Type.Length != to.Length {
		return false
	}
	a, b := from.Type.Kind, to.Kind
	switch {
	case a == b:
		return true
	case a == feature.Int32 && b == feature.Int64, a == feature.Float32 && b == feature.Float64,
		a == feature.Int32 && b == feature.Float64:
		return true
	case a == feature.Date && b == feature.Timestamp:
		return !to.List
	case (a == feature.Int32 || a == feature.Int64) && b == feature.String:
		return declared && !to.List
	case a == feature.Bytes && b == feature.String, a == feature.String && b == feature.Bytes:
		return declared
	default:
		return false
	}
}

// conversionHint says what to do about a column that does not convert.
func conversionHint(from *SourceField, to feature.Type) string {
	switch {
	case from.Decimal:
		return "declare the column float64 under the source's columns, if its digits fit"
	case from.Type.IsZero():
		return "columns of this type can't be used"
	case (from.Type.Kind == feature.Int32 || from.Type.Kind == feature.Int64) && to.Kind == feature.String:
		return "declare the column string, or take it as " + from.Type.String()
	default:
		return fmt.Sprintf("values convert only without loss: take it as %s, or write the files with %s", from.Type, to)
	}
}

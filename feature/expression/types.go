package expression

import (
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Kinds that stand in signatures and between operators, and never in a column.
const (
	kindDuration feature.Kind = 200 + iota // a span, int64 microseconds
	kindNull                               // of the literal null, and of the items of []
	kindAny                                // in a signature: any type, the same wherever it stands
)

func scalar(k feature.Kind) feature.Type { return feature.Scalar(k) }
func listOf(k feature.Kind) feature.Type { return feature.ListOf(k, 0) }

// typeName names a type as definitions do.
func typeName(t feature.Type) string {
	name := t.Kind.String()
	switch t.Kind {
	case kindDuration:
		name = "duration"
	case kindNull:
		name = "null"
		if t.List {
			return "an empty list"
		}
	case kindAny:
		name = "any"
	}
	if t.List {
		return "list<" + name + ">"
	}
	return name
}

func typeNames(types []feature.Type) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = typeName(t)
	}
	return strings.Join(names, ", ")
}

// lane says which of a vector's slices holds the values of a type.
type lane uint8

const (
	boolLane lane = iota
	intLane
	floatLane
	textLane
	listLane
)

// laneOf: integers of all widths, dates (days), timestamps and durations
// (microseconds) are computed as int64, floats as float64.
func laneOf(t feature.Type) lane {
	if t.List {
		return listLane
	}
	switch t.Kind {
	case feature.Bool, kindNull:
		return boolLane
	case feature.Float32, feature.Float64:
		return floatLane
	case feature.String, feature.Bytes:
		return textLane
	default:
		return intLane
	}
}

// isVarying tells whether values of a type differ in size.
func isVarying(t feature.Type) bool {
	l := laneOf(t)
	return l == textLane || l == listLane
}

func isInt(k feature.Kind) bool   { return k == feature.Int32 || k == feature.Int64 }
func isFloat(k feature.Kind) bool { return k == feature.Float32 || k == feature.Float64 }

// join gives the type that values of both types have in common: of two widths the
// wider, of null and anything that.
func join(a, b feature.Type) (feature.Type, bool) {
	switch {
	case a == b:
		return a, true
	case a.Kind == kindNull && !a.List:
		return b, true
	case b.Kind == kindNull && !b.List:
		return a, true
	case a.List != b.List:
		return feature.Type{}, false
	}
	t := feature.Type{List: a.List}
	if a.Length == b.Length {
		t.Length = a.Length
	}
	switch {
	case a.Kind == b.Kind || b.Kind == kindNull:
		t.Kind = a.Kind
	case a.Kind == kindNull:
		t.Kind = b.Kind
	case isInt(a.Kind) && isInt(b.Kind):
		t.Kind = feature.Int64
	case isFloat(a.Kind) && isFloat(b.Kind):
		t.Kind = feature.Float64
	default:
		return feature.Type{}, false
	}
	return t, true
}

// takes tells whether a parameter of type want takes an argument as it is: integers
// and floats widen, an empty list is a list of anything.
func takes(want, got feature.Type) bool {
	if want.List != got.List {
		return false
	}
	switch {
	case want.Kind == got.Kind,
		want.Kind == feature.Int64 && got.Kind == feature.Int32,
		want.Kind == feature.Float64 && got.Kind == feature.Float32:
		return true
	case got.List:
		return got.Kind == kindNull
	}
	return false
}

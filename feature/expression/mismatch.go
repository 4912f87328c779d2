package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// mismatch explains arguments that no overload takes.
func (f *function) mismatch(got []operand) *problem {
	types := make([]feature.Type, len(got))
	for i, a := range got {
		types[i] = a.typ
	}
	what := f.name
	switch {
	case f.name == "[…]":
		what = "a list"
	case symbol(f.name):
		what = "operator " + f.name
	}
	return &problem{
		message: fmt.Sprintf("%s takes %s, not (%s)", what, f.accepted(), typeNames(types)),
		hint:    f.advice(types),
	}
}

// accepted lists what a function takes. The operators of comparison, and what has
// null in its signature, say it in words.
func (f *function) accepted() string {
	switch f.name {
	case "==", "!=":
		return "two values of one type, or a value and null"
	case "<", "<=", ">", ">=":
		return "two values of one type"
	case "?:":
		return "(bool, any, any), both branches of one type"
	case "coalesce", "[…]":
		return "values of one type"
	case "in":
		return "a value and a list of its type"
	}
	accepted := make([]string, len(f.overloads))
	for i := range f.overloads {
		accepted[i] = f.overloads[i].signature("")
	}
	return strings.Join(accepted, " or ")
}

// advice says how arguments could be made to fit.
func (f *function) advice(types []feature.Type) string {
	var ints, floats, texts, durations, dates, timestamps, nulls int
	for _, t := range types {
		if t.List {
			continue
		}
		switch t.Kind {
		case feature.Int32, feature.Int64:
			ints++
		case feature.Float32, feature.Float64:
			floats++
		case feature.String:
			texts++
		case feature.Date:
			dates++
		case feature.Timestamp:
			timestamps++
		case kindDuration:
			durations++
		case kindNull:
			nulls++
		}
	}
	switch {
	case !f.takesSoMany(len(types)):
		return f.doc
	case nulls > 0:
		return "null stands beside ==, !=, in coalesce(…), in lists and behind ? and :"
	case (f.name == "%" || f.name == "hash") && floats > 0:
		return "convert the floats: int(x)"
	case ints > 0 && floats > 0:
		return "convert the integers: double(x)"
	case dates > 0 && timestamps > 0:
		return "convert the date: timestamp(x)"
	case texts > 0 && timestamps > 0:
		return "convert the text: timestamp(x)"
	case texts > 0 && dates > 0:
		return "convert the text: date(x)"
	case texts > 0 && floats > 0:
		return "convert the text: double(x)"
	case texts > 0 && ints > 0:
		return "convert the text, int(x), or the number, string(x)"
	case texts > 0 && f.name == "||":
		return "texts are joined by +"
	case durations > 0:
		return "make a number of the duration: seconds(x)"
	case timestamps > 0 && ints > 0:
		return "make a duration of the number: seconds(x), hours(x), days(x)"
	case ints > 0 && f.acceptsKind(feature.Float64):
		return "convert the integers: double(x)"
	case ints+floats > 0 && f.acceptsKind(feature.Bool):
		return "make a bool of the number: x != 0"
	}
	return f.doc
}

// takesSoMany tells whether some overload has so many arguments.
func (f *function) takesSoMany(n int) bool {
	return slices.ContainsFunc(f.overloads, func(o overload) bool { return n == len(o.args) || n > len(o.args) && o.rest })
}

// acceptsKind tells whether some overload takes a scalar of a kind first.
func (f *function) acceptsKind(k feature.Kind) bool {
	for i := range f.overloads {
		if f.overloads[i].args[0].typ == scalar(k) {
			return true
		}
	}
	return false
}

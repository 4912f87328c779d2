package expression

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// kernel computes n rows of out of n rows of its operands. Out is sized, and of a
// strict overload has the operands' nulls and errors; the values in such rows are
// of no interest to anybody, but the kernel must bear them.
type kernel func(out *vector, in []*vector, n int)

// function is an operator or a function: what the checker, the messages and the
// documentation know of it.
type function struct {
	name      string // as expressions write it
	doc       string
	fails     string // when there is no value; empty: there always is
	overloads []overload
}

// overload is a function for one list of types.
type overload struct {
	args   []param
	rest   bool // the last argument may stand any number of times
	result feature.Type
	kernel kernel
	// prepare makes the kernel where it depends on the call: on constants, or on what
	// any stands for. It may make the result's type more exact.
	prepare func(c *call) (kernel, *problem)
	nulls   bool // the kernel looks at nulls and errors itself
}

// param is what one argument has to be.
type param struct {
	typ      feature.Type
	constant bool // a literal, or computed of literals only
}

// call is an overload together with the arguments that it was chosen for.
type call struct {
	name   string
	args   []operand
	any    feature.Type // what any stands for; zero if it does not occur
	result feature.Type
}

// signature writes an overload as documentation does: clamp(float64, float64).
func (o *overload) signature(name string) string {
	args := make([]string, 0, len(o.args)+1)
	for _, p := range o.args {
		s := typeName(p.typ)
		if p.constant {
			s = "constant " + s
		}
		args = append(args, s)
	}
	if o.rest {
		args = append(args, "…")
	}
	return name + "(" + strings.Join(args, ", ") + ")"
}

// symbol tells whether a name is an operator's.
func symbol(name string) bool { return name[0] < 'a' || name[0] > 'z' || name == "in" }

// of makes parameters of types.
func of(types ...feature.Type) []param {
	params := make([]param, len(types))
	for i, t := range types {
		params[i].typ = t
	}
	return params
}

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
		return ""
	case nulls > 0:
		return "null stands beside ==, !=, in coalesce(…), in lists and behind ? and :"
	case f.name == "%" && floats > 0:
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
	case durations > 0:
		return "make a number of the duration: seconds(x)"
	case timestamps > 0 && ints > 0:
		return "make a duration of the number: seconds(x), hours(x), days(x)"
	case ints > 0 && f.acceptsKind(feature.Float64):
		return "convert the integers: double(x)"
	case ints+floats > 0 && f.acceptsKind(feature.Bool):
		return "make a bool of the number: x != 0"
	}
	return ""
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

// list joins words by commas.
func list(words []string) string { return strings.Join(words, ", ") }

// Function describes a function of the language, for documentation and completion.
type Function struct {
	Name       string
	Signatures []string // for each list of types that it takes: abs(int64) → int64
	Doc        string
	Fails      string // when it has no value: the row is null, and marked; empty: never
}

// Functions lists the functions of the language, in the order of the documentation.
// Operators are not among them.
func Functions() []Function {
	var all []Function
	for _, f := range functions() {
		if symbol(f.name) {
			continue
		}
		d := Function{Name: f.name, Doc: f.doc, Fails: f.fails}
		for i := range f.overloads {
			o := &f.overloads[i]
			d.Signatures = append(d.Signatures, o.signature(f.name)+" → "+typeName(o.result))
		}
		all = append(all, d)
	}
	return all
}

// functionsByName is the table that scopes look into.
func functionsByName() map[string]*function {
	all := functions()
	byName := make(map[string]*function, len(all))
	for i := range all {
		byName[all[i].name] = &all[i]
	}
	return byName
}

// functions is the language: all operators and functions. A new one is a row in
// one of these lists.
func functions() []function {
	var all []function
	for _, part := range [][]function{
		arithmetic(), comparisons(), logic(), mathematics(), numbers(), conversions(), texts(), times(), lists(), vectors(),
	} {
		all = append(all, part...)
	}
	return all
}

package expression

import (
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

// operatorName gives the symbol of an operator, which the parser names _+_.
func operatorName(name string) (string, bool) {
	switch name {
	case "_?_:_":
		return "?:", true
	case "_[_]":
		return "[]", true
	case "@in":
		return "in", true
	}
	if s := strings.Trim(name, "_"); s != name && s != "" && symbol(s) {
		return s, true
	}
	return name, false
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

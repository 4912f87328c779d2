package registry

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// written is an expression where a definition has it.
type written struct {
	text  string
	what  string // how messages call it: the expression of feature busy of view arrivals
	kind  string // where it stands
	name  string
	parts []string
}

// expressions compiles the expressions of definitions. Many objects say the same, so
// it remembers what it was asked.
type expressions struct {
	none     *expression.Scope // of no variables: others are made of it
	outlines map[string]outlined
	types    map[string]typed // by text, names and types
}

type outlined struct {
	*expression.Outline
	err *expression.Error
}

type typed struct {
	feature.Type
	err *expression.Error
}

func newExpressions() (*expressions, error) {
	none, err := expression.NewScope(nil)
	if err != nil {
		return nil, err
	}
	return &expressions{none: none, outlines: map[string]outlined{}, types: map[string]typed{}}, nil
}

// outline gives what an expression names.
func (e *expressions) outline(text string) (*expression.Outline, *expression.Error) {
	o, known := e.outlines[text]
	if !known {
		outline, err := e.none.Outline(text)
		o = outlined{outline, asError(err)}
		e.outlines[text] = o
	}
	return o.Outline, o.err
}

// typeOf checks an expression and gives its type. The order of the variables is no
// matter, and what it does not name is none either.
func (e *expressions) typeOf(text string, vars []expression.Variable) (feature.Type, *expression.Error) {
	var key strings.Builder
	key.WriteString(text)
	for _, v := range vars {
		key.WriteString("\x00" + v.Name + "\x00" + v.Type.String())
	}
	t, known := e.types[key.String()]
	if !known {
		t = e.compile(text, vars)
		e.types[key.String()] = t
	}
	return t.Type, t.err
}

func (e *expressions) compile(text string, vars []expression.Variable) typed {
	scope, err := e.none.With(vars)
	if err != nil {
		return typed{err: asError(err)}
	}
	program, err := expression.Compile(text, scope)
	if err != nil {
		return typed{err: asError(err)}
	}
	return typed{Type: program.Type()}
}

// asError gives the error of an expression; another one stands at its beginning.
func asError(err error) *expression.Error {
	if err == nil {
		return nil
	}
	var e *expression.Error
	if !errors.As(err, &e) {
		e = &expression.Error{Line: 1, Column: 1, Message: plain(err)}
	}
	return e
}

// wrong tells what is wrong with an expression, at the place in its text where the
// file shows it.
func (r *resolver) wrong(w *written, e *expression.Error) {
	at, exact := r.defs.Within(e.Line, e.Column, w.kind, w.name, w.parts...)
	where := ""
	switch {
	case exact:
	case e.Line > 1:
		where = fmt.Sprintf(" at line %d, column %d of the expression", e.Line, e.Column)
	case e.Column > 1:
		where = fmt.Sprintf(" at column %d of the expression", e.Column)
	}
	r.problem(at, e.Hint, "%s: %s%s", w.what, e.Message, where)
}

// wrongFrom tells of an expression as a whole.
func (r *resolver) wrongFrom(w *written, hint, format string, args ...any) {
	r.wrong(w, &expression.Error{Line: 1, Column: 1, Message: fmt.Sprintf(format, args...), Hint: hint})
}

// typeOf gives an expression's type, or tells why it has none. all gives everything
// that it could name, and is asked for only where it names something else. Where what
// it names has a problem of its own, that was told and is enough.
func (r *resolver) typeOf(w *written, n lookup, all func() []expression.Variable) feature.Type {
	if n.broken {
		return feature.Type{}
	}
	var t feature.Type
	var err *expression.Error
	if n.missing {
		err = r.expressions.compile(w.text, all()).err
	} else {
		t, err = r.expressions.typeOf(w.text, n.vars)
	}
	if err != nil {
		r.wrong(w, err)
	}
	return t
}

// outlineOf gives what an expression names, or tells why it can't be read.
func (r *resolver) outlineOf(w *written) *expression.Outline {
	o, err := r.expressions.outline(w.text)
	if err != nil {
		r.wrong(w, err)
		return nil
	}
	return o
}

// lookup is what an expression names.
type lookup struct {
	vars    []expression.Variable // their types; nil where one has none
	missing bool                  // one is the name of nothing
	broken  bool                  // one has no type, because of a problem of its own
}

// lookUp finds what an expression names.
func lookUp(names []string, typeOf func(string) (t feature.Type, exists bool)) lookup {
	n := lookup{vars: make([]expression.Variable, 0, len(names))}
	for _, name := range names {
		t, exists := typeOf(name)
		n.missing = n.missing || !exists
		n.broken = n.broken || exists && t.IsZero()
		n.vars = append(n.vars, expression.Variable{Name: name, Type: t})
	}
	if n.missing || n.broken {
		n.vars = nil
	}
	return n
}

// takesType tells whether a declared type takes what an expression gives: the same
// one, and lists of any length those of a fixed one.
func takesType(declared, inferred feature.Type) bool {
	anyLength := inferred
	anyLength.Length = 0
	return declared.IsZero() || declared == inferred || declared == anyLength
}

// tidy is an expression as it is kept: as it was written, without the line end that
// YAML's blocks have.
func tidy(text string) string { return strings.TrimSpace(text) }

// cycleText writes a cycle of names: a -> b -> a.
func cycleText(cycle []string) string { return strings.Join(cycle, " -> ") }

// order gives the order in which expressions can be computed. Those that need one
// another are told, and left out.
func (r *resolver) order(names []string, reads func(i int) []string, text func(i int) *written) []int {
	left := make([]int, len(names)) // indexes of names
	for i := range left {
		left[i] = i
	}
	for {
		some := make([]string, len(left))
		for i, at := range left {
			some[i] = names[at]
		}
		order, cycle := expression.Order(some, func(i int) []string { return reads(left[i]) })
		if cycle == nil {
			for i, at := range order {
				order[i] = left[at]
			}
			return order
		}
		r.wrongFrom(text(slices.Index(names, cycle[0])), "take one of them out of another one's expression", "it needs itself: %s", cycleText(cycle))
		left = slices.DeleteFunc(left, func(at int) bool { return slices.Contains(cycle, names[at]) })
	}
}

package expression

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/ast"
	celparser "cel.dev/cel-go/parser"
)

// Outline is what an expression tells before the types of its variables are known.
type Outline struct {
	// Names are the variables that it names, in their order, each once; dotted ones
	// whole.
	Names []string
	// Text is the expression in one form for all that differ in spaces, comments and
	// parentheses that change nothing. It means the same.
	Text string
}

// Outline parses an expression and looks no further: what it names need not be
// known. The error is an *Error.
func (s *Scope) Outline(text string) (*Outline, error) {
	parsed, e := s.parse(text)
	if e != nil {
		return nil, e
	}
	names := map[string]bool{}
	collectNames(parsed.Expr(), names)
	o := &Outline{Names: slices.Sorted(maps.Keys(names))}
	var err error
	if o.Text, err = celparser.Unparse(parsed.Expr(), parsed.SourceInfo(), celparser.WrapOnColumn(4*MaxText)); err != nil {
		o.Text = text // of what is not part of the language, and won't compile
	}
	return o, nil
}

// collectNames finds what the compiler takes for variables.
func collectNames(e ast.Expr, names map[string]bool) {
	switch e.Kind() {
	case ast.IdentKind, ast.SelectKind:
		if name, ok := dotted(e); ok {
			names[name] = true
		} else if e.Kind() == ast.SelectKind {
			collectNames(e.AsSelect().Operand(), names)
		}
	case ast.ListKind:
		for _, item := range e.AsList().Elements() {
			collectNames(item, names)
		}
	case ast.CallKind:
		if e.AsCall().IsMemberFunction() {
			collectNames(e.AsCall().Target(), names)
		}
		for _, arg := range e.AsCall().Args() {
			collectNames(arg, names)
		}
	}
}

// With makes a scope of other variables. It costs less than NewScope, because the
// functions are shared. The error is NewScope's.
func (s *Scope) With(vars []Variable) (*Scope, error) {
	w := &Scope{functions: s.functions, parser: s.parser}
	if err := w.define(vars); err != nil {
		return nil, err
	}
	return w, nil
}

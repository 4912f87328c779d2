package expression

import (
	"maps"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	celparser "cel.dev/cel-go/parser"
)

// Outline is what an expression tells before the types of its variables are known.
type Outline struct {
	// Names are the variables that it names, in their order, each once; dotted ones
	// whole.
	Names []string
	// Text is the expression in one form for nearly all that differ in spaces, comments and
	// parentheses that change nothing. It means the same, so that expressions of one Text do.
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
	o.Text, err = celparser.Unparse(parsed.Expr(), parsed.SourceInfo(), celparser.WrapOnColumn(4*MaxText))
	if err != nil || !s.reads(o.Text, parsed.Expr()) {
		o.Text = strings.TrimSpace(text)
	}
	return o, nil
}

// reads tells whether a text is read as an expression. The one that the parser's library writes
// is not always: of (-x).abs() it leaves the parentheses out, and -x.abs() is another value.
func (s *Scope) reads(text string, as ast.Expr) bool {
	parsed, err := s.parse(text)
	return err == nil && same(parsed.Expr(), as)
}

// same tells whether two expressions are built alike. What is not part of the language is like
// nothing.
func same(a, b ast.Expr) bool {
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case ast.IdentKind:
		return a.AsIdent() == b.AsIdent()
	case ast.LiteralKind:
		x, y := a.AsLiteral(), b.AsLiteral()
		return x.Type() == y.Type() && x.Equal(y) == types.True
	case ast.SelectKind:
		x, y := a.AsSelect(), b.AsSelect()
		return x.FieldName() == y.FieldName() && same(x.Operand(), y.Operand())
	case ast.ListKind:
		return slices.EqualFunc(a.AsList().Elements(), b.AsList().Elements(), same)
	case ast.CallKind:
		x, y := a.AsCall(), b.AsCall()
		return x.FunctionName() == y.FunctionName() && x.IsMemberFunction() == y.IsMemberFunction() &&
			(!x.IsMemberFunction() || same(x.Target(), y.Target())) && slices.EqualFunc(x.Args(), y.Args(), same)
	}
	return false
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

package expression

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"

	"github.com/quiver-features/quiver/feature"
)

// Compile parses, checks and compiles an expression. Parts that have the same value
// for all rows are computed here. The error is an *Error: the first thing that is
// wrong, and where.
func Compile(text string, scope *Scope) (*Program, error) {
	parsed, e := scope.parse(text)
	if e != nil {
		return nil, e
	}
	c := &compiler{scope: scope, text: text, info: parsed.SourceInfo(), program: &Program{}, loaded: map[string]int{}}
	result, e := c.expr(parsed.Expr())
	if e != nil {
		return nil, e
	}
	if p := finish(result.typ); p != nil {
		return nil, c.at(parsed.Expr(), p)
	}
	c.program.typ = result.typ
	c.program.result = c.register(result)
	c.arguments()
	return c.program, nil
}

// finish checks that a result can stand in a column.
func finish(t feature.Type) *problem {
	switch t.Kind {
	case kindDuration:
		return problemf("make a number of it: seconds(…), hours(…), days(…)", "the result is a duration, which no feature can be")
	case kindNull:
		return problemf("name a type, as in coalesce(x, …)", "the result is always %s, which has no type", typeName(t))
	}
	return nil
}

type compiler struct {
	scope   *Scope
	text    string
	info    *ast.SourceInfo
	program *Program
	loaded  map[string]int // variables by name: their registers
	made    int            // bytes of texts and lists made of constants
}

// at gives a problem its place. That of a call is where its name begins; the parser
// notes its parenthesis.
func (c *compiler) at(e ast.Expr, p *problem) *Error {
	loc := c.info.GetStartLocation(e.ID())
	at := &Error{Line: max(loc.Line(), 1), Column: max(loc.Column()+1, 1), Message: p.message, Hint: p.hint}
	if e.Kind() == ast.CallKind {
		name := e.AsCall().FunctionName()
		if from := at.Column - len(name); from > 0 && strings.HasPrefix(restOf(c.text, at.Line, from), name+"(") {
			at.Column = from
		}
	}
	return at
}

// expr compiles a part of the expression.
func (c *compiler) expr(e ast.Expr) (operand, *Error) {
	switch e.Kind() {
	case ast.LiteralKind:
		return c.literal(e)
	case ast.IdentKind, ast.SelectKind:
		return c.variable(e)
	case ast.ListKind:
		return c.call(e, "[…]", e.AsList().Elements())
	case ast.CallKind:
		return c.callExpr(e)
	case ast.MapKind, ast.StructKind:
		return operand{}, c.at(e, problemf("", "maps and structs are not part of the language"))
	default:
		return operand{}, c.at(e, problemf("", "this is not part of the language"))
	}
}

// callExpr compiles operators and calls; x.f(y) is f(x, y).
func (c *compiler) callExpr(e ast.Expr) (operand, *Error) {
	call := e.AsCall()
	args := call.Args()
	name, operator := operatorName(call.FunctionName())
	if call.IsMemberFunction() {
		args = append([]ast.Expr{call.Target()}, args...)
	}
	if !operator && symbol(name) || c.scope.functions()[name] == nil {
		return operand{}, c.at(e, c.scope.unknownFunction(name))
	}
	return c.call(e, name, args)
}

// call compiles the arguments, then the function.
func (c *compiler) call(e ast.Expr, name string, args []ast.Expr) (operand, *Error) {
	operands := make([]operand, len(args))
	for i, arg := range args {
		var err *Error
		if operands[i], err = c.expr(arg); err != nil {
			return operand{}, err
		}
	}
	result, p := c.apply(c.scope.functions()[name], operands)
	if p != nil {
		return operand{}, c.at(e, p)
	}
	return result, nil
}

func (c *compiler) apply(f *function, args []operand) (operand, *problem) {
	if f.name == "[…]" && len(args) == 0 {
		empty := &vector{lane: listLane, n: 1, starts: []int{0}, ends: []int{0}, items: newVector(scalar(kindNull))}
		return operand{typ: listOf(kindNull), constant: empty}, nil
	}
	o, call, p := f.resolve(args)
	if p != nil {
		return operand{}, p
	}
	literal := (f.name == "[…]" || f.name == "-" && len(args) == 1) && allLiterals(args)
	if p := o.convert(call); p != nil {
		return operand{}, p
	}
	k := o.kernel
	if o.prepare != nil {
		if k, p = o.prepare(call); p != nil {
			return operand{}, p
		}
	}
	if !slices.ContainsFunc(call.args, func(a operand) bool { return a.constant == nil }) {
		v := fold(k, call, !o.nulls)
		if v.stateAt(0) == failed {
			return operand{}, problemf("", "%s of these constants never has a value: %s", f.name, f.fails)
		}
		if c.made += v.made(); c.made > maxChunk {
			return operand{}, problemf("write what you need of them as it is", "the texts and lists that are made of constants take more than %d MiB", maxChunk>>20)
		}
		return operand{typ: call.result, constant: v, literal: literal && isInt(call.result.Kind)}, nil
	}
	ins := instruction{out: c.newRegister(call.result), kernel: k, strict: !o.nulls, varies: isVarying(call.result)}
	for _, a := range call.args {
		ins.in = append(ins.in, c.register(a))
	}
	c.program.code = append(c.program.code, ins)
	return operand{typ: call.result, register: ins.out}, nil
}

func allLiterals(args []operand) bool {
	return !slices.ContainsFunc(args, func(a operand) bool { return !a.literal })
}

// fold computes what has the same value for all rows, once.
func fold(k kernel, c *call, strict bool) *vector {
	in := make([]*vector, len(c.args))
	for i, a := range c.args {
		in[i] = a.constant
	}
	out := newVector(c.result)
	out.resize(1)
	if strict {
		out.merge(in)
	}
	k(out, in, 1)
	return out
}

// register gives the register that an operand is in; a constant gets one.
func (c *compiler) register(o operand) int {
	if o.constant == nil {
		return o.register
	}
	r := c.newRegister(o.typ)
	c.program.constants = append(c.program.constants, constant{r, o.constant})
	return r
}

func (c *compiler) newRegister(t feature.Type) int {
	c.program.registers = append(c.program.registers, t)
	return len(c.program.registers) - 1
}

// arguments numbers the variables in the order of their names.
func (c *compiler) arguments() {
	p := c.program
	for name := range c.loaded {
		p.reads = append(p.reads, name)
	}
	slices.Sort(p.reads)
	for i, name := range p.reads {
		p.variables = append(p.variables, variable{register: c.loaded[name], argument: i})
	}
}

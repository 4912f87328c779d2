package expression

import (
	"fmt"

	"cel.dev/cel-go/common/ast"
	celtypes "cel.dev/cel-go/common/types"

	"github.com/quiver-features/quiver/feature"
)

func (c *compiler) literal(e ast.Expr) (operand, *Error) {
	v := &vector{n: 1}
	o := operand{constant: v}
	switch lit := e.AsLiteral().(type) {
	case celtypes.Bool:
		o.typ, v.lane, v.bools = scalar(feature.Bool), boolLane, []bool{bool(lit)}
	case celtypes.Int:
		o.typ, v.lane, v.ints, o.literal = scalar(feature.Int64), intLane, []int64{int64(lit)}, true
	case celtypes.Double:
		o.typ, v.lane, v.floats = scalar(feature.Float64), floatLane, []float64{float64(lit)}
	case celtypes.String:
		o.typ, v.lane, v.texts = scalar(feature.String), textLane, [][]byte{[]byte(lit)}
	case celtypes.Bytes:
		o.typ, v.lane, v.texts = scalar(feature.Bytes), textLane, [][]byte{lit}
	case celtypes.Null:
		o.typ, v.lane, v.bools, v.state = scalar(kindNull), boolLane, []bool{false}, []state{null}
	case celtypes.Uint:
		return o, c.at(e, problemf(fmt.Sprintf("write %d", uint64(lit)), "integers without a sign are not part of the language"))
	default:
		return o, c.at(e, problemf("", "this literal is not part of the language"))
	}
	return o, nil
}

// variable compiles a name, dotted or not.
func (c *compiler) variable(e ast.Expr) (operand, *Error) {
	name, ok := dotted(e)
	if !ok {
		return operand{}, c.at(e, problemf("", ".%s: values have no fields", e.AsSelect().FieldName()))
	}
	typ, ok := c.scope.types[name]
	if !ok {
		return operand{}, c.at(root(e), c.scope.unknown(name))
	}
	reg, ok := c.loaded[name]
	if !ok {
		reg = c.newRegister(typ)
		c.loaded[name] = reg
	}
	return operand{typ: typ, register: reg}, nil
}

// dotted gives the name that a chain of selections spells.
func dotted(e ast.Expr) (string, bool) {
	if e.Kind() == ast.IdentKind {
		return e.AsIdent(), true
	}
	if e.Kind() != ast.SelectKind || e.AsSelect().IsTestOnly() {
		return "", false
	}
	head, ok := dotted(e.AsSelect().Operand())
	return head + "." + e.AsSelect().FieldName(), ok
}

// root is where a dotted name begins.
func root(e ast.Expr) ast.Expr {
	for e.Kind() == ast.SelectKind {
		e = e.AsSelect().Operand()
	}
	return e
}

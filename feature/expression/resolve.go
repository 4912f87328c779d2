package expression

import (
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// operand is a checked part of an expression: a register, or a constant that does
// not need one yet.
type operand struct {
	typ      feature.Type
	register int
	constant *vector // of one row; nil: it is in the register
	literal  bool    // integers as they are written, which may stand for floats
}

// resolve chooses the overload for arguments: the first that takes them as they are,
// otherwise the first that takes them when integer literals are read as floats.
func (f *function) resolve(args []operand) (*overload, *call, *problem) {
	for _, literals := range []bool{false, true} {
		for i := range f.overloads {
			o := &f.overloads[i]
			c := &call{name: f.name, args: args, result: o.result}
			if o.accepts(c, literals) {
				p := o.constants(c)
				return o, c, p
			}
		}
	}
	return nil, nil, f.mismatch(args)
}

// accepts tells whether arguments fit, and finds what any stands for.
func (o *overload) accepts(c *call, literals bool) bool {
	if len(c.args) < len(o.args) || len(c.args) > len(o.args) && !o.rest {
		return false
	}
	for i := range c.args {
		got, want := c.args[i], o.param(i).typ
		if want.Kind == kindAny {
			isNull := got.typ == scalar(kindNull)
			if isNull && o.result.Kind != kindAny || !c.bind(want, i, literals) {
				return false // null stands where it may be the result
			}
			continue
		}
		asFloat := literals && got.literal && takes(want, floats(got.typ))
		if !asFloat && !takes(want, got.typ) {
			return false
		}
	}
	if o.result.Kind == kindAny {
		if c.any.Kind == kindNull || c.any.IsZero() {
			return false
		}
		c.result = c.any
		if o.result.List {
			c.result = listOf(c.any.Kind)
		}
	}
	return true
}

// bind lets any stand for what argument i needs in addition to those before it.
func (c *call) bind(want feature.Type, i int, literals bool) bool {
	got := c.args[i]
	t := got.typ
	if want.List {
		if !t.List {
			return false
		}
		t = t.Elem()
	}
	if c.any.IsZero() {
		c.any = t
		return true
	}
	joined, ok := join(c.any, t)
	switch {
	case ok:
		c.any = joined
	case literals && got.literal && isFloat(c.any.Kind) && c.any.List == t.List:
		// The literal is converted.
	case literals && isInt(c.any.Kind) && isFloat(t.Kind) && c.any.List == t.List && !slices.ContainsFunc(c.args[:i], onlyInt):
		c.any = t
	default:
		return false
	}
	return true
}

// onlyInt tells whether an operand is an integer and can't stand for a float.
func onlyInt(a operand) bool { return isInt(a.typ.Kind) && !a.literal }

func (o *overload) param(i int) param { return o.args[min(i, len(o.args)-1)] }

// floats is the type of integer literals that are read as floats.
func floats(t feature.Type) feature.Type {
	if isInt(t.Kind) {
		t.Kind = feature.Float64
	}
	return t
}

// constants checks the arguments that have to be.
func (o *overload) constants(c *call) *problem {
	for i := range c.args {
		if o.param(i).constant && c.args[i].constant == nil {
			return problemf("write it out as a literal", "argument %d of %s has to be a constant", i+1, c.name)
		}
	}
	return nil
}

// convert makes the arguments what the overload wants: literals become floats, null
// and [] get a type. Widths need nothing: they are one lane.
func (o *overload) convert(c *call) *problem {
	converted := make([]operand, len(c.args))
	for i, a := range c.args {
		want := o.param(i).typ
		if want.Kind == kindAny {
			want = feature.Type{Kind: c.any.Kind, List: want.List || c.any.List, Length: c.any.Length}
		}
		var p *problem
		if converted[i], p = a.as(want); p != nil {
			return p
		}
	}
	c.args = converted
	return nil
}

// as gives the operand as one of another type that takes it.
func (a operand) as(want feature.Type) (operand, *problem) {
	switch {
	case a.typ.Kind == kindNull && !a.typ.List:
		v := newVector(want)
		v.resize(1)
		v.touch()[0] = null
		return operand{typ: want, constant: v}, nil
	case a.typ.Kind == kindNull && want.Kind != kindNull:
		v := newVector(want)
		v.resize(1)
		return operand{typ: want, constant: v}, nil
	case isInt(a.typ.Kind) && isFloat(want.Kind): // a literal
		v, ok := a.constant.widened()
		if !ok {
			return a, problemf("write it as a float", "the integer is too large to stand for a float exactly")
		}
		return operand{typ: want, constant: v}, nil
	}
	return a, nil
}

package expression_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// row is one row of variables: name, type and value.
type row map[string]value

type value struct {
	typ string
	v   any
}

// scopeOf makes a scope of the types of a row.
func scopeOf(t testing.TB, r row) *expression.Scope {
	t.Helper()
	var vars []expression.Variable
	for name, v := range r {
		vars = append(vars, expression.Variable{Name: name, Type: typeOf(t, v.typ)})
	}
	s, err := expression.NewScope(vars)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func typeOf(t testing.TB, s string) feature.Type {
	t.Helper()
	typ, err := feature.ParseType(s)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

// failed is what a row gives that has no value.
const failed = "error"

// evaluate computes an expression for one row and shows type and value: "int64 3",
// "int64 null", "int64 error", or the error of compiling it.
func evaluate(t testing.TB, text string, r row) string {
	t.Helper()
	p, err := expression.Compile(text, scopeOf(t, r))
	if err != nil {
		return err.Error()
	}
	var args []*feature.Column
	for _, name := range p.Reads() {
		c := feature.NewColumn(typeOf(t, r[name].typ), 1)
		if err := c.AppendAny(r[name].v); err != nil {
			t.Fatal(err)
		}
		args = append(args, c)
	}
	dst := feature.NewColumn(p.Type(), 1)
	bad, err := p.NewMachine().Eval(1, args, dst)
	if err != nil {
		t.Fatal(err)
	}
	return p.Type().String() + " " + show(dst, bad, 0)
}

// show writes a result: texts in quotes, and what has no value as null or error.
func show(c *feature.Column, bad []bool, i int) string {
	switch {
	case bad != nil && bad[i]:
		if !c.IsNull(i) {
			return "failed, but not null"
		}
		return failed
	case c.IsNull(i):
		return "null"
	case c.Type.List:
		items := []string{}
		for k := c.Offsets[i]; k < c.Offsets[i+1]; k++ {
			items = append(items, show(c.Items, nil, int(k)))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case c.Type.Kind == feature.String || c.Type.Kind == feature.Bytes:
		return fmt.Sprintf("%q", c.Bytes(i))
	default:
		return c.Text(i)
	}
}

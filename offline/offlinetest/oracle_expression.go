package offlinetest

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/common"
	"cel.dev/cel-go/common/ast"
	celtypes "cel.dev/cel-go/common/types"
	celparser "cel.dev/cel-go/parser"

	"github.com/quiver-features/quiver/feature"
)

// formula is an expression that is computed by walking its tree, value by value: a
// second reading of what docs/expressions.md says, of those parts that cases use.
type formula struct {
	tree ast.Expr
	typ  feature.Type
}

// span is a duration in microseconds.
type span int64

func parseFormula(text string, t feature.Type) (formula, error) {
	p, err := celparser.NewParser()
	if err != nil {
		return formula{}, err
	}
	parsed, errs := p.Parse(common.NewTextSource(text))
	if all := errs.GetErrors(); len(all) > 0 {
		return formula{}, fmt.Errorf("expression %q: %s: %w", text, all[0].Message, feature.ErrInvalid)
	}
	return formula{parsed.Expr(), t}, nil
}

// value computes the formula; variables gives the value of a name. What fails is null.
func (f formula) value(variables func(name string) any) (v any, failed bool) {
	if v, failed = walk(f.tree, variables); failed {
		return nil, true
	}
	return narrowed(v, f.typ), false
}

// narrowed gives a value in the width of a type.
func narrowed(v any, t feature.Type) any {
	switch x := v.(type) {
	case int64:
		if t == feature.Scalar(feature.Int32) {
			return int32(x) //nolint:gosec // it was one
		}
	case float64:
		if t == feature.Scalar(feature.Float32) {
			return float32(x)
		}
	}
	return v
}

// widened is the reverse.
func widened(v any) any {
	switch x := v.(type) {
	case int32:
		return int64(x)
	case float32:
		return float64(x)
	}
	return v
}

func walk(e ast.Expr, variables func(string) any) (v any, failed bool) {
	switch e.Kind() {
	case ast.IdentKind:
		return widened(variables(e.AsIdent())), false
	case ast.SelectKind:
		return widened(variables(e.AsSelect().Operand().AsIdent() + "." + e.AsSelect().FieldName())), false
	case ast.LiteralKind:
		switch lit := e.AsLiteral().(type) {
		case celtypes.Bool:
			return bool(lit), false
		case celtypes.Int:
			return int64(lit), false
		case celtypes.Double:
			return float64(lit), false
		case celtypes.String:
			return string(lit), false
		default: // null
			return nil, false
		}
	}
	call := e.AsCall()
	values, failures := make([]any, len(call.Args())), make([]bool, len(call.Args()))
	for i, arg := range call.Args() {
		values[i], failures[i] = walk(arg, variables)
	}
	if v, failed, ok := lenient(call, values, failures); ok {
		return v, failed
	}
	null := false
	for i := range values {
		if failures[i] {
			return nil, true
		}
		null = null || values[i] == nil
	}
	if null {
		return nil, false
	}
	return strict(call.FunctionName(), values)
}

// lenient computes what looks at nulls and failures itself; ok tells whether the call is one.
func lenient(call ast.CallExpr, v []any, failed []bool) (value any, failure, ok bool) {
	isNull := func(i int) bool {
		return call.Args()[i].Kind() == ast.LiteralKind && call.Args()[i].AsLiteral() == celtypes.NullValue
	}
	switch name := call.FunctionName(); name {
	case "_&&_", "_||_":
		decides := name == "_||_"
		switch {
		case !failed[0] && v[0] == decides, !failed[1] && v[1] == decides:
			return decides, false, true
		case failed[0] || failed[1]:
			return nil, true, true
		case v[0] == nil || v[1] == nil:
			return nil, false, true
		}
		return !decides, false, true
	case "_?_:_":
		switch {
		case failed[0]:
			return nil, true, true
		case v[0] == nil:
			return nil, false, true
		case v[0] == true:
			return v[1], failed[1], true
		}
		return v[2], failed[2], true
	case "coalesce":
		for i := range v {
			if failed[i] || v[i] != nil {
				return v[i], failed[i], true
			}
		}
		return nil, false, true
	case "_==_", "_!=_":
		for i := range 2 {
			if isNull(i) {
				other := 1 - i
				return (v[other] == nil) == (name == "_==_"), failed[other], true
			}
		}
	}
	return nil, false, false
}

// strict computes functions of values that are there.
func strict(name string, v []any) (value any, failed bool) {
	switch name {
	case "_+_", "_-_", "_*_", "_/_", "_%_":
		return arithmetic(name[1:2], v[0], v[1])
	case "-_":
		if x, ok := v[0].(float64); ok {
			return -x, false
		}
		return arithmetic("-", int64(0), v[0])
	case "!_":
		return v[0] != true, false
	case "_==_":
		return equal(v[0], v[1]), false
	case "_!=_":
		return !equal(v[0], v[1]), false
	case "_<_", "_<=_", "_>_", "_>=_":
		return ordered(strings.Trim(name, "_"), v[0], v[1]), false
	case "seconds", "minutes", "hours", "days":
		unit := map[string]int64{"seconds": 1_000_000, "minutes": 60_000_000, "hours": 3_600_000_000, "days": 86_400_000_000}[name]
		if d, ok := v[0].(span); ok {
			return float64(d) / float64(unit), false
		}
		n, _ := v[0].(int64)
		return span(saturated(new(big.Int).Mul(big.NewInt(n), big.NewInt(unit))).Int64()), false
	case "double":
		n, _ := v[0].(int64)
		return float64(n), false
	case "string":
		return fmt.Sprint(v[0]), false
	case "int":
		text, _ := v[0].(string)
		n, err := strconv.ParseInt(text, 10, 64)
		return n, err != nil
	case "lower":
		text, _ := v[0].(string)
		return strings.Map(func(r rune) rune {
			if 'A' <= r && r <= 'Z' {
				return r - 'A' + 'a'
			}
			return r
		}, text), false
	case "timestamp":
		text, _ := v[0].(string)
		t, err := time.Parse(time.RFC3339, text)
		return feature.Time(t.UnixMicro()), err != nil
	case "is_nan":
		x, _ := v[0].(float64)
		return math.IsNaN(x), false
	}
	panic("offlinetest: the oracle has no function " + name)
}

func arithmetic(operator string, a, b any) (v any, failed bool) {
	switch x := a.(type) {
	case string:
		y, _ := b.(string)
		return x + y, false
	case float64:
		y, _ := b.(float64)
		switch operator {
		case "+":
			return x + y, false
		case "-":
			return x - y, false
		case "*":
			return x * y, false
		}
		return x / y, false
	}
	n := new(big.Int)
	x, y := wholeOf(a), wholeOf(b)
	switch operator {
	case "+":
		n.Add(x, y)
	case "-":
		n.Sub(x, y)
	case "*":
		n.Mul(x, y)
	default:
		if y.Sign() == 0 {
			return nil, true
		}
		rest := new(big.Int)
		if n.QuoRem(x, y, rest); operator == "%" {
			if x.Cmp(big.NewInt(math.MinInt64)) == 0 && y.Cmp(big.NewInt(-1)) == 0 {
				return nil, true // as the quotient is beyond
			}
			n = rest
		}
	}
	_, at := a.(feature.Time)
	_, day := a.(feature.CalendarDay)
	_, by := b.(span)
	switch {
	case (at || day) && by:
		return feature.Time(saturated(n).Int64()), false
	case at || day || by:
		return span(saturated(n).Int64()), false
	case !n.IsInt64():
		return nil, true
	}
	return n.Int64(), false
}

// wholeOf gives numbers, and times and durations in microseconds.
func wholeOf(v any) *big.Int {
	switch v := v.(type) {
	case int64:
		return big.NewInt(v)
	case feature.Time:
		return big.NewInt(int64(v))
	case feature.CalendarDay:
		return new(big.Int).Mul(big.NewInt(int64(v)), big.NewInt(86_400_000_000))
	case span:
		return big.NewInt(int64(v))
	}
	panic(fmt.Sprintf("offlinetest: %T is no number", v))
}

func equal(a, b any) bool {
	if x, ok := a.([]byte); ok {
		y, _ := b.([]byte)
		return bytes.Equal(x, y)
	}
	return a == b // NaN is not equal to itself, -0 is equal to 0
}

func ordered(operator string, a, b any) bool {
	var c int
	switch x := a.(type) {
	case float64:
		y, _ := b.(float64)
		if math.IsNaN(x) || math.IsNaN(y) {
			return false
		}
		c = cmp.Compare(x+0, y+0) // -0 is 0
	case string:
		y, _ := b.(string)
		c = strings.Compare(x, y)
	default:
		c = wholeOf(a).Cmp(wholeOf(b))
	}
	return operator[0] == '<' && c < 0 || operator[0] == '>' && c > 0 || len(operator) == 2 && c == 0
}

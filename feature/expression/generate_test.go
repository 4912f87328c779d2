package expression_test

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/quiver-features/quiver/feature"
)

// expr is a random expression: its text and what the oracle says of it.
type expr struct {
	text string
	of   func(row map[string]any) result
}

// generator draws expressions of the types that CEL has too.
type generator struct {
	t     *rapid.T
	nulls bool // also what CEL does not have: null, coalesce
}

func (g *generator) pick(words ...string) string { return rapid.SampledFrom(words).Draw(g.t, "pick") }

// kinds are the types of expressions, and of two variables each: i0, i1, x0, …
func kinds() []string { return []string{"i", "x", "b", "s", "t"} }

func (g *generator) expr(kind string, depth int) expr {
	if depth == 0 || rapid.IntRange(0, 5).Draw(g.t, "leaf") == 0 {
		return g.leaf(kind)
	}
	if rapid.IntRange(0, 6).Draw(g.t, "choice") == 0 {
		c, a, b := g.expr("b", depth-1), g.expr(kind, depth-1), g.expr(kind, depth-1)
		return expr{"(" + c.text + " ? " + a.text + " : " + b.text + ")", func(r map[string]any) result { return chosen(c.of(r), a.of(r), b.of(r)) }}
	}
	if g.nulls && rapid.IntRange(0, 5).Draw(g.t, "coalesce") == 0 {
		a, b := g.expr(kind, depth-1), g.expr(kind, depth-1)
		return expr{"coalesce(" + a.text + ", " + b.text + ")", func(r map[string]any) result { return coalesced(a.of(r), b.of(r)) }}
	}
	switch kind {
	case "i":
		return g.integer(depth)
	case "x":
		return g.binary(kind, depth, g.pick("+", "-", "*", "/"))
	case "s":
		return g.binary(kind, depth, "+")
	case "b":
		return g.boolean(depth)
	}
	return g.leaf(kind)
}

func (g *generator) binary(kind string, depth int, op string) expr {
	a, b := g.expr(kind, depth-1), g.expr(kind, depth-1)
	return expr{"(" + a.text + " " + op + " " + b.text + ")", func(r map[string]any) result {
		return strictly(func(v ...result) result { return arithmetic(op, v[0], v[1]) }, a.of(r), b.of(r))
	}}
}

func (g *generator) integer(depth int) expr {
	switch g.pick("op", "op", "op", "size", "negate", "of time") {
	case "size":
		a := g.expr("s", depth-1)
		return expr{"size(" + a.text + ")", func(r map[string]any) result {
			return strictly(func(v ...result) result { return length(v[0].(string)) }, a.of(r))
		}}
	case "negate":
		a := g.expr("i", depth-1)
		return expr{"-(" + a.text + ")", func(r map[string]any) result {
			return strictly(func(v ...result) result { return arithmetic("-", int64(0), v[0]) }, a.of(r))
		}}
	case "of time":
		a := g.expr("t", depth-1)
		return expr{"int(" + a.text + ")", func(r map[string]any) result {
			return strictly(func(v ...result) result { return v[0].(feature.Time).Std().Unix() }, a.of(r))
		}}
	}
	return g.binary("i", depth, g.pick("+", "-", "*", "/", "%"))
}

func (g *generator) boolean(depth int) expr {
	what := []string{"compare", "compare", "logic", "logic", "not", "in", "text"}
	if g.nulls {
		what = append(what, "null")
	}
	switch g.pick(what...) {
	case "logic":
		op := g.pick("&&", "||")
		a, b := g.expr("b", depth-1), g.expr("b", depth-1)
		return expr{"(" + a.text + " " + op + " " + b.text + ")", func(r map[string]any) result { return logical(op == "||", a.of(r), b.of(r)) }}
	case "not":
		a := g.expr("b", depth-1)
		return expr{"!(" + a.text + ")", func(r map[string]any) result {
			return strictly(func(v ...result) result { return !v[0].(bool) }, a.of(r))
		}}
	case "in":
		kind := g.pick(kinds()...)
		x, a, b := g.expr(kind, depth-1), g.expr(kind, depth-1), g.expr(kind, depth-1)
		return expr{"(" + x.text + " in [" + a.text + ", " + b.text + "])", func(r map[string]any) result {
			va, vb := a.of(r), b.of(r)
			for _, v := range []result{va, vb} {
				if _, bad := v.(noValue); bad {
					return v
				}
			}
			return strictly(func(v ...result) result { return member(v[0], va, vb) }, x.of(r))
		}}
	case "text":
		op := g.pick("startsWith", "endsWith", "contains")
		a, b := g.expr("s", depth-1), g.expr("s", depth-1)
		return expr{a.text + "." + op + "(" + b.text + ")", func(r map[string]any) result {
			return strictly(func(v ...result) result { return textTest(op, v[0].(string), v[1].(string)) }, a.of(r), b.of(r))
		}}
	case "null":
		a, equal := g.expr(g.pick(kinds()...), depth-1), rapid.Bool().Draw(g.t, "equal")
		op := " != null)"
		if equal {
			op = " == null)"
		}
		return expr{"(" + a.text + op, func(r map[string]any) result { return isNull(a.of(r), equal) }}
	}
	kind, op := g.pick(kinds()...), g.pick("<", "<=", ">", ">=", "==", "!=")
	a, b := g.expr(kind, depth-1), g.expr(kind, depth-1)
	return expr{"(" + a.text + " " + op + " " + b.text + ")", func(r map[string]any) result {
		return strictly(func(v ...result) result { return compared(op, v[0], v[1]) }, a.of(r), b.of(r))
	}}
}

func (g *generator) leaf(kind string) expr {
	if rapid.IntRange(0, 2).Draw(g.t, "literal") > 0 {
		name := kind + g.pick("0", "1")
		return expr{name, func(r map[string]any) result { return r[name] }}
	}
	v := g.value(kind)
	return expr{literal(v), func(map[string]any) result { return v }}
}

// value draws a value, the edges more often.
func (g *generator) value(kind string) any {
	switch kind {
	case "i":
		return rapid.OneOf(rapid.Int64Range(-5, 5), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 1 << 32, -1 << 31}), rapid.Int64()).Draw(g.t, "i")
	case "x":
		return rapid.OneOf(rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1, -1, 0.1, 1e300, 5e-324, 2.5}), rapid.Float64Range(-1e6, 1e6)).Draw(g.t, "x")
	case "b":
		return rapid.Bool().Draw(g.t, "b")
	case "s":
		return g.pick("", "a", "ab", "abc", "é", "日本", "b", "\\", "'", "\n")
	}
	// CEL's differences of times end after 292 years.
	return feature.Time(rapid.Int64Range(-2e15, 4e15).Draw(g.t, "t"))
}

// literal writes a value as CEL does.
func literal(v any) string {
	switch v := v.(type) {
	case int64:
		return fmt.Sprintf("(%d)", v)
	case float64:
		s := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(s, ".e") {
			s += ".0"
		}
		return "(" + s + ")"
	case string:
		return strconv.Quote(v)
	case feature.Time:
		return "timestamp('" + v.Std().Format(time.RFC3339Nano) + "')"
	default:
		return fmt.Sprint(v)
	}
}

// row draws values of all variables.
func (g *generator) row() map[string]any {
	row := map[string]any{}
	for _, kind := range kinds() {
		for _, n := range []string{"0", "1"} {
			if g.nulls && rapid.IntRange(0, 3).Draw(g.t, "null") == 0 {
				row[kind+n] = nil
				continue
			}
			row[kind+n] = g.value(kind)
			if kind == "x" && rapid.IntRange(0, 5).Draw(g.t, "special") == 0 {
				row[kind+n] = rapid.SampledFrom([]float64{math.NaN(), math.Inf(1), math.Inf(-1)}).Draw(g.t, "x")
			}
		}
	}
	return row
}

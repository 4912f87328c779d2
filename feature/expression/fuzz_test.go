package expression_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// everyType is a row of values and one of nulls for a variable of each type.
func everyType(t testing.TB) (vars []expression.Variable, columns map[string]*feature.Column) {
	columns = map[string]*feature.Column{}
	for name, v := range map[string]value{
		"b": {"bool", true}, "i": {"int64", int64(math.MinInt64)}, "j": {"int32", int32(7)}, "x": {"float64", math.NaN()}, "y": {"float32", float32(0.5)},
		"s": {"string", "12"}, "r": {"bytes", []byte{0xff}}, "d": {"date", feature.CalendarDay(math.MinInt32)}, "t": {"timestamp", feature.MaxTime},
		"li": {"list<int64>", []any{int64(1), nil}}, "lx": {"list<float32>[2]", []any{float32(1), float32(2)}}, "ls": {"list<string>", []any{}}, "o.x": {"float64", 1.0},
	} {
		c := feature.NewColumn(typeOf(t, v.typ), 2)
		if err := c.AppendAny(v.v); err != nil {
			t.Fatal(err)
		}
		c.AppendNull()
		columns[name] = c
		vars = append(vars, expression.Variable{Name: name, Type: c.Type})
	}
	return vars, columns
}

// FuzzCompile compiles any text, and evaluates what compiles on values at the edges and
// on nulls. An error has a place inside the text.
func FuzzCompile(f *testing.F) {
	vars, columns := everyType(f)
	scope, err := expression.NewScope(vars)
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		"i + j * 2", "x / y > 1.0 ? s : lower(s)", "b && !b || i == null", "s.substr(1, i)", "split(s, '')[j]", "replace(s, '1', s + s)",
		"t + days(i) - t > hours(1)", "year(d) in li", "dot(lx, [1, 2])", "one_hot(s, ['a', '12'])", "bucketize(x, [1, 2.5])", "hash(s, i)",
		"coalesce(li, [])", "o.x", "matches(s, '^1+$')", "[[1]]", "{1: 2}", "has(o.x)", "((((", "'\\xff'", "\"", "1e400", "-9223372036854775808", "b ? null : li",
		"ls + split(s, '1') + ['x']", "string(r)", "date(t) - d == days(1)", strings.Repeat("-", 300) + "i", strings.Repeat("(", 300), "int32(i)", "a\n.b", "s//", "`b`", "size(li[0])",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := expression.Compile(text, scope)
		if err != nil {
			var e *expression.Error
			lines := strings.Split(text, "\n")
			switch {
			case !errors.As(err, &e) || !errors.Is(err, feature.ErrInvalid) || e.Message == "":
				t.Fatalf("%q: %v", text, err)
			case e.Line < 1 || e.Column < 1 || e.Line > len(lines) || e.Column > len([]rune(lines[e.Line-1]))+1:
				t.Fatalf("%q: the place is outside the text: %v", text, err)
			}
			return
		}
		var args []*feature.Column
		for _, name := range p.Reads() {
			args = append(args, columns[name])
		}
		dst := feature.NewColumn(p.Type(), 2)
		m := p.NewMachine()
		for range 2 {
			dst.Reset()
			if bad, err := m.Eval(2, args, dst); err != nil || dst.Len() != 2 || bad != nil && len(bad) != 2 {
				t.Fatalf("%q: %v, %d rows, failed %v", text, err, dst.Len(), bad)
			}
		}
		dst.Any(0) // whatever there is can be read
		dst.Any(1)
	})
}

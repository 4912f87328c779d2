package expression_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cel.dev/cel-go/cel"
	"pgregory.net/rapid"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// alwaysFails tells the one error that a well-typed expression may have: a part of
// constants that has no value.
func alwaysFails(err error) bool { return strings.Contains(err.Error(), "never has a value") }

func kindType(kind byte) feature.Type {
	return feature.Scalar(map[byte]feature.Kind{'i': feature.Int64, 'x': feature.Float64, 'b': feature.Bool, 's': feature.String, 't': feature.Timestamp}[kind])
}

func variables() []expression.Variable {
	var vars []expression.Variable
	for _, kind := range kinds() {
		for _, n := range []string{"0", "1"} {
			vars = append(vars, expression.Variable{Name: kind + n, Type: kindType(kind[0])})
		}
	}
	return vars
}

// columns makes the columns that a program reads of rows.
func columns(t *rapid.T, p *expression.Program, rows []map[string]any) []*feature.Column {
	var args []*feature.Column
	for _, name := range p.Reads() {
		c := feature.NewColumn(kindType(name[0]), len(rows))
		for _, r := range rows {
			if err := c.AppendAny(r[name]); err != nil {
				t.Fatal(err)
			}
		}
		args = append(args, c)
	}
	return args
}

// eval gives the results of rows as the oracles do.
func eval(t *rapid.T, m *expression.Machine, p *expression.Program, args []*feature.Column, rows int) []result {
	dst := feature.NewColumn(p.Type(), rows)
	bad, err := m.Eval(rows, args, dst)
	if err != nil || dst.Len() != rows || bad != nil && len(bad) != rows {
		t.Fatalf("%v, %d rows of %d, %d failed", err, dst.Len(), rows, len(bad))
	}
	results := make([]result, rows)
	for i := range results {
		results[i] = dst.Any(i)
		if bad != nil && bad[i] {
			if !dst.IsNull(i) {
				t.Fatalf("row %d failed and has a value", i)
			}
			results[i] = noValue{}
		}
	}
	return results
}

// same compares results; floats by their bits, but all NaN are one.
func same(a, b result) bool {
	x, ok := a.(float64)
	y, ok2 := b.(float64)
	if ok && ok2 {
		return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
	}
	return a == b
}

func TestRandomExpressionsGiveWhatTheRulesSay(t *testing.T) {
	scope, err := expression.NewScope(variables())
	if err != nil {
		t.Fatal(err)
	}
	evaluated := 0
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t, nulls: true}
		e := g.expr(g.pick(kinds()...), 4)
		p, err := expression.Compile(e.text, scope)
		if err != nil {
			if !alwaysFails(err) {
				t.Fatalf("%s: %v", e.text, err)
			}
			return
		}
		evaluated++
		var rows []map[string]any
		for range rapid.IntRange(1, 8).Draw(t, "rows") {
			rows = append(rows, g.row())
		}
		got := eval(t, p.NewMachine(), p, columns(t, p, rows), len(rows))
		for i, r := range rows {
			if want := e.of(r); !same(got[i], want) {
				t.Fatalf("%s of %v is %v, want %v", e.text, r, got[i], want)
			}
		}
	})
	if evaluated < 30 {
		t.Errorf("only %d expressions were evaluated", evaluated)
	}
}

// celEnv declares the same variables to cel-go.
func celEnv(t *testing.T) *cel.Env {
	types := map[string]*cel.Type{"i": cel.IntType, "x": cel.DoubleType, "b": cel.BoolType, "s": cel.StringType, "t": cel.TimestampType}
	var options []cel.EnvOption
	for _, v := range variables() {
		options = append(options, cel.Variable(v.Name, types[v.Name[:1]]))
	}
	env, err := cel.NewEnv(options...)
	if err != nil {
		t.Fatal(err)
	}
	return env
}

// celResult is what cel-go's parser, checker and evaluator make of a row.
func celResult(program cel.Program, row map[string]any) result {
	in := map[string]any{}
	for name, v := range row {
		if t, ok := v.(feature.Time); ok {
			v = t.Std()
		}
		in[name] = v
	}
	out, _, err := program.Eval(in)
	if err != nil {
		return noValue{}
	}
	if t, ok := out.Value().(time.Time); ok {
		return feature.TimeOf(t)
	}
	return out.Value()
}

func TestWhatCelGoHasTooIsEqual(t *testing.T) {
	env := celEnv(t)
	scope, err := expression.NewScope(variables())
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]string{"int64": "int", "float64": "double", "bool": "bool", "string": "string", "timestamp": "timestamp"}
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t}
		e := g.expr(g.pick(kinds()...), 4)
		checked, issues := env.Compile(e.text)
		if issues.Err() != nil {
			t.Fatalf("%s: %v", e.text, issues.Err())
		}
		p, err := expression.Compile(e.text, scope)
		if err != nil {
			if !alwaysFails(err) {
				t.Fatalf("%s: %v", e.text, err)
			}
			return
		}
		if got, want := names[p.Type().String()], checked.OutputType().TypeName(); !strings.HasSuffix(strings.ToLower(want), got) {
			t.Fatalf("%s is a %s, want %s", e.text, got, want)
		}
		program, err := env.Program(checked)
		if err != nil {
			t.Fatal(err)
		}
		var rows []map[string]any
		for range rapid.IntRange(1, 4).Draw(t, "rows") {
			rows = append(rows, g.row())
		}
		got := eval(t, p.NewMachine(), p, columns(t, p, rows), len(rows))
		for i, r := range rows {
			if want := celResult(program, r); !same(got[i], want) {
				t.Fatalf("%s of %v is %v (%T), cel-go says %v (%T)", e.text, r, got[i], got[i], want, want)
			}
		}
	})
}

// A batch gives what its rows give alone, whatever the batch's size, what the machine
// computed before, and whether a constant column is long or one value.
func TestABatchGivesWhatItsRowsGiveAlone(t *testing.T) {
	scope, err := expression.NewScope(variables())
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		g := &generator{t: t, nulls: true}
		e := g.expr(g.pick(kinds()...), 3)
		p, err := expression.Compile(e.text, scope)
		if err != nil {
			return
		}
		var few []map[string]any
		for range 5 {
			few = append(few, g.row())
		}
		used := p.NewMachine()
		var alone []result
		for _, r := range few {
			alone = append(alone, eval(t, used, p, columns(t, p, []map[string]any{r}), 1)[0])
		}
		for _, size := range []int{0, rapid.IntRange(2, 3000).Draw(t, "size"), 1024} {
			rows := make([]map[string]any, size)
			for i := range rows {
				rows[i] = few[i%len(few)]
			}
			for i, got := range eval(t, used, p, columns(t, p, rows), size) {
				if !same(got, alone[i%len(few)]) {
					t.Fatalf("%s: row %d of %d is %v, alone %v", e.text, i, size, got, alone[i%len(few)])
				}
			}
		}
		one := columns(t, p, few[:1])
		size := rapid.IntRange(2, 2000).Draw(t, "broadcast")
		for i, got := range eval(t, used, p, one, size) {
			if !same(got, alone[0]) && len(one) > 0 {
				t.Fatalf("%s: row %d of %d of one value is %v, alone %v", e.text, i, size, got, alone[0])
			}
		}
	})
}

func ExampleCompile() {
	scope, err := expression.NewScope([]expression.Variable{
		{Name: "distance", Type: feature.Scalar(feature.Int64)},
		{Name: "origin.busy", Type: feature.Scalar(feature.Bool)},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	program, err := expression.Compile("distance > 1500 && origin.busy", scope)
	if err != nil {
		fmt.Println(err)
		return
	}
	distance := &feature.Column{Type: feature.Scalar(feature.Int64), Int64s: []int64{1600, 900}}
	busy := &feature.Column{Type: feature.Scalar(feature.Bool), Bools: []bool{true, true}}
	result := feature.NewColumn(program.Type(), 2)
	failed, err := program.NewMachine().Eval(2, []*feature.Column{distance, busy}, result)
	fmt.Println(program.Reads(), result.Bools, failed, err)
	// Output: [distance origin.busy] [true false] [] <nil>
}

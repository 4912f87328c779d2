package expression_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"cel.dev/cel-go/cel"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

// benchExpressions are of the kinds that definitions have.
func benchExpressions() []struct{ name, text string } {
	return []struct{ name, text string }{
		{"sum", "a + b"},
		{"ratio", "x / (y + 1.0)"},
		{"choice", "a > 15 ? 1.0 : 0.0"},
		{"both", "a > 1500 && flag"},
		{"formula", "(x * 2.5 + y) / 3.0 - x"},
		{"text", "s == 'SFO'"},
	}
}

func benchVariables() []expression.Variable {
	return []expression.Variable{
		{Name: "a", Type: feature.Scalar(feature.Int64)},
		{Name: "b", Type: feature.Scalar(feature.Int64)},
		{Name: "x", Type: feature.Scalar(feature.Float64)},
		{Name: "y", Type: feature.Scalar(feature.Float64)},
		{Name: "flag", Type: feature.Scalar(feature.Bool)},
		{Name: "s", Type: feature.Scalar(feature.String)},
	}
}

// benchColumns makes rows of all variables; of nulls every tenth value is null.
func benchColumns(rows int, nulls bool) map[string]*feature.Column {
	r := rand.New(rand.NewPCG(1, 2))
	columns := map[string]*feature.Column{}
	for _, v := range benchVariables() {
		c := feature.NewColumn(v.Type, rows)
		for range rows {
			n := r.IntN(3000)
			switch {
			case nulls && n%10 == 0:
				c.AppendNull()
			case v.Type.Kind == feature.Int64:
				c.AppendInt64(int64(n))
			case v.Type.Kind == feature.Float64:
				c.AppendFloat64(float64(n) / 7)
			case v.Type.Kind == feature.Bool:
				c.AppendBool(n%2 == 0)
			default:
				c.AppendString([]string{"SFO", "LAX", "JFK"}[n%3])
			}
		}
		columns[v.Name] = c
	}
	return columns
}

// BenchmarkEval reports the time of a row in a batch, with and without nulls, and of
// whole requests of one row.
func BenchmarkEval(b *testing.B) {
	scope, err := expression.NewScope(benchVariables())
	if err != nil {
		b.Fatal(err)
	}
	for _, e := range benchExpressions() {
		p, err := expression.Compile(e.text, scope)
		if err != nil {
			b.Fatal(err)
		}
		for _, rows := range []int{1, 10_000} {
			for _, nulls := range []bool{false, true} {
				b.Run(fmt.Sprintf("%s/rows=%d/nulls=%v", e.name, rows, nulls), func(b *testing.B) {
					columns := benchColumns(rows, nulls)
					var args []*feature.Column
					for _, name := range p.Reads() {
						args = append(args, columns[name])
					}
					m, dst := p.NewMachine(), feature.NewColumn(p.Type(), rows)
					b.ReportAllocs()
					for b.Loop() {
						dst.Reset()
						if _, err := m.Eval(rows, args, dst); err != nil {
							b.Fatal(err)
						}
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(rows), "ns/row")
				})
			}
		}
	}
}

// BenchmarkCelGo is the same with cel-go's evaluator, one row at a time.
func BenchmarkCelGo(b *testing.B) {
	env, err := cel.NewEnv(
		cel.Variable("a", cel.IntType), cel.Variable("b", cel.IntType), cel.Variable("x", cel.DoubleType), cel.Variable("y", cel.DoubleType),
		cel.Variable("flag", cel.BoolType), cel.Variable("s", cel.StringType),
	)
	if err != nil {
		b.Fatal(err)
	}
	row := map[string]any{"a": int64(1600), "b": int64(5), "x": 1.5, "y": 2.5, "flag": true, "s": "SFO"}
	for _, e := range benchExpressions() {
		b.Run(e.name, func(b *testing.B) {
			checked, issues := env.Compile(e.text)
			if issues.Err() != nil {
				b.Fatal(issues.Err())
			}
			p, err := env.Program(checked)
			if err != nil {
				b.Fatal(err)
			}
			activation, err := cel.NewActivation(row)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := p.Eval(activation); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N), "ns/row")
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.Run("scope", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := expression.NewScope(benchVariables()); err != nil {
				b.Fatal(err)
			}
		}
	})
	scope, err := expression.NewScope(nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("another scope", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := scope.With(benchVariables()); err != nil {
				b.Fatal(err)
			}
		}
	})
	if scope, err = scope.With(benchVariables()); err != nil {
		b.Fatal(err)
	}
	b.Run("formula", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := expression.Compile("(x * 2.5 + y) / 3.0 - x", scope); err != nil {
				b.Fatal(err)
			}
		}
	})
}

package expression_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/expression"
)

func TestTheExpressionsOfTheDesignGiveWhatTheySay(t *testing.T) {
	at := func(s string) feature.Time {
		v, err := feature.ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	r := row{
		"date": {"timestamp", at("2001-06-30T12:00:00Z")}, "distance": {"int64", int64(1600)}, "delay": {"int64", int64(16)}, "landed_1h": {"int64", int64(41)},
		"as_of": {"timestamp", at("2001-06-30T13:30:00Z")}, "event_timestamp": {"timestamp", at("2001-06-30T12:00:00Z")}, "origin.busy": {"bool", true},
	}
	for text, want := range map[string]string{
		"date + minutes(30 + distance / 8)":         "timestamp 2001-06-30T15:50:00Z",
		"delay > 15 ? 1.0 : 0.0":                    "float64 1",
		"landed_1h > 40":                            "bool true",
		"seconds(as_of - event_timestamp) / 3600.0": "float64 1.5",
		"distance > 1500 && origin.busy":            "bool true",
	} {
		if got := evaluate(t, text, r); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestColumnsThatAreNotTheProgramsAreErrorsAndNothingIsAppended(t *testing.T) {
	scope, err := expression.NewScope([]expression.Variable{{Name: "a", Type: feature.Scalar(feature.Int64)}, {Name: "b", Type: feature.Scalar(feature.Int64)}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := expression.Compile("b + a + b", scope)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(p.Reads(), p.Uses("a"), p.Uses("c"), p.Type()); got != "[a b] true false int64" {
		t.Error(got)
	}
	ints := func(n int) *feature.Column { return feature.NullColumn(feature.Scalar(feature.Int64), n) }
	text := feature.NullColumn(feature.Scalar(feature.String), 2)
	for name, c := range map[string]struct {
		args []*feature.Column
		dst  *feature.Column
	}{
		"too few columns":   {[]*feature.Column{ints(2)}, ints(0)},
		"another type":      {[]*feature.Column{ints(2), text}, ints(0)},
		"too few rows":      {[]*feature.Column{ints(2), ints(0)}, ints(0)},
		"too many rows":     {[]*feature.Column{ints(3), ints(2)}, ints(0)},
		"another result":    {[]*feature.Column{ints(2), ints(2)}, feature.NewColumn(feature.Scalar(feature.Float64), 0)},
		"a list for result": {[]*feature.Column{ints(2), ints(2)}, feature.NewColumn(feature.ListOf(feature.Int64, 0), 0)},
	} {
		if _, err := p.NewMachine().Eval(2, c.args, c.dst); !errors.Is(err, feature.ErrInvalid) || c.dst.Len() != 0 {
			t.Errorf("%s: %v, %d rows, want ErrInvalid and none", name, err, c.dst.Len())
		}
	}
}

func TestAScopeHasEachNameOnceWithAType(t *testing.T) {
	i := feature.Scalar(feature.Int64)
	for name, vars := range map[string][]expression.Variable{
		"twice": {{Name: "a", Type: i}, {Name: "a", Type: i}}, "no type": {{Name: "a"}}, "no name": {{Type: i}}, "a kind that is none": {{Name: "a", Type: feature.Scalar(77)}},
	} {
		if _, err := expression.NewScope(vars); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%s: %v, want ErrInvalid", name, err)
		}
	}
}

// A row of every type, as one value for all rows and as a column of its own, gives the same.
func TestAColumnOfOneValueHoldsForAllRows(t *testing.T) {
	vars, columns := everyType(t)
	scope, err := expression.NewScope(vars)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 1500
	for _, text := range []string{
		"b", "i", "j", "x", "y", "s", "r", "d", "t", "li", "lx", "ls", "s + '!'", "li + [i]", "coalesce(li, [1])", "dot(lx, lx)", "size(s)", "b ? li : [2]",
		"'12' in ls", "s in ['12', '13']", "j == null", "split(s, '')", "7", "[1, null]", "'a'", "j / 0", "lx[j]",
	} {
		p, err := expression.Compile(text, scope)
		if err != nil {
			t.Fatal(err)
		}
		m := p.NewMachine()
		for row := range 2 { // the value, and null
			var one, all []*feature.Column
			for _, name := range p.Reads() {
				single, repeated := feature.NewColumn(columns[name].Type, 1), feature.NewColumn(columns[name].Type, rows)
				single.AppendFrom(columns[name], row)
				for range rows {
					repeated.AppendFrom(columns[name], row)
				}
				one, all = append(one, single), append(all, repeated)
			}
			want := feature.NewColumn(p.Type(), 1)
			bad, err := m.Eval(1, one, want)
			if err != nil {
				t.Fatal(err)
			}
			for name, args := range map[string][]*feature.Column{"one value": one, "a column": all} {
				got := feature.NewColumn(p.Type(), rows)
				gotBad, err := m.Eval(rows, args, got)
				if err != nil || got.Len() != rows {
					t.Fatalf("%s: %d rows, %v", text, got.Len(), err)
				}
				for i := range rows {
					if show(got, gotBad, i) != show(want, bad, 0) {
						t.Fatalf("%s of %s: row %d is %s, want %s", text, name, i, show(got, gotBad, i), show(want, bad, 0))
					}
				}
			}
		}
	}
}

// What a machine has computed, in chunks before or in other batches, leaves no trace:
// nulls, failures and lists of one chunk are not those of the next.
func TestChunksAndBatchesLeaveNoTrace(t *testing.T) {
	list := feature.ListOf(feature.Int64, 0)
	vars := []expression.Variable{{Name: "a", Type: feature.Scalar(feature.Int64)}, {Name: "b", Type: feature.Scalar(feature.Bool)}, {Name: "l", Type: list}}
	scope, err := expression.NewScope(vars)
	if err != nil {
		t.Fatal(err)
	}
	const rows = 2500
	a, b, l := feature.NewColumn(vars[0].Type, rows), feature.NewColumn(vars[1].Type, rows), feature.NewColumn(list, rows)
	for i := range rows {
		switch early := i < 1024; { // long lists first, then nulls
		case early && i%3 > 0 || i%7 == 0:
			a.AppendInt64(int64(i % 5))
			b.AppendBool(true)
			for k := range 4 {
				l.Items.AppendInt64(int64(k))
			}
			l.EndList()
		default:
			a.AppendNull()
			b.AppendNull()
			l.AppendNull()
		}
	}
	for _, text := range []string{"[a, 1]", "[1, a, 2][1]", "a in (b ? l : [5])", "size(b ? l + l : l)", "12 / a", "l[a]", "coalesce(l, [a])", "b ? l : [a]", "a in [a, 2]", "norm(b ? [double(a), 2.0] : [1.0])", "split(string(a), '')"} {
		p, err := expression.Compile(text, scope)
		if err != nil {
			t.Fatal(err)
		}
		var args []*feature.Column
		for _, name := range p.Reads() {
			args = append(args, map[string]*feature.Column{"a": a, "b": b, "l": l}[name])
		}
		m := p.NewMachine()
		whole := feature.NewColumn(p.Type(), rows)
		bad, err := m.Eval(rows, args, whole)
		if err != nil {
			t.Fatal(err)
		}
		bad = slices.Clone(bad)
		for i := rows - 1; i >= 0; i-- {
			one := make([]*feature.Column, len(args))
			for k, arg := range args {
				one[k] = feature.NewColumn(arg.Type, 1)
				one[k].AppendFrom(arg, i)
			}
			fresh, used := feature.NewColumn(p.Type(), 1), feature.NewColumn(p.Type(), 1)
			freshBad, err := p.NewMachine().Eval(1, one, fresh)
			if err != nil {
				t.Fatal(err)
			}
			usedBad, err := m.Eval(1, one, used)
			if err != nil {
				t.Fatal(err)
			}
			want := show(fresh, freshBad, 0)
			if show(whole, bad, i) != want || show(used, usedBad, 0) != want {
				t.Fatalf("%s: row %d is %s in the batch, %s on a used machine, %s alone", text, i, show(whole, bad, i), show(used, usedBad, 0), want)
			}
		}
		again := feature.NewColumn(p.Type(), rows)
		againBad, err := m.Eval(rows, args, again)
		if err != nil || !slices.Equal(againBad, bad) {
			t.Errorf("%s: other rows fail the second time: %v", text, err)
		}
	}
}

func TestEvalOfScalarsTakesNoMemory(t *testing.T) {
	scope, err := expression.NewScope(benchVariables())
	if err != nil {
		t.Fatal(err)
	}
	columns := benchColumns(2000, false)
	one := &feature.Column{Type: feature.Scalar(feature.Int64), Int64s: []int64{3}}
	for _, text := range []string{"a + b * 2", "a / b > 1 && flag || x < y", "flag ? x : log(y)", "s == 'SFO' ? a : coalesce(b, 1)", "size(lower(s) + '!')", "clamp(a, 0, 5) in [1, 2]", "year(timestamp(a))"} {
		p, err := expression.Compile(text, scope)
		if err != nil {
			t.Fatal(err)
		}
		var args []*feature.Column
		for _, name := range p.Reads() {
			if name == "b" {
				args = append(args, one)
				continue
			}
			args = append(args, columns[name])
		}
		m, dst := p.NewMachine(), feature.NewColumn(p.Type(), 2000)
		if n := testing.AllocsPerRun(10, func() {
			dst.Reset()
			if _, err := m.Eval(2000, args, dst); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s allocates %v times", text, n)
		}
	}
}

// A program may be used by many machines at once; each of these has constants,
// patterns and sets of the program.
func TestAProgramServesManyMachinesAtOnce(t *testing.T) {
	scope, err := expression.NewScope(benchVariables())
	if err != nil {
		t.Fatal(err)
	}
	p, err := expression.Compile("s.matches('^S') && a in [1, 2, 3, 4, 5, 6, 7, 8, 9] || size([a, null] + [1]) == 3 && bucketize(x, [1, 2]) > 0", scope)
	if err != nil {
		t.Fatal(err)
	}
	columns := benchColumns(3000, true)
	var args []*feature.Column
	for _, name := range p.Reads() {
		args = append(args, columns[name])
	}
	results := make([]*feature.Column, 4)
	var group sync.WaitGroup
	for i := range results {
		group.Go(func() {
			results[i] = feature.NewColumn(p.Type(), 3000)
			if _, err := p.NewMachine().Eval(3000, args, results[i]); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, other := range results[1:] {
		if !slices.Equal(other.Bools, results[0].Bools) || !slices.Equal(other.Valid, results[0].Valid) {
			t.Error("two machines differ")
		}
	}
}

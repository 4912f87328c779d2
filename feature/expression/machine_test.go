package expression_test

import (
	"errors"
	"fmt"
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

package serving_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	gostrings "strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// expressions is a service with derived features of a view and of its own, and a store.
//
//	SFO: delay 30, flights 4, an hour ago    LAX: delay null, flights 0, an hour ago    JFK: two days ago, beyond the TTL
func expressions(t *testing.T) (*serving.Handler, *memory, *prometheus.Registry) {
	t.Helper()
	return expressionsWith(t, quiet())
}

func expressionsWith(t *testing.T, log *slog.Logger) (*serving.Handler, *memory, *prometheus.Registry) {
	t.Helper()
	v, s := view("airports", 1, []feature.JoinKey{key("airport", feature.String)}, feature.Rule{TTL: feature.Day},
		field("delay", feature.Int64), field("flights", feature.Int64))
	expression := func(name string, kind feature.Kind, text string) feature.Field {
		return feature.Field{Name: name, Type: feature.Scalar(kind), Expression: text}
	}
	v.Features = append(append([]feature.Field{}, v.Features...),
		expression("share", feature.Int64, "delay / flights"), // fails without flights
		expression("twice", feature.Int64, "coalesce(share, -1) * 2"),
		expression("age", feature.Float64, "seconds(as_of - event_timestamp)"),
		expression("known", feature.Bool, "delay != null"),
	)
	m := newMemory()
	m.marks[1] = fresh
	m.put(t, s, now.Add(-feature.Hour), []any{"SFO"}, []any{int64(30), int64(4)})
	m.put(t, s, now.Add(-feature.Hour), []any{"LAX"}, []any{int64(3), int64(0)})
	m.put(t, s, now.Add(-2*feature.Day), []any{"JFK"}, []any{int64(5), int64(5)})
	sel := selection("model@1", feature.Use{View: v, Alias: "origin", Keys: []string{"from"}, Active: s})
	sel.Outputs = nil
	for _, f := range []int{2, 3, 4, 5} {
		sel.Outputs = append(sel.Outputs, feature.Output{Use: 0, Feature: f, Name: v.Features[f].Name})
	}
	sel.Inputs = []feature.Input{{Name: "distance", Type: feature.Scalar(feature.Int64)}, {Name: "weights", Type: feature.ListOf(feature.Float64, 2)}}
	sel.Derived = []feature.Field{
		expression("far", feature.Bool, "distance > 100 && origin.flights > 1"),
		expression("score", feature.Float64, "dot(weights, [1.0, double(distance)])"),
		expression("both", feature.Bool, "far && origin.known"),
	}
	for i, d := range sel.Derived {
		sel.Outputs = append(sel.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: i, Name: d.Name})
	}
	opts := options()
	registry := prometheus.NewRegistry()
	opts.Registerer, opts.Log = registry, log
	return newHandler(t, &catalog{services: map[string]*feature.Selection{"model": sel}}, m, opts), m, registry
}

func expressionRequest(t *testing.T) *serving.Request {
	t.Helper()
	from := column(t, feature.Scalar(feature.String), "SFO", "LAX", "JFK", "nowhere", nil)
	return &serving.Request{
		Service: "model", Keys: map[string]*feature.Column{"from": from},
		Inputs: map[string]*feature.Column{
			"distance": column(t, feature.Scalar(feature.Int32), int32(337), int32(337), int32(50), nil, int32(337)),
			"weights": column(t, feature.ListOf(feature.Float64, 0),
				[]any{1.0, 2.0}, []any{0.0, 0.5}, nil, []any{0.0, 0.0}, []any{2.0, 0.0}),
		},
	}
}

func TestDerivedFeaturesAreThoseOfATrainingSet(t *testing.T) {
	h, _, metrics := expressions(t)
	r := get(t, h, expressionRequest(t))
	want := map[string][]string{
		"share": {"7/PRESENT", "null/ERROR", "null/OUTSIDE_MAX_AGE", "null/NOT_FOUND", "null/NOT_FOUND"},
		"twice": {"14/PRESENT", "-2/PRESENT", "-2/PRESENT", "-2/PRESENT", "null/NOT_FOUND"}, // a failed share is a null share; without a key there is no row
		"age":   {"3600/PRESENT", "3600/PRESENT", "null/OUTSIDE_MAX_AGE", "null/NOT_FOUND", "null/NOT_FOUND"},
		"known": {"true/PRESENT", "true/PRESENT", "false/PRESENT", "false/PRESENT", "null/NOT_FOUND"},
		"far":   {"true/PRESENT", "false/PRESENT", "false/PRESENT", "null/NOT_FOUND", "null/NOT_FOUND"},
		"score": {"675/PRESENT", "168.5/PRESENT", "null/NULL", "null/NULL", "2/PRESENT"},
		"both":  {"true/PRESENT", "false/PRESENT", "false/PRESENT", "false/PRESENT", "null/NOT_FOUND"},
	}
	for i := range r.Features {
		f := &r.Features[i]
		if diff := cmp.Diff(want[f.Name], show(f)); diff != "" {
			t.Errorf("%s: -want +got:\n%s", f.Name, diff)
		}
		if derived := i > 3; derived != (f.View == -1) {
			t.Errorf("%s: view %d", f.Name, f.View)
		}
	}
	if n, err := testutil.GatherAndCount(metrics, "quiver_serving_expression_failures_total"); err != nil || n != 7 {
		t.Errorf("got %d counters (%v), one for each computed feature was expected", n, err)
	}
	if len(r.Features) != len(want) {
		t.Errorf("%d features, expected %d", len(r.Features), len(want))
	}
}

// A value that training can't have shown is not made up by an expression that does
// without it.
func TestWhatRestsOnAnUnreadValueIsUnavailable(t *testing.T) {
	h, m, _ := expressions(t)
	m.set(func() { m.get = func(context.Context, [][]byte) error { return feature.ErrUnavailable } })
	r := get(t, h, expressionRequest(t))
	for i := range r.Features {
		f := &r.Features[i]
		for row, got := range show(f)[:4] {
			want := "null/UNAVAILABLE"
			if f.Name == "score" {
				want = []string{"675/PRESENT", "168.5/PRESENT", "null/NULL", "null/NULL"}[row]
			}
			if got != want {
				t.Errorf("%s, row %d: got %s, want %s", f.Name, row, got, want)
			}
		}
	}
}

func TestADamagedRowIsAnErrorOfAllThatReadsIt(t *testing.T) {
	var log bytes.Buffer
	h, m, _ := expressionsWith(t, slog.New(slog.NewTextHandler(&log, nil)))
	m.set(func() {
		for k, v := range m.values {
			m.values[k] = v[:len(v)-1]
		}
	})
	r := get(t, h, expressionRequest(t))
	for i := range r.Features {
		if f := &r.Features[i]; f.Name != "score" && show(f)[0] != "null/ERROR" {
			t.Errorf("%s: got %s", f.Name, show(f)[0])
		}
	}
	if says := `msg="a stored value can't be read, and its features have the status ERROR"`; !gostrings.Contains(log.String(), says) ||
		!gostrings.Contains(log.String(), `do="quiver materialize --rebuild airports"`) {
		t.Errorf("the log does not say %s, and what to do:\n%s", says, log.String())
	}
}

func TestInputsThatDoNotFit(t *testing.T) {
	h, _, _ := expressions(t)
	set := func(name string, c *feature.Column) func(*serving.Request) {
		return func(r *serving.Request) { r.Inputs[name] = c }
	}
	for _, c := range []struct {
		name, field, message string
		change               func(*serving.Request)
	}{
		{"missing", "inputs.distance", "missing (int64): service model@1 needs the inputs distance (int64), weights (list<float64>[2])", func(r *serving.Request) { delete(r.Inputs, "distance") }},
		{"misspelt", "inputs.distanc", `no input is called "distanc" (did you mean distance?): service model@1 needs distance (int64), weights (list<float64>[2])`, set("distanc", &feature.Column{})},
		{"of another length", "inputs.distance", "1 values, but keys.from has 5: inputs are as long as the key columns", set("distance", column(t, feature.Scalar(feature.Int64), int64(1)))},
		{"text for a number", "inputs.distance", "values of type string, expected int64", set("distance", strings("a", "b", "c", "d", "e"))},
		{"a float for an integer", "inputs.distance", "values of type float64, expected int64", set("distance", column(t, feature.Scalar(feature.Float64), 1.0, 2.0, 3.0, 4.0, 5.0))},
		{"a list for a number", "inputs.distance", "values of type list<int64>, expected int64", set("distance", column(t, feature.ListOf(feature.Int64, 0), nil, nil, nil, nil, nil))},
		{"lists of another length", "inputs.weights[1]", "a list of 1 items, expected list<float64>[2]", set("weights", column(t, feature.ListOf(feature.Float64, 0), nil, []any{1.0}, nil, nil, nil))},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := expressionRequest(t)
			c.change(r)
			_, err := h.Get(t.Context(), r)
			var field *serving.FieldError
			if !errors.As(err, &field) || !errors.Is(err, feature.ErrInvalid) || field.Field != c.field || field.Message != c.message {
				t.Errorf("got %v, want %s: %s", err, c.field, c.message)
			}
		})
	}
}

// A service that has inputs and no keys has as many rows as they.
func TestAServiceOfInputsAlone(t *testing.T) {
	v, s := view("fuel", 1, nil, feature.Rule{}, field("price", feature.Float64))
	m := newMemory()
	m.marks[1] = fresh
	m.put(t, s, now, nil, []any{2.5})
	sel := selection("cost@1", feature.Use{View: v, Alias: "fuel", Active: s})
	sel.Inputs = []feature.Input{{Name: "litres", Type: feature.Scalar(feature.Int32)}}
	sel.Derived = []feature.Field{{Name: "cost", Type: feature.Scalar(feature.Float64), Expression: "fuel.price * double(litres)"}}
	sel.Outputs = []feature.Output{{Use: feature.DerivedOutput, Feature: 0, Name: "cost"}}
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{"cost": sel}}, m, options())
	litres := column(t, feature.Scalar(feature.Int64), int64(4), int64(-2), nil)
	r := get(t, h, &serving.Request{Service: "cost", Inputs: map[string]*feature.Column{"litres": litres}})
	if diff := cmp.Diff([]string{"10/PRESENT", "-5/PRESENT", "null/NULL"}, show(&r.Features[0])); diff != "" {
		t.Error(diff)
	}
	litres = column(t, feature.Scalar(feature.Int64), int64(1)<<40)
	if _, err := h.Get(t.Context(), &serving.Request{Service: "cost", Inputs: map[string]*feature.Column{"litres": litres}}); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a number beyond 32 bits: %v", err)
	}
}

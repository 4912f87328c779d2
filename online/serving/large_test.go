package serving_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"

	gostrings "strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// What a text makes of itself is bounded while it is made, be it delivered or read by
// another expression: an answer of a few cells can't take more than a request may.
func TestTextsThatExpressionsMakeAreBoundedWhileTheyAreMade(t *testing.T) {
	const mebi, rows = 1 << 20, 2000
	expression := func(name string, kind feature.Kind, text string) feature.Field {
		return feature.Field{Name: name, Type: feature.Scalar(kind), Expression: text}
	}
	v, s := view("v", 1, []feature.JoinKey{key("id", feature.String)}, feature.Rule{}, field("name", feature.String))
	v.Features = append(append([]feature.Field{}, v.Features...),
		expression("long", feature.String, "replace(name, 'x', '"+gostrings.Repeat("y", 1000)+"')"),
		expression("length", feature.Int64, "size(long)"),
	)
	m := newMemory()
	m.marks[1] = fresh
	for i := range rows {
		m.put(t, s, now, []any{fmt.Sprint(i)}, []any{gostrings.Repeat("x", 1000)})
	}
	model := func(name string, outputs []feature.Output, derived ...feature.Field) *feature.Selection {
		sel := selection(name+"@1", feature.Use{View: v, Alias: "v", Keys: []string{"id"}, Active: s})
		sel.Derived, sel.Outputs = derived, outputs
		return sel
	}
	of := func(at int) []feature.Output { return []feature.Output{{Use: 0, Feature: at, Name: "o"}} }
	own := []feature.Output{{Use: feature.DerivedOutput, Feature: 0, Name: "o"}}
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"delivers": model("delivers", of(1)),
		"reads":    model("reads", of(2)),
		"derives":  model("derives", own, expression("n", feature.Int64, "size(v.long)")),
		"makes":    model("makes", own, expression("n", feature.String, "v.name + v.name")),
	}}, m, options())
	ask := func(service string, rows int) (*serving.Response, error) {
		ids := make([]string, rows)
		for i := range ids {
			ids[i] = fmt.Sprint(i)
		}
		return h.Get(t.Context(), &serving.Request{Service: service, Keys: map[string]*feature.Column{"id": strings(ids...)}})
	}
	for _, service := range []string{"delivers", "reads", "derives"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := ask(service, rows) // a megabyte each
		runtime.ReadMemStats(&after)
		if !errors.Is(err, feature.ErrTooLarge) || !gostrings.Contains(err.Error(), "keys: 2000 rows have texts and lists of more than 67108864 bytes: split the request") {
			t.Errorf("%s: %v", service, err)
		}
		// 64 MiB of values and 32 MiB on the way, which grow by a quarter.
		if took := after.TotalAlloc - before.TotalAlloc; took > 700*mebi {
			t.Errorf("%s: took %d MiB", service, took/mebi)
		}
		if r, err := ask(service, 20); err != nil || show(&r.Features[0])[19] == "null/ERROR" {
			t.Errorf("%s: 20 rows: %v", service, err)
		}
	}
	if _, err := ask("makes", rows); err != nil { // 4 MB, beside as much of names
		t.Error(err)
	}
	// Rows of one key make a text once, but each has it where it is delivered.
	ones := &serving.Request{Service: "reads", Keys: map[string]*feature.Column{"id": strings(slices.Repeat([]string{"1"}, rows)...)}}
	if r, err := h.Get(t.Context(), ones); err != nil || show(&r.Features[0])[rows-1] != "1000000/PRESENT" {
		t.Errorf("rows of one key: %v", err)
	}
	ones.Service = "delivers"
	if _, err := h.Get(t.Context(), ones); !errors.Is(err, feature.ErrTooLarge) {
		t.Errorf("rows of one key, delivered: %v", err)
	}
}

package registry_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

const kept = `kind: entity
name: airport
keys: [{name: airport, type: string}]
---
kind: source
name: departures
parquet: flights/*.parquet
event_timestamp: date
derive: {hours: delay / 60}
---
kind: view
name: last
entities: [airport]
keys: {airport: origin}
source: departures
online: true
features:
  - {name: very, expression: late && distance > 100}
  - {name: late, expression: delay > 15}
  - {name: delay}
  - {name: distance}
  - {name: hours}
---
kind: service
name: model
features:
  - {view: last, hide: [distance, late, delay, hours, very]}
derived:
  - {name: far, expression: last.distance > 1500}
  - {name: bad, expression: "far && last.very"}
`

// keptAs is the project with one part replaced.
func keptAs(t *testing.T, part, by string) *registry.Definitions {
	t.Helper()
	if strings.Count(kept, part) != 1 {
		t.Fatalf("the definitions don't have %q once", part)
	}
	return defined(t, strings.Replace(kept, part, by, 1))
}

func TestDerivedFeaturesAreNotStored(t *testing.T) {
	store := &memory{}
	apply(t, store, defined(t, kept))
	stored := func(version int) []feature.Field { return load(t, store).Active("last", version).Features }
	want := []feature.Field{
		{Name: "delay", Type: scalar(feature.Int32)}, {Name: "distance", Type: scalar(feature.Int64)}, {Name: "hours", Type: scalar(feature.Int64)},
	}
	if diff := cmp.Diff(want, stored(1)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	plan := apply(t, store, keptAs(t, "late && distance > 100", "late"))
	if got := lines(plan); !slices.Equal(got, []string{viewBreaks, modelMoves}) {
		t.Errorf("another expression: %v", got)
	}
	if diff := cmp.Diff(want, stored(2)); diff != "" {
		t.Errorf("of the new version (-want +got):\n%s", diff)
	}
	added := defined(t, strings.Replace(strings.Replace(kept, "late && distance > 100", "late", 1), "  - {name: delay}", "  - {name: delay}\n  - {name: more, expression: delay + 1}", 1))
	added.Services[0].Features[0].Hide = append(added.Services[0].Features[0].Hide, "more")
	if got := lines(apply(t, store, added)); !slices.Equal(got, []string{"view last: update, safe, 2 -> 2"}) {
		t.Errorf("one more: %v", got)
	}
	if n := len(load(t, store).Storages()); n != 2 {
		t.Errorf("there are %d storages, want one for each version", n)
	}
}

func TestWhatAServiceDerivesOthersOfIsInUse(t *testing.T) {
	store := &memory{}
	apply(t, store, defined(t, kept))
	s := load(t, store)
	selection, err := s.Service("model", 0)
	if err != nil {
		t.Fatal(err)
	}
	var outputs []string
	for _, o := range selection.Outputs {
		outputs = append(outputs, fmt.Sprint(o.Name, " ", o.Use, " ", selection.Field(o).Expression))
	}
	if want := []string{"far -1 last.distance > 1500", "bad -1 far && last.very"}; !slices.Equal(outputs, want) || len(selection.Uses) != 1 {
		t.Errorf("outputs %q of %d uses, want %q", outputs, len(selection.Uses), want)
	}
	if got := s.UsedBy(registry.KindView, "last", 1); len(got) != 1 || got[0].Name != "model" {
		t.Errorf("used by %v", got)
	}

	// The service stays with version 1; the files lose what it reads, and what it doesn't.
	pinned := func(text string) *registry.Definitions {
		return defined(t, strings.Replace(text, "{view: last,", "{view: last, version: 1,", 1))
	}
	for _, test := range []struct {
		without string
		want    []string
	}{
		{"  - {name: hours}\n", nil},
		{"  - {name: very, expression: late && distance > 100}\n", []string{"very read by model@1"}},
	} {
		plan, err := registry.NewPlan(t.Context(), s, pinned(strings.Replace(kept, test.without, "", 1)), flights())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range plan.Removals {
			for _, u := range r.Users {
				got = append(got, fmt.Sprintf("%s read by %s@%d", r.Feature, u.Name, u.Version))
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("without %s: %v goes, want %v", strings.TrimSpace(test.without), got, test.want)
		}
	}
	_, err = registry.NewPlan(t.Context(), s, pinned(strings.Replace(kept, "far && last.very", "far && last.vary", 1)), flights())
	if err == nil || !strings.Contains(err.Error(), "unknown name last.vary (did you mean last.very?)") {
		t.Errorf("a feature that a version never had: %v", err)
	}
}

func TestPromoteWantsFilledWhatExpressionsRead(t *testing.T) {
	store := &memory{}
	apply(t, store, defined(t, kept))
	yes := func(context.Context, *feature.Storage) (bool, error) { return true, nil }
	next := strings.NewReplacer(
		"late && distance > 100", "late && speed > 100.0", // through another expression
		"hours, very]}", "hours, very, speed]}", "  - {name: delay}", "  - {name: delay}\n  - {name: speed}",
	).Replace(kept)
	apply(t, store, defined(t, strings.Replace(kept, "late && distance > 100", "late", 1))) // version 2, with a storage without speed
	apply(t, store, defined(t, strings.Replace(next, "late && speed > 100.0", "late", 1)))
	apply(t, store, defined(t, strings.Replace(strings.Replace(next, "late && speed > 100.0", "late", 1), "far && last.very", "far && last.speed > 1.0", 1)))
	if _, err := registry.Promote(t.Context(), store, load(t, store), registry.Target{Name: "model", Version: 2}, yes, author()); err != nil {
		t.Errorf("version 2 reads nothing that is missing: %v", err)
	}
	_, err := registry.Promote(t.Context(), store, load(t, store), registry.Target{Name: "model", Version: 3}, yes, author())
	if want := "service model@3: feature speed of view last@2 is still being filled"; !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}

func TestARegistryWithExpressionsIsWrittenAndReadAgain(t *testing.T) {
	store := open(t)
	apply(t, store, defined(t, computed))
	s := load(t, store)
	state, err := s.State()
	if err != nil {
		t.Fatal(err)
	}
	again, err := registry.NewSnapshot(state)
	if err != nil {
		t.Fatal(err)
	}
	if changes := registry.Diff(s, again); len(changes) > 0 {
		t.Errorf("%v", changes)
	}
	before, err := s.Service("model", 0)
	if err != nil {
		t.Fatal(err)
	}
	after, err := again.Service("model", 0)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
	for i := range state.Objects {
		if o := &state.Objects[i]; o.Kind == registry.KindService {
			o.Spec = []byte(strings.Replace(string(o.Spec), `"feature":"far"`, `"feature":"fur"`, 1))
		}
	}
	if _, err := registry.NewSnapshot(state); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "contradicts itself") {
		t.Errorf("an output of nothing: %v", err)
	}
}

func TestRollbackTakesExpressionsBack(t *testing.T) {
	store := &memory{}
	apply(t, store, defined(t, kept))
	apply(t, store, keptAs(t, "last.distance > 1500", "last.distance > 1600"))
	apply(t, store, keptAs(t, "name: late, ", "name: late, description: x, "))
	to, err := store.Load(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	back, err := registry.NewRollback(t.Context(), load(t, store), to, store.materialized)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := back.Apply(t.Context(), store, author()); err != nil {
		t.Fatal(err)
	}
	if plan := apply(t, store, defined(t, kept)); !plan.Empty() {
		t.Errorf("the files of revision 1 change %v", lines(plan))
	}
}

func TestAViewThatReadsAColumnAsAnotherTypeComputesWithThat(t *testing.T) {
	const text = `kind: source
name: s
parquet: flights/*.parquet
event_timestamp: date
created_timestamp: written
derive: {fast: speed, written: landed + minutes(1)}
---
kind: view
name: v
source: s
features:
  - {name: speed, type: float64}
  - {name: fast}
  - {name: same, aggregate: max, of: "speed > 1.0 ? speed : null", window: 1h}
`
	store := &memory{}
	apply(t, store, defined(t, text))
	v, err := load(t, store).View("v", 0)
	if err != nil {
		t.Fatal(err)
	}
	for i := range v.Features {
		if f := &v.Features[i]; f.Type != scalar(feature.Float64) {
			t.Errorf("feature %s is %s, want float64", f.Name, f.Type)
		}
	}
	if c := v.Table.Column("landed"); c == nil || c.Key || !v.Rule.Created || v.Table.Created != "written" {
		t.Errorf("a created timestamp is computed of %+v, whose files need not have it; the table is %+v", c, v.Table)
	}
	plan := apply(t, store, defined(t, strings.Replace(text, ", type: float64", "", 1)))
	if got := lines(plan); !slices.Equal(got, []string{"view v: update, safe, 1 -> 1 current"}) {
		t.Errorf("a type that is not declared any more stays as it was applied: got %v", got)
	}
}

func TestWhatParenthesesChangeIsComputedByItself(t *testing.T) {
	const text = `kind: source
name: s
parquet: flights/*.parquet
event_timestamp: date
---
kind: view
name: v
source: s
features:
  - {name: delay}
  - {name: size, aggregate: sum, of: (-delay).abs(), window: 1h}
  - {name: lost, aggregate: sum, of: -delay.abs(), window: 1h}
  - {name: off, expression: (-delay).abs()}
`
	store := &memory{}
	apply(t, store, defined(t, text))
	v, err := load(t, store).View("v", 0)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{} // expressions of columns
	for _, d := range v.Table.Derived {
		got[d.Name] = d.Expression
	}
	size, lost := v.Features[1].Aggregate.Column, v.Features[2].Aggregate.Column
	if got[size] != "(-delay).abs()" || got[lost] != "-delay.abs()" {
		t.Errorf("size is of %q, lost of %q", got[size], got[lost])
	}
	for _, part := range []string{"of: (-delay).abs()", "of: -delay.abs()", "expression: (-delay).abs()"} {
		field, _, _ := strings.Cut(part, ":")
		by := field + ": -delay.abs()"
		if part == by {
			by = field + ": (-delay).abs()"
		}
		changed := &memory{}
		apply(t, changed, defined(t, text))
		if plan := apply(t, changed, defined(t, strings.Replace(text, part, by, 1))); !strings.Contains(reasons(plan), "breaking: feature") {
			t.Errorf("%s -> %s: %v because\n%s", part, by, lines(plan), reasons(plan))
		}
	}
}

func TestSearchFindsWhatIsComputed(t *testing.T) {
	store := &memory{}
	apply(t, store, defined(t, computed))
	for word, want := range map[string]string{
		"miles": "service model input miles", "far": "service model feature far", "full": "service model feature and full",
		"unread": "source arrivals column unread", "code": "source arrivals column code; view arrivals column code", "speed != null": "",
	} {
		var got []string
		for _, m := range load(t, store).Search([]string{word}, "") {
			if m.Words == len(strings.Fields(word)) {
				got = append(got, fmt.Sprintf("%s %s %s %s", m.Kind, m.Name, m.Hits[0].Field, m.Hits[0].Text))
			}
		}
		if strings.Join(got, "; ") != want {
			t.Errorf("%s: found %q, want %q", word, got, want)
		}
	}
}

func TestAViewOfNothingButExpressionsIsRefused(t *testing.T) {
	d := defined(t, "kind: source\nname: s\nparquet: flights/*.parquet\nevent_timestamp: date\n---\nkind: view\nname: v\nsource: s\nfeatures: [{name: f, expression: hour(as_of)}]\n")
	_, err := registry.NewPlan(t.Context(), load(t, &memory{}), d, flights())
	const want = "a.yaml:9:11: view v: all of its features are expressions, which leaves nothing to compute them of (add a feature that is a column or an aggregate)"
	if err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

func TestExpressionsOverFilesThatAreNotThereAreNoFurtherProblem(t *testing.T) {
	_, err := registry.NewPlan(t.Context(), load(t, &memory{}), defined(t, strings.Replace(computed, "flights/*.parquet", "gone", 1)), flights())
	if want := "a.yaml:7:10: source arrivals: gone matches no file: not found"; err == nil || err.Error() != want {
		t.Errorf("got %v\nwant %s", err, want)
	}
}

// What these ask for is bounded, and what is refused is told.
func TestHostileExpressions(t *testing.T) {
	source := func(derive string) string {
		return "kind: source\nname: s\nparquet: flights/*.parquet\nevent_timestamp: date\nderive:\n" + derive +
			"---\nkind: view\nname: v\nsource: s\nfeatures: [{name: f, column: x0}]\n"
	}
	lines := func(n int, line func(i int) string) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(line(i) + "\n")
		}
		return b.String()
	}
	for _, test := range []struct{ name, text, want string }{
		{"a chain of columns", source(lines(1000, func(i int) string { return fmt.Sprintf("  x%d: x%d + 1", i, i+1) }) + "  x1000: distance\n"), ""},
		{"a ladder of keys", "kind: entity\nname: e\nkeys: [{name: x0, type: int64}]\n---\n" + strings.Replace(source(lines(200, func(i int) string {
			return fmt.Sprintf("  x%d: x%d + y%d\n  y%d: x%d - y%d", i, i+1, i+1, i, i+1, i+1)
		})+"  x200: distance\n  y200: distance\n"), "source: s", "source: s\nentities: [e]", 1), ""},
		{"a ring of columns", source(lines(1000, func(i int) string { return fmt.Sprintf("  x%d: x%d + 1", i, (i+1)%1000) })), "it needs itself: x0 -> x1"},
		{"a column of everything", source("  x0: " + strings.Repeat("distance + ", 150) + "1\n"), ""},
		{"many nodes", source("  x0: '" + strings.Repeat("1+", 8000) + "1'\n"), "the expression is too large"},
		{"deep parentheses", source("  x0: '" + strings.Repeat("(", 8000) + "1" + strings.Repeat(")", 8000) + "'\n"), "the expression is too large"},
		{"deep lists", source("  x0: '" + strings.Repeat("[", 8000) + "'\n"), "the expression is too large"},
		{"a thousand aggregates of one text", strings.Replace(source("  x0: distance\n"), "[{name: f, column: x0}]", "\n"+lines(1000, func(i int) string {
			return fmt.Sprintf("  - {name: f%d, aggregate: sum, of: x0 + 1, window: 1h}", i)
		}), 1), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			plan, err := registry.NewPlan(t.Context(), load(t, &memory{}), defined(t, test.text), flights())
			switch {
			case test.want == "" && err != nil:
				t.Errorf("%.500v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %.500v\nwant %s", err, test.want)
			case err == nil && plan.Empty():
				t.Error("nothing is planned")
			}
		})
	}
}

// Planning compiles what many views have in common once, and comparing with what is
// there compiles nothing.
func BenchmarkPlanOfViewsWithExpressions(b *testing.B) {
	var text strings.Builder
	text.WriteString(kept)
	for i := range 5000 {
		fmt.Fprintf(&text, "---\nkind: view\nname: v%d\nentities: [airport]\nkeys: {airport: origin}\nsource: departures\nfeatures:\n", i)
		for f := range 5 {
			fmt.Fprintf(&text, "  - {name: n%d, aggregate: sum, of: delay + %d, where: distance > %d, window: 1h}\n  - {name: x%d, expression: n%d > %d}\n", f, i, f, f, f, i)
		}
	}
	d := defined(b, text.String())
	store := &memory{}
	plan := func(b *testing.B) *registry.Plan {
		b.Helper()
		s, err := store.Load(b.Context(), 0)
		if err != nil {
			b.Fatal(err)
		}
		p, err := registry.NewPlan(b.Context(), s, d, flights())
		if err != nil {
			b.Fatal(err)
		}
		return p
	}
	b.Run("new", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			plan(b)
		}
	})
	if _, err := registry.Apply(b.Context(), store, plan(b), author()); err != nil {
		b.Fatal(err)
	}
	b.Run("again", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			plan(b)
		}
	})
}

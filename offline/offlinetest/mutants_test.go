package offlinetest

import (
	"context"
	"math"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// A wrong engine is an oracle that is given another case than the one asked
// for. Scripts and random cases must each notice every one of them.
func TestEveryWrongEngineIsNoticed(t *testing.T) {
	noticed(t, mutants(), Scripts, Generate)
}

func TestEveryWrongEngineOfWindowsIsNoticed(t *testing.T) {
	noticed(t, windowMutants(), WindowScripts, GenerateWindows)
}

func noticed(t *testing.T, wrong map[string]func(*Case) *Case, scripts func() ([]*Case, error), generate func(uint64) *Case) {
	t.Helper()
	for name, change := range wrong {
		t.Run(name, func(t *testing.T) {
			engine := EngineFunc(func(ctx context.Context, c *Case) ([]*feature.Column, error) {
				return Oracle{}.Join(ctx, change(c))
			})
			cases, err := scripts()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(cases, func(c *Case) bool { return differs(t.Context(), engine, c) != "" }) {
				t.Error("no script notices it")
			}
			for seed := uint64(1); ; seed++ {
				if disagree(t.Context(), engine, generate(seed)) != "" {
					break
				}
				if seed == 2000 {
					t.Fatal("2000 random cases do not notice it")
				}
			}
		})
	}
}

// windowMutants change one thing of every aggregate.
func windowMutants() map[string]func(*Case) *Case {
	aggregates := func(change func(a *feature.Aggregate)) func(*Case) *Case {
		return func(c *Case) *Case {
			out := *c
			for i := range out.Views {
				changeView(&out, i, func(v *feature.ViewVersion) {
					v.Features = slices.Clone(v.Features)
					for f := range v.Features {
						if v.Features[f].Aggregate != nil {
							a := *v.Features[f].Aggregate
							change(&a)
							v.Features[f].Aggregate = &a
						}
					}
				})
			}
			return &out
		}
	}
	bounded := func(change func(w *feature.Window)) func(*Case) *Case {
		return aggregates(func(a *feature.Aggregate) {
			if a.Window.Length != 0 {
				change(&a.Window)
			}
		})
	}
	instead := func(f, by feature.Function) func(*Case) *Case {
		return aggregates(func(a *feature.Aggregate) {
			if a.Function == f {
				a.Function = by
			}
		})
	}
	all := map[string]func(*Case) *Case{
		"the tail does not move in steps": bounded(func(w *feature.Window) { w.Granularity = 1 }),
		"a tile too many":                 bounded(func(w *feature.Window) { w.Length += w.Granularity }),
		"a microsecond too many":          bounded(func(w *feature.Window) { w.Length++ }),
		"all time":                        bounded(func(w *feature.Window) { w.Length, w.Granularity = 0, feature.Day }),
		"no condition":                    aggregates(func(a *feature.Aggregate) { a.Where = "" }),
		"no default":                      aggregates(func(a *feature.Aggregate) { a.Default = nil }),
		"one value more":                  aggregates(func(a *feature.Aggregate) { a.N += min(a.N, 1) }),
		"the median":                      aggregates(func(a *feature.Aggregate) { a.Q = 0.5 }),
		"the earliest is the latest":      instead(feature.First, feature.Last),
		"the most frequent is the latest": instead(feature.TopK, feature.LastN),
		"distinct values are values":      instead(feature.CountDistinct, feature.Count),
		"deviation is variance":           instead(feature.Stddev, feature.Variance),
		"rows are values": aggregates(func(a *feature.Aggregate) {
			if a.Function == feature.Count {
				a.Column = ""
			}
		}),
	}
	for _, name := range []string{"no delay", "no created", "no available", "T1 exclusive"} {
		all[name] = mutants()[name]
	}
	return all
}

func mutants() map[string]func(*Case) *Case {
	views := func(change func(*feature.ViewVersion)) func(*Case) *Case {
		return func(c *Case) *Case {
			out := *c
			for i := range out.Views {
				changeView(&out, i, change)
			}
			return &out
		}
	}
	return map[string]func(*Case) *Case{
		"T1 exclusive":            views(func(v *feature.ViewVersion) { v.Rule.Delay++ }),
		"no delay":                views(func(v *feature.ViewVersion) { v.Rule.Delay = 0 }),
		"T2 exclusive":            views(func(v *feature.ViewVersion) { v.Rule.TTL = max(v.Rule.TTL-1, 0) }),
		"T2 a microsecond longer": views(func(v *feature.ViewVersion) { v.Rule.TTL += min(v.Rule.TTL, 1) }),
		"no ttl":                  views(func(v *feature.ViewVersion) { v.Rule.TTL = 0 }),
		"no created":              views(func(v *feature.ViewVersion) { v.Table.Created = "" }),
		"no available":            views(func(v *feature.ViewVersion) { v.Table.Available = "" }),
		"available is created":    views(func(v *feature.ViewVersion) { v.Table.Available = v.Table.Created }),
		"values in defined order": views(inDefinedOrder),
		"the first file only":     func(c *Case) *Case { return files(c, func(f []File) []File { return f[:1] }) },
		"null created sorts last": func(c *Case) *Case { return nulls(c, func(s *Source) string { return s.Created }, math.MaxInt64) },
		"null event is the least": func(c *Case) *Case { return nulls(c, func(s *Source) string { return s.Event }, math.MinInt64) },
		"null available is the least": func(c *Case) *Case {
			return nulls(c, func(s *Source) string { return s.Available }, math.MinInt64)
		},
	}
}

// inDefinedOrder renames the features so that their names' order is that of the
// definition.
func inDefinedOrder(v *feature.ViewVersion) {
	v.Features = slices.Clone(v.Features)
	for i := range v.Features {
		v.Features[i].Name = string(rune('a' + i))
	}
}

func files(c *Case, change func([]File) []File) *Case {
	out := *c
	out.Sources = slices.Clone(c.Sources)
	for i := range out.Sources {
		out.Sources[i].Files = change(slices.Clone(out.Sources[i].Files))
	}
	return &out
}

// nulls puts a time in place of the nulls of a time column.
func nulls(c *Case, column func(*Source) string, at int64) *Case {
	out := *c
	out.Sources = slices.Clone(c.Sources)
	for i := range out.Sources {
		s := &out.Sources[i]
		s.Files = slices.Clone(s.Files)
		for f := range s.Files {
			columns := take(s.Files[f].Columns, asWritten(s.Files[f].Rows()))
			if found := find(columns, column(s)); found != nil {
				for row := range found.Values.Len() {
					if found.Values.IsNull(row) {
						found.Values.Int64s[row] = at
					}
				}
				found.Values.Valid = nil
			}
			s.Files[f].Columns = columns
		}
	}
	return &out
}

func TestRandomCasesReadBackFromTheirScripts(t *testing.T) {
	for seed := range uint64(600) {
		c := Generate(seed)
		if seed%2 == 1 {
			c = GenerateWindows(seed)
		}
		want, err := Oracle{}.Join(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("seed.script", script(t.Context(), c))
		if err != nil {
			t.Fatalf("%v\n%s", err, script(t.Context(), c))
		}
		if len(c.Selection.Outputs) != len(again.Selection.Outputs) {
			t.Fatalf("seed %d: other outputs", seed)
		}
		if d := Diff(c, again.Want, want); d != "" {
			t.Fatalf("seed %d: written answers\n%s", seed, d)
		}
		if d := differs(t.Context(), Oracle{}, again); d != "" {
			t.Fatalf("seed %d: the case read back has other answers\n%s", seed, d)
		}
	}
}

func TestAFailingCaseIsMadeSmall(t *testing.T) {
	// Wrong where a TTL hides a row: one row of one source and one spine row show it.
	engine := EngineFunc(func(ctx context.Context, c *Case) ([]*feature.Column, error) {
		return Oracle{}.Join(ctx, mutants()["no ttl"](c))
	})
	fails := func(c *Case) bool { return disagree(t.Context(), engine, c) != "" }
	seed := uint64(1)
	for !fails(Generate(seed)) {
		seed++
	}
	small := Shrink(Generate(seed), fails)
	if !fails(small) {
		t.Fatal("the small case does not fail")
	}
	rows := 0
	for _, f := range small.Sources[0].Files {
		rows += f.Rows()
	}
	if len(small.Sources) != 1 || rows != 1 || small.Rows() != 1 || len(small.Selection.Outputs) != 1 {
		t.Errorf("expected one source row, one spine row and one output:\n%s", script(t.Context(), small))
	}
}

func TestAnAnswerOfTheWrongShapeIsADifference(t *testing.T) {
	c := Generate(1)
	right, err := Oracle{}.Join(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	short := slices.Clone(right)
	short[0] = feature.NullColumn(right[0].Type, c.Rows()+1)
	typed := slices.Clone(right)
	typed[0] = feature.NullColumn(feature.ListOf(feature.Date, 7), c.Rows())
	missing := slices.Clone(right)
	missing[0] = nil
	for name, got := range map[string][]*feature.Column{
		"no columns": nil, "another length": short, "another type": typed, "a missing column": missing,
	} {
		if Diff(c, got, right) == "" {
			t.Errorf("%s: no difference", name)
		}
	}
	if d := Diff(c, right, right); d != "" {
		t.Errorf("the right answer differs from itself:\n%s", d)
	}
}

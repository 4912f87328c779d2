package offlinetest

import (
	"context"
	"slices"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// Check compares an engine with the Oracle on the random cases of the seeds 1 to
// n. It stops at the first difference and prints it as a script, made as small
// as it gets while the two still differ.
func Check(t *testing.T, engine Engine, n int) {
	t.Helper()
	CheckFrom(t, engine, 1, n)
}

// CheckFrom is Check for the n seeds from first on.
func CheckFrom(t *testing.T, engine Engine, first uint64, n int) {
	t.Helper()
	checkFrom(t, engine, Generate, first, n)
}

// CheckWindowsFrom is CheckFrom on the cases of GenerateWindows.
func CheckWindowsFrom(t *testing.T, engine Engine, first uint64, n int) {
	t.Helper()
	checkFrom(t, engine, GenerateWindows, first, n)
}

// CheckExpressionsFrom is CheckFrom on the cases of GenerateExpressions.
func CheckExpressionsFrom(t *testing.T, engine Engine, first uint64, n int) {
	t.Helper()
	checkFrom(t, engine, GenerateExpressions, first, n)
}

func checkFrom(t *testing.T, engine Engine, generate func(seed uint64) *Case, first uint64, n int) {
	t.Helper()
	for i := range n {
		seed := first + uint64(i) // a count
		c := generate(seed)
		if disagree(t.Context(), engine, c) == "" {
			continue
		}
		c = Shrink(c, func(c *Case) bool { return disagree(t.Context(), engine, c) != "" })
		t.Fatalf("seed %d: the engine and the oracle differ\n%s\nthe smallest such case, with the oracle's answers:\n\n%s\n"+
			"rerun: the same check from seed %d on, once", seed, disagree(t.Context(), engine, c), script(t.Context(), c), seed)
	}
}

// disagree gives the difference between engine and oracle, or an empty text.
func disagree(ctx context.Context, engine Engine, c *Case) string {
	want, err := Oracle{}.Join(ctx, c)
	if err != nil {
		return "oracle: " + err.Error()
	}
	got, err := engine.Join(ctx, c)
	if err != nil {
		return "engine: " + err.Error()
	}
	return Diff(c, got, want)
}

// script writes a case with the oracle's answers.
func script(ctx context.Context, c *Case) string {
	answered := *c
	answered.Want, _ = Oracle{}.Join(ctx, c) // without answers the script shows question marks
	return Format(&answered)
}

// Shrink makes a case smaller, step by step, as long as fails holds for it.
func Shrink(c *Case, fails func(*Case) bool) *Case {
	for {
		i := slices.IndexFunc(smaller(c), fails)
		if i < 0 {
			return c
		}
		c = smaller(c)[i]
	}
}

// smaller gives copies of a case that each lack something, large things first.
func smaller(c *Case) []*Case {
	var out []*Case
	add := func(change func(c *Case)) {
		next := *c
		next.Want = nil
		change(&next)
		out = append(out, &next)
	}
	if len(c.Selection.Uses) > 1 && len(c.Selection.Derived) == 0 { // else it may read them
		for u := range c.Selection.Uses {
			add(func(c *Case) { dropUse(c, u) })
		}
	}
	if files := arrange(c, asWritten, whole); !slices.EqualFunc(files.Sources, c.Sources, sameLayout) {
		out = append(out, files)
	}
	for i := range c.Sources {
		for f := range c.Sources[i].Files {
			n := c.Sources[i].Files[f].Rows()
			for _, size := range []int{n, n / 2, 1} {
				for from := 0; size > 0 && from+size <= n; from += size {
					add(func(c *Case) { dropRows(c, i, f, from, size) })
				}
			}
		}
	}
	for row := range c.Rows() {
		rows := slices.Delete(asWritten(c.Rows()), row, row+1)
		out = append(out, respine(c, rows))
	}
	if len(c.Selection.Outputs) > 1 {
		for o := range c.Selection.Outputs {
			add(func(c *Case) {
				s := *c.Selection
				s.Outputs = slices.Delete(slices.Clone(s.Outputs), o, o+1)
				c.Selection = &s
			})
		}
	}
	for v, view := range c.Views {
		if view.Rule.TTL != 0 {
			add(func(c *Case) { changeView(c, v, func(v *feature.ViewVersion) { v.Rule.TTL = 0 }) })
		}
		if view.Rule.Delay != 0 {
			add(func(c *Case) { changeView(c, v, func(v *feature.ViewVersion) { v.Rule.Delay = 0 }) })
		}
	}
	return out
}

func sameLayout(a, b Source) bool { return len(a.Files) == len(b.Files) }

// dropUse removes a use with its outputs, and views and sources that nothing
// uses any more.
func dropUse(c *Case, u int) {
	s := *c.Selection
	s.Uses = slices.Delete(slices.Clone(s.Uses), u, u+1)
	s.Outputs = nil
	for _, o := range c.Selection.Outputs {
		if o.Use == u {
			continue
		}
		if o.Use > u {
			o.Use--
		}
		s.Outputs = append(s.Outputs, o)
	}
	if len(s.Outputs) == 0 {
		return
	}
	c.Selection = &s
	c.Views = slices.DeleteFunc(slices.Clone(c.Views), func(v *feature.ViewVersion) bool {
		return !slices.ContainsFunc(s.Uses, func(u feature.Use) bool { return u.View == v })
	})
	c.Sources = slices.DeleteFunc(slices.Clone(c.Sources), func(s Source) bool {
		return !slices.ContainsFunc(c.Views, func(v *feature.ViewVersion) bool { return v.Table.Source == s.Name })
	})
}

func dropRows(c *Case, source, file, from, n int) {
	c.Sources = slices.Clone(c.Sources)
	s := &c.Sources[source]
	s.Files = slices.Clone(s.Files)
	f := &s.Files[file]
	rows := slices.Delete(asWritten(f.Rows()), from, from+n)
	*f = File{Name: f.Name, Columns: take(f.Columns, rows), Groups: []int{len(rows)}}
}

func changeView(c *Case, v int, change func(*feature.ViewVersion)) {
	old, changed := c.Views[v], *c.Views[v]
	change(&changed)
	c.Views = slices.Clone(c.Views)
	c.Views[v] = &changed
	s := *c.Selection
	s.Uses = slices.Clone(s.Uses)
	for i := range s.Uses {
		if s.Uses[i].View == old {
			s.Uses[i].View = &changed
		}
	}
	c.Selection = &s
}

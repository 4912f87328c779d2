package offlinetest

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

//go:embed scripts/*.script windows/*.script expressions/*.script
var scripts embed.FS

// Scripts reads the scripts about rows, in the order of their names.
func Scripts() ([]*Case, error) { return readScripts("scripts") }

// WindowScripts reads the scripts about windowed aggregates, in the order of their names.
func WindowScripts() ([]*Case, error) { return readScripts("windows") }

// ExpressionScripts reads the scripts about what is computed by expressions, in the order
// of their names.
func ExpressionScripts() ([]*Case, error) { return readScripts("expressions") }

func readScripts(folder string) ([]*Case, error) {
	names, err := fs.Glob(scripts, folder+"/*.script")
	if err != nil {
		return nil, err
	}
	cases := make([]*Case, 0, len(names))
	for _, name := range names {
		script, err := scripts.ReadFile(name)
		if err != nil {
			return nil, err
		}
		c, err := Parse(path.Base(name), string(script))
		if err != nil {
			return nil, err
		}
		cases = append(cases, c)
	}
	return cases, nil
}

// Run runs every script on an engine: as it is written, and in every one of the
// variants, which must not change an answer. Without variants it takes those of
// Variants.
func Run(t *testing.T, engine Engine, variants ...Variant) {
	t.Helper()
	cases, err := Scripts()
	if err != nil {
		t.Fatal(err)
	}
	runAll(t, engine, cases, variants)
}

// RunWindows is Run with the scripts about windowed aggregates, in which every row
// counts: the variants that repeat rows are left out.
func RunWindows(t *testing.T, engine Engine, variants ...Variant) {
	t.Helper()
	cases, err := WindowScripts()
	if err != nil {
		t.Fatal(err)
	}
	runAll(t, engine, cases, variants)
}

// RunExpressions is Run with the scripts about what is computed by expressions.
func RunExpressions(t *testing.T, engine Engine, variants ...Variant) {
	t.Helper()
	cases, err := ExpressionScripts()
	if err != nil {
		t.Fatal(err)
	}
	runAll(t, engine, cases, variants)
}

func runAll(t *testing.T, engine Engine, cases []*Case, variants []Variant) {
	t.Helper()
	if len(variants) == 0 {
		variants = Variants()
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			if !runCase(t, engine, c) {
				return // the variants would say the same again
			}
			for _, v := range variants {
				if v.Repeats && hasWindows(c) {
					continue // every row counts
				}
				t.Run(v.Name, func(t *testing.T) { runCase(t, engine, v.Apply(c)) })
			}
		})
	}
}

func hasWindows(c *Case) bool {
	return slices.ContainsFunc(c.Views, func(v *feature.ViewVersion) bool {
		return slices.ContainsFunc(v.Features, func(f feature.Field) bool { return f.Aggregate != nil })
	})
}

func runCase(t *testing.T, engine Engine, c *Case) bool {
	t.Helper()
	d := differs(t.Context(), engine, c)
	if d != "" {
		t.Errorf("%s.script\n%s\n%s%s", c.Name, describe(c), d, rerun(t))
	}
	return d == ""
}

// differs gives the difference between an engine's answer and what the script
// expects, or an empty text.
func differs(ctx context.Context, engine Engine, c *Case) string {
	got, err := engine.Join(ctx, c)
	if err != nil {
		return err.Error() + "\n"
	}
	return Diff(c, got, c.Want)
}

func describe(c *Case) string {
	var b strings.Builder
	for _, r := range c.Rule {
		fmt.Fprintf(&b, "rule: %s\n", r)
	}
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "      %s\n", n)
	}
	return b.String()
}

func rerun(t *testing.T) string {
	return fmt.Sprintf("\nrerun: go test -run '^%s$'\n", strings.ReplaceAll(t.Name(), "/", "$/^"))
}

// Variant is a change of where rows stand that must not change the answer.
type Variant struct {
	Name    string
	Repeats bool // source rows, which windows count
	// Apply gives a changed copy of a case; what is not changed is shared.
	Apply func(*Case) *Case
}

// Variants gives the changes that Run makes: in source rows, files, row groups
// and the spine.
func Variants() []Variant {
	return []Variant{
		{Name: "source rows reversed", Apply: func(c *Case) *Case { return arrange(c, reversed, whole) }},
		{Name: "source rows shuffled", Apply: func(c *Case) *Case { return arrange(c, shuffled, whole) }},
		{Name: "one file per row", Apply: func(c *Case) *Case { return arrange(c, asWritten, perRow) }},
		{Name: "one file per row, reversed", Apply: func(c *Case) *Case { return arrange(c, reversed, perRow) }},
		{Name: "one row group per row", Apply: func(c *Case) *Case { return grouped(arrange(c, shuffled, whole)) }},
		{Name: "two files with every other row", Apply: func(c *Case) *Case { return arrange(c, asWritten, odds) }},
		{Name: "every source row twice", Repeats: true, Apply: func(c *Case) *Case { return arrange(c, twice, odds) }},
		{Name: "everything elsewhere", Apply: func(c *Case) *Case { return Shuffled(c, 1) }},
		{Name: "spine reversed", Apply: func(c *Case) *Case { return respine(c, reversed(c.Rows())) }},
		{Name: "spine three times, shuffled", Apply: func(c *Case) *Case { return respine(c, shuffled2(3, c.Rows())) }},
	}
}

func asWritten(n int) []int {
	rows := make([]int, n)
	for i := range rows {
		rows[i] = i
	}
	return rows
}

func reversed(n int) []int {
	rows := asWritten(n)
	slices.Reverse(rows)
	return rows
}

func shuffled(n int) []int { return shuffled2(1, n) }

func shuffled2(times, n int) []int {
	rows := slices.Repeat(asWritten(n), times)
	r := rand.New(rand.NewPCG(uint64(len(rows)), 7)) // a shuffle that is the same every time
	r.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
	return rows
}

func twice(n int) []int { return slices.Repeat(asWritten(n), 2) }

// The ways to cut rows into files: at which file row i of n goes.
func whole(int) int    { return 0 }
func perRow(i int) int { return i }
func odds(i int) int   { return i % 2 }

// arrange gives a case with each source's rows in a new order and in new files.
func arrange(c *Case, order func(n int) []int, file func(i int) int) *Case {
	out := *c
	out.Sources = slices.Clone(c.Sources)
	for i := range out.Sources {
		s := &out.Sources[i]
		all := take(s.header(), nil)
		for _, f := range s.Files {
			for j := range all {
				for row := range f.Rows() {
					all[j].Values.AppendFrom(f.Columns[j].Values, row)
				}
			}
		}
		files := [][]int{nil} // an empty source keeps one empty file
		for i, row := range order(all[0].Values.Len()) {
			at := file(i)
			for at >= len(files) {
				files = append(files, nil)
			}
			files[at] = append(files[at], row)
		}
		s.Files = nil
		for n, rows := range files {
			s.Files = append(s.Files, File{Name: fmt.Sprintf("f%d", n+1), Columns: take(all, rows), Groups: []int{len(rows)}})
		}
	}
	return &out
}

// Shuffled gives a case with every source row somewhere else: in another order,
// in other files and row groups, and these written in other ways. No answer may
// change. The same seed gives the same case.
func Shuffled(c *Case, seed uint64) *Case {
	r := rand.New(rand.NewPCG(seed, 5)) // a shuffle that is the same every time
	files := pickOne(r, []int{1, 2, 7, 20})
	out := arrange(c, r.Perm, func(int) int { return r.IntN(files) })
	for i := range out.Sources {
		for j := range out.Sources[i].Files {
			f := &out.Sources[i].Files[j]
			f.Look, f.Sparse = r.Uint64(), true
			f.Groups = nil
			most := pickOne(r, []int{1, 3, 50, 1000})
			for rest := f.Rows(); rest > 0; rest -= f.Groups[len(f.Groups)-1] {
				f.Groups = append(f.Groups, 1+r.IntN(min(most, rest)))
			}
		}
	}
	return out
}

// grouped gives a case with every source row in a row group of its own.
func grouped(c *Case) *Case {
	out := *c
	out.Sources = slices.Clone(c.Sources)
	for i := range out.Sources {
		s := &out.Sources[i]
		s.Files = slices.Clone(s.Files)
		for j := range s.Files {
			if n := s.Files[j].Rows(); n > 0 {
				s.Files[j].Groups = slices.Repeat([]int{1}, n)
			}
		}
	}
	return &out
}

// respine gives a case with the chosen spine rows, and what they expect.
func respine(c *Case, rows []int) *Case {
	out := *c
	out.Spine = take(c.Spine, rows)
	out.Want = nil
	for _, w := range c.Want {
		out.Want = append(out.Want, pick(w, rows))
	}
	return &out
}

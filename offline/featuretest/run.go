package featuretest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/inmemory"
)

// Difference is a feature that is not what was expected.
type Difference struct {
	Place    Place
	At       feature.Time
	Keys     string // as the test has them
	Feature  string
	Expected string
	Got      string
}

// Outcome is what a test gave.
type Outcome struct {
	Checked     int          // values that were compared
	Differences []Difference // in the order of the file
	// Trained counts what could not be computed; its rows are the expectations.
	Trained *offline.Result
}

// Run computes what a test asks for by a selection of its view's or service's features.
// columns says which columns each source has beside those that views read. An error that is
// a Problems is all that is wrong with the test.
func Run(ctx context.Context, t *Test, selection *feature.Selection, columns map[string][]string) (*Outcome, error) {
	r := &run{Test: t, selection: selection}
	rows := r.sources(columns)
	r.checkValues(ctx, rows)
	names, spine, err := r.spine()
	if err != nil {
		return nil, err
	}
	wanted := r.wanted()
	if err := r.err(); err != nil {
		return nil, err
	}
	engine := offline.New(&files{rows}, offline.Options{})
	values, result, err := inmemory.Train(ctx, engine, selection, names, spine)
	if err != nil {
		return nil, err
	}
	return &Outcome{Checked: len(wanted), Differences: r.compare(wanted, values), Trained: result}, nil
}

type run struct {
	*Test
	selection *feature.Selection
	problems  Problems
}

func (r *run) fail(p Place, format string, args ...any) {
	of := parser{file: p.File}
	of.fail(&yaml.Node{Line: p.Line, Column: p.Column}, format, args...)
	r.problems = append(r.problems, of.problems...)
}

func (r *run) place(n *yaml.Node) Place { return Place{r.File, n.Line, n.Column} }

func (r *run) err() error {
	if len(r.problems) > 0 {
		return r.problems
	}
	return nil
}

// sources gives the rows by source, and checks that they are of sources and columns that
// there are.
func (r *run) sources(columns map[string][]string) map[string][]row {
	known := map[string]map[string]bool{}
	for i := range r.selection.Uses {
		table := &r.selection.Uses[i].View.Table
		if known[table.Source] == nil {
			known[table.Source] = map[string]bool{}
			for _, name := range columns[table.Source] {
				known[table.Source][name] = true
			}
		}
		for _, c := range table.Columns {
			known[table.Source][c.Name], known[table.Source][c.Column] = true, true
		}
	}
	rows := map[string][]row{}
	for name, list := range r.Rows {
		if name == "" {
			if len(known) > 1 {
				r.fail(r.Place, "rows: service %s reads several sources: give a mapping of sources to rows", r.Service)
				continue
			}
			for source := range known {
				name = source
			}
		}
		if known[name] == nil {
			r.fail(r.Place, "rows: %q is no source that is read here", name)
			continue
		}
		rows[name] = list
		r.problems = append(r.problems, unknownColumns(name, list, known[name])...)
	}
	return rows
}

// checkValues tells of values that are not of the types of their columns.
func (r *run) checkValues(ctx context.Context, rows map[string][]row) {
	all, told := &files{rows}, map[Problem]bool{} // several views may read a column
	for i := range r.selection.Uses {
		var problems Problems
		if _, err := all.Open(ctx, &r.selection.Uses[i].View.Table, feature.File{}); !errors.As(err, &problems) {
			continue
		}
		for _, p := range problems {
			if !told[p] {
				told[p] = true
				r.problems = append(r.problems, p)
			}
		}
	}
}

// spine gives a row for each expectation. The error is that of the selection.
func (r *run) spine() (names []string, columns []*feature.Column, err error) {
	keys, err := r.selection.KeyColumns()
	if err != nil {
		return nil, nil, err
	}
	inputs := make([]feature.JoinKey, len(r.selection.Inputs))
	for i, in := range r.selection.Inputs {
		inputs[i] = feature.JoinKey(in)
	}
	for _, of := range []asked{
		{"keys", keys, func(e *expectation) *row { return &e.keys }},
		{"inputs", inputs, func(e *expectation) *row { return &e.inputs }},
	} {
		for i := range r.Expect {
			r.checkNames(&of, &r.Expect[i])
		}
		for _, k := range of.wanted {
			c := feature.NewColumn(k.Type, len(r.Expect))
			for i := range r.Expect {
				n := of.given(&r.Expect[i]).cells[k.Name]
				if err := appendValue(c, n); err != nil {
					r.fail(r.place(n), "%s: %s: %s", of.what, k.Name, err)
					c.AppendNull()
				}
			}
			names, columns = append(names, k.Name), append(columns, c)
		}
	}
	at := feature.NewColumn(feature.Scalar(feature.Timestamp), len(r.Expect))
	for _, e := range r.Expect {
		at.AppendInt64(int64(e.at))
	}
	return append(names, "event_timestamp"), append(columns, at), nil
}

// asked is what a question consists of: the keys, or the inputs.
type asked struct {
	what   string
	wanted []feature.JoinKey
	given  func(e *expectation) *row
}

// checkNames tells what an expectation gives too much and too little of, what looks
// misspelt only once.
func (r *run) checkNames(of *asked, e *expectation) {
	given := of.given(e)
	var missing []string
	for _, k := range of.wanted {
		if _, found := given.cells[k.Name]; !found {
			missing = append(missing, k.Name)
		}
	}
	for _, name := range given.order {
		if slices.ContainsFunc(of.wanted, func(k feature.JoinKey) bool { return k.Name == name }) {
			continue
		}
		var hint string
		if near := feature.Nearest(name, slices.Values(missing)); near != "" {
			hint = fmt.Sprintf("did you mean %s?", near)
			missing = slices.DeleteFunc(missing, func(m string) bool { return m == near })
		} else {
			hint = "there are " + wantedText(of.wanted)
		}
		r.fail(r.place(given.cells[name]), "%s: there is no %q (%s)", of.what, name, hint)
	}
	for _, k := range of.wanted {
		if slices.Contains(missing, k.Name) {
			r.fail(e.Place, "%s: %s (%s) is missing", of.what, k.Name, k.Type)
		}
	}
}

func wantedText(wanted []feature.JoinKey) string {
	if len(wanted) == 0 {
		return "none"
	}
	names := make([]string, len(wanted))
	for i, k := range wanted {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

// wanted is an expected value.
type wanted struct {
	expectation int
	output      int // of the selection
	name        string
	node        *yaml.Node
	value       *feature.Column // one value
}

// wanted reads the expected values.
func (r *run) wanted() (all []wanted) {
	outputs := map[string]int{}
	var names []string
	for i, o := range r.selection.Outputs {
		name := o.Name
		if r.View != "" {
			name = r.selection.Field(o).Name
		}
		outputs[name] = i
		names = append(names, name)
	}
	for i := range r.Expect {
		features := &r.Expect[i].features
		for _, name := range features.order {
			n := features.cells[name]
			at, known := outputs[name]
			if !known {
				hint := "there are " + strings.Join(names, ", ")
				if near := feature.Nearest(name, slices.Values(names)); near != "" {
					hint = fmt.Sprintf("did you mean %s?", near)
				}
				r.fail(r.place(n), "features: there is no %q (%s)", name, hint)
				continue
			}
			value := feature.NewColumn(r.selection.Field(r.selection.Outputs[at]).Type, 1)
			if err := appendValue(value, n); err != nil {
				r.fail(r.place(n), "features: %s: %s", name, err)
				continue
			}
			all = append(all, wanted{i, at, name, n, value})
		}
	}
	return all
}

// compare looks at each expected value.
func (r *run) compare(all []wanted, values []*feature.Column) (differences []Difference) {
	for _, w := range all {
		got, e := values[w.output], &r.Expect[w.expectation]
		if !r.same(got, w.expectation, w.value) {
			differences = append(differences, Difference{
				Place: r.place(w.node), At: e.at, Keys: keysText(&e.keys), Feature: w.name, Expected: text(w.value, 0), Got: text(got, w.expectation),
			})
		}
	}
	return differences
}

func keysText(keys *row) string {
	var parts []string
	for _, name := range keys.order {
		parts = append(parts, name+"="+keys.cells[name].Value)
	}
	return strings.Join(parts, ", ")
}

func text(c *feature.Column, i int) string {
	if c.IsNull(i) {
		return "null"
	}
	return c.Text(i)
}

// same tells whether a value is what was expected: floats within the tolerance, NaN where
// NaN is expected.
func (r *run) same(got *feature.Column, i int, want *feature.Column) bool {
	if got.IsNull(i) || want.IsNull(0) {
		return got.IsNull(i) && want.IsNull(0)
	}
	switch got.Type {
	case feature.Scalar(feature.Float64):
		return near(got.Float64s[i], want.Float64s[0], r.Tolerance)
	case feature.Scalar(feature.Float32):
		return near(float64(got.Float32s[i]), float64(want.Float32s[0]), r.Tolerance)
	}
	return text(got, i) == text(want, 0)
}

func near(a, b, tolerance float64) bool {
	return a == b || math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) <= tolerance
}

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

// Run computes what a test asks for by a selection of its view's or service's features, and
// gives the differences, in the order of the file. columns says which columns each source
// has beside those that views read. An error that is a Problems says what is wrong with the
// test.
func Run(ctx context.Context, t *Test, selection *feature.Selection, columns map[string][]string) (checked int, differences []Difference, err error) {
	r := &run{Test: t, selection: selection}
	rows, err := r.sources(columns)
	if err != nil {
		return 0, nil, err
	}
	names, spine, err := r.spine()
	if err != nil {
		return 0, nil, err
	}
	engine := offline.New(&files{rows}, offline.Options{})
	values, _, err := inmemory.Train(ctx, engine, selection, names, spine)
	if err != nil {
		var problems Problems
		if errors.As(err, &problems) {
			return 0, nil, problems
		}
		return 0, nil, err
	}
	return r.compare(values)
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
func (r *run) sources(columns map[string][]string) (map[string][]row, error) {
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
	return rows, r.err()
}

// spine gives a row for each expectation.
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
	return append(names, "event_timestamp"), append(columns, at), r.err()
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

// compare looks at each expected value.
func (r *run) compare(values []*feature.Column) (checked int, differences []Difference, err error) {
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
		e := &r.Expect[i]
		for _, name := range e.features.order {
			n := e.features.cells[name]
			at, known := outputs[name]
			if !known {
				hint := "there are " + strings.Join(names, ", ")
				if near := feature.Nearest(name, slices.Values(names)); near != "" {
					hint = fmt.Sprintf("did you mean %s?", near)
				}
				r.fail(r.place(n), "features: there is no %q (%s)", name, hint)
				continue
			}
			want := feature.NewColumn(values[at].Type, 1)
			if err := appendValue(want, n); err != nil {
				r.fail(r.place(n), "features: %s: %s", name, err)
				continue
			}
			checked++
			if !r.same(values[at], i, want) {
				differences = append(differences, Difference{
					Place: r.place(n), At: e.at, Keys: keysText(&e.keys), Feature: name, Expected: text(want, 0), Got: text(values[at], i),
				})
			}
		}
	}
	return checked, differences, r.err()
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

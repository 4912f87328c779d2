package featuretest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
)

// MaxBytes is the most that a test file may have.
const MaxBytes = 4 << 20

// Place is where something stands in a test file; lines and columns count from 1.
type Place struct {
	File         string
	Line, Column int
}

// String writes file:line:column.
func (p Place) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is something that is wrong with a test file.
type Problem struct {
	Place
	Message string
}

// Problems are all that is wrong with test files, in their order. As an error they wrap
// feature.ErrInvalid.
type Problems []Problem

// Error writes a line for each.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String() + ": " + p.Message
	}
	return strings.Join(lines, "\n")
}

// Unwrap gives feature.ErrInvalid.
func (ps Problems) Unwrap() error { return feature.ErrInvalid }

// Test is one document: rows, and what is expected of them.
type Test struct {
	Place
	Name          string
	View, Service string // one of them
	Tolerance     float64
	Rows          map[string][]row // by source; "" is the view's
	Expect        []expectation
}

// row is a row of a source, by column.
type row struct {
	Place
	cells map[string]*yaml.Node
	order []string
}

// expectation is what features are at a time.
type expectation struct {
	Place
	at                     feature.Time
	keys, inputs, features row
}

// Parse reads a test file. Problems are all that is wrong with it.
func Parse(file string, text []byte) ([]*Test, Problems) {
	p := parser{file: file}
	if len(text) > MaxBytes {
		p.fail(&yaml.Node{Line: 1, Column: 1}, "the file has %d bytes, at most %d are allowed", len(text), MaxBytes)
		return nil, p.problems
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var tests []*Test
	for {
		var doc yaml.Node
		err := decoder.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			p.syntax(err, text)
			return tests, p.problems
		}
		if p.aliases(&doc) {
			continue
		}
		if t := p.test(&doc); t != nil {
			tests = append(tests, t)
		}
	}
	if len(tests) == 0 && len(p.problems) == 0 {
		p.fail(&yaml.Node{Line: 1, Column: 1}, "the file has no test: write one, or remove the file")
	}
	return tests, p.problems
}

// syntax tells what the YAML parser found, where it found it; of what is not closed where
// it opens, and not at the file's end.
func (p *parser) syntax(err error, text []byte) {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		p.fail(&yaml.Node{Line: 1, Column: 1}, "YAML: %s", strings.TrimPrefix(err.Error(), "yaml: "))
		return
	}
	at, message := le.Mark, le.Message
	if le.ContextMsg != "" {
		message += " " + le.ContextMsg
	}
	if le.ContextMark.Line > 0 && at.Line > bytes.Count(bytes.TrimRight(text, " \n"), []byte("\n"))+1 {
		at = le.ContextMark
	}
	p.fail(&yaml.Node{Line: max(at.Line, 1), Column: max(at.Column, 1)}, "YAML: %s", message)
}

// aliases tells of each alias, which nothing else is told of: what it stands for may be
// around it.
func (p *parser) aliases(n *yaml.Node) (some bool) {
	if n.Kind == yaml.AliasNode {
		p.fail(n, "the YAML alias *%s is not allowed (write the value out)", n.Value)
		return true
	}
	for _, c := range n.Content {
		some = p.aliases(c) || some
	}
	return some
}

func testFields() []string {
	return []string{"name", "view", "service", "tolerance", "rows", "expect"}
}

func expectFields() []string { return []string{"at", "keys", "inputs", "features"} }

type parser struct {
	file     string
	problems Problems
}

func (p *parser) place(n *yaml.Node) Place { return Place{p.file, n.Line, n.Column} }

// fail adds a problem. What a file says is quoted in it, and no longer than a line.
func (p *parser) fail(n *yaml.Node, format string, args ...any) {
	for i, a := range args {
		if text, ok := a.(string); ok {
			args[i] = oneLine(text)
		}
	}
	p.problems = append(p.problems, Problem{p.place(n), fmt.Sprintf(format, args...)})
}

// oneLine shortens a text, and writes what can't be printed as dots.
func oneLine(s string) string {
	const most = 200
	var b strings.Builder
	for _, c := range s {
		if b.Len() >= most {
			return b.String() + "…"
		}
		if !unicode.IsPrint(c) {
			c = '.'
		}
		b.WriteRune(c)
	}
	return b.String()
}

// fields gives the fields of a mapping, each of which is one of the known names; known is
// nil where any will do.
func (p *parser) fields(n *yaml.Node, what string, known ...string) (names []string, values map[string]*yaml.Node) {
	values = map[string]*yaml.Node{}
	if n.Kind != yaml.MappingNode {
		p.fail(n, "%s: expected a mapping of names to values", what)
		return nil, values
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		switch {
		case name.Kind != yaml.ScalarNode:
			p.fail(name, "%s: a name is expected here", what)
		case values[name.Value] != nil:
			p.fail(name, "%s: %s stands here a second time", what, name.Value)
		case known != nil && !slices.Contains(known, name.Value):
			hint := "expected one of " + strings.Join(known, ", ")
			if near := feature.Nearest(name.Value, slices.Values(known)); near != "" {
				hint = fmt.Sprintf("did you mean %s?", near)
			}
			p.fail(name, "%s: unknown field %q (%s)", what, name.Value, hint)
		default:
			names = append(names, name.Value)
			values[name.Value] = value
		}
	}
	return names, values
}

func (p *parser) test(doc *yaml.Node) *Test {
	n := doc
	if n.Kind == yaml.DocumentNode && len(n.Content) == 1 {
		n = n.Content[0]
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return nil
	}
	before := len(p.problems)
	t := &Test{Place: p.place(n), Rows: map[string][]row{}}
	_, f := p.fields(n, "a test", testFields()...)
	t.Name, t.View, t.Service = p.text(f["name"]), p.text(f["view"]), p.text(f["service"])
	if (t.View == "") == (t.Service == "") && len(p.problems) == before {
		p.fail(n, "a test is of a view or of a service: give one of them")
	}
	if v := f["tolerance"]; v != nil {
		var err error
		number := v.Tag == "!!int" || v.Tag == "!!float"
		if t.Tolerance, err = strconv.ParseFloat(v.Value, 64); err != nil || !number || !(t.Tolerance >= 0) || math.IsInf(t.Tolerance, 0) {
			p.fail(v, "tolerance: expected a number, zero or more")
		}
	}
	p.rows(n, f["rows"], t)
	if e := f["expect"]; e == nil || e.Kind != yaml.SequenceNode || len(e.Content) == 0 {
		p.fail(n, "expect: expected a list of {at, keys, features}")
	} else {
		for _, item := range e.Content {
			t.Expect = append(t.Expect, p.expectation(item))
		}
	}
	if len(p.problems) > before {
		return nil
	}
	return t
}

func (p *parser) text(n *yaml.Node) string {
	if n == nil {
		return ""
	}
	if n.Kind != yaml.ScalarNode {
		p.fail(n, "expected a text")
		return ""
	}
	return n.Value
}

// rows reads rows of one source, or of several by name.
func (p *parser) rows(test, n *yaml.Node, t *Test) {
	switch {
	case n == nil:
		p.fail(test, "rows: expected the rows of the source ([] for none)")
	case n.Kind == yaml.SequenceNode:
		t.Rows[""] = p.list(n)
	case n.Kind == yaml.MappingNode:
		names, sources := p.fields(n, "rows")
		for _, name := range names {
			if sources[name].Kind != yaml.SequenceNode {
				p.fail(sources[name], "rows of %s: expected a list", name)
				continue
			}
			t.Rows[name] = p.list(sources[name])
		}
	default:
		p.fail(n, "rows: expected a list of rows, or a mapping of sources to such lists")
	}
}

func (p *parser) list(n *yaml.Node) []row {
	rows := make([]row, 0, len(n.Content))
	for _, item := range n.Content {
		rows = append(rows, p.row(item, "a row"))
	}
	return rows
}

func (p *parser) row(n *yaml.Node, what string) row {
	r := row{Place: p.place(n)}
	r.order, r.cells = p.fields(n, what)
	return r
}

func (p *parser) expectation(n *yaml.Node) expectation {
	e := expectation{Place: p.place(n)}
	_, f := p.fields(n, "an expectation", expectFields()...)
	if at := f["at"]; at == nil {
		p.fail(n, "at: expected the time that features are looked at")
	} else if t, err := feature.ParseTime(at.Value); err != nil {
		p.fail(at, "at: %q is no time: expected a form like 2026-01-31T12:00:00Z", at.Value)
	} else {
		e.at = t
	}
	for _, of := range []struct {
		name string
		into *row
	}{{"keys", &e.keys}, {"inputs", &e.inputs}, {"features", &e.features}} {
		if f[of.name] != nil {
			*of.into = p.row(f[of.name], of.name)
		}
	}
	if len(e.features.order) == 0 {
		p.fail(n, "features: expected what some features are")
	}
	return e
}

// appendValue appends what a node says to a column.
func appendValue(c *feature.Column, n *yaml.Node) error {
	switch {
	case n == nil || n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		c.AppendNull()
		return nil
	case c.Type.List && n.Kind == yaml.SequenceNode:
		if c.Type.Length > 0 && len(n.Content) != c.Type.Length {
			return fmt.Errorf("%d items, expected %s", len(n.Content), c.Type)
		}
		items := feature.NewColumn(c.Type.Elem(), len(n.Content))
		for i, item := range n.Content {
			if err := appendValue(items, item); err != nil {
				return fmt.Errorf("item %d: %w", i+1, err)
			}
		}
		for i := range items.Len() {
			c.Items.AppendFrom(items, i)
		}
		c.EndList()
		return nil
	case c.Type.List || n.Kind != yaml.ScalarNode:
		return fmt.Errorf("expected %s", c.Type)
	}
	text := n.Value
	switch strings.ToLower(text) { // as YAML writes them
	case ".nan", ".inf", "+.inf", "-.inf":
		text = strings.Replace(text, ".", "", 1)
	}
	if err := c.AppendText(text); err != nil {
		return errors.New(strings.TrimSuffix(err.Error(), ": "+feature.ErrInvalid.Error()))
	}
	return nil
}

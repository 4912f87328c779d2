package offlinetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/quiver-features/quiver/feature"
)

// The roles that time columns have in tables.
const (
	roleEvent     = "event"
	roleCreated   = "created"
	roleAvailable = "available"
)

// role gives the place where a source keeps the column of a role.
func (s *Source) role(name string) *string {
	switch name {
	case roleEvent:
		return &s.Event
	case roleCreated:
		return &s.Created
	default:
		return &s.Available
	}
}

// Parse reads a script; the package comment describes the language. file stands
// in messages. An error names file and line and wraps feature.ErrInvalid.
func Parse(file, script string) (*Case, error) {
	p := &parser{
		location: location{file: file},
		cells:    newCells(),
		c:        &Case{Name: strings.TrimSuffix(file, ".script"), Selection: &feature.Selection{}, Time: -1},
	}
	for i, line := range strings.Split(script, "\n") {
		p.line = i + 1
		text, comment := stripComment(line)
		if comment != "" {
			p.c.Notes = append(p.c.Notes, comment)
		}
		if text == "" {
			continue
		}
		var err error
		if line[0] == ' ' || line[0] == '\t' {
			err = p.body(text)
		} else {
			err = p.head(text)
		}
		if err != nil {
			return nil, err
		}
	}
	return p.finish()
}

type parser struct {
	location
	cells *cells
	c     *Case

	inside func(text string) error // reads the lines of the open block
	close  func() error            // what is left to do when the block ends
	uses   int                     // use blocks seen
	wanted []Column                // the expected columns of the join block
}

func (p *parser) body(text string) error {
	if p.inside == nil {
		return p.errorf("an indented line outside a block: expected source, view, use or join before it")
	}
	return p.inside(text)
}

// head opens a block.
func (p *parser) head(text string) error {
	if err := p.end(); err != nil {
		return err
	}
	word, rest, _ := strings.Cut(text, " ")
	rest = strings.TrimSpace(rest)
	if p.wanted != nil {
		return p.errorf("%s after join, which ends a script", word)
	}
	switch word {
	case "rule":
		if rest == "" {
			return p.errorf("rule without the sentence that the script is about")
		}
		p.c.Rule = append(p.c.Rule, rest)
		return nil
	case "day":
		day, err := time.Parse(time.DateOnly, rest)
		if err != nil {
			return p.errorf("%q is not a day: expected 2001-06-30", rest)
		}
		p.cells.day = day
		return nil
	case "source":
		return p.source(rest)
	case "view":
		return p.view(rest)
	case "use":
		return p.use(rest)
	case "service":
		if rest != "" {
			return p.errorf("service takes no words, but there is %q", rest)
		}
		p.service()
		return nil
	case "join":
		if rest != "" {
			return p.errorf("join takes no words, but there is %q", rest)
		}
		return p.join()
	default:
		return p.errorf("unknown word %q: expected rule, day, source, view, use, service or join", word)
	}
}

// end closes the open block.
func (p *parser) end() error {
	done := p.close
	p.inside, p.close = nil, nil
	if done == nil {
		return nil
	}
	return done()
}

func (p *parser) finish() (*Case, error) {
	if err := p.end(); err != nil {
		return nil, err
	}
	switch {
	case len(p.c.Rule) == 0:
		return nil, p.errorf("no rule line: say which sentence of the time rule the script is about")
	case p.wanted == nil:
		return nil, p.errorf("no join block with the spine and the expected values")
	}
	return p.c, nil
}

// header reads a table's first line: NAME TYPE ROLE… in each cell. A column
// with a role is a timestamp unless it says something else.
func (p *parser) header(line string, roles ...string) ([]Column, map[string]string, error) {
	var columns []Column
	found := map[string]string{}
	for _, cell := range split(line, "|") {
		words := fields(cell)
		if len(words) < 2 {
			return nil, nil, p.errorf("column %q: expected a name and a type, or a name and a role", cell)
		}
		c := Column{Name: unquoted(words[0])}
		kind := words[1]
		if slices.Contains(roles, kind) {
			kind = "timestamp"
		} else {
			words = words[1:]
		}
		if c.Nanos = kind == "timestamp_ns"; c.Nanos {
			kind = "timestamp"
		}
		t, err := feature.ParseType(kind)
		if err != nil {
			return nil, nil, p.errorf("column %s: %v", c.Name, err)
		}
		c.Values = feature.NewColumn(t, 8)
		for _, role := range words[1:] {
			switch {
			case !slices.Contains(roles, role):
				return nil, nil, p.errorf("column %s: unknown role %q, expected %s", c.Name, role, quoteList(roles))
			case found[role] != "":
				return nil, nil, p.errorf("columns %s and %s are both %s", found[role], c.Name, role)
			case t != feature.Scalar(feature.Timestamp):
				return nil, nil, p.errorf("column %s is %s, but a %s column is a timestamp", c.Name, t, role)
			}
			found[role] = c.Name
		}
		if find(columns, c.Name) != nil {
			return nil, nil, p.errorf("column %s is there twice", c.Name)
		}
		columns = append(columns, c)
	}
	if found[roleEvent] == "" {
		return nil, nil, p.errorf("no column has the role event")
	}
	return columns, found, nil
}

// row reads a line of values into columns.
func (p *parser) row(columns []Column, line string) error {
	values := split(line, "|")
	if len(values) != len(columns) {
		return p.errorf("%d values under %d columns", len(values), len(columns))
	}
	for i := range columns {
		if err := p.cells.append(&columns[i], values[i]); err != nil {
			return p.errorf("column %s: %v", columns[i].Name, err)
		}
	}
	return nil
}

// source reads a table of raw rows: its header, then rows; "file NAME:" starts
// a file and "--" a row group.
func (p *parser) source(name string) error {
	if err := feature.CheckName(name); err != nil {
		return p.errorf("source: %v", err)
	}
	if p.c.Source(name) != nil {
		return p.errorf("source %s is there twice", name)
	}
	s := Source{Name: name}
	var header []Column
	p.inside = func(line string) error {
		if header == nil {
			columns, roles, err := p.header(line, roleEvent, roleCreated, roleAvailable)
			if err != nil {
				return err
			}
			header = columns
			s.Event, s.Created, s.Available = roles[roleEvent], roles[roleCreated], roles[roleAvailable]
			return nil
		}
		return p.sourceLine(&s, header, line)
	}
	p.close = func() error {
		if header == nil {
			return p.errorf("source %s has no columns", name)
		}
		if len(s.Files) == 0 {
			s.addFile("1", header)
		}
		p.c.Sources = append(p.c.Sources, s)
		return nil
	}
	return nil
}

func (p *parser) sourceLine(s *Source, header []Column, line string) error {
	if name, ok := strings.CutPrefix(line, "file "); ok && strings.HasSuffix(name, ":") {
		name = strings.TrimSpace(strings.TrimSuffix(name, ":"))
		if !isFileName(name) || slices.ContainsFunc(s.Files, func(f File) bool { return f.Name == name }) {
			return p.errorf("file %q: expected a new name of small letters and digits", name)
		}
		s.addFile(name, header)
		return nil
	}
	if len(s.Files) == 0 {
		s.addFile("1", header)
	}
	f := &s.Files[len(s.Files)-1]
	if line == "--" {
		f.Groups = append(f.Groups, 0)
		return nil
	}
	f.Groups[len(f.Groups)-1]++
	return p.row(f.Columns, line)
}

func (s *Source) addFile(name string, header []Column) {
	s.Files = append(s.Files, File{Name: name, Columns: take(header, nil), Groups: []int{0}})
}

func isFileName(s string) bool {
	return s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// join reads the spine and, behind =>, what is expected.
func (p *parser) join() error {
	if len(p.c.Views) == 0 {
		return p.errorf("join before any view")
	}
	if p.uses == 0 {
		for _, v := range p.c.Views {
			if err := p.addUse(&useBlock{view: v, alias: v.Name}); err != nil {
				return err
			}
		}
	}
	p.addDerived()
	p.inside = func(line string) error {
		left, right, err := p.sides(line)
		if err != nil {
			return err
		}
		if p.wanted == nil {
			return p.joinHeader(left, right)
		}
		if err := p.row(p.c.Spine, left); err != nil {
			return err
		}
		return p.row(p.wanted, right)
	}
	p.close = func() error {
		for _, c := range p.wanted {
			p.c.Want = append(p.c.Want, c.Values)
		}
		return nil
	}
	return nil
}

func (p *parser) sides(line string) (left, right string, err error) {
	sides := split(line, "=>")
	if len(sides) != 2 {
		return "", "", p.errorf("expected spine => outputs, with one =>")
	}
	return sides[0], sides[1], nil
}

func (p *parser) joinHeader(left, right string) error {
	columns, roles, err := p.header(left, roleEvent)
	if err != nil {
		return err
	}
	p.c.Spine = columns
	p.c.Time = slices.IndexFunc(columns, func(c Column) bool { return c.Name == roles[roleEvent] })
	names := split(right, "|")
	for i, o := range p.c.Selection.Outputs {
		if i >= len(names) || names[i] != o.Name {
			return p.errorf("the outputs are %s, expected the selection's: %s", right, p.outputNames())
		}
		p.wanted = append(p.wanted, Column{Name: o.Name, Values: feature.NewColumn(p.c.outputType(i), 8)})
	}
	if len(names) != len(p.wanted) {
		return p.errorf("the outputs are %s, expected the selection's: %s", right, p.outputNames())
	}
	keys, err := p.c.Selection.KeyColumns()
	if err != nil {
		return p.errorf("%v", err)
	}
	for _, k := range keys {
		c := p.c.SpineColumn(k.Name)
		if c == nil {
			return p.errorf("the spine has no column %s, which a view takes as its join key", k.Name)
		}
		if !c.Values.Type.SameKey(k.Type) {
			return p.errorf("spine column %s is %s, but the join key is %s", k.Name, c.Values.Type, k.Type)
		}
	}
	return p.checkInputs()
}

func (p *parser) outputNames() string {
	names := make([]string, len(p.c.Selection.Outputs))
	for i, o := range p.c.Selection.Outputs {
		names[i] = o.Name
	}
	return strings.Join(names, " | ")
}

func unquoted(s string) string {
	if u, err := strconv.Unquote(s); err == nil {
		return u
	}
	return s
}

// version splits name@2; without @ it is version 1.
func (p *parser) version(s string) (string, int, error) {
	name, n, err := feature.ParseVersioned(s)
	if err != nil {
		return "", 0, p.errorf("%v", err)
	}
	return name, max(n, 1), nil
}

func viewFiles(source string) []string { return []string{fmt.Sprintf("%s/*.parquet", source)} }

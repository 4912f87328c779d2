package definition

import (
	"strings"

	"go.yaml.in/yaml/v4"
)

// comment is a comment of a document, where it stood.
type comment struct {
	line, column int // from 1; columns in characters
	text         string
	own          bool       // nothing but dashes stands before it on its line; then column is the line's first
	apart        bool       // two spaces or more stand before it
	flow         *yaml.Node // the innermost list or mapping in brackets that it stands in
}

// rawBlock is a text in block style as the file has it.
type rawBlock struct {
	header string // | or >, with what follows
	lines  []string
	blanks bool // a line of blanks is deeper than the others: they are content
}

// scanner finds what the parser's nodes leave out of a document: its comments,
// and the lines of texts in block style. It relies on the nodes for where quotes,
// brackets and blocks begin, so that a # in a text is not taken for a comment.
type scanner struct {
	lines    [][]rune
	starts   map[[2]int]*yaml.Node // by line and column
	flow     []*yaml.Node
	comments []comment
	blocks   map[*yaml.Node]rawBlock
	least    map[*yaml.Node]int // the least indentation of lines of texts in block style

	line, column int // from 0
}

func scan(chunk []byte, root *yaml.Node) *scanner {
	s := &scanner{starts: map[[2]int]*yaml.Node{}, blocks: map[*yaml.Node]rawBlock{}, least: map[*yaml.Node]int{}}
	for l := range strings.SplitSeq(string(chunk), "\n") {
		s.lines = append(s.lines, []rune(strings.TrimSuffix(l, "\r")))
	}
	if root != nil {
		s.note(root, 0)
	}
	if len(s.lines) > 0 && isMarker([]byte(string(s.lines[0]))) {
		s.column = len("---")
	}
	for s.line < len(s.lines) {
		s.step()
	}
	return s
}

// note remembers where texts in quotes or blocks and brackets begin.
func (s *scanner) note(n *yaml.Node, least int) {
	const special = yaml.SingleQuotedStyle | yaml.DoubleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Kind == yaml.ScalarNode && n.Style&special != 0 || n.Kind != yaml.ScalarNode && n.Style&yaml.FlowStyle != 0 {
		s.starts[[2]int{n.Line, n.Column}] = n
	}
	if n.Kind == yaml.ScalarNode {
		s.least[n] = least
	}
	for _, c := range n.Content {
		s.note(c, n.Column) // deeper than what it stands in
	}
}

func (s *scanner) step() {
	line := s.lines[s.line]
	if s.column >= len(line) {
		s.line, s.column = s.line+1, 0
		return
	}
	c := line[s.column]
	n := s.starts[[2]int{s.line + 1, s.column + 1}]
	switch {
	case n != nil && n.Kind == yaml.ScalarNode && (c == '"' || c == '\''):
		s.quoted(c)
		return
	case n != nil && n.Kind == yaml.ScalarNode && (c == '|' || c == '>'):
		s.block(n)
		return
	case n != nil && (c == '[' || c == '{'):
		s.flow = append(s.flow, n)
	case len(s.flow) > 0 && (c == ']' || c == '}'):
		s.flow = s.flow[:len(s.flow)-1]
	case c == '#' && s.begins(line):
		s.comment(line)
		return
	}
	s.column++
}

// begins tells whether a # begins a comment here.
func (s *scanner) begins(line []rune) bool {
	if s.column == 0 {
		return true
	}
	marks := " \t"
	if len(s.flow) > 0 {
		marks += ",[{"
	}
	return strings.ContainsRune(marks, line[s.column-1])
}

func (s *scanner) comment(line []rune) {
	before := string(line[:s.column])
	if s.line == 0 {
		before = strings.TrimPrefix(before, "---")
	}
	c := comment{
		line: s.line + 1, column: s.column + 1,
		text: strings.TrimRight(string(line[s.column:]), " \t"), own: strings.Trim(before, " \t-") == "",
		apart: strings.HasSuffix(before, "  "),
	}
	if c.own {
		c.column = len(before) - len(strings.TrimLeft(before, " \t")) + 1
	}
	if len(s.flow) > 0 {
		c.flow = s.flow[len(s.flow)-1]
	}
	s.comments = append(s.comments, c)
	s.column = len(line)
}

// quoted goes behind the end of a text in quotes.
func (s *scanner) quoted(quote rune) {
	s.column++
	for s.line < len(s.lines) {
		line := s.lines[s.line]
		for s.column < len(line) {
			c := line[s.column]
			s.column++
			switch {
			case c == '\\' && quote == '"':
				s.column++
			case c != quote:
			case quote == '\'' && s.column < len(line) && line[s.column] == '\'':
				s.column++
			default:
				return
			}
		}
		s.line, s.column = s.line+1, 0
	}
}

// block goes behind a text in block style and keeps its lines.
func (s *scanner) block(n *yaml.Node) {
	line := s.lines[s.line]
	start := s.column
	for s.column < len(line) && strings.ContainsRune("|>+-0123456789", line[s.column]) {
		s.column++
	}
	raw := rawBlock{header: string(line[start:s.column])}
	for ; s.column < len(line); s.column++ {
		if line[s.column] == '#' {
			s.comment(line)
		}
	}
	s.line, s.column = s.line+1, 0
	base := -1
	for ; s.line < len(s.lines); s.line++ {
		text := string(s.lines[s.line])
		indent := len(text) - len(strings.TrimLeft(text, " "))
		switch {
		case strings.Trim(text, " ") == "":
			raw.blanks = raw.blanks || base >= 0 && indent > base
			text = ""
		case base < 0 && indent < s.least[n]:
			base = 0 // no content at all
		case base < 0:
			base = indent
		}
		if text != "" {
			if indent < base || base == 0 {
				break
			}
			text = text[base:]
		}
		raw.lines = append(raw.lines, text)
	}
	for len(raw.lines) > 0 && raw.lines[len(raw.lines)-1] == "" {
		raw.lines = raw.lines[:len(raw.lines)-1]
	}
	s.blocks[n] = raw
}

// blank tells whether a line, counted from 1, is there and empty.
func (s *scanner) blank(line int) bool {
	return line >= 1 && line <= len(s.lines) && strings.TrimSpace(string(s.lines[line-1])) == ""
}

package definition

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// widthOfFlow is how long a line with brackets may become, in characters.
const widthOfFlow = 120

// printer writes a document's entries.
type printer struct {
	strings.Builder
	blocks map[*yaml.Node]rawBlock
	line   int // where the last line begins
}

func (p *printer) document(root *entry) {
	p.comments(trimLead(root.head), 0)
	p.children(root, 0, len(root.head) > 0)
}

// children writes the entries of a list or mapping on lines of their own. The
// first one's empty line is left out, unless something stands above it.
func (p *printer) children(e *entry, indent int, below bool) {
	for i, c := range e.children {
		head := c.head
		if i == 0 && !below {
			head = trimLead(head)
		}
		p.comments(head, indent)
		p.pad(indent)
		p.entry(c, indent)
	}
	p.comments(e.foot, indent)
}

func trimLead(lines []string) []string {
	for len(lines) > 0 && lines[0] == "" {
		lines = lines[1:]
	}
	return lines
}

func (p *printer) comments(lines []string, indent int) {
	for i, l := range lines {
		switch {
		case l != "":
			p.pad(indent)
			p.end(l)
		case i == 0 || lines[i-1] != "":
			p.end("")
		}
	}
}

func (p *printer) pad(indent int) { p.WriteString(strings.Repeat(" ", indent)) }

func (p *printer) end(s string) {
	p.WriteString(s + "\n")
	p.line = p.Len()
}

// entry writes a field or an item; the indentation stands there already.
func (p *printer) entry(e *entry, indent int) {
	lead := "-"
	if e.key != nil {
		lead = keyText(e.key, false) + ":"
	}
	p.WriteString(lead)
	v := e.value
	if raw, ok := p.blocks[v]; ok && raw.movable(v.Value) {
		p.WriteString(" " + raw.header)
		p.trailing(e)
		for _, l := range raw.lines {
			if l != "" {
				p.pad(indent + 2)
			}
			p.end(l)
		}
		return
	}
	if text, ok := e.inline(utf8.RuneCountInString(p.String()[p.line:]) + 1); ok {
		if text != "" {
			p.WriteString(" " + text)
		}
		p.trailing(e)
		return
	}
	if e.key != nil {
		p.trailing(e)
		p.children(e, indent+2, false)
		return
	}
	// An item's first part stands behind the dash.
	p.WriteByte(' ')
	p.entry(e.children[0], indent+2)
	rest := *e
	rest.children = e.children[1:]
	p.children(&rest, indent+2, true)
}

func (p *printer) trailing(e *entry) {
	if e.trailing != "" {
		used := utf8.RuneCountInString(p.String()[p.line:])
		p.pad(max(2, e.trailingAt-1-used)) // aligned comments stay so
	}
	p.end(e.trailing)
}

// lift moves comments that would stand between a dash and its item, or within
// empty brackets, above the item. indent is that of the children.
func (e *entry) lift(indent int) {
	for _, c := range e.children {
		c.lift(indent + 2)
	}
	if e.parent == nil {
		return
	}
	if len(e.children) == 0 {
		e.head, e.foot = append(e.head, e.foot...), nil
		return
	}
	if first := e.children[0]; e.key == nil && !e.fits(indent) {
		if head := trimLead(first.head); len(head) > 0 {
			e.head = append(e.head, head...)
		}
		first.head = nil
		if e.trailing != "" {
			e.head, e.trailing = append(e.head, e.trailing), ""
		}
	}
}

// inline gives the text of a value that stands on one line, if it does. used is
// the length of what stands before it.
func (e *entry) inline(used int) (string, bool) {
	v := e.value
	if v.Kind == yaml.ScalarNode {
		if v.Tag == "!!null" && v.Value == "" && e.key != nil {
			return "", true
		}
		return scalarText(v, false), true
	}
	if !e.fits(used) {
		return "", false
	}
	return e.flowText(), true
}

// fits tells whether a list or mapping stands in brackets on one line: where
// nothing in it needs lines of its own, and where it is a mapping of known fields
// or was written so.
func (e *entry) fits(used int) bool {
	return e.bracketed() && used+utf8.RuneCountInString(e.flowText()) <= widthOfFlow
}

func (e *entry) bracketed() bool {
	v := e.value
	if v.Kind == yaml.ScalarNode {
		return v.Style&(yaml.LiteralStyle|yaml.FoldedStyle) == 0
	}
	if len(e.children) == 0 {
		return len(trimLead(e.foot)) == 0
	}
	known := v.Kind == yaml.MappingNode && e.form != nil && e.form.object != nil
	if !known && v.Style&yaml.FlowStyle == 0 || len(e.foot) > 0 {
		return false
	}
	for _, c := range e.children {
		if len(trimLead(c.head)) > 0 || c.trailing != "" || !c.bracketed() {
			return false
		}
	}
	return true
}

func (e *entry) flowText() string {
	v := e.value
	if v.Kind == yaml.ScalarNode {
		if v.Tag == "!!null" && v.Value == "" {
			return "null"
		}
		return scalarText(v, true)
	}
	parts := make([]string, len(e.children))
	for i, c := range e.children {
		parts[i] = c.flowText()
		if c.key != nil {
			parts[i] = keyText(c.key, true) + ": " + parts[i]
		}
	}
	if v.Kind == yaml.MappingNode {
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// movable tells whether the lines can be indented anew without another meaning.
func (r rawBlock) movable(value string) bool {
	if len(r.header) == 1 && !strings.HasSuffix(value, "\n") {
		return false // it ends with the file, in the middle of a line
	}
	return !r.blanks && len(r.lines) > 0 && r.lines[0] != "" && !strings.HasPrefix(r.lines[0], " ") && !strings.ContainsAny(r.header, "+0123456789")
}

func keyText(n *yaml.Node, flow bool) string {
	if n.Value == "n" {
		return n.Value // a field, which no reader of definitions takes for a no
	}
	return scalarText(n, flow)
}

// scalarText writes a scalar on one line: as it stands where it is no text, else
// with quotes where they are needed.
func scalarText(n *yaml.Node, flow bool) string {
	switch {
	case n.Tag == "!!null" && n.Value == "":
		return "null"
	case n.Tag != "!!str":
		return n.Value
	case isPlain(n.Value, flow):
		return n.Value
	case strings.ContainsAny(n.Value, `"\`) && !strings.Contains(n.Value, "'") && !strings.ContainsFunc(n.Value, isEscaped):
		return "'" + n.Value + "'"
	}
	return doubleQuoted(n.Value)
}

// isPlain tells whether a text can stand without quotes and is read as a text by
// every reader of YAML.
func isPlain(s string, flow bool) bool {
	switch {
	case s == "", strings.TrimSpace(s) != s, strings.ContainsFunc(s, isEscaped),
		strings.ContainsRune("?:,[]{}#&*!|>'\"%@`=", rune(s[0])),
		s[0] == '-' && (len(s) == 1 || !isWord(s[1])),
		strings.Contains(s, ": "), strings.HasSuffix(s, ":"), strings.Contains(s, " #"),
		strings.HasPrefix(s, "..."), s == "~",
		flow && strings.ContainsAny(s, ",[]{}"):
		return false
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false // to some readers, if not to all
	}
	return isLetter(s[0]) || strings.Trim(s, "0123456789._:+-") != "" && readsAsText(s)
}

// readsAsText asks the parser whether a text without quotes is one: there are
// many ways to write numbers and times. What begins with a letter is no number.
func readsAsText(s string) bool {
	var n yaml.Node
	err := yaml.Load([]byte(s), &n)
	return err == nil && len(n.Content) == 1 && n.Content[0].Tag == "!!str" && n.Content[0].Value == s
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func isWord(c byte) bool {
	return isLetter(c) || c >= '0' && c <= '9' || c >= utf8.RuneSelf
}

// isEscaped tells whether a character can only stand in double quotes.
func isEscaped(c rune) bool { return c == utf8.RuneError || !unicode.IsPrint(c) }

func doubleQuoted(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, c := range s {
		switch {
		case c == '"' || c == '\\':
			b.WriteString(`\` + string(c))
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\t':
			b.WriteString(`\t`)
		case !isEscaped(c):
			b.WriteRune(c)
		case c < 0x100:
			fmt.Fprintf(&b, `\x%02X`, c)
		case c < 0x10000:
			fmt.Fprintf(&b, `\u%04X`, c)
		default:
			fmt.Fprintf(&b, `\U%08X`, c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

package definition

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// expression reads a field that is a text in the expression language. What the text
// says is looked at when its columns and features are known.
func (o *object) expression(field string) string {
	n := o.fields[field]
	if n == nil {
		return ""
	}
	return o.expressionIn(n, field, o.within(field)...)
}

// expressionIn reads a node whose places are noted under a path.
func (o *object) expressionIn(n *yaml.Node, field string, path ...string) string {
	s, ok := o.string(n, field, "text: an expression", feature.MaxExpression)
	switch {
	case !ok:
		return ""
	case strings.TrimSpace(s) == "":
		o.problem(n, field+": an expression can't be empty", "")
		return ""
	}
	if at, ok := o.textPos(n); ok {
		o.at.set(at, append(path, registry.PartText)...)
	}
	return s
}

// textPos gives the place where a text begins, if it stands in one line and without
// escapes, so that places within it can be counted from there.
func (r *reader) textPos(n *yaml.Node) (registry.Position, bool) {
	column := n.Column
	if n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0 {
		column++
	}
	return r.place(n.Line, column), strings.HasPrefix(r.rest(n.Line, column), n.Value)
}

// rest gives what follows a place in its line.
func (r *reader) rest(line, column int) string {
	if r.lines == nil {
		r.lines = []int{0}
		for at := 0; ; {
			end := bytes.IndexByte(r.chunk[at:], '\n')
			if end < 0 {
				break
			}
			at += end + 1
			r.lines = append(r.lines, at)
		}
	}
	if line < 1 || line > len(r.lines) {
		return ""
	}
	text, _, _ := bytes.Cut(r.chunk[r.lines[line-1]:], []byte("\n"))
	for ; column > 1 && len(text) > 0; column-- {
		_, size := utf8.DecodeRune(text)
		text = text[size:]
	}
	return string(text)
}

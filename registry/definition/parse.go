package definition

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/registry"
)

// chunks splits a file at its document markers (lines that start with ---), so
// that a syntax error ends one document and not the file. It gives each chunk
// with the number of lines before it. YAML allows no marker within quotes or
// blocks, so that the split is exact; a chunk holds more than one document only
// where "..." ends one.
func chunks(text []byte) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		start, startLine, line := 0, 0, 0
		for at := 0; at < len(text); line++ {
			end := bytes.IndexByte(text[at:], '\n') + 1
			if end == 0 {
				end = len(text) - at
			}
			if at > start && isMarker(text[at:at+end]) {
				if !yield(startLine, text[start:at]) {
					return
				}
				start, startLine = at, line
			}
			at += end
		}
		if start < len(text) {
			yield(startLine, text[start:])
		}
	}
}

func isMarker(line []byte) bool {
	rest, ok := bytes.CutPrefix(line, []byte("---"))
	return ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0)
}

// reader turns a chunk of a file into nodes and says where they stand.
type reader struct {
	file     string
	line     int // lines of the file before the chunk
	grammar  *grammar
	problems *problems
	chunk    []byte
	lines    []int // where the chunk's lines begin, once somebody asks
}

func (r *reader) pos(n *yaml.Node) registry.Position { return r.place(n.Line, n.Column) }

func (r *reader) place(line, column int) registry.Position {
	return registry.Position{File: r.file, Line: r.line + max(line, 1), Column: max(column, 1)}
}

func (r *reader) problem(n *yaml.Node, message, hint string) {
	r.problems.add(r.pos(n), message, hint)
}

// depthLimit is the parser's limit on nesting; it remembers that it was met.
type depthLimit struct{ met bool }

// CheckDepth is asked at every step down.
func (d *depthLimit) CheckDepth(depth int, _ *yaml.DepthContext) error {
	if depth > maxDepth {
		d.met = true
		return fmt.Errorf("nested more than %d levels deep", maxDepth)
	}
	return nil
}

// CheckAlias is never asked: nodes are not expanded.
func (d *depthLimit) CheckAlias(_, _ int) error { return nil }

// parse gives the roots of a chunk's documents, without empty ones. whole is
// false where a syntax error cut them short.
func (r *reader) parse(chunk []byte) (roots []*yaml.Node, whole bool) {
	r.chunk, r.lines = chunk, nil
	if len(chunk) > maxDocument {
		r.problems.add(r.place(1, 1), fmt.Sprintf("the document is longer than %d MiB", maxDocument>>20), "split it into several documents with ---")
		return nil, false
	}
	if countItems(chunk) > maxItems {
		r.problems.add(r.place(1, 1), fmt.Sprintf("the document holds more than %d lines, fields and items", maxItems), "split it into several documents with ---")
		return nil, false
	}
	depth := &depthLimit{}
	l, err := yaml.NewLoader(bytes.NewReader(chunk), yaml.WithPlugin(depth))
	for err == nil {
		var doc yaml.Node
		if err = l.Load(&doc); err != nil {
			break
		}
		for _, root := range doc.Content {
			if isEmpty(root) {
				continue
			}
			r.refuse(root)
			roots = append(roots, root)
		}
	}
	if errors.Is(err, io.EOF) {
		return roots, true
	}
	r.syntax(chunk, err, depth)
	return roots, false
}

// countItems counts what makes the parser allocate: an upper bound that texts
// with these characters in them add to.
func countItems(chunk []byte) int {
	n := bytes.Count(chunk, []byte("- "))
	for _, mark := range []string{"\n", ",", "[", "{"} {
		n += bytes.Count(chunk, []byte(mark))
	}
	return n
}

func isEmpty(root *yaml.Node) bool {
	return root.Kind == yaml.ScalarNode && root.Tag == "!!null" && root.Value == "" && root.Anchor == ""
}

// refuse reports what YAML has and definitions don't: it would let a small file
// expand, or a value be other than it looks.
func (r *reader) refuse(n *yaml.Node) {
	switch {
	case n.Kind == yaml.AliasNode:
		name, rest := beginningOf(n.Value)
		r.problem(n, fmt.Sprintf("the YAML alias *%s%s is not allowed", name, rest), "write the value out")
		return // never into what it stands for: that may be around it
	case n.Anchor != "":
		name, rest := beginningOf(n.Anchor)
		r.problem(n, fmt.Sprintf("the YAML anchor &%s%s is not allowed", name, rest), "write values out where they are used")
	case n.Style&yaml.TaggedStyle != 0 || n.Tag == "!":
		r.problem(n, fmt.Sprintf("the YAML tag %s is not allowed", quoted(n.Tag)), "leave it out; quotes make a value text")
	}
	for _, c := range n.Content {
		r.refuse(c)
	}
}

// syntax reports what the parser found wrong, in its words, at the most useful
// place and with a hint for what goes wrong most often.
func (r *reader) syntax(chunk []byte, err error, depth *depthLimit) {
	var le *yaml.LoadError
	if !errors.As(err, &le) {
		r.problems.add(r.place(1, 1), fmt.Sprintf("YAML: %v", err), "")
		return
	}
	at, context, message := le.Mark, le.ContextMark, le.Message
	if le.ContextMsg != "" {
		message += " " + le.ContextMsg
	}
	here := restAt(chunk, at)
	hint := ""
	switch {
	case depth.met:
		message = fmt.Sprintf("nested more than %d levels deep", maxDepth)
	case len(here) == 0 && context.Line > 0:
		// What is not closed is looked for where it opens, not at the file's end.
		at = context
	case here != "" && here[0] == '\t':
		message, hint = "a tab can't indent a line", "indent with spaces"
	case here != "" && here[0] == '%' && at.Column == 1:
		message, hint = "YAML directives are not allowed", "leave out the line"
	case here != "" && strings.IndexByte("@`%", here[0]) >= 0:
		message, hint = fmt.Sprintf("a value can't start with %q", here[:1]), "put it in quotes"
	case here != "" && here[0] == '*':
		message, hint = "YAML aliases are not allowed", "write the value out"
	case here != "" && here[0] == ':':
		hint = "check the indentation; a text with a colon and a space in it needs quotes"
	case context.Line > 0 && context.Line < at.Line:
		hint = fmt.Sprintf("what it belongs to begins at line %d, column %d", r.line+context.Line, context.Column)
	}
	if !strings.HasPrefix(message, "YAML ") {
		message = "YAML: " + message
	}
	r.problems.add(r.place(at.Line, at.Column), message, hint)
}

// restAt gives what follows a mark, or nothing where there is only white space.
func restAt(chunk []byte, m yaml.Mark) string {
	for line := 1; line < m.Line; line++ {
		_, rest, ok := bytes.Cut(chunk, []byte("\n"))
		if !ok {
			return ""
		}
		chunk = rest
	}
	for column := 1; column < m.Column && len(chunk) > 0 && chunk[0] != '\n'; column++ {
		size := 1
		for size < len(chunk) && chunk[size]&0xC0 == 0x80 {
			size++
		}
		chunk = chunk[size:]
	}
	if len(bytes.TrimSpace(chunk)) == 0 {
		return ""
	}
	return string(chunk[:min(len(chunk), 8)])
}

// salvage reads kind and name off a document that is no YAML.
func salvage(chunk []byte) (kind, name string) {
	for line := range bytes.Lines(chunk) {
		field, value, _ := strings.Cut(string(line[:min(len(line), 256)]), ":")
		value = strings.TrimLeft(value, " \t")
		value = value[:len(value)-len(strings.TrimLeft(value, "abcdefghijklmnopqrstuvwxyz0123456789_"))]
		switch {
		case value == "":
		case field == "kind":
			kind = value
		case field == "name":
			name = value
		}
	}
	return kind, name
}

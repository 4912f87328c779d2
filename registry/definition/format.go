package definition

import (
	"bytes"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Format gives the text of a definition file, or of a project file, in the form
// that all files have: fields in the order of the schema, two spaces of
// indentation, mappings of known fields in brackets where they fit on a line,
// quotes where they are needed, documents apart by --- alone. Comments and single
// empty lines stay. A file in this form is given back as it is, and what Load
// reads from it never changes.
//
// A text that is no YAML of ours (see Load) is registry.Problems, under the given
// name of the file. What is wrong in its meaning, an unknown field say, doesn't
// matter.
func Format(name string, text []byte) ([]byte, error) {
	p := &problems{}
	f := file{shown: name}
	text, ok := f.check(text, p)
	if !ok {
		return nil, p.err()
	}
	g := newGrammar()
	var out []string
	for line, chunk := range chunks(withoutEnds(text)) {
		r := &reader{file: name, line: line, grammar: g, problems: p}
		if d, ok := r.format(chunk); ok && d != "" {
			out = append(out, d)
		}
	}
	if err := p.err(); err != nil {
		return nil, err
	}
	if len(out) > 0 && strings.HasPrefix(out[0], "---\n") {
		out[0] = out[0][len("---\n"):]
	}
	return []byte(strings.Join(out, "")), nil
}

// withoutEnds writes ... , which ends a document, as ---, which begins one.
func withoutEnds(text []byte) []byte {
	if !bytes.HasPrefix(text, []byte("...")) && !bytes.Contains(text, []byte("\n...")) {
		return text
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, l := range lines {
		rest, ok := bytes.CutPrefix(l, []byte("..."))
		if ok && (len(rest) == 0 || bytes.IndexByte([]byte(" \t\r\n"), rest[0]) >= 0) {
			lines[i] = append([]byte("---"), rest...)
		}
	}
	return bytes.Join(lines, nil)
}

// format writes one document with the marker before it. It is empty where there is
// neither content nor a comment.
func (r *reader) format(chunk []byte) (string, bool) {
	before := len(r.problems.list)
	roots, whole := r.parse(chunk)
	if !whole || len(r.problems.list) > before {
		return "", false
	}
	var root *yaml.Node
	if len(roots) > 0 {
		root = roots[0]
	}
	if root != nil && !r.formattable(root) {
		return "", false
	}
	s := scan(chunk, root)
	body := r.layout(s, root)
	if body == "" && len(s.comments) == 0 {
		return "", true
	}
	marked := "---\n" + body
	if len(s.comments) > 0 && s.comments[0].line == 1 && isMarker(chunk) && !hasContent(root, 1) {
		// A comment on the marker's line stays there.
		marked = "--- " + body
	}
	if len(marked) > maxDocument || countItems([]byte(marked)) > maxItems {
		r.problems.add(r.place(1, 1), "formatted, the document would be too long", "split it into several documents with ---")
		return "", false
	}
	if !r.same(s, root, marked) {
		r.problems.add(r.place(1, 1), "the document can't be formatted without changing it", "format it by hand; Quiver should be able to, so please report it")
		return "", false
	}
	return marked, true
}

func hasContent(root *yaml.Node, line int) bool { return root != nil && root.Line == line }

// formattable reports what is no mapping, or has keys that are no text.
func (r *reader) formattable(n *yaml.Node) bool {
	if n.Kind != yaml.MappingNode {
		r.mismatch(n, "", "a definition (a mapping with kind and name)")
		return false
	}
	return r.plainKeys(n)
}

func (r *reader) plainKeys(n *yaml.Node) bool {
	ok := true
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 && c.Kind != yaml.ScalarNode {
			r.mismatch(c, "", "the name of a field")
			ok = false
		}
		ok = r.plainKeys(c) && ok
	}
	return ok
}

// layout writes a document's content and comments.
func (r *reader) layout(s *scanner, root *yaml.Node) string {
	p := &printer{blocks: s.blocks}
	if root == nil {
		for i, c := range s.comments {
			if i > 0 && s.blank(c.line-1) {
				p.end("")
			}
			p.end(c.text)
		}
		return p.String()
	}
	shape := &r.grammar.project
	if kind := peek(root, "kind"); kind != nil {
		shape = r.grammar.kind(kind.Value)
	}
	all := tree(root, shape)
	attach(s, all)
	all[0].sort()
	all[0].lift(0)
	p.document(all[0])
	return p.String()
}

// same tells whether a formatted document says what the original said, comments
// included. Fields may stand in another order.
func (r *reader) same(s *scanner, root *yaml.Node, formatted string) bool {
	again := &reader{file: r.file, grammar: r.grammar, problems: &problems{}}
	roots, whole := again.parse([]byte(formatted))
	if !whole || len(again.problems.list) > 0 || len(roots) > 1 || (root == nil) != (len(roots) == 0) {
		return false
	}
	var other *yaml.Node
	if root != nil {
		if other = roots[0]; !sameNode(root, other) {
			return false
		}
	}
	return slices.Equal(commentTexts(s), commentTexts(scan([]byte(formatted), other)))
}

func commentTexts(s *scanner) []string {
	var texts []string
	for _, c := range s.comments {
		texts = append(texts, c.text)
	}
	slices.Sort(texts)
	return texts
}

// sameNode compares values; pairs of a mapping in the order of their keys, and
// those of one key in the order in which they stand.
func sameNode(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Tag != b.Tag || len(a.Content) != len(b.Content) {
		return false
	}
	if a.Kind == yaml.ScalarNode {
		return a.Value == b.Value || a.Tag == "!!null"
	}
	left, right := a.Content, b.Content
	if a.Kind == yaml.MappingNode {
		left, right = sortedPairs(a), sortedPairs(b)
	}
	for i := range left {
		if !sameNode(left[i], right[i]) {
			return false
		}
	}
	return true
}

func sortedPairs(n *yaml.Node) []*yaml.Node {
	pairs := slices.Collect(slices.Chunk(n.Content, 2))
	word := func(key *yaml.Node) string {
		if key.Tag == "!!null" {
			return "" // there are several ways to write it
		}
		return key.Value
	}
	slices.SortStableFunc(pairs, func(a, b []*yaml.Node) int { return strings.Compare(word(a[0]), word(b[0])) })
	return slices.Concat(pairs...)
}

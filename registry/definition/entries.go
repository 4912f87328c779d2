package definition

import (
	"slices"

	"go.yaml.in/yaml/v4"
)

// entry is a field of a mapping or an item of a list, with the comments that
// belong to it: what the formatter moves about as a whole.
type entry struct {
	key, value *yaml.Node // an item has no key, a document neither
	form       *form      // what the value is meant to be; nil: unknown
	parent     *entry
	children   []*entry // of a list or a mapping

	line, column int  // where it begins
	flow         bool // it stands in brackets

	head       []string // comments above it; "" is an empty line
	trailing   string   // the comment behind it
	trailingAt int      // the column that it keeps, if there is room; 0: none
	foot       []string // comments after the last of the children
}

// tree makes the entries of a document, the root first and the rest in the order
// in which they stand.
func tree(root *yaml.Node, shape *shape) []*entry {
	top := &entry{value: root, line: root.Line, column: root.Column}
	if shape != nil {
		top.form = &form{object: shape}
	}
	return top.grow(nil)
}

// grow makes the entries of the value's parts, and appends itself and them.
func (e *entry) grow(all []*entry) []*entry {
	n := e.value
	flow := e.flow || n.Style&yaml.FlowStyle != 0
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			e.children = append(e.children, &entry{
				key: k, value: v, form: e.form.of(k.Value, v), parent: e, line: k.Line, column: k.Column, flow: flow,
			})
		}
	case yaml.SequenceNode:
		for _, v := range n.Content {
			column := n.Column // that of the dash
			if flow {
				column = v.Column
			}
			e.children = append(e.children, &entry{value: v, form: e.form.of("", v), parent: e, line: v.Line, column: column, flow: flow})
		}
	}
	all = append(all, e)
	for _, c := range e.children {
		all = c.grow(all)
	}
	return all
}

// of gives the form of a part: of the field with the name, or of an item.
func (f *form) of(name string, part *yaml.Node) *form {
	if f == nil {
		return nil
	}
	var found *form
	switch {
	case f.object != nil:
		if field := f.object.field(name); field != nil {
			found = &field.form
		}
	case f.pairs != nil:
		found = &f.pairs.value
	case f.list != nil:
		found = &f.list.item
	}
	return found.choose(part)
}

// choose gives, of a form with several, the one that a value can have.
func (f *form) choose(n *yaml.Node) *form {
	if f == nil || f.either == nil {
		return f
	}
	for i := range f.either {
		c := &f.either[i]
		switch {
		case n.Kind == yaml.MappingNode && (c.object != nil || c.pairs != nil), n.Kind == yaml.SequenceNode && c.list != nil:
			return c
		}
	}
	return nil
}

// sort puts the fields that are known into their order; others stay behind them.
func (e *entry) sort() {
	if e.form != nil && e.form.object != nil && e.value.Kind == yaml.MappingNode {
		names := e.form.object.names()
		rank := func(c *entry) int {
			if i := slices.Index(names, c.key.Value); i >= 0 {
				return i
			}
			return len(names)
		}
		slices.SortStableFunc(e.children, func(a, b *entry) int { return rank(a) - rank(b) })
	}
	for _, c := range e.children {
		c.sort()
	}
}

// attach gives the comments to the entries, which are in the order of the text.
func attach(s *scanner, all []*entry) {
	root := all[0]
	next := 1
	above := func(line int) []string { // an empty line, where there is one
		if s.blank(line - 1) {
			return []string{""}
		}
		return nil
	}
	lastLine := 0 // of the entry before
	spaced := func(upTo int) {
		for ; next < upTo; next++ {
			e := all[next]
			switch {
			case e.flow || e.line <= lastLine || !s.blank(e.line-1):
			case next > 1:
				e.head = append(e.head, "")
			case len(root.head) > 0:
				root.head = append(root.head, "")
			}
			lastLine = max(lastLine, e.line)
		}
	}
	for _, c := range s.comments {
		after := next
		for after < len(all) && all[after].before(c) {
			after++
		}
		spaced(after)
		if !c.own {
			all[after-1].trail(c, c.flow)
			continue
		}
		to := owner(root, all, after, c)
		*to = append(append(*to, above(c.line)...), c.text)
	}
	spaced(len(all))
}

func (e *entry) before(c comment) bool {
	return e.line < c.line || e.line == c.line && e.column < c.column
}

// trail puts a comment behind the entry around or at e whose line it ends: the
// one that begins last, and not in brackets that are closed.
func (e *entry) trail(c comment, flow *yaml.Node) {
	for e.parent != nil && e.value != flow && e.flow && e.parent.value != flow {
		e = e.parent
	}
	if e.trailing != "" || e.parent == nil {
		e.head = append(e.head, c.text)
		return
	}
	e.trailing = c.text
	if c.apart {
		e.trailingAt = c.column
	}
}

// owner finds the comments that one on a line of its own belongs to. after is the
// index of the first entry behind it.
func owner(root *entry, all []*entry, after int, c comment) *[]string {
	last := all[after-1]
	var next *entry
	if after < len(all) {
		next = all[after]
	}
	if c.flow != nil {
		if next != nil && next.within(c.flow) {
			return &next.head
		}
		for last.parent != nil && last.value != c.flow {
			last = last.parent
		}
		return &last.foot
	}
	switch {
	case after == 1: // above everything: it is the document's, whatever comes first
		return &root.head
	case last.value.Line > c.line && len(last.children) == 0, last.value.Line > c.line && next != nil && next.flow:
		return &last.head // between a key and its value
	case next != nil && !next.flow && next.column >= c.column:
		return &next.head
	}
	for last.parent != nil && (last.flow || last.column > c.column) {
		last = last.parent
	}
	if last.parent == nil {
		return &root.foot
	}
	return &last.parent.foot
}

func (e *entry) within(flow *yaml.Node) bool {
	for ; e != nil; e = e.parent {
		if e.parent != nil && e.parent.value == flow {
			return true
		}
	}
	return false
}

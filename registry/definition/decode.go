package definition

import (
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// positions are the places of the parts of one object, by their path in it.
type positions map[string]registry.Position

func part(path ...string) string { return strings.Join(path, "\x00") }

// set notes a place; of two parts with one path the first keeps it.
func (p positions) set(at registry.Position, path ...string) {
	if _, ok := p[part(path...)]; !ok {
		p[part(path...)] = at
	}
}

// of gives the place of a part or else of the nearest one around it.
func (p positions) of(path ...string) registry.Position {
	for n := len(path); n >= 0; n-- {
		if at, ok := p[part(path[:n]...)]; ok {
			return at
		}
	}
	return registry.Position{}
}

// merge notes the places of a part that was read on its own.
func (p positions) merge(own positions, path ...string) {
	prefix := part(path...)
	for sub, at := range own {
		if sub != "" {
			sub = "\x00" + sub
		}
		p.set(at, prefix+sub)
	}
}

func (p positions) export(to map[string]registry.Position, kind, name string) {
	prefix := registry.Path(kind, name)
	for path, at := range p {
		if path == "" {
			to[prefix] = at
		} else {
			to[prefix+"\x00"+path] = at
		}
	}
}

// object is a mapping that is read field by field. Its methods report what is
// wrong with a field and give the zero value then, and where it is absent.
type object struct {
	*reader
	*shape
	at     positions
	path   []string
	fields map[string]*yaml.Node // the values
}

// object reads a mapping's fields, or gives nil where the node is none. The
// places of the object and of its fields are noted under path.
func (r *reader) object(n *yaml.Node, s *shape, at positions, path ...string) *object {
	at.set(r.pos(n), path...)
	if n.Kind != yaml.MappingNode {
		r.mismatch(n, "", s.what+" (a mapping of fields)")
		return nil
	}
	o := &object{reader: r, shape: s, at: at, path: path, fields: map[string]*yaml.Node{}}
	for field, v := range r.pairs(n, "field") {
		if s.field(field.Value) == nil {
			r.problem(field, "unknown field "+quoted(field.Value),
				r.problems.nearest(field.Value, s.names(), s.what+" has "+listed(s.names())))
			continue
		}
		o.fields[field.Value] = v
		at.set(r.pos(v), slices.Concat(path, []string{field.Value})...)
	}
	for _, f := range s.required() {
		if o.fields[f] == nil {
			r.problem(n, fmt.Sprintf("missing field %q", f), s.what+" needs "+listed(s.required()))
		}
	}
	return o
}

// pairs gives a mapping's keys and values; keys that are no text or come twice
// are reported and left out.
func (r *reader) pairs(n *yaml.Node, what string) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(k, v *yaml.Node) bool) {
		seen := map[string]*yaml.Node{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			k, v := n.Content[i], n.Content[i+1]
			switch first := seen[k.Value]; {
			case k.Tag == "!!merge":
				r.problem(k, "YAML merge keys are not allowed", "write the fields out")
			case k.Kind != yaml.ScalarNode || k.Tag != "!!str":
				r.mismatch(k, "", "the name of a "+what)
			case first != nil:
				r.problem(k, fmt.Sprintf("%s %s is given twice", what, quoted(k.Value)), fmt.Sprintf("first at %s", r.pos(first)))
			default:
				seen[k.Value] = k
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

// mismatch reports a value of the wrong type. What was refused already is not
// reported again.
func (r *reader) mismatch(n *yaml.Node, field, expected string) {
	if n.Kind == yaml.AliasNode || n.Style&yaml.TaggedStyle != 0 {
		return
	}
	if field != "" {
		field += ": "
	}
	got, hint := describe(n)
	if !strings.HasPrefix(expected, "text") {
		hint = ""
	}
	r.problem(n, fmt.Sprintf("%sexpected %s, got %s", field, expected, got), hint)
}

// describe says what a node is and how it would become text.
func describe(n *yaml.Node) (got, hint string) {
	const quote = "put it in quotes to make it text"
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping", ""
	case n.Kind == yaml.SequenceNode:
		return "a list", ""
	case n.Kind != yaml.ScalarNode:
		return "something else", ""
	}
	switch n.Tag {
	case "!!null":
		return "nothing", ""
	case "!!bool":
		return n.Value, quote
	case "!!int", "!!float":
		return "the number " + strings.Trim(quoted(n.Value), `"`), quote
	case "!!timestamp":
		return "the date " + strings.Trim(quoted(n.Value), `"`), quote
	default:
		return "the text " + quoted(n.Value), ""
	}
}

// string reads a text node; field is how messages call it.
func (r *reader) string(n *yaml.Node, field, expected string, limit int) (string, bool) {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Style&yaml.TaggedStyle != 0 {
		r.mismatch(n, field, expected)
		return "", false
	}
	if len(n.Value) > limit {
		r.problem(n, fmt.Sprintf("%s: %d bytes long, at most %d are allowed", field, len(n.Value), limit), "")
		return "", false
	}
	if !utf8.ValidString(n.Value) || strings.ContainsFunc(n.Value, isControl) {
		r.problem(n, field+": control characters can't stand in a text", "")
		return "", false
	}
	return n.Value, true
}

func isControl(c rune) bool { return unicode.IsControl(c) && c != '\n' && c != '\t' }

// name reads a text node that names something of ours.
func (r *reader) name(n *yaml.Node, field string) (string, bool) {
	s, ok := r.string(n, field, "a name", maxText)
	if !ok {
		return "", false
	}
	if err := feature.CheckName(s); err != nil {
		message := plain(err)
		if field != "name" {
			message = field + ": " + message
		}
		r.problem(n, message, "")
		return "", false
	}
	return s, true
}

// column reads a text node that names a column: of files, of a spine, of a
// request, or of an output.
func (r *reader) column(n *yaml.Node, field string) (string, bool) {
	s, ok := r.string(n, field, "text that names a column", maxColumn)
	switch {
	case !ok:
		return "", false
	case s == "":
		r.problem(n, field+": a column's name can't be empty", "")
	case strings.ContainsAny(s, "\n\t"):
		r.problem(n, field+": control characters can't stand in a column's name", "")
	default:
		return s, true
	}
	return "", false
}

func (o *object) text(field string) string {
	if n := o.fields[field]; n != nil {
		s, _ := o.string(n, field, "text", maxText)
		return s
	}
	return ""
}

func (o *object) nameField(field string) string {
	if n := o.fields[field]; n != nil {
		s, _ := o.name(n, field)
		return s
	}
	return ""
}

func (o *object) columnField(field string) string {
	if n := o.fields[field]; n != nil {
		s, _ := o.column(n, field)
		return s
	}
	return ""
}

func (o *object) boolean(field string) bool {
	n := o.fields[field]
	if n == nil {
		return false
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Style&yaml.TaggedStyle != 0 {
		o.mismatch(n, field, "true or false")
		return false
	}
	return strings.EqualFold(n.Value, "true")
}

// count reads a whole number from 1.
func (o *object) count(field string) int {
	n := o.fields[field]
	if n == nil {
		return 0
	}
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Style&yaml.TaggedStyle != 0 {
		o.mismatch(n, field, "a whole number from 1")
		return 0
	}
	v, err := strconv.ParseInt(n.Value, 10, 32)
	if err != nil || v < 1 || strconv.FormatInt(v, 10) != n.Value {
		o.problem(n, fmt.Sprintf("%s: expected a whole number from 1, got %s", field, strings.Trim(quoted(n.Value), `"`)), "")
		return 0
	}
	return int(v)
}

// share reads a number between 0 and 1, neither of which it may be.
func (o *object) share(field string) float64 {
	n := o.fields[field]
	if n == nil {
		return 0
	}
	const expected = "a number greater than 0 and less than 1, for example 0.9"
	if n.Kind != yaml.ScalarNode || n.Tag != "!!float" && n.Tag != "!!int" || n.Style&yaml.TaggedStyle != 0 {
		o.mismatch(n, field, expected)
		return 0
	}
	v, err := strconv.ParseFloat(n.Value, 64)
	if err != nil || !(v > 0 && v < 1) { // NaN is not
		o.problem(n, fmt.Sprintf("%s: expected %s, got %s", field, expected, strings.Trim(quoted(n.Value), `"`)), "")
		return 0
	}
	return v
}

func (o *object) duration(field string) feature.Duration {
	n := o.fields[field]
	if n == nil {
		return 0
	}
	s, ok := o.string(n, field, "a duration like 90s, 1h30m or 7d", 100)
	if !ok {
		return 0
	}
	d, err := feature.ParseDuration(s)
	if err != nil {
		o.problem(n, field+": "+plain(err), "")
	}
	return d
}

// kind reads the field type, with a list's length beside it.
func (o *object) kind() feature.Type {
	t, ok := o.typeName()
	length, count := o.fields["length"], o.count("length")
	switch {
	case length == nil || !ok:
	case !t.List:
		o.problem(length, "length: only lists have a length", `for example type: list<float32>, length: 128`)
	case t.Length != 0 && count != 0 && t.Length != count:
		o.problem(length, fmt.Sprintf("length: %d is not the length of type %s", count, t), "")
	case count != 0:
		t.Length = count
	}
	return t
}

// typeName reads the field type alone; ok is false where it is broken.
func (o *object) typeName() (t feature.Type, ok bool) {
	n := o.fields["type"]
	if n == nil {
		return t, true
	}
	s, ok := o.string(n, "type", "the name of a type, for example int64", 100)
	if !ok {
		return t, false
	}
	t, err := feature.ParseType(s)
	if err != nil {
		o.problem(n, plain(err), o.problems.nearest(s, typeNames(), ""))
	}
	return t, err == nil
}

// items gives the items of a list field.
func (o *object) items(field, expected string) []*yaml.Node {
	n := o.fields[field]
	if n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		o.mismatch(n, field, expected)
		return nil
	}
	return n.Content
}

// atMost gives the first items of a list field; more than the limit is reported.
func (o *object) atMost(limit int, items []*yaml.Node, field, what string) (kept []*yaml.Node, all bool) {
	if len(items) <= limit {
		return items, true
	}
	o.problem(items[limit], fmt.Sprintf("%s: %s", field, fmt.Sprintf(what, limit)), "")
	return items[:limit], false
}

// mapping gives the pairs of a mapping field.
func (o *object) mapping(field, expected, what string) iter.Seq2[*yaml.Node, *yaml.Node] {
	n := o.fields[field]
	if n != nil && n.Kind != yaml.MappingNode {
		o.mismatch(n, field, expected)
		n = nil
	}
	if n == nil {
		n = &yaml.Node{}
	}
	return o.pairs(n, what)
}

// within gives the path of a part of the object.
func (o *object) within(path ...string) []string {
	return slices.Concat(o.path, path)
}

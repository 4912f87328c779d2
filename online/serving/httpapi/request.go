package httpapi

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// maxColumns is more than any service has key columns or inputs, and few enough
// to compare each name with all others.
const maxColumns = 256

// call is what a request is read into and answered from, and the next one again.
type call struct {
	scan    scanner
	body    []byte
	request serving.Request
	keys    []noted
	inputs  []noted
	columns columns
	out     []byte
}

// noted is a column that the first pass found.
type noted struct {
	name []byte
	at   int // where its list begins
}

// maxKept is how large the buffers of a call may be to be used again: a rare
// large request should not hold its memory for ever.
const maxKept = 1 << 20

func newCall() *call {
	c := &call{}
	c.request.Keys, c.request.Inputs = map[string]*feature.Column{}, map[string]*feature.Column{}
	c.request.ReadColumns = c.readColumns
	c.columns.base64 = base64.StdEncoding.Strict()
	return c
}

// reset forgets the last request and keeps the memory. It tells whether that is
// worth keeping.
func (c *call) reset() bool {
	r := &c.request
	clear(r.Keys)
	clear(r.Inputs)
	clear(r.Features)
	clear(c.keys)
	clear(c.inputs)
	r.Service, r.Features, r.EventTimestamps, r.Matrix = "", r.Features[:0], false, serving.NoMatrix
	c.body, c.keys, c.inputs, c.out = c.body[:0], c.keys[:0], c.inputs[:0], c.out[:0]
	c.scan.in, c.scan.at = nil, 0
	keep := c.columns.reset()
	return keep && cap(c.body) <= maxKept && cap(c.out) <= maxKept && cap(c.scan.text) <= maxKept && cap(r.Features) <= maxKept/16
}

// parse is the first pass over the body.
func (c *call) parse() error {
	s := &c.scan
	s.in, s.at = c.body, 0
	if s.peek() == 0 && s.at == len(s.in) {
		return serving.Invalid("", "the request has no body: expected a JSON object with service or features, and keys")
	}
	if err := c.object(); err != nil {
		return at("", err)
	}
	if s.peek(); s.at < len(s.in) {
		return at("", s.fault("nothing may follow the JSON object, found %s", s.found()))
	}
	return nil
}

// The fields of a request, by their places in fieldNames.
const (
	service = iota
	features
	keys
	inputs
	metadata
	matrix
	fieldCount
)

func fieldNames() [fieldCount]string {
	return [...]string{"service", "features", "keys", "inputs", "metadata", "matrix"}
}

func (c *call) object() error {
	s := &c.scan
	if err := s.open('{'); err != nil {
		return err
	}
	names := fieldNames()
	var seen [fieldCount]bool
	for first := true; ; first = false {
		more, err := s.more('}', first)
		if err != nil || !more {
			return err
		}
		s.peek()
		start := s.at
		name, err := s.name()
		if err != nil {
			return err
		}
		f := slices.IndexFunc(names[:], func(n string) bool { return n == string(name) })
		if f < 0 {
			return unknownField(name)
		}
		if seen[f] {
			s.at = start
			return at(names[f], s.fault("the field comes twice"))
		}
		seen[f] = true
		if err := c.field(f); err != nil {
			return at(names[f], err)
		}
	}
}

func unknownField(name []byte) error {
	names, hint := fieldNames(), ""
	if near := feature.Nearest(clip(name), slices.Values(names[:])); near != "" {
		hint = fmt.Sprintf(" (did you mean %s?)", near)
	}
	return serving.Invalid(clip(name), "there is no such field%s: a request has %s", hint, strings.Join(names[:], ", "))
}

// at says in which field something is wrong, where that was not said nearer by.
func at(path string, err error) error {
	var located *serving.FieldError
	if errors.As(err, &located) {
		return err
	}
	return serving.Invalid(path, "%s", err)
}

// field reads the value of a field.
func (c *call) field(f int) (err error) {
	s, r := &c.scan, &c.request
	switch f {
	case service:
		var name []byte
		if name, err = s.wantString(); err == nil && len(name) == 0 {
			err = s.fault("an empty name: leave the field out where features are named")
		}
		r.Service = string(name)
	case features:
		err = c.references()
	case keys:
		c.keys, err = c.columnNames("keys", c.keys, (*scanner).skip)
	case inputs:
		c.inputs, err = c.columnNames("inputs", c.inputs, (*scanner).skipInput)
	case metadata:
		r.EventTimestamps, err = s.wantBool()
	case matrix:
		r.Matrix, err = s.wantMatrix()
	}
	return err
}

func (s *scanner) wantString() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.fault("expected a string, found %s", s.found())
	}
	return s.str()
}

func (s *scanner) wantBool() (bool, error) {
	switch s.peek() {
	case 't':
		return true, s.literal("true")
	case 'f':
		return false, s.literal("false")
	default:
		return false, s.fault("expected true or false, found %s", s.found())
	}
}

func (s *scanner) wantMatrix() (serving.Matrix, error) {
	name, err := s.wantString()
	if err != nil {
		return serving.NoMatrix, err
	}
	switch string(name) {
	case "float64":
		return serving.Float64Matrix, nil
	case "float32":
		return serving.Float32Matrix, nil
	default:
		return serving.NoMatrix, fmt.Errorf(`%q is no kind of matrix: expected "float64" or "float32"`, clip(name))
	}
}

func (c *call) references() error {
	s := &c.scan
	if err := s.open('['); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := s.more(']', i == 0)
		if err == nil && !more && i == 0 {
			err = s.fault("an empty list: leave the field out where a service is named")
		}
		if err != nil || !more {
			return err
		}
		name, err := s.wantString()
		if err != nil {
			return at(item("features", i), err)
		}
		c.request.Features = append(c.request.Features, string(name))
	}
}

// columnNames notes the columns of an object, and checks the syntax of what is in
// them.
func (c *call) columnNames(field string, into []noted, skip func(*scanner) error) ([]noted, error) {
	s := &c.scan
	if err := s.open('{'); err != nil {
		return into, err
	}
	for first := true; ; first = false {
		more, err := s.more('}', first)
		if err != nil || !more {
			return into, err
		}
		s.peek()
		start := s.at
		name, err := s.name()
		if err != nil {
			return into, err
		}
		if slices.ContainsFunc(into, func(n noted) bool { return bytes.Equal(n.name, name) }) {
			s.at = start
			return into, at(field+"."+clip(name), s.fault("the column comes twice"))
		}
		if len(into) == maxColumns {
			return into, s.fault("more than %d columns", maxColumns)
		}
		if len(name) > 0 && len(s.text) > 0 && &name[0] == &s.text[0] {
			name = bytes.Clone(name) // it had escapes: the next one is unescaped to the same place
		}
		into = append(into, noted{name: name, at: s.at})
		if i, err := s.skipList(skip); err != nil {
			return into, at(item(field+"."+clip(name), i), err)
		}
	}
}

// skipInput reads a scalar or a list of them and forgets it.
func (s *scanner) skipInput() error {
	if s.peek() != '[' {
		return s.skip()
	}
	_, err := s.skipList((*scanner).skip)
	return err
}

// skipList reads a list and forgets it. With an error it gives the index of the
// item, or -1 for the list itself.
func (s *scanner) skipList(skip func(*scanner) error) (int, error) {
	if err := s.open('['); err != nil {
		return -1, err
	}
	for i := 0; ; i++ {
		more, err := s.more(']', i == 0)
		if err != nil || !more {
			return -1, err
		}
		if err := skip(s); err != nil {
			return i, err
		}
	}
}

// item writes the path of a list's item; -1 is the list itself.
func item(path string, i int) string {
	if i < 0 {
		return path
	}
	return path + "[" + strconv.Itoa(i) + "]"
}

// clip shortens what a client sent so that it fits into a message.
func clip(text []byte) string {
	const longest = 100
	if len(text) > longest {
		return strings.ToValidUTF8(string(text[:longest]), "") + "…"
	}
	return string(text)
}

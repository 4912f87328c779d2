package main

import (
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// columns reads the key columns and the inputs in the types that the features want:
// each of them once, all of one length.
func (f getFlags) columns(selection *feature.Selection) (keys, inputs map[string]*feature.Column, err error) {
	wanted, err := selection.KeyColumns()
	if err != nil {
		return nil, nil, err
	}
	k := columnFlags{flag: "--key", what: "key column", wanted: wanted}
	if keys, err = k.read(f.keys); err != nil {
		return nil, nil, err
	}
	in := columnFlags{flag: "--input", what: "input", nullable: true, first: k.first, length: k.length}
	for _, i := range selection.Inputs {
		in.wanted = append(in.wanted, feature.JoinKey(i))
	}
	inputs, err = in.read(f.inputs)
	return keys, inputs, err
}

// columnFlags reads the flags of one kind of columns.
type columnFlags struct {
	flag, what string
	wanted     []feature.JoinKey
	nullable   bool   // an empty value is null
	first      string // the flag that says how many rows there are
	length     int
}

func (c *columnFlags) read(texts []string) (map[string]*feature.Column, error) {
	columns := map[string]*feature.Column{}
	for _, text := range texts {
		name, values, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usagef("%s %q: expected name=value,value", c.flag, text)
		}
		if columns[name] != nil {
			return nil, usagef("%s %s is given twice: put all values behind one, separated by commas", c.flag, name)
		}
		at := slices.IndexFunc(c.wanted, func(k feature.JoinKey) bool { return k.Name == name })
		if at < 0 {
			return nil, usagef("%s %s: no such %s; %s", c.flag, name, c.what, c.asksFor())
		}
		columns[name] = feature.NewColumn(c.wanted[at].Type, 1)
		for i, v := range splitValues(values) {
			if err := c.append(columns[name], v); err != nil {
				return nil, usagef("%s %s, value %d: %w", c.flag, name, i+1, err)
			}
		}
		n := columns[name].Len()
		if c.first == "" {
			c.first, c.length = c.flag+" "+name, n
		}
		if n != c.length {
			return nil, usagef("%s has %s and %s %s has %d: give one value per entity to each",
				c.first, plural(c.length, "value", "values"), c.flag, name, n)
		}
	}
	for _, k := range c.wanted {
		if columns[k.Name] == nil {
			return nil, usagef("%s %s=... is missing; %s", c.flag, k.Name, c.asksFor())
		}
	}
	return columns, nil
}

// append appends the value that a text stands for: of a list its items, in brackets or
// not, separated by commas.
func (c *columnFlags) append(into *feature.Column, text string) error {
	switch {
	case c.nullable && text == "" && into.Type != feature.Scalar(feature.String):
		into.AppendNull()
		return nil
	case !into.Type.List:
		return into.AppendText(text)
	}
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	if text != "" {
		for item := range strings.SplitSeq(text, ",") {
			if err := into.Items.AppendText(strings.TrimSpace(item)); err != nil {
				return err
			}
		}
	}
	into.EndList()
	return nil
}

func (c *columnFlags) asksFor() string {
	if len(c.wanted) == 0 && c.flag == "--input" {
		return "these features take no inputs"
	}
	if len(c.wanted) == 0 {
		return "these features have no keys"
	}
	return "these features need " + keyList(c.wanted)
}

// splitValues splits at commas; a backslash keeps what follows it.
func splitValues(s string) []string {
	var values []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == ',':
			values = append(values, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(values, b.String())
}

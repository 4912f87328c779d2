package serving

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// inputColumns finds the inputs that the plan needs, in its order and its types, and the
// number of rows, which they tell where there are no keys.
func (p *plan) inputColumns(r *Request, rows int) ([]*feature.Column, int, error) {
	if len(r.Inputs) != len(p.inputs) || len(p.inputs) > 0 {
		if err := p.checkInputNames(r); err != nil {
			return nil, 0, err
		}
	}
	if len(p.inputs) == 0 {
		return nil, rows, nil
	}
	columns := make([]*feature.Column, len(p.inputs))
	for i, want := range p.inputs {
		c := r.Inputs[want.Name]
		n := c.Len()
		switch {
		case len(p.keys) == 0 && i == 0:
			rows = n
		case n != rows && len(p.keys) > 0:
			return nil, 0, invalid("inputs."+want.Name, "%d values, but keys.%s has %d: inputs are as long as the key columns", n, p.keys[0].Name, rows)
		case n != rows:
			return nil, 0, invalid("inputs."+want.Name, "%d values, but inputs.%s has %d: inputs are of one length", n, p.inputs[0].Name, rows)
		}
		var err error
		if columns[i], err = converted(c, want); err != nil {
			return nil, 0, err
		}
	}
	return columns, rows, nil
}

// checkInputNames tells of an input that is missing, or that nobody asked for.
func (p *plan) checkInputNames(r *Request) error {
	for _, name := range slices.Sorted(maps.Keys(r.Inputs)) {
		if slices.ContainsFunc(p.inputs, func(in feature.Input) bool { return in.Name == name }) {
			continue
		}
		if len(p.inputs) == 0 {
			return invalid("inputs."+clip(name), "%s takes no inputs", p.what())
		}
		hint := ""
		if near := feature.Nearest(name, slices.Values(p.inputNames())); near != "" {
			hint = fmt.Sprintf(" (did you mean %s?)", near)
		}
		return invalid("inputs."+clip(name), "no input is called %q%s: %s needs %s", clip(name), hint, p.what(), p.inputList())
	}
	for _, want := range p.inputs {
		if r.Inputs[want.Name] == nil {
			return invalid("inputs."+want.Name, "missing (%s): %s needs the inputs %s", want.Type, p.what(), p.inputList())
		}
	}
	return nil
}

func (p *plan) inputNames() []string {
	names := make([]string, len(p.inputs))
	for i, in := range p.inputs {
		names[i] = in.Name
	}
	return names
}

func (p *plan) inputList() string {
	texts := make([]string, len(p.inputs))
	for i, in := range p.inputs {
		texts[i] = fmt.Sprintf("%s (%s)", in.Name, in.Type)
	}
	return strings.Join(texts, ", ")
}

// converted gives an input in the type that is wanted, where that loses nothing. What is
// of that type already is given as it is.
func converted(c *feature.Column, want feature.Input) (*feature.Column, error) {
	t := want.Type
	switch from := c.Type.Kind; {
	case c.Type == t:
		return c, nil
	case c.Type.IsZero() && c.Len() == 0:
		return feature.NewColumn(t, 0), nil
	case c.Type.List && c.Type.Kind == t.Kind && t.List:
		return sized(c, want)
	case c.Type.List && c.Type.IsZero() && t.List: // no list has an item that would tell its type
		return sized(&feature.Column{Type: t, Valid: c.Valid, Offsets: c.Offsets, Items: feature.NewColumn(t.Elem(), 0)}, want)
	case c.Type.List || t.List:
	case from == feature.Int32 && t.Kind == feature.Int64:
		return &feature.Column{Type: t, Valid: c.Valid, Int64s: each[int32, int64](c.Int32s)}, nil
	case from == feature.Float32 && t.Kind == feature.Float64:
		return &feature.Column{Type: t, Valid: c.Valid, Float64s: each[float32, float64](c.Float32s)}, nil
	case from == feature.Int64 && t.Kind == feature.Int32:
		for row, v := range c.Int64s {
			if v != int64(int32(v)) && !c.IsNull(row) {
				return nil, invalid(fmt.Sprintf("inputs.%s[%d]", want.Name, row), "%d does not fit %s", v, t)
			}
		}
		return &feature.Column{Type: t, Valid: c.Valid, Int32s: each[int64, int32](c.Int64s)}, nil
	}
	return nil, invalid("inputs."+want.Name, "values of type %s, expected %s", c.Type, t)
}

func each[From, To int32 | int64 | float32 | float64](values []From) []To {
	converted := make([]To, len(values))
	for i, v := range values {
		converted[i] = To(v)
	}
	return converted
}

// sized checks the lengths of lists.
func sized(c *feature.Column, want feature.Input) (*feature.Column, error) {
	if want.Type.Length > 0 {
		for row := range c.Len() {
			if n := c.Offsets[row+1] - c.Offsets[row]; n != int64(want.Type.Length) && !c.IsNull(row) {
				return nil, invalid(fmt.Sprintf("inputs.%s[%d]", want.Name, row), "a list of %d items, expected %s", n, want.Type)
			}
		}
	}
	as := *c
	as.Type = want.Type
	return &as, nil
}

package offlinetest

import (
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// expressionLine reads the words of a view about expressions; known tells whether it is
// one.
//
//	derive NAME:TYPE = EXPRESSION      a column of the source's rows
//	event NAME, created NAME, available NAME      a derived column in that role
//	expression NAME:TYPE = EXPRESSION  a feature
func (p *parser) expressionLine(v *feature.ViewVersion, word, rest string) (known bool, err error) {
	switch word {
	case "derive":
		d, err := p.expression(rest)
		v.Table.Derived = append(v.Table.Derived, feature.DerivedColumn{Name: d.Name, Expression: d.Expression, Type: d.Type})
		return true, err
	case "expression":
		f, err := p.expression(rest)
		v.Features = append(v.Features, f)
		return true, err
	case roleEvent:
		v.Table.Event = rest
	case roleCreated:
		v.Table.Created = rest
	case roleAvailable:
		v.Table.Available = rest
	default:
		return false, nil
	}
	return true, nil
}

// expression reads NAME:TYPE = EXPRESSION. Lines of this kind may be there several times.
func (p *parser) expression(text string) (feature.Field, error) {
	head, expression, ok := strings.Cut(text, " = ")
	name, kind, typed := strings.Cut(strings.TrimSpace(head), ":")
	if !ok || !typed {
		return feature.Field{}, p.errorf("%q: expected NAME:TYPE = EXPRESSION", text)
	}
	t, err := feature.ParseType(kind)
	if err != nil {
		return feature.Field{}, p.errorf("%s: %v", name, err)
	}
	f := feature.Field{Name: unquoted(name), Type: t, Expression: strings.TrimSpace(expression)}
	if _, err := parseFormula(f.Expression, t); err != nil {
		return feature.Field{}, p.errorf("%s: %v", name, err)
	}
	return f, nil
}

func isExpressionWord(word string) bool { return word == "derive" || word == "expression" }

// addColumns has a table with derived columns read all columns of its source that it does
// not read already: expressions name them.
func addColumns(t *feature.Table, s *Source) {
	if len(t.Derived) == 0 {
		return
	}
	for _, c := range s.header() {
		addColumn(t, c.Name, c.Values.Type)
	}
}

func isDerivedColumn(t *feature.Table, name string) bool {
	return slices.ContainsFunc(t.Derived, func(d feature.DerivedColumn) bool { return d.Name == name })
}

// service reads what a service derives, of inputs too.
//
//	inputs NAME:TYPE, …
//	derived NAME:TYPE = EXPRESSION
func (p *parser) service() {
	s := p.c.Selection
	p.inside = func(line string) error {
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "inputs":
			return p.items(strings.TrimSpace(rest), func(i item) { s.Inputs = append(s.Inputs, feature.Input{Name: i.name, Type: i.kind}) })
		case "derived":
			f, err := p.expression(rest)
			s.Derived = append(s.Derived, f)
			return err
		default:
			return p.errorf("unknown word %q in a service: expected inputs or derived", word)
		}
	}
	p.close = func() error { return nil }
}

// addDerived appends the outputs of the service's derived features.
func (p *parser) addDerived() {
	s := p.c.Selection
	for i, f := range s.Derived {
		s.Outputs = append(s.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: i, Name: f.Name})
	}
}

// checkInputs tells whether the spine has the inputs.
func (p *parser) checkInputs() error {
	for _, in := range p.c.Selection.Inputs {
		if c := p.c.SpineColumn(in.Name); c == nil || c.Values.Type != in.Type {
			return p.errorf("the spine has no column %s of type %s, which the service takes as an input", in.Name, in.Type)
		}
	}
	return nil
}

// formatExpressions writes what expressionLine reads.
func formatExpressions(b *strings.Builder, v *feature.ViewVersion, s *Source) {
	for _, d := range v.Table.Derived {
		b.WriteString("  derive " + d.Name + ":" + d.Type.String() + " = " + d.Expression + "\n")
	}
	if s == nil {
		return
	}
	for _, role := range []struct{ word, column, own string }{
		{roleEvent, v.Table.Event, s.Event}, {roleCreated, v.Table.Created, s.Created}, {roleAvailable, v.Table.Available, s.Available},
	} {
		if role.column != role.own {
			b.WriteString("  " + role.word + " " + role.column + "\n")
		}
	}
}

func formatService(b *strings.Builder, s *feature.Selection) {
	if len(s.Inputs)+len(s.Derived) == 0 {
		return
	}
	b.WriteString("\nservice\n")
	if len(s.Inputs) > 0 {
		inputs := make([]string, len(s.Inputs))
		for i, in := range s.Inputs {
			inputs[i] = in.Name + ":" + in.Type.String()
		}
		b.WriteString("  inputs " + strings.Join(inputs, ", ") + "\n")
	}
	for _, f := range s.Derived {
		b.WriteString("  derived " + f.Name + ":" + f.Type.String() + " = " + f.Expression + "\n")
	}
}

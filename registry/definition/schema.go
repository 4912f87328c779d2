package definition

import (
	"github.com/google/jsonschema-go/jsonschema"
)

const draft = "https://json-schema.org/draft/2020-12/schema"

// DefinitionSchema gives the JSON Schema of one document of a definition file: of
// any of the four kinds. What it accepts can still be refused by Load, which also
// sees names, references and data; what it refuses, Load refuses.
func DefinitionSchema() *jsonschema.Schema {
	g := newGrammar()
	s := &jsonschema.Schema{
		Schema: draft, Title: "Quiver definitions",
		Description: "One document of a definition file: an entity, a source, a view or a service.",
		Defs:        map[string]*jsonschema.Schema{},
	}
	for _, kind := range kinds() {
		s.Defs[kind] = g.kind(kind).schema("kind")
		s.OneOf = append(s.OneOf, &jsonschema.Schema{Ref: "#/$defs/" + kind})
	}
	return s
}

// ProjectSchema gives the JSON Schema of quiver.yaml, in the sense of
// DefinitionSchema.
func ProjectSchema() *jsonschema.Schema {
	s := newGrammar().project.schema()
	s.Schema, s.Title, s.Description = draft, "Quiver project", newGrammar().project.doc
	return s
}

// schema is a mapping with the shape's fields and no others. The fields of also
// are required beside those that the shape requires.
func (s *shape) schema(also ...string) *jsonschema.Schema {
	o := &jsonschema.Schema{
		Type: "object", Description: s.doc, Required: append(also, s.required()...),
		Properties: map[string]*jsonschema.Schema{}, PropertyOrder: s.names(), AdditionalProperties: nothing(),
	}
	for field, other := range s.needs {
		if o.DependentRequired == nil {
			o.DependentRequired = map[string][]string{}
		}
		o.DependentRequired[field] = []string{other}
	}
	for _, f := range s.fields {
		p := f.form.schema()
		p.Description = f.doc
		o.Properties[f.name] = p
	}
	return o
}

func nothing() *jsonschema.Schema { return &jsonschema.Schema{Not: &jsonschema.Schema{}} }

func (f form) schema() *jsonschema.Schema {
	switch {
	case f.object != nil:
		return f.object.schema()
	case f.list != nil:
		s := &jsonschema.Schema{Type: "array", Items: f.list.item.schema(), UniqueItems: f.list.distinct}
		if f.list.least > 0 {
			s.MinItems = &f.list.least
		}
		if f.list.most > 0 {
			s.MaxItems = &f.list.most
		}
		return s
	case f.pairs != nil:
		return &jsonschema.Schema{Type: "object", PropertyNames: f.pairs.key.schema(), AdditionalProperties: f.pairs.value.schema()}
	case f.either != nil:
		s := &jsonschema.Schema{}
		for _, choice := range f.either {
			s.AnyOf = append(s.AnyOf, choice.schema())
		}
		return s
	}
	s := *f.scalar
	return &s
}

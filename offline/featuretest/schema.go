package featuretest

import "github.com/google/jsonschema-go/jsonschema"

// Schema gives the JSON Schema of one document of a test file. What it accepts can still
// be refused by Parse and Run, which also see times, names and types; what it refuses,
// Parse refuses.
func Schema() *jsonschema.Schema {
	one := 1
	rows := &jsonschema.Schema{Type: "array", Items: values("A row, by the columns of the source before anything is derived; what is left out is null.")}
	expectation := closed("What features are at a time.", expectFields(), map[string]*jsonschema.Schema{
		"at":       {Type: "string", Description: "The time that features are looked at, for example 2026-01-31T12:00:00Z."},
		"keys":     values("The join keys."),
		"inputs":   values("What only a request knows, of a service that has inputs."),
		"features": values("What is expected of some features; null for none. Of a service by the names of its output columns."),
	}, "at", "features")
	expectation.Properties["features"].MinProperties = &one
	zero := 0.0
	s := closed("Rows of a source, and what features are expected of them.", testFields(), map[string]*jsonschema.Schema{
		"name":      scalar("What the test shows."),
		"view":      scalar("The view whose features are looked at."),
		"service":   scalar("The service whose features are looked at."),
		"tolerance": {Type: "number", Minimum: &zero, Description: "How far floats may be from what is expected; 0 if it is left out."},
		"rows": {
			Description: "The rows of the source; where a service reads several sources, a mapping of their names to rows.",
			AnyOf:       []*jsonschema.Schema{rows, {Type: "object", AdditionalProperties: rows}},
		},
		"expect": {Type: "array", MinItems: &one, Items: expectation},
	}, "rows", "expect")
	s.OneOf = []*jsonschema.Schema{{Required: []string{"view"}}, {Required: []string{"service"}}}
	s.Schema, s.Title = "https://json-schema.org/draft/2020-12/schema", "Quiver tests of features"
	return s
}

// closed is a mapping with these fields and no others.
func closed(doc string, order []string, fields map[string]*jsonschema.Schema, required ...string) *jsonschema.Schema {
	return &jsonschema.Schema{
		Type: "object", Description: doc, Properties: fields, PropertyOrder: order, Required: required,
		AdditionalProperties: &jsonschema.Schema{Not: &jsonschema.Schema{}},
	}
}

// values is a mapping of names to whatever a column may hold.
func values(doc string) *jsonschema.Schema {
	return &jsonschema.Schema{Type: "object", Description: doc}
}

func scalar(doc string) *jsonschema.Schema {
	return &jsonschema.Schema{Types: []string{"string", "number", "boolean"}, Description: doc}
}

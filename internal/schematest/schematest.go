// Package schematest reads JSON Schemas, and the YAML that they are of, as editors do.
package schematest

import (
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"
)

// Resolved gives a schema through its text.
func Resolved(t *testing.T, s *jsonschema.Schema) *jsonschema.Resolved {
	t.Helper()
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var read jsonschema.Schema
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	r, err := read.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Documents gives the documents of a YAML text as JSON has them; times are texts. What is
// no YAML ends with a nil: no schema takes it.
func Documents(t *testing.T, text string) []any {
	t.Helper()
	var documents []any
	l, err := yaml.NewLoader(strings.NewReader(text))
	for err == nil {
		var n yaml.Node
		if err = l.Load(&n); err == nil && len(n.Content) > 0 {
			if v := plain(n.Content[0]); v != nil {
				documents = append(documents, v)
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		return append(documents, nil)
	}
	return documents
}

func plain(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plain(n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		l := []any{}
		for _, c := range n.Content {
			l = append(l, plain(c))
		}
		return l
	}
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return strings.EqualFold(n.Value, "true")
	case "!!int", "!!float":
		f, err := strconv.ParseFloat(n.Value, 64)
		if err == nil {
			return f
		}
	}
	return n.Value
}

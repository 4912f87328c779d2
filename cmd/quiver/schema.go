package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/offline/featuretest"
	"github.com/quiver-features/quiver/registry/definition"
)

func (a *app) schemaCommand() *cobra.Command {
	schemas := map[string]func() *jsonschema.Schema{"project": definition.ProjectSchema, "definitions": definition.DefinitionSchema, "tests": featuretest.Schema}
	names := slices.Sorted(maps.Keys(schemas))
	return &cobra.Command{
		Use:   "schema [" + strings.Join(names, "|") + "]",
		Short: "Print the JSON Schema of definition files, of tests, or of quiver.yaml",
		Long: `Prints a JSON Schema (draft 2020-12) for editors: of a document of a definition
file (definitions, the default), of a test file (tests), or of quiver.yaml (project).

The YAML language server, which most editors have, takes it from the first line of
a file, relative to the file:

  # yaml-language-server: $schema=../.quiver/definitions.schema.json

or for many files at once from the editor's settings, for example

  "yaml.schemas": {".quiver/definitions.schema.json": "features/**/*.yaml",
                   ".quiver/project.schema.json": "quiver.yaml"}

What a file's first line says goes before the settings, so a test file that stands
beside definitions begins with

  # yaml-language-server: $schema=../.quiver/tests.schema.json

A schema sees one document: names that nothing bears, and columns that the data
does not have, are told by quiver validate.`,
		Example: `  quiver schema > .quiver/definitions.schema.json
  quiver schema tests > .quiver/tests.schema.json
  quiver schema project > .quiver/project.schema.json`,
		Args:      choice(names),
		ValidArgs: names,
		RunE: func(_ *cobra.Command, args []string) error {
			which := "definitions"
			if len(args) == 1 {
				which = args[0]
			}
			schema := schemas[which]()
			return a.print(schema, func() error { return a.printJSON(schema) })
		},
	}
}

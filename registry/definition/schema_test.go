package definition_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/schematest"
	"github.com/quiver-features/quiver/registry/definition"
)

func TestSchemaTakesWhatTheProjectShips(t *testing.T) {
	documents, project := schematest.Resolved(t, definition.DefinitionSchema()), schematest.Resolved(t, definition.ProjectSchema())
	checked := 0
	check := func(where, text string, whole bool) {
		for _, d := range schematest.Documents(t, text) {
			m, ok := d.(map[string]any)
			schema := documents
			if ok && m["project"] != nil {
				schema = project
			} else if ok && m["kind"] == nil && !whole {
				continue // a block of a text that is about something else
			}
			checked++
			if err := schema.Validate(d); err != nil {
				t.Errorf("%s: %v", where, err)
			}
		}
	}
	root := filepath.Join("..", "..")
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case d.IsDir():
			return nil
		}
		text, ends := func() string {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
			}
			return strings.Replace(string(b), "project: NAME\n", "project: shop\n", 1) // as init does
		}, filepath.Ext(path)
		shipped := strings.HasPrefix(path, filepath.Join(root, "examples")) || strings.Contains(path, filepath.Join("quiver", "template"))
		switch {
		case definition.IsTest(path): // which holds no definitions
		case (ends == ".yaml" || ends == ".yml") && shipped:
			check(path, text(), true)
		case ends == ".md":
			for i, block := range yamlBlocks(text()) {
				check(path+", block "+strconv.Itoa(i+1), block, false)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	check("the definitions of another test", flights+"---\n"+facts, true)
	if checked < 12 {
		t.Errorf("only %d documents were found", checked)
	}
}

// yamlBlocks gives the fenced blocks of YAML of a Markdown text.
func yamlBlocks(text string) []string {
	var blocks []string
	for _, part := range strings.Split(text, "```yaml\n")[1:] {
		block, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, block)
	}
	return blocks
}

// What the schema refuses, the loader refuses: of every document of the loader's
// tests that stands alone, the schema's word is held against the loader's.
func TestSchemaIsNotStricterThanTheLoader(t *testing.T) {
	schema := schematest.Resolved(t, definition.DefinitionSchema())
	archives, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	refused := map[string]int{}
	for _, path := range archives {
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range archive.Files {
			for _, text := range strings.Split("\n"+string(f.Data), "\n---") {
				for _, d := range schematest.Documents(t, text) {
					if d == nil || schema.Validate(d) == nil {
						continue
					}
					refused[filepath.Base(path)]++
					if _, err := definition.Load([]string{"a.yaml"}, write(t, map[string]string{"a.yaml": text})); err == nil {
						t.Errorf("%s: the schema alone refuses\n%s", path, text)
					}
				}
			}
		}
	}
	for _, name := range []string{"types.txtar", "expressions.txtar", "names.txtar", "required.txtar", "values.txtar", "ten.txtar"} {
		if refused[name] == 0 {
			t.Errorf("the schema refuses nothing of %s", name)
		}
	}
}

// Every document here has one thing wrong, which an editor should show.
func TestSchemaRefusesWhatTheLoaderRefuses(t *testing.T) {
	definitions, project := schematest.Resolved(t, definition.DefinitionSchema()), schematest.Resolved(t, definition.ProjectSchema())
	const (
		entity  = "kind: entity\nname: a\nkeys: [{name: k, type: int64}]\n"
		source  = "kind: source\nname: s\nparquet: p\nevent_timestamp: t\n"
		view    = "kind: view\nname: v\nsource: s\nfeatures: [{name: f}]\n"
		service = "kind: service\nname: m\nfeatures: [{view: v}]\n"
	)
	for _, good := range []string{entity, source, view, service} {
		if err := definitions.Validate(schematest.Documents(t, good)[0]); err != nil {
			t.Fatalf("%v\n%s", err, good)
		}
	}
	for _, bad := range []string{
		"kind: veiw\nname: a\n", "name: a\n", "kind: entity\nname: a\n", "[a]", "text",
		entity + "label: b\n", entity + "tags: {a: 1}\n", entity + "description: [a]\n",
		"kind: entity\nname: A\nkeys: [{name: k, type: int64}]\n", "kind: entity\nname: a__b\nkeys: [{name: k, type: int64}]\n",
		"kind: entity\nname: while\nkeys: [{name: k, type: int64}]\n", "kind: entity\nname: a\nkeys: []\n",
		"kind: entity\nname: a\nkeys: [{name: k, type: float64}]\n", "kind: entity\nname: a\nkeys: [{name: k}]\n",
		source + "columns: {a: int65}\n", source + "columns: {a: {colunm: b}}\n", source + "mutable: 1\n", source + "columns: {a: \"list<int64>[0]\"}\n",
		source + "derive: {a: 1}\n", source + "derive: {A: b}\n", source + "derive: [a]\n", source + "derive: {a: \"\"}\n", "kind: source\nname: s\nparquet: []\nevent_timestamp: t\n",
		view + "ttl: 7\n", view + "ttl: 7 days\n", view + "ttl: 1m1h\n", view + "delay: soon\n", view + "online: 1\n", view + "schedule: hourly\n",
		view + "entities: [{as: a}]\n", view + "granularity: 1m\n", view + "keys: {A: b}\n", view + "keys: {a: \"\"}\n",
		"kind: view\nname: v\nsource: s\nfeatures: [{name: f, window: 1h}]\n", "kind: view\nname: v\nsource: s\nfeatures: [f]\n",
		"kind: service\nname: m\nfeatures: [{view: v, version: 0}]\n", "kind: service\nname: m\nfeatures: [{view: v, only: []}]\n",
		"kind: service\nname: m\nfeatures: [{view: v, hide: [a, a]}]\n", service + "inputs: {a: int64}\n",
		service + "inputs: [{name: a}]\n", service + "inputs: [{name: a, type: int65}]\n", service + "derived: [{name: a}]\n",
		service + "derived: [{name: a, expression: true}]\n", service + "derived: [{name: a, expresion: b}]\n",
		"kind: view\nname: v\nsource: s\nfeatures: [{name: f, of: a}]\n", "kind: view\nname: v\nsource: s\nfeatures: [{name: f, where: a}]\n",
		"kind: view\nname: v\nsource: s\nfeatures: [{name: f, expression: 1}]\n",
	} {
		documents := schematest.Documents(t, bad)
		if err := definitions.Validate(documents[0]); err == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
		if problems(t, bad) == "" {
			t.Errorf("the loader takes\n%s", bad)
		}
	}
	for _, bad := range []string{
		"registry: sqlite:a\n", "project: Flights\n", "project: p\nonline: mysql://h\n", "project: p\nregistry: redis://h\n",
		"project: p\ndefinition: a\n", "project: p\nenvironments: {1st: {}}\n", "project: p\nenvironments: {a: {project: p}}\n", "project: p\ndefinitions: []\n",
		"project: p\nnow: yesterday\n",
	} {
		if err := project.Validate(schematest.Documents(t, bad)[0]); err == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
		if _, err := definition.LoadProject(write(t, map[string]string{"quiver.yaml": bad}), "", variables(nil)); err == nil {
			t.Errorf("the loader takes\n%s", bad)
		}
	}
	for _, good := range []string{
		"project: ${NAME}\nregistry: ${URL}\nnow: ${NOW}\n", "project: p\nonline: rediss-sentinel://a,b/master\nnow: 2001-06-30\n",
		"project: p\ndefinitions: a\nenvironments: {prod: {online: \"redis-cluster://a:1,b:2\", now: 2001-06-30T12:00:00Z}}\n",
	} {
		if err := project.Validate(schematest.Documents(t, good)[0]); err != nil {
			t.Errorf("%v\n%s", err, good)
		}
	}
}

// The fields of the schema are those that the loader names when it meets another.
func TestSchemaHasTheLoadersFields(t *testing.T) {
	schema := definition.DefinitionSchema()
	for kind, s := range schema.Defs {
		got := slices.Sorted(func(yield func(string) bool) {
			for name, p := range s.Properties {
				if p.Description == "" {
					t.Errorf("field %s of %s has no description", name, kind)
				}
				if !yield(name) {
					return
				}
			}
		})
		// Each field of the schema is one that the loader does not call unknown.
		for _, name := range got {
			text := "kind: " + kind + "\n"
			if name != "kind" {
				text += name + ": {}\n"
			}
			if strings.Contains(problems(t, text), "unknown field") {
				t.Errorf("the loader does not know %s of %s", name, kind)
			}
		}
		if !strings.Contains(problems(t, "kind: "+kind+"\nqqqqqq: 1\n"), `unknown field "qqqqqq"`) {
			t.Errorf("%s takes any field", kind)
		}
	}
	reserved := schema.Defs["entity"].Properties["name"].Not.Enum
	for _, word := range reserved {
		if feature.CheckName(word.(string)) == nil {
			t.Errorf("%s can be a name", word)
		}
	}
}

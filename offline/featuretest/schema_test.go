package featuretest_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/offline/featuretest"
)

// schema gives the schema through its text, as editors get it.
func schema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	text, err := json.Marshal(featuretest.Schema())
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

// plain gives a document as JSON has it; times are texts.
func plain(t *testing.T, text string) any {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil || len(n.Content) == 0 {
		t.Fatalf("%v\n%s", err, text)
	}
	return plainNode(t, n.Content[0])
}

func plainNode(t *testing.T, n *yaml.Node) any {
	t.Helper()
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			m[n.Content[i].Value] = plainNode(t, n.Content[i+1])
		}
		return m
	case yaml.SequenceNode:
		l := []any{}
		for _, c := range n.Content {
			l = append(l, plainNode(t, c))
		}
		return l
	}
	var v any
	if n.Tag == "!!timestamp" || n.Tag == "!!str" {
		return n.Value
	}
	if err := n.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

const good = "view: v\nrows: []\nexpect: [{at: 2026-01-02T00:00:00Z, keys: {k: 1}, features: {f_a: null}}]\n"

func TestSchemaTakesTheTestsThatAreShipped(t *testing.T) {
	schema := schema(t)
	documents := []string{
		good, "name: 7\n" + good, "tolerance: 0.5\n" + good,
		"service: m\nrows: {a: [{k: 1, l: [1, 2]}], b: []}\nexpect: [{at: 2026-01-02, inputs: {d: 1}, features: {f: [1]}}]\n",
	}
	for _, path := range []string{"../../examples/flights/features/traffic.test.yaml", "../../cmd/quiver/template/features/shop.test.yaml", "../../cmd/quiver/template/features/habits.test.yaml"} {
		text, err := os.ReadFile(path) //nolint:gosec // ours
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, strings.Split(string(text), "\n---\n")...)
	}
	page, err := os.ReadFile("../../docs/testing.md")
	if err != nil {
		t.Fatal(err)
	}
	_, block, _ := strings.Cut(string(page), "```yaml\n")
	block, _, _ = strings.Cut(block, "```")
	for _, d := range append(documents, block) {
		if err := schema.Validate(plain(t, d)); err != nil {
			t.Errorf("%v\n%s", err, d)
		}
		if _, problems := featuretest.Parse("a.test.yaml", []byte(d)); len(problems) > 0 {
			t.Errorf("%v\n%s", problems, d)
		}
	}
}

// Every document has one thing wrong, which an editor should show, and which is refused.
func TestSchemaRefusesWhatIsRefused(t *testing.T) {
	schema := schema(t)
	for _, bad := range []string{
		"- a\n", strings.Replace(good, "view: v", "veiw: v", 1), strings.Replace(good, "view: v", "view: [v]", 1), "service: m\n" + good,
		strings.Replace(good, "view: v\n", "", 1), strings.Replace(good, "rows: []\n", "", 1), strings.Replace(good, "rows: []", "rows: 1", 1),
		strings.Replace(good, "rows: []", "rows: [1]", 1), strings.Replace(good, "rows: []", "rows: {s: 1}", 1), "tolerance: -1\n" + good, "tolerance: much\n" + good,
		"tolerance: \"1\"\n" + good, "name: [a]\n" + good, "view: v\nrows: []\n", "view: v\nrows: []\nexpect: []\n", "view: v\nrows: []\nexpect: {at: 2026-01-02}\n",
		strings.Replace(good, "at: ", "att: ", 1), strings.Replace(good, "keys: {k: 1}", "keys: [k]", 1), strings.Replace(good, "keys: {k: 1}", "inputs: 1", 1),
		strings.Replace(good, "features: {f_a: null}", "features: {}", 1), strings.Replace(good, ", features: {f_a: null}", "", 1),
	} {
		if err := schema.Validate(plain(t, bad)); err == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
		if _, problems := featuretest.Parse("a.test.yaml", []byte(bad)); len(problems) == 0 {
			t.Errorf("the parser takes\n%s", bad)
		}
	}
}

package featuretest_test

import (
	"os"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/internal/schematest"
	"github.com/quiver-features/quiver/offline/featuretest"
)

const good = "view: v\nrows: []\nexpect: [{at: 2026-01-02T00:00:00Z, keys: {k: 1}, features: {f_a: null}}]\n"

func TestSchemaTakesTheTestsThatAreShipped(t *testing.T) {
	schema := schematest.Resolved(t, featuretest.Schema())
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
		if err := schema.Validate(schematest.Documents(t, d)[0]); err != nil {
			t.Errorf("%v\n%s", err, d)
		}
		if _, problems := featuretest.Parse("a.test.yaml", []byte(d)); len(problems) > 0 {
			t.Errorf("%v\n%s", problems, d)
		}
	}
}

// Every document has one thing wrong, which an editor should show, and which is refused.
func TestSchemaRefusesWhatIsRefused(t *testing.T) {
	schema := schematest.Resolved(t, featuretest.Schema())
	for _, bad := range []string{
		"- a\n", strings.Replace(good, "view: v", "veiw: v", 1), strings.Replace(good, "view: v", "view: [v]", 1), "service: m\n" + good,
		strings.Replace(good, "view: v\n", "", 1), strings.Replace(good, "rows: []\n", "", 1), strings.Replace(good, "rows: []", "rows: 1", 1),
		strings.Replace(good, "rows: []", "rows: [1]", 1), strings.Replace(good, "rows: []", "rows: {s: 1}", 1), "tolerance: -1\n" + good, "tolerance: much\n" + good,
		"tolerance: \"1\"\n" + good, "name: [a]\n" + good, "view: v\nrows: []\n", "view: v\nrows: []\nexpect: []\n", "view: v\nrows: []\nexpect: {at: 2026-01-02}\n",
		strings.Replace(good, "at: ", "att: ", 1), strings.Replace(good, "keys: {k: 1}", "keys: [k]", 1), strings.Replace(good, "keys: {k: 1}", "inputs: 1", 1),
		strings.Replace(good, "features: {f_a: null}", "features: {}", 1), strings.Replace(good, ", features: {f_a: null}", "", 1),
	} {
		if err := schema.Validate(schematest.Documents(t, bad)[0]); err == nil {
			t.Errorf("the schema takes\n%s", bad)
		}
		if _, problems := featuretest.Parse("a.test.yaml", []byte(bad)); len(problems) == 0 {
			t.Errorf("the parser takes\n%s", bad)
		}
	}
}

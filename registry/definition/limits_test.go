package definition_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

// problems loads one file and gives its problems as text.
func problems(t testing.TB, text string) string {
	t.Helper()
	_, err := definition.Load([]string{"a.yaml"}, write(t, map[string]string{"a.yaml": text}))
	if err == nil {
		return ""
	}
	if !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("not of kind invalid: %v", err)
	}
	return err.Error()
}

func TestTextThatIsNoYAMLIsToldWithItsPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"invalid UTF-8", "kind: entity\nname: \xff\n", "a.yaml:2:7: the byte 0xFF is not UTF-8 (save the file as UTF-8 text)"},
		{"columns are characters", "# é\xff\n", "a.yaml:1:4: the byte 0xFF is not UTF-8 (save the file as UTF-8 text)"},
		{"NUL", "kind: a\x00b\n", "a.yaml:1:8: the control character U+0000 can't stand in a file (save the file as UTF-8 text)"},
		{"escape", "\x1b[1m", "a.yaml:1:1: the control character U+001B can't stand in a file (save the file as UTF-8 text)"},
		{"byte order mark within", "kind: \ufeffentity", "a.yaml:1:7: the control character U+FEFF can't stand in a file (save the file as UTF-8 text)"},
		{"UTF-16", "\xff\xfek\x00i\x00", "a.yaml:1:1: the file is UTF-16, expected UTF-8 (save the file as UTF-8 text)"},
		{"carriage return alone", "kind: entity\rname: a\n", "a.yaml:1:13: a carriage return without a line feed (save the file as UTF-8 text)"},
		{"line separator", "kind: a\u2028b", "a.yaml:1:8: the control character U+2028 can't stand in a file (save the file as UTF-8 text)"},
		{"tab", "kind: entity\nkeys:\n\t- a\n", "a.yaml:3:1: YAML: a tab can't indent a line (indent with spaces)"},
		{"directive", "%YAML 1.2\n---\nkind: entity\n", "a.yaml:1:1: YAML directives are not allowed (leave out the line)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, _, _ := strings.Cut(problems(t, c.text), "\n"); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestLimitsAreTold(t *testing.T) {
	entity := func(more string) string {
		return "kind: entity\nname: a\nkeys: [{name: k, type: int64}]\n" + more
	}
	features := func(n int) string {
		var b strings.Builder
		b.WriteString("kind: source\nname: s\nparquet: p\nevent_timestamp: t\n---\nkind: view\nname: v\nsource: s\nfeatures:\n")
		for i := range n {
			fmt.Fprintf(&b, "  - name: f%d\n", i)
		}
		return b.String()
	}
	for _, c := range []struct{ name, text, want string }{
		{"text at the limit", entity("description: " + strings.Repeat("x", 64<<10)), ""},
		{"text", entity("description: " + strings.Repeat("x", 64<<10+1)), "a.yaml:4:14: description: 65537 bytes long, at most 65536 are allowed"},
		{"expression", "kind: source\nname: a\nparquet: p\nevent_timestamp: t\nderive: {x: " + strings.Repeat("1", 16<<10+1) + "s}", "a.yaml:5:13: derive: 16386 bytes long, at most 16384 are allowed"},
		{"long expression", "kind: source\nname: a\nparquet: p\nevent_timestamp: t\nderive: {x: " + strings.Repeat("x", 64<<10+1) + "}", "a.yaml:5:13: derive: 65537 bytes long, at most 16384 are allowed"},
		{"features at the limit", features(10_000), ""},
		{"features", features(10_001), "a.yaml:10010:5: features: a view has at most 10000 features"},
		{"keys", "kind: entity\nname: a\nkeys:\n" + numbered(33, "- {name: k%d, type: int64}\n"), "a.yaml:36:3: keys: an entity has at most 32 join keys"},
		{"entities", "kind: view\nname: a\nsource: s\nfeatures: [{name: f}]\nentities:\n" + numbered(33, "- e%d\n"), "a.yaml:38:3: entities: a view has at most 32 entities"},
		{"uses", "kind: service\nname: a\nfeatures:\n" + numbered(10_001, "- {view: v%d}\n"), "and 9901 more problems"},
		{"derived columns", "kind: source\nname: a\nparquet: p\nevent_timestamp: t\nderive:\n" + numbered(10_001, "  c%d: t\n"), "a.yaml:10006:3: derive: a source has at most 10000 derived columns"},
		{"inputs", "kind: service\nname: a\nfeatures: []\ninputs:\n" + numbered(10_001, "- {name: i%d, type: int64}\n"), "a.yaml:10005:3: inputs: a service has at most 10000 inputs"},
		{"derived features", "kind: service\nname: a\nfeatures: []\nderived:\n" + numbered(10_001, "- {name: d%d, expression: 1 + 1}\n"), "a.yaml:10005:3: derived: a service has at most 10000 derived features"},
		{"depth", strings.Repeat("[", 65) + strings.Repeat("]", 65), "a.yaml:1:65: YAML: nested more than 64 levels deep"},
		{"deep blocks", strings.Repeat("- ", 70) + "x", "a.yaml:1:129: YAML: nested more than 64 levels deep"},
		{"document", entity("# " + strings.Repeat("x", 4<<20)), "a.yaml:1:1: the document is longer than 4 MiB (split it into several documents with ---)"},
		{"items", "[" + strings.Repeat("[],", 125_000) + "]", "a.yaml:1:1: the document holds more than 250000 lines, fields and items (split it into several documents with ---)"},
		{"file", strings.Repeat("# xxxxxxxxxxxxx\n", 1<<20) + "\n", "a.yaml:1:1: the file is longer than 16 MiB (split it into several files)"},
		{"documents", strings.Repeat("---\n", 100_001), "a.yaml:100001:1: more than 100000 documents in one project"},
		{"bomb", "a: &a [x, x]\nb: &b [*a, *a]\nkind: entity\n", "a.yaml:1:1: unknown field \"a\" (an entity has kind, name, description, owner, tags, keys)"},
		{"alias within itself", "kind: entity\nname: &n [*n]\n", "a.yaml:1:1: missing field \"keys\" (an entity needs name, keys)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := problems(t, c.text)
			if !strings.Contains(got+"\n", c.want+"\n") || c.want == "" && got != "" {
				t.Errorf("got  %.300s\nwant %s", got, c.want)
			}
		})
	}
}

func numbered(n int, line string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, line, i)
	}
	return b.String()
}

func TestManyProblemsAreCounted(t *testing.T) {
	text := strings.Repeat("kind: nothing\n---\n", 20_000)
	_, err := definition.Load([]string{"a.yaml"}, write(t, map[string]string{"a.yaml": text}))
	var ps registry.Problems
	if !errors.As(err, &ps) || len(ps) != 101 {
		t.Fatalf("got %d problems, want 100 and the count of the rest", len(ps))
	}
	if got, want := ps[99].String(), "a.yaml:199:7"; got != want {
		t.Errorf("problem 100 is at %s, want %s", got, want)
	}
	if got, want := ps[100].Message, "and 19900 more problems"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestPathsThatCannotBeReadAreTold(t *testing.T) {
	root := write(t, map[string]string{"features/a.yaml": "kind: entity\n"})
	if err := os.Symlink("nowhere", filepath.Join(root, "features", "broken.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err := definition.Load([]string{"feature", "features", "/dev/null"}, root)
	if err == nil {
		t.Fatal("no problems")
	}
	want := `definitions: there is no file or folder feature (make it, or correct definitions in quiver.yaml)
definitions: there is no file or folder features/broken.yaml (make it, or correct definitions in quiver.yaml)
/dev/null is neither a file nor a folder
features/a.yaml:1:1: missing field "name" (an entity needs name, keys)
features/a.yaml:1:1: missing field "keys" (an entity needs name, keys)`
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

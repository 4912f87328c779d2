package definition_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/quiver-features/quiver/registry/definition"
)

// Every text here is told in a problem with its place; none expands, hangs or
// panics. Formatting refuses what is no YAML of ours in the same words.
func TestHostileTextsAreTold(t *testing.T) {
	const deep = 100_000
	lines := func(n int, line string) string { return numbered(n, line+"\n") }
	wide := make([]byte, 0, 64)
	for _, c := range utf16.Encode([]rune("kind: entity\n")) {
		wide = append(wide, byte(c), byte(c>>8))
	}
	const nested = "YAML: nested more than 64 levels deep"
	for _, c := range []struct {
		name, text, want string
		formats          bool // the text is one that can be formatted
	}{
		{"lists", strings.Repeat("[", deep), "a.yaml:1:65: " + nested, false},
		{"mappings", strings.Repeat("{a: ", deep), "a.yaml:1:257: " + nested, false},
		{"dashes", strings.Repeat("- ", deep) + "x", "a.yaml:1:129: " + nested, false},
		{"question marks", strings.Repeat("? ", deep) + "x", "a.yaml:1:129: " + nested, false},
		{"colons", strings.Repeat(": ", deep) + "x", "a.yaml:1:129: " + nested, false},
		{"laughs", "kind: entity\na: &a [l, l]\nb: &b [*a, *a]\nc: [*b, *b]\n", "a.yaml:2:4: the YAML anchor &a is not allowed (write values out where they are used)", false},
		{"a name merged in", "base: &b {name: x}\nkind: entity\n<<: *b\n", "a.yaml:3:5: the YAML alias *b is not allowed (write the value out)", false},
		{"tag", "kind: !!python/object/apply:os.system entity\n", `a.yaml:1:7: the YAML tag "!!python/object/apply:os.system" is not allowed (leave it out; quotes make a value text)`, false},
		{"UTF-16 without a mark", string(wide), "a.yaml:1:2: the control character U+0000 can't stand in a file (save the file as UTF-8 text)", false},
		{"NUL in quotes", "kind: entity\nname: \"a\\0\"\n", `name: control characters can't stand in a text`, true},
		{"escape in quotes", "kind: entity\nname: a\nowner: \"\\e[31m\"\n", "a.yaml:3:8: owner: control characters can't stand in a text", true},
		{"duplicate", "kind: entity\nname: a\nname: b\n", `a.yaml:3:1: field "name" is given twice (first at a.yaml:2:1)`, true},
		{"many columns", "kind: source\nname: s\nparquet: p\nevent_timestamp: t\ncolumns:\n" + lines(249_999, "  c%d: int64"), "a.yaml:1:1: the document holds more than 250000 lines, fields and items (split it into several documents with ---)", false},
		{"many errors", lines(3_000, "---\nkind: entity\nname: [%d\n"), "more problems", false},
		{"many features", "kind: view\nname: v\nsource: s\nfeatures:\n" + lines(100_000, "  - {name: f%d}"), "a.yaml:1:1: the document holds more than 250000", false},
		{"much text", "kind: entity\nname: a\ndescription: >\n" + lines(100_000, "  line %d"), "a.yaml:3:14: description: 1088890 bytes long, at most 65536 are allowed", true},
		{"long key", "kind: entity\n" + strings.Repeat("k", 900) + ": 1\n", "a.yaml:2:1: unknown field \"" + strings.Repeat("k", 60) + "\"…", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := definition.LoadText("a.yaml", c.text)
			if err == nil || !strings.Contains(err.Error()+"\n", c.want) {
				t.Errorf("got %.300v\nwant %s", err, c.want)
			}
			if len(c.text) > 1<<20 {
				return // formatting has the same limits
			}
			_, err = definition.Format("a.yaml", []byte(c.text))
			switch {
			case c.formats && err != nil:
				t.Errorf("formatting: %v", err)
			case !c.formats && err == nil && !strings.Contains(c.want, "more "):
				t.Error("formatting took it")
			}
		})
	}
}

func TestMarksAndLineEndsOfOtherSystemsAreTaken(t *testing.T) {
	text := "\uFEFFkind: entity\r\nname: a\r\nkeys:\r\n  - {name: k, type: int64}\r\n"
	d, err := definition.LoadText("a.yaml", text)
	if err != nil || len(d.Entities) != 1 || d.Entities[0].Keys[0].Name != "k" {
		t.Errorf("got %v, %v", d, err)
	}
	if got, want := format(t, text), "kind: entity\nname: a\nkeys:\n  - {name: k, type: int64}\n"; got != want {
		t.Errorf("formatted: got %q, want %q", got, want)
	}
}

// Nothing that is named like a definition and is none keeps the loader waiting.
func TestWhatIsNoFileIsTold(t *testing.T) {
	root := write(t, map[string]string{"features/a.yaml": "kind: entity\nname: a\nkeys: [{name: k, type: int64}]\n"})
	in := func(name string) string { return filepath.Join(root, "features", name) }
	for _, err := range []error{
		syscall.Mkfifo(in("pipe.yaml"), 0o600), syscall.Mkfifo(in("pipe.txt"), 0o600),
		os.Symlink("/dev/zero", in("zero.yaml")),
		os.Symlink("loop_b.yaml", in("loop_a.yaml")), os.Symlink("loop_a.yaml", in("loop_b.yaml")),
		os.Mkdir(in("folder.yaml"), 0o700), os.Symlink("..", filepath.Join(in("folder.yaml"), "around")),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := definition.Load([]string{"features"}, root)
	want := `definitions: can't read features/loop_a.yaml: too many levels of symbolic links
definitions: can't read features/loop_b.yaml: too many levels of symbolic links
features/pipe.yaml is neither a file nor a folder
features/zero.yaml is neither a file nor a folder`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	for _, name := range []string{"pipe.yaml", "zero.yaml"} {
		_, err := definition.LoadProject(in(name), "", variables(nil))
		if want := name + ":1:1: can't read the file: it is no regular file"; err == nil || err.Error() != want {
			t.Errorf("as a project file: got %v, want %s", err, want)
		}
	}
}

func TestManyFilesThatAreNoDefinitionsAreNotOpened(t *testing.T) {
	root := write(t, map[string]string{"features/a.yaml": "kind: entity\nname: a\nkeys: [{name: k, type: int64}]\n"})
	for i := range 2000 {
		if err := os.WriteFile(filepath.Join(root, "features", fmt.Sprintf("%d.csv", i)), nil, 0o200); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := definition.Load([]string{"features"}, root); err != nil || len(d.Entities) != 1 {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestSourcesStayBelowTheDataFolder(t *testing.T) {
	source := func(path string) string {
		return fmt.Sprintf("kind: source\nname: s\nevent_timestamp: t\nparquet: '%s'\n", path)
	}
	for _, path := range []string{"../../etc/passwd", "..", "a/../../b", "./../a", "*/../../a", `\.\./a`, `a/\../b`, "../*.parquet", "a//../../b"} {
		want := "a.yaml:4:10: parquet: " + fmt.Sprintf("%q", path) + " leads out of the data folder (write a path below data of quiver.yaml, or an absolute path)"
		if got := problems(t, source(path)); got != want {
			t.Errorf("%s: got %s\nwant %s", path, got, want)
		}
	}
	for _, path := range []string{"/etc/passwd", "/srv/../data/*.parquet", "a/../b", "..a/b", "a..", "...", "a/**", "./a"} {
		if got := problems(t, source(path)); got != "" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/quiver-features/quiver/registry"
)

func TestCaretStandsUnderTheColumn(t *testing.T) {
	long := strings.Repeat("x", 300)
	for _, c := range []struct {
		name, line string
		column     int
		want       string
	}{
		{"plain", "name: x", 7, "name: x\n      ^"},
		{"at the end", "name:", 6, "name:\n     ^"},
		{"beyond the end", "name:", 60, "name:\n     ^"},
		{"tab", "\tname: x", 8, "    name: x\n          ^"},
		{"wide characters", "名前: x", 5, "名前: x\n      ^"},
		{"combining", "e\u0301: x", 5, "e\u0301: x\n   ^"},
		{"control characters", "a\x00\x1b[31m: x", 9, "a␀␛[31m: x\n        ^"},
		{"direction", "a\u202eb", 3, "a\uFFFDb\n  ^"},
		{"no UTF-8", "a: \xff\xfe", 4, "a: \uFFFD\uFFFD\n   ^"},
		{"carriage return", "a: b\r", 4, "a: b\n   ^"},
		{"long, at the start", "a" + long, 1, "a" + strings.Repeat("x", 95) + "…\n^"},
		{"long, in the middle", long + "a" + long, 301, "…" + strings.Repeat("x", 64) + "a" + strings.Repeat("x", 31) + "…\n" + strings.Repeat(" ", 65) + "^"},
		{"long, at the end", long + "a", 301, "…" + strings.Repeat("x", 64) + "a\n" + strings.Repeat(" ", 65) + "^"},
		{"long and wide", strings.Repeat("名", 200), 101, "…" + strings.Repeat("名", 48) + "…\n" + strings.Repeat(" ", 65) + "^"},
	} {
		t.Run(c.name, func(t *testing.T) {
			shown, before := window(c.line, c.column, widestExcerpt)
			if got := shown + "\n" + strings.Repeat(" ", before) + "^"; got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

// TestAnExcerptFitsTheTerminal counts the columns of every line below the message,
// and looks at what stands above the caret.
func TestAnExcerptFitsTheTerminal(t *testing.T) {
	dir := t.TempDir()
	line := strings.Repeat("x", 150) + "Q" + strings.Repeat("y", 150)
	if err := os.WriteFile(filepath.Join(dir, "a.yaml"), []byte(strings.Repeat("\n", 99)+line), 0o600); err != nil {
		t.Fatal(err)
	}
	ps := registry.Problems{{Position: registry.Position{File: "a.yaml", Line: 100, Column: 151}, Message: "m"}}
	for terminal, longest := range map[int]int{0: 8 + 98, 40: 40, 80: 80, 107: 106, 200: 106, 3: 8 + 14} {
		c := &carets{folder: dir, width: terminal}
		lines := strings.Split(c.text(ps), "\n")
		at := utf8.RuneCountInString(lines[2]) - 1
		if above := []rune(lines[1]); len(above) != longest || above[at] != 'Q' {
			t.Errorf("terminal of %d: %d columns, the caret under %q:\n%s\n%s", terminal, len(above), above[at], lines[1], lines[2])
		}
	}
}

func TestLinesOfTheProjectFileShowNoSecret(t *testing.T) {
	for line, want := range map[string]string{
		"registry: mysql://user:hunter2@h/db":                                "registry: mysql://…",
		"registry: hunter2":                                                  "registry: …",
		"online: \"hunter2\"":                                                "online: \"…",
		"onlin: redis:hunter2@host":                                          "onlin:…",
		"prod: {registry: sqlite:a, online: redis:hunter2}":                  "prod: {registry: sqlite:a, online: …",
		"a: {registry: sqlite:a}, b: {'registry' : 'hunter2'}":               "a: {registry: sqlite:a}, b: {'registry' : '…",
		"prod: {online: \"redis://a:hunter2@h\", registry: \"x://:hunter2\"": "prod: {online: \"redis://…",
		"registry: sqlite:.quiver/registry.db":                               "registry: sqlite:.quiver/registry.db",
		"projct: flights":                                                    "projct: flights",
	} {
		if got := withoutSecrets(line); got != want {
			t.Errorf("%s: got %s, want %s", line, got, want)
		}
	}
}

func TestProblemsWithoutALineAreToldAlone(t *testing.T) {
	c := &carets{folder: t.TempDir()}
	ps := registry.Problems{
		{Message: "of no file"},
		{Position: registry.Position{File: "gone.yaml", Line: 1, Column: 1}, Message: "of a file that has gone"},
		{Position: registry.Position{File: "/dev/zero", Line: 1, Column: 1}, Message: "of no file that has lines"},
	}
	want := "of no file\ngone.yaml:1:1: of a file that has gone\n/dev/zero:1:1: of no file that has lines"
	if got := c.text(ps); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// The real command on a pseudo-terminal.
func TestTerminalShowsTheLine(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"quiver.yaml":     "project: p\n",
		"features/a.yaml": "kind: entity\nname: a\nkeys:\n  - {name: k, typ: int64}\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	variables := map[string]string{"TERM": "xterm"}
	validate := func(terminal bool) string {
		var plain bytes.Buffer
		env := environment{in: strings.NewReader(""), out: io.Discard, err: &plain, getenv: func(name string) (string, bool) {
			v, ok := variables[name]
			return v, ok
		}}
		shown := plain.String
		if terminal {
			env.err, shown = pseudoTerminal(t)
		}
		if code := run(t.Context(), []string{"-C", root, "validate"}, env); code != exitFailed {
			t.Errorf("exit code %d", code)
		}
		return shown()
	}
	message := `features/a.yaml:4:15: unknown field "typ" (did you mean "type"?)`
	other := `features/a.yaml:4:5: missing field "type" (a join key needs name, type)`
	if got, want := validate(false), "quiver: 2 problems in the definitions:\n"+other+"\n"+message+"\n"; got != want {
		t.Errorf("without a terminal: got\n%s\nwant\n%s", got, want)
	}
	line := "\n  4 |   - {name: k, typ: int64}\n    | "
	first, second := strings.Repeat(" ", 4), strings.Repeat(" ", 14)
	coloured := "quiver: 2 problems in the definitions:\n" +
		"\x1b[1m" + other + "\x1b[0m" + line + first + "\x1b[1;31m^\x1b[0m\n" +
		"\x1b[1m" + message + "\x1b[0m" + line + second + "\x1b[1;31m^\x1b[0m\n"
	if got := validate(true); got != coloured {
		t.Errorf("on a terminal: got\n%q\nwant\n%q", got, coloured)
	}
	variables["NO_COLOR"] = "1"
	plain := "quiver: 2 problems in the definitions:\n" + other + line + first + "^\n" + message + line + second + "^\n"
	if got := validate(true); got != plain {
		t.Errorf("with NO_COLOR: got\n%q\nwant\n%q", got, plain)
	}
}

// pseudoTerminal gives a terminal, and what was written to it so far.
func pseudoTerminal(t *testing.T) (*os.File, func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = master.Close() })
	fd := int(master.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	return slave, func() string {
		_ = slave.Close()
		all, _ := io.ReadAll(master) // ends with EIO, once nobody has the terminal open
		return strings.ReplaceAll(string(all), "\r\n", "\n")
	}
}

func TestFoundWordsAreHighlighted(t *testing.T) {
	table := "NAME  DELAY\nDelay_x  a.b delays\naxb\n"
	want := "NAME  DELAY\n\x1b[1;32mDelay\x1b[0m_x  \x1b[1;32ma.b\x1b[0m \x1b[1;32mdelay\x1b[0ms\naxb\n"
	if got := highlighted(table, []string{"delay", "a.b"}); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

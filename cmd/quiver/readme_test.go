package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// A block of a text that can be run, and the comment before it that says why it is not.
var runnable = regexp.MustCompile("(?s)(<!-- not run: [^>\n]+ -->\n)?```(sh|console|go|python)\n(.*?)```")

// The commands of the README are run as they stand, one after the other, from an
// empty folder on.
func TestTheCommandsOfTheReadmeWork(t *testing.T) {
	w := newWalk(t, t.TempDir())
	ran := w.follow("../../README.md")
	at := -1
	for _, part := range []string{"quiver init", "quiver get --server", "curl", "grpcurl", "import "} {
		at = slices.IndexFunc(ran, func(command string) bool { return strings.HasPrefix(command, part) })
		if at < 0 {
			t.Fatalf("no %s is run, of %q", part, ran)
		}
	}
	columns := w.shell(testenv.Python(t), "-c", w.ports.Replace(ran[at])+"\nprint(columns)")
	if want := "{'last_order__amount': [31, 64.5, None], 'last_order__items': [5, 2, None]}\n"; columns != want {
		t.Errorf("the answer in Python is %swant %s", columns, want)
	}
}

// Those of the example go on where the demonstration ends.
func TestTheCommandsOfTheExampleWork(t *testing.T) {
	dir := t.TempDir()
	example, err := filepath.Abs("../../examples/flights")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := os.ReadFile(filepath.Join(example, "quiver.yaml")) //nolint:gosec // ours
	if err := errors.Join(err,
		os.WriteFile(filepath.Join(dir, "quiver.yaml"), settings, 0o600),
		os.CopyFS(filepath.Join(dir, "features"), os.DirFS(filepath.Join(example, "features"))),
		os.Symlink(filepath.Join(example, "data"), filepath.Join(dir, "data")), // it is only read
		os.Mkdir(filepath.Join(dir, "out"), 0o700),
	); err != nil {
		t.Fatal(err)
	}
	w := newWalk(t, dir)
	w.run("quiver apply --yes")
	w.run("quiver materialize")
	if ran := w.follow("../../examples/flights/README.md"); len(ran) < 5 {
		t.Errorf("only %q is run", ran)
	}

	// The change that it goes on with.
	w.change("features/delays.yaml", "ttl: 2d", "ttl: 1d")
	plan := w.run("quiver plan")
	for _, line := range []string{"new version +view +airport_delay@2 +breaking", "new version +service +delay_model@2"} {
		if !regexp.MustCompile(line).MatchString(plan) {
			t.Errorf("no %q in the plan:\n%s", line, plan)
		}
	}
}

// follow runs the blocks of a document, and gives what it ran.
func (w *walk) follow(document string) (ran []string) {
	w.t.Helper()
	text, err := os.ReadFile(document) //nolint:gosec // ours
	if err != nil {
		w.t.Fatal(err)
	}
	for _, block := range runnable.FindAllStringSubmatch(string(text), -1) {
		why, language, code := block[1], block[2], block[3]
		switch {
		case why != "":
			continue
		case language == "sh" || language == "console":
			for _, command := range commandsOf(code) {
				w.run(command)
				ran = append(ran, command)
			}
		case language == "python":
			w.shell(testenv.Python(w.t), "-c", w.ports.Replace(code))
			ran = append(ran, code)
		default:
			w.t.Errorf("nobody runs this block, and no comment <!-- not run: why --> stands before it:\n%s", code)
		}
	}
	return ran
}

// What make install puts where, from a build like that of a release.
func TestMakeInstallsProgramManualAndCompletion(t *testing.T) {
	root := t.TempDir()
	c := exec.CommandContext(t.Context(), "make", "--no-print-directory", "install", "PREFIX=/usr", "DESTDIR="+root, "BIN="+filepath.Join(t.TempDir(), "quiver")) //nolint:gosec // ours
	c.Dir = testenv.Root(t)
	c.Env = slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "MAKE") || strings.HasPrefix(v, "MFLAGS=") })
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("make install: %v\n%s", err, out)
	}
	for _, name := range []string{
		"bin/quiver", "share/man/man1/quiver.1", "share/man/man1/quiver-train.1",
		"share/bash-completion/completions/quiver", "share/zsh/site-functions/_quiver", "share/fish/vendor_completions.d/quiver.fish",
	} {
		if info, err := os.Stat(filepath.Join(root, "usr", name)); err != nil || info.Size() == 0 {
			t.Errorf("%s is not installed: %v", name, err)
		}
	}
	out, err := exec.CommandContext(t.Context(), filepath.Join(root, "usr", "bin", "quiver"), "version", "-o", "json").Output() //nolint:gosec // just made
	if err != nil || !strings.Contains(string(out), `"go": "go`) {
		t.Errorf("quiver version: %v\n%s", err, out)
	}
}

// The yaml of the README is what init writes, and its commands are those that there are.
func TestTheReadmeShowsWhatThereIs(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	shop, err := template.ReadFile("template/features/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```yaml\n(kind: .*?)```").FindAllSubmatch(text, -1)
	for _, block := range blocks {
		if !strings.Contains(string(shop), string(block[1])) {
			t.Errorf("the template has no\n%s", block[1])
		}
	}
	if len(blocks) == 0 {
		t.Error("the README shows no definition")
	}
	_, table, _ := strings.Cut(string(text), "\n## Commands\n")
	table, _, _ = strings.Cut(table, "\n## ")
	root := (&app{}).root()
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() && !strings.Contains(table, "`"+c.Name()+"`") {
			t.Errorf("the README does not name quiver %s", c.Name())
		}
	}
}

// Links within the repository lead somewhere.
func TestTheLinksOfTheDocumentsLeadSomewhere(t *testing.T) {
	documents, err := filepath.Glob("../../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	documents = append(documents, "../../README.md", "../../CONTRIBUTING.md", "../../examples/flights/README.md")
	link := regexp.MustCompile(`\]\(([^)#]+)(?:#[^)]*)?\)`)
	for _, document := range documents {
		text, err := os.ReadFile(document) //nolint:gosec // ours
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(document), m[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", document, m[1])
			}
		}
	}
}

package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"
)

// A command of a comment stands three spaces behind its sign.
var ofComment = regexp.MustCompile(`(?m)^#   ((?:quiver|curl) .*)$`)

// What init prints works, and so does each command in the comments of its files,
// with the values that the comments promise.
func TestWhatInitSaysWorks(t *testing.T) {
	w := newWalk(t, t.TempDir())
	said := w.run("quiver init shop")
	_, try, ok := strings.Cut(said, "try:\n")
	if !ok {
		t.Fatalf("init does not say what to try:\n%s", said)
	}
	var printed []string
	for line := range strings.Lines(try) {
		if command, ok := strings.CutPrefix(line, "  "); ok {
			printed = append(printed, strings.TrimSuffix(command, "\n"))
		}
	}
	if len(printed) != 9 || printed[0] != "cd shop" || !slices.Contains(printed, "quiver test") || !slices.Contains(printed, "quiver preview habits") {
		t.Fatalf("init prints %q", printed)
	}
	for _, command := range printed {
		w.run(command)
	}

	// The comments begin anew.
	w = newWalk(t, t.TempDir())
	w.run("quiver init shop")
	w.run("cd shop")
	text, err := os.ReadFile(filepath.Join(w.dir, "features", "shop.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	answers := map[string][]string{}
	var used []string
	for _, m := range ofComment.FindAllStringSubmatchIndex(string(text), -1) {
		command := string(text[m[2]:m[3]])
		if edit := `Change "ttl: 30d" above to "ttl: 2d"`; strings.Contains(string(text[:m[0]]), edit) && len(answers["edit"]) == 0 {
			w.change("features/shop.yaml", "ttl: 30d  ", "ttl: 2d  ")
			answers["edit"] = []string{edit}
		}
		out := w.run(command)
		answers[command] = append(answers[command], out)
		name, rest, _ := strings.Cut(command, " ")
		if name == "quiver" {
			name, _, _ = strings.Cut(rest, " ")
		}
		used = append(used, name)
	}
	for name := range strings.FieldsSeq("validate test preview plan apply search describe train materialize status get serve curl fmt promote history diff rollback schema") {
		if !slices.Contains(used, name) {
			t.Errorf("no comment says quiver %s", name)
		}
	}
	if len(answers["edit"]) == 0 {
		t.Error("no comment asks for a breaking change")
	}

	if out := answers["quiver test"]; len(out) == 0 || !strings.Contains(out[0], "2 of 2 tests passed, 17 values compared") {
		t.Errorf("quiver test finds no tests that pass beside the definitions: %s", out)
	}

	// Of customer 1 three orders of January, 19.9 + 7.5 + 31; none of customer 3.
	for feature, want := range map[string]string{
		"orders_30d": "3 PRESENT - 3 PRESENT - 0 NOT_FOUND - 1 PRESENT -",
		"paid_30d":   "58.4 PRESENT - 316.75 PRESENT - 0 NOT_FOUND - 99 PRESENT -",
	} {
		if got := lineOf(strings.Join(answers["quiver get --features 'habits:*' --key customer=1,2,3,4"], ""), "habits__"+feature); got != want {
			t.Errorf("%s: got %s, want %s", feature, got, want)
		}
	}

	// Customer 3's only order is 42 days old at the clock's time, that of customer 1
	// two and a half, that of customer 2 one.
	get := "quiver get --service churn_model --key customer=1,2,3,4"
	amount := func(out string) string { return lineOf(out, "last_order__amount") }
	for _, c := range []struct {
		command string
		times   int
		want    string
	}{
		{get, 0, "31 PRESENT 2d14h1m 64.5 PRESENT 1d2h - NOT_FOUND - 99 PRESENT 8d22h47m"},
		{get, 1, "- OUTSIDE_MAX_AGE 2d14h1m 64.5 PRESENT 1d2h - NOT_FOUND - - NOT_FOUND -"},
		{strings.Replace(get, "model", "model@1", 1), 0, "31 PRESENT 2d14h1m 64.5 PRESENT 1d2h - NOT_FOUND - 99 PRESENT 8d22h47m"},
	} {
		if len(answers[c.command]) <= c.times {
			t.Fatalf("%s is not run %d times", c.command, c.times+1)
		}
		if got := amount(answers[c.command][c.times]); got != c.want {
			t.Errorf("%s gives\n%s\nwant\n%s", c.command, got, c.want)
		}
	}
	for command, outs := range answers {
		if strings.Contains(command, "features:get") && !strings.Contains(outs[0], "[31,64.5]") {
			t.Errorf("%s gives %s", command, outs[0])
		}
	}
	if now := w.run("quiver get --service churn_model --key customer=1,2,3,4"); amount(now) != amount(answers[get][0]) {
		t.Errorf("after the rollback: %s", now)
	}
}

// lineOf gives what a table tells of a feature.
func lineOf(out, feature string) string {
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == feature {
			return strings.Join(fields[1:], " ")
		}
	}
	return out
}

func TestInitNamesTheProject(t *testing.T) {
	for folder, want := range map[string]string{"churn": "churn", "Churn Model-2": "churn_model_2", "2026": "shop", "東京": "shop"} {
		dir := filepath.Join(t.TempDir(), folder)
		must(t, "init", dir)
		text, err := os.ReadFile(filepath.Join(dir, "quiver.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), "\nproject: "+want+"\n") {
			t.Errorf("folder %s gives\n%s", folder, text)
		}
		must(t, "-C", dir, "validate")
	}
	dir := t.TempDir()
	must(t, "init", dir, "--name", "mine")
	do(t.Context(), "init", filepath.Join(dir, "x"), "--name", "Not good").refused(t, exitUsage, "--name", "Not good")
	if got := listing(t, dir); strings.Contains(got, "x") {
		t.Errorf("a refused init left %s", got)
	}
}

func TestInitTouchesNothingThatIsThere(t *testing.T) {
	dir := t.TempDir()
	full := func(name string) string { return filepath.Join(dir, name) }
	put := func(name, text string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Dir(full(name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}

	// Beside files of others it is at home, and says what to add to their .gitignore.
	put("git/README.md", "mine")
	put("git/.gitignore", "*.pyc\n")
	if out := must(t, "init", full("git")); !strings.Contains(out, "add the line .quiver/ to") {
		t.Error(out)
	}
	if text, err := os.ReadFile(full("git/.gitignore")); err != nil || string(text) != "*.pyc\n" {
		t.Errorf("%q, %v", text, err)
	}
	put("ignored/.gitignore", "/.quiver\n")
	if out := must(t, "init", full("ignored")); strings.Contains(out, "add the line") {
		t.Error(out)
	}

	for _, c := range []struct{ name, file, folder, told string }{
		{"a project", "project/quiver.yaml", "project", "is a project: name another folder"},
		{"definitions", "defined/features/shop.yaml", "defined", "shop.yaml exists already"},
		{"data", "data/data/orders.parquet", "data", "orders.parquet exists already"},
		{"a file in the folder's place", "file", "file", "is a file: name a folder"},
		{"a file in the place of a folder in it", "inner/features", "inner", "features"},
		{"a file above", "file", "file/shop", "file"},
	} {
		put(c.file, "theirs")
		before := tree(t, dir)
		do(t.Context(), "init", full(c.folder)).refused(t, exitFailed, c.told)
		if after := tree(t, dir); !slices.Equal(before, after) {
			t.Errorf("%s: before\n%s\nafter\n%s", c.name, before, after)
		}
	}
}

// tree gives the paths below a folder, with what the files hold.
func tree(t *testing.T, dir string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			all = append(all, path)
			return err
		}
		text, err := os.ReadFile(path)
		all = append(all, path+": "+string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestOthersOfAContainerMayReadWhatInitWrites makes everything as the umask says, and
// then a folder that nobody may look into.
func TestOthersOfAContainerMayReadWhatInitWrites(t *testing.T) {
	umask := unix.Umask(0)
	unix.Umask(umask)
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, "init", dir)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		want := 0o666 &^ umask
		if d.IsDir() {
			want = 0o777 &^ umask
		}
		if info, err := d.Info(); err != nil || int(info.Mode().Perm()) != want {
			t.Errorf("%s: %v, %v, want %o", path, info.Mode(), err, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}

	if err := os.Chmod(dir, 0); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.Chmod(dir, 0o700) }() //nolint:gosec // a folder, for its removal
	runtime.LockOSThread()                      // whose user for files is another one
	defer runtime.UnlockOSThread()
	if os.Getuid() == 0 {
		if _, err := unix.SetfsuidRetUid(65534); err != nil {
			t.Fatal(err)
		}
		defer func() { _, _ = unix.SetfsuidRetUid(0) }()
	}
	for _, project := range []string{dir, filepath.Join(dir, "features")} {
		do(t.Context(), "-C", project, "validate").refused(t, exitUsage, "permission denied: "+dir, "quiver.yaml")
	}
}

// The folder that init names is one that a shell goes to, and that a terminal shows as text.
func TestInitNamesAnyFolder(t *testing.T) {
	for _, folder := range []string{"my shop", "it's", "-x", "a\nb", "e\x1b[31mvil", `back\slash`, "\xff", "ÜÑI"} {
		w := newWalk(t, t.TempDir())
		said := w.shell("quiver", "init", "--", folder)
		if strings.ContainsFunc(said, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("control characters: %q", said)
		}
		line := regexp.MustCompile(`(?m)^  cd .*$`).FindString(said)
		if got, want := strings.TrimSpace(w.shell("bash", "-c", line+" && pwd")), filepath.Join(w.dir, folder); got != want {
			t.Errorf("%q leads to %q, want %q", line, got, want)
		}
	}
}

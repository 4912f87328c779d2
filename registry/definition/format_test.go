package definition_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

func format(t testing.TB, text string) string {
	t.Helper()
	out, err := definition.Format("a.yaml", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return string(out)
}

func TestFormat(t *testing.T) {
	archives, err := filepath.Glob("testdata/format/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			in, want := string(archive.Files[0].Data), string(archive.Files[1].Data)
			got := format(t, in)
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("formatted (-want +got):\n%s", diff)
			}
			checkFormat(t, in)
		})
	}
}

// checkFormat holds what must be true of any text that can be formatted.
func checkFormat(t testing.TB, text string) {
	t.Helper()
	out, err := definition.Format("a.yaml", []byte(text))
	if err != nil {
		if strings.Contains(err.Error(), "without changing it") {
			t.Fatalf("%v\n%s", err, text)
		}
		return
	}
	again, err := definition.Format("a.yaml", out)
	if err != nil {
		t.Fatalf("what was formatted is refused: %v\n%s", err, out)
	}
	if diff := cmp.Diff(string(out), string(again)); diff != "" {
		t.Fatalf("formatted once and twice (-once +twice):\n%s\nfrom\n%s", diff, text)
	}
	before, err := definition.LoadText("a.yaml", text)
	after, other := definition.LoadText("a.yaml", string(out))
	if (err == nil) != (other == nil) {
		t.Fatalf("loaded before: %v, after: %v\n%s\n%s", err, other, text, out)
	}
	if diff := cmp.Diff(before, after, cmpopts.IgnoreFields(registry.Definitions{}, "Positions")); diff != "" {
		t.Fatalf("loaded (-before +after):\n%s\n%s\n%s", diff, text, out)
	}
	lookup := func(string) (string, bool) { return "value", true }
	one, err := definition.LoadProjectText("/p/quiver.yaml", text, "", lookup)
	two, other := definition.LoadProjectText("/p/quiver.yaml", string(out), "", lookup)
	if (err == nil) != (other == nil) {
		t.Fatalf("as a project file before: %v, after: %v\n%s\n%s", err, other, text, out)
	}
	if one != nil {
		slices.Sort(one.Environments) // their order is that of the file
		slices.Sort(two.Environments)
	}
	if diff := cmp.Diff(one, two); diff != "" {
		t.Fatalf("project (-before +after):\n%s\n%s\n%s", diff, text, out)
	}
}

func TestFormattedFilesStay(t *testing.T) {
	for _, pattern := range []string{"examples/*/features/*.yaml", "cmd/quiver/template/features/*.yaml", "cmd/quiver/template/quiver.yaml"} {
		files, err := filepath.Glob(filepath.Join("..", "..", filepath.FromSlash(pattern)))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: no files, %v", pattern, err)
		}
		for _, f := range files {
			if definition.IsTest(f) {
				continue
			}
			text, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(text), format(t, string(text))); diff != "" {
				t.Errorf("%s (-as it is +formatted):\n%s", f, diff)
			}
		}
	}
}

// FuzzFormat holds checkFormat for any text.
func FuzzFormat(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text string) { checkFormat(t, text) })
}

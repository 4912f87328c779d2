package definition_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry/definition"
)

var update = flag.Bool("update", false, "write what Load says into testdata/problems; look at every line of it")

// write lays out files below a new folder and gives its path.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestProblemsAreToldWithTheirPlaces(t *testing.T) {
	archives, err := filepath.Glob("testdata/problems/*.txtar")
	if err != nil || len(archives) == 0 {
		t.Fatalf("no archives: %v", err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string]string{}
			want := ""
			for _, f := range archive.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files[f.Name] = string(f.Data)
				}
			}
			d, err := definition.Load([]string{"features"}, write(t, files))
			if err == nil {
				t.Fatal("no problems")
			}
			if d != nil {
				t.Error("definitions were given beside an error")
			}
			if !errors.Is(err, feature.ErrInvalid) {
				t.Errorf("not of kind invalid: %v", err)
			}
			if *update {
				archive.Files = append(withoutWant(archive.Files), txtar.File{Name: "want", Data: []byte(err.Error() + "\n")})
				if err := os.WriteFile(path, txtar.Format(archive), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, err.Error()+"\n"); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func withoutWant(files []txtar.File) []txtar.File {
	var kept []txtar.File
	for _, f := range files {
		if f.Name != "want" {
			kept = append(kept, f)
		}
	}
	return kept
}

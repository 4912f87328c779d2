package arch

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// longFile is where a file is worth a second look: it may have grown to two purposes.
const longFile = 500

// listed is what go list tells of a package.
type listed struct {
	ImportPath, Dir                    string
	Imports, TestImports, XTestImports []string
	GoFiles, TestGoFiles, XTestGoFiles []string
	IgnoredGoFiles, CgoFiles           []string
}

func TestEveryImportIsAllowedByTheTable(t *testing.T) {
	edges := 0
	all := list(t)
	for _, r := range rules() {
		if !slices.ContainsFunc(all, func(p listed) bool {
			from, _ := below(p.ImportPath)
			return matches(r.pkg, from)
		}) {
			t.Errorf("the import table has a row for %q, and there is no such package: remove the row", r.pkg)
		}
	}
	for _, p := range all {
		from, ours := below(p.ImportPath)
		if !ours {
			t.Errorf("%s is not below %s", p.ImportPath, module)
			continue
		}
		if len(p.CgoFiles) > 0 {
			t.Errorf("%s uses cgo in %v: the binary is static", from, p.CgoFiles)
		}
		// The package itself must have a row, even while it imports nothing.
		if why := check(edge{from, p.ImportPath, false}); why != "" {
			t.Error(why)
			continue
		}
		for inTest, imports := range map[bool][]string{
			false: p.Imports,
			true:  slices.Concat(p.TestImports, p.XTestImports),
		} {
			for _, to := range imports {
				edges++
				if why := check(edge{from, to, inTest}); why != "" {
					t.Error(why)
				}
			}
		}
	}
	if edges == 0 {
		t.Fatal("no imports were read: the test is broken")
	}
}

func TestNothingHasAnInitFunctionOutsideProto(t *testing.T) {
	files := 0
	for _, p := range list(t) {
		if from, _ := below(p.ImportPath); matches("proto/...", from) {
			continue
		}
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles, p.IgnoredGoFiles) {
			files++
			checkFile(t, filepath.Join(p.Dir, name))
		}
	}
	if files == 0 {
		t.Fatal("no files were read: the test is broken")
	}
}

func checkFile(t *testing.T, path string) {
	t.Helper()
	src, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(src, []byte("\n")); lines > longFile {
		t.Logf("hint: %s has %d lines; does it still have one purpose?", path, lines)
	}
	for _, at := range inits(t, path, src) {
		t.Errorf("%s: func init: what a package needs is passed to its constructors", at)
	}
}

// inits returns the positions of a file's init functions.
func inits(t *testing.T, path string, src []byte) []string {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, src, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			found = append(found, fset.Position(f.Pos()).String())
		}
	}
	return found
}

func list(t *testing.T) []listed {
	t.Helper()
	// -e: a package that does not compile is told by the compiler, with better words.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json", "./...")
	cmd.Dir = testenv.Root(t)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var packages []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		packages = append(packages, p)
	}
}

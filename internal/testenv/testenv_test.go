package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestTheModuleRootIsFoundFromBelow(t *testing.T) {
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b")
	if err := os.MkdirAll(deep, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "go.mod"), []byte("module m\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, deep} {
		if got, err := moduleRoot(dir); err != nil || got != root {
			t.Errorf("from %s: got %q, %v, want %q", dir, got, err, root)
		}
	}
	if _, err := os.Stat(filepath.Join(Root(t), "internal", "testenv")); err != nil {
		t.Errorf("the root of this module: %v", err)
	}
}

func TestPythonHasTheOracle(t *testing.T) {
	python := Python(t)
	script := "import duckdb; print(duckdb.sql('select 6 * 7').fetchall()[0][0])"
	out, err := exec.CommandContext(t.Context(), python, "-c", script).CombinedOutput()
	if err != nil || string(out) != "42\n" {
		t.Fatalf("got %q, %v, want 42", out, err)
	}
}

package measure

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == Launch {
		os.Exit(Launcher(context.Background(), os.Args[2:]))
	}
	os.Exit(m.Run())
}

func TestRunTellsWhatAProgramCost(t *testing.T) {
	t.Setenv("GORACE", "atexit_sleep_ms=0") // the launcher is this binary: with -race it would end a second later
	file := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(file, make([]byte, 3<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	held := make([]byte, 64<<20) // what this process holds is not the program's
	for i := range held {
		held[i] = 1
	}
	cost, out, err := Run(t.Context(), Command{Args: []string{"cat", file}})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) != 3<<20 {
		t.Errorf("standard output has %d bytes, want %d", len(out), 3<<20)
	}
	if cost.Read < 3<<20 || cost.Read > 4<<20 {
		t.Errorf("read %d bytes, want the file's 3 MiB and little else", cost.Read)
	}
	if cost.Peak < 1<<20 || cost.Peak > 48<<20 {
		t.Errorf("peak memory is %d, want cat's few MiB and not those of this process", cost.Peak)
	}
	if cost.Wall <= 0 || cost.CPU < 0 || held[0] != 1 {
		t.Errorf("cost is %+v", cost)
	}
}

func TestRunTellsWhatAFailedProgramSaid(t *testing.T) {
	t.Setenv("GORACE", "atexit_sleep_ms=0")
	_, _, err := Run(t.Context(), Command{Args: []string{"cat", "/no/such/file"}})
	if err == nil || !strings.Contains(err.Error(), "/no/such/file: No such file") {
		t.Errorf("error is %v, want cat's message", err)
	}
}

func TestDivisible(t *testing.T) {
	for _, c := range []struct{ name, own, controls, want string }{
		{"its own group", "0::/a/b\n", "a/b", "a/b"},
		{"the one above it", "0::/a/b\n", "a", "a"},
		{"none with memory", "0::/a/b\n", "", ""},
		{"not the second version", "4:memory:/a\n", "a", ""},
	} {
		root := t.TempDir()
		if err := os.MkdirAll(filepath.Join(root, "a", "b"), 0o700); err != nil {
			t.Fatal(err)
		}
		if c.controls != "" {
			if err := os.WriteFile(filepath.Join(root, c.controls, "cgroup.subtree_control"), []byte("cpu memory\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, ok := divisible(root, c.own)
		if c.want != "" {
			c.want = filepath.Join(root, c.want)
		}
		if got != c.want || ok != (c.want != "") {
			t.Errorf("%s: got %q %v, want %q", c.name, got, ok, c.want)
		}
	}
}

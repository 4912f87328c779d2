package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// outcome is what a command left on its streams.
type outcome struct {
	code     int
	out, err string
}

// do runs a command line in this process.
func do(ctx context.Context, args ...string) outcome {
	var out, log bytes.Buffer
	code := run(ctx, args, environment{in: strings.NewReader(""), out: &out, err: &log, getenv: noVariables})
	return outcome{code, out.String(), log.String()}
}

func noVariables(string) (string, bool) { return "", false }

// must runs a command line that has to work, and gives its output.
func must(t *testing.T, args ...string) string {
	t.Helper()
	got := do(t.Context(), args...)
	if got.code != exitDone {
		t.Fatalf("quiver %s: exit code %d\n%s%s", strings.Join(args, " "), got.code, got.out, got.err)
	}
	return got.out
}

// refused checks the exit code, and that the message has all of the parts.
func (o outcome) refused(t *testing.T, code int, parts ...string) {
	t.Helper()
	if o.code != code {
		t.Errorf("exit code %d, want %d\n%s%s", o.code, code, o.out, o.err)
	}
	for _, part := range parts {
		if !strings.Contains(o.err, part) {
			t.Errorf("no %q in %s", part, o.err)
		}
	}
}

// newProject makes the template's project, applied.
func newProject(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "shop")
	initShop(t, dir)
	must(t, "-C", dir, "apply", "--yes")
	return dir
}

// initShop makes the project of init with last_order as its only view.
func initShop(t *testing.T, dir string) {
	t.Helper()
	must(t, "init", dir)
	for _, name := range []string{"habits.yaml", "habits.test.yaml"} {
		if err := os.Remove(filepath.Join(dir, "features", name)); err != nil {
			t.Fatal(err)
		}
	}
}

// setting replaces a line of a project's quiver.yaml.
func setting(t *testing.T, dir, name, value string) {
	t.Helper()
	path := filepath.Join(dir, "quiver.yaml")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, name+":") {
			lines[i] = name + ": " + value
		}
	}
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
}

// replace changes a text in a file.
func replace(t *testing.T, path, old, replacement string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), old, replacement)
	if changed == string(text) {
		t.Fatalf("%s has no %q", path, old)
	}
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
}

// largeSpine writes a spine whose rows don't compress well.
func largeSpine(t *testing.T, rows int) string {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	b.WriteString("customer,event_timestamp,note\n")
	for range rows {
		fmt.Fprintf(&b, "%d,2026-01-%02dT00:00:00Z,%016x%016x\n", random.IntN(5), 1+random.IntN(30), random.Uint64(), random.Uint64())
	}
	path := filepath.Join(t.TempDir(), "spine.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// largeOrders gives a project that many customers, one order each.
func largeOrders(t *testing.T, dir string, customers int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("customer,ordered_at,amount,items\n")
	for i := range customers {
		fmt.Fprintf(&b, "%d,2026-01-30T00:00:00Z,%d.5,1\n", i, i)
	}
	path := filepath.Join(t.TempDir(), "orders.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeParquet(t.Context(), path, filepath.Join(dir, "data", "orders.parquet"), []string{"ordered_at"}); err != nil {
		t.Fatal(err)
	}
}

// listing gives the names of a folder's files.
func listing(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return strings.Join(names, " ")
}

// watched collects a stream and tells when a text has come by.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
	want string
	seen chan struct{} // closed when want was written
}

func watch(want string) *watched { return &watched{want: want, seen: make(chan struct{})} }

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.text.String(), w.want)
	w.text.Write(p)
	if !before && strings.Contains(w.text.String(), w.want) {
		close(w.seen)
	}
	return len(p), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// running is a command line that goes on beside the test.
type running struct {
	log  *watched
	out  *watched
	done chan struct{}
	code int // once done is closed
}

// start runs a command line that a person sits before, and returns when its
// standard error shows a text.
func start(ctx context.Context, t *testing.T, in io.Reader, shows string, args ...string) *running {
	t.Helper()
	r := &running{log: watch(shows), out: watch("\x00"), done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.code = run(ctx, args, environment{in: in, out: r.out, err: r.log, getenv: noVariables, person: true})
	}()
	select {
	case <-r.log.seen:
	case <-r.done:
		t.Fatalf("ended with %d before it showed %q\n%s%s", r.code, shows, r.out, r.log)
	}
	return r
}

// end waits for the end.
func (r *running) end() outcome {
	<-r.done
	return outcome{r.code, r.out.String(), r.log.String()}
}

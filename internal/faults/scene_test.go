package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/quiver-features/quiver/internal/testenv"
)

const (
	// secret is the password of every URL of the tests, in files, variables and flags.
	secret = "hunter2-s3cret"
	// patience is how long a process may take before it counts as hanging.
	patience = 20 * time.Second
	// nobody is a user without any rights, for what root may always do.
	nobody = 65534
	// usualMemory bounds the memory that a process has used at most, in MiB, where a case states nothing.
	usualMemory = 256
)

// The states that a project may start in: as init leaves it, applied, and materialized.
const (
	fresh   = "fresh"
	applied = "applied"
	filled  = "filled"
)

// bench is what all cases share: the binary, and a project in each state to copy from.
type bench struct {
	binary string
	states map[string]string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{binary: testenv.Quiver(t), states: map[string]string{}}
	open(t, filepath.Dir(b.binary))
	dir := open(t, t.TempDir())
	for _, step := range []struct {
		state string
		args  []string
	}{{fresh, []string{"init", "."}}, {applied, []string{"apply", "--yes"}}, {filled, []string{"materialize"}}} {
		s := &scene{t: t, bench: b, dir: filepath.Join(dir, step.state)}
		if previous := map[string]string{applied: fresh, filled: applied}[step.state]; previous != "" {
			copyTree(t, b.states[previous], s.dir)
		} else if err := os.Mkdir(s.dir, 0o755); err != nil { //nolint:gosec // another user works in it
			t.Fatal(err)
		}
		if got := s.run(process{args: step.args}); got.code != 0 {
			t.Fatalf("quiver %v: exit code %d\n%s", step.args, got.code, got.err)
		}
		b.states[step.state] = s.dir
	}
	return b
}

// open lets other users into a test's folder.
func open(t *testing.T, dir string) string {
	t.Helper()
	for _, d := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(d, 0o755); err != nil { //nolint:gosec // that is what it is for
			t.Fatal(err)
		}
	}
	return dir
}

// scene is a project of its own, in which things go wrong.
type scene struct {
	t     *testing.T
	bench *bench
	dir   string
}

func (b *bench) scene(t *testing.T, state string) *scene {
	t.Helper()
	s := &scene{t: t, bench: b, dir: filepath.Join(open(t, t.TempDir()), "shop")}
	copyTree(t, b.states[state], s.dir)
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.dir, name) }

func (s *scene) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// write replaces a file by a text.
func (s *scene) write(name, text string) {
	s.t.Helper()
	s.check(os.MkdirAll(filepath.Dir(s.path(name)), 0o755))  //nolint:gosec // another user works in it
	s.check(os.WriteFile(s.path(name), []byte(text), 0o644)) //nolint:gosec // the same
}

// writeLarge writes a file piece by piece: what this process has in memory counts for those that it starts.
func (s *scene) writeLarge(name, head string, pieces int, piece func(int) string) {
	s.t.Helper()
	f, err := os.Create(s.path(name))
	s.check(err)
	w := bufio.NewWriter(f)
	_, err = w.WriteString(head)
	for i := range pieces {
		if err == nil {
			_, err = w.WriteString(piece(i))
		}
	}
	s.check(errors.Join(err, w.Flush(), f.Close()))
}

func (s *scene) read(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(s.path(name))
	s.check(err)
	return string(text)
}

// edit replaces a text in a file, which must have it.
func (s *scene) edit(name, old, replacement string) {
	s.t.Helper()
	text := s.read(name)
	if !strings.Contains(text, old) {
		s.t.Fatalf("%s has no %q", name, old)
	}
	s.write(name, strings.ReplaceAll(text, old, replacement))
}

// setting replaces a line of quiver.yaml.
func (s *scene) setting(name, value string) {
	s.t.Helper()
	lines := strings.Split(s.read("quiver.yaml"), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, name+":") {
			lines[i] = name + ": " + value
		}
	}
	s.write("quiver.yaml", strings.Join(lines, "\n"))
}

func (s *scene) remove(name string) { s.t.Helper(); s.check(os.RemoveAll(s.path(name))) }

// folder puts a folder where a file was.
func (s *scene) folder(name string) {
	s.t.Helper()
	s.remove(name)
	s.check(os.MkdirAll(s.path(name), 0o755)) //nolint:gosec // another user works in it
}

// fifo puts a pipe that nobody writes to where a file was.
func (s *scene) fifo(name string) {
	s.t.Helper()
	s.remove(name)
	s.check(syscall.Mkfifo(s.path(name), 0o644))
}

// loop puts a symbolic link to itself where a file was.
func (s *scene) loop(name string) {
	s.t.Helper()
	s.remove(name)
	s.check(os.MkdirAll(filepath.Dir(s.path(name)), 0o755)) //nolint:gosec // another user works in it
	s.check(os.Symlink(filepath.Base(name), s.path(name)))
}

// cut keeps so much of a file: a part of its length, in percent.
func (s *scene) cut(name string, percent int64) {
	s.t.Helper()
	info, err := os.Stat(s.path(name))
	s.check(err)
	s.check(os.Truncate(s.path(name), info.Size()*percent/100))
}

func (s *scene) chmod(name string, mode fs.FileMode) {
	s.t.Helper()
	s.check(os.Chmod(s.path(name), mode))
}

// process is one run of the binary in a scene.
type process struct {
	args     []string
	env      []string
	in       string
	out      *os.File  // where its standard output goes in place of a buffer
	noOut    bool      // it has no standard output
	asNobody bool      // as a user who owns the project and has no other rights
	until    string    // what it has to say before it is told to stop; empty: it ends by itself
	then     func()    // called before it is told to stop
	signal   os.Signal // how it is told; nil: SIGTERM
}

// result is what a process has left.
type result struct {
	code     int
	out, err string
	memory   int64 // MiB, at most
}

// run runs the binary in the scene's folder to its end.
func (s *scene) run(p process) result {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.bench.binary, p.args...)
	if p.noOut {
		cmd = exec.CommandContext(ctx, "/bin/sh", append([]string{"-c", `exec "$0" "$@" >&-`, s.bench.binary}, p.args...)...)
	}
	cmd.Dir = s.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + s.dir, "PLANTED=" + secret, "STORE_URL=redis://u:" + secret + "@127.0.0.1:1/0"}, p.env...)
	cmd.Stdin = strings.NewReader(p.in)
	var out bytes.Buffer
	log := &watched{}
	cmd.Stdout, cmd.Stderr = &out, log
	if p.out != nil {
		cmd.Stdout = p.out
	}
	if p.asNobody && os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		s.own()
	}
	if p.until != "" {
		said := log.expect(p.until)
		s.check(cmd.Start())
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-said:
			if p.then != nil {
				p.then()
			}
			how := p.signal
			if how == nil {
				how = syscall.SIGTERM
			}
			_ = cmd.Process.Signal(how) // it may have ended by itself
			<-ended
		case <-ended:
		}
	} else if err := cmd.Run(); cmd.ProcessState == nil {
		s.t.Fatalf("quiver %.200q: %v", p.args, err)
	}
	if ctx.Err() != nil {
		s.t.Fatalf("quiver %.200q: still running after %v\n%s%s", p.args, patience, &out, log)
	}
	r := result{code: cmd.ProcessState.ExitCode(), out: out.String(), err: log.String()}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.memory = usage.Maxrss >> 10
	}
	return r
}

// own gives the project to nobody.
func (s *scene) own() {
	s.t.Helper()
	s.check(filepath.WalkDir(s.dir, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, os.Lchown(path, nobody, nobody))
	}))
}

// sound checks what holds for every process, whatever it was asked.
func (r result) sound(t *testing.T, memory int64) {
	t.Helper()
	for stream, text := range map[string]string{"standard output": r.out, "standard error": r.err} {
		for _, word := range []string{"panic", "goroutine ", "runtime error", ".go:", "0xc0", "%!", "<nil>"} {
			if strings.Contains(text, word) {
				t.Errorf("%q on %s:\n%.2000s", word, stream, text)
			}
		}
		if strings.Contains(text, secret) {
			t.Errorf("the secret is on %s:\n%.2000s", stream, text)
		}
		if at := strings.IndexFunc(text, func(c rune) bool { return c != '\n' && c != '\t' && unicode.IsControl(c) }); at >= 0 || !utf8.ValidString(text) {
			t.Errorf("control characters or no UTF-8 on %s (at %d):\n%.2000q", stream, at, text)
		}
	}
	if len(r.err) > 20_000 {
		t.Errorf("a message of %d bytes", len(r.err))
	}
	if memory == 0 {
		memory = usualMemory
	}
	// Linux counts what the starter has used at most as used by those that it starts.
	var own syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &own); err != nil {
		t.Fatal(err)
	}
	if r.memory > max(memory, own.Maxrss>>10) {
		t.Errorf("%d MiB of memory were used, more than %d", r.memory, memory)
	}
}

// expect checks the exit code and that all of the words were said on standard error.
func (r result) expect(t *testing.T, code int, words ...string) {
	t.Helper()
	if r.code != code {
		t.Errorf("exit code %d, want %d", r.code, code)
	}
	for _, word := range words {
		if !strings.Contains(r.err, word) {
			t.Errorf("no %q in the message", word)
		}
	}
	if code == 1 && r.err == "" {
		t.Error("failed without a word")
	}
	if t.Failed() {
		t.Logf("standard error:\n%.2000s\nstandard output:\n%.1000s", r.err, r.out)
	}
}

// watched is a stream that tells when a text has come.
type watched struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	text string
	said chan struct{}
}

func (w *watched) expect(text string) <-chan struct{} {
	w.text, w.said = text, make(chan struct{})
	return w.said
}

// Write implements io.Writer.
func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, err := w.buf.Write(p)
	if w.text != "" && strings.Contains(w.buf.String(), w.text) {
		w.text = ""
		close(w.said)
	}
	return n, err
}

// String gives what has come so far.
func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// tree gives what is in the project: the digest of every file by its name, and of what is no file its kind.
func (s *scene) tree() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(s.dir, func(path string, entry fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrPermission) {
			return nil // this test, run by somebody else than root, may not look
		}
		if err != nil {
			return err
		}
		name, err := filepath.Rel(s.dir, path)
		if err != nil || !entry.Type().IsRegular() {
			all[name] = entry.Type().String()
			return err
		}
		digest, err := digestOf(path)
		all[name] = digest
		return err
	})
	s.check(err)
	return all
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "unreadable", nil // the same before and after
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}

// changed gives the names that differ between two trees, but those that begin with one of the prefixes.
func changed(was, now map[string]string, but ...string) []string {
	names := map[string]bool{}
	for _, pair := range [][2]map[string]string{{was, now}, {now, was}} {
		for name, digest := range pair[0] {
			if other, there := pair[1][name]; !there || other != digest {
				names[name] = true
			}
		}
	}
	maps.DeleteFunc(names, func(name string, _ bool) bool {
		return slices.ContainsFunc(but, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
	})
	return slices.Sorted(maps.Keys(names))
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}

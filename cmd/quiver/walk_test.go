package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// walk runs the commands of a text one after the other, as somebody who follows it
// would: cd stays, and quiver serve goes on in a terminal of its own. Servers listen
// on free ports, and what the text calls localhost:7070 and :7071 is found there.
type walk struct {
	t       *testing.T
	dir     string
	env     []string
	ports   *strings.Replacer
	served  *exec.Cmd
	drained chan struct{} // closed when the server's log has ended
}

// newWalk starts in a folder. The binary is that on the PATH: this test's own.
func newWalk(t *testing.T, dir string) *walk {
	w := &walk{t: t, dir: dir, ports: strings.NewReplacer()}
	w.env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", "QUIVER_SERVE_LOG_FORMAT=text",
		"QUIVER_SERVE_GRPC=127.0.0.1:0", "QUIVER_SERVE_HTTP=127.0.0.1:0", "QUIVER_SERVE_DRAIN_DELAY=0s")
	tools := filepath.Dir(testenv.Tool(t, "grpcurl"))
	w.env = append(w.env, "PATH="+os.Getenv("PATH")+string(os.PathListSeparator)+tools)
	t.Cleanup(w.stop)
	return w
}

var changesFolder = regexp.MustCompile(`^cd (\S+)$`)

// run runs one command, and gives what it wrote to standard output.
func (w *walk) run(command string) string {
	w.t.Helper()
	if m := changesFolder.FindStringSubmatch(command); m != nil {
		w.dir = filepath.Join(w.dir, m[1])
		return ""
	}
	if strings.TrimSpace(strings.TrimSuffix(command, "&")) == "quiver serve" {
		w.serve()
		return ""
	}
	return w.shell("bash", "-eu", "-o", "pipefail", "-c", w.ports.Replace(command))
}

func (w *walk) shell(program string, args ...string) string {
	w.t.Helper()
	var out, log bytes.Buffer
	c := w.command(w.t.Context(), program, args...)
	c.Stdout, c.Stderr = &out, &log
	if err := c.Run(); err != nil {
		w.t.Fatalf("%s\n%v\n%s%s", args[len(args)-1], err, &out, &log)
	}
	return out.String()
}

func (w *walk) command(ctx context.Context, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, args...) //nolint:gosec // from our own texts
	c.Dir, c.Env = w.dir, w.env
	return c
}

var listens = regexp.MustCompile(`msg=listening (grpc|http)=(\S+)`)

// serve starts the server, and waits until it is ready.
func (w *walk) serve() {
	w.t.Helper()
	w.stop()
	w.served = w.command(context.WithoutCancel(w.t.Context()), "quiver", "serve")
	stderr, err := w.served.StderrPipe()
	if err == nil {
		err = w.served.Start()
	}
	if err != nil {
		w.t.Fatal(err)
	}
	var pairs []string
	lines := bufio.NewReader(stderr)
	var log strings.Builder
	for {
		line, err := lines.ReadString('\n')
		log.WriteString(line)
		if err != nil {
			_ = w.served.Wait()
			w.served = nil
			w.t.Fatalf("quiver serve ended:\n%s", &log)
		}
		if m := listens.FindStringSubmatch(line); m != nil {
			pairs = append(pairs, map[string]string{"grpc": "localhost:7070", "http": "localhost:7071"}[m[1]], m[2])
		}
		if strings.Contains(line, "msg=ready") {
			break
		}
	}
	w.ports = strings.NewReplacer(pairs...)
	w.drained = make(chan struct{})
	go func() {
		defer close(w.drained)
		_, _ = io.Copy(io.Discard, lines)
	}()
}

func (w *walk) stop() {
	if w.served == nil {
		return
	}
	_ = w.served.Process.Signal(syscall.SIGTERM)
	<-w.drained
	if err := w.served.Wait(); err != nil {
		w.t.Errorf("quiver serve: %v", err)
	}
	w.served = nil
}

// commandsOf gives the commands of a block, a line each; a backslash at its end
// continues a line.
func commandsOf(block string) []string {
	var commands []string
	for line := range strings.SplitSeq(strings.ReplaceAll(block, "\\\n", ""), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			commands = append(commands, strings.TrimSpace(regexp.MustCompile(`\s+# .*$`).ReplaceAllString(line, "")))
		}
	}
	return commands
}

// change replaces a text in a file that the walk has come to.
func (w *walk) change(file, old, replacement string) {
	w.t.Helper()
	replace(w.t, filepath.Join(w.dir, file), old, replacement)
}

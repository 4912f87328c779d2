package main

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// serverProcess is quiver serve as a process of its own, with a log in text.
type serverProcess struct {
	t          *testing.T
	cmd        *exec.Cmd
	grpc, http string // addresses
	ended      chan struct{}
	err        error // of the process, once ended

	mu    sync.Mutex
	lines []string
	over  bool          // there are no more lines
	more  chan struct{} // closed with every line, and when it is over
}

// startProcess starts a server on free ports, which is killed when the test ends.
// It returns as soon as both listen.
func startProcess(t *testing.T, dir string, environment []string, args ...string) *serverProcess {
	t.Helper()
	command := append([]string{"-C", dir, "serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--log-format", "text"}, args...)
	s := &serverProcess{t: t, cmd: exec.Command("quiver", command...), ended: make(chan struct{}), more: make(chan struct{})}
	s.cmd.Env = append(append(os.Environ(), "GORACE=atexit_sleep_ms=0"), environment...)
	told, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.follow(told)
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.ended
	})
	s.grpc = s.shows("msg=listening grpc=")
	s.http = s.shows("msg=listening http=")
	return s
}

func (s *serverProcess) follow(told io.Reader) {
	defer close(s.ended)
	lines := bufio.NewScanner(told)
	for more := true; more; {
		more = lines.Scan()
		s.mu.Lock()
		if s.over = !more; more {
			s.lines = append(s.lines, lines.Text())
		}
		close(s.more)
		s.more = make(chan struct{})
		s.mu.Unlock()
	}
	s.err = s.cmd.Wait()
}

// shows waits for a line with a text, and gives what stands behind it.
func (s *serverProcess) shows(text string) string {
	s.t.Helper()
	patience := time.NewTimer(time.Minute)
	defer patience.Stop()
	for from := 0; ; {
		s.mu.Lock()
		lines, more, over := s.lines[from:], s.more, s.over
		s.mu.Unlock()
		for _, line := range lines {
			if _, rest, ok := strings.Cut(line, text); ok {
				return rest
			}
		}
		from += len(lines)
		if over {
			s.t.Fatalf("the server ended without %q in its log:\n%s", text, s.log())
		}
		select {
		case <-more:
		case <-patience.C:
			s.t.Fatalf("no %q in the server's log:\n%s", text, s.log())
		}
	}
}

func (s *serverProcess) log() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

func (s *serverProcess) signal(signal syscall.Signal) {
	s.t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
}

// stop tells the server to end, and waits until it has, with exit code 0.
func (s *serverProcess) stop() {
	s.t.Helper()
	s.signal(syscall.SIGTERM)
	<-s.ended
	if s.err != nil {
		s.t.Errorf("the server ended with %v:\n%s", s.err, s.log())
	}
}

// asker asks with a connection for every request, so that no idle one keeps a
// server from ending at once.
func asker() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// get asks the server over HTTP, and gives the status code and the answer.
func (s *serverProcess) get(path string) (int, string) {
	s.t.Helper()
	r, err := asker().Get("http://" + s.http + path)
	if err != nil {
		s.t.Fatal(err)
	}
	body, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

package faults_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// server is quiver serve in a scene, with the addresses that it listens on.
type server struct {
	*scene
	cmd        *exec.Cmd
	log        *watched
	grpc, http string
	client     *http.Client
	before     int // goroutines, when nothing had been asked but the good request
}

// serve starts quiver serve. It ends with the test, which looks at what it leaves.
func (s *scene) serve(args ...string) *server {
	s.t.Helper()
	v := &server{scene: s, log: &watched{}, client: &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}}
	ready := v.log.expect(`"msg":"ready","grpc"`)
	args = append(strings.Fields("serve --grpc 127.0.0.1:0 --http 127.0.0.1:0 --drain-delay 1ms --log-format json"), args...)
	v.cmd = exec.Command(s.bench.binary, args...) // it is told to stop by a signal
	v.cmd.Dir, v.cmd.Stderr = s.dir, v.log
	v.cmd.Env = []string{"HOME=" + s.dir, "PLANTED=" + secret}
	s.check(v.cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- v.cmd.Wait() }()
	s.t.Cleanup(func() { v.stop(ended) })
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		s.t.Fatalf("quiver serve: %v\n%s", err, v.log)
	}
	v.grpc, v.http = v.address("grpc"), v.address("http")
	v.wellServed()
	v.before = v.goroutines()
	return v
}

func (v *server) address(protocol string) string {
	v.t.Helper()
	match := regexp.MustCompile(`"msg":"listening","` + protocol + `":"([^"]+)"`).FindStringSubmatch(v.log.String())
	if match == nil {
		v.t.Fatalf("no address of %s in %s", protocol, v.log)
	}
	return match[1]
}

// stop ends a server, and checks what holds after everything that was done to it.
func (v *server) stop(ended chan error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = v.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	select {
	case err := <-ended:
		if err != nil {
			v.t.Errorf("the server ended with %v", err)
		}
	case <-ctx.Done():
		_ = v.cmd.Process.Kill()
		<-ended
		v.t.Error("the server did not stop")
	}
	r := result{err: v.log.String()}
	if usage, ok := v.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.memory = usage.Maxrss >> 10
	}
	lines := r.err
	r.err = r.err[:min(len(r.err), 10_000)] // a line for each request: how much is said is not what is looked at
	r.sound(v.t, 0)
	if strings.Contains(lines, secret) || strings.Contains(lines, "panic") {
		v.t.Errorf("a secret or a panic in the log:\n%.5000s", lines)
	}
}

// wellServed checks that a good request is answered by the values of the template's rows.
func (v *server) wellServed() {
	v.t.Helper()
	a := v.post("/v1/features:get", `{"service":"churn_model","keys":{"customer":[1]}}`)
	if a.status != http.StatusOK || !strings.Contains(a.body, "31") || strings.Count(a.body, "PRESENT") != 2 {
		v.t.Errorf("a good request is answered by %d: %s", a.status, a.body)
	}
}

// asBefore waits until there are no more goroutines than at the start, but a few that come and go.
func (v *server) asBefore() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for n := v.goroutines(); n > v.before+5; n = v.goroutines() {
		select {
		case <-look.C:
		case <-ctx.Done():
			v.t.Errorf("%d goroutines are left, there were %d", n, v.before)
			return
		}
	}
}

func (v *server) goroutines() int {
	v.t.Helper()
	a := v.ask(http.MethodGet, "/metrics", nil, nil)
	match := regexp.MustCompile(`(?m)^go_goroutines (\d+)$`).FindStringSubmatch(a.body)
	if match == nil {
		v.t.Fatalf("no go_goroutines in the metrics (%d)", a.status)
	}
	n, err := strconv.Atoi(match[1])
	v.check(err)
	return n
}

// answer is what HTTP gave.
type answer struct {
	status int
	body   string
}

func (v *server) post(path, body string) answer {
	v.t.Helper()
	return v.ask(http.MethodPost, path, strings.NewReader(body), http.Header{"Content-Type": {"application/json"}})
}

func (v *server) ask(method, path string, body io.Reader, header http.Header) answer {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+v.http, body)
	v.check(err)
	request.URL.Opaque = path // as it stands
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := v.client.Do(request)
	if err != nil {
		// A server that has refused a body need not read the rest of it.
		if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
			return answer{}
		}
		v.t.Fatalf("%s %.100s: %v", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	v.check(err)
	return answer{response.StatusCode, string(text)}
}

// raw sends bytes as they are, and gives the status line that comes back; empty: the connection ended without.
func (v *server) raw(address string, pieces ...string) string {
	v.t.Helper()
	c, err := (&net.Dialer{}).DialContext(v.t.Context(), "tcp", address)
	v.check(err)
	defer func() { _ = c.Close() }()
	v.check(c.SetDeadline(time.Now().Add(patience)))
	for _, p := range pieces {
		if _, err := io.WriteString(c, p); err != nil {
			break // it was refused before its end
		}
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil && line == "" {
		return ""
	}
	return strings.TrimSpace(line)
}

// problem checks an answer that refuses: its status, RFC 9457's fields, and what it says.
func (a answer) problem(t *testing.T, status int, says ...string) {
	t.Helper()
	if a.status != status {
		t.Errorf("status %d, want %d: %.500s", a.status, status, a.body)
		return
	}
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.NewDecoder(bytes.NewBufferString(a.body)).Decode(&p); err != nil || p.Status != status || p.Title == "" || p.Detail == "" {
		t.Errorf("no problem document of status %d (%v): %.500s", status, err, a.body)
	}
	result{out: a.body}.sound(t, 0)
	for _, word := range says {
		if !strings.Contains(a.body, word) {
			t.Errorf("no %q in %.500s", word, a.body)
		}
	}
}

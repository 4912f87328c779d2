package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	redisInstall  = "run `make deps`, or install version 7 or newer (Debian: apt-get install redis-server)"
	redisLeast    = 7                // the least major version
	redisPatience = 20 * time.Second // for a server to answer or to end, on a busy machine
	redisPoll     = 5 * time.Millisecond
	redisPorts    = 5 // free ports tried, as another process may take one between finding and binding
)

// RedisServer is a redis-server process of one test, on a loopback port, without persistence. Its methods are
// for one goroutine at a time; clients connect as they like.
type RedisServer struct {
	tb   testing.TB
	bin  string
	args []string
	dir  string
	port int

	config string // of a sentinel, which writes to it; "" for a server
	bus    int    // port of a cluster's own traffic; 0 outside of one
	tls    int    // port that speaks TLS; 0 for none

	cmd    *exec.Cmd
	output *lockedBuffer
	exited chan struct{} // closed when the process has ended
}

// RedisOption changes how a server is started.
type RedisOption func(*RedisServer)

// RedisArgs adds command-line settings, such as "--maxmemory", "4mb". Later ones win.
func RedisArgs(args ...string) RedisOption {
	return func(s *RedisServer) { s.args = append(s.args, args...) }
}

// Redis starts a redis-server of version 7 or newer for this test and returns when it answers. It is empty,
// writes nothing to disk, and is killed in the test's cleanup. Starting takes about 20 ms.
func Redis(tb testing.TB, opts ...RedisOption) *RedisServer {
	tb.Helper()
	bin, err := redisBinary(tb.Context())
	if err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	s := &RedisServer{tb: tb, bin: bin, dir: tb.TempDir()}
	for _, opt := range opts {
		opt(s)
	}
	tb.Cleanup(s.Kill)
	for try := 1; ; try++ {
		if s.port, err = freePort(tb.Context()); err != nil {
			tb.Fatalf("testenv: find a port for redis: %v", err)
		}
		err = s.start()
		if err == nil {
			return s
		}
		if !errors.Is(err, errPortTaken) || try == redisPorts {
			tb.Fatalf("testenv: %v", err)
		}
	}
}

// Addr returns host:port. It stays the same over Restart.
func (s *RedisServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the server's database 0 as a redis:// URL.
func (s *RedisServer) URL() string { return "redis://" + s.Addr() + "/0" }

// Pid returns the process id, to stop (SIGSTOP) and continue a server that hangs.
func (s *RedisServer) Pid() int { return s.cmd.Process.Pid }

// Output returns what the server has logged since it was last started.
func (s *RedisServer) Output() string { return s.output.String() }

// Stop asks the server to shut down and waits until it has ended. Connections are closed; the data are gone.
// A server that is not running is left as it is.
func (s *RedisServer) Stop() {
	s.tb.Helper()
	if !s.running() {
		return
	}
	// The connection ends without an answer where the server does as it is told.
	reply, err := s.command(context.Background(), "SHUTDOWN NOSAVE FORCE")
	if err == nil {
		s.tb.Errorf("testenv: redis refused to shut down: %s", reply)
	}
	s.await("shut down")
}

// Kill ends the server at once, as a crash would, and waits until it has ended. The data are gone. It may be
// called on a server that is not running.
func (s *RedisServer) Kill() {
	s.tb.Helper()
	if !s.running() {
		return
	}
	// An error means that it ended by itself in the meantime, which await sees.
	_ = s.cmd.Process.Kill()
	s.await("be killed")
}

// Restart brings the server up again, empty, at the same address; one that runs is killed first. It returns
// when the server answers.
func (s *RedisServer) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.tb.Fatalf("testenv: restart: %v", err)
	}
}

func (s *RedisServer) running() bool {
	if s.cmd == nil {
		return false
	}
	select {
	case <-s.exited:
		return false
	default:
		return true
	}
}

func (s *RedisServer) await(what string) {
	s.tb.Helper()
	timeout := time.NewTimer(redisPatience)
	defer timeout.Stop()
	select {
	case <-s.exited:
	case <-timeout.C:
		s.tb.Errorf("testenv: redis did not %s within %v; its log:\n%s", what, redisPatience, s.Output())
	}
}

var errPortTaken = errors.New("the port was taken by another process")

// start runs the server on s.port and waits for its answer to PING. After an error nothing runs.
func (s *RedisServer) start() error {
	common := []string{"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.dir}
	args := append([]string{
		"--save", "", "--appendonly", "no", "--daemonize", "no", "--protected-mode", "no",
		"--loglevel", "notice", "--logfile", "", "--databases", "4",
	}, s.args...)
	if s.config != "" {
		args = []string{"--sentinel", "--protected-mode", "no"}
		common = append([]string{s.config}, common...)
	}
	args = append(common, args...)
	// Not bound to the test's context, which ends before the cleanups run: Kill ends the process.
	cmd := exec.CommandContext(context.Background(), s.bin, args...)
	output := &lockedBuffer{}
	cmd.Stdout, cmd.Stderr = output, output
	endWithParent(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", s.bin, err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // How it ended is told by its log; Kill makes an error of every end.
	}()
	s.cmd, s.output, s.exited = cmd, output, exited
	if err := s.awaitPong(); err != nil {
		s.Kill()
		if strings.Contains(s.Output(), "Address already in use") {
			err = errPortTaken
		}
		return fmt.Errorf("redis on %s: %w; its log:\n%s", s.Addr(), err, s.Output())
	}
	return nil
}

func (s *RedisServer) awaitPong() error {
	ctx, cancel := context.WithTimeout(s.tb.Context(), redisPatience)
	defer cancel()
	tick := time.NewTicker(redisPoll)
	defer tick.Stop()
	pid := fmt.Sprintf("process_id:%d\r\n", s.cmd.Process.Pid)
	var last error
	for {
		// The answer must be of this process: another server may have taken the port.
		reply, err := s.command(ctx, "INFO server")
		switch {
		case err != nil:
			last = err
		case strings.Contains(reply, pid):
			return nil
		default:
			last = fmt.Errorf("unexpected answer %q", reply)
		}
		select {
		case <-s.exited:
			return errors.New("the server ended before it answered")
		case <-ctx.Done():
			return fmt.Errorf("no answer within %v: %w", redisPatience, last)
		case <-tick.C:
		}
	}
}

// command sends one inline command on a connection of its own and returns the start of the reply.
func (s *RedisServer) command(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, redisPatience)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return "", err
		}
	}
	if _, err := conn.Write([]byte(line + "\r\n")); err != nil {
		return "", err
	}
	reply := make([]byte, 64<<10)
	n, err := conn.Read(reply)
	if err != nil {
		return "", err
	}
	return string(reply[:n]), nil
}

var redisVersion = regexp.MustCompile(`\bv=(\d+)\.\S*`)

// redisBinary finds redis-server and checks its version.
func redisBinary(ctx context.Context) (string, error) {
	bin, err := binary("redis-server", redisInstall)
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, bin, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s --version: %w: %s", bin, err, out)
	}
	return bin, checkRedisVersion(string(out))
}

func checkRedisVersion(text string) error {
	m := redisVersion.FindStringSubmatch(text)
	if m == nil {
		return fmt.Errorf("redis-server tells no version: %q; %s", text, redisInstall)
	}
	if major, err := strconv.Atoi(m[1]); err != nil || major < redisLeast {
		return fmt.Errorf("redis-server is of version %s: %s", strings.TrimPrefix(m[0], "v="), redisInstall)
	}
	return nil
}

// freePort asks the kernel for a loopback port that nobody listens on at this moment.
func freePort(ctx context.Context) (int, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err := errors.Join(err, l.Close()); err != nil {
		return 0, err
	}
	return strconv.Atoi(port)
}

// lockedBuffer collects a process's output while tests may read it.
type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

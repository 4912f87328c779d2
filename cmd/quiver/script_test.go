package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes this test binary the program quiver, too.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"quiver": main})
}

// The scripts of testdata/script run the real commands in a folder of their own.
// Beside testscript's own commands they have:
//
//	fails CODE PROGRAM ARGS...   the program ends with this exit code
//	rows FILE                    prints a Parquet or Arrow file, a row a line
//	parquet CSV FILE [COLUMN...] makes a Parquet file; the named columns are timestamps
//	unsigned FILE                makes a Parquet file of orders, one of too many items
//	cut FILE BYTES               leaves the first bytes of a file
//	remember                     notes what all files here hold
//	untouched                    no file has come, gone or changed since then
//	server NAME ARGS...          starts quiver serve; $NAME is its gRPC address, $NAME_http and $NAME_metrics the others
//	stop NAME                    tells it to stop; it ends with 0, and its log is stderr
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": fails, "rows": rows, "parquet": toParquet, "unsigned": unsigned, "cut": cut,
			"remember": remember, "untouched": untouched, "server": startServer, "stop": stopServer,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", "atexit_sleep_ms=0") // the race detector's second of patience at every exit
			e.Values[stateKey{}] = &state{servers: map[string]*server{}, trees: map[string]map[string]string{}}
			return nil
		},
		RequireExplicitExec: true,
	})
}

// program is a command with the script's folder and environment.
func program(ts *testscript.TestScript, args []string) *exec.Cmd {
	path, err := exec.LookPath(args[0])
	if err != nil {
		path = args[0]
	}
	c := exec.Command(path, args[1:]...) //nolint:gosec // the script's
	c.Dir = ts.MkAbs(".")
	c.Env = environ(ts)
	return c
}

func environ(ts *testscript.TestScript) []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "WORK", "GORACE"} {
		env = append(env, name+"="+ts.Getenv(name))
	}
	return env
}

func fails(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	if err != nil || neg || len(args) < 2 {
		ts.Fatalf("usage: fails CODE PROGRAM ARGS...")
	}
	c := program(ts, args[1:])
	var out, log bytes.Buffer
	c.Stdout, c.Stderr = &out, &log
	err = c.Run()
	_, _ = ts.Stdout().Write(out.Bytes())
	_, _ = ts.Stderr().Write(log.Bytes())
	exit := (*exec.ExitError)(nil)
	switch {
	case err == nil:
		ts.Fatalf("exit code 0, want %d", want)
	case !errors.As(err, &exit):
		ts.Check(err)
	case exit.ExitCode() != want:
		ts.Fatalf("exit code %d, want %d\n%s", exit.ExitCode(), want, log.Bytes())
	}
}

// state is what the commands of one script share.
type state struct {
	servers map[string]*server           // running, by name
	trees   map[string]map[string]string // what files held, by folder
}

type stateKey struct{}

func stateOf(ts *testscript.TestScript) *state { return ts.Value(stateKey{}).(*state) }

type server struct {
	cmd *exec.Cmd
	log *bytes.Buffer // whole once done is closed
	end chan struct{}
}

var (
	listeningLine = regexp.MustCompile(`msg=listening (grpc|http|metrics)=(\S+)`)
	readyLine     = regexp.MustCompile(`msg=ready `)
)

func startServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: server NAME ARGS...")
	}
	name := args[0]
	command := append([]string{"quiver", "serve", "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--drain-delay", "0s", "--log-format", "text"}, args[1:]...)
	s := &server{cmd: program(ts, command), log: &bytes.Buffer{}, end: make(chan struct{})}
	stderr, err := s.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(s.cmd.Start())
	ready := make(chan error, 1)
	go func() {
		defer close(s.end)
		ready <- s.read(stderr, func(line string) bool {
			if m := listeningLine.FindStringSubmatch(line); m != nil {
				ts.Setenv(map[string]string{"grpc": name, "http": name + "_http", "metrics": name + "_metrics"}[m[1]], m[2])
			}
			return readyLine.MatchString(line)
		})
		_, _ = io.Copy(s.log, stderr)
	}()
	ts.Defer(func() {
		_ = s.cmd.Process.Kill()
		<-s.end
	})
	if err := <-ready; err != nil {
		ts.Fatalf("the server did not become ready: %v\n%s", err, s.log)
	}
	stateOf(ts).servers[name] = s
}

// read follows the log up to the line that stop recognizes.
func (s *server) read(stderr io.Reader, stop func(line string) bool) error {
	lines := bufio.NewReaderSize(stderr, 1) // what it has read ahead is in the log below
	for {
		line, err := lines.ReadString('\n')
		s.log.WriteString(line)
		if err != nil {
			return fmt.Errorf("its log ended: %w", err)
		}
		if stop(line) {
			rest, _ := lines.Peek(lines.Buffered())
			s.log.Write(rest)
			return nil
		}
	}
}

func stopServer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: stop NAME")
	}
	s := stateOf(ts).servers[args[0]]
	ts.Check(s.cmd.Process.Signal(syscall.SIGTERM))
	<-s.end
	err := s.cmd.Wait()
	_, _ = ts.Stderr().Write(s.log.Bytes())
	ts.Check(err)
}

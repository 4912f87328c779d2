package testenv

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	postgresInstall  = "run `make deps`, or install version 15 or newer (Debian: apt-get install postgresql)"
	postgresLeast    = 15               // the least major version
	postgresPatience = 60 * time.Second // for a server to answer or to end, on a busy machine
	postgresPoll     = 10 * time.Millisecond

	postgresUser     = "quiver" // a superuser
	postgresPassword = "opensesame"
)

// PostgresServer is a PostgreSQL of one test, on a loopback port, in a folder of its own. What it has
// acknowledged survives Stop and Kill; it does not sync to the disk, so it would not survive the machine. Its
// methods are for one goroutine at a time; clients connect as they like.
type PostgresServer struct {
	tb    testing.TB
	bin   string // the folder of the programs
	owner *syscall.Credential
	dir   string
	files map[string][]byte // to be written into dir
	args  []string
	port  int

	cmd    *exec.Cmd
	output *lockedBuffer
	exited chan struct{} // closed when the process has ended
}

// PostgresOption changes how a server is started.
type PostgresOption func(*PostgresServer)

// PostgresSettings adds settings of postgresql.conf, such as "max_connections=5". Later ones win.
func PostgresSettings(settings ...string) PostgresOption {
	return func(s *PostgresServer) {
		for _, setting := range settings {
			s.args = append(s.args, "-c", setting)
		}
	}
}

// PostgresFile puts a file into the server's folder, where settings may name it: a certificate, for example.
func PostgresFile(name string, content []byte) PostgresOption {
	return func(s *PostgresServer) { s.files[name] = content }
}

// Postgres starts a PostgreSQL of version 15 or newer for this test and returns when it answers. It has the
// empty database postgres and one superuser with a password, and is killed and removed in the test's cleanup.
// Starting takes about 0.3 s; the first time in a checkout makes the files that later ones copy, in 2 s. Where
// the tests run as root the server runs as the user postgres or nobody, because it refuses root.
func Postgres(tb testing.TB, opts ...PostgresOption) *PostgresServer {
	tb.Helper()
	s := &PostgresServer{tb: tb, files: map[string][]byte{}}
	for _, opt := range opts {
		opt(s)
	}
	if err := s.prepare(); err != nil {
		tb.Fatalf("testenv: %v", err)
	}
	for try := 1; ; try++ {
		var err error
		if s.port, err = freePort(tb.Context()); err != nil {
			tb.Fatalf("testenv: find a port for postgres: %v", err)
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

// prepare finds the programs and makes the server's folder. It cleans up by itself.
func (s *PostgresServer) prepare() (err error) {
	if s.bin, err = postgresPrograms(s.tb.Context(), os.Getenv("PATH"), "/usr/lib/postgresql"); err != nil {
		return err
	}
	if s.owner, err = postgresOwner(); err != nil {
		return err
	}
	template, err := s.template(filepath.Join(Root(s.tb), ".tools"))
	if err != nil {
		return err
	}
	// Not the test's own folder: that is closed to other users.
	s.dir, err = os.MkdirTemp("", "quiver-postgres-*")
	if err != nil {
		return err
	}
	s.tb.Cleanup(func() {
		s.Kill()
		if err := os.RemoveAll(s.dir); err != nil {
			s.tb.Errorf("testenv: remove the folder of postgres: %v", err)
		}
	})
	if err := os.CopyFS(s.dir, os.DirFS(template)); err != nil {
		return err
	}
	for name, content := range s.files {
		if err := os.WriteFile(filepath.Join(s.dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return s.give(s.dir)
}

// Addr returns host:port. It stays the same over Restart.
func (s *PostgresServer) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the database postgres as the superuser.
func (s *PostgresServer) URL() string { return s.URLAs(postgresUser, postgresPassword, "postgres") }

// URLAs returns a database as another user. All three must be plain letters.
func (s *PostgresServer) URLAs(user, password, database string) string {
	return fmt.Sprintf("postgres://%s:%s@%s/%s?sslmode=disable", user, password, s.Addr(), database)
}

// Output returns what the server has logged since it was last started.
func (s *PostgresServer) Output() string { return s.output.String() }

// Stop shuts the server down: connections are told that it goes, and end. A server that is not running is left
// as it is.
func (s *PostgresServer) Stop() {
	s.tb.Helper()
	s.end(syscall.SIGINT, "shut down")
}

// Kill ends the server at once, as a crash would. It may be called on a server that is not running.
func (s *PostgresServer) Kill() {
	s.tb.Helper()
	s.end(syscall.SIGKILL, "be killed")
}

func (s *PostgresServer) end(signal syscall.Signal, what string) {
	s.tb.Helper()
	if !s.running() {
		return
	}
	// An error means that it ended by itself in the meantime, which is seen below.
	_ = s.cmd.Process.Signal(signal)
	timeout := time.NewTimer(postgresPatience)
	defer timeout.Stop()
	select {
	case <-s.exited:
	case <-timeout.C:
		s.tb.Errorf("testenv: postgres did not %s within %v; its log:\n%s", what, postgresPatience, s.Output())
	}
}

// Restart brings the server up again at the same address, with its data; one that runs is killed first. It
// returns when the server answers.
func (s *PostgresServer) Restart() {
	s.tb.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.tb.Fatalf("testenv: restart: %v", err)
	}
}

// RestartAsStandby is Restart as a standby, which can only be read until SELECT pg_promote() makes it a
// primary: how clients see a server that was demoted. It replicates from nowhere. The server is shut down
// first, because a standby opens only on files that were left whole.
func (s *PostgresServer) RestartAsStandby() {
	s.tb.Helper()
	s.Stop()
	if err := errors.Join(os.WriteFile(filepath.Join(s.dir, "standby.signal"), nil, 0o600), s.give(s.dir)); err != nil {
		s.tb.Fatalf("testenv: %v", err)
	}
	s.Restart()
}

func (s *PostgresServer) running() bool {
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

// start runs the server on s.port until it answers. A server that was killed may have left processes that are
// about to end; until they have, another one refuses to start.
func (s *PostgresServer) start() error {
	timeout := time.NewTimer(postgresPatience)
	defer timeout.Stop()
	tick := time.NewTicker(postgresPoll)
	defer tick.Stop()
	for {
		err := s.startOnce()
		if err == nil || !strings.Contains(s.Output(), "pre-existing shared memory block") && !strings.Contains(s.Output(), "lock file") {
			return err
		}
		select {
		case <-timeout.C:
			return err
		case <-tick.C:
		}
	}
}

// startOnce starts one process. After an error nothing runs.
func (s *PostgresServer) startOnce() error {
	args := append([]string{
		"-D", s.dir, "-p", strconv.Itoa(s.port), "-h", "127.0.0.1", "-k", "",
		"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "autovacuum=off", "-c", "max_connections=50",
		"-c", "logging_collector=off", "-c", "log_destination=stderr",
	}, s.args...)
	// Not bound to the test's context, which ends before the cleanups run: Kill ends the process.
	cmd := exec.CommandContext(context.Background(), filepath.Join(s.bin, "postgres"), args...)
	output := &lockedBuffer{}
	s.run(cmd, output)
	endWithParent(cmd)
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Credential = s.owner
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s as user %d: %w", cmd.Path, s.uid(), err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait() // How it ended is told by its log.
	}()
	s.cmd, s.output, s.exited = cmd, output, exited
	if err := s.awaitReady(); err != nil {
		s.Kill()
		if strings.Contains(s.Output(), "Address already in use") {
			err = errPortTaken
		}
		return fmt.Errorf("postgres on %s: %w; its log:\n%s", s.Addr(), err, s.Output())
	}
	return nil
}

// awaitReady waits for the line in the server's own log: another server may have taken the port.
func (s *PostgresServer) awaitReady() error {
	timeout := time.NewTimer(postgresPatience)
	defer timeout.Stop()
	tick := time.NewTicker(postgresPoll)
	defer tick.Stop()
	for !strings.Contains(s.Output(), "database system is ready to accept") {
		select {
		case <-s.exited:
			return errors.New("the server ended before it was ready")
		case <-timeout.C:
			return fmt.Errorf("not ready within %v", postgresPatience)
		case <-tick.C:
		}
	}
	return nil
}

// template gives a folder with the files of a server that never ran, and makes it where it is missing. Making
// it takes seconds and copying it a tenth of one.
func (s *PostgresServer) template(cache string) (string, error) {
	version, err := exec.CommandContext(s.tb.Context(), filepath.Join(s.bin, "postgres"), "--version").Output()
	if err != nil {
		return "", fmt.Errorf("%s/postgres --version: %w", s.bin, err)
	}
	// In the folder's name, because files of one major version do not serve another.
	name := strings.Trim(regexp.MustCompile(`[^0-9A-Za-z.]+`).ReplaceAllString(string(version), "-"), "-")
	path := filepath.Join(cache, name+"-template")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	made, err := os.MkdirTemp("", "quiver-postgres-template-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(made) }()
	if err := s.initialize(made); err != nil {
		return "", err
	}
	// Another process may be making it, too: it appears whole, under its name, once.
	if err := os.MkdirAll(cache, 0o755); err != nil { //nolint:gosec // a folder of tools
		return "", err
	}
	copied, err := os.MkdirTemp(cache, "template-*")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(copied) }()
	if err := os.CopyFS(copied, os.DirFS(filepath.Join(made, "data"))); err != nil {
		return "", err
	}
	if err := os.Rename(copied, path); err != nil {
		if _, there := os.Stat(path); there != nil {
			return "", err
		}
	}
	return path, nil
}

func (s *PostgresServer) initialize(dir string) error {
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(postgresPassword), 0o600); err != nil {
		return err
	}
	if err := s.give(dir); err != nil {
		return err
	}
	cmd := exec.CommandContext(s.tb.Context(), filepath.Join(s.bin, "initdb"), "-D", filepath.Join(dir, "data"),
		"--username="+postgresUser, "--pwfile="+secret, "--auth=scram-sha-256",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--wal-segsize=1")
	output := &lockedBuffer{}
	s.run(cmd, output)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s as user %d: %w\n%s", cmd.Path, s.uid(), err, output)
	}
	return nil
}

// run sets up what every program of PostgreSQL needs: a folder that its user may enter.
func (s *PostgresServer) run(cmd *exec.Cmd, output *lockedBuffer) {
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = output, output
}

func (s *PostgresServer) uid() int {
	if s.owner == nil {
		return os.Getuid()
	}
	return int(s.owner.Uid)
}

// give makes a folder, and all in it, the server's user's own.
func (s *PostgresServer) give(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		mode := os.FileMode(0o600)
		if d.IsDir() {
			mode = 0o700
		}
		if err := os.Chmod(path, mode); err != nil || s.owner == nil {
			return err
		}
		return os.Chown(path, int(s.owner.Uid), int(s.owner.Gid))
	})
}

// postgresPrograms finds the folder with the programs: on the PATH, or the newest of Debian's, which stand
// side by side below a folder of their own.
func postgresPrograms(ctx context.Context, path, debian string) (string, error) {
	dirs := filepath.SplitList(path)
	versions, err := filepath.Glob(filepath.Join(debian, "*", "bin"))
	if err != nil {
		return "", err
	}
	slices.SortFunc(versions, func(a, b string) int { return postgresMajor(filepath.Dir(b)) - postgresMajor(filepath.Dir(a)) })
	found := ""
	for _, dir := range append(dirs, versions...) {
		server, err := exec.LookPath(filepath.Join(dir, "postgres"))
		if err != nil {
			continue
		}
		if _, err := exec.LookPath(filepath.Join(dir, "initdb")); err != nil {
			continue
		}
		out, err := exec.CommandContext(ctx, server, "--version").CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("%s --version: %w: %s", server, err, out)
		}
		if found = strings.TrimSpace(string(out)); postgresMajor(found) >= postgresLeast {
			return dir, nil
		}
	}
	if found != "" {
		return "", fmt.Errorf("this machine has %s: %s", found, postgresInstall)
	}
	return "", fmt.Errorf("PostgreSQL (postgres and initdb) is not installed on this machine: %s", postgresInstall)
}

// postgresMajor reads the major version at the end of a path, or in what --version prints; 0 for none.
func postgresMajor(text string) int {
	m := regexp.MustCompile(`\(PostgreSQL\) (\d+)`).FindStringSubmatch(text)
	if m == nil {
		m = regexp.MustCompile(`/(\d+)$`).FindStringSubmatch(text)
	}
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(m[1])
	return n
}

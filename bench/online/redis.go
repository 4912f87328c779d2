package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const redisAddress = "127.0.0.1:26399"

// server is a redis-server of this benchmark's own, without persistence.
type server struct{ cmd *exec.Cmd }

func startRedis(ctx context.Context, folder string) (*server, error) {
	host, port, err := net.SplitHostPort(redisAddress)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, "redis-server", "--bind", host, "--port", port, "--dir", folder, "--save", "", "--appendonly", "no") //nolint:gosec // constants and our own folder
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start redis-server (Debian package redis-server): %w", err)
	}
	s := &server{cmd}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		if _, err := s.memory(ctx); err == nil {
			tick.Stop()
			return s, nil
		}
		select {
		case <-ctx.Done():
			tick.Stop()
			s.stop()
			return nil, errors.New("redis-server does not answer")
		case <-tick.C:
		}
	}
}

func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	_ = s.cmd.Wait()
}

// memory gives the server's used_memory in bytes.
func (s *server) memory(ctx context.Context) (int64, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", redisAddress)
	if err != nil {
		return 0, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := fmt.Fprint(conn, "INFO memory\r\n"); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "used_memory:"); ok {
			return strconv.ParseInt(strings.TrimSpace(text), 10, 64)
		}
	}
	return 0, errors.Join(errors.New("INFO names no used_memory"), lines.Err())
}

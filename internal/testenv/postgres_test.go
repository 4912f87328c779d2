package testenv

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

func query(ctx context.Context, t *testing.T, s *PostgresServer, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var text string
	if err := conn.QueryRow(ctx, sql).Scan(&text); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return text
}

func TestPostgresKeepsItsDataAtTheSameAddress(t *testing.T) {
	server := Postgres(t, PostgresSettings("work_mem=5MB"))
	ctx, addr := t.Context(), server.Addr()
	if got := query(ctx, t, server, "SHOW work_mem"); got != "5MB" {
		t.Errorf("work_mem: got %s", got)
	}
	query(ctx, t, server, "SELECT 'made' FROM (SELECT lo_from_bytea(4711, 'kept')) AS made")
	for name, end := range map[string]func(){"stop": server.Stop, "kill": server.Kill} {
		end()
		if conn, err := net.Dial("tcp", addr); err == nil {
			_ = conn.Close()
			t.Fatalf("%s: something still listens", name)
		}
		end() // Twice is harmless.
		server.Restart()
		if server.Addr() != addr {
			t.Errorf("%s: address after restart: got %s, want %s", name, server.Addr(), addr)
		}
		if got := query(ctx, t, server, "SELECT convert_from(lo_get(4711), 'UTF8')"); got != "kept" {
			t.Errorf("%s: got %q", name, got)
		}
	}
	server.RestartAsStandby()
	if got := query(ctx, t, server, "SELECT pg_is_in_recovery()::text"); got != "true" {
		t.Errorf("a standby: got %s", got)
	}
	query(ctx, t, server, "SELECT pg_promote()::text")
	if got := query(ctx, t, server, "SELECT pg_is_in_recovery()::text"); got != "false" {
		t.Errorf("after its promotion: got %s", got)
	}
}

func TestAMissingOrOldPostgresIsToldWithAdvice(t *testing.T) {
	empty, old := t.TempDir(), t.TempDir()
	for _, name := range []string{"postgres", "initdb"} {
		script := "#!/bin/sh\necho '" + name + " (PostgreSQL) 14.9 (Debian 14.9-1)'\n"
		if err := os.WriteFile(filepath.Join(old, name), []byte(script), 0o700); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
	}
	for path, says := range map[string]string{empty: "is not installed", old: "(PostgreSQL) 14.9"} {
		_, err := postgresPrograms(t.Context(), path, empty)
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "make deps") {
			t.Errorf("got %v, want an error that says %q and how to install", err, says)
		}
	}
}

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/internal/testenv"
)

func TestARegistryOnPostgres(t *testing.T) {
	server := testenv.Postgres(t)
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, "init", dir)
	setting(t, dir, "registry", server.URL())
	if plan := must(t, "-C", dir, "plan"); !strings.Contains(plan, "on revision 0;") {
		t.Errorf("before the first apply, plan says\n%s", plan)
	}
	if n := quiverSchemas(t, server); n != 0 {
		t.Errorf("plan made %d schemas", n)
	}
	do(t.Context(), "-C", dir, "get", "--service", "churn_model", "--key", "customer=1").refused(t, exitFailed, "there is no registry postgres://"+server.Addr()+"/postgres yet: quiver apply makes it")

	must(t, "-C", dir, "apply", "--yes")
	must(t, "-C", dir, "materialize")
	if status := must(t, "-C", dir, "status"); !strings.Contains(status, "fresh") {
		t.Errorf("status\n%s", status)
	}
	values := must(t, "-C", dir, "get", "--service", "churn_model", "--key", "customer=1")
	if !strings.Contains(values, "PRESENT") {
		t.Errorf("values\n%s", values)
	}
	must(t, "-C", dir, "plan", "--exit-code")

	replace(t, filepath.Join(dir, "quiver.yaml"), "project: shop", "project: other")
	do(t.Context(), "-C", dir, "plan").refused(t, exitFailed, "belongs to project shop, not to other")
	replace(t, filepath.Join(dir, "quiver.yaml"), "opensesame", "s3cret")
	for _, command := range []string{"plan", "apply", "history", "serve"} {
		got := do(t.Context(), "-C", dir, command)
		got.refused(t, exitFailed, "is registry in quiver.yaml right?", "refuses the user or the password")
		if strings.Contains(got.err+got.out, "s3cret") {
			t.Errorf("%s shows the password: %s", command, got.err)
		}
	}
}

func quiverSchemas(t *testing.T, server *testenv.PostgresServer) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname = 'quiver'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// rolledOn is a project whose view and service were changed and promoted: revision 4.
func rolledOn(t *testing.T) string {
	t.Helper()
	dir := newProject(t)
	must(t, "-C", dir, "materialize")
	replace(t, filepath.Join(dir, "features", "shop.yaml"), "ttl: 30d", "ttl: 20d")
	must(t, "-C", dir, "apply", "--yes")
	must(t, "-C", dir, "materialize")
	must(t, "-C", dir, "promote", "last_order@2")
	must(t, "-C", dir, "promote", "churn_model@2")
	return dir
}

func TestRollbackAsksAPerson(t *testing.T) {
	t.Parallel()
	dir := rolledOn(t)
	in, answer := io.Pipe()
	r := start(t.Context(), t, in, "roll back to revision 1? [y/N]", "-C", dir, "rollback", "1")
	if !strings.Contains(r.out.String(), "~ view last_order@2 -> @1") {
		t.Errorf("the question came before what would change: %s", r.out)
	}
	if _, err := io.WriteString(answer, "no\n"); err != nil {
		t.Fatal(err)
	}
	r.end().refused(t, exitFailed, "declined: nothing was changed")
	if out := must(t, "-C", dir, "history", "--limit", "1"); !strings.Contains(out, "\n       4 ") {
		t.Errorf("got %s", out)
	}
}

func TestARollbackLosesAgainstAnApplyInBetween(t *testing.T) {
	t.Parallel()
	dir := rolledOn(t)
	in, answer := io.Pipe()
	r := start(t.Context(), t, in, "[y/N]", "-C", dir, "rollback", "1")
	replace(t, filepath.Join(dir, "features", "shop.yaml"), "ttl: 20d", "ttl: 10d")
	must(t, "-C", dir, "apply", "--yes")
	if _, err := io.WriteString(answer, "y\n"); err != nil {
		t.Fatal(err)
	}
	r.end().refused(t, exitFailed, "the registry changed in the meantime, and nothing was rolled back: look at it, and roll back again")
	out := must(t, "-C", dir, "list", "services")
	if !strings.Contains(out, "1, 2, 3 (current 2, defined 3)") {
		t.Errorf("got %s", out)
	}
}

func TestApplyAsksAPersonBeforeItTakesSomethingAway(t *testing.T) {
	t.Parallel()
	dir := newProject(t)
	replace(t, filepath.Join(dir, "features", "shop.yaml"), "  - {name: items, description: How many things were bought}\n", "")
	in, answer := io.Pipe()
	r := start(t.Context(), t, in, "apply, and remove 1 thing named above? [y/N]", "-C", dir, "apply")
	if !strings.Contains(r.out.String(), "feature items of view last_order@1, read by service churn_model@1 (current; features/shop.yaml:") {
		t.Errorf("got %s", r.out)
	}
	if _, err := io.WriteString(answer, "yes\n"); err != nil {
		t.Fatal(err)
	}
	if got := r.end(); got.code != exitDone || !strings.Contains(got.out, "applied as revision 2") {
		t.Errorf("got %+v", got)
	}
}

// Readers may not be worse off where the online store is away and somebody has to go
// back all the same.
func TestRollbackWithoutTheOnlineStore(t *testing.T) {
	t.Parallel()
	dir := rolledOn(t)
	setting(t, dir, "online", "redis://127.0.0.1:1")
	do(t.Context(), "-C", dir, "rollback", "1", "--yes").refused(t, exitFailed, "127.0.0.1:1")
	got := do(t.Context(), "-C", dir, "rollback", "1", "--yes", "--allow-unmaterialized")
	if got.code != exitDone || !strings.Contains(got.out, "revision 5 is as revision 1 was") ||
		strings.Count(got.err, "warning: what the online store holds can't be told") != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestRollbackOnPostgres(t *testing.T) {
	t.Parallel()
	server := testenv.Postgres(t)
	dir := filepath.Join(t.TempDir(), "shop")
	initShop(t, dir)
	setting(t, dir, "registry", server.URL())
	must(t, "-C", dir, "apply", "--yes")
	must(t, "-C", dir, "materialize")
	replace(t, filepath.Join(dir, "features", "shop.yaml"), "ttl: 30d", "ttl: 40d")
	must(t, "-C", dir, "apply", "--yes")
	must(t, "-C", dir, "materialize")
	out := must(t, "-C", dir, "rollback", "1", "--yes")
	for _, part := range []string{"~ ttl: 40d -> 30d  breaking", "revision 3 is as revision 1 was", "to be filled: quiver materialize last_order@1"} {
		if !strings.Contains(out, part) {
			t.Errorf("no %q in %s", part, out)
		}
	}
	if got := do(t.Context(), "-C", dir, "materialize"); got.code != exitDone || !strings.Contains(got.err, "last_order@1: switched to storage 3") {
		t.Errorf("got %+v", got)
	}
	if out := must(t, "-C", dir, "get", "--service", "churn_model", "--key", "customer=1"); !strings.Contains(out, "PRESENT") {
		t.Errorf("got %s", out)
	}
	if out := must(t, "-C", dir, "diff", "1", "head"); out != "nothing differs between revisions 1 and 3\n" {
		t.Errorf("got %s", out)
	}
}

package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/registry"
)

const appliers = 10

// TestTenProcessesApplyAtOnce has real processes apply different definitions to one
// registry.
func TestTenProcessesApplyAtOnce(t *testing.T) {
	binary := testenv.Quiver(t)
	t.Run("sqlite", func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "shared", "registry.db")
		applyRace(t, binary, "sqlite:"+path, func(ctx context.Context) (release func() error) {
			db, err := sql.Open("sqlite", "file:"+path+"?_txlock=immediate")
			if err != nil {
				t.Fatal(err)
			}
			tx, err := db.BeginTx(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			return func() error { return errors.Join(tx.Rollback(), db.Close()) }
		})
	})
	t.Run("postgres", func(t *testing.T) {
		server := testenv.Postgres(t)
		applyRace(t, binary, server.URL(), func(ctx context.Context) (release func() error) {
			conn, err := pgx.Connect(ctx, server.URL())
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Exec(ctx, "BEGIN; SELECT FROM quiver.registry FOR UPDATE"); err != nil {
				t.Fatal(err)
			}
			return func() error { return conn.Close(ctx) }
		})
	})
}

// applyRace lets the processes go at an empty registry first, where some may come
// late and apply to what the first ones made. Then it holds the registry's lock
// until all have planned on the same base: exactly one may win.
func applyRace(t *testing.T, binary, url string, hold func(context.Context) func() error) {
	t.Helper()
	projects := make([]string, appliers)
	for i := range projects {
		projects[i] = filepath.Join(t.TempDir(), fmt.Sprint("shop", i))
		must(t, "init", projects[i])
		setting(t, projects[i], "project", "shop")
		setting(t, projects[i], "registry", url)
	}
	define := func(round int) {
		for i, project := range projects {
			text := fmt.Sprintf("kind: entity\nname: e%d_%d\nkeys: [{name: id, type: int64}]\n", round, i)
			if err := os.WriteFile(filepath.Join(project, "features", "own.yaml"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}

	define(0)
	winners := startApplies(t, binary, projects, 0).wait(t)
	if len(winners) == 0 {
		t.Fatal("nobody won")
	}
	history := checkHistory(t, projects[0], winners)
	for round := 1; round <= 2; round++ {
		define(round)
		release := hold(t.Context())
		race := startApplies(t, binary, projects, round)
		race.planned(t)
		if err := release(); err != nil {
			t.Fatal(err)
		}
		won := race.wait(t)
		if len(won) != 1 || won[history+1] == "" {
			t.Errorf("round %d: revisions %v were won on revision %d, want exactly the next one", round, won, history)
		}
		for revision, who := range won {
			winners[revision] = who
		}
		history = checkHistory(t, projects[0], winners)
	}
}

// checkHistory compares the history with who was told to have won, and gives its
// length.
func checkHistory(t *testing.T, project string, winners map[int]string) int {
	t.Helper()
	var revisions []registry.Revision
	if err := json.Unmarshal([]byte(must(t, "-C", project, "history", "--limit", "0", "-o", "json")), &revisions); err != nil {
		t.Fatal(err)
	}
	if len(revisions) != len(winners) {
		t.Errorf("%d revisions, and winners %v", len(revisions), winners)
	}
	for i, r := range revisions {
		if want := len(revisions) - i; int(r.Number) != want || r.Message != winners[want] {
			t.Errorf("place %d of the history is revision %d of %q, want %d of %q", i, r.Number, r.Message, want, winners[want])
		}
	}
	return len(revisions)
}

// applyProcesses are running commands.
type applyProcesses struct {
	names    []string
	commands []*exec.Cmd
	out, log []*watched
	ends     []chan error
}

func startApplies(t *testing.T, binary string, projects []string, round int) *applyProcesses {
	t.Helper()
	p := &applyProcesses{}
	for i, project := range projects {
		name := fmt.Sprintf("p%d of round %d", i, round)
		c := exec.CommandContext(t.Context(), binary, "-C", project, "apply", "--yes", "--allow-removal", "--message", name)
		out, log := watch("the gravest is"), watch("\x00")
		c.Stdout, c.Stderr = out, log
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		end := make(chan error, 1)
		go func() { end <- c.Wait() }()
		p.names, p.commands, p.out, p.log, p.ends = append(p.names, name), append(p.commands, c), append(p.out, out), append(p.log, log), append(p.ends, end)
	}
	return p
}

// planned waits until all have shown their plans: the base is fixed then.
func (p *applyProcesses) planned(t *testing.T) {
	t.Helper()
	for i, out := range p.out {
		select {
		case <-out.seen:
		case err := <-p.ends[i]:
			t.Fatalf("%s ended before it had planned: %v\n%s%s", p.names[i], err, out, p.log[i])
		}
	}
}

// wait gives who won, by revision. The others must have been told to plan again.
func (p *applyProcesses) wait(t *testing.T) map[int]string {
	t.Helper()
	won := map[int]string{}
	for i, end := range p.ends {
		err := <-end
		exit := (*exec.ExitError)(nil)
		switch {
		case err == nil:
			var revision int
			_, applied, _ := strings.Cut(p.out[i].String(), "applied as revision ")
			if _, err := fmt.Sscan(applied, &revision); err != nil {
				t.Errorf("%s does not say what it made: %s", p.names[i], p.out[i])
			}
			if won[revision] != "" {
				t.Errorf("%s and %s were both told that they made revision %d", won[revision], p.names[i], revision)
			}
			won[revision] = p.names[i]
		case !errors.As(err, &exit) || exit.ExitCode() != exitFailed || !strings.Contains(p.log[i].String(), "plan again"):
			t.Errorf("%s: %v\n%s", p.names[i], err, p.log[i])
		}
	}
	return won
}

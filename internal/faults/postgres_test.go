package faults_test

import (
	"context"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/quiver-features/quiver/internal/testenv"
)

// postgres is a registry on Postgres at its worst. One server is shared; all cases hold the same definitions.
func (b *bench) postgres(t *testing.T) {
	server := testenv.Postgres(t)
	url := func(proxy *testenv.TCPProxy) string {
		return strings.Replace(server.URL(), server.Addr(), proxy.Addr(), 1)
	}
	first := b.scene(t, fresh)
	first.setting("registry", server.URL())
	if got := first.run(process{args: []string{"apply", "--yes"}}); got.code != 0 {
		t.Fatalf("apply: %s", got.err)
	}
	var table []fault
	for _, mode := range []struct {
		name    string
		set     func(*testenv.TCPProxy)
		code    int
		says    []string
		patient bool // it takes seconds until it is given up
	}{
		{"refuses", (*testenv.TCPProxy).Refuse, 1, []string{"127.0.0.1:", "registry", "waiting for the registry at postgres://"}, false},
		{"is silent", (*testenv.TCPProxy).Blackhole, 1, []string{"127.0.0.1:", "registry", "waiting for the registry at postgres://"}, true},
		{"goes after 100 bytes", func(p *testenv.TCPProxy) { p.CutAfterSent(100) }, 1, []string{"127.0.0.1:", "registry"}, true},
		{"goes after 2000 bytes of answers", func(p *testenv.TCPProxy) { p.CutAfterReceived(2000) }, 1, []string{"127.0.0.1:", "registry"}, true},
		{"is slow", func(p *testenv.TCPProxy) { p.Slow(5 * time.Millisecond) }, 0, nil, false},
	} {
		for _, command := range []string{"list", "apply --yes", "train --spine data/labels.csv --service churn_model --out t.parquet", "materialize", "promote churn_model@1"} {
			if mode.patient && command != "apply --yes" || mode.code != 0 && strings.HasPrefix(command, "promote") {
				continue
			}
			f := fault{
				name: mode.name + " at " + strings.Fields(command)[0], state: fresh, process: process{args: strings.Fields(command)},
				code: mode.code, says: mode.says,
			}
			if mode.code == 0 {
				f.changes = []string{"t.parquet", ".quiver"}
			}
			proxies := make(chan *testenv.TCPProxy, 1)
			f.before = func(s *scene) {
				p := testenv.Proxy(s.t, server.Addr())
				s.setting("registry", url(p))
				mode.set(p)
				proxies <- p
			}
			f.after = func(s *scene, got result) {
				(<-proxies).Pass()
				if strings.Contains(got.out+got.err, "opensesame") {
					s.t.Errorf("the server's password is told: %s%s", got.out, got.err)
				}
				history := s.run(process{args: []string{"history", "-o", "json"}})
				if history.code != 0 || strings.Count(history.out, `"number"`) != 1 {
					s.t.Errorf("one revision is expected: %s%s", history.out, history.err)
				}
			}
			table = append(table, f)
		}
	}
	b.run(t, append(table, locked(server)))
}

// locked is a registry that another process keeps locked for longer than somebody waits in silence. Once that is
// told, the lock goes, and the command comes to its end.
func locked(server *testenv.PostgresServer) fault {
	holders := make(chan *pgx.Conn, 1)
	return fault{
		name: "is locked at history", state: fresh, code: 0, says: []string{"waiting for the registry at postgres://"},
		before: func(s *scene) {
			s.setting("registry", server.URL())
			c, err := pgx.Connect(s.t.Context(), server.URL())
			s.check(err)
			_, err = c.Exec(s.t.Context(), "BEGIN; LOCK TABLE quiver.revisions IN ACCESS EXCLUSIVE MODE")
			s.check(err)
			holders <- c
		},
		process: process{
			args: []string{"history"}, until: "waiting for", signal: syscall.Signal(0), // none
			then: func() { _ = (<-holders).Close(context.Background()) },
		},
	}
}

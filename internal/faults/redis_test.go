package faults_test

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/internal/testenv"
)

// withRedis gives the project a Redis with a password, behind a proxy. The store is filled where asked for.
func withRedis(s *scene, full bool) *testenv.TCPProxy {
	s.t.Helper()
	server := testenv.Redis(s.t)
	client := driver.NewClient(&driver.Options{Addr: server.Addr(), MaxRetries: -1})
	s.check(client.ConfigSet(s.t.Context(), "requirepass", secret).Err())
	s.check(client.Close())
	proxy := testenv.Proxy(s.t, server.Addr())
	s.setting("online", "redis://:"+secret+"@"+proxy.Addr()+"/0")
	if full {
		s.fill()
	}
	return proxy
}

func (s *scene) fill() {
	s.t.Helper()
	if got := s.run(process{args: []string{"materialize"}}); got.code != 0 {
		s.t.Fatalf("materialize: %s", got.err)
	}
}

// expectServed checks that the store is whole, and filled by one more run.
func expectServed(s *scene) {
	s.t.Helper()
	s.fill()
	got := s.run(process{args: strings.Fields("get --service churn_model --key customer=1 -o json")})
	if got.code != 0 || strings.Count(got.out, "PRESENT") != 2 || !strings.Contains(got.out, "31") {
		s.t.Errorf("after a run the store does not serve: %s%s", got.out, got.err)
	}
}

// redis is Redis at its worst. What a command has written by then may stand, and the next run completes it.
func (b *bench) redis(t *testing.T) {
	const get = "get --service churn_model --key customer=1"
	var table []fault
	for _, mode := range []struct {
		name    string
		set     func(*testenv.TCPProxy)
		code    int
		says    []string
		patient bool // it takes seconds until it is given up
	}{
		{"refuses", (*testenv.TCPProxy).Refuse, 1, []string{"127.0.0.1:", "can't be reached", "quiver.yaml"}, false},
		{"is silent", (*testenv.TCPProxy).Blackhole, 1, []string{"127.0.0.1:", "waiting for the online store at redis://"}, true},
		{"goes after 40 bytes", func(p *testenv.TCPProxy) { p.CutAfterSent(40) }, 1, []string{"127.0.0.1:"}, false},
		{"goes after an answer of 40 bytes", func(p *testenv.TCPProxy) { p.CutAfterReceived(40) }, 1, []string{"127.0.0.1:"}, false},
		{"is slow", func(p *testenv.TCPProxy) { p.Slow(20 * time.Millisecond) }, 0, nil, false},
	} {
		for _, command := range []string{"materialize", "status", get, "promote churn_model@1"} {
			if mode.patient && command != "materialize" && command != get {
				continue
			}
			proxies := make(chan *testenv.TCPProxy, 1)
			table = append(table, fault{
				name: mode.name + " at " + strings.Fields(command)[0], state: applied, process: process{args: strings.Fields(command)},
				code: mode.code, says: mode.says, changes: []string{".quiver/registry.db"},
				before: func(s *scene) { p := withRedis(s, true); mode.set(p); proxies <- p },
				after:  func(s *scene, _ result) { (<-proxies).Pass(); expectServed(s) },
			})
		}
	}
	for _, cut := range []int64{150, 300, 600, 1200, 2400} {
		says := []string{"127.0.0.1:"}
		if cut >= 1200 { // beyond what opening the store takes
			says = append(says, "last_order@1: run quiver materialize again: it completes what this run has begun")
		}
		proxies := make(chan *testenv.TCPProxy, 1)
		table = append(table, fault{
			name: fmt.Sprintf("goes after %d bytes of a first run", cut), state: applied, process: process{args: []string{"materialize"}},
			code: 1, says: says, changes: []string{".quiver/registry.db"},
			before: func(s *scene) { p := withRedis(s, false); p.CutAfterSent(cut); proxies <- p },
			after:  func(s *scene, _ result) { (<-proxies).Pass(); expectServed(s) },
		})
	}
	b.run(t, table)
	b.interrupted(t)
}

// interrupted is Ctrl-C while a store is silent.
func (b *bench) interrupted(t *testing.T) {
	for _, command := range []string{"materialize", "get --service churn_model --key customer=1", "serve --grpc 127.0.0.1:0 --http 127.0.0.1:0"} {
		t.Run("interrupted "+command, func(t *testing.T) {
			t.Parallel()
			s := b.scene(t, applied)
			proxy := withRedis(s, true)
			before := proxy.Accepted()
			proxy.Blackhole()
			was := s.tree()
			got := s.run(process{args: strings.Fields(command), until: "clock", signal: syscall.SIGINT, then: func() {
				ctx, cancel := context.WithTimeout(s.t.Context(), patience)
				defer cancel()
				look := time.NewTicker(time.Millisecond)
				defer look.Stop()
				for proxy.Accepted() == before && ctx.Err() == nil {
					<-look.C
				}
			}})
			got.sound(t, 0)
			got.expect(t, 1, "interrupted")
			if names := changed(was, s.tree(), ".quiver/registry.db"); len(names) > 0 {
				t.Errorf("changed: %q", names)
			}
			proxy.Pass()
			expectServed(s)
		})
	}
}

package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

const password = "p@ss/w#rd-secret"

func openWith(t *testing.T, o redis.Options) *redis.Store {
	t.Helper()
	if o.Registry == "" {
		o.Registry = onlinetest.Registry
	}
	if o.Clock == nil {
		o.Clock = func() feature.Time { return onlinetest.Now }
	}
	s, err := redis.Open(t.Context(), o)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// raw gives a client that goes around the store.
func raw(t *testing.T, server *testenv.RedisServer) *driver.Client {
	t.Helper()
	client := driver.NewClient(&driver.Options{Addr: server.Addr(), MaxRetries: -1})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func expectUnavailable(t *testing.T, err error, words ...string) {
	t.Helper()
	if !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("got error %v, want unavailable", err)
		return
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("the error has several lines: %q", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error does not say %q: %v", word, err)
		}
	}
}

func TestAnUnreachableServerIsNamedWithoutItsPassword(t *testing.T) {
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	open := func() error {
		_, err := redis.Open(t.Context(), redis.Options{
			URL: "redis://user:p%40ss%2Fw%23rd-secret@" + addr + "/0?dial_timeout=500ms&timeout=500ms", Registry: "r",
		})
		return err
	}
	for _, state := range []string{"silent", "closed"} {
		if state == "closed" {
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		err := open()
		expectUnavailable(t, err, addr)
		if strings.Contains(fmt.Sprint(err), "secret") {
			t.Errorf("%s: the error shows the password: %v", state, err)
		}
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("%s: it took %s", state, took)
		}
	}
}

func TestBadOptionsAreRefusedWithoutShowingThePassword(t *testing.T) {
	for _, o := range []redis.Options{
		{URL: "redis://user:" + password + "@localhost:6379/0", Registry: "r"},
		{URL: "redis://user:secret@localhost:63790000x/0", Registry: "r"},
		{URL: "redis://user:secret@localhost/secret", Registry: "r"},
		{URL: "redis://user:12/secret@localhost/0", Registry: "r"},
		{URL: "redis://user:secret@localhost/0?secret=1", Registry: "r"},
		{URL: "http://user:secret@localhost", Registry: "r"},
		{URL: "redis:///0", Registry: "r"},
		{URL: "", Registry: "r"},
		{URL: "redis://localhost", Registry: ""},
		{URL: "redis://localhost?prefix=a{b", Registry: "r"},
		{URL: "redis://localhost?timeout=-1s", Registry: "r"},
	} {
		_, err := redis.Open(t.Context(), o)
		if !errors.Is(err, feature.ErrInvalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: got error %v, want invalid and no secret", o, err)
		}
	}
}

func TestAWrongPasswordIsNoReasonToTryAgain(t *testing.T) {
	server := testenv.Redis(t)
	// Only now, as the helper itself signs in with none.
	if err := raw(t, server).ConfigSet(t.Context(), "requirepass", "right").Err(); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"", ":wrong-secret@"} {
		_, err := redis.Open(t.Context(), redis.Options{URL: "redis://" + user + server.Addr(), Registry: "r"})
		if !errors.Is(err, feature.ErrInvalid) || strings.Contains(err.Error(), "secret") {
			t.Errorf("user %q: got error %v, want invalid and no secret", user, err)
		}
	}
	openWith(t, redis.Options{URL: "redis://:right@" + server.Addr()})
}

func TestAServerThatIsAnotherThanTheURLSaysIsTold(t *testing.T) {
	addr, sentinel := testenv.Redis(t).Addr(), testenv.NewRedisSentinel(t).Sentinel.Addr()
	for url, says := range map[string]string{
		"redis://" + addr + "/99":               "fewer databases",
		"redis-cluster://" + addr:               "write redis:// in the URL",
		"redis-sentinel://" + addr + "/main/0":  "what answers there is no sentinel",
		"redis-sentinel://" + sentinel + "/nil": "watch no master of that name",
		"redis://" + sentinel:                   "a sentinel answers there",
	} {
		_, err := redis.Open(t.Context(), redis.Options{URL: url, Registry: "r"})
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want invalid and %q", url, err, says)
		}
	}
}

func TestAStoppedServerIsUnavailableAndComesBackEmpty(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
	onlinetest.Put(t, s, k.Layout, row)
	onlinetest.Advance(t, s, 1, 100, 1)
	server.Stop()
	_, err := s.Get(t.Context(), [][]byte{row.Key})
	expectUnavailable(t, err, server.Addr())
	_, err = s.Put(t.Context(), k.Layout, []online.Row{row})
	expectUnavailable(t, err, server.Addr())
	_, err = s.Watermarks(t.Context(), []uint64{1})
	expectUnavailable(t, err)
	expectUnavailable(t, s.Advance(t.Context(), 1, 200, 2, 1))

	server.Restart()
	onlinetest.Expect(t, s, online.Row{Key: row.Key})
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{})
	onlinetest.Put(t, s, k.Layout, row) // the script is loaded again
	onlinetest.Expect(t, s, row)
}

func TestAHangingServerIsGivenUpAtTheDeadline(t *testing.T) {
	server := testenv.Redis(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	if err := syscall.Kill(server.Pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err := s.Get(ctx, [][]byte{[]byte("k")})
	expectUnavailable(t, err)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got error %v, want one of the deadline", err)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	if err := syscall.Kill(server.Pid(), syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	onlinetest.Expect(t, s, online.Row{Key: []byte("k")})
}

func TestScriptsThatTheServerForgotAreLoadedAgain(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	for i := range 3 {
		if err := raw(t, server).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		stamp := onlinetest.Stamp{Event: feature.Time(i)}
		onlinetest.Put(t, s, k.Layout, k.Row("a", stamp, 1.0, nil), k.Row("a", stamp, 2.0, nil)) // both scripts
		onlinetest.Expect(t, s, k.Row("a", stamp, 2.0, nil))
	}
}

func TestAForeignKeyIsNamedAndLeftAlone(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	client := raw(t, server)
	row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
	key := redis.DefaultPrefix + string(row.Key)
	for name, spoil := range map[string]func() error{
		"a list":       func() error { return client.LPush(t.Context(), key, "x").Err() },
		"an empty one": func() error { return client.Set(t.Context(), key, "", 0).Err() },
		"a short one":  func() error { return client.Set(t.Context(), key, string(row.Value[:12]), 0).Err() },
		"another text": func() error { return client.Set(t.Context(), key, strings.Repeat("x", 200), 0).Err() },
		"a damaged one": func() error {
			return client.Set(t.Context(), key, string(row.Value)+"x", 0).Err()
		},
	} {
		client.Del(t.Context(), key)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		before := client.Dump(t.Context(), key).Val()
		tied := k.Row("another", onlinetest.Stamp{Event: 1}, 1.0, nil)
		onlinetest.Put(t, s, k.Layout, k.Row("another", onlinetest.Stamp{Event: 1}, 2.0, nil))
		_, err := s.Put(t.Context(), k.Layout, []online.Row{tied, row})
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(fmt.Sprint(err), `airport="SFO"`) {
			t.Errorf("%s: got error %v, want invalid with the key", name, err)
		}
		if after := client.Dump(t.Context(), key).Val(); after != before {
			t.Errorf("%s: it was overwritten", name)
		}
	}
}

func TestAFullServerIsSaidToBeFull(t *testing.T) {
	server := testenv.Redis(t, testenv.RedisArgs("--maxmemory", "3mb"))
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	var err error
	for i := 0; i < 100 && err == nil; i++ {
		_, err = s.Put(t.Context(), k.Layout, []online.Row{k.Row(fmt.Sprint(i), onlinetest.Stamp{}, nil, strings.Repeat("x", 100_000))})
	}
	expectUnavailable(t, err, "maxmemory")
}

func TestProjectsWithPrefixesShareAServer(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewKit(t)
	var stores []*redis.Store
	prefixes := []string{"a:", "a", "a:a:", "registry", "watermark:"}
	row := func(i int) online.Row { return k.Row("SFO", onlinetest.Stamp{Event: 1}, float64(i), nil) }
	for i, prefix := range prefixes {
		s := openWith(t, redis.Options{URL: server.URL() + "?prefix=" + url.QueryEscape(prefix), Registry: fmt.Sprint("registry ", i)})
		onlinetest.Put(t, s, k.Layout, row(i))
		onlinetest.Advance(t, s, 1, feature.Time(i), 1)
		stores = append(stores, s)
	}
	for i, s := range stores {
		onlinetest.Expect(t, s, row(i))
		onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: feature.Time(i), Run: 1, Since: 1})
	}
}

package redis_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

// expectLost checks that a watermark is lost for a reason with the given word, that
// it does not go forward then, and that a run that begins anew mends it.
func expectLost(t *testing.T, s online.Store, word string) {
	t.Helper()
	marks, err := s.Watermarks(t.Context(), []uint64{1})
	if err != nil {
		t.Fatal(err)
	}
	if m := marks[0]; !m.Known || !m.Lost || !strings.Contains(m.Reason, word) || m.Holds() {
		t.Errorf("got %+v, want one that is lost by %q", m, word)
	}
	expectUnavailable(t, s.Advance(t.Context(), 1, feature.MaxTime, 90, 1), word)
	onlinetest.Advance(t, s, 1, feature.MinTime, 91)
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: feature.MinTime, Run: 91, Since: 91})
	onlinetest.Advance(t, s, 1, 50, 91) // earlier than what was lost
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 50, Run: 91, Since: 91})
}

func TestARestartIsNoticedEvenWhereTheValuesCameBack(t *testing.T) {
	server := testenv.Redis(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	onlinetest.Advance(t, s, 1, 100, 1)
	client := raw(t, server)
	mark, err := client.Get(t.Context(), redis.DefaultPrefix+"watermark:1").Result()
	if err != nil {
		t.Fatal(err)
	}
	server.Restart()
	// As from a snapshot that was taken some time before.
	if err := raw(t, server).Set(t.Context(), redis.DefaultPrefix+"watermark:1", mark, 0).Err(); err != nil {
		t.Fatal(err)
	}
	expectLost(t, s, "restarted")
}

func TestAFailoverIsNoticed(t *testing.T) {
	server := testenv.Redis(t, testenv.RedisArgs("--enable-debug-command", "yes"))
	s := openWith(t, redis.Options{URL: server.URL()})
	onlinetest.Advance(t, s, 1, 100, 1)
	if err := raw(t, server).Do(t.Context(), "debug", "change-repl-id").Err(); err != nil {
		t.Fatal(err)
	}
	expectLost(t, s, "failed over")
}

func TestEvictedKeysAreNoticed(t *testing.T) {
	server := testenv.Redis(t, testenv.RedisArgs("--maxmemory", "4mb", "--maxmemory-policy", "volatile-ttl"))
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	onlinetest.Advance(t, s, 1, 100, 1)
	// The watermark has no expiry, so that this policy spares it.
	for i := range 60 {
		row := k.Row(fmt.Sprint(i), onlinetest.Stamp{}, nil, strings.Repeat("x", 100_000))
		row.Expires = onlinetest.Now.Add(feature.Hour)
		onlinetest.Put(t, s, k.Layout, row)
	}
	expectLost(t, s, "evicted")

	warnings, err := s.Warnings(t.Context())
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], "volatile-ttl") {
		t.Errorf("got warnings %q, %v", warnings, err)
	}
	if err := raw(t, server).ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	if warnings, err := s.Warnings(t.Context()); err != nil || len(warnings) != 0 {
		t.Errorf("with noeviction: got warnings %q, %v", warnings, err)
	}
}

func TestAFlushTakesTheWatermarksAlong(t *testing.T) {
	server := testenv.Redis(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	onlinetest.Advance(t, s, 1, 100, 1)
	if err := raw(t, server).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{})
	expectUnavailable(t, s.Advance(t.Context(), 1, 200, 1, 1), "lost its watermark")
	onlinetest.Advance(t, s, 1, feature.MinTime, 2)
	// The run whose values are gone can't call them complete, though another began.
	expectUnavailable(t, s.Advance(t.Context(), 1, 200, 1, 1), "begun anew")
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: feature.MinTime, Run: 2, Since: 2})
	// The claim on the prefix is renewed.
	if got := raw(t, server).Get(t.Context(), redis.DefaultPrefix+"registry").Val(); got != onlinetest.Registry {
		t.Errorf("the keys belong to %q", got)
	}
}

func TestAnotherRegistryThatTookTheKeysIsNoticed(t *testing.T) {
	server := testenv.Redis(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	if err := raw(t, server).FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	openWith(t, redis.Options{URL: server.URL(), Registry: "the new one"})
	_, err := s.Watermarks(t.Context(), []uint64{1})
	for _, err := range []error{err, s.Advance(t.Context(), 1, 1, 1, 1)} {
		if err == nil || !strings.Contains(err.Error(), "the new one") {
			t.Errorf("got error %v, want one that names the new registry", err)
		}
	}
}

func TestTheServerForgetsRowsAfterTheirExpiry(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	frozen := openWith(t, redis.Options{URL: server.URL() + "?prefix=frozen:", Registry: "f", Frozen: true})
	row := func(name string, in feature.Duration) online.Row {
		r := k.Row(name, onlinetest.Stamp{Event: 1}, 1.0, nil)
		if in != 0 {
			r.Expires = onlinetest.Now.Add(in)
		}
		return r
	}
	soon, hour, never, old := row("soon", 20*feature.Millisecond), row("hour", feature.Hour), row("never", 0), row("old", -feature.Hour)
	rows := []online.Row{soon, hour, never, old}
	onlinetest.Put(t, s, k.Layout, rows...)
	onlinetest.Put(t, frozen, k.Layout, rows...)
	client := raw(t, server)
	left := func(prefix string, r online.Row) time.Duration {
		return client.PTTL(t.Context(), prefix+string(r.Key)).Val()
	}
	if got := left(redis.DefaultPrefix, hour); got <= 59*time.Minute || got > time.Hour+time.Millisecond {
		t.Errorf("a row that expires in an hour lives %s", got)
	}
	if got := left(redis.DefaultPrefix, never); got != -1 {
		t.Errorf("a row that never expires: PTTL is %d", got)
	}
	awaitGone(t, client, redis.DefaultPrefix+string(soon.Key))
	awaitGone(t, client, redis.DefaultPrefix+string(old.Key))
	onlinetest.Expect(t, s, online.Row{Key: soon.Key}, hour, never, online.Row{Key: old.Key})
	onlinetest.Expect(t, frozen, rows...)
	for _, r := range rows {
		if got := left("frozen:", r); got != -1 {
			t.Errorf("with a frozen clock: PTTL is %d", got)
		}
	}
	// The expiry is that of the row that stays: of a later one, and of a full tie.
	onlinetest.Put(t, s, k.Layout, k.Row("hour", onlinetest.Stamp{Event: 1}, 2.0, nil))
	if got := left(redis.DefaultPrefix, hour); got != -1 {
		t.Errorf("after a row that never expires: PTTL is %d", got)
	}
}

func awaitGone(t *testing.T, client *driver.Client, key string) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); <-tick.C {
		if client.Exists(t.Context(), key).Val() == 0 {
			return
		}
	}
	t.Errorf("key %q is still there", key)
}

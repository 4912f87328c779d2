package redis_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

func TestADropStaysWithinItsPrefixAndLeavesForeignKeysAlone(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewKit(t)
	client := raw(t, server)
	prefixes := []string{"ab", "a*", "a?", "[ab]b", "[^x]b", `a\`, `a\*`, "a-", "a^", "*", "q:", "ä\x00"}
	row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
	foreign := map[string]string{}
	var stores []*redis.Store
	for i, prefix := range prefixes {
		s := openWith(t, redis.Options{URL: server.URL() + "?prefix=" + url.QueryEscape(prefix), Registry: fmt.Sprint("registry ", i)})
		onlinetest.Put(t, s, k.Layout, row)
		onlinetest.Advance(t, s, 1, 100, 1)
		onlinetest.Advance(t, s, 11, 100, 1)
		stores = append(stores, s)
		for _, name := range []string{"{", "{user}", "{user}:1", "{user}\x01\x01", "x" + string(row.Key), "watermark:1x"} {
			foreign[prefix+name] = "theirs"
		}
	}
	for name, value := range foreign {
		if err := client.Set(t.Context(), name, value, 0).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for i, s := range stores {
		if err := s.Drop(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
		for j, other := range stores {
			want, mark := row, feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1}
			onlinetest.ExpectMark(t, other, 11, mark)
			if j <= i {
				want.Value, mark = nil, feature.Watermark{}
			}
			onlinetest.Expect(t, other, want)
			onlinetest.ExpectMark(t, other, 1, mark)
		}
		if t.Failed() {
			t.Fatalf("after the drop under the prefix %q", prefixes[i])
		}
	}
	for name := range foreign {
		if client.Exists(t.Context(), name).Val() != 1 {
			t.Errorf("the foreign key %q is gone", name)
		}
	}
}

func TestADropEndsWhereTheValuesBecomeAnotherRegistrys(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
	onlinetest.Put(t, s, k.Layout, row)
	client := raw(t, server)
	s.AddHook(afterScan(func() {
		client.Set(t.Context(), redis.DefaultPrefix+"registry", "stranger", 0)
	}))
	// More than one look at the key space is needed.
	var rows []online.Row
	for i := range 5000 {
		rows = append(rows, k.Row(fmt.Sprint(i), onlinetest.Stamp{Event: 1}, 1.0, nil))
	}
	onlinetest.Put(t, s, k.Layout, rows...)
	if err := s.Drop(t.Context(), 1); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("got error %v, want a conflict", err)
	}
	if n := client.DBSize(t.Context()).Val(); n < 2500 {
		t.Errorf("%d keys are left", n)
	}
	if err := s.Drop(t.Context(), 1); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("again: got error %v, want a conflict", err)
	}
}

func TestADropIsNotDoneWhereAnotherServerTookOverMeanwhile(t *testing.T) {
	server := testenv.Redis(t, testenv.RedisArgs("--enable-debug-command", "yes"))
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
	onlinetest.Put(t, s, k.Layout, row)
	onlinetest.Advance(t, s, 1, 100, 1)
	client, once := raw(t, server), false
	s.AddHook(afterScan(func() {
		if !once {
			once = true
			client.Do(t.Context(), "debug", "change-repl-id")
		}
	}))
	expectUnavailable(t, s.Drop(t.Context(), 1), "failed over")
	marks, err := s.Watermarks(t.Context(), []uint64{1})
	if err != nil || !marks[0].Known || marks[0].Holds() {
		t.Errorf("got %+v, %v, want a watermark that tells that there is something to drop", marks, err)
	}
	if err := s.Drop(t.Context(), 1); err != nil {
		t.Errorf("again: %v", err)
	}
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{})
}

// afterScan is a hook that is called after every round trip with a SCAN.
type afterScan func()

func (f afterScan) DialHook(next driver.DialHook) driver.DialHook { return next }

func (f afterScan) ProcessPipelineHook(next driver.ProcessPipelineHook) driver.ProcessPipelineHook {
	return next
}

func (f afterScan) ProcessHook(next driver.ProcessHook) driver.ProcessHook {
	return func(ctx context.Context, cmd driver.Cmder) error {
		err := next(ctx, cmd)
		if cmd.Name() == "scan" {
			f()
		}
		return err
	}
}

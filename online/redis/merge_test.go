package redis_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

func TestAMergeThatAServerInterruptsIsRepeated(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewTilesKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	first := k.Batch("first", []feature.Time{5, 15}, "SFO", "LAX")
	k.MustWrite(s, first, 1, 20, 2)
	if err := raw(t, server).ScriptFlush(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	k.MustWrite(s, k.Batch("second", []feature.Time{5, 15, 25}, "SFO", "LAX"), 2, 30, 2) // the script is loaded again
	server.Stop()
	_, err := k.Write(s, first, 3, 30)
	expectUnavailable(t, err, server.Addr())
	server.Restart() // empty
	k.MustWrite(s, first, 3, 30, 2)
	k.Expect(s, "SFO", 30, 2, 2, "first")
}

func TestAMergeLeavesAForeignKeyAlone(t *testing.T) {
	server := testenv.Redis(t)
	k := onlinetest.NewTilesKit(t)
	s := openWith(t, redis.Options{URL: server.URL()})
	client := raw(t, server)
	key := redis.DefaultPrefix + string(k.Key("SFO"))
	for name, spoil := range map[string]func() error{
		"a list":       func() error { return client.LPush(t.Context(), key, "x").Err() },
		"an empty one": func() error { return client.Set(t.Context(), key, "", 0).Err() },
		"another text": func() error { return client.Set(t.Context(), key, strings.Repeat("x", 200), 0).Err() },
	} {
		client.Del(t.Context(), key)
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		before := client.Dump(t.Context(), key).Val()
		_, err := k.Write(s, k.Batch("word", []feature.Time{5}, "LAX", "SFO"), 1, 20)
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(fmt.Sprint(err), `airport="SFO"`) {
			t.Errorf("%s: got error %v, want invalid with the key", name, err)
		}
		if after := client.Dump(t.Context(), key).Val(); after != before {
			t.Errorf("%s: it was overwritten", name)
		}
	}
}

// mergeWhileASlotMoves merges values while the slot of one of them is open at both ends.
func mergeWhileASlotMoves(t *testing.T, c *testenv.RedisCluster) {
	k := onlinetest.NewTilesKit(t)
	s := openWith(t, redis.Options{URL: c.URL() + "?prefix=merging:"})
	var airports []string
	for i := range 200 {
		airports = append(airports, fmt.Sprint("airport ", i))
	}
	write := func(run int) {
		t.Helper()
		var events []feature.Time
		for e := range run {
			events = append(events, feature.Time(e))
		}
		k.MustWrite(s, k.Batch(fmt.Sprint(run), events, airports...), int64(run), feature.Time(run), len(airports))
		for _, airport := range airports {
			k.Expect(s, airport, feature.Time(run), int64(run), int64(run), fmt.Sprint(run))
		}
	}
	write(1)
	at := c.Masters[0].Slot("merging:" + string(k.Key(airports[7])))
	c.MoveSlot(at, c.Masters[at*3/16384], c.Masters[(at*3/16384+1)%3], func() { write(2) })
	write(3)
}

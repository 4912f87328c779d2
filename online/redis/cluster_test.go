package redis_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

// TestACluster runs the suite on one cluster, with and without reads from replicas, and
// checks where keys are.
func TestACluster(t *testing.T) {
	t.Parallel()
	c := testenv.NewRedisCluster(t, 3, 3)
	t.Run("conformance", func(t *testing.T) { onlinetest.Run(t, onPrefixes(c.URL()+"?prefix=p", nil, c.Masters...)) })
	t.Run("conformance with reads from replicas", func(t *testing.T) {
		onlinetest.Run(t, onPrefixes(c.URL()+"?read_from=replica&prefix=r", func() {
			for i := range c.Masters {
				c.Replicas[i].AwaitCaughtUp(c.Masters[i])
			}
		}, c.Masters...))
	})
	t.Run("one slot per entity", func(t *testing.T) { oneSlotPerEntity(t, c) })
	t.Run("a slot that moves during a run", func(t *testing.T) { slotMoves(t, c) })
	t.Run("values that are merged while a slot moves", func(t *testing.T) { mergeWhileASlotMoves(t, c) })
	t.Run("a server that is gone", func(t *testing.T) { serverGone(t, c) })
}

// serverGone ends one of three masters: what the others have is read as before.
func serverGone(t *testing.T, c *testenv.RedisCluster) {
	for _, m := range c.Masters {
		if err := raw(t, m).ConfigSet(t.Context(), "cluster-require-full-coverage", "no").Err(); err != nil {
			t.Fatal(err)
		}
	}
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: c.URL() + "?prefix=gone:"})
	var rows []online.Row
	for i := range 60 {
		rows = append(rows, k.Row(fmt.Sprintf("entity %d", i), onlinetest.Stamp{Event: 1}, float64(i), nil))
	}
	onlinetest.Advance(t, s, 1, feature.MinTime, 1)
	onlinetest.Put(t, s, k.Layout, rows...)
	onlinetest.Advance(t, s, 1, 100, 1)
	if _, err := s.Watermarks(t.Context(), []uint64{1}); err != nil {
		t.Fatal(err)
	}
	var lost []int
	for i, row := range rows {
		if _, err := raw(t, c.Masters[2]).Get(t.Context(), "gone:"+string(row.Key)).Result(); err == nil {
			lost = append(lost, i)
		}
	}
	if len(lost) == 0 || len(lost) == len(rows) {
		t.Fatalf("%d of %d rows are at the server", len(lost), len(rows))
	}
	c.Masters[2].Kill()
	dead := raw(t, c.Masters[2]).Options().Addr
	for range 3 {
		values, err := s.Get(t.Context(), keysOf(rows))
		expectUnavailable(t, err, dead)
		var partial *online.PartialError
		if !errors.As(err, &partial) || !slices.Equal(partial.Unread, lost) {
			t.Fatalf("got %v, want that %v are unread", err, lost)
		}
		for j, v := range values {
			if !slices.Contains(lost, j) && !bytes.Equal(v, rows[j].Value) {
				t.Errorf("row %d: got %q", j, v)
			}
		}
	}
	// Nothing is believed to be absent, wherever it would be.
	var nobody [][]byte
	for i := range 20 {
		nobody = append(nobody, k.Key(fmt.Sprintf("nobody %d", i)))
	}
	var partial *online.PartialError
	if _, err := s.Get(t.Context(), nobody); !errors.As(err, &partial) || len(partial.Unread) != len(nobody) {
		t.Errorf("absent rows: got %v", err)
	}
	c.Masters[2].Restart()
	c.Masters[2].AwaitCluster()
	eventually(t, func() bool {
		_, err := s.Get(t.Context(), keysOf(rows[:1]))
		return err == nil || !strings.Contains(err.Error(), "left alone")
	})
}

// slotMoves moves the slot of an entity while a run writes: nothing is lost, and all of it is
// still found when the slot is open at both ends.
func slotMoves(t *testing.T, c *testenv.RedisCluster) {
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: c.URL() + "?prefix=moving:"})
	row := func(i int, at feature.Time) online.Row {
		return k.Row(fmt.Sprintf("entity %d", i), onlinetest.Stamp{Event: at}, float64(i), nil)
	}
	all := func(at feature.Time) (rows []online.Row) {
		for i := range 300 {
			rows = append(rows, row(i, at))
		}
		return rows
	}
	onlinetest.Advance(t, s, 1, feature.MinTime, 1)
	onlinetest.Put(t, s, k.Layout, all(1)...)
	onlinetest.Advance(t, s, 1, 100, 1)
	at := c.Masters[0].Slot("moving:" + string(row(0, 1).Key))
	from := c.Masters[at*3/16384]
	to := c.Masters[(at*3/16384+1)%3]
	for i, way := range [][2]*testenv.RedisServer{{from, to}, {to, from}} {
		before, after := all(feature.Time(1+i)), all(feature.Time(2+i))
		c.MoveSlot(at, way[0], way[1], func() {
			onlinetest.Expect(t, s, append(slices.Clone(before), online.Row{Key: k.Key("nobody")})...)
			onlinetest.Put(t, s, k.Layout, after...)
			onlinetest.Put(t, s, k.Layout, before...)
			onlinetest.Expect(t, s, after...)
		})
		onlinetest.Put(t, s, k.Layout, before...)
		onlinetest.Expect(t, s, append(slices.Clone(after), online.Row{Key: k.Key("nobody")})...)
		onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1})
	}
	onlinetest.Advance(t, s, 1, 200, 2)
	onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 200, Run: 2, Since: 1})
}

// oneSlotPerEntity asks the server for the slots of the keys of several views of an entity.
func oneSlotPerEntity(t *testing.T, c *testenv.RedisCluster) {
	awkward := []string{"", "{", "}", "{}", "}{", "{a}", "\x00", "\x7c", "\x7d", "\x7e", "\x7c\x5c", "\x7c\x5d", "a}b{c}", "\xff\xfe\x7d", "ä", "12", strings.Repeat("}", 300)}
	str, num := feature.Scalar(feature.String), feature.Scalar(feature.Int64)
	bin := feature.Scalar(feature.Bytes)
	slots := map[int]bool{}
	for _, prefix := range []string{"q:", "", "ä\x00", "a b\r\n", "registry", "node:", "\xff"} {
		for _, a := range awkward {
			for _, b := range awkward[:8] {
				keys := []*feature.Column{feature.NewColumn(str, 1), feature.NewColumn(bin, 1), feature.NewColumn(num, 1)}
				keys[0].AppendString(a)
				keys[1].AppendString(b)
				keys[2].AppendInt64(int64(len(a)*125 - 62))
				want := -1
				for _, storage := range []uint64{1, 124, 125, 253, 16_000, 1<<63 + 1} {
					l, err := online.NewLayout(&feature.Storage{ID: storage, View: "v", Version: 1, Keys: []feature.JoinKey{
						{Name: "a", Type: str}, {Name: "b", Type: bin}, {Name: "c", Type: num},
					}, Features: []feature.Field{{Name: "f", Type: num}}})
					if err != nil {
						t.Fatal(err)
					}
					slot := c.Masters[0].Slot(prefix + string(l.AppendKey(nil, keys, 0)))
					if want == -1 {
						want = slot
					}
					if slot != want {
						t.Fatalf("prefix %q, entity %q %q: storage %d is in slot %d, others in %d", prefix, a, b, storage, slot, want)
					}
				}
				slots[want] = true
			}
		}
	}
	if len(slots) < 100 {
		t.Errorf("all entities are in %d slots", len(slots))
	}
	for tag := range 200 {
		if got, want := redis.SlotOf(tag), c.Masters[0].Slot(fmt.Sprintf("q:node:{%d}", tag)); got != want {
			t.Fatalf("tag %d: got slot %d, want %d", tag, got, want)
		}
	}
}

// TestALossOnAnyNodeOfAClusterIsNoticed loses the values of one master, which need not be
// the one that holds the watermark.
func TestALossOnAnyNodeOfAClusterIsNoticed(t *testing.T) {
	t.Parallel()
	c := testenv.NewRedisCluster(t, 3, 1)
	k := onlinetest.NewKit(t)
	s := openWith(t, redis.Options{URL: c.URL()})
	var rows, gone []online.Row
	for i := range 100 {
		row := k.Row(fmt.Sprint(i), onlinetest.Stamp{Event: 1}, 1.0, nil)
		rows, gone = append(rows, row), append(gone, online.Row{Key: row.Key})
	}
	run := int64(0)
	fill := func() {
		t.Helper()
		run++
		if err := s.Advance(t.Context(), 1, feature.MinTime, run, 0); err != nil {
			t.Fatal(err)
		}
		marks, err := s.Watermarks(t.Context(), []uint64{1})
		if err != nil || marks[0].Lost {
			t.Fatalf("after a beginning: %+v, %v", marks, err)
		}
		onlinetest.Put(t, s, k.Layout, rows...)
		onlinetest.Advance(t, s, 1, feature.Time(100+run), run)
		onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: feature.Time(100 + run), Run: run, Since: marks[0].Since})
	}
	noticed := func(word, addr string) {
		t.Helper()
		// What was told is not believed any more, though nobody looked again.
		values, err := s.Get(t.Context(), keysOf(gone))
		missing := 0
		for _, v := range values {
			if v == nil {
				missing++
			}
		}
		if err == nil && missing > 0 {
			t.Errorf("%d of %d values are absent, and the call tells no error", missing, len(rows))
		}
		marks, err := s.Watermarks(t.Context(), []uint64{1})
		if err != nil {
			t.Fatal(err)
		}
		if m := marks[0]; m.Holds() || m.Known && (!strings.Contains(m.Reason, word) || !strings.Contains(m.Reason, addr)) {
			t.Errorf("got %+v, want one that is lost by %q at %s", m, word, addr)
		}
		expectUnavailable(t, s.Advance(t.Context(), 1, feature.MaxTime, run, run))
	}
	for i, master := range c.Masters {
		fill()
		if err := raw(t, master).FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		t.Logf("master %d is flushed", i)
		noticed("flushed", master.Addr())
	}

	fill()
	replica := c.Replicas[0]
	replica.AwaitReplica()
	replica.Promote(c.Masters...)
	noticed("failed over", replica.Addr())
	fill()

	if err := raw(t, c.Masters[2]).ConfigSet(t.Context(), "maxmemory-policy", "allkeys-lru").Err(); err != nil {
		t.Fatal(err)
	}
	warnings, err := s.Warnings(t.Context())
	if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], c.Masters[2].Addr()) {
		t.Errorf("got warnings %q, %v, want one of %s", warnings, err, c.Masters[2].Addr())
	}
	if err := raw(t, c.Masters[2]).ConfigSet(t.Context(), "maxmemory", "1mb").Err(); err != nil {
		t.Fatal(err)
	}
	// The next write makes it evict.
	_, _ = s.Put(t.Context(), k.Layout, rows)
	noticed("evicted keys", c.Masters[2].Addr())
	if err := raw(t, c.Masters[2]).ConfigSet(t.Context(), "maxmemory", "0").Err(); err != nil {
		t.Fatal(err)
	}
	fill()
	c.Masters[1].Restart() // its slots are in nodes.conf
	c.Masters[1].AwaitCluster()
	noticed("restarted", c.Masters[1].Addr())
}

func keysOf(rows []online.Row) [][]byte {
	keys := make([][]byte, len(rows))
	for i := range rows {
		keys[i] = rows[i].Key
	}
	return keys
}

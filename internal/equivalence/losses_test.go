package equivalence_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/materialize"
	"github.com/quiver-features/quiver/online"
)

// redisWorld is a world on a Redis of its own, which loses values, with n things.
func redisWorld(t *testing.T, n int) (*world, *testenv.RedisServer, *driver.Client, map[string][]event) {
	t.Helper()
	server := testenv.Redis(t)
	client := driver.NewClient(&driver.Options{Addr: server.Addr()})
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	w := startWorld(t, onRedis(server))
	var rows []event
	for id := range int64(n) {
		rows = append(rows, event{id, 100, 100, 1000 + id})
	}
	files := map[string][]event{"a": rows}
	w.mustWrite(t, files)
	w.mustApply(t, plainDefinitions())
	return w, server, client, files
}

// wantNothingFalse checks that no thing below n, each of which has a row, is said
// to have none, or is served with a value that is not its own. It gives how many
// values are there.
func (w *world) wantNothingFalse(ctx context.Context, n int) (there int, err error) {
	if err := w.handler.Refresh(ctx); err != nil && !errors.Is(err, feature.ErrUnavailable) {
		return 0, err
	}
	got, err := w.ask(ctx, n, "last:x")
	if err != nil {
		return 0, err
	}
	for id, c := range got[0] {
		switch x := strconv.Itoa(1000 + id); c {
		case cell(x + "/PRESENT"), cell(x + "/STALE"):
			there++
		case unavailable:
		default:
			return there, fmt.Errorf("thing %d is served as %s", id, c)
		}
	}
	return there, nil
}

func TestARedisThatLostEverythingIsNotTakenForEmpty(t *testing.T) {
	const n = 50
	for name, lose := range map[string]func(*testing.T, *testenv.RedisServer, *driver.Client){
		"restarted": func(_ *testing.T, s *testenv.RedisServer, _ *driver.Client) { s.Restart() },
		"flushed": func(t *testing.T, _ *testenv.RedisServer, c *driver.Client) {
			if err := c.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, server, client, files := redisWorld(t, n)
			w.mustRun(t, 200)
			if err := w.wantLatest(t.Context(), n+1, files, 200); err != nil {
				t.Fatal(err)
			}
			lose(t, server, client)
			if there, err := w.wantNothingFalse(t.Context(), n); err != nil || there > 0 {
				t.Errorf("after the loss: %d values, %v", there, err)
			}
			// Not even a file came, and the time is the same: the loss alone asks for a run.
			w.mustRun(t, 200)
			if err := w.wantLatest(t.Context(), n+1, files, 200); err != nil {
				t.Error(err)
			}
		})
	}
}

// losingSink is a sink whose store loses values at the k-th operation.
type losingSink struct {
	materialize.Sink
	left int
	lose func() error
}

func (s *losingSink) step() error {
	s.left--
	if s.left == -1 {
		return s.lose()
	}
	return nil
}

func (s *losingSink) Watermark(ctx context.Context, storage *feature.Storage) (feature.Watermark, error) {
	if err := s.step(); err != nil {
		return feature.Watermark{}, err
	}
	return s.Sink.Watermark(ctx, storage)
}

func (s *losingSink) Write(ctx context.Context, storage *feature.Storage, view *feature.ViewVersion, b *feature.Batch, from feature.Origin) (feature.WriteResult, error) {
	if err := s.step(); err != nil {
		return feature.WriteResult{}, err
	}
	return s.Sink.Write(ctx, storage, view, b, from)
}

func (s *losingSink) Advance(ctx context.Context, storage *feature.Storage, to feature.Time, run, since int64) error {
	if err := s.step(); err != nil {
		return err
	}
	return s.Sink.Advance(ctx, storage, to, run, since)
}

// TestARedisThatLosesEverythingDuringARunIsNotTakenForComplete restarts or flushes
// the server before the k-th operation of a run, for every k.
func TestARedisThatLosesEverythingDuringARunIsNotTakenForComplete(t *testing.T) {
	const n = 12
	for _, how := range []string{"restarted", "flushed"} {
		t.Run(how, func(t *testing.T) {
			w, server, client, files := redisWorld(t, n)
			lose := func() error { return client.FlushAll(t.Context()).Err() }
			if how == "restarted" {
				lose = func() error { server.Restart(); return nil }
			}
			for k := 0; ; k++ {
				// Something to do, whatever the last round led to.
				at := feature.Time(200 + k)
				w.set(at)
				sink := &losingSink{Sink: online.NewSink(w.online), left: k, lose: lose}
				r := w.runner()
				r.Source, r.Sink = inSmallBatches{w.engine, 3}, sink
				_, err := w.bring(t.Context(), r)
				lost := sink.left < 0
				if err != nil && (!lost || !errors.Is(err, feature.ErrUnavailable)) {
					t.Fatalf("operation %d: %v", k, err)
				}
				there, e := w.wantNothingFalse(t.Context(), n)
				if e != nil || err == nil && there < n && k > 0 {
					t.Fatalf("operation %d: the run ended with %v, %d values of %d are there, %v", k, err, there, n, e)
				}
				w.mustRun(t, at)
				if err := w.wantLatest(t.Context(), n+1, files, at); err != nil {
					t.Fatalf("operation %d, run again: %v", k, err)
				}
				if !lost {
					break
				}
				// The next round is again a run from nothing.
				if err := client.FlushAll(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestARedisThatEvictsIsNotTakenForComplete(t *testing.T) {
	const n = 8000
	limit := func(t *testing.T, client *driver.Client, more int) {
		t.Helper()
		policy := client.ConfigSet(t.Context(), "maxmemory-policy", "allkeys-random").Err()
		most := "0"
		if more > 0 {
			info, err := client.Info(t.Context(), "memory").Result()
			if err != nil {
				t.Fatal(err)
			}
			_, after, _ := strings.Cut(info, "used_memory:")
			text, _, _ := strings.Cut(after, "\r\n")
			used, err := strconv.Atoi(text)
			if err != nil {
				t.Fatal(err)
			}
			most = strconv.Itoa(used + more)
		}
		if err := errors.Join(policy, client.ConfigSet(t.Context(), "maxmemory", most).Err()); err != nil {
			t.Fatal(err)
		}
	}
	for name, filled := range map[string]bool{"while it is filled": false, "when it was filled": true} {
		t.Run(name, func(t *testing.T) {
			w, _, client, files := redisWorld(t, n)
			if filled {
				w.mustRun(t, 200)
				limit(t, client, 1)
				for i := range 200 {
					if err := client.Set(t.Context(), fmt.Sprintf("other%d", i), strings.Repeat("x", 1000), 0).Err(); err != nil {
						t.Fatal(err)
					}
				}
			} else {
				limit(t, client, 300_000)
				w.set(200)
				if _, err := w.bring(t.Context(), w.runner()); !errors.Is(err, feature.ErrUnavailable) {
					t.Errorf("a run whose rows were evicted: got error %v, want unavailable", err)
				}
			}
			there, err := w.wantNothingFalse(t.Context(), n)
			if err != nil || there == 0 || there == n {
				t.Fatalf("%d values of %d are there, %v", there, n, err)
			}
			limit(t, client, 0)
			w.mustRun(t, 200)
			if err := w.wantLatest(t.Context(), n+1, files, 200); err != nil {
				t.Error(err)
			}
		})
	}
}

package redis_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	driver "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
)

// BenchmarkLoad writes 200,000 keys of ten float64: into an empty server, again with
// the same rows, with later ones, and with rows that tie with those. Run it with -benchtime 1x.
func BenchmarkLoad(b *testing.B) {
	const n = 200_000
	for _, ttl := range []feature.Duration{0, 30 * feature.Day} {
		server := testenv.Redis(b)
		store, err := opener(server.URL())(b.Context(), onlinetest.Registry, func() feature.Time { return onlinetest.Now })
		if err != nil {
			b.Fatal(err)
		}
		load := onlinetest.NewLoad(1, ttl)
		sink := online.NewSink(store)
		empty := usedMemory(b, server)
		for i, round := range []string{"first", "same", "later", "tied"} {
			event := onlinetest.Now.Add(feature.Duration(min(i/2, 1)))
			b.Run(fmt.Sprintf("ttl=%s/%s", ttl, round), func(b *testing.B) {
				for range b.N {
					load.Measure(b, n, event, func(batch *feature.Batch) error {
						if round == "tied" {
							for i := range batch.Features[0].Float64s {
								batch.Features[0].Float64s[i]++
							}
						}
						_, err := sink.Write(b.Context(), load.Storage, load.View, batch, feature.Origin{Now: onlinetest.Now})
						return err
					})
				}
				b.ReportMetric(float64(usedMemory(b, server)-empty)/n, "B/key")
			})
		}
		if err := store.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadCluster writes 200,000 such keys to three servers of a cluster.
func BenchmarkLoadCluster(b *testing.B) {
	store, err := opener(testenv.NewRedisCluster(b, 3, 0).URL())(b.Context(), onlinetest.Registry, func() feature.Time { return onlinetest.Now })
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	load := onlinetest.NewLoad(1, 0)
	sink := online.NewSink(store)
	for i, round := range []string{"first", "same", "later"} {
		event := onlinetest.Now.Add(feature.Duration(i / 2))
		b.Run(round, func(b *testing.B) {
			for range b.N {
				load.Measure(b, 200_000, event, func(batch *feature.Batch) error {
					_, err := sink.Write(b.Context(), load.Storage, load.View, batch, feature.Origin{Now: onlinetest.Now})
					return err
				})
			}
		})
	}
}

// usedMemory is the server's used_memory less what it holds for clients.
func usedMemory(b *testing.B, server *testenv.RedisServer) int {
	b.Helper()
	client := driver.NewClient(&driver.Options{Addr: server.Addr()})
	defer func() { _ = client.Close() }()
	info, err := client.Info(b.Context(), "memory").Result()
	if err != nil {
		b.Fatal(err)
	}
	used := 0
	for line := range strings.Lines(info) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		n, _ := strconv.Atoi(value)
		switch name {
		case "used_memory":
			used += n
		case "mem_clients_normal":
			used -= n
		}
	}
	return used
}

func BenchmarkGet(b *testing.B) {
	store, err := opener(testenv.Redis(b).URL())(b.Context(), onlinetest.Registry, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	load := onlinetest.NewLoad(1, 0)
	batch := load.Batches(500, 500, 1)[0]
	if _, err := online.NewSink(store).Write(b.Context(), load.Storage, load.View, batch, feature.Origin{Now: 1}); err != nil {
		b.Fatal(err)
	}
	layout, err := online.NewLayout(load.Storage)
	if err != nil {
		b.Fatal(err)
	}
	keys := make([][]byte, 500)
	for i := range keys {
		keys[i] = layout.AppendKey(nil, batch.Keys, i)
	}
	for _, n := range []int{5, 500} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := store.Get(b.Context(), keys[:n]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	// One key is absent: with what was told of its storage, that is asked once more.
	for _, to := range []feature.Time{feature.MinTime, 1} {
		if err := store.Advance(b.Context(), load.Storage.ID, to, 1, 1); err != nil {
			b.Fatal(err)
		}
	}
	if _, err := store.Watermarks(b.Context(), []uint64{load.Storage.ID}); err != nil {
		b.Fatal(err)
	}
	keys[0] = layout.AppendKey(nil, load.Batches(501, 501, 1)[0].Keys, 500)
	b.Run("5, one absent", func(b *testing.B) {
		for b.Loop() {
			if values, err := store.Get(b.Context(), keys[:5]); err != nil || values[0] != nil {
				b.Fatal(values[0], err)
			}
		}
	})
}

// BenchmarkTiles writes 100,000 keys with the tiles of twelve aggregates, and again after a
// run that touched them all. Run it with -benchtime 1x.
func BenchmarkTiles(b *testing.B) {
	const n = 100_000
	server := testenv.Redis(b)
	store, err := opener(server.URL())(b.Context(), onlinetest.Registry, func() feature.Time { return onlinetest.Now })
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = store.Close() }()
	load, sink, empty := onlinetest.NewTilesLoad(b, 1), online.NewSink(store), usedMemory(b, server)
	for run := range int64(2) {
		b.Run(fmt.Sprint("run ", run+1), func(b *testing.B) {
			load.Measure(b, sink, n, run+1)
			b.ReportMetric(float64(usedMemory(b, server)-empty)/n, "B/key")
		})
	}
}

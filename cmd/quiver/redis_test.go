package main

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/quiver-features/quiver/internal/testenv"
)

// TestALossInAClusterIsNamedAndMended flushes one node of three: status names it, no value is
// taken for absent, and the next run brings everything back.
func TestALossInAClusterIsNamedAndMended(t *testing.T) {
	cluster := testenv.NewRedisCluster(t, 3, 0)
	dir := newProject(t)
	setting(t, dir, "online", cluster.URL()+"?prefix=shop-")
	must(t, "-C", dir, "materialize")
	get := []string{"-C", dir, "get", "--service", "churn_model", "--key", "customer=1,2,3,4,5,6"}
	before := must(t, get...)
	if !strings.Contains(before, "64.5") || !strings.Contains(before, "NOT_FOUND") || strings.Contains(before, "UNAVAILABLE") {
		t.Fatalf("before the loss:\n%s", before)
	}
	for _, node := range cluster.Masters {
		client := goredis.NewClient(&goredis.Options{Addr: node.Addr()})
		if err := client.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
		after := must(t, get...)
		if strings.Contains(after, "NOT_FOUND") || !strings.Contains(after, "UNAVAILABLE") {
			t.Errorf("after %s was flushed:\n%s", node.Addr(), after)
		}
		status := must(t, "-C", dir, "status")
		// The node that held the watermark takes it along: then the registry alone knows of it.
		if !strings.Contains(status, "lost") ||
			!strings.Contains(status, node.Addr()+" was flushed") && !strings.Contains(status, "restarted empty") {
			t.Errorf("status does not name %s:\n%s", node.Addr(), status)
		}
		must(t, "-C", dir, "materialize")
		if again := must(t, get...); again != before {
			t.Errorf("after another run:\n%s\nwant\n%s", again, before)
		}
	}
}

// TestAServerThatEvictsIsWarnedOfAndALossIsToldByTheServer empties a Redis under a server
// that nobody asks any more.
func TestAServerThatEvictsIsWarnedOfAndALossIsToldByTheServer(t *testing.T) {
	redis := testenv.Redis(t, testenv.RedisArgs("--maxmemory-policy", "allkeys-lru"))
	dir := newProject(t)
	setting(t, dir, "online", redis.URL())
	const warning = "has maxmemory-policy allkeys-lru"
	for _, args := range [][]string{{"materialize"}, {"status"}} {
		got := do(t.Context(), append([]string{"-C", dir}, args...)...)
		if got.code != exitDone || strings.Count(got.err, "warning: ") != 1 || !strings.Contains(got.err, warning) {
			t.Errorf("%s: exit code %d: %s", args, got.code, got.err)
		}
	}
	var views []struct{ Warnings []string }
	if err := json.Unmarshal([]byte(must(t, "-C", dir, "status", "-o", "json")), &views); err != nil ||
		len(views) == 0 || len(views[0].Warnings) != 1 || !strings.Contains(views[0].Warnings[0], warning) {
		t.Errorf("status: %v: %+v", err, views)
	}

	s := startProcess(t, dir, nil)
	s.shows("msg=ready")
	s.features()
	lost := `quiver_serving_watermark_lost{storage="1",view="last_order@1"}`
	s.becomes(lost, "0")
	client := goredis.NewClient(&goredis.Options{Addr: redis.Addr()})
	if err := errors.Join(client.FlushAll(t.Context()).Err(), client.Close()); err != nil {
		t.Fatal(err)
	}
	if got := s.shows("the online store may have lost values of a view"); !strings.Contains(got, "quiver materialize last_order@1") {
		t.Errorf("the log says%s", got)
	}
	s.becomes(lost, "1")
	must(t, "-C", dir, "materialize")
	s.shows("the online store has the values of a view again")
	s.becomes(lost, "0")
	s.stop()
	if n := strings.Count(s.log(), "may have lost values of a view"); n != 1 {
		t.Errorf("the loss is told %d times:\n%s", n, s.log())
	}
}

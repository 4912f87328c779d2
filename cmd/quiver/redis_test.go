package main

import (
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

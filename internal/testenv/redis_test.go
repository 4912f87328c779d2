package testenv

import (
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/redis/go-redis/v9"
)

func TestRedisAnswersAndRestartsEmptyAtTheSameAddress(t *testing.T) {
	server := Redis(t)
	addr := server.Addr()
	ctx := t.Context()
	opts, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(opts)
	t.Cleanup(func() { _ = client.Close() })

	if err := client.Set(ctx, "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	server.Restart()
	if server.Addr() != addr {
		t.Errorf("address after restart: got %s, want %s", server.Addr(), addr)
	}
	if n, err := client.DBSize(ctx).Result(); err != nil || n != 0 {
		t.Errorf("keys after restart: got %d, %v, want none", n, err)
	}
}

func TestRedisThatIsStoppedOrKilledIsGone(t *testing.T) {
	for name, end := range map[string]func(*RedisServer){
		"stop": (*RedisServer).Stop,
		"kill": (*RedisServer).Kill,
	} {
		t.Run(name, func(t *testing.T) {
			server := Redis(t)
			end(server)
			if conn, err := net.Dial("tcp", server.Addr()); err == nil {
				_ = conn.Close()
				t.Fatal("something still listens")
			}
			end(server) // Twice is harmless.
			server.Restart()
			if err := syscall.Kill(server.Pid(), 0); err != nil {
				t.Fatalf("process after restart: %v", err)
			}
		})
	}
}

func TestRedisTakesSettings(t *testing.T) {
	server := Redis(t, RedisArgs("--maxmemory", "4mb", "--maxmemory-policy", "allkeys-lru"))
	client := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = client.Close() })
	got, err := client.ConfigGet(t.Context(), "maxmemory").Result()
	if err != nil || got["maxmemory"] != "4194304" {
		t.Fatalf("maxmemory: got %v, %v, want 4194304", got, err)
	}
}

func TestAnOldRedisIsRefusedWithAdvice(t *testing.T) {
	for text, ok := range map[string]bool{
		"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64": true,
		"Redis server v=8.2.1 sha=00000000:1":                                true,
		"Redis server v=6.2.14 sha=00000000:0":                               false,
		"something else":                                                     false,
	} {
		err := checkRedisVersion(text)
		if (err == nil) != ok {
			t.Errorf("%q: got %v, want accepted: %v", text, err, ok)
		}
		if err != nil && !strings.Contains(err.Error(), "apt-get install redis-server") {
			t.Errorf("%q: the message does not say what to do: %v", text, err)
		}
	}
}

func TestAMissingBinaryIsToldWithAdvice(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	_, err := redisBinary(t.Context())
	if err == nil || !strings.Contains(err.Error(), "make deps") {
		t.Fatalf("got %v, want an error that says how to install", err)
	}
}

package redis_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

func TestOverTLS(t *testing.T) {
	certs := testenv.NewCertificates(t, "127.0.0.1", "features.example")
	server := testenv.RedisTLS(t, certs)
	onlinetest.Run(t, onPrefixes(fmt.Sprintf("rediss://%s?ca_file=%s&prefix=p", server.TLSAddr(), certs.CA), nil))
}

func TestWhatIsWrongWithTLSIsSaid(t *testing.T) {
	certs, others := testenv.NewCertificates(t, "127.0.0.1", "features.example"), testenv.NewCertificates(t, "127.0.0.1")
	server := testenv.RedisTLS(t, certs)
	strict := testenv.RedisTLS(t, certs, testenv.RedisArgs("--tls-auth-clients", "yes"))
	mine := "&cert_file=" + certs.Cert + "&key_file=" + certs.Key
	for _, c := range []struct{ name, url, word string }{
		{"right", "rediss://" + server.TLSAddr() + "?ca_file=" + certs.CA, ""},
		{"right name", "rediss://" + server.TLSAddr() + "?server_name=features.example&ca_file=" + certs.CA, ""},
		{"right certificate", "rediss://" + strict.TLSAddr() + "?ca_file=" + certs.CA + mine, ""},
		{"no authority", "rediss://user:s3cret@" + server.TLSAddr(), "ca_file"},
		{"another authority", "rediss://" + server.TLSAddr() + "?ca_file=" + others.CA, "ca_file"},
		{"another name", "rediss://" + server.TLSAddr() + "?server_name=other.example&ca_file=" + certs.CA, "server_name"},
		{"a plain port", "rediss://" + server.Addr() + "?dial_timeout=300ms&ca_file=" + certs.CA, "does not speak TLS"},
		{"TLS at a plain URL", "redis://" + server.TLSAddr(), "rediss"},
		{"no certificate", "rediss://" + strict.TLSAddr() + "?ca_file=" + certs.CA, "cert_file"},
		{"no such file", "rediss://" + server.TLSAddr() + "?ca_file=/nowhere/ca.pem", "/nowhere/ca.pem"},
		{"no certificate in the file", "rediss://" + server.TLSAddr() + "?ca_file=" + certs.Key, "no certificate"},
		{"no pair", "rediss://" + server.TLSAddr() + "?cert_file=" + certs.Cert, "key_file"},
		{"a cluster's URL", "redis-cluster://" + server.Addr(), "write redis://"},
		{"a cluster's URL over TLS, another authority", "rediss-cluster://" + server.TLSAddr(), "ca_file"},
		{"a sentinel's URL over TLS, another authority", "rediss-sentinel://" + server.TLSAddr() + "/m", "ca_file"},
		{"a sentinel's URL", "redis-sentinel://" + server.Addr() + "/m", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := redis.Open(t.Context(), redis.Options{URL: c.url, Registry: onlinetest.Registry})
			if c.word == "" && !strings.Contains(c.url, "sentinel") {
				if err != nil {
					t.Fatal(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !errors.Is(err, feature.ErrInvalid) && !errors.Is(err, feature.ErrUnavailable) ||
				!strings.Contains(err.Error(), c.word) || strings.Contains(err.Error(), "s3cret") {
				t.Errorf("got error %v, want one with %q", err, c.word)
			}
			t.Log(err)
		})
	}
}

// TestUsersWithTheLeastRights are those of docs/redis.md.
func TestUsersWithTheLeastRights(t *testing.T) {
	t.Parallel()
	k := onlinetest.NewKit(t)
	const writerRights = "~q:* +get +set +setnx +del +unlink +evalsha +script|load +scan +info +ping"
	const readerRights = "%R~q:* +get +info +ping"
	single := testenv.Redis(t)
	c := testenv.NewRedisCluster(t, 3, 3)
	for name, place := range map[string]struct {
		servers      []*testenv.RedisServer
		url, more    string
		moreToReader string
	}{
		"single":  {[]*testenv.RedisServer{single}, "redis://%s" + single.Addr(), "", ""},
		"cluster": {append(c.Masters, c.Replicas...), "redis-cluster://%s" + c.Addrs(), " +cluster|slots +cluster|nodes", " +readonly +command"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, server := range place.servers {
				for _, line := range []string{
					"acl setuser quiver on >w-s3cret " + writerRights + place.more,
					"acl setuser serving on >r-s3cret " + readerRights + place.more + place.moreToReader,
				} {
					words := strings.Fields(line)
					args := make([]any, len(words))
					for i, w := range words {
						args[i] = w
					}
					if err := raw(t, server).Do(t.Context(), args...).Err(); err != nil {
						t.Fatal(err)
					}
				}
			}
			readerURL := fmt.Sprintf(place.url, "serving:r-s3cret@")
			if name == "cluster" {
				readerURL += "?read_from=replica"
			}
			reader := openWith(t, redis.Options{URL: readerURL}) // before there is anything
			onlinetest.ExpectMark(t, reader, 1, feature.Watermark{})
			writer := openWith(t, redis.Options{URL: fmt.Sprintf(place.url, "quiver:w-s3cret@")})
			row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
			onlinetest.Put(t, writer, k.Layout, row, k.Row("SFO", onlinetest.Stamp{Event: 1}, 0.5, nil))
			onlinetest.Advance(t, writer, 1, 100, 1)
			for i := range c.Masters {
				c.Replicas[i].AwaitCaughtUp(c.Masters[i])
			}
			for _, s := range []*redis.Store{writer, reader} {
				onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1})
				onlinetest.Expect(t, s, row, online.Row{Key: k.Key("nobody")})
				if err := s.Ping(t.Context()); err != nil {
					t.Error(err)
				}
				if warnings, err := s.Warnings(t.Context()); err != nil || len(warnings) > 0 {
					t.Errorf("got warnings %q, %v", warnings, err)
				}
			}
			_, put := reader.Put(t.Context(), k.Layout, []online.Row{row})
			for what, err := range map[string]error{
				"put": put, "advance": reader.Advance(t.Context(), 1, 200, 2, 1), "drop": reader.Drop(t.Context(), 1),
			} {
				if !errors.Is(err, feature.ErrInvalid) || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%s by the reader: got error %v, want invalid", what, err)
				}
			}
			if err := writer.Drop(t.Context(), 1); err != nil {
				t.Error(err)
			}
			_, err := redis.Open(t.Context(), redis.Options{URL: fmt.Sprintf(place.url, "serving:r-s3cret@") + "?prefix=other:", Registry: "r"})
			if !errors.Is(err, feature.ErrInvalid) {
				t.Errorf("keys of others: got error %v, want invalid", err)
			}
		})
	}
}

func TestURLs(t *testing.T) {
	for _, bad := range []struct{ url, word string }{
		{"redis://h:1/0?nonsense=1", "pool_size"},
		{"redis://h:1/0?ca_file=x", "rediss"},
		{"redis://h:1/0?prefix=a{b", "brace"},
		{"redis://h:1/0?prefix=", "prefix"},
		{"redis://h:1/0?prefix=a&prefix=b", "prefix"},
		{"redis://h:1/0?pool_size=none", "pool_size"},
		{"redis://h:1/0?timeout=3", "timeout"},
		{"redis://h:1/0?dial_timeout=-3s", "dial_timeout"},
		{"redis://h:1/0?read_from=secondary", "replica"},
		{"redis://h:1/0?read_from=replica", "replicas"},
		{"redis://h:1/0?replicas=a:1", "read_from"},
		{"redis://h:1/x", "database"},
		{"redis://a:1,b:1/0", "redis-cluster"},
		{"redis://:0", "port"},
		{"redis://::1", "port"},
		{"redis-cluster://a:1,b:99999", "port"},
		{"redis-cluster://a,,b", "port"},
		{"redis-cluster://a/1", "database 0"},
		{"redis-sentinel://a:1,b:2", "master"},
		{"redis-sentinel://a:1/m/x", "database"},
		{"redis-sentinel://a:1/m?sentinel_user=u", "sentinel_password"},
		{"redis-elsewhere://a:1", "redis-sentinel"},
		{"rediss-sentinel://u:s3cret@a:1/m/0/s3cret", "rediss-sentinel://"},
		{"redis-cluster://u:s3cret@a:1?s3cret=1", "read_from"},
	} {
		_, err := redis.Open(t.Context(), redis.Options{URL: bad.url, Registry: "r"})
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), bad.word) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: got error %v, want one with %q", bad.url, err, bad.word)
		}
	}
	server := testenv.Redis(t)
	if err := raw(t, server).ConfigSet(t.Context(), "requirepass", "p@ss/w#rd:?&=%").Err(); err != nil {
		t.Fatal(err)
	}
	s := openWith(t, redis.Options{URL: "redis://default:" + url.QueryEscape("p@ss/w#rd:?&=%") + "@" + server.Addr() +
		"/2?prefix=team-%C3%A4:&pool_size=2&timeout=2s&dial_timeout=2s&read_from=primary"})
	k := onlinetest.NewKit(t)
	row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
	onlinetest.Put(t, s, k.Layout, row)
	client := rawWith(t, server, "p@ss/w#rd:?&=%", 2)
	if got := client.Get(t.Context(), "team-ä:"+string(row.Key)).Val(); got != string(row.Value) {
		t.Errorf("got %x", got)
	}
}

package redis_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

func TestOverTLS(t *testing.T) {
	certs := testenv.NewCertificates(t, "127.0.0.1", "features.example")
	server := testenv.RedisTLS(t, certs)
	onlinetest.Run(t, onPrefixes(fmt.Sprintf("rediss://%s?ca_file=%s&prefix=p", server.TLSAddr(), certs.CA), nil, server))
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

package redis_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/redis"
)

// documentedUsers are the commands of docs/redis.md that make users, by the users' names.
func documentedUsers(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testenv.Root(t), "docs", "redis.md"))
	if err != nil {
		t.Fatal(err)
	}
	users := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "ACL SETUSER "); ok {
			name, _, _ := strings.Cut(rest, " ")
			users[name] = strings.Replace(strings.TrimSpace(line), ">PASSWORD", ">s3cret", 1)
		}
	}
	if len(users) != 2 {
		t.Fatalf("docs/redis.md makes users %v, want two", users)
	}
	return users
}

// TestUsersWithTheLeastRights are those of docs/redis.md.
func TestUsersWithTheLeastRights(t *testing.T) {
	t.Parallel()
	k := onlinetest.NewKit(t)
	users := documentedUsers(t)
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
				for _, line := range []string{users["quiver"] + place.more, users["serving"] + place.more + place.moreToReader} {
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
			readerURL := fmt.Sprintf(place.url, "serving:s3cret@")
			if name == "cluster" {
				readerURL += "?read_from=replica"
			}
			reader := openWith(t, redis.Options{URL: readerURL}) // before there is anything
			onlinetest.ExpectMark(t, reader, 1, feature.Watermark{})
			writer := openWith(t, redis.Options{URL: fmt.Sprintf(place.url, "quiver:s3cret@")})
			row := k.Row("SFO", onlinetest.Stamp{Event: 1}, 1.0, nil)
			onlinetest.Put(t, writer, k.Layout, row, k.Row("SFO", onlinetest.Stamp{Event: 1}, 0.5, nil))
			onlinetest.Advance(t, writer, 1, 100, 1)
			for i := range c.Masters {
				c.Replicas[i].AwaitCaughtUp(c.Masters[i])
			}
			for _, s := range []*redis.Store{writer, reader} {
				onlinetest.ExpectMark(t, s, 1, feature.Watermark{Known: true, Time: 100, Run: 1, Since: 1})
				onlinetest.Expect(t, s, row, online.Row{Key: k.Key("nobody")})
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
			_, err := redis.Open(t.Context(), redis.Options{URL: fmt.Sprintf(place.url, "serving:s3cret@") + "?prefix=other:", Registry: "r"})
			if !errors.Is(err, feature.ErrInvalid) {
				t.Errorf("keys of others: got error %v, want invalid", err)
			}
		})
	}
}

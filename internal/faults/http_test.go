package faults_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quiver-features/quiver/internal/testenv"
)

// badRequest is one request over HTTP that can't be answered.
type badRequest struct {
	name         string
	method, path string // empty: POST of features
	header       http.Header
	body         string
	large        func() io.Reader // a body that is not kept in memory
	status       int
	says         []string
	cut          bool // the server may close before the body is sent, without an answer
}

const getPath = "/v1/features:get"

func badRequests() []badRequest {
	good := `{"service":"churn_model","keys":{"customer":[1]}}`
	keys := func(values string) string { return `{"service":"churn_model","keys":{"customer":[` + values + `]}}` }
	post := func(name, body string, status int, says ...string) badRequest {
		return badRequest{name: name, body: body, status: status, says: says}
	}
	table := []badRequest{
		post("no body", "", 400), post("half a body", good[:20], 400), post("two bodies", good+good, 400),
		post("zeros", "\x00\x00\x00", 400), post("binary", "\xfe\xff\x00\x01", 400), post("no UTF-8", `{"service":"`+"\xff\xfe"+`"}`, 400),
		post("half a surrogate", `{"service":"\ud800"}`, 400), post("a list", "[]", 400), post("a word", "null", 400),
		post("a field twice", `{"service":"churn_model","service":"churn_model","keys":{"customer":[1]}}`, 400, "service"),
		post("an unknown field", `{"servise":"churn_model"}`, 400, "servise"),
		post("nothing asked for", `{"keys":{"customer":[1]}}`, 400, "service"),
		post("everything asked for", `{"service":"churn_model","features":["last_order:amount"],"keys":{"customer":[1]}}`, 400, "features"),
		post("an unknown service", `{"service":"churn_mdoel","keys":{"customer":[1]}}`, 404, "churn_model"),
		post("a service of control characters", `{"service":"\u0000\u001b[31m","keys":{"customer":[1]}}`, 400, "service"),
		post("a service of 1 MB", `{"service":"`+strings.Repeat("x", 1<<20)+`","keys":{"customer":[1]}}`, 413, "300"),
		post("an unknown view", `{"features":["last_ordr:amount"],"keys":{"customer":[1]}}`, 404, "last_order"),
		post("an unknown feature", `{"features":["last_order:amuont"],"keys":{"customer":[1]}}`, 404, "amount"),
		post("a feature of no form", `{"features":[":::"],"keys":{"customer":[1]}}`, 400, "features[0]"),
		post("no keys", `{"service":"churn_model"}`, 400, "customer"),
		post("an unknown key", `{"service":"churn_model","keys":{"custmer":[1]}}`, 400, "customer"),
		post("a key too many", `{"service":"churn_model","keys":{"customer":[1],"order":[1]}}`, 400, "order"),
		post("a key that is no list", `{"service":"churn_model","keys":{"customer":1}}`, 400, "customer"),
		post("a text for a number", keys(`"one"`), 400, "customer"), post("a fraction", keys("1.5"), 400, "customer"),
		post("2^63", keys("9223372036854775808"), 400, "customer"), post("1e400", keys("1e400"), 400, "customer"),
		post("true for a number", keys("true"), 400, "customer"), post("a list for a number", keys("[1]"), 400, "customer"),
		post("10,001 rows", keys(strings.Repeat("1,", 10_000)+"1"), 413, "10000"),
		post("1 M keys", keys(strings.Repeat("1,", 1_000_000)+"1"), 413),
		post("1 M names", `{"features":[`+strings.Repeat(`"a:b",`, 600_000)+`"a:b"],"keys":{"customer":[1]}}`, 413),
		post("1 M brackets", strings.Repeat("[", 1_000_000), 400), post("1 M nested objects", strings.Repeat(`{"keys":`, 400_000), 400),
		post("an input nobody asked for", `{"service":"churn_model","keys":{"customer":[1]},"inputs":{"x":[1]}}`, 400, "inputs"),
		{name: "100 MB", large: func() io.Reader { return io.LimitReader(repeated("[1],"), 100<<20) }, status: 413, cut: true},
		{name: "one text of 50 MB", large: func() io.Reader {
			return io.MultiReader(strings.NewReader(`{"service":"`), io.LimitReader(repeated("x"), 50<<20), strings.NewReader(`"}`))
		}, status: 413, cut: true},
		{name: "another type", header: http.Header{"Content-Type": {"text/csv"}}, body: good, status: 415},
		{name: "a deadline that is none", header: http.Header{"X-Timeout-Ms": {"soon"}}, body: good, status: 400, says: []string{"X-Timeout-Ms"}},
		{name: "a deadline in the past", header: http.Header{"X-Timeout-Ms": {"-1"}}, body: good, status: 400, says: []string{"X-Timeout-Ms"}},
		{name: "another path", method: http.MethodGet, path: "/v1/nothing", status: 404, says: []string{getPath}},
		{name: "a path that climbs", method: http.MethodGet, path: "/../../etc/passwd", status: 404},
		{name: "a path of zeros", method: http.MethodGet, path: "/%00%ff", status: 404},
	}
	bomb := &bytes.Buffer{}
	z := gzip.NewWriter(bomb)
	_, _ = io.Copy(z, io.LimitReader(repeated(" "), 64<<20))
	_ = z.Close()
	table = append(table, badRequest{name: "a bomb of gzip", header: http.Header{"Content-Encoding": {"gzip"}}, body: bomb.String(), status: 415, cut: true})
	return table
}

// repeated gives a text again and again.
func repeated(text string) io.Reader { return &repeater{text: strings.Repeat(text, 4096)} }

type repeater struct {
	text string
	at   int
}

// Read implements io.Reader.
func (r *repeater) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.text[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.text)
	}
	return n, nil
}

// https is the HTTP server at its worst: one server, and everything at once.
func (b *bench) http(t *testing.T) {
	v := b.scene(t, filled).serve()
	routes := v.routes()
	t.Run("requests", func(t *testing.T) {
		for _, r := range badRequests() {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				if r.path == "" {
					r.method, r.path = http.MethodPost, getPath
				}
				header := http.Header{"Content-Type": {"application/json"}}
				maps.Copy(header, r.header)
				body := io.Reader(strings.NewReader(r.body))
				if r.large != nil {
					body = r.large()
				}
				a := v.ask(r.method, r.path, body, header)
				if a.status == 0 && r.cut {
					return
				}
				a.problem(t, r.status, r.says...)
			})
		}
		for path, method := range routes {
			for _, other := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, "FROB"} {
				if other != method {
					t.Run(other+" "+path, func(t *testing.T) {
						t.Parallel()
						v.ask(other, path, nil, nil).problem(t, http.StatusMethodNotAllowed, method)
					})
				}
			}
		}
	})
	t.Run("connections", v.wire)
	v.wellServed()
	v.asBefore()
}

// routes gives the methods of all paths of the OpenAPI document, and checks that each is known here.
func (v *server) routes() map[string]string {
	v.t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	v.check(json.Unmarshal([]byte(v.ask(http.MethodGet, "/openapi.json", nil, nil).body), &document))
	known := map[string]string{
		getPath: http.MethodPost, "/healthz": http.MethodGet, "/readyz": http.MethodGet, "/openapi.json": http.MethodGet, "/metrics": http.MethodGet,
	}
	for path := range document.Paths {
		if known[path] == "" {
			v.t.Errorf("path %s of the OpenAPI document has no rows in the table of HTTP", path)
		}
	}
	if paths := slices.Sorted(maps.Keys(document.Paths)); len(paths) < 4 {
		v.t.Errorf("only %v in the OpenAPI document", paths)
	}
	return known
}

// wire is what no HTTP client would send.
func (v *server) wire(t *testing.T) {
	head := "POST " + getPath + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct {
		pieces []string
		want   string
	}{
		"nothing":                {nil, ""},
		"half a line":            {[]string{"POST /v1/fea"}, "400"},
		"no HTTP":                {[]string{"\x16\x03\x01\x00\xa5 hello\r\n\r\n"}, "400"},
		"half a body":            {[]string{head, "Content-Length: 100\r\n\r\n", `{"service":`}, "499"}, // the client is gone
		"a length of no number":  {[]string{head, "Content-Length: many\r\n\r\n"}, "400"},
		"two lengths":            {[]string{head, "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"}, "400"},
		"a broken chunk":         {[]string{head, "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"}, "400"},
		"a header of 2 MB":       {[]string{head, "X: ", strings.Repeat("y", 2<<20), "\r\n\r\n"}, "431"},
		"100,000 headers":        {[]string{head, strings.Repeat("X: y\r\n", 400_000), "\r\n"}, "431"},
		"a header of no form":    {[]string{head, "X\x00Y: z\r\n\r\n"}, "400"},
		"a huge path":            {[]string{"GET /", strings.Repeat("a", 100_000), " HTTP/1.1\r\nHost: x\r\n\r\n"}, "431"},
		"no host":                {[]string{"GET /healthz HTTP/1.1\r\n\r\n"}, "400"},
		"gRPC to the wrong door": {[]string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			line := v.raw(v.http, c.pieces...)
			if c.want != "" && !strings.Contains(line, " "+c.want) {
				t.Errorf("answered by %q, want %s", line, c.want)
			}
		})
	}
	t.Run("500 connections that say nothing", func(t *testing.T) {
		for range 500 {
			c, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", v.http)
			v.check(err)
			t.Cleanup(func() { _ = c.Close() }) // all of them stay open to the end
		}
		v.wellServed()
	})
}

// stores is a server whose store is at its worst: an answer in time, and whole again afterwards.
func (b *bench) stores(t *testing.T) {
	for name, set := range map[string]func(*testenv.TCPProxy){
		"refuses": (*testenv.TCPProxy).Refuse, "is silent": (*testenv.TCPProxy).Blackhole,
		"goes after 10 bytes": func(p *testenv.TCPProxy) { p.CutAfterReceived(10) },
	} {
		t.Run("a store that "+name, func(t *testing.T) {
			t.Parallel()
			s := b.scene(t, applied)
			proxy := withRedis(s, true)
			v := s.serve("--store-timeout", "300ms")
			set(proxy)
			for n := range 3 {
				a := v.post(getPath, fmt.Sprintf(`{"service":"churn_model","keys":{"customer":[%d]}}`, n+1))
				if a.status != http.StatusOK || strings.Count(a.body, "UNAVAILABLE") == 0 || strings.Contains(a.body, "NOT_FOUND") || strings.Contains(a.body, "PRESENT") {
					t.Errorf("answered by %d: %s", a.status, a.body)
				}
				result{out: a.body}.sound(t, 0)
			}
			proxy.Pass()
			v.heals()
			v.asBefore()
		})
	}
}

// heals waits until the server serves again.
func (v *server) heals() {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), patience)
	defer cancel()
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for {
		a := v.post(getPath, `{"service":"churn_model","keys":{"customer":[1]}}`)
		if a.status == http.StatusOK && strings.Count(a.body, "PRESENT") == 2 {
			return
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			v.t.Errorf("it does not serve again: %d: %s", a.status, a.body)
			return
		}
	}
}

package rpc_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
)

type webServer struct {
	address string
	layer   *rpc.Layer
	stop    context.CancelFunc
	ended   chan error
}

func (s *webServer) url() string { return "http://" + s.address + "/" }

// startHTTP serves one handler for all paths.
func startHTTP(t *testing.T, opts rpc.Options, handle func(http.ResponseWriter, *http.Request) error) *webServer {
	t.Helper()
	layer, _ := newLayer(t, opts, quiet())
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &webServer{address: listener.Addr().String(), layer: layer, stop: stop, ended: make(chan error, 1)}
	server := rpc.NewHTTPServer(layer, quiet(), layer.HTTP("m", false, handle))
	ready := make(chan struct{})
	close(ready)
	go func() { s.ended <- server.Serve(ctx, listener, ready) }()
	t.Cleanup(stop)
	return s
}

func (s *webServer) wait(t *testing.T) {
	t.Helper()
	s.stop()
	if err := <-s.ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}

// client has connections of its own.
func client(t *testing.T) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// post gives status, body and whether the server says that the connection ends.
func post(c *http.Client, url, body string) (int, string, bool, error) {
	resp, err := c.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return 0, "", false, err
	}
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(text), resp.Close, errors.Join(err, resp.Body.Close())
}

type fieldError struct{}

func (fieldError) Error() string             { return "keys.origin[3]: wrong <b>" }
func (fieldError) Unwrap() error             { return feature.ErrInvalid }
func (fieldError) Problem() (string, string) { return "keys.origin[3]", "wrong <b>" }

func TestErrorsAreProblems(t *testing.T) {
	layer, reg := newLayer(t, rpc.Options{}, quiet())
	for _, c := range []struct {
		err    error
		status int
		want   string
	}{
		{fieldError{}, 400, `"title":"Bad Request","status":400,"code":"INVALID_ARGUMENT","detail":"keys.origin[3]: wrong <b>","instance":"a%2Fb","errors":[{"field":"keys.origin[3]","message":"wrong <b>"}]}`},
		{fmt.Errorf("x: %w", feature.ErrUnavailable), 503, `"title":"Service Unavailable","status":503,"code":"UNAVAILABLE","detail":"x","instance":"a%2Fb"}`},
		{context.Canceled, 499, `"title":"Client Closed Request","status":499,"code":"CANCELED","detail":"context canceled","instance":"a%2Fb"}`},
		{fmt.Errorf("no service is named: invalid: %w", feature.ErrNotFound), 404, `"title":"Not Found","status":404,"code":"NOT_FOUND","detail":"no service is named: invalid","instance":"a%2Fb"}`},
		{fmt.Errorf("7 calls: %w", rpc.ErrOverloaded), 503, `"title":"Service Unavailable","status":503,"code":"RESOURCE_EXHAUSTED","detail":"7 calls","instance":"a%2Fb"}`},
		{rpc.NotFound("a"), 404, `"title":"Not Found","status":404,"code":"NOT_FOUND","detail":"there is nothing at this path: there are a","instance":"a%2Fb"}`},
		{errors.New("password"), 500, `"title":"Internal Server Error","status":500,"code":"INTERNAL","detail":"internal error; the server's log tells more under request id a/b","instance":"a%2Fb"}`},
		{nil, 200, ""},
	} {
		handler := layer.HTTP("m", false, func(http.ResponseWriter, *http.Request) error { return c.err })
		r := httptest.NewRequest(http.MethodPost, "/", http.NoBody)
		r.Header.Set("X-Request-Id", "a/b")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		want := c.want
		if want != "" {
			want = `{"type":"about:blank",` + want + "\n"
		}
		if w.Code != c.status || w.Body.String() != want || w.Header().Get("X-Request-Id") != "a/b" || (w.Header().Get("Retry-After") != "") != (c.status == 503) {
			t.Errorf("%v: %d %v %s", c.err, w.Code, w.Header(), w.Body)
		}
	}
	families, err := reg.Gather()
	if err != nil || len(families) == 0 {
		t.Fatal(err)
	}
}

func TestAPanicIsAProblemOrCutsTheConnection(t *testing.T) {
	begun := false
	s := startHTTP(t, rpc.Options{}, func(w http.ResponseWriter, _ *http.Request) error {
		if begun {
			_, _ = io.WriteString(w, strings.Repeat("half", 10_000))
		}
		panic("here")
	})
	c := client(t)
	status, body, _, err := post(c, s.url(), "")
	if err != nil || status != http.StatusInternalServerError || !json.Valid([]byte(body)) || strings.Contains(body, "here") {
		t.Errorf("%d %s %v", status, body, err)
	}
	begun = true
	if status, body, _, err := post(c, s.url(), ""); err == nil {
		t.Errorf("half an answer looked whole: %d, %d bytes", status, len(body))
	}
	s.wait(t)
}

func TestADrainOverHTTPTellsEachConnectionAndWaitsForRequests(t *testing.T) {
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	s := startHTTP(t, rpc.Options{DrainTimeout: time.Hour}, func(w http.ResponseWriter, r *http.Request) error {
		body, err := rpc.ReadBody(w, r, nil)
		if err != nil {
			return err
		}
		if string(body) == "wait" {
			entered <- struct{}{}
			<-leave
		}
		_, err = w.Write(body)
		return err
	})
	idle, busy := client(t), client(t)
	if _, _, last, err := post(idle, s.url(), "a"); err != nil || last {
		t.Fatalf("%v %v", last, err)
	}
	type result struct {
		body string
		last bool
		err  error
	}
	answered := make(chan result)
	go func() {
		_, body, last, err := post(busy, s.url(), "wait")
		answered <- result{body, last, err}
	}()
	<-entered
	s.stop()
	// A kept connection goes on working until it is told that it ends.
	for last := false; !last; {
		status, body, is, err := post(idle, s.url(), "b")
		if err != nil || status != http.StatusOK || body != "b" {
			t.Fatalf("%d %q %v", status, body, err)
		}
		last = is
	}
	if !s.layer.Draining() {
		t.Error("the layer does not know of the drain")
	}
	select {
	case err := <-s.ended:
		t.Fatalf("the server ended during a request: %v", err)
	default:
	}
	close(leave)
	if got := <-answered; got.err != nil || got.body != "wait" || got.last {
		t.Errorf("the request under way: %+v", got)
	}
	s.wait(t)
	if _, _, _, err := post(idle, s.url(), "c"); err == nil {
		t.Error("a request was answered behind the end")
	}
}

// Clients that send one request after another over connections that they keep
// lose none: each is told to go elsewhere before its connection ends.
func TestADrainLosesNoRequest(t *testing.T) {
	s := startHTTP(t, rpc.Options{DrainTimeout: 10 * time.Second}, func(w http.ResponseWriter, r *http.Request) error {
		_, err := w.Write([]byte("x"))
		return err
	})
	var group sync.WaitGroup
	var warm sync.WaitGroup
	warm.Add(8)
	for range 8 {
		c := client(t)
		group.Go(func() {
			for n := 0; ; n++ {
				status, body, last, err := post(c, s.url(), "a")
				if n == 20 {
					warm.Done()
				}
				if err != nil || status != 200 || body != "x" {
					t.Errorf("request %d: %d %q %v", n, status, body, err)
					return
				}
				if last { // a client that goes elsewhere when it is told to
					return
				}
			}
		})
	}
	warm.Wait()
	s.wait(t)
	group.Wait()
}

func TestADrainOverHTTPEndsAfterItsTimeout(t *testing.T) {
	entered := make(chan struct{})
	s := startHTTP(t, rpc.Options{DrainTimeout: 4 * time.Millisecond}, func(_ http.ResponseWriter, r *http.Request) error {
		close(entered)
		<-r.Context().Done() // a request that ends only when it is cut off
		return r.Context().Err()
	})
	called := make(chan error)
	c := client(t)
	go func() {
		_, _, _, err := post(c, s.url(), "")
		called <- err
	}()
	<-entered
	s.stop()
	if err := <-called; err == nil {
		t.Error("the request was answered")
	}
	if err := <-s.ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestBodiesThatAreSlowBrokenOrTooLong(t *testing.T) {
	s := startHTTP(t, rpc.Options{MaxMessageBytes: 10}, func(w http.ResponseWriter, r *http.Request) error {
		body, err := rpc.ReadBody(w, r, make([]byte, 0, 4))
		if err != nil {
			return err
		}
		_, err = w.Write(body)
		return err
	})
	for _, c := range []struct {
		name, head, body string
		status           int
		says             string
	}{
		{"as long as may be", "Content-Length: 10\r\n", "0123456789", 200, "0123456789"},
		{"too long", "Content-Length: 11\r\n", "0123456789a", 413, "longer than 10 bytes"},
		{"too long, in chunks", "Transfer-Encoding: chunked\r\n", "b\r\n0123456789a\r\n0\r\n\r\n", 413, "longer than 10 bytes"},
		{"slow", "Content-Length: 10\r\nX-Timeout-Ms: 20\r\n", "01", 504, "did not arrive in time"},
		{"broken chunks", "Transfer-Encoding: chunked\r\n", "zz\r\n", 400, "broken"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", s.address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\n%s\r\n%s", c.head, c.body); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			text, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != c.status || !strings.Contains(string(text), c.says) {
				t.Errorf("%d %s %v; want %d %q", resp.StatusCode, text, err, c.status, c.says)
			}
		})
	}
	s.wait(t)
}

func TestAListenerThatFailsEndsTheServer(t *testing.T) {
	layer, _ := newLayer(t, rpc.Options{}, slog.New(slog.DiscardHandler))
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	if err := rpc.NewHTTPServer(layer, quiet(), http.NotFoundHandler()).Serve(t.Context(), listener, make(chan struct{})); err == nil {
		t.Error("no error")
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/stats"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// load is clients that ask one server for as long as it takes requests.
type load struct {
	server   *serverProcess
	stop     atomic.Bool   // for clients that stop when the server is no longer ready
	warm     chan struct{} // closed when much was answered, or something lost
	once     sync.Once
	answered atomic.Int64
	mu       sync.Mutex
	lost     []string // requests that failed after they were sent
	clients  sync.WaitGroup
}

func (l *load) lose(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = append(l.lost, fmt.Sprintf(format, args...))
	l.once.Do(func() { close(l.warm) })
}

func (l *load) answer() {
	if l.answered.Add(1) >= 300 {
		l.once.Do(func() { close(l.warm) })
	}
}

func (l *load) failures() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lost, "\n")
}

// overHTTP asks until the server can't be reached or, where every request has a
// connection of its own, until the server is not ready: a client that opens
// connections while the server closes its address could lose one that the kernel
// has taken and the server not yet. The drain delay is there so that none does.
func (l *load) overHTTP(keepAlive bool) {
	transport := &http.Transport{DisableKeepAlives: !keepAlive}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for keepAlive || !l.stop.Load() {
		sent := false
		ctx := httptrace.WithClientTrace(context.Background(), &httptrace.ClientTrace{
			WroteHeaders: func() { sent = true },
		})
		body := strings.NewReader(`{"service":"churn_model","keys":{"customer":[1,4]}}`)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.server.http+"/v1/features:get", body)
		if err != nil {
			l.lose("%v", err)
			return
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := client.Do(request)
		switch {
		case err != nil && !sent:
			return // nobody listens any more
		case err != nil:
			l.lose("http, keep-alive %v: %v", keepAlive, err)
			return
		}
		text, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(text), "PRESENT") {
			l.lose("http, keep-alive %v: %d %s %v", keepAlive, response.StatusCode, text, err)
			return
		}
		l.answer()
	}
}

// sentCalls notes for calls over gRPC whether they were sent.
type sentCalls struct{}

type sentKey struct{}

func (sentCalls) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context   { return ctx }
func (sentCalls) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (sentCalls) HandleConn(context.Context, stats.ConnStats)                       {}
func (sentCalls) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if _, ok := s.(*stats.OutPayload); ok {
		ctx.Value(sentKey{}).(*atomic.Bool).Store(true)
	}
}

// overGRPC asks until the server can't be reached.
func (l *load) overGRPC() {
	conn, err := grpc.NewClient("passthrough:"+l.server.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithStatsHandler(sentCalls{}))
	if err != nil {
		l.lose("%v", err)
		return
	}
	defer func() { _ = conn.Close() }()
	client := quiverv1.NewServingServiceClient(conn)
	request := &quiverv1.GetOnlineFeaturesRequest{Service: "churn_model", Keys: map[string]*quiverv1.Values{"customer": {Int64S: []int64{1, 4}}}}
	for {
		sent := &atomic.Bool{}
		r, err := client.GetOnlineFeatures(context.WithValue(context.Background(), sentKey{}, sent), request)
		switch {
		case err != nil && !sent.Load():
			return
		case err != nil:
			l.lose("grpc: %v", err)
			return
		case r.GetRows() != 2:
			l.lose("grpc: %v", r)
			return
		}
		l.answer()
	}
}

// heed stops the clients that heed readiness when it ends, as a load balancer does.
func (l *load) heed() {
	defer l.stop.Store(true)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	looks := time.NewTicker(10 * time.Millisecond) // as often as leaves the processor to the others
	defer looks.Stop()
	for ; ; <-looks.C {
		r, err := client.Get("http://" + l.server.http + "/readyz")
		if err != nil {
			return
		}
		_ = r.Body.Close()
		if r.StatusCode != http.StatusOK {
			return
		}
	}
}

func TestADrainLosesNoRequest(t *testing.T) {
	dir := newProject(t)
	must(t, "-C", dir, "materialize")
	for round := range 4 {
		l := &load{warm: make(chan struct{}), server: startProcess(t, dir, nil, "--drain-delay", "200ms")}
		l.server.shows("msg=ready grpc=")
		l.server.shows("msg=ready http=")
		for range 3 {
			l.clients.Go(l.overGRPC)
			l.clients.Go(func() { l.overHTTP(true) })
			l.clients.Go(func() { l.overHTTP(false) })
		}
		l.clients.Go(l.heed)
		<-l.warm
		before := l.answered.Load()
		l.server.stop()
		l.clients.Wait()
		if lost := l.failures(); lost != "" {
			t.Errorf("round %d: %d requests answered, and lost:\n%s", round, l.answered.Load(), lost)
		}
		if l.answered.Load() == before {
			t.Errorf("round %d: no request was answered during the drain", round)
		}
		t.Logf("%d answered, %d of them after SIGTERM", l.answered.Load(), l.answered.Load()-before)
	}
}

func TestASecondSignalEndsTheServerAtOnce(t *testing.T) {
	s := startProcess(t, newProject(t), nil, "--drain-delay", "1h")
	s.shows("msg=ready")
	s.signal(syscall.SIGTERM)
	s.shows("msg=stopping")
	if code, text := s.get("/readyz"); code != http.StatusServiceUnavailable {
		t.Errorf("ready during the drain: %d %s", code, text)
	}
	if code, text := s.get("/healthz"); code != http.StatusOK {
		t.Errorf("not alive during the drain: %d %s", code, text)
	}
	do(t.Context(), "health", "--server", s.grpc).refused(t, exitFailed, "is not ready: NOT_SERVING")
	s.signal(syscall.SIGTERM)
	<-s.ended
	if status, ok := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("ended with %v", s.err)
	}
	if s.err == nil || errors.Is(s.err, context.Canceled) {
		t.Errorf("ended with %v", s.err)
	}
}

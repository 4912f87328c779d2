package rpc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of an HTTP connection, beside those of the layer.
const (
	headerTimeout  = 5 * time.Second // for the head of a request
	idleTimeout    = 2 * time.Minute // between two requests
	maxHeaderBytes = 64 << 10
	spareTime      = 30 * time.Second // for reading and writing, beyond what a call may take
	maxGoodbye     = time.Second      // for telling clients that their connections end
)

// HTTPServer is an HTTP/1.1 server behind a Layer.
type HTTPServer struct {
	layer  *Layer
	log    *slog.Logger
	server *http.Server
	ending atomic.Bool // no new connections are taken

	mu      sync.Mutex
	open    int             // connections
	waiting []chan struct{} // closed when none is open
}

// NewHTTPServer makes a server of a handler whose routes are made by Layer.HTTP.
func NewHTTPServer(layer *Layer, log *slog.Logger, handler http.Handler) *HTTPServer {
	s := &HTTPServer{layer: layer, log: log}
	longest := max(layer.opts.DefaultTimeout, maxTimeout) + spareTime
	s.server = &http.Server{
		Handler:           s.closing(handler),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: longest, WriteTimeout: longest, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what clients do wrong below HTTP
		ConnState:      s.count,
	}
	return s
}

// closing says, once no new connections are taken, that this one ends behind the
// answer, so that no client sends another request into it. Said earlier, it would
// have clients open connections just when the address is closed.
func (s *HTTPServer) closing(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.ending.Load() {
			w.Header().Set("Connection", "close")
		}
		next.ServeHTTP(w, r)
	})
}

func (s *HTTPServer) count(_ net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.open++
	case http.StateClosed, http.StateHijacked:
		s.open--
	default:
		return
	}
	if s.open == 0 {
		for _, w := range s.waiting {
			close(w)
		}
		s.waiting = nil
	}
}

// allClosed gives a channel that is closed as soon as no connection is open.
func (s *HTTPServer) allClosed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	closed := make(chan struct{})
	if s.open == 0 {
		close(closed)
	} else {
		s.waiting = append(s.waiting, closed)
	}
	return closed
}

// Serve answers requests on the listener, which it closes, until ctx ends. Then
// the layer is draining, and no more connections are taken. Those that are open
// go on for up to a second, in which each is told to end behind its next answer;
// then idle ones are closed, and requests under way may go on for the rest of the
// drain timeout. What is left is cut off. When Serve returns no goroutine of the
// server is left, unless a handler ignores its context. A server serves once.
// ready is for the log: what can't be answered yet is refused by the handler.
func (s *HTTPServer) Serve(ctx context.Context, listener net.Listener, ready <-chan struct{}) error {
	calls, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	s.server.BaseContext = func(net.Listener) context.Context { return calls }
	stopped := make(chan struct{})
	watcher := make(chan struct{})
	go func() {
		defer close(watcher)
		select {
		case <-ready:
			s.log.InfoContext(ctx, "ready", slog.String("http", listener.Addr().String()))
			select {
			case <-ctx.Done():
				s.shutdown(listener, stopped, cut)
			case <-stopped:
			}
		case <-ctx.Done():
			s.shutdown(listener, stopped, cut)
		case <-stopped:
		}
	}()
	err := s.server.Serve(listener)
	close(stopped)
	<-watcher
	cut()
	_ = s.server.Close() // connections outlive a listener that failed
	<-s.allClosed()
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("rpc: serve HTTP on %s: %w", listener.Addr(), err)
	}
	return nil
}

// shutdown takes no more connections, lets requests end, and cuts off what does
// not. accepting is closed when every connection that was taken is counted.
func (s *HTTPServer) shutdown(listener net.Listener, accepting <-chan struct{}, cut context.CancelFunc) {
	limit := s.layer.opts.DrainTimeout
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	s.layer.Drain()
	_ = listener.Close()
	<-accepting
	s.ending.Store(true)
	s.goodbye(ctx, min(maxGoodbye, limit/4))
	err := s.server.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("requests did not end within the drain timeout and are cut off", slog.Duration("timeout", limit))
		cut()
		_ = s.server.Close()
	}
}

// goodbye waits until no connection is open, but not for long.
func (s *HTTPServer) goodbye(ctx context.Context, limit time.Duration) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.allClosed():
	case <-timer.C:
	case <-ctx.Done():
	}
}

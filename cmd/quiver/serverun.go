package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
)

// servers are the parts that run together in one process.
type servers struct {
	config      *serveConfig
	certificate *tls.Config // nil: no TLS
	log         *slog.Logger
	handler     *serving.Handler
	grpc        *rpc.Server
	http        *rpc.HTTPServer
	probes      http.Handler       // of the address for metrics
	notify      func(state string) // tells systemd
}

// run runs until ctx ends or one part fails. The order of the end:
//
//  1. readiness is taken back, and clients have the drain delay to notice;
//     everything is still answered;
//  2. both servers take no more calls and finish those under way;
//  3. the watcher, which has kept the definitions fresh until then, and the
//     metrics, which have shown all of it, stop.
func (s *servers) run(ctx context.Context) error {
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	calls, stopCalls := context.WithCancel(context.WithoutCancel(ctx))
	defer stopCalls()
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()

	var back errgroup.Group
	back.Go(func() error { return s.handler.Run(behind) })
	if l.metrics != nil {
		back.Go(func() error {
			defer stopCalls()
			return s.serveProbes(behind, l.metrics)
		})
	}
	front, failed := errgroup.WithContext(calls)
	front.Go(func() error { return s.grpc.Serve(failed, l.grpc, s.handler.Ready()) })
	if l.http != nil {
		front.Go(func() error { return s.http.Serve(failed, l.http, s.handler.Ready()) })
	}
	front.Go(func() error {
		s.watch(ctx, failed)
		stopCalls()
		return nil
	})
	err = front.Wait()
	stopBehind()
	err = errors.Join(err, back.Wait())
	s.log.Info("stopped")
	return err
}

// watch tells systemd how far the server is, and returns when calls are to end:
// the drain delay after ctx has ended, or at once where a part has failed.
func (s *servers) watch(ctx, failed context.Context) {
	ready := s.handler.Ready()
	for stopping := false; !stopping; {
		select {
		case <-ready:
			s.notify("READY=1")
			ready = nil
		case <-ctx.Done():
			stopping = true
		case <-failed.Done():
			return
		}
	}
	s.grpc.Drain()
	s.log.Info("stopping", slog.Duration("drain_delay", s.config.drainDelay), slog.Duration("drain_timeout", s.config.limits.DrainTimeout))
	s.notify("STOPPING=1")
	delay := time.NewTimer(s.config.drainDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-failed.Done():
	}
}

// listeners are the open addresses; http and metrics may be nil.
type listeners struct{ grpc, http, metrics net.Listener }

func (s *servers) listen(ctx context.Context) (l listeners, err error) {
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.grpc, err = s.open(ctx, "grpc", s.config.grpc); err != nil {
		return l, err
	}
	if s.config.http != "" {
		if l.http, err = s.open(ctx, "http", s.config.http); err != nil {
			return l, err
		}
		if s.certificate != nil {
			l.http = tls.NewListener(l.http, s.certificate)
		}
	}
	if s.config.metrics != "" {
		l.metrics, err = s.open(ctx, "metrics", s.config.metrics)
	}
	return l, err
}

func (l listeners) close() {
	for _, one := range []net.Listener{l.grpc, l.http, l.metrics} {
		if one != nil {
			_ = one.Close()
		}
	}
}

func (s *servers) open(ctx context.Context, name, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		hint := "is the address right?"
		if errors.Is(err, syscall.EADDRINUSE) {
			hint = "is another server running?"
		}
		return nil, fmt.Errorf("can't listen on %s for %s (%s): %w", address, name, hint, err)
	}
	s.log.Info("listening", slog.String(name, l.Addr().String()))
	if tcp, ok := l.Addr().(*net.TCPAddr); ok && !tcp.IP.IsLoopback() && s.certificate == nil && name != "metrics" {
		s.log.Warn("whoever reaches this address can read features: it is open beyond this machine, without TLS or authentication",
			slog.String("address", l.Addr().String()))
	}
	return l, nil
}

// serveProbes serves metrics and health until ctx ends.
func (s *servers) serveProbes(ctx context.Context, l net.Listener) error {
	server := &http.Server{
		Handler:           s.probes,
		ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // what clients do wrong below HTTP
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		if err := server.Shutdown(closing); err != nil {
			_ = server.Close()
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-stopped
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	return nil
}

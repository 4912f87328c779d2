package rpc

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

// Server is a gRPC server behind a Layer, with health and reflection.
type Server struct {
	layer  *Layer
	log    *slog.Logger
	grpc   *grpc.Server
	health *health.Server
	drain  chan struct{} // closed when the drain begins
	once   sync.Once
}

// NewServer makes a server; extra options (credentials) go to gRPC. Services are
// registered with GRPC before Serve is called.
func NewServer(layer *Layer, log *slog.Logger, extra ...grpc.ServerOption) *Server {
	s := &Server{layer: layer, log: log, health: health.NewServer(), drain: make(chan struct{})}
	s.health.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	s.grpc = grpc.NewServer(append([]grpc.ServerOption{
		grpc.UnaryInterceptor(layer.Unary()),
		grpc.StreamInterceptor(layer.Stream(s.drain)),
		grpc.MaxRecvMsgSize(layer.opts.MaxMessageBytes),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.WaitForHandlers(true),
	}, extra...)...)
	healthpb.RegisterHealthServer(s.grpc, s.health)
	return s
}

// GRPC is where services are registered.
func (s *Server) GRPC() grpc.ServiceRegistrar { return s.grpc }

// Serve answers calls on the listener, which it closes, until ctx ends. Health
// says NOT_SERVING until ready is closed, and again from the moment ctx ends.
// Then calls under way may go on for the drain timeout; what is left is cut off.
// When Serve returns no goroutine of the server is left. A server serves once.
func (s *Server) Serve(ctx context.Context, listener net.Listener, ready <-chan struct{}) error {
	reflection.Register(s.grpc)
	s.setHealth(healthpb.HealthCheckResponse_NOT_SERVING)
	stopped := make(chan struct{})
	watcher := make(chan struct{})
	go func() {
		defer close(watcher)
		select {
		case <-ready:
			s.setHealth(healthpb.HealthCheckResponse_SERVING)
			s.log.InfoContext(ctx, "ready", slog.String("grpc", listener.Addr().String()))
			select {
			case <-ctx.Done():
				s.shutdown()
			case <-stopped:
			}
		case <-ctx.Done():
			s.shutdown()
		case <-stopped:
		}
	}()
	err := s.grpc.Serve(listener)
	close(stopped)
	<-watcher
	s.grpc.Stop() // connections outlive a listener that failed
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("rpc: serve gRPC on %s: %w", listener.Addr(), err)
	}
	return nil
}

func (s *Server) setHealth(status healthpb.HealthCheckResponse_ServingStatus) {
	s.health.SetServingStatus("", status)
	for name := range s.grpc.GetServiceInfo() {
		s.health.SetServingStatus(name, status)
	}
}

// Drain has health say NOT_SERVING from now on, so that clients go elsewhere;
// calls are answered as before, until the context of Serve ends.
func (s *Server) Drain() {
	s.layer.Drain()
	s.health.Shutdown()
}

// shutdown tells health watchers, lets calls end, and cuts off what does not.
func (s *Server) shutdown() {
	s.Drain()
	s.once.Do(func() { close(s.drain) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.grpc.GracefulStop()
	}()
	timer := time.NewTimer(s.layer.opts.DrainTimeout)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C:
		s.log.Warn("calls did not end within the drain timeout and are cut off", slog.Duration("timeout", s.layer.opts.DrainTimeout))
		s.grpc.Stop()
		<-done
	}
}

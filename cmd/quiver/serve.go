package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
)

type serveFlags struct {
	grpc, metrics string
	limits        rpc.Options
	serving       serving.Options
	verbose       bool
}

func (a *app) serveCommand() *cobra.Command {
	var f serveFlags
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve online features over gRPC",
		Long: `Serves quiver.v1.ServingService over gRPC, with health and reflection, and metrics
for Prometheus over HTTP, until it is told to stop (Ctrl-C, SIGTERM); calls under
way are finished first. What is applied, promoted and materialized meanwhile is
picked up within a second.`,
		Example: `  quiver serve
  quiver serve --grpc 0.0.0.0:7070 --metrics 0.0.0.0:7071`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.check(); err != nil {
				return err
			}
			return a.serve(c.Context(), f)
		},
	}
	c.Flags().StringVar(&f.grpc, "grpc", "127.0.0.1:7070", "address for gRPC")
	c.Flags().StringVar(&f.metrics, "metrics", "127.0.0.1:7071", "address for metrics over HTTP; empty: none")
	c.Flags().IntVar(&f.limits.MaxInFlight, "max-in-flight", 1024, "calls at once; more are turned away")
	c.Flags().IntVar(&f.limits.MaxMessageBytes, "max-request-bytes", 4<<20, "size of a request")
	c.Flags().DurationVar(&f.limits.DefaultTimeout, "default-timeout", 5*time.Second, "for calls whose client gives no deadline")
	c.Flags().DurationVar(&f.limits.DrainTimeout, "drain-timeout", 10*time.Second, "for calls under way when the server stops")
	c.Flags().IntVar(&f.serving.MaxRows, "max-rows", 10_000, "entities in one request")
	c.Flags().DurationVar(&f.serving.StoreTimeout, "store-timeout", time.Second, "for one read of the online store")
	c.Flags().BoolVar(&f.verbose, "verbose", false, "log every request")
	return c
}

func (f *serveFlags) check() error {
	for _, limit := range []struct {
		flag  string
		value int64
	}{
		{"max-in-flight", int64(f.limits.MaxInFlight)},
		{"max-request-bytes", int64(f.limits.MaxMessageBytes)},
		{"max-rows", int64(f.serving.MaxRows)},
		{"default-timeout", int64(f.limits.DefaultTimeout)},
		{"drain-timeout", int64(f.limits.DrainTimeout)},
		{"store-timeout", int64(f.serving.StoreTimeout)},
	} {
		if limit.value <= 0 {
			return usagef("--%s: expected more than zero", limit.flag)
		}
	}
	if err := checkAddress("grpc", f.grpc); err != nil {
		return err
	}
	if f.metrics != "" {
		return checkAddress("metrics", f.metrics)
	}
	return nil
}

func checkAddress(flag, address string) error {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return usagef("--%s %q is no address: expected host:port, for example 127.0.0.1:7070", flag, address)
	}
	return nil
}

func (a *app) serve(ctx context.Context, f serveFlags) error {
	return a.withSnapshot(ctx, func(p *project, store registry.Store, s *registry.Snapshot) error {
		values, err := p.openOnline(ctx, s.Identity().ID)
		if err != nil {
			return err
		}
		defer func() { _ = values.Close() }()
		a.warn(ctx, values)

		level := slog.LevelInfo
		if f.verbose {
			level = slog.LevelDebug
		}
		log := slog.New(slog.NewTextHandler(a.env.err, &slog.HandlerOptions{Level: level}))
		metrics := prometheus.NewRegistry()
		metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

		f.serving.Clock, f.serving.Log, f.serving.Registerer = p.clock, log, metrics
		handler, err := serving.New(catalog{store}, values, f.serving)
		if err != nil {
			return usagef("%w", err)
		}
		layer, err := rpc.New(f.limits, log, metrics)
		if err != nil {
			return usagef("%w", err)
		}
		server := rpc.NewServer(layer, log)
		serving.Register(server.GRPC(), handler)
		told := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(told)
			log.Info("stopping", "drain_timeout", f.limits.DrainTimeout)
		})
		err = a.runServers(ctx, f, handler, server, metrics)
		if !stop() {
			<-told
		}
		log.Info("stopped")
		return err
	})
}

// runServers runs until ctx ends or one part fails. The order of the end: the
// gRPC server drains first, while the watcher still keeps its snapshot fresh; then
// the watcher and the metrics, which show the drain, stop.
func (a *app) runServers(ctx context.Context, f serveFlags, handler *serving.Handler, server *rpc.Server, metrics *prometheus.Registry) error {
	listener, err := listen(ctx, f.grpc)
	if err != nil {
		return err
	}
	behind, stopBehind := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBehind()
	group, serving := errgroup.WithContext(ctx)
	group.Go(func() error { return handler.Run(behind) })
	if f.metrics != "" {
		side, err := listen(ctx, f.metrics)
		if err != nil {
			_ = listener.Close()
			stopBehind()
			return errors.Join(err, group.Wait())
		}
		a.note("metrics on http://%s/metrics", side.Addr())
		group.Go(func() error { return serveMetrics(behind, side, handler, metrics) })
	}
	a.note("gRPC on %s", listener.Addr())
	group.Go(func() error {
		defer stopBehind()
		return server.Serve(serving, listener, handler.Ready())
	})
	return group.Wait()
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("can't listen on %s (is another server running?): %w", address, err)
	}
	return l, nil
}

func serveMetrics(ctx context.Context, l net.Listener, handler *serving.Handler, metrics *prometheus.Registry) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		select {
		case <-handler.Ready():
			w.WriteHeader(http.StatusOK)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
		defer cancel()
		_ = server.Shutdown(closing)
	}()
	err := server.Serve(l)
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("metrics: %w", err)
	}
	<-stopped
	return nil
}

package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/online/serving/httpapi"
	"github.com/quiver-features/quiver/registry/definition"
)

func (a *app) serveCommand() *cobra.Command {
	config := newServeConfig()
	var show bool
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve online features over gRPC and HTTP",
		Long: `Serves features over gRPC (quiver.v1.ServingService, with health and reflection)
and HTTP (POST /v1/features:get, /healthz, /readyz, /metrics) until it is told to
stop (Ctrl-C, SIGTERM). Then it says that it is no longer ready, takes calls for
the drain delay, and finishes those under way. What is applied, promoted and
materialized meanwhile is picked up within a second.

Every setting can stand in a file (--config; max_rows: 100), in the environment
(QUIVER_SERVE_MAX_ROWS=100) or in a flag (--max-rows 100). A flag goes before the
environment, that before the file.

While the registry is down a server starts from the snapshot that one here wrote
before.`,
		Example: `  quiver serve
  quiver serve --config serve.yaml --log-level debug
  quiver serve --grpc 0.0.0.0:7070 --http 0.0.0.0:7071 --tls-cert server.pem --tls-key server.key
  quiver serve --print-config`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := config.resolve(a.env.getenv, a.env.variables); err != nil {
				return err
			}
			a.clockTold = !show // a server tells it in its log
			p, err := a.project()
			if err != nil {
				return err
			}
			config.place(p)
			if show {
				return a.printConfig(p, config)
			}
			return a.serve(c.Context(), p, config)
		},
	}
	config.addFlags(c.Flags())
	c.Flags().BoolVar(&show, "print-config", false, "print every setting with its value and where it is from, and stop")
	return c
}

// place gives the snapshot of a project that names no other file its default
// place: in the project's folder, one for each environment.
func (c *serveConfig) place(p *project) {
	for _, s := range c.settings {
		if s.name != "snapshot" || s.from != fromDefault {
			continue
		}
		name := "serve.snapshot"
		if p.Environment != "" {
			name = "serve-" + p.Environment + ".snapshot"
		}
		s.value = filepath.Join(p.Folder, ".quiver", name)
		c.snapshot = s.value
	}
}

// logger makes the log in the format that was asked for.
func (c *serveConfig) logger(a *app) *slog.Logger {
	options := &slog.HandlerOptions{Level: c.logLevel, ReplaceAttr: readableSpan}
	if c.logFormat == "text" || c.logFormat == "" && terminal(a.env.err) {
		return slog.New(slog.NewTextHandler(a.env.err, options))
	}
	return slog.New(slog.NewJSONHandler(a.env.err, options))
}

// readableSpan writes spans of time as text, 1.001s, in every format alike.
func readableSpan(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() != slog.KindDuration {
		return a
	}
	span, unit := a.Value.Duration(), time.Duration(1)
	switch {
	case span >= time.Second:
		unit = time.Millisecond
	case span >= time.Millisecond:
		unit = time.Microsecond
	}
	return slog.String(a.Key, span.Round(unit).String())
}

// certificate loads what clients are shown; nil: no TLS.
func (c *serveConfig) certificate() (*tls.Config, error) {
	if c.tlsCert == "" {
		return nil, nil //nolint:nilnil // none is asked for
	}
	pair, err := tls.LoadX509KeyPair(c.tlsCert, c.tlsKey)
	if err != nil {
		return nil, fmt.Errorf("TLS with tls_cert %s and tls_key %s: %w: %w", c.tlsCert, c.tlsKey, err, feature.ErrInvalid)
	}
	return &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}, nil
}

// serve puts the server together and runs it.
func (a *app) serve(ctx context.Context, p *project, c *serveConfig) error {
	certificate, err := c.certificate()
	if err != nil {
		return err
	}
	log := c.logger(a)
	if p.Now != nil {
		log.Info("the clock is frozen by now in "+definition.ProjectFile, slog.String("now", p.Now.String()))
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	definitions, err := p.openServed(ctx, c, log, metrics)
	if err != nil {
		return err
	}
	defer definitions.close()
	values, err := p.reachOnline(ctx, definitions.identity.ID)
	if err != nil {
		return err
	}
	defer func() { _ = values.Close() }()
	logWarnings(ctx, log, values)

	c.serving.Clock, c.serving.Log, c.serving.Registerer = p.clock, log, metrics
	c.serving.RefreshTimeout = c.registryTimeout
	handler, err := serving.New(definitions, values, c.serving)
	if err != nil {
		return usagef("%w", err)
	}
	layer, err := rpc.New(c.limits, log, metrics)
	if err != nil {
		return usagef("%w", err)
	}
	s := &servers{config: c, certificate: certificate, log: log, handler: handler, notify: notifier(a.env.getenv, log)}
	s.grpc = rpc.NewServer(layer, log, s.credentials()...)
	serving.Register(s.grpc.GRPC(), handler)
	options := httpapi.Options{Version: version, Metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})}
	s.probes = httpapi.Probes(handler, layer, options)
	if c.metrics != "" {
		options.Metrics = nil
	}
	s.http = rpc.NewHTTPServer(layer, log, httpapi.New(handler, layer, options))
	return s.run(ctx)
}

func (s *servers) credentials() []grpc.ServerOption {
	if s.certificate == nil {
		return nil
	}
	return []grpc.ServerOption{grpc.Creds(credentials.NewTLS(s.certificate))}
}

func logWarnings(ctx context.Context, log *slog.Logger, store online.Store) {
	w, ok := store.(warner)
	if !ok {
		return
	}
	texts, err := w.Warnings(ctx)
	if err != nil {
		log.Warn("the online store could not be asked for warnings", slog.Any("error", err))
	}
	for _, text := range texts {
		log.Warn(text)
	}
}

package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/quiver-features/quiver/feature"
)

func (a *app) healthCommand() *cobra.Command {
	config := newServeConfig()
	var server string
	var limit time.Duration
	c := &cobra.Command{
		Use:   "health",
		Short: "Ask the server on this machine whether it is ready",
		Long: `Ends with 0 where the server is ready for requests, else with 1. It finds the
server by the settings that quiver serve reads from the environment and from
--config, so that it needs no flags beside it: in a container's health check, or
as a probe that executes a command.`,
		Example: `  quiver health
  quiver health --server 127.0.0.1:7070 --timeout 1s`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := config.resolve(a.env.getenv, a.env.variables); err != nil {
				return err
			}
			if server == "" {
				server = local(config.grpc)
			}
			ctx, cancel := context.WithTimeout(c.Context(), limit)
			defer cancel()
			if err := checkHealth(ctx, server, config); err != nil {
				return err
			}
			return a.print(map[string]string{"server": server, "status": "ready"}, func() error {
				return a.printText("server " + server + " is ready\n")
			})
		},
	}
	c.Flags().StringVar(&server, "server", "", "`address` for gRPC; empty: the one in the settings")
	c.Flags().StringVar(&config.file, "config", "", "`file` of settings")
	c.Flags().DurationVar(&limit, "timeout", 2*time.Second, "for the answer")
	return c
}

// local gives the address by which this machine reaches a server that listens
// on an address.
func local(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip != nil && ip.To4() == nil {
			host = "::1"
		}
	}
	return net.JoinHostPort(host, port)
}

// checkHealth asks a server for its health; nil: it is ready.
func checkHealth(ctx context.Context, server string, c *serveConfig) error {
	transport := insecure.NewCredentials()
	certificate, err := c.certificate()
	if err != nil {
		return err
	}
	if certificate != nil {
		transport = credentials.NewTLS(onlyThis(certificate.Certificates[0].Certificate[0]))
	}
	conn, err := grpc.NewClient("passthrough:"+server, grpc.WithTransportCredentials(transport))
	if err != nil {
		return fmt.Errorf("server %s: %w", server, err)
	}
	defer func() { _ = conn.Close() }()
	answer, err := healthpb.NewHealthClient(conn).Check(ctx, &healthpb.HealthCheckRequest{})
	if err != nil {
		words := tlsWords{with: "name its settings by --config or the environment", without: "tls_cert and tls_key are set here and not there", trust: "tls_cert is another certificate here"}
		return serverError(server, words, err)
	}
	if answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		return fmt.Errorf("server %s is not ready: %s: %w", server, answer.GetStatus(), feature.ErrUnavailable)
	}
	return nil
}

// onlyThis trusts one certificate, whatever names are in it: the one that the
// server on this machine was given.
func onlyThis(certificate []byte) *tls.Config {
	return &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyPeerCertificate is stricter: it compares the certificate itself
		VerifyPeerCertificate: func(sent [][]byte, _ [][]*x509.Certificate) error {
			if len(sent) == 0 || !bytes.Equal(sent[0], certificate) {
				return errors.New("the server shows another certificate than tls_cert")
			}
			return nil
		},
	}
}

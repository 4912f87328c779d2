// Package quiver is the Go client of Quiver's online serving API: it asks a
// server for the latest values of features.
//
//	client, err := quiver.Dial("localhost:7070", quiver.Options{})
//	…
//	defer client.Close()
//	resp, err := client.GetOnlineFeatures(ctx, quiver.Request{
//		Service: "delay_model",
//		Keys:    quiver.Columns{"origin": quiver.Strings("SFO", "JFK")},
//	})
//	…
//	delays, err := resp.Float64s("origin__delay")
//
// Requests and responses are columns: one value per entity asked for. Every value
// has a Status, which says how it came about; a null is a zero (a NaN in
// Float64s), which its status tells from a value.
package quiver

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// Options say how to connect. The zero value connects without encryption.
type Options struct {
	Credentials credentials.TransportCredentials // nil: no encryption
	MaxResponse int                              // bytes of a response; 0: 64 MiB
	DialOptions []grpc.DialOption                // further ones, for example interceptors
}

// Client is a connection to a server. It is safe for concurrent use, and one per
// process is enough.
type Client struct {
	conn    *grpc.ClientConn
	serving quiverv1.ServingServiceClient
}

// Dial makes a client of the server at target: "host:port", or another name that
// gRPC resolves ("dns:///features.internal:7070"). It does not wait for the
// connection, which is made, and made again, when calls need it.
func Dial(target string, opts Options) (*Client, error) {
	if opts.Credentials == nil {
		opts.Credentials = insecure.NewCredentials()
	}
	if opts.MaxResponse == 0 {
		opts.MaxResponse = 64 << 20
	}
	conn, err := grpc.NewClient(target, append([]grpc.DialOption{
		grpc.WithTransportCredentials(opts.Credentials),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(opts.MaxResponse)),
	}, opts.DialOptions...)...)
	if err != nil {
		return nil, fmt.Errorf("quiver: connect to %s: %w", target, err)
	}
	return &Client{conn: conn, serving: quiverv1.NewServingServiceClient(conn)}, nil
}

// Close ends the connection and the calls under way on it.
func (c *Client) Close() error {
	if err := c.conn.Close(); err != nil {
		return fmt.Errorf("quiver: close the connection: %w", err)
	}
	return nil
}

// GetOnlineFeatures gives features of some entities as of now. Give ctx a
// deadline: without one the server's default holds, and a server that can't be
// reached is waited for as gRPC sees fit.
//
// An error has a gRPC code (status.Code of google.golang.org/grpc/status):
// InvalidArgument and NotFound for a request that has to be changed, Unavailable,
// ResourceExhausted and DeadlineExceeded where trying again may help. An online
// store that does not answer is not an error: the values have StatusUnavailable.
func (c *Client) GetOnlineFeatures(ctx context.Context, req Request) (*Response, error) {
	message, err := c.serving.GetOnlineFeatures(ctx, req.message())
	if err != nil {
		return nil, fmt.Errorf("quiver: get online features: %w", err)
	}
	resp, err := newResponse(message, req.EventTimestamps)
	if err != nil {
		return nil, fmt.Errorf("quiver: get online features: %w", err)
	}
	return resp, nil
}

package rpc

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// requestIDHeader carries the request id in both directions, in gRPC metadata
// and in HTTP headers alike.
const requestIDHeader = "x-request-id"

// Unary takes unary gRPC calls through the layer.
func (l *Layer) Unary() grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		call := grpcCall(ctx, info.FullMethod)
		call.RequestID = CheckedID(call.RequestID)
		if err := grpc.SetHeader(ctx, metadata.Pairs(requestIDHeader, call.RequestID)); err != nil {
			return nil, err // the stream is gone
		}
		err = l.Do(ctx, call, func(ctx context.Context) (err error) {
			resp, err = handler(ctx, req)
			return err
		})
		return resp, err
	}
}

// Stream takes streaming gRPC calls through the layer. They end when drained
// does: a stream may last for ever, and a shutdown does not wait for it.
func (l *Layer) Stream(drained <-chan struct{}) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		call := grpcCall(stream.Context(), info.FullMethod)
		call.Exempt = true // a deadline is not for streams, and a slot is for calls that end
		return l.Do(stream.Context(), call, func(ctx context.Context) error {
			ctx, cancel := context.WithCancel(ctx)
			watcher := make(chan struct{})
			go func() {
				defer close(watcher)
				select {
				case <-drained:
					cancel()
				case <-ctx.Done():
				}
			}()
			defer func() { cancel(); <-watcher }()
			return handler(srv, contextStream{stream, ctx})
		})
	}
}

func grpcCall(ctx context.Context, method string) Call {
	call := Call{Method: strings.TrimPrefix(method, "/"), Transport: "grpc"}
	call.Exempt = strings.HasPrefix(call.Method, "grpc.") // health and reflection
	if ids := metadata.ValueFromIncomingContext(ctx, requestIDHeader); len(ids) == 1 {
		call.RequestID = ids[0]
	}
	return call
}

// contextStream is a stream with a context of its own.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context gives the stream's own context.
func (s contextStream) Context() context.Context { return s.ctx }

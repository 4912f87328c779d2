package rpc_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/quiver-features/quiver/internal/rpc"
	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

type service struct {
	quiverv1.UnimplementedServingServiceServer
	get func(ctx context.Context) (*quiverv1.GetOnlineFeaturesResponse, error)
}

func (s service) GetOnlineFeatures(ctx context.Context, _ *quiverv1.GetOnlineFeaturesRequest) (*quiverv1.GetOnlineFeaturesResponse, error) {
	return s.get(ctx)
}

type running struct {
	conn  *grpc.ClientConn
	ready chan struct{}
	stop  context.CancelFunc
	ended chan error
}

func start(t *testing.T, opts rpc.Options, s service) *running {
	t.Helper()
	layer, _ := newLayer(t, opts, quiet())
	server := rpc.NewServer(layer, quiet())
	quiverv1.RegisterServingServiceServer(server.GRPC(), s)
	listener := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(context.Background())
	r := &running{ready: make(chan struct{}), stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- server.Serve(ctx, listener, r.ready) }()
	var err error
	r.conn, err = grpc.NewClient("passthrough:server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := r.conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func (r *running) call(ctx context.Context, opts ...grpc.CallOption) error {
	_, err := quiverv1.NewServingServiceClient(r.conn).GetOnlineFeatures(ctx, &quiverv1.GetOnlineFeaturesRequest{}, opts...)
	return err
}

func TestHealthFollowsReadinessAndADrainWaitsForCalls(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	r := start(t, rpc.Options{DrainTimeout: time.Hour}, service{get: func(context.Context) (*quiverv1.GetOnlineFeaturesResponse, error) {
		close(entered)
		<-leave
		return &quiverv1.GetOnlineFeaturesResponse{}, nil
	}})
	watch, err := healthpb.NewHealthClient(r.conn).Watch(t.Context(), &healthpb.HealthCheckRequest{Service: "quiver.v1.ServingService"})
	if err != nil {
		t.Fatal(err)
	}
	next := func() healthpb.HealthCheckResponse_ServingStatus {
		t.Helper()
		got, err := watch.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return got.GetStatus()
	}
	if got := next(); got != healthpb.HealthCheckResponse_NOT_SERVING {
		t.Fatalf("before it is ready: %s", got)
	}
	close(r.ready)
	if got := next(); got != healthpb.HealthCheckResponse_SERVING {
		t.Fatalf("when it is ready: %s", got)
	}
	called := make(chan error)
	go func() { called <- r.call(context.Background()) }()
	<-entered
	r.stop()
	for err := error(nil); err == nil; { // the drain has begun when it ends streams
		_, err = watch.Recv()
	}
	select {
	case err := <-r.ended:
		t.Fatalf("the server ended during a call: %v", err)
	case err := <-called:
		t.Fatalf("the call was cut off: %v", err)
	default:
	}
	close(leave)
	if err := <-called; err != nil {
		t.Errorf("the call under way: %v", err)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestADrainEndsAfterItsTimeout(t *testing.T) {
	entered := make(chan struct{})
	r := start(t, rpc.Options{DrainTimeout: time.Millisecond}, service{get: func(ctx context.Context) (*quiverv1.GetOnlineFeaturesResponse, error) {
		close(entered)
		<-ctx.Done() // a call that ends only when it is cut off
		return nil, ctx.Err()
	}})
	called := make(chan error)
	go func() { called <- r.call(context.Background()) }()
	<-entered
	r.stop()
	if err := <-called; err == nil {
		t.Error("the call was answered")
	}
	if err := <-r.ended; err != nil {
		t.Errorf("serve: %v", err)
	}
}

func TestRequestIDTravelsThereAndBack(t *testing.T) {
	var seen string
	r := start(t, rpc.Options{}, service{get: func(ctx context.Context) (*quiverv1.GetOnlineFeaturesResponse, error) {
		seen = rpc.RequestID(ctx)
		return nil, errors.New("unknown")
	}})
	var header metadata.MD
	err := r.call(metadata.AppendToOutgoingContext(t.Context(), "x-request-id", "mine"), grpc.Header(&header))
	if got := header.Get("x-request-id"); seen != "mine" || !slices.Equal(got, []string{"mine"}) || status.Code(err) != codes.Internal {
		t.Errorf("handler saw %q, client got %q and %v", seen, got, err)
	}
}

func TestAnOversizedMessageIsRefused(t *testing.T) {
	r := start(t, rpc.Options{MaxMessageBytes: 10}, service{})
	_, err := quiverv1.NewServingServiceClient(r.conn).GetOnlineFeatures(t.Context(), &quiverv1.GetOnlineFeaturesRequest{Service: "longer_than_ten"})
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v", err)
	}
}

func TestReflectionNamesTheService(t *testing.T) {
	r := start(t, rpc.Options{}, service{})
	stream, err := reflectionpb.NewServerReflectionClient(r.conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_ListServices{},
	}); err != nil {
		t.Fatal(err)
	}
	resp, err := stream.Recv()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range resp.GetListServicesResponse().GetService() {
		names = append(names, s.GetName())
	}
	if !slices.Contains(names, "quiver.v1.ServingService") || !slices.Contains(names, "grpc.health.v1.Health") {
		t.Errorf("services: %q", names)
	}
}

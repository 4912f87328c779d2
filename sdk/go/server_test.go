package quiver_test

import (
	"context"
	"log"
	"net"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
	quiver "github.com/quiver-features/quiver/sdk/go"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server answers by a function, as the wire contract says.
type server struct {
	quiverv1.UnimplementedServingServiceServer
	answer func(*quiverv1.GetOnlineFeaturesRequest) (*quiverv1.GetOnlineFeaturesResponse, error)
}

func (s server) GetOnlineFeatures(_ context.Context, r *quiverv1.GetOnlineFeaturesRequest) (*quiverv1.GetOnlineFeaturesResponse, error) {
	return s.answer(r)
}

// serve starts a server in memory and says how to reach it.
func serve(s server) (target string, options quiver.Options, stop func()) {
	listener := bufconn.Listen(1 << 16)
	running := grpc.NewServer()
	quiverv1.RegisterServingServiceServer(running, s)
	ended := make(chan error)
	go func() { ended <- running.Serve(listener) }()
	dialer := grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) })
	return "passthrough:memory", quiver.Options{DialOptions: []grpc.DialOption{dialer}}, func() {
		running.Stop()
		if err := <-ended; err != nil {
			log.Panic(err)
		}
	}
}

// startServer serves delay_model@3, which knows the delay of flights from SFO.
func startServer() (target string, options quiver.Options, stop func()) {
	return serve(server{answer: func(r *quiverv1.GetOnlineFeaturesRequest) (*quiverv1.GetOnlineFeaturesResponse, error) {
		if r.GetService() != "delay_model" {
			return nil, status.Error(codes.NotFound, "service: no such service")
		}
		delay := &quiverv1.FeatureColumn{Name: "origin__delay", Type: "float64", Values: &quiverv1.Values{}}
		for _, airport := range r.GetKeys()["origin"].GetStrings() {
			value, st := 0.0, quiverv1.Status_STATUS_NOT_FOUND
			if airport == "SFO" {
				value, st = 3.5, quiverv1.Status_STATUS_PRESENT
			}
			delay.Values.Float64S = append(delay.Values.Float64S, value)
			delay.Statuses = append(delay.Statuses, byte(st))
		}
		return &quiverv1.GetOnlineFeaturesResponse{
			Service: "delay_model@3", Revision: 12, Rows: uint32(len(delay.GetStatuses())), Features: []*quiverv1.FeatureColumn{delay},
		}, nil
	}})
}

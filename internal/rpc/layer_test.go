package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newLayer(t *testing.T, opts rpc.Options, log *slog.Logger) (*rpc.Layer, *prometheus.Registry) {
	t.Helper()
	reg := prometheus.NewRegistry()
	layer, err := rpc.New(opts, log, reg)
	if err != nil {
		t.Fatal(err)
	}
	return layer, reg
}

func TestErrorsHaveOneCodeEach(t *testing.T) {
	for _, c := range []struct {
		err  error
		grpc codes.Code
		http int
	}{
		{fmt.Errorf("a: %w", feature.ErrInvalid), codes.InvalidArgument, http.StatusBadRequest},
		{fmt.Errorf("a: %w", feature.ErrTooLarge), codes.InvalidArgument, http.StatusRequestEntityTooLarge},
		{fmt.Errorf("a: %w", feature.ErrNotFound), codes.NotFound, http.StatusNotFound},
		{fmt.Errorf("a: %w", feature.ErrConflict), codes.Aborted, http.StatusConflict},
		{fmt.Errorf("a: %w", feature.ErrUnavailable), codes.Unavailable, http.StatusServiceUnavailable},
		{fmt.Errorf("a: %w", rpc.ErrOverloaded), codes.ResourceExhausted, http.StatusServiceUnavailable},
		{context.Canceled, codes.Canceled, 499},
		{fmt.Errorf("a: %w, %w", feature.ErrUnavailable, context.DeadlineExceeded), codes.DeadlineExceeded, http.StatusGatewayTimeout},
		{status.Error(codes.Unimplemented, "a"), codes.Unimplemented, http.StatusNotImplemented},
		{errors.New("a"), codes.Internal, http.StatusInternalServerError},
	} {
		e := rpc.ErrorOf(fmt.Errorf("outer: %w", c.err), "id")
		if e.Code != c.grpc || e.HTTPStatus() != c.http || !errors.Is(e, c.err) {
			t.Errorf("%v: code %s, HTTP %d, is it %v; want %s, %d, true", c.err, e.Code, e.HTTPStatus(), errors.Is(e, c.err), c.grpc, c.http)
		}
	}
	own := &rpc.Error{Code: codes.PermissionDenied, Message: "a"}
	layer, _ := newLayer(t, rpc.Options{}, slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err := layer.Do(t.Context(), rpc.Call{}, func(context.Context) error { return own }); !errors.Is(err, own) || own.HTTPStatus() != http.StatusForbidden {
		t.Errorf("an error that has its code already: %v", err)
	}
	if rpc.ErrorOf(nil, "id") != nil {
		t.Error("no error became one")
	}
}

func TestAnUnknownErrorIsLoggedAndNotSent(t *testing.T) {
	var log bytes.Buffer
	layer, _ := newLayer(t, rpc.Options{}, slog.New(slog.NewTextHandler(&log, nil)))
	err := layer.Do(t.Context(), rpc.Call{Method: "m", Transport: "grpc", RequestID: "req-7"}, func(context.Context) error {
		return errors.New("dial 10.0.0.7: secret")
	})
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "req-7") {
		t.Errorf("client sees %v", err)
	}
	if !strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "request_id=req-7") {
		t.Errorf("log is %s", log.String())
	}
}

func TestAPanicBecomesAnErrorAndIsCounted(t *testing.T) {
	var log bytes.Buffer
	layer, reg := newLayer(t, rpc.Options{MaxInFlight: 1}, slog.New(slog.NewTextHandler(&log, nil)))
	for range 2 { // the slot of the first one is free again
		err := layer.Do(t.Context(), rpc.Call{Method: "m", Transport: "grpc"}, func(context.Context) error { panic("ouch") })
		if status.Code(err) != codes.Internal {
			t.Fatalf("got %v", err)
		}
	}
	if !strings.Contains(log.String(), "ouch") || !strings.Contains(log.String(), "layer_test.go") {
		t.Errorf("the log has no stack: %s", log.String())
	}
	want := `# HELP quiver_rpc_panics_total Calls that ended in a panic.
# TYPE quiver_rpc_panics_total counter
quiver_rpc_panics_total 2
# HELP quiver_rpc_requests_total Calls that ended, by transport, method and gRPC code.
# TYPE quiver_rpc_requests_total counter
quiver_rpc_requests_total{code="Internal",method="m",transport="grpc"} 2
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "quiver_rpc_panics_total", "quiver_rpc_requests_total"); err != nil {
		t.Error(err)
	}
}

func TestCallsBeyondTheLimitAreTurnedAwayAtOnce(t *testing.T) {
	layer, _ := newLayer(t, rpc.Options{MaxInFlight: 1}, quiet())
	call := rpc.Call{Method: "m", Transport: "grpc"}
	entered, leave, done := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		done <- layer.Do(t.Context(), call, func(context.Context) error {
			close(entered)
			<-leave
			return nil
		})
	}()
	<-entered
	nothing := func(context.Context) error { return nil }
	if err := layer.Do(t.Context(), call, nothing); !errors.Is(err, rpc.ErrOverloaded) || status.Code(err) != codes.ResourceExhausted {
		t.Errorf("second call: %v", err)
	}
	exempt := call
	exempt.Exempt = true
	if err := layer.Do(t.Context(), exempt, nothing); err != nil {
		t.Errorf("exempt call: %v", err)
	}
	close(leave)
	if err := <-done; err != nil {
		t.Errorf("first call: %v", err)
	}
	if err := layer.Do(t.Context(), call, nothing); err != nil {
		t.Errorf("call after the first: %v", err)
	}
}

func TestACallWithoutADeadlineGetsOneAndAnotherKeepsItsOwn(t *testing.T) {
	layer, _ := newLayer(t, rpc.Options{DefaultTimeout: time.Hour}, quiet())
	left := func(ctx context.Context) (left time.Duration) {
		t.Helper()
		if err := layer.Do(ctx, rpc.Call{Method: "m"}, func(ctx context.Context) error {
			deadline, ok := ctx.Deadline()
			if !ok {
				return errors.New("no deadline")
			}
			left = time.Until(deadline)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return left
	}
	if d := left(t.Context()); d > time.Hour || d < 50*time.Minute {
		t.Errorf("default deadline in %s", d)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Hour)
	defer cancel()
	if d := left(ctx); d < 2*time.Hour {
		t.Errorf("own deadline in %s", d)
	}
}

func TestRequestIDsAreKeptWhereTheyAreHarmless(t *testing.T) {
	for sent, kept := range map[string]bool{
		"abc-123": true, "": false, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false, "a\nb": false, "a b": false, "é": false,
	} {
		if got := rpc.CheckedID(sent); (got == sent) != kept || got == "" {
			t.Errorf("%q became %q", sent, got)
		}
	}
}

func TestOptionsTellAllThatIsWrong(t *testing.T) {
	err := rpc.Options{MaxInFlight: -1, DrainTimeout: -1}.Validate()
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "MaxInFlight") || !strings.Contains(err.Error(), "DrainTimeout") {
		t.Errorf("got %v", err)
	}
}

func TestCallsAreLoggedAtTheLevelOfWhatBecameOfThem(t *testing.T) {
	for _, c := range []struct {
		name  string
		call  rpc.Call
		opts  rpc.Options
		err   error
		level string
	}{
		{"answered", rpc.Call{}, rpc.Options{SlowCall: time.Hour}, nil, "DEBUG"},
		{"the client's fault", rpc.Call{}, rpc.Options{SlowCall: time.Hour}, feature.ErrInvalid, "DEBUG"},
		{"slow", rpc.Call{}, rpc.Options{SlowCall: 1}, nil, "WARN"},
		{"unavailable", rpc.Call{}, rpc.Options{SlowCall: time.Hour}, feature.ErrUnavailable, "WARN"},
		{"unknown", rpc.Call{}, rpc.Options{SlowCall: time.Hour}, errors.New("unknown"), "ERROR"},
		{"a probe that fails", rpc.Call{Exempt: true}, rpc.Options{SlowCall: 1}, feature.ErrUnavailable, "DEBUG"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var log bytes.Buffer
			layer, _ := newLayer(t, c.opts, slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
			c.call.RequestID = "mine"
			_ = layer.Do(t.Context(), c.call, func(ctx context.Context) error {
				rpc.Describe(ctx, slog.String("service", "s@1"), slog.Int("rows", 3))
				return c.err
			})
			if got := log.String(); !strings.Contains(got, "level="+c.level+" ") || !strings.Contains(got, "request_id=mine") ||
				!strings.Contains(got, "service=s@1 rows=3") {
				t.Errorf("want level %s, the id and what the call tells of itself in %s", c.level, got)
			}
		})
	}
}

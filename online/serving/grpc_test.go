package serving_test

import (
	"context"
	"math"
	"net"
	gostrings "strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// dial serves a handler as cmd does, and connects to it.
func dial(t testing.TB, h *serving.Handler, opts rpc.Options) quiverv1.ServingServiceClient {
	t.Helper()
	layer, err := rpc.New(opts, quiet(), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	server := rpc.NewServer(layer, quiet())
	serving.Register(server.GRPC(), h)
	listener := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener, h.Ready()) }()
	conn, err := grpc.NewClient("passthrough:server", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	})
	return quiverv1.NewServingServiceClient(conn)
}

// message reads a message as a user of grpcurl writes it.
func message(t testing.TB, text string) *quiverv1.GetOnlineFeaturesRequest {
	t.Helper()
	m := &quiverv1.GetOnlineFeaturesRequest{}
	if err := protojson.Unmarshal([]byte(text), m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestARequestOverGRPC(t *testing.T) {
	c, m := flights(t)
	client := dial(t, newHandler(t, c, m, options()), rpc.Options{})
	got, err := client.GetOnlineFeatures(t.Context(), message(t,
		`{"service": "delay_model", "keys": {"origin": {"strings": ["SFO", "XXX"]}, "destination": {"strings": ["LAX", "LAX"]}}, "event_timestamps": true}`))
	if err != nil {
		t.Fatal(err)
	}
	// Bytes are base64 in JSON: AQE= is 1 1 (PRESENT twice), AQM= is 1 3 (then NOT_FOUND).
	want := &quiverv1.GetOnlineFeaturesResponse{}
	if err := protojson.Unmarshal([]byte(`{
		"service": "delay_model@3", "revision": "1", "rows": 2, "time": "1000000000000",
		"features": [
			{"name": "origin__busy", "type": "bool", "values": {"bools": [true, false]}, "statuses": "AQM="},
			{"name": "origin__delay", "type": "int64", "values": {"int64s": [7, 0]}, "statuses": "AQM="},
			{"name": "dest__busy", "type": "bool", "values": {"bools": [false, false]}, "statuses": "AQE=", "view": 1},
			{"name": "dest__delay", "type": "int64", "values": {"int64s": [-8, -8]}, "statuses": "AQE=", "view": 1},
			{"name": "routes__share", "type": "float32", "values": {"float32s": [0.25, 0]}, "statuses": "AQM=", "view": 2},
			{"name": "fuel__price", "type": "float64", "values": {"float64s": [1.5, 1.5]}, "statuses": "AQE=", "view": 3}
		],
		"views": [
			{"view": "airports@1", "alias": "origin", "event_timestamps": ["1000000000000", 0], "statuses": "AQM=", "watermark": "999940000000"},
			{"view": "airports@1", "alias": "dest", "event_timestamps": ["999999999999", "999999999999"], "statuses": "AQE=", "watermark": "999940000000"},
			{"view": "routes@1", "alias": "routes", "event_timestamps": ["999999999998", 0], "statuses": "AQM=", "watermark": "999940000000"},
			{"view": "fuel@1", "alias": "fuel", "event_timestamps": ["999999999997", "999999999997"], "statuses": "AQE=", "watermark": "999940000000"}
		]}`), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

func TestEveryTypeOverGRPC(t *testing.T) {
	list := func(name string, kind feature.Kind) feature.Field {
		return feature.Field{Name: name, Type: feature.ListOf(kind, 0)}
	}
	v, s := view("v", 1, []feature.JoinKey{key("k", feature.Date), key("w", feature.Bytes), key("x", feature.Timestamp), key("y", feature.Int32), key("z", feature.Bool)}, feature.Rule{},
		field("a", feature.Bool), field("b", feature.Int32), field("c", feature.Int64), field("d", feature.Float32), field("e", feature.Float64),
		field("f", feature.String), field("g", feature.Bytes), field("h", feature.Date), field("i", feature.Timestamp),
		list("l", feature.String), list("m", feature.Float32), list("n", feature.Date))
	m := newMemory()
	m.marks[1] = fresh
	m.put(t, s, now, []any{feature.CalendarDay(5), []byte{0, 255}, feature.Time(9), int32(-3), true}, []any{
		true, int32(-1), int64(math.MinInt64), float32(0.5), math.Inf(-1), "é",
		[]byte{1, 0},
		feature.CalendarDay(-2), feature.Time(-1),
		[]any{"x", nil, ""},
		[]any{},
		[]any{feature.CalendarDay(1)},
	})
	client := dial(t, newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "v", Keys: []string{"k", "w", "x", "y", "z"}, Active: s}),
	}}, m, options()), rpc.Options{})
	// The second entity has no row. The int32 key is sent in the other width.
	got, err := client.GetOnlineFeatures(t.Context(), message(t, `{"service": "s", "keys": {"k": {"dates": [5, 6]}, "w": {"bytes": ["AP8=", ""]},
		"x": {"timestamps": [9, 9]}, "y": {"int64s": [-3, "99999999999"]}, "z": {"bools": [true, true]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{
		`{"bools": [true, false]}`,
		`{"int32s": [-1, 0]}`,
		`{"int64s": ["-9223372036854775808", 0]}`,
		`{"float32s": [0.5, 0]}`,
		`{"float64s": ["-Infinity", 0]}`,
		`{"strings": ["é", ""]}`,
		`{"bytes": ["AQA=", ""]}`,
		`{"dates": [-2, 0]}`,
		`{"timestamps": [-1, 0]}`,
		`{"items": {"strings": ["x", "", ""], "nulls": "AAEA"}, "lengths": [3, 0]}`,
		`{"items": {}, "lengths": [0, 0]}`,
		`{"items": {"dates": [1]}, "lengths": [1, 0]}`,
	} {
		values := &quiverv1.Values{}
		if err := protojson.Unmarshal([]byte(want), values); err != nil {
			t.Fatal(err)
		}
		f := got.GetFeatures()[i]
		if diff := cmp.Diff(values, f.GetValues(), protocmp.Transform()); diff != "" || string(f.GetStatuses()) != "\x01\x03" {
			t.Errorf("%s (%s): statuses %x, %s", f.GetName(), f.GetType(), f.GetStatuses(), diff)
		}
	}
}

func TestAMatrixOverGRPC(t *testing.T) {
	c, m := flights(t)
	client := dial(t, newHandler(t, c, m, options()), rpc.Options{})
	request := message(t, `{"service": "delay_model", "keys": {"origin": {"strings": ["SFO"]}, "destination": {"strings": ["LAX"]}}, "matrix": "MATRIX_FLOAT32"}`)
	got, err := client.GetOnlineFeatures(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]float32{1, 7, 0, -8, 0.25, 1.5}, got.GetFloat32Matrix()); diff != "" || got.GetFeatures()[0].GetValues() != nil || string(got.GetFeatures()[0].GetStatuses()) != "\x01" {
		t.Errorf("%s %v", diff, got)
	}
}

func TestBadRequestsOverGRPC(t *testing.T) {
	c, m := flights(t)
	client := dial(t, newHandler(t, c, m, options()), rpc.Options{MaxMessageBytes: 1 << 10})
	for _, c := range []struct {
		name, request string
		code          codes.Code
		says          string
	}{
		{"empty", `{}`, codes.InvalidArgument, "no service"},
		{"unknown service", `{"service": "x"}`, codes.NotFound, "service: "},
		{"two types in a column", `{"service": "delay_model", "keys": {"origin": {"strings": ["a"], "int64s": [1]}}}`, codes.InvalidArgument, "keys.origin: values of several types"},
		{"a list as key", `{"service": "delay_model", "keys": {"origin": {"items": {"strings": ["a"]}, "lengths": [1]}}}`, codes.InvalidArgument, "keys.origin: values of type list<string>"},
		{"ragged nulls", `{"service": "delay_model", "keys": {"origin": {"strings": ["a"], "nulls": "AAA="}}}`, codes.InvalidArgument, "keys.origin: nulls"},
		{"wrong type", `{"service": "delay_model", "keys": {"origin": {"float64s": [1]}, "destination": {"strings": ["a"]}}}`, codes.InvalidArgument, "keys.origin: values of type float64, expected string"},
		{"inputs", `{"service": "delay_model", "keys": {"origin": {"strings": ["a"]}, "destination": {"strings": ["a"]}}, "inputs": {"a": {"int64s": [1]}}}`, codes.InvalidArgument, "inputs.a: "},
		{"unknown matrix", `{"service": "delay_model", "matrix": 77}`, codes.InvalidArgument, "matrix: "},
		{"negative matrix", `{"service": "delay_model", "matrix": -1}`, codes.InvalidArgument, "matrix: "},
		{"oversized", `{"service": "` + gostrings.Repeat("a", 1<<10) + `"}`, codes.ResourceExhausted, "larger than max"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client.GetOnlineFeatures(t.Context(), message(t, c.request))
			if status.Code(err) != c.code || !gostrings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %s and %q", err, c.code, c.says)
			}
		})
	}
}

// Vectors tell their type by what is in them, and lists without any item tell none.
func TestListsWithoutItemsAreInputsOverGRPC(t *testing.T) {
	sel := &feature.Selection{
		Service: "s@1",
		Inputs:  []feature.Input{{Name: "any", Type: feature.ListOf(feature.String, 0)}, {Name: "two", Type: feature.ListOf(feature.Float64, 2)}},
		Derived: []feature.Field{
			{Name: "size", Type: feature.Scalar(feature.Int64), Expression: "size(any)"},
			{Name: "norm", Type: feature.Scalar(feature.Float64), Expression: "norm(two)"},
		},
	}
	for i, d := range sel.Derived {
		sel.Outputs = append(sel.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: i, Name: d.Name})
	}
	client := dial(t, newHandler(t, &catalog{services: map[string]*feature.Selection{"s": sel}}, newMemory(), options()), rpc.Options{})
	got, err := client.GetOnlineFeatures(t.Context(), message(t,
		`{"service": "s", "inputs": {"any": {"lengths": [0, 0], "nulls": "AAE="}, "two": {"lengths": [0, 0], "nulls": "AQE="}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]byte{{1, 2}, {2, 2}} { // PRESENT, NULL
		f := got.GetFeatures()[i]
		if d := cmp.Diff(want, f.GetStatuses()); d != "" || i == 0 && f.GetValues().GetInt64S()[0] != 0 {
			t.Errorf("%s: %v, statuses -want +got:\n%s", f.GetName(), f.GetValues(), d)
		}
	}
	_, err = client.GetOnlineFeatures(t.Context(), message(t,
		`{"service": "s", "inputs": {"any": {"lengths": [0]}, "two": {"lengths": [0]}}}`))
	if status.Code(err) != codes.InvalidArgument || !gostrings.Contains(status.Convert(err).Message(), "inputs.two[0]: a list of 0 items, expected list<float64>[2]") {
		t.Errorf("an empty list for one of two items: %v", err)
	}
}

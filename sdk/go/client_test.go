package quiver_test

import (
	"errors"
	"math"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
	quiver "github.com/quiver-features/quiver/sdk/go"
)

// ask sends a request to a server that gives the answer, a message in JSON.
func ask(t *testing.T, request quiver.Request, answer string) (*quiver.Response, *quiverv1.GetOnlineFeaturesRequest, error) {
	t.Helper()
	message := &quiverv1.GetOnlineFeaturesResponse{}
	if err := protojson.Unmarshal([]byte(answer), message); err != nil {
		t.Fatal(err)
	}
	var seen *quiverv1.GetOnlineFeaturesRequest
	target, options, stop := serve(server{answer: func(r *quiverv1.GetOnlineFeaturesRequest) (*quiverv1.GetOnlineFeaturesResponse, error) {
		seen = r
		return message, nil
	}})
	defer stop()
	client, err := quiver.Dial(target, options)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.GetOnlineFeatures(t.Context(), request)
	if err := client.Close(); err != nil {
		t.Error(err)
	}
	return resp, seen, err
}

func TestARequestGoesOutAsItIsWritten(t *testing.T) {
	at := time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC) // floored to -1 us, and on day -1
	_, got, err := ask(t, quiver.Request{
		Service: "s@2", Features: []string{"v:f"}, EventTimestamps: true, Matrix: quiver.Float32Matrix,
		Keys: quiver.Columns{
			"a": quiver.Strings("x"), "b": quiver.Bytes([]byte{1}), "c": quiver.Bools(true), "d": quiver.Int32s(-1), "e": quiver.Int64s(math.MaxInt64),
			"f": quiver.Dates(at), "g": quiver.Timestamps(at), "h": {},
		},
		Inputs: quiver.Columns{"i": quiver.Float64s(1.5), "j": quiver.Float32s(0.5)},
	}, `{}`)
	if err != nil {
		t.Fatal(err)
	}
	want := &quiverv1.GetOnlineFeaturesRequest{}
	if err := protojson.Unmarshal([]byte(`{"service": "s@2", "features": ["v:f"], "event_timestamps": true, "matrix": "MATRIX_FLOAT32",
		"keys": {"a": {"strings": ["x"]}, "b": {"bytes": ["AQ=="]}, "c": {"bools": [true]}, "d": {"int32s": [-1]}, "e": {"int64s": ["9223372036854775807"]},
			"f": {"dates": [-1]}, "g": {"timestamps": [-1]}, "h": {}},
		"inputs": {"i": {"float64s": [1.5]}, "j": {"float32s": [0.5]}}}`), want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}

// everything is two rows, the second without values. AQM= is PRESENT, NOT_FOUND.
const everything = `{"service": "s@1", "revision": 7, "rows": 2, "time": "1000000", "features": [
	{"name": "bool", "type": "bool", "values": {"bools": [true, false]}, "statuses": "AQM="},
	{"name": "int32", "type": "int32", "values": {"int32s": [-1, 0]}, "statuses": "AQM="},
	{"name": "int64", "type": "int64", "values": {"int64s": [5, 0]}, "statuses": "AQM="},
	{"name": "float32", "type": "float32", "values": {"float32s": [0.5, 0]}, "statuses": "AQM="},
	{"name": "float64", "type": "float64", "values": {"float64s": [1.5, 0]}, "statuses": "AQM="},
	{"name": "string", "type": "string", "values": {"strings": ["x", ""]}, "statuses": "AQM="},
	{"name": "bytes", "type": "bytes", "values": {"bytes": ["AQ==", ""]}, "statuses": "AQM="},
	{"name": "date", "type": "date", "values": {"dates": [1, 0]}, "statuses": "AQM="},
	{"name": "timestamp", "type": "timestamp", "values": {"timestamps": [1, 0]}, "statuses": "AQM="},
	{"name": "list", "type": "list<int32>", "values": {"items": {"int32s": [4, 0, 6], "nulls": "AAEA"}, "lengths": [3, 0]}, "statuses": "AQM="},
	{"name": "later", "type": "decimal", "values": {}, "statuses": "AQM="}],
	"views": [{"view": "v@1", "alias": "v", "event_timestamps": [1000000, 0], "statuses": "BQM=", "watermark": "2000000"}]}`

func TestValuesOfEveryTypeAreRead(t *testing.T) {
	r, _, err := ask(t, quiver.Request{}, everything)
	if err != nil {
		t.Fatal(err)
	}
	day, micro := time.Date(1970, 1, 2, 0, 0, 0, 0, time.UTC), time.Unix(0, 1000).UTC()
	want := []any{true, int32(-1), int64(5), float32(0.5), 1.5, "x", []byte{1}, day, micro, []any{int32(4), nil, int32(6)}, nil}
	for i := range r.Features {
		f := &r.Features[i]
		if !reflect.DeepEqual(f.Value(0), want[i]) || f.Value(1) != nil || f.Status(0) != quiver.StatusPresent || f.Status(1) != quiver.StatusNotFound {
			t.Errorf("%s: got %v (%s), %v (%s), want %v", f.Name, f.Value(0), f.Status(0), f.Value(1), f.Status(1), want[i])
		}
	}
	second := time.Unix(1, 0).UTC()
	if r.Service != "s@1" || r.Revision != 7 || r.Rows != 2 || !r.Time.Equal(second) {
		t.Errorf("got %+v", r)
	}
	view := quiver.View{
		Name: "v@1", Alias: "v", Events: []time.Time{second, {}},
		Statuses: []quiver.Status{quiver.StatusStale, quiver.StatusNotFound}, Watermark: time.Unix(2, 0).UTC(),
	}
	if diff := cmp.Diff([]quiver.View{view}, r.Views); diff != "" {
		t.Error(diff)
	}
	for _, name := range []string{"bool", "int32", "float32", "float64"} {
		got, err := r.Float64s(name)
		one := map[string]float64{"bool": 1, "int32": -1, "float32": 0.5, "float64": 1.5}[name]
		if err != nil || len(got) != 2 || got[0] != one || !math.IsNaN(got[1]) {
			t.Errorf("%s as float64: %v, %v", name, got, err)
		}
	}
	for _, name := range []string{"int32", "int64"} {
		if got, err := r.Int64s(name); err != nil || len(got) != 2 || got[1] != 0 {
			t.Errorf("%s as int64: %v, %v", name, got, err)
		}
	}
	if got, err := r.Strings("string"); err != nil || !cmp.Equal(got, []string{"x", ""}) {
		t.Errorf("string: %q, %v", got, err)
	}
	for name, want := range map[string]time.Time{"date": day, "timestamp": micro} {
		f, err := r.Feature(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.Times(); err != nil || !cmp.Equal(got, []time.Time{want, {}}) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

func TestWrongQuestionsAreErrors(t *testing.T) {
	r, _, err := ask(t, quiver.Request{}, everything)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Float64s("int64"); !errors.Is(err, quiver.ErrType) {
		t.Errorf("int64 as float64: %v", err)
	}
	if _, err := r.Strings("bytes"); !errors.Is(err, quiver.ErrType) {
		t.Errorf("bytes as string: %v", err)
	}
	if _, err := r.Int64s("nothing"); !errors.Is(err, quiver.ErrUnknown) {
		t.Errorf("nothing: %v", err)
	}
	r, _, err = ask(t, quiver.Request{}, `{"rows": 1, "features": [{"name": "a", "type": "float64", "statuses": "AQ=="}], "float64_matrix": [2.5]}`)
	if err != nil || !cmp.Equal(r.Float64Matrix, []float64{2.5}) || r.Features[0].Value(0) != nil {
		t.Fatalf("matrix: %+v, %v", r, err)
	}
	if _, err := r.Float64s("a"); !errors.Is(err, quiver.ErrType) {
		t.Errorf("a column beside a matrix: %v", err)
	}
}

func TestAResponseThatDoesNotHoldTogetherIsAnErrorAndNoPanic(t *testing.T) {
	for name, answer := range map[string]string{
		"statuses": `{"rows": 2, "features": [{"name": "a", "type": "bool", "statuses": "AQ=="}]}`,
		"values":   `{"rows": 2, "features": [{"name": "a", "type": "bool", "values": {"bools": [true]}, "statuses": "AQE="}]}`,
		"lists":    `{"rows": 2, "features": [{"name": "a", "type": "list<bool>", "values": {"items": {}, "lengths": [0]}, "statuses": "AQE="}]}`,
		"items":    `{"rows": 1, "features": [{"name": "a", "type": "list<bool>", "values": {"items": {"bools": [true]}, "lengths": [2]}, "statuses": "AQ=="}]}`,
		"nulls":    `{"rows": 1, "features": [{"name": "a", "type": "list<bool>", "values": {"items": {"bools": [true], "nulls": "AAA="}, "lengths": [1]}, "statuses": "AQ=="}]}`,
		"no items": `{"rows": 2, "features": [{"name": "a", "type": "list<bool>", "values": {"bools": [true, true], "lengths": [1]}, "statuses": "AQE="}]}`,
		"view":     `{"rows": 1, "features": [{"name": "a", "type": "bool", "values": {"bools": [true]}, "statuses": "AQ==", "view": 1}], "views": [{"view": "v@1", "statuses": "AQ==", "event_timestamps": [1]}]}`,
		"no views": `{"rows": 1, "features": [{"name": "a", "type": "bool", "values": {"bools": [true]}, "statuses": "AQ==", "view": 1}]}`,
		"rows":     `{"rows": 4294967295, "views": [{"view": "v@1"}]}`,
		"matrix":   `{"rows": 2, "features": [{"name": "a", "type": "bool", "statuses": "AQE="}], "float64_matrix": [1]}`,
		"views":    `{"rows": 2, "views": [{"view": "v@1", "statuses": "AQ=="}]}`,
	} {
		if r, _, err := ask(t, quiver.Request{}, answer); !errors.Is(err, quiver.ErrMalformed) {
			t.Errorf("%s: got %+v, %v", name, r, err)
		}
	}
	const one = `{"rows": 1, "features": [{"name": "a", "type": "float64", "values": {"bools": [true]}, "statuses": "AQ=="}]}`
	if r, _, err := ask(t, quiver.Request{EventTimestamps: true}, one); !errors.Is(err, quiver.ErrMalformed) {
		t.Errorf("no views where they were asked for: got %+v, %v", r, err)
	}
	r, _, err := ask(t, quiver.Request{}, one)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := r.Float64s("a"); !errors.Is(err, quiver.ErrMalformed) {
		t.Errorf("values of another type: %v, %v", got, err)
	}
	// Lists of a type that came later: their lengths make no memory.
	r, _, err = ask(t, quiver.Request{}, `{"rows": 2, "features": [{"name": "a", "type": "list<decimal>", "values": {"items": {}, "lengths": [4294967295, 0]}, "statuses": "AQE="}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Features[0].Value(0); got != nil {
		t.Errorf("a list of a type that is not known: %v", got)
	}
}

func TestErrorsKeepTheirCode(t *testing.T) {
	target, options, stop := startServer()
	defer stop()
	client, err := quiver.Dial(target, options)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if _, err := client.GetOnlineFeatures(t.Context(), quiver.Request{Service: "x"}); status.Code(err) != codes.NotFound {
		t.Errorf("got %v", err)
	}
}

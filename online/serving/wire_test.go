package serving_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	gostrings "strings"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/quiver-features/quiver/online/serving"
	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// captured is the service that Register registers, to be called without a wire.
type captured struct{ quiverv1.ServingServiceServer }

func (c *captured) RegisterService(_ *grpc.ServiceDesc, impl any) {
	c.ServingServiceServer, _ = impl.(quiverv1.ServingServiceServer)
}

// TestTheBytesOnTheWireStayWhatTheyAre compares with bytes that were written down
// (proto/testdata, in hexadecimal): clients of an earlier release send and read
// them. A new field may lengthen a response; what stands there does not change.
func TestTheBytesOnTheWireStayWhatTheyAre(t *testing.T) {
	c, m := flights(t)
	var service captured
	serving.Register(&service, newHandler(t, c, m, options()))
	request := &quiverv1.GetOnlineFeaturesRequest{}
	if err := proto.Unmarshal(golden(t, "serving_request.hex"), request); err != nil {
		t.Fatal(err)
	}
	response, err := service.GetOnlineFeatures(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	got, err := proto.MarshalOptions{Deterministic: true}.Marshal(response)
	if err != nil {
		t.Fatal(err)
	}
	if want := golden(t, "serving_response.hex"); !bytes.Equal(got, want) {
		t.Errorf("got\n%x\nwant\n%x", got, want)
	}
}

func golden(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "proto", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	data, err := hex.DecodeString(gostrings.Join(gostrings.Fields(string(text)), ""))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return data
}

// FuzzRequest sends whatever a client might: a request is answered or refused, and
// an answer has a status for every cell.
func FuzzRequest(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"service": "delay_model", "keys": {"origin": {"strings": ["SFO"]}, "destination": {"strings": ["LAX"]}}}`,
		`{"features": ["fuel:price", "fuel:*"], "matrix": "MATRIX_FLOAT64", "event_timestamps": true}`,
		`{"service": "delay_model", "keys": {"origin": {"strings": [""], "nulls": "AQ=="}, "destination": {"items": {}, "lengths": [1]}}, "inputs": {"": {"dates": [1]}}}`,
	} {
		data, err := proto.Marshal(message(f, text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	c, m := flights(f)
	var service captured
	serving.Register(&service, newHandler(f, c, m, options()))
	f.Fuzz(func(t *testing.T, data []byte) {
		request := &quiverv1.GetOnlineFeaturesRequest{}
		if proto.Unmarshal(data, request) != nil {
			return
		}
		response, err := service.GetOnlineFeatures(t.Context(), request)
		if err != nil {
			return
		}
		for _, feature := range response.GetFeatures() {
			if len(feature.GetStatuses()) != int(response.GetRows()) || bytes.IndexByte(feature.GetStatuses(), 0) >= 0 {
				t.Fatalf("%s: statuses %x for %d rows", feature.GetName(), feature.GetStatuses(), response.GetRows())
			}
		}
		if _, err := proto.Marshal(response); err != nil {
			t.Fatal(err)
		}
	})
}

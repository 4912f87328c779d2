package faults_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// asBytes is a codec that sends what it is given.
type asBytes struct{}

// Marshal implements encoding.Codec.
func (asBytes) Marshal(v any) ([]byte, error) {
	b, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("%T", v)
	}
	return b, nil
}

// Unmarshal implements encoding.Codec.
func (asBytes) Unmarshal([]byte, any) error { return nil }

// Name implements encoding.Codec: it passes for the usual one.
func (asBytes) Name() string { return "proto" }

const getMethod = "/quiver.v1.ServingService/GetOnlineFeatures"

// badCall is one message over gRPC that can't be answered.
type badCall struct {
	name    string
	method  string // empty: GetOnlineFeatures
	message []byte
	code    codes.Code
	says    []string
}

func badCalls(t *testing.T) []badCall {
	t.Helper()
	bytes := func(m *quiverv1.GetOnlineFeaturesRequest) []byte {
		b, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	keys := func(name string, v *quiverv1.Values) map[string]*quiverv1.Values {
		return map[string]*quiverv1.Values{name: v}
	}
	one := &quiverv1.Values{Int64S: []int64{1}}
	good := bytes(&quiverv1.GetOnlineFeaturesRequest{Service: "churn_model", Keys: keys("customer", one)})
	ask := func(name string, code codes.Code, m *quiverv1.GetOnlineFeaturesRequest, says ...string) badCall {
		return badCall{name: name, message: bytes(m), code: code, says: says}
	}
	service := func(name string, k map[string]*quiverv1.Values) *quiverv1.GetOnlineFeaturesRequest {
		return &quiverv1.GetOnlineFeaturesRequest{Service: name, Keys: k}
	}
	deep := one
	for range 5000 {
		deep = &quiverv1.Values{Items: deep, Lengths: []uint32{1}}
	}
	return []badCall{
		{name: "no message", code: codes.InvalidArgument, says: []string{"service"}},
		{name: "half a message", message: good[:len(good)/2], code: codes.Internal},
		{name: "binary", message: []byte("\xff\xff\xff\xff\xff\xff"), code: codes.Internal},
		{name: "no UTF-8", message: []byte("\x0a\x02\xff\xfe"), code: codes.Internal},
		{name: "an unknown method", method: "/quiver.v1.ServingService/Drop", message: good, code: codes.Unimplemented},
		{name: "an unknown service of RPCs", method: "/a.B/C", message: good, code: codes.Unimplemented},
		{name: "a method of no form", method: "/", message: good, code: codes.Unimplemented},
		{name: "8 MB", message: make([]byte, 8<<20), code: codes.ResourceExhausted},
		ask("nothing asked for", codes.InvalidArgument, service("", keys("customer", one)), "service"),
		ask("everything asked for", codes.InvalidArgument, &quiverv1.GetOnlineFeaturesRequest{Service: "churn_model", Features: []string{"last_order:amount"}, Keys: keys("customer", one)}, "features"),
		ask("an unknown service", codes.NotFound, service("churn_mdoel", keys("customer", one)), "churn_model"),
		ask("a service of control characters", codes.InvalidArgument, service("\x00\x1b[31m", keys("customer", one)), "service"),
		ask("a service of 1 MB", codes.InvalidArgument, service(strings.Repeat("x", 1<<20), keys("customer", one)), "300"),
		ask("an unknown feature", codes.NotFound, &quiverv1.GetOnlineFeaturesRequest{Features: []string{"last_order:amuont"}, Keys: keys("customer", one)}, "amount"),
		ask("no keys", codes.InvalidArgument, service("churn_model", nil), "customer"),
		ask("an unknown key", codes.InvalidArgument, service("churn_model", keys("custmer", one)), "customer"),
		ask("text for numbers", codes.InvalidArgument, service("churn_model", keys("customer", &quiverv1.Values{Strings: []string{"1"}})), "customer"),
		ask("values of two kinds", codes.InvalidArgument, service("churn_model", keys("customer", &quiverv1.Values{Int64S: []int64{1}, Strings: []string{"1"}})), "customer"),
		ask("too long a mask of nulls", codes.InvalidArgument, service("churn_model", keys("customer", &quiverv1.Values{Int64S: []int64{1}, Nulls: make([]byte, 1000)})), "customer"),
		ask("lists in lists", codes.InvalidArgument, service("churn_model", keys("customer", deep)), "customer"),
		ask("10,001 rows", codes.InvalidArgument, service("churn_model", keys("customer", &quiverv1.Values{Int64S: make([]int64, 10_001)})), "10000"),
		ask("1 M names", codes.InvalidArgument, &quiverv1.GetOnlineFeaturesRequest{Features: strings.Split(strings.Repeat("a:b,", 600_000)+"a:b", ","), Keys: keys("customer", one)}, "1000"),
	}
}

// grpc is the gRPC server at its worst.
func (b *bench) grpc(t *testing.T) {
	v := b.scene(t, filled).serve()
	connection, err := grpc.NewClient(v.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	v.check(err)
	v.everyMethodIsKnown()
	t.Run("calls", func(t *testing.T) {
		for _, c := range badCalls(t) {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if c.method == "" {
					c.method = getMethod
				}
				if c.message == nil {
					c.message = []byte{}
				}
				err := connection.Invoke(ctx, c.method, c.message, nil, grpc.ForceCodec(asBytes{}))
				told := status.Convert(err)
				if told.Code() != c.code {
					t.Errorf("code %v, want %v: %.500s", told.Code(), c.code, told.Message())
				}
				result{out: told.Message()}.sound(t, 0)
				for _, word := range c.says {
					if !strings.Contains(told.Message(), word) {
						t.Errorf("no %q in %.500s", word, told.Message())
					}
				}
			})
		}
	})
	for name, pieces := range map[string][]string{
		"nothing": nil, "HTTP/1": {"GET / HTTP/1.1\r\nHost: x\r\n\r\n"}, "no protocol": {strings.Repeat("\xff", 100_000)},
		"half a preface": {"PRI * HTTP/2.0\r\n"}, "a preface and noise": {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", strings.Repeat("\x7f", 100_000)},
	} {
		t.Run(name, func(*testing.T) { v.raw(v.grpc, pieces...) })
	}
	v.check(connection.Close())
	v.wellServed()
	v.asBefore()
}

// everyMethodIsKnown fails where the API has got a method that has no rows here.
func (v *server) everyMethodIsKnown() {
	v.t.Helper()
	file, err := protoregistry.GlobalFiles.FindFileByPath(quiverv1.File_quiver_v1_serving_proto.Path())
	v.check(err)
	for i := range file.Services().Len() {
		for k := range file.Services().Get(i).Methods().Len() {
			m := file.Services().Get(i).Methods().Get(k)
			if name := fmt.Sprintf("/%s/%s", m.Parent().FullName(), m.Name()); name != getMethod {
				v.t.Errorf("%s has no rows in the table of gRPC", name)
			}
		}
	}
}

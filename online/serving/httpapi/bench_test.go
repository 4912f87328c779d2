package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

type benchmark struct {
	name, service string
	rows          int
}

func benchmarks() []benchmark {
	return []benchmark{{"1x10", "narrow", 1}, {"100x50", "wide", 100}}
}

func (bm benchmark) body() string {
	return fmt.Sprintf(`{"service":%q,"keys":{"user":[%s]}}`, bm.service, strings.TrimSuffix(strings.Repeat("7,", bm.rows-1)+"8,", ","))
}

// discard is a response that goes nowhere.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

// BenchmarkHandler is the server's part alone: no connection and no client.
func BenchmarkHandler(b *testing.B) {
	for _, bm := range benchmarks() {
		b.Run(bm.name, func(b *testing.B) {
			a, body := ready(b), []byte(bm.body())
			r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, "/v1/features:get", http.NoBody)
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/json")
			b.ReportAllocs()
			for b.Loop() {
				r.Body = io.NopCloser(bytes.NewReader(body))
				a.ServeHTTP(discard{http.Header{}}, r)
			}
		})
	}
}

// BenchmarkHTTP is a whole call over a local connection, client included.
func BenchmarkHTTP(b *testing.B) {
	for _, bm := range benchmarks() {
		b.Run(bm.name, func(b *testing.B) {
			url, body := ready(b).serve(b)+"/v1/features:get", bm.body()
			client := &http.Client{Transport: &http.Transport{}}
			defer client.CloseIdleConnections()
			b.ReportAllocs()
			for b.Loop() {
				resp, err := client.Post(url, "application/json", strings.NewReader(body))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
					b.Fatal(resp.Status, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
}

// BenchmarkGRPC is the same over gRPC, over a connection in memory.
func BenchmarkGRPC(b *testing.B) {
	for _, bm := range benchmarks() {
		b.Run(bm.name, func(b *testing.B) {
			client := ready(b).dial(b)
			users := make([]int64, bm.rows)
			for i := range users {
				users[i] = 7
			}
			users[bm.rows-1] = 8
			request := &quiverv1.GetOnlineFeaturesRequest{Service: bm.service, Keys: map[string]*quiverv1.Values{"user": {Int64S: users}}}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.GetOnlineFeatures(context.Background(), request); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

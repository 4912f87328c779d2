package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/quiver-features/quiver/feature"
	quiver "github.com/quiver-features/quiver/sdk/go"
)

func askServer(ctx context.Context, w *waits, f getFlags, keys, inputs map[string]*feature.Column) (*answer, error) {
	transport, err := f.credentials()
	if err != nil {
		return nil, err
	}
	client, err := quiver.Dial(f.server, quiver.Options{Credentials: transport})
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	request := quiver.Request{Service: f.service, Features: f.features, Keys: quiver.Columns{}, Inputs: quiver.Columns{}, EventTimestamps: true}
	for name, c := range keys {
		request.Keys[name] = wireColumn(c)
	}
	for name, c := range inputs {
		request.Inputs[name] = wireColumn(c)
	}
	r, err := waited(w, func() (*quiver.Response, error) { return client.GetOnlineFeatures(ctx, request) })
	if err != nil {
		return nil, serverError(f.server, f.words(), err)
	}
	got := &answer{Service: r.Service, Revision: r.Revision, Time: feature.TimeOf(r.Time), Rows: r.Rows, Features: []answerFeature{}}
	for i := range r.Features {
		c := &r.Features[i]
		out := answerFeature{Name: c.Name, Type: c.Type}
		for row := range r.Rows {
			out.Values = append(out.Values, plain(c.Value(row)))
			out.Statuses = append(out.Statuses, c.Status(row).String())
			if c.View < 0 {
				out.Events = append(out.Events, nil) // of several rows
				continue
			}
			event := r.Views[c.View].Events[row]
			out.Events = append(out.Events, pointer(feature.TimeOf(event), !event.IsZero()))
		}
		got.Features = append(got.Features, out)
	}
	return got, nil
}

// credentials are those of a connection; nil: without TLS.
func (f getFlags) credentials() (credentials.TransportCredentials, error) {
	if !f.tls && f.caFile == "" {
		return nil, nil //nolint:nilnil // none is what the client takes nil for
	}
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.caFile != "" {
		pem, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, usagef("--ca-file: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, usagef("--ca-file %s holds no certificate in PEM", f.caFile)
		}
	}
	return credentials.NewTLS(config), nil
}

// tlsWords are how a command is told whether the server speaks TLS.
type tlsWords struct{ with, without, trust string }

func (f getFlags) words() tlsWords {
	return tlsWords{
		with: "add --tls", without: "leave --tls and --ca-file out",
		trust: "give the authority that signed the server's certificate by --ca-file",
	}
}

// unreachable says what to do about a server that gRPC could not reach. Its texts are
// all that it tells of why.
func unreachable(text string, w tlsWords) string {
	for _, hint := range [...]struct{ part, text string }{
		{"looked like an HTTP/1.1 header", "that is the port for HTTP: give the one for gRPC; where the server speaks TLS, " + w.with},
		{"first record does not look like a TLS handshake", "the server does not speak TLS at this port: " + w.without},
		{"certificate signed by unknown authority", w.trust},
		{"error reading server preface", "is it the port for gRPC? Does the server speak TLS? Then " + w.with},
	} {
		if strings.Contains(text, hint.part) {
			return hint.text
		}
	}
	return "is quiver serve running there?"
}

// serverError says what a server refused, without what gRPC puts around it.
func serverError(server string, words tlsWords, err error) error {
	var wire interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &wire) {
		return fmt.Errorf("server %s: %w", server, err)
	}
	s := wire.GRPCStatus()
	kind := feature.ErrInvalid
	switch s.Code() {
	case codes.NotFound:
		kind = feature.ErrNotFound
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		kind = feature.ErrUnavailable
	case codes.Internal, codes.Unknown:
		return fmt.Errorf("server %s: %s", server, s.Message()) // a fault of the server, not of the request
	}
	if s.Code() == codes.Unavailable {
		_, text, _ := strings.Cut(s.Message(), "desc = ") // behind it stands what happened
		if text != "" {
			return fmt.Errorf("server %s can't be reached (%s): %s: %w", server, unreachable(text, words), strings.Trim(text, `"`), kind)
		}
	}
	if s.Code() == codes.ResourceExhausted && strings.HasPrefix(s.Message(), "grpc: ") { // gRPC's own, which knows no remedy
		return fmt.Errorf("server %s: %s: split the request, or start the server with a larger --max-request-bytes: %w", server, s.Message(), feature.ErrTooLarge)
	}
	return fmt.Errorf("server %s: %s: %w", server, s.Message(), kind)
}

// wireColumn makes a request's column.
func wireColumn(c *feature.Column) quiver.Column {
	w := wireValues(c)
	if c.Valid == nil {
		return w
	}
	null := make([]bool, c.Len())
	for i := range null {
		null[i] = c.IsNull(i)
	}
	return w.WithNulls(null...)
}

func wireValues(c *feature.Column) quiver.Column {
	if c.Type.List {
		return quiver.Lists(collect(c, func(i int) quiver.Column {
			items := feature.NewColumn(c.Type.Elem(), 0)
			for j := c.Offsets[i]; j < c.Offsets[i+1]; j++ {
				items.AppendFrom(c.Items, int(j))
			}
			return wireValues(items)
		})...)
	}
	switch c.Type.Kind {
	case feature.Float32:
		return quiver.Float32s(c.Float32s...)
	case feature.Float64:
		return quiver.Float64s(c.Float64s...)
	case feature.Bool:
		return quiver.Bools(c.Bools...)
	case feature.Int32:
		return quiver.Int32s(c.Int32s...)
	case feature.Int64:
		return quiver.Int64s(c.Int64s...)
	case feature.Date:
		return quiver.Dates(collect(c, func(i int) time.Time { return feature.FromDate(c.Int32s[i]).Std() })...)
	case feature.Timestamp:
		return quiver.Timestamps(collect(c, func(i int) time.Time { return feature.Time(c.Int64s[i]).Std() })...)
	case feature.Bytes:
		return quiver.Bytes(collect(c, c.Bytes)...)
	default:
		return quiver.Strings(collect(c, func(i int) string { return string(c.Bytes(i)) })...)
	}
}

func collect[T any](c *feature.Column, value func(int) T) []T {
	values := make([]T, c.Len())
	for i := range values {
		values[i] = value(i)
	}
	return values
}

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
	quiver "github.com/quiver-features/quiver/sdk/go"
)

type getFlags struct {
	service, server, caFile string
	tls                     bool
	features, keys          []string
	timeout                 time.Duration
}

func (a *app) getCommand() *cobra.Command {
	var f getFlags
	c := &cobra.Command{
		Use:   "get (--service NAME | --features LIST) --key NAME=VALUE[,VALUE...]",
		Short: "Ask for the latest features of some entities",
		Long: `Asks for features as of now, of the project's own online store or, with --server, of
a running server. A key is given once per key column, with one value per entity;
a comma within a value is written as \,.`,
		Example: `  quiver get --service delay_model --key origin=SFO,JFK --key destination=LAX,BOS
  quiver get --features airport_facts:city --key airport=SFO --server localhost:7070`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.timeout <= 0 {
				return usagef("--timeout: expected more than zero")
			}
			if f.server == "" && (f.tls || f.caFile != "") {
				return usagef("--tls and --ca-file are for --server, which is missing")
			}
			return a.get(c.Context(), f)
		},
	}
	c.Flags().StringVar(&f.service, "service", "", "`service` whose features are wanted: name or name@version")
	c.Flags().StringSliceVar(&f.features, "features", nil, "`features` that are wanted, separated by commas: view:feature, view@2:feature, view:*")
	c.Flags().StringArrayVar(&f.keys, "key", nil, "key column with its `values`: name=value,value; once per column")
	c.Flags().StringVar(&f.server, "server", "", "`address` of a running server, host:port (default: the project's own store is asked)")
	c.Flags().BoolVar(&f.tls, "tls", false, "speak TLS with the server")
	c.Flags().StringVar(&f.caFile, "ca-file", "", "`file` with the authority, in PEM, that signed the server's certificate; implies --tls (default: those that the machine knows)")
	c.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "how `long` to wait for the answer, for example 500ms")
	return c
}

func (a *app) get(ctx context.Context, f getFlags) error {
	wanted, err := parseWanted(f.service, f.features)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	err = a.getWithin(limited, f, wanted)
	if err != nil && ctx.Err() == nil && limited.Err() != nil {
		return fmt.Errorf("no answer within %s (--timeout): %w", f.timeout, err)
	}
	return err
}

func (a *app) getWithin(ctx context.Context, f getFlags, w wanted) error {
	a.clockTold = a.clockTold || f.server != "" // the time is the server's
	return a.withSnapshot(ctx, func(p *project, store registry.Store, s *registry.Snapshot) error {
		selection, err := w.from(s)
		if err != nil {
			return err
		}
		keys, err := parseKeys(f.keys, selection)
		if err != nil {
			return err
		}
		var got *answer
		if f.server != "" {
			got, err = askServer(ctx, f, keys)
		} else {
			got, err = askStore(ctx, p, store, s, f, keys)
		}
		if err != nil {
			return err
		}
		if err := a.print(got, func() error { return a.printAnswer(got, f, keys) }); err != nil {
			return err
		}
		a.noteUnavailable(got, selection)
		return nil
	})
}

// noteUnavailable says what to do about views that nothing can be said of.
func (a *app) noteUnavailable(got *answer, selection *feature.Selection) {
	var views []string
	for i := range selection.Outputs {
		o := &selection.Outputs[i]
		at := slices.IndexFunc(got.Features, func(f answerFeature) bool { return f.Name == o.Name })
		view := selection.Uses[o.Use].View.ID()
		if at >= 0 && slices.Contains(got.Features[at].Statuses, feature.StatusUnavailable.String()) && !slices.Contains(views, view) {
			views = append(views, view)
		}
	}
	for _, view := range views {
		a.note("note: %s was never materialized, or its values were lost: run quiver materialize %s (or the online store did not answer: quiver status tells)", view, view)
	}
}

// parseKeys reads the key columns in the types that the features want: each of
// them once, all of one length.
func parseKeys(texts []string, selection *feature.Selection) (map[string]*feature.Column, error) {
	wanted, err := selection.KeyColumns()
	if err != nil {
		return nil, err
	}
	columns := map[string]*feature.Column{}
	first := "" // the column that says how many entities there are
	for _, text := range texts {
		name, values, ok := strings.Cut(text, "=")
		if !ok {
			return nil, usagef("--key %q: expected name=value,value", text)
		}
		if columns[name] != nil {
			return nil, usagef("--key %s is given twice: put all values behind one, separated by commas", name)
		}
		at := slices.IndexFunc(wanted, func(k feature.JoinKey) bool { return k.Name == name })
		if at < 0 {
			return nil, usagef("--key %s: no such key column; %s", name, asksFor(wanted))
		}
		columns[name] = feature.NewColumn(wanted[at].Type, 1)
		for i, v := range splitValues(values) {
			if err := columns[name].AppendText(v); err != nil {
				return nil, usagef("--key %s, value %d: %w", name, i+1, err)
			}
		}
		if first == "" {
			first = name
		}
		if n, expected := columns[name].Len(), columns[first].Len(); n != expected {
			return nil, usagef("--key %s has %s and --key %s has %d: give one value per entity to each",
				first, plural(expected, "value", "values"), name, n)
		}
	}
	for _, k := range wanted {
		if columns[k.Name] == nil {
			return nil, usagef("--key %s=... is missing; %s", k.Name, asksFor(wanted))
		}
	}
	return columns, nil
}

func asksFor(keys []feature.JoinKey) string {
	if len(keys) == 0 {
		return "these features have no keys"
	}
	return "these features need " + keyList(keys)
}

// splitValues splits at commas; a backslash keeps what follows it.
func splitValues(s string) []string {
	var values []string
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		case s[i] == ',':
			values = append(values, b.String())
			b.Reset()
		default:
			b.WriteByte(s[i])
		}
	}
	return append(values, b.String())
}

// catalog shows a registry to the server.
type catalog struct{ store registry.Store }

func (c catalog) Head(ctx context.Context) (int64, error) {
	head, err := c.store.Head(ctx)
	return head.Serial, err
}

func (c catalog) Load(ctx context.Context) (serving.Snapshot, error) {
	return c.store.Load(ctx, 0)
}

func (c catalog) Filled(ctx context.Context, storage uint64) (bool, error) {
	return wasFilled(ctx, c.store, storage)
}

func askStore(ctx context.Context, p *project, store registry.Store, s *registry.Snapshot, f getFlags, keys map[string]*feature.Column) (*answer, error) {
	values, err := p.openOnline(ctx, s.Identity().ID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = values.Close() }()
	return ask(ctx, p, store, values, f, keys)
}

func ask(ctx context.Context, p *project, store registry.Store, values online.Store, f getFlags, keys map[string]*feature.Column) (*answer, error) {
	handler, err := serving.New(catalog{store}, values, serving.Options{
		Clock: p.clock, Log: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		return nil, err
	}
	if err := handler.Refresh(ctx); err != nil {
		return nil, err
	}
	r, err := handler.Get(ctx, &serving.Request{Service: f.service, Features: f.features, Keys: keys, EventTimestamps: true})
	if err != nil {
		return nil, err
	}
	got := &answer{Service: r.Service, Revision: r.Revision, Time: r.Time, Rows: r.Rows, Features: []answerFeature{}}
	for i := range r.Features {
		c := &r.Features[i]
		out := answerFeature{Name: c.Name, Type: c.TypeText}
		for row := range r.Rows {
			out.Values = append(out.Values, plain(c.Values.Any(row)))
			out.Statuses = append(out.Statuses, c.Status(row).String())
			out.Events = append(out.Events, eventOf(r.Views[c.View].Events[row], r.Views[c.View].Statuses[row]))
		}
		got.Features = append(got.Features, out)
	}
	return got, nil
}

func eventOf(t feature.Time, s byte) *feature.Time {
	switch feature.Status(s) {
	case feature.StatusNotFound, feature.StatusUnavailable, feature.StatusError:
		return nil
	}
	return &t
}

func askServer(ctx context.Context, f getFlags, keys map[string]*feature.Column) (*answer, error) {
	transport, err := f.credentials()
	if err != nil {
		return nil, err
	}
	client, err := quiver.Dial(f.server, quiver.Options{Credentials: transport})
	if err != nil {
		return nil, err
	}
	defer func() { _ = client.Close() }()
	request := quiver.Request{Service: f.service, Features: f.features, Keys: quiver.Columns{}, EventTimestamps: true}
	for name, c := range keys {
		request.Keys[name] = wireColumn(c)
	}
	r, err := client.GetOnlineFeatures(ctx, request)
	if err != nil {
		return nil, serverError(f.server, err)
	}
	got := &answer{Service: r.Service, Revision: r.Revision, Time: feature.TimeOf(r.Time), Rows: r.Rows, Features: []answerFeature{}}
	for i := range r.Features {
		c := &r.Features[i]
		out := answerFeature{Name: c.Name, Type: c.Type}
		for row := range r.Rows {
			out.Values = append(out.Values, plain(c.Value(row)))
			out.Statuses = append(out.Statuses, c.Status(row).String())
			event := (*feature.Time)(nil)
			if t := r.Views[c.View].Events[row]; !t.IsZero() {
				us := feature.TimeOf(t)
				event = &us
			}
			out.Events = append(out.Events, event)
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

// unreachable says what to do about a server that gRPC could not reach. Its texts are
// all that it tells of why.
func unreachable(text string) string {
	for _, hint := range [...]struct{ part, text string }{
		{"looked like an HTTP/1.1 header", "that is the port for HTTP: give the one for gRPC, or --tls where the server speaks TLS"},
		{"first record does not look like a TLS handshake", "the server does not speak TLS at this port: leave --tls and --ca-file out"},
		{"certificate signed by unknown authority", "give the authority that signed the server's certificate by --ca-file"},
		{"error reading server preface", "is it the port for gRPC? Does the server speak TLS? Then add --tls"},
	} {
		if strings.Contains(text, hint.part) {
			return hint.text
		}
	}
	return "is quiver serve running there?"
}

// serverError says what a server refused, without what gRPC puts around it.
func serverError(server string, err error) error {
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
	}
	if s.Code() == codes.Unavailable {
		_, text, _ := strings.Cut(s.Message(), "desc = ") // behind it stands what happened
		if text != "" {
			return fmt.Errorf("server %s can't be reached (%s): %s: %w", server, unreachable(text), strings.Trim(text, `"`), kind)
		}
	}
	if s.Code() == codes.ResourceExhausted && strings.HasPrefix(s.Message(), "grpc: ") { // gRPC's own, which knows no remedy
		return fmt.Errorf("server %s: %s: split the request, or start the server with a larger --max-request-bytes: %w", server, s.Message(), feature.ErrTooLarge)
	}
	return fmt.Errorf("server %s: %s: %w", server, s.Message(), kind)
}

// wireColumn makes a request's column of key values.
func wireColumn(c *feature.Column) quiver.Column {
	switch c.Type.Kind {
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

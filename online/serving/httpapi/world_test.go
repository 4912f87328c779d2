package httpapi_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/goleak"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/online/serving/httpapi"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

const now = feature.Time(1_000_000_000_000) // 1970-01-12T13:46:40Z

// store is an online store in memory.
type store struct {
	values map[string][]byte
	get    func(context.Context) error // before a read; nil: works
}

func (s *store) Get(ctx context.Context, keys [][]byte) ([][]byte, error) {
	if s.get != nil {
		if err := s.get(ctx); err != nil {
			return nil, err
		}
	}
	values := make([][]byte, len(keys))
	for i, k := range keys {
		values[i] = s.values[string(k)]
	}
	return values, nil
}

func (s *store) Watermarks(_ context.Context, storages []uint64) ([]feature.Watermark, error) {
	marks := make([]feature.Watermark, len(storages))
	for i := range marks {
		marks[i] = feature.Watermark{Known: true, Time: now.Add(-feature.Minute), Run: 1}
	}
	return marks, nil
}

func (s *store) put(tb testing.TB, at *feature.Storage, event feature.Time, keys, values []any) {
	tb.Helper()
	layout, err := online.NewLayout(at)
	if err != nil {
		tb.Fatal(err)
	}
	b := &feature.Batch{Rows: 1, Event: []feature.Time{event}}
	boxed := func(t feature.Type, v any) *feature.Column {
		c := feature.NewColumn(t, 1)
		if err := c.AppendAny(v); err != nil {
			tb.Fatal(err)
		}
		return c
	}
	for i, k := range at.Keys {
		b.Keys = append(b.Keys, boxed(k.Type, keys[i]))
	}
	for i, f := range at.Features {
		b.Features = append(b.Features, boxed(f.Type, values[i]))
	}
	s.values[string(layout.AppendKey(nil, b.Keys, 0))] = bytes.Clone(layout.AppendRow(nil, b, 0))
}

// catalog is a registry of some services; lists are answered by "fuel:price".
type catalog map[string]*feature.Selection

func (c catalog) Head(context.Context) (int64, error)            { return 7, nil }
func (c catalog) Load(context.Context) (serving.Snapshot, error) { return c, nil }
func (c catalog) Revision() int64                                { return 7 }
func (c catalog) Filled(context.Context, uint64) (bool, error)   { return false, nil }

func (c catalog) Storage(id uint64) (*feature.Storage, error) {
	return &feature.Storage{ID: id, State: feature.StorageActive}, nil
}

func (c catalog) Service(name string, version int) (*feature.Selection, error) {
	if s := c[name]; s != nil && (version == 0 || s.Service == fmt.Sprintf("%s@%d", name, version)) {
		return s, nil
	}
	return nil, fmt.Errorf("no service is called %s: %w", name, feature.ErrNotFound)
}

func (c catalog) Select(refs []feature.Reference) (*feature.Selection, error) {
	if refs[0].View != "fuel" {
		return nil, fmt.Errorf("no view is called %s: did you mean fuel? %w", refs[0].View, feature.ErrNotFound)
	}
	return c["(list)"], nil
}

func field(name string, kind feature.Kind) feature.Field {
	return feature.Field{Name: name, Type: feature.Scalar(kind)}
}

func list(name string, kind feature.Kind) feature.Field {
	return feature.Field{Name: name, Type: feature.ListOf(kind, 0)}
}

func key(name string, kind feature.Kind) feature.JoinKey {
	return feature.JoinKey{Name: name, Type: feature.Scalar(kind)}
}

func use(view string, storage uint64, keys []feature.JoinKey, fields ...feature.Field) feature.Use {
	v := &feature.ViewVersion{Meta: feature.Meta{Name: view}, Version: 1, Keys: keys, Features: fields, Online: true}
	u := feature.Use{View: v, Alias: view, Active: &feature.Storage{
		ID: storage, View: view, Version: 1, State: feature.StorageActive, Keys: keys, Features: fields,
	}}
	for _, k := range keys {
		u.Keys = append(u.Keys, k.Name)
	}
	return u
}

func as(u feature.Use, alias string, keys ...string) feature.Use {
	u.Alias, u.Keys = alias, keys
	return u
}

func selection(service string, uses ...feature.Use) *feature.Selection {
	s := &feature.Selection{Service: service, Revision: 7, Uses: uses}
	for i, u := range uses {
		for f := range u.View.Features {
			s.Outputs = append(s.Outputs, feature.Output{Use: i, Feature: f, Name: u.Alias + "__" + u.View.Features[f].Name})
		}
	}
	return s
}

// world is three services: delay_model, of a view in two roles, a composite key and
// a global view; types, with keys and values of every type; wide, of 50 floats.
func world(tb testing.TB) (catalog, *store) {
	tb.Helper()
	airports := use("airports", 1, []feature.JoinKey{key("airport", feature.String)}, field("busy", feature.Bool), field("delay", feature.Int64))
	routes := use("routes", 2, []feature.JoinKey{key("origin", feature.String), key("destination", feature.String)}, field("share", feature.Float32))
	fuel := use("fuel", 3, nil, field("price", feature.Float64))
	types := use("v", 4, typeKeys(), field("a", feature.Bool), field("b", feature.Int32), field("c", feature.Int64), field("d", feature.Float32),
		field("e", feature.Float64), field("f", feature.String), field("g", feature.Bytes), field("h", feature.Date), field("i", feature.Timestamp),
		list("l", feature.String), list("m", feature.Float32), list("n", feature.Date))
	s := &store{values: map[string][]byte{}}
	s.put(tb, airports.Active, now, []any{"SFO"}, []any{true, int64(7)})
	s.put(tb, airports.Active, now-1, []any{"LAX"}, []any{nil, int64(math.MinInt64)})
	s.put(tb, routes.Active, now-2, []any{"SFO", "LAX"}, []any{float32(0.1)})
	s.put(tb, fuel.Active, now-1_000_000, nil, []any{1.5})
	s.put(tb, types.Active, now, typeRow(), []any{
		true, int32(-1), int64(math.MaxInt64), float32(math.Inf(1)), math.NaN(), "a\"\\\n\x01é\u2028",
		[]byte{1, 0, 255},
		feature.CalendarDay(-1), feature.Time(-1),
		[]any{"x", nil, ""},
		[]any{},
		[]any{feature.CalendarDay(1)},
	})
	c := catalog{
		"delay_model": selection("delay_model@3", as(airports, "origin", "origin"), as(airports, "dest", "destination"), routes, fuel),
		"types":       selection("types@1", types),
		"(list)":      selection("", fuel),
	}
	var uses []feature.Use
	for i := range 5 {
		var fields []feature.Field
		for j := range 10 {
			fields = append(fields, field(fmt.Sprintf("f%d", j), feature.Float64))
		}
		u := use(fmt.Sprintf("view%d", i), uint64(10+i), []feature.JoinKey{key("user", feature.Int64)}, fields...)
		for user := range 100 {
			values := make([]any, 10)
			for j := range values {
				values[j] = float64(user) + 1/float64(i+j+3)
			}
			s.put(tb, u.Active, now, []any{int64(user)}, values)
		}
		uses = append(uses, u)
	}
	c["wide"] = selection("wide@1", uses...)
	c["narrow"] = selection("narrow@1", uses[0])
	c["derived"] = derived(as(airports, "origin", "origin"))
	return c, s
}

// derived is a service with inputs, of which it derives features.
func derived(u feature.Use) *feature.Selection {
	s := selection("derived@1", u)
	for _, k := range []feature.Kind{feature.Bool, feature.Int32, feature.Float32, feature.String, feature.Bytes, feature.Date, feature.Timestamp} {
		name := "in_" + k.String()
		s.Inputs = append(s.Inputs, feature.Input{Name: name, Type: feature.Scalar(k)})
		s.Derived = append(s.Derived, feature.Field{Name: "same_" + k.String(), Type: feature.Scalar(k), Expression: name})
	}
	s.Inputs = append(s.Inputs, feature.Input{Name: "distance", Type: feature.Scalar(feature.Int64)}, feature.Input{Name: "vector", Type: feature.ListOf(feature.Float64, 2)})
	s.Derived = append(s.Derived,
		feature.Field{Name: "late", Type: feature.Scalar(feature.Bool), Expression: "distance > 100 && origin.delay > 5"},
		feature.Field{Name: "norm", Type: feature.Scalar(feature.Float64), Expression: "norm(vector)"},
		feature.Field{Name: "fails", Type: feature.Scalar(feature.Int64), Expression: "10 / distance"})
	for i, d := range s.Derived {
		s.Outputs = append(s.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: i, Name: d.Name})
	}
	return s
}

func typeKeys() []feature.JoinKey {
	return []feature.JoinKey{
		key("k", feature.Date), key("s", feature.String), key("w", feature.Bytes), key("x", feature.Timestamp),
		key("y", feature.Int32), key("z", feature.Bool), key("zz", feature.Int64),
	}
}

// typeRow is the row of view v that the store holds.
func typeRow() []any {
	return []any{feature.CalendarDay(5), "é\n😀", []byte{0, 255}, feature.Time(9), int32(-3), true, int64(1<<53 + 1)}
}

const typeKeysJSON = `"k": ["1970-01-06"], "s": ["\u00E9\n\ud83D\uDE00"], "w": ["AP8="], "x": ["1970-01-01T00:00:00.000009Z"], "y": [-3], "z": [true], "zz": [9007199254740993]`

// api is what is tested, with its parts.
type api struct {
	http.Handler
	store   *store
	serving *serving.Handler
	layer   *rpc.Layer
	metrics *prometheus.Registry
}

func newAPI(tb testing.TB, opts rpc.Options) *api {
	tb.Helper()
	c, s := world(tb)
	a := &api{store: s, metrics: prometheus.NewRegistry()}
	var err error
	a.serving, err = serving.New(c, s, serving.Options{Clock: func() feature.Time { return now }, Log: quiet(), Registerer: a.metrics})
	if err != nil {
		tb.Fatal(err)
	}
	if a.layer, err = rpc.New(opts, quiet(), a.metrics); err != nil {
		tb.Fatal(err)
	}
	a.Handler = httpapi.New(a.serving, a.layer, httpapi.Options{Metrics: promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}), Version: "v9"})
	return a
}

// ready makes an api that has read its registry.
func ready(tb testing.TB) *api {
	tb.Helper()
	a := newAPI(tb, rpc.Options{})
	a.refresh(tb)
	return a
}

func (a *api) refresh(tb testing.TB) {
	tb.Helper()
	if err := a.serving.Refresh(tb.Context()); err != nil {
		tb.Fatal(err)
	}
}

// send sends a request without a network; headers are name, value, name, value.
func (a *api) send(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	return w
}

func (a *api) post(body string, headers ...string) *httptest.ResponseRecorder {
	return a.send(http.MethodPost, "/v1/features:get", body, headers...)
}

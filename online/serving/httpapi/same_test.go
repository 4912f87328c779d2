package httpapi_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// dial serves the same handler over gRPC.
func (a *api) dial(t testing.TB) quiverv1.ServingServiceClient {
	t.Helper()
	server := rpc.NewServer(a.layer, quiet())
	serving.Register(server.GRPC(), a.serving)
	listener := bufconn.Listen(1 << 20)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener, a.serving.Ready()) }()
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

// TestBothTransportsAnswerTheSame sends random requests, some of them wrong, over
// both.
func TestBothTransportsAnswerTheSame(t *testing.T) {
	a := ready(t)
	client := a.dial(t)
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(seed, 0))
	kinds := map[codes.Code]int{}
	for i := range 1500 {
		message, body := randomRequest(rng)
		w := a.post(body)
		resp, err := client.GetOnlineFeatures(t.Context(), message)
		kinds[status.Code(err)]++
		if err != nil {
			p := problemOf(t, w)
			if code := strings.ReplaceAll(strings.ToLower(p.Code), "_", ""); code != strings.ToLower(status.Code(err).String()) || p.Detail != status.Convert(err).Message() {
				t.Fatalf("request %d of seed %d: %s\ngRPC: %v\nHTTP: %+v", i, seed, body, err, p)
			}
			continue
		}
		if diff := cmp.Diff(fromGRPC(resp), fromHTTP(t, w.Body.Bytes())); diff != "" {
			t.Fatalf("request %d of seed %d: %s\n%s\n-gRPC +HTTP: %s", i, seed, body, w.Body, diff)
		}
	}
	if kinds[codes.OK] < 500 || kinds[codes.InvalidArgument] < 100 || kinds[codes.NotFound] < 20 {
		t.Errorf("the requests were not of all kinds: %v", kinds)
	}
}

// randomRequest makes one request in two languages.
func randomRequest(rng *rand.Rand) (*quiverv1.GetOnlineFeaturesRequest, string) {
	m := &quiverv1.GetOnlineFeaturesRequest{Keys: map[string]*quiverv1.Values{}}
	fields := map[string]any{}
	texts := func(names ...string) (keys []feature.JoinKey) {
		for _, n := range names {
			keys = append(keys, key(n, feature.String))
		}
		return keys
	}
	var keys []feature.JoinKey
	switch rng.IntN(12) {
	case 0:
		m.Service = "nothing"
	case 1:
		m.Features = []string{"fuel:price"}
	case 2:
		m.Features = []string{"feul:price", "fuel:price"}
	case 3, 4, 5:
		m.Service, keys = "types@1", typeKeys()
	case 6:
		m.Service, keys = "derived", texts("origin")
	case 7:
		m.Service, keys = "narrow", []feature.JoinKey{key("user", feature.Int64)}
	default:
		m.Service, keys = "delay_model", texts("origin", "destination")
	}
	switch rng.IntN(15) {
	case 0:
		keys = append(keys, key("orign", feature.String))
	case 1:
		keys = keys[:max(len(keys)-1, 0)]
	case 2:
		m.Service, m.Features = "narrow", []string{"fuel:price"}
	case 3:
		m.Inputs = map[string]*quiverv1.Values{"distance": {Int64S: []int64{1}}}
		fields["inputs"] = map[string]any{"distance": []any{1}}
	}
	if m.GetService() != "" {
		fields["service"] = m.GetService()
	}
	if m.GetFeatures() != nil {
		fields["features"] = m.GetFeatures()
	}
	if rng.IntN(2) == 0 {
		m.EventTimestamps = true
		fields["metadata"] = true
	}
	if kind := rng.IntN(5); kind > 0 && kind < 3 {
		m.Matrix = quiverv1.Matrix(kind)
		fields["matrix"] = []string{"", "float64", "float32"}[kind]
	}
	columns, rows := map[string]any{}, rng.IntN(6)
	for _, k := range keys {
		n := rows
		if rng.IntN(40) == 0 {
			n++
		}
		m.Keys[k.Name], columns[k.Name] = randomColumn(rng, k, n)
	}
	if len(columns) > 0 {
		fields["keys"] = columns
	}
	if m.GetService() == "derived" {
		m.Inputs, fields["inputs"] = randomInputs(rng, rows)
	}
	body, err := json.Marshal(fields)
	if err != nil {
		panic(err)
	}
	return m, string(body)
}

// randomInputs makes the inputs of the service derived.
func randomInputs(rng *rand.Rand, rows int) (map[string]*quiverv1.Values, map[string]any) {
	message, fields := map[string]*quiverv1.Values{}, map[string]any{}
	for i, k := range []feature.Kind{feature.Bool, feature.Int32, feature.String, feature.Bytes, feature.Date, feature.Timestamp} {
		held := []any{true, int32(-3), "é\n😀", []byte{0, 255}, feature.CalendarDay(5), feature.Time(9)}[i]
		v, cells := &quiverv1.Values{}, []any{}
		for range rows {
			v.Nulls = append(v.Nulls, 0)
			cells = append(cells, addKey(rng, v, k, held, true))
			if rng.IntN(4) == 0 {
				v.Nulls[len(v.Nulls)-1], cells[len(cells)-1] = 1, nil
			}
		}
		message["in_"+k.String()], fields["in_"+k.String()] = v, cells
	}
	single, distance, vector := &quiverv1.Values{}, &quiverv1.Values{}, &quiverv1.Values{Items: &quiverv1.Values{}}
	singles, distances, vectors := []any{}, []any{}, []any{}
	for range rows {
		f, n := rng.NormFloat64(), int64(rng.IntN(200))
		single.Float32S, singles = append(single.Float32S, float32(f)), append(singles, float32(f))
		distance.Int64S, distances = append(distance.Int64S, n), append(distances, n)
		vector.Items.Float64S, vector.Lengths, vectors = append(vector.Items.Float64S, f, 1), append(vector.Lengths, 2), append(vectors, []any{f, 1})
	}
	message["in_float32"], fields["in_float32"] = single, singles
	message["distance"], fields["distance"] = distance, distances
	message["vector"], fields["vector"] = vector, vectors
	return message, fields
}

// randomColumn makes key values of which the store has about half.
func randomColumn(rng *rand.Rand, k feature.JoinKey, n int) (v *quiverv1.Values, cells []any) {
	v, cells = &quiverv1.Values{}, []any{}
	var held any = []string{"SFO", "LAX", "JFK"}[rng.IntN(3)]
	for i, key := range typeKeys() {
		if key == k {
			held = typeRow()[i]
		}
	}
	if k.Name == "user" {
		held = rng.Int64N(120)
	}
	for range n {
		known, null := rng.IntN(4) > 0, rng.IntN(8) == 0
		v.Nulls = append(v.Nulls, 0)
		if null {
			v.Nulls[len(v.Nulls)-1] = 1
		}
		cells = append(cells, addKey(rng, v, k.Type.Kind, held, known))
		if null {
			cells[len(cells)-1] = nil
		}
	}
	return v, cells
}

// addKey appends the value that the store holds, or a near one, to a message, and
// gives what says the same in JSON.
func addKey(rng *rand.Rand, v *quiverv1.Values, kind feature.Kind, held any, known bool) any {
	one := 1
	if known {
		one = 0
	}
	switch kind {
	case feature.Bool:
		value := held.(bool) == known
		v.Bools = append(v.Bools, value)
		return value
	case feature.Int32, feature.Int64:
		value, isWide := held.(int64)
		if !isWide {
			value = int64(held.(int32))
		}
		value += int64(one)
		v.Int64S = append(v.Int64S, value)
		if rng.IntN(2) == 0 {
			return strconv.FormatInt(value, 10)
		}
		return json.Number(strconv.FormatInt(value, 10))
	case feature.Bytes:
		value := append(slices.Clone(held.([]byte)), make([]byte, one)...)
		v.Bytes = append(v.Bytes, value)
		return base64.StdEncoding.EncodeToString(value)
	case feature.Date:
		day := int32(held.(feature.CalendarDay)) + int32(one)
		v.Dates = append(v.Dates, day)
		return time.Unix(int64(day)*86400, 0).UTC().Format(time.DateOnly)
	case feature.Timestamp:
		at := int64(held.(feature.Time)) + int64(one)
		v.Timestamps = append(v.Timestamps, at)
		return time.UnixMicro(at).In(time.FixedZone("", 3600*rng.IntN(5))).Format(time.RFC3339Nano)
	default:
		value := held.(string) + strings.Repeat("é\x00", one)
		v.Strings = append(v.Strings, value)
		return value
	}
}

// answer is a response in words that both transports can be put into.
type answer struct {
	Service        string
	Revision, Time int64
	Rows           int
	Features       []column
	Views          []view
	Matrix         []string
}

type column struct {
	Name, Type       string
	Values, Statuses []string
	Events           []string
	View             int
}

type view struct {
	View, Alias, Watermark string
	Statuses               []string
}

func fromGRPC(r *quiverv1.GetOnlineFeaturesResponse) answer {
	a := answer{Service: r.GetService(), Revision: r.GetRevision(), Time: r.GetTime(), Rows: int(r.GetRows())}
	for _, f := range r.GetFeatures() {
		c := column{Name: f.GetName(), Type: f.GetType(), Statuses: names(f.GetStatuses()), View: int(f.GetView())}
		if f.GetValues() != nil {
			c.Values = cells(f.GetValues(), len(f.GetStatuses()))
			for i, s := range c.Statuses {
				if s != "PRESENT" && s != "STALE" {
					c.Values[i] = "null"
				}
			}
		}
		if views := r.GetViews(); views != nil && !f.GetDerived() {
			v := views[f.GetView()]
			for i, s := range names(v.GetStatuses()) {
				event := "null"
				if s != "NOT_FOUND" && s != "UNAVAILABLE" && s != "ERROR" {
					event = strconv.FormatInt(v.GetEventTimestamps()[i], 10)
				}
				c.Events = append(c.Events, event)
			}
		}
		a.Features = append(a.Features, c)
	}
	for _, v := range r.GetViews() {
		mark := "null"
		if v.Watermark != nil {
			mark = strconv.FormatInt(v.GetWatermark(), 10)
		}
		a.Views = append(a.Views, view{v.GetView(), v.GetAlias(), mark, names(v.GetStatuses())})
	}
	matrix := r.GetFloat64Matrix()
	bits := 64
	for _, v := range r.GetFloat32Matrix() {
		matrix, bits = append(matrix, float64(v)), 32
	}
	for i, v := range matrix {
		text := strconv.FormatFloat(v, 'g', -1, bits)
		if s := a.Features[i%len(a.Features)].Statuses[i/len(a.Features)]; s != "PRESENT" && s != "STALE" {
			text = "null"
		}
		a.Matrix = append(a.Matrix, text)
	}
	return a
}

func names(statuses []byte) []string {
	all := []string{}
	for _, s := range statuses {
		all = append(all, strings.TrimPrefix(quiverv1.Status(s).String(), "STATUS_"))
	}
	return all
}

// cells writes each value of a vector.
func cells(v *quiverv1.Values, n int) []string {
	all := []string{}
	if v.GetItems() != nil {
		sum := 0
		for _, l := range v.GetLengths() {
			sum += int(l)
		}
		items := cells(v.GetItems(), sum)
		for i := range v.GetItems().GetNulls() {
			if v.GetItems().GetNulls()[i] == 1 {
				items[i] = "null"
			}
		}
		for _, l := range v.GetLengths() {
			all, items = append(all, fmt.Sprintf("%q", items[:l])), items[l:]
		}
		return all
	}
	for i := range n {
		var text string
		switch {
		case len(v.GetBools()) > 0:
			text = strconv.FormatBool(v.GetBools()[i])
		case len(v.GetInt32S()) > 0:
			text = strconv.Itoa(int(v.GetInt32S()[i]))
		case len(v.GetInt64S()) > 0:
			text = strconv.FormatInt(v.GetInt64S()[i], 10)
		case len(v.GetFloat32S()) > 0:
			text = strconv.FormatFloat(float64(v.GetFloat32S()[i]), 'g', -1, 32)
		case len(v.GetFloat64S()) > 0:
			text = strconv.FormatFloat(v.GetFloat64S()[i], 'g', -1, 64)
		case len(v.GetStrings()) > 0:
			text = v.GetStrings()[i]
		case len(v.GetBytes()) > 0:
			text = string(v.GetBytes()[i])
		case len(v.GetDates()) > 0:
			text = strconv.Itoa(int(v.GetDates()[i]))
		case len(v.GetTimestamps()) > 0:
			text = strconv.FormatInt(v.GetTimestamps()[i], 10)
		}
		all = append(all, text)
	}
	return all
}

func fromHTTP(t *testing.T, body []byte) answer {
	t.Helper()
	var r struct {
		Service  string
		Revision int64
		Time     string
		Rows     int
		Features []struct {
			Name, Type      string
			Values          []any
			Statuses        []string
			View            int
			EventTimestamps []any `json:"event_timestamps"`
		}
		Views []struct {
			View, Alias string
			Statuses    []string
			Watermark   any
		}
		Matrix [][]any
	}
	decoder := json.NewDecoder(strings.NewReader(string(body)))
	decoder.UseNumber()
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&r); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	a := answer{Service: r.Service, Revision: r.Revision, Rows: r.Rows}
	a.Time, _ = strconv.ParseInt(plain(t, "timestamp", r.Time), 10, 64)
	for _, f := range r.Features {
		c := column{Name: f.Name, Type: f.Type, Statuses: f.Statuses, View: f.View}
		if f.Values != nil {
			c.Values = []string{}
		}
		for _, v := range f.Values {
			c.Values = append(c.Values, plain(t, f.Type, v))
		}
		for _, e := range f.EventTimestamps {
			c.Events = append(c.Events, plain(t, "timestamp", e))
		}
		a.Features = append(a.Features, c)
	}
	for _, v := range r.Views {
		a.Views = append(a.Views, view{v.View, v.Alias, plain(t, "timestamp", v.Watermark), v.Statuses})
	}
	for _, row := range r.Matrix {
		for _, v := range row {
			a.Matrix = append(a.Matrix, plain(t, "float64", v))
		}
	}
	return a
}

// plain writes a value of JSON, which has to be of the form that its type has.
func plain(t *testing.T, typ string, v any) string {
	t.Helper()
	if inner, ok := strings.CutPrefix(typ, "list<"); ok && v != nil {
		items := []string{}
		for _, item := range v.([]any) {
			items = append(items, plain(t, strings.TrimSuffix(inner, ">"), item))
		}
		return fmt.Sprintf("%q", items)
	}
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		if !strings.HasPrefix(typ, "float") {
			return v.String()
		}
		f, err := v.Float64()
		if err != nil {
			t.Fatal(err)
		}
		return strconv.FormatFloat(f, 'g', -1, 64)
	case string:
		switch typ {
		case "date", "timestamp":
			at, err := time.Parse(map[string]string{"date": time.DateOnly, "timestamp": time.RFC3339Nano}[typ], v)
			if err != nil {
				t.Fatal(err)
			}
			if typ == "date" {
				return strconv.FormatInt(at.Unix()/86400, 10)
			}
			return strconv.FormatInt(at.UnixMicro(), 10)
		case "bytes":
			b, err := base64.StdEncoding.DecodeString(v)
			if err != nil {
				t.Fatal(err)
			}
			return string(b)
		case "float32", "float64":
			return map[string]string{"NaN": "NaN", "Infinity": "+Inf", "-Infinity": "-Inf"}[v]
		default:
			return v
		}
	}
	t.Fatalf("%v (%T) as %s", v, v, typ)
	return ""
}

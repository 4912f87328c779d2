package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving/httpapi"
)

func TestARequest(t *testing.T) {
	w := ready(t).post(`{"service": "delay_model", "keys": {"origin": ["SFO", "XXX"], "destination": ["LAX", null]}, "metadata": true}`)
	want := `{"service":"delay_model@3","revision":7,"time":"1970-01-12T13:46:40Z","rows":2,"features":[` +
		`{"name":"origin__busy","type":"bool","values":[true,null],"statuses":["PRESENT","NOT_FOUND"],"view":0,"event_timestamps":["1970-01-12T13:46:40Z",null]},` +
		`{"name":"origin__delay","type":"int64","values":[7,null],"statuses":["PRESENT","NOT_FOUND"],"view":0,"event_timestamps":["1970-01-12T13:46:40Z",null]},` +
		`{"name":"dest__busy","type":"bool","values":[null,null],"statuses":["NULL","NOT_FOUND"],"view":1,"event_timestamps":["1970-01-12T13:46:39.999999Z",null]},` +
		`{"name":"dest__delay","type":"int64","values":[-9223372036854775808,null],"statuses":["PRESENT","NOT_FOUND"],"view":1,"event_timestamps":["1970-01-12T13:46:39.999999Z",null]},` +
		`{"name":"routes__share","type":"float32","values":[0.1,null],"statuses":["PRESENT","NOT_FOUND"],"view":2,"event_timestamps":["1970-01-12T13:46:39.999998Z",null]},` +
		`{"name":"fuel__price","type":"float64","values":[1.5,1.5],"statuses":["PRESENT","PRESENT"],"view":3,"event_timestamps":["1970-01-12T13:46:39Z","1970-01-12T13:46:39Z"]}` +
		`],"views":[` +
		`{"view":"airports@1","alias":"origin","statuses":["PRESENT","NOT_FOUND"],"watermark":"1970-01-12T13:45:40Z"},` +
		`{"view":"airports@1","alias":"dest","statuses":["PRESENT","NOT_FOUND"],"watermark":"1970-01-12T13:45:40Z"},` +
		`{"view":"routes@1","alias":"routes","statuses":["PRESENT","NOT_FOUND"],"watermark":"1970-01-12T13:45:40Z"},` +
		`{"view":"fuel@1","alias":"fuel","statuses":["PRESENT","PRESENT"],"watermark":"1970-01-12T13:45:40Z"}]}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); w.Code != http.StatusOK || diff != "" {
		t.Errorf("%d %s", w.Code, diff)
	}
	if got := w.Header(); got.Get("Content-Type") != "application/json" || got.Get("X-Content-Type-Options") != "nosniff" || got.Get("X-Request-Id") == "" {
		t.Errorf("headers: %v", got)
	}
}

const inputsJSON = `"in_bool": [true, null], "in_int32": [-3, "7"], "in_float32": [0.1, "NaN"], "in_string": ["\u00e9", ""], "in_bytes": ["AP8=", null],
	"in_date": ["1970-01-06", null], "in_timestamp": ["1970-01-01T00:00:00.000009Z", null], "distance": ["9007199254740993", 0], "vector": [[3, -4e0], null]`

func TestInputs(t *testing.T) {
	w := ready(t).post(`{"service": "derived", "keys": {"origin": ["SFO", "XXX"]}, "inputs": {` + inputsJSON + `}, "metadata": true}`)
	want := strings.Join([]string{
		`[true,null]`, `[7,null]`, `[true,null]`, `[-3,7]`, `[0.1,"NaN"]`, `["é",""]`, `["AP8=",null]`, `["1970-01-06",null]`,
		`["1970-01-01T00:00:00.000009Z",null]`, `[true,false]`, `[5,null]`, `[0,null]`,
	}, "\n")
	if diff := cmp.Diff(want, values(t, w)); diff != "" {
		t.Error(diff)
	}
	if body := w.Body.String(); !strings.Contains(body, `{"name":"fails","type":"int64","values":[0,null],"statuses":["PRESENT","ERROR"]}`) {
		t.Errorf("a feature that the service derives has no view: %s", body)
	}
}

func TestInputsThatDoNotFit(t *testing.T) {
	a := ready(t)
	for _, c := range []struct{ name, old, new, field, message string }{
		{"a bool for a number", `"distance": ["9007199254740993", 0]`, `"distance": [true, 0]`, "inputs.distance[0]", "expected a whole number"},
		{"a fraction", `"distance": ["9007199254740993", 0]`, `"distance": [1, 1.5]`, "inputs.distance[1]", "not a whole number"},
		{"beyond 32 bits", `[-3, "7"]`, `[3000000000, 7]`, "inputs.in_int32[0]", "3000000000 does not fit int32"},
		{"a word for a float", `[0.1, "NaN"]`, `[0.1, "inf"]`, "inputs.in_float32[1]", "is not a number"},
		{"hexadecimal", `[0.1, "NaN"]`, `["0x1p3", 1]`, "inputs.in_float32[0]", "is not a number"},
		{"a list for a number", `[0.1, "NaN"]`, `[[0.1], 1]`, "inputs.in_float32[0]", "found a list"},
		{"a number for a list", `[[3, -4e0], null]`, `[3, null]`, "inputs.vector[0]", "expected a list (list<float64>[2])"},
		{"a short list", `[[3, -4e0], null]`, `[[3], null]`, "inputs.vector[0]", "a list of 1 items, expected 2"},
		{"lists of lists", `[[3, -4e0], null]`, `[[[3, 4]], null]`, "inputs.vector[0]", "found a list"},
		{"too few", `"in_bool": [true, null]`, `"in_bool": [true]`, "inputs.in_bool", "1 values, but keys.origin has 2"},
		{"unknown", `"in_bool": [true, null]`, `"in_bol": [true, null]`, "inputs.in_bol", "did you mean in_bool?"},
	} {
		t.Run(c.name, func(t *testing.T) {
			body := `{"service": "derived", "keys": {"origin": ["SFO", "XXX"]}, "inputs": {` + strings.Replace(inputsJSON, c.old, c.new, 1) + `}}`
			p := problemOf(t, a.post(body))
			if p.Status != 400 || len(p.Errors) != 1 || p.Errors[0].Field != c.field || !strings.Contains(p.Detail, c.message) {
				t.Errorf("got %+v, want %s and %q", p, c.field, c.message)
			}
		})
	}
}

// values gives what is between `"values":` and `,"statuses"` of each feature.
func values(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	var all []string
	for _, part := range strings.Split(w.Body.String(), `"values":`)[1:] {
		text, _, _ := strings.Cut(part, `,"statuses"`)
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

func TestEveryType(t *testing.T) {
	a := ready(t)
	want := strings.Join([]string{
		`[true]`, `[-1]`, `[9223372036854775807]`, `["Infinity"]`, `["NaN"]`, `["a\"\\\n\u0001é` + "\u2028" + `"]`, `["AQD/"]`, `["1969-12-31"]`,
		`["1969-12-31T23:59:59.999999Z"]`, `[["x",null,""]]`, `[[]]`, `[["1970-01-02"]]`,
	}, "\n")
	for _, keys := range []string{
		typeKeysJSON,
		// The same in other words: integers in strings, a time in another zone and without one, escapes.
		`"k": ["1970-01-06"], "s": ["é\u000a😀"], "w": ["AP8="], "x": ["1970-01-01T01:00:00.000009+01:00"], "y": ["-3"], "z": [true], "zz": ["9007199254740993"]`,
		`"\u006b": ["1970-01-06"], "s": ["é\n\uD83d\ude00"], "w": ["AP8="], "x": ["1970-01-01T00:00:00.000009"], "y": [-3], "z": [true], "zz": ["9007199254740993"]`,
	} {
		if diff := cmp.Diff(want, values(t, a.post(`{"service": "types", "keys": {`+keys+`}}`))); diff != "" {
			t.Errorf("%s: %s", keys, diff)
		}
	}
	// One more or less than 2^53 + 1 is another key: nothing went through a float.
	for _, near := range []string{"9007199254740992", `"9007199254740994"`} {
		keys := strings.Replace(typeKeysJSON, "9007199254740993", near, 1)
		if got := a.post(`{"service": "types", "keys": {` + keys + `}}`).Body.String(); !strings.Contains(got, `"values":[null],"statuses":["NOT_FOUND"]`) {
			t.Errorf("%s: %s", near, got)
		}
	}
}

func TestAListAMatrixAndFieldsInAnyOrder(t *testing.T) {
	a := ready(t)
	if got := values(t, a.post(`{"features": ["fuel:price"]}`)); got != "[1.5]" {
		t.Errorf("a list of features: %s", got)
	}
	w := a.post(`{"matrix": "float64", "keys": {"user": [1, 1000, null, "2"]}, "service": "narrow@1", "inputs": {}, "metadata": false}`)
	var got struct {
		Service  string
		Features []map[string]any
		Matrix   [][]*float64
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || len(got.Matrix) != 4 || got.Service != "narrow@1" || len(got.Features[0]) != 3 {
		t.Fatalf("%v: %s", err, w.Body)
	}
	for row, user := range []float64{1, -1, -1, 2} {
		for j, v := range got.Matrix[row] {
			if user < 0 && v != nil || user >= 0 && (v == nil || *v != user+1/float64(j+3)) {
				t.Errorf("row %d, feature %d: %v", row, j, v)
			}
		}
	}
	for _, empty := range []string{`{"service": "narrow", "keys": {"user": []}}`, ` { "service" : "narrow" , "keys" : { "user" : [ ] } } `} {
		if w := a.post(empty); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"rows":0`) {
			t.Errorf("no rows: %d %s", w.Code, w.Body)
		}
	}
}

type problem struct {
	Type, Title, Code, Detail, Instance string
	Status                              int
	Errors                              []struct{ Field, Message string }
}

func problemOf(t *testing.T, w *httptest.ResponseRecorder) problem {
	t.Helper()
	var p problem
	decoder := json.NewDecoder(w.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("no problem: %v", err)
	}
	if w.Header().Get("Content-Type") != "application/problem+json" || p.Status != w.Code || p.Type != "about:blank" ||
		p.Instance != w.Header().Get("X-Request-Id") || p.Title == "" || p.Detail == "" {
		t.Errorf("%d %v %+v", w.Code, w.Header(), p)
	}
	return p
}

func TestBadRequests(t *testing.T) {
	a := ready(t)
	const sfo = `{"service": "delay_model", "keys": {"destination": ["LAX"], "origin": `
	user := func(values string) string { return `{"service": "wide", "keys": {"user": [` + values + `]}}` }
	types := func(from, to string) string {
		return `{"service": "types", "keys": {` + strings.Replace(typeKeysJSON, from, to, 1) + `}}`
	}
	for _, c := range []struct {
		name, body  string
		status      int
		field, says string
	}{
		{"no body", "", 400, "", "no body"},
		{"white space", " \n", 400, "", "no body"},
		{"no object", `[]`, 400, "", "expected an object, found a list (at byte 0"},
		{"nothing named", `{}`, 400, "service", "no service"},
		{"both named", `{"service": "wide", "features": ["a:b"]}`, 400, "features", "set one"},
		{"an unknown service", `{"service": "x"}`, 404, "service", "no service is called x"},
		{"a bad version", `{"service": "x@0"}`, 400, "service", ""},
		{"an unknown view", `{"features": ["fuell:price"]}`, 404, "features[0]", "did you mean fuel?"},
		{"a bad reference", `{"features": ["fuel:price", "price"]}`, 400, "features[1]", "price"},
		{"a reference that is none", `{"features": ["fuel:price", 7]}`, 400, "features[1]", "expected a string, found a number"},
		{"an empty service", `{"service": "", "features": ["fuel:price"]}`, 400, "service", "an empty name"},
		{"no features", `{"service": "wide", "features": []}`, 400, "features", "an empty list"},
		{"features that are no list", `{"features": "fuel:price"}`, 400, "features", "expected a list, found a string"},
		{"service that is no string", `{"service": null}`, 400, "service", "expected a string, found null"},
		{"metadata that is no bool", `{"metadata": 1}`, 400, "metadata", "expected true or false"},
		{"an unknown matrix", `{"matrix": "int8"}`, 400, "matrix", `"float64" or "float32"`},
		{"a matrix of text", `{"service": "types", "matrix": "float64", "keys": {` + typeKeysJSON + `}}`, 400, "matrix", "v__f (string)"},
		{"an unknown field", `{"service": "wide", "key": {}}`, 400, "key", "did you mean keys?"},
		{"a field in another case", `{"Service": "wide"}`, 400, "Service", "there is no such field"},
		{"a field twice", `{"service": "wide", "service": "wide"}`, 400, "service", "twice (at byte 20"},
		{"a field twice, escaped", `{"service": "wide", "servic\u0065": "wide"}`, 400, "service", "twice"},
		{"inputs", `{"service": "wide", "keys": {"user": [1]}, "inputs": {"distance": [1]}}`, 400, "inputs.distance", "takes no inputs"},
		{"inputs that are no lists", `{"service": "wide", "inputs": {"distance": 1}}`, 400, "inputs.distance", "expected a list"},

		{"a missing key", sfo[:len(sfo)-len(`, "origin": `)] + `}}`, 400, "keys.origin", "missing"},
		{"an unknown key", sfo + `["a"], "orign": ["a"]}}`, 400, "keys.orign", `"orign" (did you mean origin?)`},
		{"a key twice", sfo + `["a"], "origin": ["a"]}}`, 400, "keys.origin", "twice"},
		{"columns of two lengths", sfo + `["a", "b"]}}`, 400, "keys.destination", "of one length"},
		{"a value and no list", sfo + `"a"}}`, 400, "keys.origin", "expected a list, found a string"},
		{"null and no list", sfo + `null}}`, 400, "keys.origin", "found null"},
		{"a list in a list", sfo + `["a", ["b"]]}}`, 400, "keys.origin[1]", "expected a value, found a list"},
		{"an object in a list", sfo + `["a", {}]}}`, 400, "keys.origin[1]", "found an object"},
		{"keys that are a list", `{"keys": []}`, 400, "keys", "expected an object, found a list"},
		{"too many columns", `{"keys": {` + manyColumns() + `}}`, 400, "keys", "more than 256"},

		{"a number for text", sfo + `["a", 7]}}`, 400, "keys.origin[1]", "expected a string or null, found a number"},
		{"text for a number", user(`1, "SFO"`), 400, "keys.user[1]", `"SFO" is not a whole number`},
		{"an empty text for a number", user(`""`), 400, "keys.user[0]", "not a whole number"},
		{"a fraction", user(`1.5`), 400, "keys.user[0]", `"1.5" is not a whole number`},
		{"a whole number as a float", user(`1.0`), 400, "keys.user[0]", "without fraction or exponent"},
		{"an exponent", user(`1e3`), 400, "keys.user[0]", "without fraction or exponent"},
		{"2^63", user(`1, 2, 9223372036854775808`), 400, "keys.user[2]", "does not fit 64 bits"},
		{"-2^63-1 in a string", user(`"-9223372036854775809"`), 400, "keys.user[0]", "does not fit 64 bits"},
		{"leading zeros in a string", user(`"007"`), 400, "keys.user[0]", "leading zeros"},
		{"a plus in a string", user(`"+7"`), 400, "keys.user[0]", "digits only"},
		{"a huge number", user(strings.Repeat("9", 100_000)), 400, "keys.user[0]", "…"},
		{"a bool for a number", user(`true`), 400, "keys.user[0]", "found a bool"},
		{"a number for a bool", types("[true]", "[1]"), 400, "keys.z[0]", "expected true, false or null, found a number"},
		{"text for a bool", types("[true]", `["true"]`), 400, "keys.z[0]", "found a string"},
		{"no base64", types("AP8=", "AP8"), 400, "keys.w[0]", "not base64"},
		{"base64 with a line's end", types("AP8=", `AP\n8=`), 400, "keys.w[0]", "not base64"},
		{"base64 with loose bits", types("AP8=", `AP9=`), 400, "keys.w[0]", "not base64"},
		{"no date", types("1970-01-06", "1970-02-30"), 400, "keys.k[0]", `"1970-02-30" is not a date`},
		{"a number for a date", types(`"1970-01-06"`, "5"), 400, "keys.k[0]", "expected a date"},
		{"no time", types("1970-01-01T00:00:00.000009Z", "noon"), 400, "keys.x[0]", `"noon" is not a time`},

		{"a cut body", `{"service": "wide"`, 400, "", "expected ',' or '}', found the end of the body"},
		{"a cut string", `{"service": "wide`, 400, "service", "a string has no end"},
		{"a trailing comma", `{"service": "wide",}`, 400, "", "expected a field's name"},
		{"a trailing comma in a list", user(`1,`), 400, "keys.user[1]", "found ']'"},
		{"no colon", `{"service" "wide"}`, 400, "", "expected ':', found a string"},
		{"garbage behind", `{"service": "wide"} {}`, 400, "", "nothing may follow the JSON object, found an object"},
		{"NUL behind", `{"service": "wide"}` + "\x00", 400, "", "byte 0x00"},
		{"single quotes", `{'service': 'wide'}`, 400, "", "double quotes"},
		{"NaN", user(`NaN`), 400, "keys.user[0]", "found 'N'"},
		{"nul", user(`nul`), 400, "keys.user[0]", "expected null"},
		{"leading zeros", user(`01`), 400, "keys.user", "expected ',' or ']', found a number"},
		{"a lone minus", user(`-`), 400, "keys.user[0]", "expected a digit"},
		{"a lone point", user(`1.`), 400, "keys.user[0]", "behind the point"},
		{"a lone exponent", user(`1e`), 400, "keys.user[0]", "in the exponent"},
		{"not UTF-8", sfo + "[\"a\", \"b\xff\"]}}", 400, "keys.origin[1]", "not UTF-8"},
		{"not UTF-8 beside an escape", sfo + "[\"\\n\xff\"]}}", 400, "keys.origin[0]", "not UTF-8"},
		{"not UTF-8 in a name", "{\"\xff\": 1}", 400, "", "not UTF-8"},
		{"half a surrogate pair", sfo + `["\ud83d"]}}`, 400, "keys.origin[0]", "surrogate"},
		{"halves in the wrong order", sfo + `["\ude00\ud83d"]}}`, 400, "keys.origin[0]", "surrogate"},
		{"a broken escape", sfo + `["\u12g4"]}}`, 400, "keys.origin[0]", "four hexadecimal digits"},
		{"an unknown escape", sfo + `["\x41"]}}`, 400, "keys.origin[0]", "unknown escape"},
		{"a control character", sfo + "[\"a\nb\"]}}", 400, "keys.origin[0]", "control character 0x0A"},
		{"deep nesting", strings.Repeat("[", 1_000_000), 400, "", "expected an object"},
		{"deep nesting in keys", sfo + strings.Repeat("[", 1_000_000), 400, "keys.origin[0]", "found a list"},
		{"a byte order mark", "\ufeff{}", 400, "", "found byte 0xEF"},
		{"too many rows", user(strings.Repeat("1,", 20_000) + "1"), 413, "keys", "at most 10000"},
		{"too long a name", `{"service": "` + strings.Repeat("a", 1000) + `"}`, 413, "service", "at most 300"},
		{"too long a body", `{"service": "` + strings.Repeat("a", 5<<20) + `"}`, 413, "", "4194304 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := problemOf(t, a.post(c.body, "Content-Type", "application/json"))
			got := ""
			if len(p.Errors) > 0 {
				got = p.Errors[0].Field
			}
			if p.Status != c.status || got != c.field || !strings.Contains(p.Detail, c.says) || len(p.Detail) > 700 {
				t.Errorf("got %d %q %q; want %d %q %q", p.Status, got, p.Detail, c.status, c.field, c.says)
			}
			if c.field != "" && (p.Detail != c.field+": "+p.Errors[0].Message) {
				t.Errorf("detail %q, message %q", p.Detail, p.Errors[0].Message)
			}
		})
	}
}

func manyColumns() string {
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf(`"k%d": []`, i))
	}
	return strings.Join(names, ",")
}

func TestWhatIsWrongAroundABody(t *testing.T) {
	a := ready(t)
	const body = `{"features": ["fuel:price"]}`
	for _, c := range []struct {
		name, method, path string
		headers            []string
		status             int
		code               string
	}{
		{"a charset", "POST", "/v1/features:get", []string{"Content-Type", "application/json; charset=UTF-8"}, 200, ""},
		{"another charset", "POST", "/v1/features:get", []string{"Content-Type", "application/json; charset=latin1"}, 415, "INVALID_ARGUMENT"},
		{"another type", "POST", "/v1/features:get", []string{"Content-Type", "text/plain"}, 415, "INVALID_ARGUMENT"},
		{"no type", "POST", "/v1/features:get", []string{"Content-Type", ""}, 415, "INVALID_ARGUMENT"},
		{"packed", "POST", "/v1/features:get", []string{"Content-Encoding", "gzip"}, 415, "INVALID_ARGUMENT"},
		{"another method", "GET", "/v1/features:get", nil, 405, "UNIMPLEMENTED"},
		{"another method of a GET", "DELETE", "/healthz", nil, 405, "UNIMPLEMENTED"},
		{"another path", "POST", "/v1/features:get/", nil, 404, "NOT_FOUND"},
		{"a path that could be cleaned", "POST", "/v1//features:get", nil, 404, "NOT_FOUND"},
		{"a page of another site", "POST", "/v1/features:get", []string{"Sec-Fetch-Site", "cross-site"}, 403, "PERMISSION_DENIED"},
		{"a page of another origin", "POST", "/v1/features:get", []string{"Origin", "https://evil.example"}, 403, "PERMISSION_DENIED"},
		{"a page of its own origin", "POST", "/v1/features:get", []string{"Origin", "http://example.com"}, 200, ""},
		{"a deadline", "POST", "/v1/features:get", []string{"X-Timeout-Ms", "60000"}, 200, ""},
		{"no number as deadline", "POST", "/v1/features:get", []string{"X-Timeout-Ms", "5s"}, 400, "INVALID_ARGUMENT"},
		{"no time at all", "POST", "/v1/features:get", []string{"X-Timeout-Ms", "0"}, 400, "INVALID_ARGUMENT"},
		{"a deadline too far", "POST", "/v1/features:get", []string{"X-Timeout-Ms", "60001"}, 400, "INVALID_ARGUMENT"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := a.send(c.method, c.path, body, append(c.headers, "X-Request-Id", "mine")...)
			if w.Code != c.status || w.Header().Get("X-Request-Id") != "mine" {
				t.Fatalf("got %d %v %s; want %d", w.Code, w.Header(), w.Body, c.status)
			}
			if c.status != http.StatusOK {
				p := problemOf(t, w)
				if p.Code != c.code {
					t.Errorf("got %+v, want %s", p, c.code)
				}
				if strings.Contains(c.name, "deadline") && (len(p.Errors) != 1 || p.Errors[0].Field != "X-Timeout-Ms") {
					t.Errorf("got %+v, want the header's name", p)
				}
			}
			if allow := w.Header().Get("Allow"); (allow != "") != (c.status == http.StatusMethodNotAllowed) {
				t.Errorf("Allow is %q", allow)
			}
		})
	}
	if id := a.post(body, "X-Request-Id", "not printable: \x7F").Header().Get("X-Request-Id"); id == "" || strings.Contains(id, " ") {
		t.Errorf("an id that can't be logged came back: %q", id)
	}
}

func TestTheStateOfTheServer(t *testing.T) {
	a := newAPI(t, rpc.Options{})
	get := func(path string) *httptest.ResponseRecorder { return a.send(http.MethodGet, path, "") }
	if w := get("/healthz"); w.Code != http.StatusOK || w.Body.String() != `{"status":"ok","version":"v9"}` {
		t.Errorf("healthz: %d %s", w.Code, w.Body)
	}
	for name, w := range map[string]*httptest.ResponseRecorder{"readyz": get("/readyz"), "a request": a.post(`{"service": "wide"}`)} {
		if p := problemOf(t, w); p.Status != 503 || !strings.Contains(p.Detail, "registry was not read yet") || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%s before the registry was read: %+v", name, p)
		}
	}
	a.refresh(t)
	if w := get("/readyz"); w.Code != http.StatusOK || w.Body.String() != `{"status":"ready"}` {
		t.Errorf("readyz: %d %s", w.Code, w.Body)
	}
	a.post(`{"features": ["fuel:price"]}`)
	get("/some/path")
	metrics := get("/metrics").Body.String()
	for _, line := range []string{
		`quiver_rpc_requests_total{code="OK",method="quiver.v1.ServingService/GetOnlineFeatures",transport="http"} 1`,
		`quiver_rpc_requests_total{code="NotFound",method="(unknown path)",transport="http"} 1`,
		`quiver_rpc_requests_total{code="Unavailable",method="readyz",transport="http"} 1`,
	} {
		if !strings.Contains(metrics, line) {
			t.Errorf("no %s", line)
		}
	}
	if strings.Contains(metrics, "some") {
		t.Error("a path that a client sent is in the metrics")
	}
	a.layer.Drain()
	if p := problemOf(t, get("/readyz")); p.Status != 503 || !strings.Contains(p.Detail, "shutting down") {
		t.Errorf("readyz in a drain: %+v", p)
	}
	if w := a.post(`{"features": ["fuel:price"]}`); w.Code != http.StatusOK {
		t.Errorf("a request in a drain: %d", w.Code)
	}
}

func TestProbesAnswerAloneAndTheSame(t *testing.T) {
	a := newAPI(t, rpc.Options{})
	probes := httpapi.Probes(a.serving, a.layer, httpapi.Options{Metrics: promhttp.HandlerFor(a.metrics, promhttp.HandlerOpts{}), Version: "v9"})
	same := func(path string, status int) {
		t.Helper()
		get := func(h http.Handler) (int, string) {
			r, w := httptest.NewRequest(http.MethodGet, path, http.NoBody), httptest.NewRecorder()
			r.Header.Set("X-Request-Id", "1") // which a problem repeats
			h.ServeHTTP(w, r)
			return w.Code, w.Body.String()
		}
		code, text := get(probes)
		if c, want := get(a); code != status || c != status || text != want {
			t.Errorf("%s: got %d %s and %d %s, want %d", path, code, text, c, want, status)
		}
	}
	same("/healthz", http.StatusOK)
	same("/readyz", http.StatusServiceUnavailable)
	a.refresh(t)
	same("/readyz", http.StatusOK)
	a.layer.Drain()
	same("/readyz", http.StatusServiceUnavailable)
	for path, want := range map[string]int{"/metrics": http.StatusOK, "/v1/features:get": http.StatusNotFound, "/openapi.json": http.StatusNotFound} {
		w := httptest.NewRecorder()
		probes.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, http.NoBody))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}

func TestOverloadADeadlineAndAStoreThatIsDown(t *testing.T) {
	a := newAPI(t, rpc.Options{MaxInFlight: 1})
	a.refresh(t)
	const body = `{"features": ["fuel:price"]}`
	entered, leave := make(chan struct{}), make(chan struct{})
	a.store.get = func(context.Context) error { close(entered); <-leave; return nil }
	first := make(chan *httptest.ResponseRecorder)
	go func() { first <- a.post(body) }()
	<-entered
	w := a.post(body)
	if p := problemOf(t, w); p.Status != 503 || p.Code != "RESOURCE_EXHAUSTED" || w.Header().Get("Retry-After") == "" {
		t.Errorf("too many: %+v", p)
	}
	if w := a.send(http.MethodGet, "/healthz", ""); w.Code != http.StatusOK {
		t.Errorf("healthz under load: %d", w.Code)
	}
	close(leave)
	if w := <-first; w.Code != http.StatusOK {
		t.Errorf("the first: %d", w.Code)
	}
	a.store.get = func(ctx context.Context) error { return fmt.Errorf("down: %w", feature.ErrUnavailable) }
	if w := a.post(body); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"values":[null],"statuses":["UNAVAILABLE"]`) {
		t.Errorf("the store is down: %d %s", w.Code, w.Body)
	}
	a.store.get = func(ctx context.Context) error { // a store that does not look at its context
		deadline, _ := ctx.Deadline()
		<-time.After(time.Until(deadline) + 20*time.Millisecond)
		return ctx.Err()
	}
	if p := problemOf(t, a.post(body, "X-Timeout-Ms", "1")); p.Status != 504 || p.Code != "DEADLINE_EXCEEDED" {
		t.Errorf("too late: %+v", p)
	}
}

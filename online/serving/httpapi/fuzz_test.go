package httpapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// FuzzRequest sends any body. Every answer is features or a problem that the
// client is to blame for; and where encoding/json and a naive reading of the
// columns find a request, the server finds the same one.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"service": "types", "keys": {` + typeKeysJSON + `}, "metadata": true}`,
		`{"service": "delay_model@3", "keys": {"origin": ["SFO", null, "\ud83d\ude00"], "destination": ["LAX", "", "é"]}, "matrix": "float32"}`,
		`{"features": ["fuel:price", "fuel:*"], "keys": {}, "inputs": {}}`,
		`{"service":"narrow","keys":{"user":[1,-0,"9007199254740993",1e3,1.0,9223372036854775808]}}`,
		`{"service":"narrow","inputs":{"a":[1]},"keys":{"user":[]},"user":[[{}]]}`,
		"{\"service\":\"\xff\"} x",
	} {
		f.Add([]byte(seed))
	}
	a := ready(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := a.post(string(body), "Content-Type", "application/json")
		if w.Code != http.StatusOK {
			p := problemOf(t, w)
			if p.Status < 400 || p.Status > 499 {
				t.Errorf("%d for %q: %s", p.Status, body, p.Detail)
			}
		} else if !json.Valid(w.Body.Bytes()) {
			t.Errorf("no JSON for %q: %s", body, w.Body)
		}
		request := naive(body)
		if request == nil {
			return
		}
		want, err := a.serving.Get(t.Context(), request)
		if (err == nil) != (w.Code == http.StatusOK) {
			t.Fatalf("%q: %d %s; read by encoding/json: %v", body, w.Code, w.Body, err)
		}
		if err != nil {
			return
		}
		got := fromHTTP(t, w.Body.Bytes())
		if diff := cmp.Diff(fromResponse(want), got.Features, cmp.FilterPath(func(p cmp.Path) bool {
			return p.Last().String() == ".Events" || p.Last().String() == ".View"
		}, cmp.Ignore())); diff != "" {
			t.Errorf("%q: -encoding/json +server %s", body, diff)
		}
	})
}

// fromResponse writes the handler's columns in the words of answer.
func fromResponse(r *serving.Response) (all []column) {
	for i := range r.Features {
		f := &r.Features[i]
		c := column{Name: f.Name, Type: f.TypeText, Statuses: names(f.Statuses)}
		if f.Values != nil {
			c.Values = []string{}
			for row := range r.Rows {
				c.Values = append(c.Values, boxed(f.Values.Any(row)))
			}
		}
		all = append(all, c)
	}
	return all
}

func boxed(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case []any:
		items := []string{}
		for _, item := range v {
			items = append(items, boxed(item))
		}
		return fmt.Sprintf("%q", items)
	case []byte:
		return string(v)
	case feature.CalendarDay:
		return strconv.Itoa(int(v))
	case feature.Time:
		return strconv.FormatInt(int64(v), 10)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	default:
		return fmt.Sprint(v)
	}
}

// naive reads a request with encoding/json. It gives nil where that is laxer than
// the server is, or where it finds no request.
func naive(body []byte) *serving.Request {
	if !utf8.Valid(body) || bytes.Contains(bytes.ToLower(body), []byte(`\ud`)) || twice(body) {
		return nil
	}
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil || fields == nil {
		return nil
	}
	r := &serving.Request{Keys: map[string]*feature.Column{}}
	var keys map[string][]any
	for name, raw := range fields {
		var into any
		switch name {
		case "service":
			into = &r.Service
		case "features":
			into = &r.Features
		case "keys":
			into = &keys
		case "metadata":
			into = &r.EventTimestamps
		default:
			return nil
		}
		decoder := json.NewDecoder(bytes.NewReader(raw))
		decoder.UseNumber()
		if string(raw) == "null" || decoder.Decode(into) != nil {
			return nil
		}
	}
	if _, has := fields["features"]; has && (len(r.Features) == 0 || bytes.Contains(fields["features"], []byte("null"))) || fields["service"] != nil && r.Service == "" {
		return nil
	}
	types := map[string]feature.Type{"origin": feature.Scalar(feature.String), "destination": feature.Scalar(feature.String), "user": feature.Scalar(feature.Int64)}
	for _, k := range typeKeys() {
		types[k.Name] = k.Type
	}
	for name, values := range keys {
		c := &feature.Column{}
		if t, known := types[name]; known {
			c = feature.NewColumn(t, 0)
		}
		if values == nil || !c.Type.IsZero() && !appendAll(c, values) {
			return nil
		}
		r.Keys[name] = c
	}
	return r
}

func appendAll(c *feature.Column, values []any) bool {
	for _, v := range values {
		var err error
		switch v := v.(type) {
		case json.Number:
			var n int64
			if n, err = strconv.ParseInt(v.String(), 10, 64); err == nil {
				err = c.AppendAny(n)
			}
			if c.Type.Kind == feature.Date || c.Type.Kind == feature.Timestamp {
				return false
			}
		case string:
			var at time.Time
			switch c.Type.Kind {
			case feature.Bytes:
				var b []byte
				if b, err = base64.StdEncoding.Strict().DecodeString(v); err == nil {
					err = c.AppendAny(b)
				}
				if strings.ContainsAny(v, "\r\n") {
					return false
				}
			case feature.Date:
				if at, err = time.Parse(time.DateOnly, v); err == nil {
					err = c.AppendAny(feature.CalendarDay(at.Unix() / 86400))
				}
			case feature.Timestamp:
				if at, err = time.Parse(time.RFC3339Nano, v); err == nil {
					err = c.AppendAny(feature.TimeOf(at))
				}
			case feature.Int32, feature.Int64:
				var n int64
				if n, err = strconv.ParseInt(v, 10, 64); err == nil && strconv.FormatInt(n, 10) != v {
					return false // +7 and 007
				}
				if err == nil {
					err = c.AppendAny(n)
				}
			default:
				err = c.AppendAny(v)
			}
		default:
			err = c.AppendAny(v)
		}
		if err != nil {
			return false
		}
	}
	return true
}

// twice tells whether a name stands twice in one object of a body.
func twice(body []byte) bool {
	type open struct {
		names map[string]bool
		value bool
	}
	var stack []*open
	for decoder := json.NewDecoder(bytes.NewReader(body)); ; {
		token, err := decoder.Token()
		if err != nil {
			return !errors.Is(err, io.EOF)
		}
		var top *open
		if len(stack) > 0 {
			top = stack[len(stack)-1]
		}
		if name, ok := token.(string); ok && top != nil && top.names != nil && !top.value {
			if top.names[name] {
				return true
			}
			top.names[name], top.value = true, true
			continue
		}
		switch token {
		case json.Delim('{'):
			stack = append(stack, &open{names: map[string]bool{}})
			continue
		case json.Delim('['):
			stack = append(stack, &open{})
			continue
		case json.Delim('}'), json.Delim(']'):
			stack = stack[:len(stack)-1]
		}
		if len(stack) > 0 {
			stack[len(stack)-1].value = false
		}
	}
}

package httpapi

import (
	"context"
	_ "embed" // openapi.json
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
)

// Options are what is served beside features.
type Options struct {
	Metrics http.Handler // GET /metrics; nil: none
	Version string       // of the server, which /healthz tells
}

// methodGet is the name of the call in metrics and logs: that of the same call
// over gRPC.
const methodGet = "quiver.v1.ServingService/GetOnlineFeatures"

//go:embed openapi.json
var openAPI []byte

// New makes the handler of all routes. It is safe for concurrent use.
func New(h *serving.Handler, layer *rpc.Layer, opts Options) http.Handler {
	rs := probes(h, layer, opts)
	rs.add(layer, "/v1/features:get", http.MethodPost, layer.HTTP(methodGet, false, newEndpoint(h).get))
	rs.add(layer, "/openapi.json", http.MethodGet, layer.HTTP("openapi.json", true, document))
	return rs
}

// Probes makes the handler of /healthz, /readyz and /metrics alone, for an address of
// their own. It is safe for concurrent use.
func Probes(h *serving.Handler, layer *rpc.Layer, opts Options) http.Handler {
	return probes(h, layer, opts)
}

func probes(h *serving.Handler, layer *rpc.Layer, opts Options) *routes {
	rs := &routes{byPath: map[string]route{}}
	rs.add(layer, "/healthz", http.MethodGet, layer.HTTP("healthz", true, health(opts.Version)))
	rs.add(layer, "/readyz", http.MethodGet, layer.HTTP("readyz", true, readiness(h, layer)))
	if opts.Metrics != nil {
		rs.add(layer, "/metrics", http.MethodGet, layer.HTTP("metrics", true, func(w http.ResponseWriter, r *http.Request) error {
			opts.Metrics.ServeHTTP(w, r)
			return nil
		}))
	}
	rs.unknown = layer.HTTP("(unknown path)", true, func(http.ResponseWriter, *http.Request) error {
		return rpc.NotFound(rs.list())
	})
	return rs
}

// routes finds a handler by its exact path: nothing is cleaned up or redirected.
type routes struct {
	byPath  map[string]route
	unknown http.Handler
}

type route struct {
	methods         []string
	handler, denied http.Handler
}

func (rs *routes) add(layer *rpc.Layer, path, method string, handler http.Handler) {
	methods := []string{method}
	if method == http.MethodGet {
		methods = append(methods, http.MethodHead) // net/http leaves the body out
	}
	allowed := strings.Join(methods, ", ")
	denied := layer.HTTP("(wrong method)", true, func(w http.ResponseWriter, _ *http.Request) error {
		w.Header().Set("Allow", allowed)
		return rpc.NotAllowed(allowed)
	})
	rs.byPath[path] = route{methods, handler, denied}
}

func (rs *routes) list() string {
	var paths []string
	for path, r := range rs.byPath {
		paths = append(paths, r.methods[0]+" "+path)
	}
	slices.Sort(paths)
	return strings.Join(paths, ", ")
}

// ServeHTTP is part of http.Handler.
func (rs *routes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	found, ok := rs.byPath[r.URL.Path]
	switch {
	case !ok:
		rs.unknown.ServeHTTP(w, r)
	case !slices.Contains(found.methods, r.Method):
		found.denied.ServeHTTP(w, r)
	default:
		found.handler.ServeHTTP(w, r)
	}
}

// endpoint answers requests for features.
type endpoint struct {
	handler *serving.Handler
	origins *http.CrossOriginProtection
	calls   sync.Pool
}

func newEndpoint(h *serving.Handler) *endpoint {
	return &endpoint{handler: h, origins: http.NewCrossOriginProtection(), calls: sync.Pool{New: func() any { return newCall() }}}
}

func (e *endpoint) get(w http.ResponseWriter, r *http.Request) error {
	if err := e.origins.Check(r); err != nil {
		return rpc.Forbidden("a web page of another origin can't ask: " + err.Error())
	}
	if err := checkContent(r.Header); err != nil {
		return err
	}
	c := e.calls.Get().(*call) //nolint:errcheck,forcetypeassert // nothing else is put there
	defer func() {
		if c.reset() {
			e.calls.Put(c)
		}
	}()
	var err error
	if c.body, err = rpc.ReadBody(w, r, c.body); err != nil {
		return err
	}
	if err := c.parse(); err != nil {
		return err
	}
	err = e.handler.Answer(r.Context(), &c.request, func(response *serving.Response) (err error) {
		c.out, err = appendResponse(r.Context(), c.out, response, c.request.Matrix)
		return err
	})
	if err != nil {
		return err
	}
	return sendJSON(w, c.out)
}

// checkContent refuses bodies that are not plain JSON.
func checkContent(h http.Header) error {
	if coding := h.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return rpc.UnsupportedMedia("header Content-Encoding: bodies are not unpacked here: send it as it is")
	}
	sent := h.Get("Content-Type")
	if sent == "application/json" {
		return nil
	}
	media, params, err := mime.ParseMediaType(sent)
	charset := params["charset"]
	if err != nil || media != "application/json" || charset != "" && !strings.EqualFold(charset, "utf-8") {
		return rpc.UnsupportedMedia("header Content-Type: expected application/json, in UTF-8")
	}
	return nil
}

// sendJSON writes a whole answer.
func sendJSON(w http.ResponseWriter, body []byte) error {
	header := w.Header()
	header["Content-Type"] = []string{"application/json"}
	header["Content-Length"] = []string{strconv.Itoa(len(body))}
	header["Cache-Control"] = []string{"no-store"}
	if _, err := w.Write(body); err != nil {
		return fmt.Errorf("the client did not take the answer (%w): %w", err, context.Canceled)
	}
	return nil
}

func health(version string) func(http.ResponseWriter, *http.Request) error {
	body, _ := json.Marshal(map[string]string{"status": "ok", "version": version}) // texts: it can't fail
	return func(w http.ResponseWriter, _ *http.Request) error { return sendJSON(w, body) }
}

func readiness(h *serving.Handler, layer *rpc.Layer) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, _ *http.Request) error {
		if layer.Draining() {
			return fmt.Errorf("the server is shutting down: %w", feature.ErrUnavailable)
		}
		select {
		case <-h.Ready():
			return sendJSON(w, []byte(`{"status":"ready"}`))
		default:
			return fmt.Errorf("the registry was not read yet: %w", feature.ErrUnavailable)
		}
	}
}

func document(w http.ResponseWriter, _ *http.Request) error {
	return sendJSON(w, openAPI)
}

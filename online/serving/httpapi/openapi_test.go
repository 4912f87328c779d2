package httpapi_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/internal/testenv"
)

// serve runs the real server, and gives its URL.
func (a *api) serve(t testing.TB) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	server := rpc.NewHTTPServer(a.layer, quiet(), a)
	go func() { ended <- server.Serve(ctx, listener, a.serving.Ready()) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "http://" + listener.Addr().String()
}

// TestTheServerDoesWhatItsDocumentSays has schemathesis send what the document
// allows and what it forbids, and look at every answer.
func TestTheServerDoesWhatItsDocumentSays(t *testing.T) {
	a := newAPI(t, rpc.Options{DefaultTimeout: time.Minute, DrainTimeout: time.Second})
	a.refresh(t)
	a.Handler = patient(a.Handler)
	url := a.serve(t)
	t.Run("as it is", func(t *testing.T) {
		schemathesis(t, url, url+"/openapi.json", "testdata/schemathesis.toml")
	})
	t.Run("for one service", func(t *testing.T) {
		schemathesis(t, url, narrowed(t, a), "testdata/schemathesis_strict.toml")
	})
	metrics := a.send(http.MethodGet, "/metrics", "").Body.String()
	for _, code := range []string{"OK", "InvalidArgument"} {
		if !strings.Contains(metrics, `{code="`+code+`",method="quiver.v1.ServingService/GetOnlineFeatures",transport="http"}`) {
			t.Errorf("no request for features ended with %s", code)
		}
	}
}

// patient makes deadlines that are right as long as may be: short ones pass on a
// busy machine.
func patient(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ms, err := strconv.ParseUint(r.Header.Get(rpc.TimeoutHeader), 10, 32); err == nil && ms > 0 && ms < 60_000 {
			r.Header.Set(rpc.TimeoutHeader, "60000")
		}
		next.ServeHTTP(w, r)
	})
}

func schemathesis(t *testing.T, url, document, config string) {
	t.Helper()
	config, err := filepath.Abs(config)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(filepath.Dir(testenv.Python(t)), "schemathesis")
	cmd := exec.CommandContext(t.Context(), program, "--config-file", config, "run", document, "--url", url,
		"--checks", "all", "--seed", "1", "--max-examples", "100", "--no-color", "--continue-on-failure")
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("schemathesis: %v (where it is missing: `make deps`)\n%s", err, out)
	}
}

// narrowed writes the document with the requests that the test's service can
// answer: its keys, all of one length.
func narrowed(t *testing.T, a *api) string {
	t.Helper()
	var document map[string]any
	if err := json.Unmarshal(a.send(http.MethodGet, "/openapi.json", "").Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	var request any
	if err := json.Unmarshal([]byte(`{
		"type": "object", "additionalProperties": false, "required": ["service", "keys"],
		"properties": {
			"service": {"enum": ["delay_model", "delay_model@3"]},
			"keys": {
				"type": "object", "additionalProperties": false, "required": ["origin", "destination"],
				"properties": {"origin": {"$ref": "#/components/schemas/Texts"}, "destination": {"$ref": "#/components/schemas/Texts"}}
			},
			"metadata": {"type": "boolean"},
			"matrix": {"enum": ["float64", "float32"]}
		}}`), &request); err != nil {
		t.Fatal(err)
	}
	schemas := document["components"].(map[string]any)["schemas"].(map[string]any)
	schemas["Request"] = request
	schemas["Texts"] = map[string]any{"type": "array", "minItems": 3, "maxItems": 3, "items": map[string]any{"type": []string{"string", "null"}}}
	text, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

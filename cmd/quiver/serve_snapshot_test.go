package main

import (
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/quiver-features/quiver/internal/testenv"
)

// metric gives the value of a metric without labels.
func (s *serverProcess) metric(name string) string {
	s.t.Helper()
	_, text := s.get("/metrics")
	_, rest, ok := strings.Cut(text, "\n"+name+" ")
	if !ok {
		s.t.Fatalf("no metric %s in\n%s", name, text)
	}
	value, _, _ := strings.Cut(rest, "\n")
	return value
}

// becomes waits until a metric has a value.
func (s *serverProcess) becomes(name, value string) {
	s.t.Helper()
	looks := time.NewTicker(10 * time.Millisecond)
	defer looks.Stop()
	patience := time.After(time.Minute)
	for s.metric(name) != value {
		select {
		case <-looks.C:
		case <-patience:
			s.t.Fatalf("%s does not become %s:\n%s", name, value, s.log())
		}
	}
}

// features gives what the server answers about two customers, without the time.
func (s *serverProcess) features() string {
	s.t.Helper()
	body := strings.NewReader(`{"service":"churn_model","keys":{"customer":[1,4]}}`)
	r, err := asker().Post("http://"+s.http+"/v1/features:get", "application/json", body)
	if err != nil {
		s.t.Fatal(err)
	}
	text, err := io.ReadAll(r.Body)
	if err := errors.Join(err, r.Body.Close()); err != nil {
		s.t.Fatal(err)
	}
	_, features, ok := strings.Cut(string(text), `"features":`)
	if !ok || !strings.Contains(features, "PRESENT") {
		s.t.Fatalf("%d %s", r.StatusCode, text)
	}
	return features
}

func TestAServerStartsFromItsSnapshotWhileTheRegistryIsDownAndChangesOverWhenItIsBack(t *testing.T) {
	postgres := testenv.Postgres(t)
	dir := filepath.Join(t.TempDir(), "shop")
	must(t, "init", dir)
	setting(t, dir, "registry", postgres.URL())
	must(t, "-C", dir, "apply", "--yes")
	must(t, "-C", dir, "materialize")
	snapshot := filepath.Join(dir, ".quiver", "serve.snapshot")

	first := startProcess(t, dir, nil, "--drain-delay", "0s", "--registry-timeout", "300ms")
	first.shows("msg=ready")
	want := first.features()
	if up := first.metric("quiver_registry_up"); up != "1" {
		t.Errorf("up is %s", up)
	}
	if info, err := os.Stat(snapshot); err != nil || info.Mode() != 0o600 {
		t.Errorf("snapshot: %v, %v", info, err)
	}

	// Lost while it runs: it goes on.
	postgres.Kill()
	first.becomes("quiver_registry_up", "0")
	if got := first.features(); got != want {
		t.Errorf("without the registry:\n%s\nwant\n%s", got, want)
	}
	first.stop()

	// Down at the start.
	second := startProcess(t, dir, nil, "--drain-delay", "0s", "--registry-timeout", "300ms")
	second.shows("THE REGISTRY CAN'T BE REACHED")
	second.shows("msg=ready")
	if got := second.features(); got != want {
		t.Errorf("from the snapshot:\n%s\nwant\n%s", got, want)
	}
	second.becomes("quiver_registry_up", "0")
	if code, text := second.get("/readyz"); code != http.StatusOK {
		t.Errorf("not ready: %d %s", code, text)
	}

	// Back, and with a new revision.
	postgres.Restart()
	second.shows("the registry is reached")
	second.becomes("quiver_registry_up", "1")
	replace(t, filepath.Join(dir, "features", "shop.yaml"), "Somebody who orders", "Somebody who pays")
	must(t, "-C", dir, "apply", "--yes")
	second.shows(`msg="serving definitions" revision=2`)
	second.stop()
	postgres.Kill()

	// The new revision is in the snapshot; what is no good one is refused.
	third := startProcess(t, dir, nil, "--drain-delay", "0s", "--registry-timeout", "300ms")
	third.shows(`msg="serving definitions" revision=2`)
	third.stop()
	for _, process := range []*serverProcess{first, second, third} {
		if strings.Contains(process.log(), "opensesame") {
			t.Errorf("a log shows the registry's password:\n%s", process.log())
		}
	}
	serve := []string{"-C", dir, "serve", "--grpc", "127.0.0.1:0", "--http", "", "--registry-timeout", "300ms"}
	damage(t, snapshot)
	do(t.Context(), serve...).refused(t, exitFailed, "the registry can't be reached", "snapshot "+snapshot+" is damaged")
	if err := os.Remove(snapshot); err != nil {
		t.Fatal(err)
	}
	do(t.Context(), serve...).refused(t, exitFailed, "the registry can't be reached", "there is no snapshot "+snapshot)
}

// damage changes the last byte of a file.
func damage(t *testing.T, path string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-1] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestAServerThatCannotWriteItsSnapshotServes(t *testing.T) {
	dir := newProject(t)
	must(t, "-C", dir, "materialize")
	s := startProcess(t, dir, nil, "--drain-delay", "0s", "--snapshot", filepath.Join(dir, "quiver.yaml", "serve.snapshot"))
	s.shows("the snapshot can't be written")
	s.shows("msg=ready")
	s.features()
	s.stop()
}

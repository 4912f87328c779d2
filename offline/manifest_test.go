package offline_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

func writeManifest(m *offline.Manifest, path string) error {
	staged, err := offline.StageManifest(path, true)
	if err != nil {
		return err
	}
	return staged.Commit(m)
}

func TestAManifestTellsHowATrainingSetCameAbout(t *testing.T) {
	c := parse(t, flights+`  LAX | 11:00 => 3
  JFK | 11:00 => null
  LAX | 12:00 => 3
`)
	c.Selection.Service, c.Selection.Revision = "delay_model@3", 12
	_, res, err := setup{workers: 1, chunk: 10, record: 10}.train(t, c)
	if err != nil {
		t.Fatal(err)
	}
	m := offline.NewManifest(offline.Request{Selection: c.Selection}, res, offline.Origin{
		Registry: "a1b2", Engine: "v0.1.0", Created: time.Date(2026, 11, 23, 12, 0, 0, 0, time.FixedZone("", 3600)),
		Output: offline.ManifestOutput{Path: "train.parquet", Format: "parquet"},
	})
	path := offline.ManifestPath(filepath.Join(t.TempDir(), "train.parquet"))
	for range 2 { // the second replaces the first
		if err := writeManifest(m, path); err != nil {
			t.Fatal(err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 || entries[0].Name() != "train.parquet.manifest.json" {
		t.Errorf("got %v, %v", entries, err)
	}
	back, err := offline.ReadManifest(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(m, back); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	if d, _ := got["definitions"].(string); !strings.HasPrefix(d, "sha256:") || len(d) != len("sha256:")+32 {
		t.Errorf("definitions %q", d)
	}
	delete(got, "definitions")
	file := func(name, digest string, rows float64) map[string]any {
		return map[string]any{"path": name, "size": 0.0, "modified": "1970-01-01T00:00:00Z", "digest": digest, "rows": rows}
	}
	source := c.Sources[0].Files[0].Name
	want := map[string]any{
		"format": 1.0, "registry": "a1b2", "revision": 12.0, "service": "delay_model@3", "engine": "v0.1.0",
		"created": "2026-11-23T11:00:00Z", "event_timestamp": "at", "rows": 4.0,
		"output": map[string]any{"path": "train.parquet", "format": "parquet"},
		"spine":  file("spine.parquet", "of spine", 4),
		"views": []any{map[string]any{
			"view": "last@1", "alias": "last", "keys": map[string]any{"airport": "airport"}, "source": "flights",
			"files": []any{file(source, "of "+source, 4)}, "matched": 3.0, "ties": 2.0, "same_time": 2.0, "created_after": 0.0,
			"tie_rate": 0.5, "same_time_rate": 0.5, "created_after_rate": 0.0,
		}},
		"features": []any{map[string]any{
			"name": "last__delay", "reference": "last@1:delay", "type": "int64", "match_rate": 0.75, "null_rate": 0.25,
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
}

func TestAStagedManifestIsThereOnceItIsCommitted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "train.parquet.manifest.json")
	there := func() string {
		t.Helper()
		entries, err := os.ReadDir(filepath.Dir(path))
		if err != nil {
			t.Fatal(err)
		}
		names := ""
		for _, e := range entries {
			names += " " + e.Name()
		}
		return strings.TrimSpace(names)
	}
	stage := func(force bool) *offline.StagedManifest {
		t.Helper()
		s, err := offline.StageManifest(path, force)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := stage(false)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) || there() == "" {
		t.Errorf("before Commit: %v, the folder holds %q", err, there())
	}
	if err := s.Abort(); err != nil || there() != "" {
		t.Errorf("after Abort: %v, the folder holds %q", err, there())
	}
	s = stage(false)
	if err := s.Commit(&offline.Manifest{Format: 1, Rows: 5}); err != nil || there() != filepath.Base(path) {
		t.Fatalf("after Commit: %v, the folder holds %q", err, there())
	}
	if err := s.Abort(); err != nil || there() != filepath.Base(path) {
		t.Errorf("Abort after Commit: %v, the folder holds %q", err, there())
	}
	if err := s.Commit(&offline.Manifest{Format: 1}); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a second Commit: %v", err)
	}
	if _, err := offline.StageManifest(path, false); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("over one that is there: %v", err)
	}
	s = stage(true)
	if m, err := offline.ReadManifest(path); err != nil || m.Rows != 5 {
		t.Errorf("before it is replaced: %+v, %v", m, err)
	}
	if err := s.Commit(&offline.Manifest{Format: 1, Rows: 6}); err != nil {
		t.Fatal(err)
	}
	if m, err := offline.ReadManifest(path); err != nil || m.Rows != 6 || there() != filepath.Base(path) {
		t.Errorf("replaced: %+v, %v, the folder holds %q", m, err, there())
	}
	for bad, want := range map[string]error{filepath.Join(filepath.Dir(path), "no", "m.json"): feature.ErrNotFound, filepath.Dir(path): feature.ErrInvalid} {
		if _, err := offline.StageManifest(bad, true); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", bad, err, want)
		}
	}
}

func TestAManifestHasTheModeOfAnOutput(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m.json")
	if err := writeManifest(&offline.Manifest{Format: 1}, path); err != nil {
		t.Fatal(err)
	}
	plain, err := os.Create(filepath.Join(dir, "plain")) // as the process's umask says
	if err != nil {
		t.Fatal(err)
	}
	if err := plain.Close(); err != nil {
		t.Fatal(err)
	}
	var modes [2]fs.FileMode
	for i, name := range []string{path, plain.Name()} {
		st, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		modes[i] = st.Mode()
	}
	if modes[0] != modes[1] {
		t.Errorf("the manifest has mode %s, a file created plainly %s", modes[0], modes[1])
	}
}

func TestWhatIsNoManifestIsSaidToBeNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.json")
	for _, text := range []string{"", "parquet", `{"format": 2}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := offline.ReadManifest(path); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestTheDigestOfAFileIsItsSHA256(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := offline.DigestFile(path)
	// The example of FIPS 180-2.
	if want := "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}

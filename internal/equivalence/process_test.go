package equivalence_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	parquetgo "github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/redis"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/online/sqlite"
	"github.com/quiver-features/quiver/registry"
	registrysqlite "github.com/quiver-features/quiver/registry/sqlite"
)

// manyKeys take a process long enough to be killed in the middle.
const manyKeys = 60_000

// thing is a row of the files that processes read.
type thing struct {
	ID int64     `parquet:"id"`
	At time.Time `parquet:"at,timestamp(microsecond)"`
	X  int64     `parquet:"x"`
}

var (
	noon    = time.Date(2001, 6, 30, 12, 0, 0, 0, time.UTC)
	project = `project: things
definitions: [features.yaml]
data: data
registry: sqlite:registry.db
online: %s
now: 2001-06-30T12:00:00Z
`
)

const features = `kind: entity
name: thing
keys: [{name: thing, type: int64}]
---
kind: source
name: things
parquet: "*.parquet"
event_timestamp: at
---
kind: view
name: last
entities: [thing]
keys: {thing: id}
source: things
online: true
features: [{name: x}]
`

// writeThings writes a file of all keys, at a time and with values from an offset
// on, in an order that is not that of the keys.
func writeThings(t *testing.T, path string, at time.Time, offset int64) {
	t.Helper()
	rows := make([]thing, manyKeys)
	for i, id := range rand.New(rand.NewPCG(1, 1)).Perm(manyKeys) { //nolint:gosec // always the same order
		rows[i] = thing{int64(id), at, offset + int64(id)}
	}
	if err := parquetgo.WriteFile(path, rows); err != nil {
		t.Fatal(err)
	}
}

// installation is a project on disk, and the real binary that works on it.
type installation struct {
	t           *testing.T
	binary, dir string
	url         string // of the online store
}

func install(t *testing.T, binary, url string) *installation {
	t.Helper()
	i := &installation{t, binary, t.TempDir(), url}
	if err := os.Mkdir(filepath.Join(i.dir, "data"), 0o750); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"quiver.yaml": fmt.Sprintf(project, url), "features.yaml": features} {
		if err := os.WriteFile(filepath.Join(i.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeThings(t, filepath.Join(i.dir, "data", "a.parquet"), noon.Add(-2*time.Hour), 0)
	i.run("apply", "--yes")
	return i
}

func (i *installation) command(args ...string) (*exec.Cmd, *bytes.Buffer) {
	cmd := exec.CommandContext(i.t.Context(), i.binary, append([]string{"-C", i.dir}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	return cmd, &out
}

func (i *installation) run(args ...string) {
	i.t.Helper()
	cmd, out := i.command(args...)
	if err := cmd.Run(); err != nil {
		i.t.Fatalf("quiver %v: %v\n%s", args, err, out)
	}
}

// open opens what the processes work on, as one more of them would.
func (i *installation) open() (registry.Store, online.Store, *feature.Storage) {
	i.t.Helper()
	ctx := i.t.Context()
	r, err := registrysqlite.Open(ctx, filepath.Join(i.dir, "registry.db"), registrysqlite.Options{MustExist: true})
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = r.Close() })
	identity, err := r.Identity(ctx)
	if err != nil {
		i.t.Fatal(err)
	}
	clock := func() feature.Time { return feature.TimeOf(noon) }
	var values online.Store
	if i.url == "sqlite:online.db" {
		values, err = sqlite.Open(ctx, sqlite.Options{Path: filepath.Join(i.dir, "online.db"), Registry: identity.ID, Clock: clock})
	} else {
		values, err = redis.Open(ctx, redis.Options{URL: i.url, Registry: identity.ID, Clock: clock, Frozen: true})
	}
	if err != nil {
		i.t.Fatal(err)
	}
	i.t.Cleanup(func() { _ = values.Close() })
	snapshot, err := r.Load(ctx, 0)
	if err != nil {
		i.t.Fatal(err)
	}
	return r, values, snapshot.OnlineViews()[0].Active
}

// killAt starts a process and kills it as soon as the store shows a value of a key
// from the offset on. It tells whether the process was killed before it was done.
func (i *installation) killAt(values online.Store, storage *feature.Storage, id, offset int64) bool {
	i.t.Helper()
	layout, err := online.NewLayout(storage)
	if err != nil {
		i.t.Fatal(err)
	}
	key := layout.AppendKey(nil, []*feature.Column{{Type: feature.Scalar(feature.Int64), Int64s: []int64{id}}}, 0)
	cmd, out := i.command("materialize")
	if err := cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case err := <-ended:
			if err != nil {
				i.t.Fatalf("materialize: %v\n%s", err, out)
			}
			return false
		case <-poll.C:
		}
		found, err := values.Get(i.t.Context(), [][]byte{key})
		if err != nil {
			i.t.Fatal(err)
		}
		x := feature.NewColumn(feature.Scalar(feature.Int64), 1)
		if found[0] != nil {
			if _, err := layout.Decode(found[0], []*feature.Column{x}); err != nil {
				i.t.Fatal(err)
			}
		}
		if x.Len() == 1 && x.Int64s[0] >= offset {
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				i.t.Fatal(err)
			}
			var exit *exec.ExitError
			return errors.As(<-ended, &exit)
		}
	}
}

// expectAll checks every key's value: its own number and the offset.
func (i *installation) expectAll(r registry.Store, values online.Store, offset int64) {
	i.t.Helper()
	for id, c := range i.served(r, values, 1) {
		if want := present(offset + int64(id)); c != want {
			i.t.Fatalf("thing %d is served as %s, want %s", id, c, want)
		}
	}
}

// served gives what is served for every step-th thing.
func (i *installation) served(r registry.Store, values online.Store, step int) map[int]cell {
	i.t.Helper()
	w := &world{}
	w.set(feature.TimeOf(noon))
	var err error
	if w.handler, err = serving.New(catalog{r}, values, handlerOptions(w, manyKeys)); err != nil {
		i.t.Fatal(err)
	}
	if err := w.handler.Refresh(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
	keys := feature.NewColumn(feature.Scalar(feature.Int64), manyKeys/step)
	for id := 0; id < manyKeys; id += step {
		keys.AppendInt64(int64(id))
	}
	response, err := w.handler.Get(i.t.Context(), &serving.Request{Features: []string{"last:x"}, Keys: map[string]*feature.Column{"thing": keys}})
	if err != nil {
		i.t.Fatal(err)
	}
	cells := map[int]cell{}
	for row, id := range keys.Int64s {
		cells[int(id)] = cellOf(&response.Features[0], row)
	}
	return cells
}

func onlineURLs(t *testing.T) map[string]string {
	return map[string]string{"sqlite": "sqlite:online.db", "redis": testenv.Redis(t).URL()}
}

// TestAProcessThatIsKilledIsCompletedByTheNext kills the real program with SIGKILL
// in a first load and in a run after it, early and late.
func TestAProcessThatIsKilledIsCompletedByTheNext(t *testing.T) {
	binary := testenv.Quiver(t)
	for name, url := range onlineURLs(t) {
		t.Run(name, func(t *testing.T) {
			i := install(t, binary, url)
			r, values, storage := i.open()
			order := rand.New(rand.NewPCG(1, 1)).Perm(manyKeys) //nolint:gosec // that of the files
			kills := 0
			for round, at := range []int{0, manyKeys / 2, manyKeys * 3 / 4} {
				if i.killAt(values, storage, int64(order[at]), 0) {
					kills++
				}
				if mark := i.mark(values, storage); round == 0 && mark.Holds() {
					t.Error("the watermark moved although the process was killed")
				}
				for id, c := range i.served(r, values, 16) {
					if x := fmt.Sprint(id); c != cell(x+"/STALE") && c != unavailable && c != present(int64(id)) {
						t.Fatalf("after the kill thing %d is served as %s", id, c)
					}
				}
			}
			i.run("materialize")
			i.expectAll(r, values, 0)

			writeThings(t, filepath.Join(i.dir, "data", "b.parquet"), noon.Add(-time.Hour), manyKeys)
			for _, at := range []int{0, manyKeys / 2} {
				if i.killAt(values, storage, int64(order[at]), manyKeys) {
					kills++
				}
				for id, c := range i.served(r, values, 16) {
					if c != present(int64(id)) && c != present(manyKeys+int64(id)) {
						t.Fatalf("after the kill thing %d is served as %s", id, c)
					}
				}
			}
			i.run("materialize")
			i.expectAll(r, values, manyKeys)
			if kills < 2 {
				t.Errorf("only %d processes were killed before they were done: make manyKeys greater", kills)
			}
		})
	}
}

func (i *installation) mark(values online.Store, storage *feature.Storage) feature.Watermark {
	i.t.Helper()
	marks, err := values.Watermarks(i.t.Context(), []uint64{storage.ID})
	if err != nil {
		i.t.Fatal(err)
	}
	return marks[0]
}

// TestProcessesThatMaterializeAtOnceEndRight starts several at the same time, on an
// empty store and again when a file has landed.
func TestProcessesThatMaterializeAtOnceEndRight(t *testing.T) {
	binary := testenv.Quiver(t)
	for name, url := range onlineURLs(t) {
		t.Run(name, func(t *testing.T) {
			i := install(t, binary, url)
			r, values, storage := i.open()
			for round := range int64(2) {
				if round == 1 {
					writeThings(t, filepath.Join(i.dir, "data", "b.parquet"), noon.Add(-time.Hour), manyKeys)
				}
				var all sync.WaitGroup
				for range 3 {
					all.Go(func() {
						cmd, out := i.command("materialize")
						if err := cmd.Run(); err != nil {
							t.Errorf("materialize: %v\n%s", err, out)
						}
					})
				}
				all.Wait()
				i.expectAll(r, values, round*manyKeys)
				if mark := i.mark(values, storage); !mark.Holds() || mark.Time != feature.TimeOf(noon) {
					t.Errorf("the watermark is %+v", mark)
				}
			}
			runs, err := r.Runs(context.WithoutCancel(t.Context()), storage.ID, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, run := range runs {
				if run.State != feature.RunDone {
					t.Errorf("run %d is %s: %s", run.Number, run.State, run.Error)
				}
			}
		})
	}
}

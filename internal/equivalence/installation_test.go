package equivalence_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	parquetgo "github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/redis"
	"github.com/quiver-features/quiver/online/sqlite"
	"github.com/quiver-features/quiver/registry"
	registrysqlite "github.com/quiver-features/quiver/registry/sqlite"
)

// manyKeys take a process long enough to be killed in the middle.
const manyKeys = 20_000

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
---
kind: view
name: windows
entities: [thing]
keys: {thing: id}
source: things
online: true
features:
  - {name: x}
  - {name: rows, aggregate: count, window: all}
  - {name: sum_90m, aggregate: sum, column: x, window: 90m}
  - {name: rows_3h, aggregate: count, window: 3h}
  - {name: latest, aggregate: last_n, n: 2, column: x, window: 3h}
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
	i.land(0, 120)
	i.run("apply", "--yes")
	return i
}

// land writes a file with an event of each thing, so many minutes before noon.
func (i *installation) land(number int, before int64) {
	name := fmt.Sprintf("%d.parquet", number)
	writeThings(i.t, filepath.Join(i.dir, "data", name), noon.Add(-time.Duration(before)*time.Minute), int64(number)*manyKeys)
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
func (i *installation) open() (registry.Store, online.Store, []*feature.Storage) {
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
	var storages []*feature.Storage
	for _, v := range snapshot.OnlineViews() { // last, and windows
		storages = append(storages, v.Active)
	}
	return r, values, storages
}

// killAt starts a process and kills it as soon as the store shows a value of a key
// from the offset on. It tells whether the process was killed before it was done.
func (i *installation) killAt(values online.Store, storage *feature.Storage, id, offset int64) bool {
	i.t.Helper()
	process := i.startUntil(values, storage, id, offset)
	if err := process.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		i.t.Fatal(err)
	}
	var exit *exec.ExitError
	return errors.As(process.wait(), &exit)
}

// process is a program at work.
type process struct {
	cmd   *exec.Cmd
	out   *bytes.Buffer
	ended chan error
}

// wait waits for the end, and gives what the program failed with.
func (p *process) wait() error {
	if err := <-p.ended; err != nil {
		return fmt.Errorf("materialize: %w\n%s", err, p.out)
	}
	return nil
}

// startUntil starts a process and waits until the store shows a value of a key from the
// offset on.
func (i *installation) startUntil(values online.Store, storage *feature.Storage, id, offset int64) *process {
	i.t.Helper()
	layout, err := online.NewLayout(storage)
	if err != nil {
		i.t.Fatal(err)
	}
	decoder := layout.NewDecoder()
	key := layout.AppendKey(nil, []*feature.Column{{Type: feature.Scalar(feature.Int64), Int64s: []int64{id}}}, 0)
	p := &process{ended: make(chan error, 1)}
	p.cmd, p.out = i.command("materialize")
	if err := p.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	go func() { p.ended <- p.cmd.Wait() }()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for {
		select {
		case err := <-p.ended:
			if err != nil {
				i.t.Fatalf("materialize: %v\n%s", err, p.out)
			}
			p.ended <- nil
			return p
		case <-poll.C:
		}
		found, err := values.Get(i.t.Context(), [][]byte{key})
		if err != nil {
			i.t.Fatal(err)
		}
		x := feature.NewColumn(feature.Scalar(feature.Int64), 1)
		into := make([]*feature.Column, len(layout.Features()))
		into[layout.Feature("x")] = x
		if found[0] != nil {
			if _, _, err := decoder.Decode(found[0], feature.TimeOf(noon), into); err != nil {
				i.t.Fatal(err)
			}
		}
		if x.Len() == 1 && x.Int64s[0] >= offset {
			return p
		}
	}
}

func onlineURLs(t *testing.T) map[string]string {
	return map[string]string{"sqlite": "sqlite:online.db", "redis": testenv.Redis(t).URL()}
}

func (i *installation) mark(values online.Store, storage *feature.Storage) feature.Watermark {
	i.t.Helper()
	marks, err := values.Watermarks(i.t.Context(), []uint64{storage.ID})
	if err != nil {
		i.t.Fatal(err)
	}
	return marks[0]
}

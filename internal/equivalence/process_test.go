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
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
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
const manyKeys = 40_000

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

// references are what is asked for of each thing.
func references() []string {
	return []string{"last:x", "windows:x", "windows:rows", "windows:sum_90m", "windows:rows_3h", "windows:latest"}
}

// answersOf gives what has to be told of a thing whose events are so many minutes before noon,
// as of so many after it: a few lines over all of them. The i-th event has the value i times
// manyKeys and the thing's number.
func answersOf(id int64, after int64, before ...int64) []string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	values := map[int64]int64{}
	for i, b := range before {
		values[b] = int64(i)*manyKeys + id
	}
	sum, recent := "null", []int64{}
	total, had := int64(0), false
	for _, b := range slices.Sorted(slices.Values(before)) { // the latest first
		if b+after < 90 {
			total, had = total+values[b], true
		}
		if b+after < 180 {
			recent = append(recent, values[b])
		}
	}
	if had {
		sum = number(total)
	}
	x := number(values[slices.Min(before)])
	return []string{x, x, number(int64(len(before))), sum, number(int64(len(recent))), fmt.Sprint(recent[:min(len(recent), 2)])}
}

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

// expectAll checks what is served of every step-th thing, so many minutes after noon.
func (i *installation) expectAll(r registry.Store, values online.Store, step int, after int64, before ...int64) {
	i.t.Helper()
	for id, cells := range i.served(r, values, step, after) {
		for n, want := range answersOf(int64(id), after, before...) {
			status := "/PRESENT"
			if want == "null" {
				status = "/NULL"
			}
			if cells[n] != cell(want+status) {
				i.t.Fatalf("%s of thing %d is served as %s, want %s", references()[n], id, cells[n], want+status)
			}
		}
	}
}

// expectSome checks that what is served of some things is of the state before a run or of
// the one that it leads to. There may be no state before.
func (i *installation) expectSome(r registry.Store, values online.Store, before, next []int64) {
	i.t.Helper()
	for id, cells := range i.served(r, values, 16, 0) {
		for n, c := range cells {
			may := []string{"null/UNAVAILABLE"}
			value := answersOf(int64(id), 0, next...)[n]
			if before == nil {
				may = append(may, value+"/STALE", value+"/PRESENT", value+"/NULL")
			} else {
				may = []string{value + "/PRESENT", value + "/NULL"}
				value = answersOf(int64(id), 0, before...)[n]
				may = append(may, value+"/PRESENT", value+"/NULL")
			}
			if !slices.Contains(may, string(c)) {
				i.t.Fatalf("after the kill %s of thing %d is served as %s, want one of %v", references()[n], id, c, may)
			}
		}
	}
}

// served gives what is served for every step-th thing, so many minutes after noon.
func (i *installation) served(r registry.Store, values online.Store, step int, after int64) map[int][]cell {
	i.t.Helper()
	w := &world{}
	w.set(feature.TimeOf(noon).Add(feature.Duration(after) * feature.Minute))
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
	response, err := w.handler.Get(i.t.Context(), &serving.Request{Features: references(), Keys: map[string]*feature.Column{"thing": keys}})
	if err != nil {
		i.t.Fatal(err)
	}
	cells := map[int][]cell{}
	for row, id := range keys.Int64s {
		for n := range response.Features {
			c := cellOf(&response.Features[n], row)
			if list := response.Features[n].Values; list.Type.List && !list.IsNull(row) {
				c = cell(fmt.Sprint(list.Any(row)) + "/" + response.Features[n].Status(row).String())
			}
			cells[int(id)] = append(cells[int(id)], c)
		}
	}
	return cells
}

// label is a row of a spine, and trained one of a training set.
type label struct {
	Thing int64     `parquet:"thing"`
	At    time.Time `parquet:"event_timestamp,timestamp(microsecond)"`
}

type trained struct {
	Thing  int64   `parquet:"thing"`
	Last   *int64  `parquet:"last__x,optional"`
	X      *int64  `parquet:"windows__x,optional"`
	Rows   *int64  `parquet:"windows__rows,optional"`
	Sum    *int64  `parquet:"windows__sum_90m,optional"`
	Rows3h *int64  `parquet:"windows__rows_3h,optional"`
	Latest []int64 `parquet:"windows__latest,list"`
}

// expectTrained checks that the program trains what is served, so many minutes after noon.
func (i *installation) expectTrained(after int64, before ...int64) {
	i.t.Helper()
	var labels []label
	for id := int64(0); id < manyKeys; id += 16 {
		labels = append(labels, label{id, noon.Add(time.Duration(after) * time.Minute)})
	}
	spine, out := filepath.Join(i.dir, "spine.parquet"), filepath.Join(i.dir, "trained.parquet")
	if err := parquetgo.WriteFile(spine, labels); err != nil {
		i.t.Fatal(err)
	}
	i.run("train", "--spine", spine, "--features", strings.Join(references(), ","), "--out", out, "--force")
	rows, err := parquetgo.ReadFile[trained](out)
	if err != nil {
		i.t.Fatal(err)
	}
	if len(rows) != len(labels) {
		i.t.Fatalf("trained %d rows, want %d", len(rows), len(labels))
	}
	for n, r := range rows {
		var got []string
		for _, v := range []*int64{r.Last, r.X, r.Rows, r.Sum, r.Rows3h} {
			if v == nil {
				got = append(got, "null")
			} else {
				got = append(got, strconv.FormatInt(*v, 10))
			}
		}
		got = append(got, fmt.Sprint(r.Latest))
		if want := answersOf(labels[n].Thing, after, before...); r.Thing != labels[n].Thing || !slices.Equal(got, want) {
			i.t.Fatalf("thing %d is trained as %v, want %v", r.Thing, got, want)
		}
	}
}

func onlineURLs(t *testing.T) map[string]string {
	return map[string]string{"sqlite": "sqlite:online.db", "redis": testenv.Redis(t).URL()}
}

// TestAProcessThatIsKilledIsCompletedByTheNext kills the real program with SIGKILL
// in a first load and in a run after it, early and late, amid rows and amid tiles.
func TestAProcessThatIsKilledIsCompletedByTheNext(t *testing.T) {
	binary := testenv.Quiver(t)
	for name, url := range onlineURLs(t) {
		t.Run(name, func(t *testing.T) {
			i := install(t, binary, url)
			r, values, storages := i.open()
			order := rand.New(rand.NewPCG(1, 1)).Perm(manyKeys) //nolint:gosec // that of the files
			kills := 0
			kill := func(view, at int, offset int64) {
				t.Helper()
				if i.killAt(values, storages[view], int64(order[at]), offset) {
					kills++
				}
			}
			for round, at := range []int{0, manyKeys / 4, manyKeys * 3 / 4} {
				kill(min(round, 1), at, 0)
				if mark := i.mark(values, storages[1]); mark.Holds() {
					t.Error("the watermark moved although the process was killed")
				}
				i.expectSome(r, values, nil, []int64{120})
			}
			i.run("materialize")
			i.expectAll(r, values, 1, 0, 120)

			i.land(1, 60)
			for view, at := range []int{manyKeys / 2, manyKeys / 4} {
				kill(view, at, manyKeys)
				i.expectSome(r, values, []int64{120}, []int64{120, 60})
			}
			i.run("materialize")
			i.expectAll(r, values, 1, 0, 120, 60)
			i.expectAll(r, values, 16, 60, 120, 60) // without a run
			i.expectTrained(0, 120, 60)
			i.expectTrained(60, 120, 60)
			if kills < 2 {
				t.Errorf("only %d processes were killed before they were done: make manyKeys greater", kills)
			}
			if name != "sqlite" { // whose other writers wait for one that is stopped within a transaction
				i.expectSleeper(r, values, storages[1], int64(order[manyKeys/2]))
			}
		})
	}
}

// expectSleeper stops a process amid its tiles, lets another read one file more and
// end, and wakes the first one up.
func (i *installation) expectSleeper(r registry.Store, values online.Store, storage *feature.Storage, id int64) {
	i.t.Helper()
	i.land(2, 30)
	sleeper := i.startUntil(values, storage, id, 2*manyKeys)
	if err := sleeper.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		i.t.Fatal(err)
	}
	if len(sleeper.ended) > 0 {
		i.t.Error("the process was done before it fell asleep: make manyKeys greater")
	}
	i.land(3, 40)
	i.run("materialize")
	i.expectAll(r, values, 16, 0, 120, 60, 30, 40)
	if err := sleeper.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		i.t.Fatal(err)
	}
	if err := sleeper.wait(); err != nil {
		i.t.Fatal(err)
	}
	i.expectAll(r, values, 1, 0, 120, 60, 30, 40)
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
			r, values, storages := i.open()
			events := []int64{120, 60}
			for round := range 2 {
				if round == 1 {
					i.land(1, 60)
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
				i.expectAll(r, values, 1, 0, events[:round+1]...)
				for _, storage := range storages {
					if mark := i.mark(values, storage); !mark.Holds() || mark.Time != feature.TimeOf(noon) {
						t.Errorf("the watermark is %+v", mark)
					}
				}
			}
			for _, storage := range storages {
				runs, err := r.Runs(context.WithoutCancel(t.Context()), storage.ID, 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, run := range runs {
					if run.State != feature.RunDone {
						t.Errorf("run %d is %s: %s", run.Number, run.State, run.Error)
					}
				}
			}
		})
	}
}

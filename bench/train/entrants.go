package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/quiver-features/quiver/bench/compare"
	"github.com/quiver-features/quiver/bench/measure"
	"github.com/quiver-features/quiver/bench/peers"
)

// field runs the engines on one contest's job, in a folder of their own.
type field struct {
	*bench
	folder string
	job    peers.Job
}

// field makes the folder with what the engines are told.
func (b *bench) field(ctx context.Context, name, spine string, views []peers.View) (*field, error) {
	f := &field{bench: b, folder: filepath.Join(b.work, name)}
	f.job = peers.Job{Spine: spine, Views: views, Threads: runtime.NumCPU(), Folder: filepath.Join(f.folder, "peers")}
	if err := os.MkdirAll(f.job.Folder, 0o750); err != nil {
		return nil, err
	}
	definitions, err := definitions(views)
	if err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"quiver.yaml": "project: bench\ndefinitions: [views.yaml]\n", "views.yaml": definitions} {
		if err := os.WriteFile(filepath.Join(f.folder, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	_, _, err = measure.Run(ctx, measure.Command{Args: []string{b.quiver, "-C", f.folder, "apply", "--yes"}})
	return f, err
}

// definitions writes the views as Quiver's users would; each key is an entity.
func definitions(views []peers.View) (string, error) {
	var text strings.Builder
	known := map[string]bool{}
	for _, v := range views {
		for _, k := range v.Keys {
			if !known[k] {
				fmt.Fprintf(&text, "---\nkind: entity\nname: %s\nkeys: [{name: %s, type: %s}]\n", k, k, v.KeyType)
			}
			known[k] = true
		}
		files, err := json.Marshal(v.Files) // a list in JSON is one in YAML
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&text, "---\nkind: source\nname: %s_rows\nparquet: %s\nevent_timestamp: %s\n", v.Name, files, v.Time)
		if v.Available != "" {
			fmt.Fprintf(&text, "available_timestamp: %s\n", v.Available)
		}
		fmt.Fprintf(&text, "---\nkind: view\nname: %s\nentities: [%s]\nsource: %s_rows\n", v.Name, strings.Join(v.Keys, ", "), v.Name)
		if v.TTL > 0 {
			fmt.Fprintf(&text, "ttl: %dus\n", v.TTL)
		}
		text.WriteString("features:\n")
		for i, name := range v.Features {
			fmt.Fprintf(&text, "  - {name: %s, %s}\n", name, feature(v, i))
		}
	}
	return text.String(), nil
}

// feature says what the view's feature of that number is.
func feature(v peers.View, i int) string {
	if v.Aggregates == nil {
		return "type: " + v.Types[i]
	}
	a := v.Aggregates[i]
	text := fmt.Sprintf("aggregate: %s, window: %dus, granularity: %dus", a.Function, a.Window, a.Granularity)
	if a.Column != "" {
		text += ", column: " + a.Column
	}
	return text
}

// files are all that the entrants read.
func (f *field) files() []string {
	files := []string{f.job.Spine}
	for _, v := range f.job.Views {
		files = append(files, v.Files...)
	}
	return files
}

// spec compares all features.
func (f *field) spec(rows int) compare.Spec {
	s := compare.Spec{RowID: "row_id", Rows: rows}
	for _, v := range f.job.Views {
		var g compare.Group
		for _, name := range v.Features {
			column := v.Name + "__" + name
			if name == v.Tied {
				g.Tied = column
			} else {
				g.Columns = append(g.Columns, column)
			}
		}
		s.Groups = append(s.Groups, g)
	}
	return s
}

// quiverRun is `quiver train` with all features of some views: the process from its start to its exit.
func (f *field) quiverRun(name string, views []peers.View, memory int64) entrant {
	var features []string
	for _, v := range views {
		features = append(features, v.Name+":*")
	}
	return f.quiverFeatures(name, features, memory)
}

// quiverFeatures is the same with some features.
func (f *field) quiverFeatures(name string, features []string, memory int64) entrant {
	out := f.out(name)
	args := []string{
		f.quiver, "-C", f.folder, "train", "--spine", f.job.Spine, "--event-timestamp", "event_timestamp",
		"--features", strings.Join(features, ","), "--out", out, "--force",
	}
	c := measure.Command{Args: args}
	if memory > 0 {
		c.Args = append(c.Args, "--memory", fmt.Sprint(memory))
		c.Memory = memory + memory/4
	}
	return entrant{name: name, out: out, run: func(ctx context.Context) (measure.Cost, error) {
		cost, _, err := measure.Run(ctx, c)
		return cost, err
	}}
}

// peerRun is a peer's script: what it does between its imports and its exit, in time; all of it in memory.
func (f *field) peerRun(name, script string, args ...string) entrant {
	return f.sampleRun(name, 0, script, args...)
}

// sampleRun is the same on one spine row in some; 0 is all.
func (f *field) sampleRun(name string, every int, script string, args ...string) entrant {
	job := f.job
	job.Out, job.Every = f.out(name), every
	e := entrant{name: name, out: job.Out, every: every, run: func(ctx context.Context) (measure.Cost, error) {
		text, err := json.Marshal(job)
		if err != nil {
			return measure.Cost{}, err
		}
		path := job.Out + ".json"
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return measure.Cost{}, err
		}
		command := append([]string{f.python, filepath.Join(f.scripts, script), path}, args...)
		cost, out, err := measure.Run(ctx, measure.Command{Args: command, Folder: job.Folder})
		if err != nil {
			return cost, err
		}
		var told peers.Told
		if err := json.Unmarshal(out, &told); err != nil {
			return cost, fmt.Errorf("%s printed %q in place of its cost: %w", script, out, err)
		}
		cost.Wall, cost.CPU = seconds(told.Seconds), seconds(told.CPU)
		return cost, nil
	}}
	if every > 0 {
		e.same = sampled
	}
	return e
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// out is the file that an entrant of that name writes.
func (f *field) out(name string) string {
	plain := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return filepath.Join(f.folder, plain+".parquet")
}

func (f *field) duckdb() entrant { return f.peerRun("DuckDB", "duck.py") }
func (f *field) polars() entrant { return f.peerRun("Polars", "polar.py") }

// scan is the limit: DuckDB reads the columns and joins nothing.
func (f *field) scan() entrant {
	e := f.peerRun("DuckDB, scan only", "duck.py", "scan")
	e.out = ""
	return e
}

func (f *field) feast(kind string) entrant {
	e := f.peerRun("Feast, "+kind, "feast_peer.py", kind)
	e.same = some
	return e
}

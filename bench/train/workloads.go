package main

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/quiver-features/quiver/bench/dataset"
	"github.com/quiver-features/quiver/bench/peers"
)

// workload makes a contest, and the data that it needs first.
type workload struct {
	name string
	make func(*bench, context.Context) (contest, error)
}

func workloads() []workload {
	return []workload{
		{"W1", (*bench).w1},
		{"W2", (*bench).w2},
		{"W3", (*bench).w3},
		{"W4", (*bench).w4},
		{"W5", (*bench).w5},
		{"W6", (*bench).w6},
		{"W7", (*bench).w7},
		{"W8t", (*bench).w8time},
		{"W8r", (*bench).w8random},
		{"W9", (*bench).w9},
		{"A1", (*bench).a1},
		{"A2", (*bench).a2},
		{"A3", (*bench).a3},
		{"A4", (*bench).a4},
		{"A5", (*bench).a5},
		{"A6", (*bench).a6},
	}
}

// full is W1's size.
func (b *bench) full() dataset.Size {
	return dataset.Size{Rows: b.scaled(20_000_000), Keys: b.scaled(1_000_000), Spine: b.scaled(2_000_000)}
}

func (b *bench) scaled(n int) int { return max(int(float64(n)*b.scale), 20) }

// stats is a view of ten float64 over files of that layout.
func (b *bench) stats(ctx context.Context, name string, s dataset.Size, l dataset.Layout, files int, ttl int64) (peers.View, error) {
	folder, err := b.cache.Stats(ctx, s, l, files)
	if err != nil {
		return peers.View{}, err
	}
	v := peers.View{Name: name, Keys: []string{"user_id"}, KeyType: "int64", Time: "ts", TTL: ttl, Ordered: l == dataset.ByTime}
	for i := range 10 {
		v.Features, v.Types = append(v.Features, fmt.Sprintf("f%d", i)), append(v.Types, "float64")
	}
	v.Files, err = filepath.Glob(filepath.Join(folder, "*.parquet"))
	return v, err
}

// oneView is a contest of Quiver, DuckDB and Polars on one view and the spine of 30 days.
func (b *bench) oneView(ctx context.Context, name, what string, l dataset.Layout, files int) (contest, *field, error) {
	s := b.full()
	view, err := b.stats(ctx, "stats", s, l, files, 0)
	if err != nil {
		return contest{}, nil, err
	}
	spine, err := b.cache.Spine(ctx, s, 0, 30)
	if err != nil {
		return contest{}, nil, err
	}
	f, err := b.field(ctx, name, spine, []peers.View{view})
	if err != nil {
		return contest{}, nil, err
	}
	c := contest{
		name: name, files: f.files(), spec: f.spec(s.Spine),
		what:     fmt.Sprintf("%s rows for %s labels, %s keys, 10 float64, 5 %% of the labels with unknown keys; %s", number(s.Rows), number(s.Spine), number(s.Keys), what),
		entrants: []entrant{f.quiverRun("Quiver", f.job.Views, 0), f.duckdb(), f.polars()},
	}
	return c, f, nil
}

func (b *bench) w1(ctx context.Context) (contest, error) {
	c, f, err := b.oneView(ctx, "W1", "ordered by time, one file", dataset.ByTime, 1)
	if err != nil {
		return c, err
	}
	c.entrants = append(c.entrants, f.scan())
	c.aims = aimsOfW1
	return c, nil
}

func (b *bench) w2(ctx context.Context) (contest, error) {
	c, _, err := b.oneView(ctx, "W2", "ordered by key, one file", dataset.ByKey, 1)
	c.aims = asW1("W2")
	return c, err
}

func (b *bench) w3(ctx context.Context) (contest, error) {
	c, _, err := b.oneView(ctx, "W3", "in random order, 64 files", dataset.Random, 64)
	c.aims = asW1("W3")
	return c, err
}

// w4 has each view alone beside the five in one call, and the spine with next to nothing.
func (b *bench) w4(ctx context.Context) (contest, error) {
	s := b.full()
	var views []peers.View
	for _, v := range []struct {
		name   string
		layout dataset.Layout
		files  int
		days   int64
	}{{"a", dataset.ByTime, 1, 0}, {"b", dataset.ByKey, 1, 14}, {"c", dataset.Random, 64, 7}, {"d", dataset.Backwards, 1, 3}, {"e", dataset.Late, 1, 1}} {
		view, err := b.stats(ctx, v.name, s, v.layout, v.files, v.days*dataset.Day)
		if err != nil {
			return contest{}, err
		}
		views = append(views, view)
	}
	nothing, err := b.stats(ctx, "nothing", dataset.Size{Rows: 1, Keys: 1}, dataset.ByTime, 1, 0)
	if err != nil {
		return contest{}, err
	}
	spine, err := b.cache.Spine(ctx, s, 0, 30)
	if err != nil {
		return contest{}, err
	}
	f, err := b.field(ctx, "W4", spine, append(views, nothing))
	if err != nil {
		return contest{}, err
	}
	f.job.Views = views
	c := contest{
		name: "W4", files: f.files(), spec: f.spec(s.Spine), aims: aimsOfW4,
		what:     "W1's labels, five views: by time, by key with a TTL of 14 days, at random in 64 files with 7, backwards with 3, late by up to six hours with 1",
		entrants: []entrant{f.quiverRun("Quiver", views, 0), f.duckdb(), f.polars()},
	}
	for _, v := range append(views, nothing) {
		single := f.quiverRun("Quiver, view "+v.Name+" alone", []peers.View{v}, 0)
		single.out = ""
		c.entrants = append(c.entrants, single)
	}
	return c, nil
}

func (b *bench) w5(ctx context.Context) (contest, error) {
	s := b.full()
	view, err := b.stats(ctx, "stats", s, dataset.ByTime, 1, dataset.Day)
	if err != nil {
		return contest{}, err
	}
	s.Spine = b.scaled(10_000)
	spine, err := b.cache.Spine(ctx, s, 20, 1)
	if err != nil {
		return contest{}, err
	}
	f, err := b.field(ctx, "W5", spine, []peers.View{view})
	if err != nil {
		return contest{}, err
	}
	return contest{
		name: "W5", files: f.files(), spec: f.spec(s.Spine), aims: aimsOfW5,
		what:     fmt.Sprintf("%s labels of one day, a TTL of one day, on W1's file", number(s.Spine)),
		entrants: []entrant{f.quiverRun("Quiver", f.job.Views, 0), f.duckdb(), f.peerRun("DuckDB, filtered by hand", "duck.py", "filtered"), f.polars()},
	}, nil
}

func (b *bench) w6(ctx context.Context) (contest, error) {
	s := b.full()
	folder, err := b.cache.Profiles(ctx, s)
	if err != nil {
		return contest{}, err
	}
	spine, err := b.cache.TextSpine(ctx, s)
	if err != nil {
		return contest{}, err
	}
	f, err := b.field(ctx, "W6", spine, []peers.View{{
		Name: "profile", Files: []string{filepath.Join(folder, "00.parquet")}, Keys: []string{"user_id"}, KeyType: "string", Time: "ts", Ordered: true,
		Features: []string{"f0", "f1", "f2", "f3", "f4", "f5", "city", "session", "vector", "tags"},
		Types:    []string{"float64", "float64", "float64", "float64", "float64", "float64", "string", "string", "list<float32>", "list<string>"},
	}})
	if err != nil {
		return contest{}, err
	}
	return contest{
		name: "W6", files: f.files(), spec: f.spec(s.Spine),
		what:     "W1 with keys of 24 bytes of text; of the ten features two are text, one a list of four float32 and one a list of text",
		entrants: []entrant{f.quiverRun("Quiver", f.job.Views, 0), f.duckdb(), f.polars(), f.scan()},
	}, nil
}

func (b *bench) w7(ctx context.Context) (contest, error) {
	s := dataset.Size{Rows: b.scaled(2_000_000), Keys: b.scaled(100_000), Spine: b.scaled(200_000)}
	view, err := b.stats(ctx, "stats", s, dataset.ByTime, 1, 0)
	if err != nil {
		return contest{}, err
	}
	spine, err := b.cache.Spine(ctx, s, 0, 30)
	if err != nil {
		return contest{}, err
	}
	f, err := b.field(ctx, "W7", spine, []peers.View{view})
	if err != nil {
		return contest{}, err
	}
	return contest{
		name: "W7", files: f.files(), spec: f.spec(s.Spine), aims: aimsOfW7,
		what:     fmt.Sprintf("%s rows for %s labels, %s keys, 10 float64, ordered by time", number(s.Rows), number(s.Spine), number(s.Keys)),
		entrants: []entrant{f.quiverRun("Quiver", f.job.Views, 0), f.feast("duckdb"), f.feast("dask"), f.duckdb(), f.polars()},
	}, nil
}

func (b *bench) w8time(ctx context.Context) (contest, error) {
	return b.w8(ctx, "W8t", "ordered by time", dataset.ByTime, 1)
}

func (b *bench) w8random(ctx context.Context) (contest, error) {
	return b.w8(ctx, "W8r", "in random order, 64 files", dataset.Random, 64)
}

// w8 has a spine that the unbounded run needs far more memory for than the budget.
func (b *bench) w8(ctx context.Context, name, what string, l dataset.Layout, files int) (contest, error) {
	s := b.full()
	view, err := b.stats(ctx, "stats", s, l, files, 0)
	if err != nil {
		return contest{}, err
	}
	s.Spine *= spineOfW8
	spine, err := b.cache.Spine(ctx, s, 0, 30)
	if err != nil {
		return contest{}, err
	}
	f, err := b.field(ctx, name, spine, []peers.View{view})
	if err != nil {
		return contest{}, err
	}
	bounded := f.quiverRun("Quiver, bounded", f.job.Views, b.memory)
	bounded.same = bytes
	return contest{
		name: name, files: f.files(), spec: f.spec(s.Spine), aims: b.aimsOfW8(name),
		what:     fmt.Sprintf("%s labels on W1's rows, %s; --memory %d MiB", number(s.Spine), what, b.memory>>20),
		entrants: []entrant{f.quiverRun("Quiver", f.job.Views, unbounded), bounded},
	}, nil
}

// unbounded is more bytes than a run asks for: without a budget it would go by the machine's.
const unbounded = 1 << 40

// spineOfW8 is how many times W1's spine it takes that the unbounded run needs well over four times 512 MiB.
const spineOfW8 = 9

func (b *bench) w9(ctx context.Context) (contest, error) {
	folder, rows, err := b.cache.Flights(ctx, b.flights)
	if err != nil {
		return contest{}, err
	}
	source := []string{filepath.Join(folder, "source.parquet")}
	view := func(name, tied string, keys ...string) peers.View {
		return peers.View{
			Name: name, Files: source, Keys: keys, KeyType: "string", Time: "date", Ordered: true, Tied: tied,
			Features: []string{"delay", "distance", tied}, Types: []string{"int64", "int64", "bool"},
		}
	}
	f, err := b.field(ctx, "W9", filepath.Join(folder, "spine.parquet"), []peers.View{
		view("airport", "airport_tied", "origin"), view("route", "route_tied", "origin", "destination"),
	})
	if err != nil {
		return contest{}, err
	}
	return contest{
		name: "W9", files: f.files(), spec: f.spec(rows),
		what:     fmt.Sprintf("%s real flights as labels, the same as rows of an airport and of a route", number(rows)),
		entrants: []entrant{f.quiverRun("Quiver", f.job.Views, 0), f.duckdb(), f.polars()},
	}, nil
}

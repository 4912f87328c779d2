package main

import (
	"context"
	"fmt"
	"time"

	"github.com/quiver-features/quiver/bench/dataset"
	"github.com/quiver-features/quiver/bench/peers"
)

// crowd is a way in which events are spread over keys.
type crowd struct {
	what string
	size dataset.Size
	// every is 0, or: one request in so many is given to the peers, which join each with all events of its key.
	every int
}

func (b *bench) manyKeys() crowd {
	return crowd{"20 events a key", b.full(), 0}
}

func (b *bench) fewKeys() crowd {
	s := b.full()
	s.Keys = b.scaled(10_000)
	return crowd{"2,000 events a key", s, fewKeysEvery}
}

// fewKeysEvery takes a twentieth.
const fewKeysEvery = 20

// oneKey leaves the peers some fifty million pairs of the hot key's requests and events.
func (b *bench) oneKey() crowd {
	s := b.full()
	s.Hot = true
	return crowd{"half of the events and of the requests have one key", s, max(1, s.Rows/2*(s.Spine/2)/50_000_000)}
}

func (b *bench) a1(ctx context.Context) (contest, error) {
	return b.windows(ctx, "A1", b.manyKeys(), false)
}

func (b *bench) a2(ctx context.Context) (contest, error) {
	return b.windows(ctx, "A2", b.fewKeys(), false)
}

func (b *bench) a3(ctx context.Context) (contest, error) {
	return b.windows(ctx, "A3", b.oneKey(), false)
}

func (b *bench) a4(ctx context.Context) (contest, error) {
	return b.windows(ctx, "A4", b.manyKeys(), true)
}

func (b *bench) a5(ctx context.Context) (contest, error) {
	return b.windows(ctx, "A5", b.fewKeys(), true)
}

func (b *bench) a6(ctx context.Context) (contest, error) {
	return b.windows(ctx, "A6", b.oneKey(), true)
}

// length is a window with the granularity that Quiver takes where none is said.
type length struct {
	name                string
	window, granularity time.Duration
}

func lengths() []length {
	const day = 24 * time.Hour
	return []length{{"1h", time.Hour, 30 * time.Second}, {"24h", day, 10 * time.Minute}, {"30d", 30 * day, 6 * time.Hour}}
}

// events is a view of four functions over each window.
func (b *bench) events(ctx context.Context, s dataset.Size, late bool) (peers.View, error) {
	file, err := b.cache.Events(ctx, s)
	v := peers.View{Name: "events", Files: []string{file}, Keys: []string{"user_id"}, KeyType: "int64", Time: "ts"}
	if late {
		v.Available = "available"
	}
	for _, l := range lengths() {
		for _, function := range functions() {
			a := peers.Aggregate{Function: function, Column: "amount", Window: l.window.Microseconds(), Granularity: l.granularity.Microseconds()}
			if function == "count" {
				a.Column = ""
			}
			v.Features, v.Aggregates = append(v.Features, function+"_"+l.name), append(v.Aggregates, a)
		}
	}
	return v, err
}

func functions() []string { return []string{"count", "sum", "min", "max"} }

// sparkFrom is the least scale at which Spark takes part in A1: below, its start is all that is measured.
const sparkFrom = 0.1

// windows is a contest of all windows beside the peers, and of single windows where events are visible on time.
func (b *bench) windows(ctx context.Context, name string, c crowd, late bool) (contest, error) {
	view, err := b.events(ctx, c.size, late)
	if err != nil {
		return contest{}, err
	}
	spine, err := b.cache.Spine(ctx, c.size, 0, 30)
	if err != nil {
		return contest{}, err
	}
	f, err := b.field(ctx, name, spine, []peers.View{view})
	if err != nil {
		return contest{}, err
	}
	duck := f.sampleRun("DuckDB", c.every, "duck.py", "windows")
	result := contest{
		name: name, files: f.files(), spec: f.spec(c.size.Spine),
		what: fmt.Sprintf("count, sum, min and max over 1 h, 24 h and 30 d: %s events for %s requests, %s", number(c.size.Rows), number(c.size.Spine), c.what),
		aims: aimsOfShuffled(name), entrants: []entrant{f.quiverRun("Quiver", f.job.Views, 0), duck},
	}
	if c.every > 1 {
		result.what += fmt.Sprintf("; DuckDB is given one request in %s", number(c.every))
	}
	if late {
		result.what += "; events are available up to two days late, in another order than they happened"
		return result, nil
	}
	if name == "A1" && b.scale >= sparkFrom {
		result.entrants = append(result.entrants, f.peerRun("Spark", "spark.py"))
	}
	result.entrants = append(result.entrants, f.singleWindows()...)
	result.aims = aimsOfWindows(name, max(c.every, 1))
	return result, nil
}

// singleWindows are Quiver's runs with the features of one window each; the whole has been compared.
func (f *field) singleWindows() []entrant {
	var entrants []entrant
	for _, l := range lengths() {
		var features []string
		for _, function := range functions() {
			features = append(features, "events:"+function+"_"+l.name)
		}
		e := f.quiverFeatures("Quiver, "+l.name+" alone", features, 0)
		e.out = ""
		entrants = append(entrants, e)
	}
	return entrants
}

// aimsOfWindows has DuckDB's time for all requests in proportion to those that it was given.
func aimsOfWindows(name string, every int) func(table) []aim {
	return func(t table) []aim {
		quiver := t.cost(name, "Quiver").Wall
		hour, month := t.cost(name, "Quiver, 1h alone").Wall, t.cost(name, "Quiver, 30d alone").Wall
		var aims []aim
		switch name {
		case "A1":
			aims = append(aims, ratio("A1: DuckDB / Quiver", t.cost(name, "DuckDB").Wall, quiver, 2, true))
		case "A2":
			what := fmt.Sprintf("A2: %d times DuckDB on its share of the requests / Quiver", every)
			aims = append(aims, ratio(what, t.cost(name, "DuckDB").Wall*time.Duration(every), quiver, 20, true))
		}
		return append(aims,
			ratio(name+": 30 d / 1 h", month, hour, 1.3, false),
			ratio(name+": three windows / 1 h", quiver, hour, 1.5, false),
		)
	}
}

// aimsOfShuffled compares with the same events on time, where those were run: A4 with A1, and so on.
func aimsOfShuffled(name string) func(table) []aim {
	return func(t table) []aim {
		onTime := map[string]string{"A4": "A1", "A5": "A2", "A6": "A3"}[name]
		if t[onTime] == nil {
			return nil
		}
		return []aim{ratio(name+": Quiver / Quiver in "+onTime, t.cost(name, "Quiver").Wall, t.cost(onTime, "Quiver").Wall, 2, false)}
	}
}

package equivalence_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/offline/parquet"
)

var (
	cases = flag.Int("equivalence.cases", 25, "random cases, each on every store")
	first = flag.Uint64("equivalence.first", 1, "seed of the first random case")
)

// TestOnlineEqualsOfflineOnRandomHistories makes random definitions and rows, lets
// files land between runs at growing times, and compares after every run, and at
// times after it without a new run, what every store serves for every key with
// training and with the oracle.
func TestOnlineEqualsOfflineOnRandomHistories(t *testing.T) {
	stores := kinds(t)
	temp := t.TempDir()
	for i := range *cases {
		seed := *first + uint64(i) //nolint:gosec // a count
		for _, k := range stores {
			dir, err := os.MkdirTemp(temp, "case")
			if err != nil {
				t.Fatal(err)
			}
			if err := history(t.Context(), dir, k, seed); err != nil {
				t.Fatalf("seed %d on %s: %v\nrerun: go test ./internal/equivalence -run '^%s$' -equivalence.first=%d -equivalence.cases=1",
					seed, k.name, err, t.Name(), seed)
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// life is one random history on one store.
type life struct {
	*world
	r         *rand.Rand
	landing   *landing
	staleness map[string]feature.Duration
	read      *offlinetest.Case // with the files as the last run had read them
	mark      feature.Time
	native    *offlinetest.Native
	log       []string // what happened, for the reader of a failure
}

func history(ctx context.Context, dir string, k kind, seed uint64) (err error) {
	w, err := newWorld(ctx, dir, k)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	temp, err := os.MkdirTemp(dir, "train")
	if err != nil {
		return err
	}
	c := offlinetest.Generate(seed)
	l := &life{
		world: w, r: rand.New(rand.NewPCG(seed, 2)), staleness: map[string]feature.Duration{}, //nolint:gosec // the same seed gives the same history
		native: &offlinetest.Native{
			Dir: temp, Files: func(root string) offline.Files { return parquet.New(root) }, Spine: parquet.OpenSpine,
			Options: offline.Options{Workers: 2},
		},
	}
	l.landing = newLanding(l.r, c)
	for _, v := range c.Views {
		if l.r.IntN(3) == 0 {
			l.staleness[v.Name] = feature.Duration(1 + l.r.IntN(3))
		}
	}
	if err := l.live(ctx, c); err != nil {
		return fmt.Errorf("%w\nwhat happened:\n  %s\nthe case:\n%s", err, strings.Join(l.log, "\n  "), offlinetest.Format(l.read))
	}
	return nil
}

// live applies the definitions, then runs at growing times.
func (l *life) live(ctx context.Context, c *offlinetest.Case) error {
	l.read = l.landing.stands()
	if err := write(l.data(), nil, l.read); err != nil {
		return err
	}
	if err := l.applyCase(ctx, c, l.staleness); err != nil {
		return err
	}
	moments := l.moments(c)
	runs := 2 + l.r.IntN(3)
	for n := range runs {
		i := l.r.IntN(1 + len(moments)/max(1, runs-n))
		if len(moments) == 0 {
			return nil
		}
		i = min(i, len(moments)-1)
		l.mark = moments[i]
		moments = moments[i+l.r.IntN(2):] // a run may be repeated at the same time
		if err := l.run(ctx, n); err != nil {
			return err
		}
		// Later, without a run, and with files that nothing has read yet.
		later := slices.DeleteFunc(slices.Clone(moments), func(t feature.Time) bool { return t <= l.mark })
		for range min(2, len(later)) {
			l.set(later[l.r.IntN(min(len(later), 6))])
			l.note("asked at %s", l.clock())
			if err := l.compare(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *life) note(format string, args ...any) {
	l.log = append(l.log, fmt.Sprintf(format, args...))
}

// run lets files land and materializes.
func (l *life) run(ctx context.Context, n int) error {
	before := l.landing.stands()
	var again bool
	switch {
	case n > 0 && l.r.IntN(5) == 0:
		l.landing.shrink()
		again = true
	case n > 0 && l.r.IntN(4) == 0:
		l.landing.finish()
	case n > 0:
		l.landing.grow()
	}
	now := l.landing.stands()
	if err := write(l.data(), before, now); err != nil {
		return err
	}
	l.read = now
	l.set(l.mark)
	l.note("run at %s, rebuilt: %t, rows of the files: %v", l.mark, again, l.landing.rows)
	r := l.runner()
	var err error
	if again {
		_, err = l.materialize(ctx, r, rebuild)
	} else {
		_, err = l.materialize(ctx, r)
	}
	if err != nil {
		return err
	}
	return l.compare(ctx)
}

// moments are the times of a case at which something changes, a little before and
// a little after, in their order, each once.
func (l *life) moments(c *offlinetest.Case) []feature.Time {
	var all []feature.Time
	add := func(n *big.Int) {
		for _, d := range []int64{-1, 0, 1} {
			all = append(all, feature.Time(clamp(new(big.Int).Add(n, big.NewInt(d))).Int64()))
		}
	}
	for _, v := range c.Views {
		for _, f := range factsOf(v, c.Source(v.Table.Source)) {
			if f.complete {
				add(f.visible)
				add(new(big.Int).Add(f.event, big.NewInt(int64(v.Rule.TTL))))
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// compare asks for every key and compares.
func (l *life) compare(ctx context.Context) error {
	c := l.everyKey()
	rows := make([]int, c.Rows())
	for i := range rows {
		rows[i] = i
	}
	values, statuses, err := l.answers(ctx, c, rows)
	if err != nil {
		return err
	}
	want, err := l.oracle(ctx, c)
	if err != nil {
		return err
	}
	if d := offlinetest.Diff(c, values, want); d != "" {
		return fmt.Errorf("served at %s with the watermark %s, and the oracle:\n%s", l.clock(), l.mark, d)
	}
	if l.clock() == l.mark {
		trained, err := l.native.Join(ctx, c)
		if err != nil {
			return err
		}
		if d := offlinetest.Diff(c, values, trained); d != "" {
			return fmt.Errorf("served at %s, and training at that time:\n%s", l.clock(), d)
		}
	}
	return l.compareStatuses(c, want, statuses)
}

// oracle gives what training would show now over the rows that the views knew at
// the watermark, use by use, as each has its own.
func (l *life) oracle(ctx context.Context, c *offlinetest.Case) ([]*feature.Column, error) {
	want := make([]*feature.Column, len(c.Selection.Outputs))
	for u, use := range c.Selection.Uses {
		part := *c
		part.Views = []*feature.ViewVersion{use.View}
		part.Sources = []offlinetest.Source{until(use.View, c.Source(use.View.Table.Source), l.mark)}
		part.Selection = &feature.Selection{Uses: []feature.Use{use}}
		var at []int
		for i, o := range c.Selection.Outputs {
			if o.Use == u {
				at = append(at, i)
				part.Selection.Outputs = append(part.Selection.Outputs, feature.Output{Feature: o.Feature, Name: o.Name})
			}
		}
		columns, err := offlinetest.Oracle{}.Join(ctx, &part)
		if err != nil {
			return nil, err
		}
		for i, column := range columns {
			want[at[i]] = column
		}
	}
	return want, nil
}

// compareStatuses derives the status of every cell from the rows.
func (l *life) compareStatuses(c *offlinetest.Case, values []*feature.Column, got [][]feature.Status) error {
	for u, use := range c.Selection.Uses {
		v := use.View
		facts := factsOf(v, c.Source(v.Table.Source))
		keys := make([]*offlinetest.Column, len(use.Keys))
		for i, name := range use.Keys {
			keys[i] = c.SpineColumn(name)
		}
		for row := range c.Rows() {
			where := unknown
			key, complete := keyOf(keys, row)
			if complete {
				where = presenceOf(v, facts, key, l.mark, l.clock())
			}
			for i, o := range c.Selection.Outputs {
				if o.Use != u {
					continue
				}
				if want := l.statuses(v, where, complete, values[i].IsNull(row)); !slices.Contains(want, got[i][row]) {
					return fmt.Errorf("%s of key (%s) at %s with the watermark %s: the status is %s, want %v",
						o.Name, key, l.clock(), l.mark, got[i][row], want)
				}
			}
		}
	}
	return nil
}

// statuses gives those that a cell may have: one, but for rows that the store may
// have forgotten.
func (l *life) statuses(v *feature.ViewVersion, where presence, complete, null bool) []feature.Status {
	// Nothing is complete up to the beginning of time, which stands for a run that
	// has begun.
	absent := feature.StatusNotFound
	if complete && l.mark == feature.MinTime {
		absent = feature.StatusUnavailable
	}
	switch {
	case where == unknown:
		return []feature.Status{absent}
	case where == forgotten:
		return []feature.Status{absent, feature.StatusOutsideMaxAge}
	case where == outlived:
		return []feature.Status{feature.StatusOutsideMaxAge}
	case null:
		return []feature.Status{feature.StatusNull}
	}
	limit := l.staleness[v.Name]
	age := clamp(new(big.Int).Sub(big.NewInt(int64(l.clock())), big.NewInt(int64(l.mark))))
	if l.mark == feature.MinTime || limit > 0 && age.Cmp(big.NewInt(int64(limit))) > 0 {
		return []feature.Status{feature.StatusStale}
	}
	return []feature.Status{feature.StatusPresent}
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/quiver-features/quiver/bench/compare"
	"github.com/quiver-features/quiver/bench/measure"
)

// contest is one workload and who takes part.
type contest struct {
	name, what string
	files      []string // read once before the clock starts, so that everyone finds them in memory
	entrants   []entrant
	spec       compare.Spec
	aims       func(table) []aim // nil where none is set
}

// entrant is an engine, or a way of using it.
type entrant struct {
	name string
	run  func(context.Context) (measure.Cost, error)
	out  string // the file that run writes, or "" where it writes none that is compared
	same agreement
	// every is 0, or: the entrant is given only the spine rows whose number it divides.
	every int
}

// agreement is what an entrant's result must have in common with that of the first.
type agreement int

const (
	values  agreement = iota // the values, row by row
	bytes                    // the file's bytes
	some                     // the values of the rows that it has: rows may be missing
	sampled                  // the values of the rows that it was given
)

// result is an entrant's line of the table: medians, and what it wrote.
type result struct {
	name   string
	cost   measure.Cost
	output string
	order  int // of the line within the contest
}

// table is the results so far, by contest and entrant.
type table map[string]map[string]result

func (t table) cost(contest, entrant string) measure.Cost { return t[contest][entrant].cost }

// hold lets the entrants take turns, so that a busy minute of the machine is everyone's, then compares what they
// wrote. The results are there even where the error says that they differ.
func (c contest) hold(ctx context.Context, runs int) (map[string]result, error) {
	for _, file := range c.files {
		if err := warm(file); err != nil {
			return nil, err
		}
	}
	costs := make([][]measure.Cost, len(c.entrants))
	for range runs {
		for i, e := range c.entrants {
			measure.Settle()
			cost, err := e.run(ctx)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", c.name, e.name, err)
			}
			costs[i] = append(costs[i], cost)
		}
	}
	outputs, err := c.compare(ctx)
	results := map[string]result{}
	for i, e := range c.entrants {
		results[e.name] = result{e.name, median(costs[i]), outputs[i], i}
	}
	return results, err
}

func warm(file string) error {
	f, err := os.Open(file) //nolint:gosec // the benchmark's own data
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	_, err = io.Copy(io.Discard, f)
	return err
}

// median takes each figure's own median.
func median(costs []measure.Cost) measure.Cost {
	middle := func(figure func(measure.Cost) int64) int64 {
		all := make([]int64, len(costs))
		for i, c := range costs {
			all[i] = figure(c)
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return measure.Cost{
		Wall:    time.Duration(middle(func(c measure.Cost) int64 { return int64(c.Wall) })),
		CPU:     time.Duration(middle(func(c measure.Cost) int64 { return int64(c.CPU) })),
		Peak:    middle(func(c measure.Cost) int64 { return c.Peak }),
		Read:    middle(func(c measure.Cost) int64 { return c.Read }),
		Limited: costs[0].Limited,
	}
}

package main

import (
	"fmt"
	"time"
)

// aim is what a contest's figures are to show, at full size.
type aim struct {
	text string // what is measured and what it is to be
	got  string
	met  bool
}

// ratio is an aim for one time divided by another.
func ratio(what string, over, under time.Duration, limit float64, atLeast bool) aim {
	r, sign := over.Seconds()/under.Seconds(), "≤"
	met := r <= limit
	if atLeast {
		sign, met = "≥", r >= limit
	}
	return aim{fmt.Sprintf("%s %s %.4g", what, sign, limit), fmt.Sprintf("%.2f", r), met}
}

func aimsOfW1(t table) []aim {
	quiver := t.cost("W1", "Quiver")
	better := min(t.cost("W1", "DuckDB").Wall, t.cost("W1", "Polars").Wall)
	return []aim{
		ratio("W1: the better of DuckDB and Polars / Quiver", better, quiver.Wall, 2.5, true),
		{"W1: peak memory ≤ 1024 MiB", mib(quiver.Peak) + " MiB", quiver.Peak <= 1<<30},
		ratio("W1: Quiver / DuckDB's scan of the same columns", quiver.Wall, t.cost("W1", "DuckDB, scan only").Wall, 1.5, false),
	}
}

// asW1 compares with W1, where that was run.
func asW1(name string) func(table) []aim {
	return func(t table) []aim {
		if t["W1"] == nil {
			return nil
		}
		return []aim{ratio(name+": Quiver / Quiver in W1", t.cost(name, "Quiver").Wall, t.cost("W1", "Quiver").Wall, 2, false)}
	}
}

func aimsOfW4(t table) []aim {
	spine := t.cost("W4", "Quiver, view nothing alone").Wall
	sum := -4 * spine
	for _, view := range []string{"a", "b", "c", "d", "e"} {
		sum += t.cost("W4", "Quiver, view "+view+" alone").Wall
	}
	return []aim{ratio("W4: five views at once / (the sum of five runs less four spines)", t.cost("W4", "Quiver").Wall, sum, 1, false)}
}

func aimsOfW5(t table) []aim {
	return []aim{ratio("W5: DuckDB / Quiver", t.cost("W5", "DuckDB").Wall, t.cost("W5", "Quiver").Wall, 10, true)}
}

func aimsOfW7(t table) []aim {
	quiver := t.cost("W7", "Quiver").Wall
	feast := min(t.cost("W7", "Feast, duckdb").Wall, t.cost("W7", "Feast, dask").Wall)
	return []aim{
		ratio("W7: Feast's faster store / Quiver", feast, quiver, 5, true),
		ratio("W7: DuckDB / Quiver", t.cost("W7", "DuckDB").Wall, quiver, 1, true),
	}
}

func (b *bench) aimsOfW8(name string) func(table) []aim {
	return func(t table) []aim {
		free, bounded := t.cost(name, "Quiver"), t.cost(name, "Quiver, bounded")
		how := "its peak"
		if bounded.Limited {
			how = "held there by a cgroup; its peak"
		}
		return []aim{
			{fmt.Sprintf("%s: the unbounded run needs ≥ 4 budgets", name), times(free.Peak, b.memory), free.Peak >= 4*b.memory},
			{fmt.Sprintf("%s: the bounded run stays within 1.25 budgets (%s)", name, how), times(bounded.Peak, b.memory), bounded.Peak <= b.memory+b.memory/4},
		}
	}
}

func times(n, of int64) string { return fmt.Sprintf("%.2f", float64(n)/float64(of)) }

// Command leak measures how well each feature of the service leak_check tells late
// flights from others, by itself: honest ones beside those that look into the future.
//
//	quiver train --spine data/labels.parquet --service leak_check --out out/leak.parquet
//	go run ./leak out/leak.parquet
//
// It prints the table of README.md beside the example.
package main

import (
	"cmp"
	"fmt"
	"os"
	"slices"

	"github.com/parquet-go/parquet-go"
)

// row is a row of the training set.
type row struct {
	Late         bool     `parquet:"late"`
	HonestMean   *float64 `parquet:"honest__delay_mean_1h"`
	HonestShare  *float64 `parquet:"honest__late_share_24h"`
	LeakingMean  *float64 `parquet:"leaking__delay_mean_1h"`
	LeakingShare *float64 `parquet:"leaking__late_share_24h"`
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: leak TRAINING_SET.parquet")
		os.Exit(2)
	}
	rows, err := parquet.ReadFile[row](os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "leak:", err)
		os.Exit(1)
	}
	fmt.Print(table(rows))
}

func table(rows []row) string {
	line := func(name string, honest, leaking func(*row) *float64) string {
		return fmt.Sprintf("| %#q | AUC %.2f | AUC %.2f |\n", name, auc(rows, honest), auc(rows, leaking))
	}
	return line("delay_mean_1h", func(r *row) *float64 { return r.HonestMean }, func(r *row) *float64 { return r.LeakingMean }) +
		line("late_share_24h", func(r *row) *float64 { return r.HonestShare }, func(r *row) *float64 { return r.LeakingShare })
}

// auc is the share of pairs of a late flight and one that is not in which the late one has
// the greater value; of equal values half of the pairs. No value counts as 0.
func auc(rows []row, of func(*row) *float64) float64 {
	type flight struct {
		value float64
		late  bool
	}
	flights := make([]flight, len(rows))
	late := 0
	for i := range rows {
		if v := of(&rows[i]); v != nil {
			flights[i].value = *v
		}
		if flights[i].late = rows[i].Late; rows[i].Late {
			late++
		}
	}
	slices.SortFunc(flights, func(a, b flight) int { return cmp.Compare(a.value, b.value) })
	below, won := 0, 0.0 // flights in time with lesser values; pairs
	for from := 0; from < len(flights); {
		equal := [2]int{} // flights of one value: in time, late
		to := from
		for ; to < len(flights) && flights[to].value == flights[from].value; to++ {
			if flights[to].late {
				equal[1]++
			} else {
				equal[0]++
			}
		}
		won += float64(equal[1]) * (float64(below) + float64(equal[0])/2)
		below += equal[0]
		from = to
	}
	return won / float64(late) / float64(len(flights)-late)
}

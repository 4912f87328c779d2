package parquet_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/quiver-features/quiver/feature"
)

// sparkRows gives row i of the files spark*.parquet by the rules of make_spark.py.
func sparkRows() map[string]func(i int) any {
	unless := func(null bool, v any) any {
		if null {
			return nil
		}
		return v
	}
	at := func(i int) any { return feature.Time(i*1_000_003 - 5_000_000) }
	return map[string]func(i int) any{
		"id:int64":         func(i int) any { return int64(i) },
		"half:int32":       func(i int) any { return unless(i%2 == 1, int32(i)) },
		"text:string":      func(i int) any { return unless(i%7 == 3, fmt.Sprintf("t%d", i%50)) },
		"at:timestamp":     at,
		"local:timestamp":  at,
		"day:date":         func(i int) any { return feature.CalendarDay(i - 2) },
		"x:float64":        func(i int) any { return float64(i) / 8 },
		"flag:bool":        func(i int) any { return i%3 == 0 },
		"d9:float64!":      func(i int) any { return float64(i) },
		"d20:float64!":     func(i int) any { return float64(i) },
		"bytes:bytes":      func(i int) any { return fmt.Appendf(nil, "b%d", i) },
		"tiny:int32":       func(i int) any { return int32(i % 100) },
		"small:int64":      func(i int) any { return int64(i) },
		"list:list<int64>": func(i int) any { return unless(i%13 == 4, sparkList(i%5)) },
		"f:float32": func(i int) any {
			if i == 5 {
				return float32(math.NaN())
			}
			return float32(i)
		},
	}
}

func sparkList(last int) []any {
	items := []any{}
	for j := range last + 1 {
		if j%3 == 0 {
			items = append(items, nil)
		} else {
			items = append(items, int64(j))
		}
	}
	return items
}

func TestSparksFilesAreRead(t *testing.T) {
	for _, file := range []string{"spark.parquet", "spark_micros.parquet"} {
		for column, value := range sparkRows() {
			t.Run(file+"/"+column, func(t *testing.T) {
				tab := table(t, file, column)
				f, err := openOne(t, "testdata", tab)
				if err != nil {
					t.Fatal(err)
				}
				got, err := scan(t, f, tab.Columns[0].Name, tab.Columns[0].Type)
				if err != nil {
					t.Fatal(err)
				}
				want := make([]any, 400)
				for i := range want {
					want[i] = value(i)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

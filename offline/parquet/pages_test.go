package parquet_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
)

// manyRows gives row i of the files pages_*.parquet by the rules of make.py.
func manyRows() map[string]func(i int) any {
	return map[string]func(i int) any{
		"id:int64": func(i int) any { return int64(i) },
		"half:int64": func(i int) any {
			if i%2 == 1 {
				return nil
			}
			return int64(i)
		},
		"text:string": func(i int) any {
			if i%7 == 3 {
				return nil
			}
			return fmt.Sprintf("t%d", i%50)
		},
		"plain:string": func(i int) any { return fmt.Sprintf("p%d", i) },
		"flag:bool": func(i int) any {
			if i%11 == 5 {
				return nil
			}
			return i%3 == 0
		},
		"list:list<int32>": func(i int) any {
			if i%13 == 4 {
				return nil
			}
			items := []any{}
			for j := range i % 5 {
				if j%3 == 0 {
					items = append(items, nil)
				} else {
					items = append(items, int32(j))
				}
			}
			return items
		},
		"time:timestamp": func(i int) any { return feature.Time(i) * 1_000_000 },
	}
}

func TestPagesOfEveryKindAreReadAndSkipped(t *testing.T) {
	const rows, groupRows = 3000, 2000
	for _, file := range []string{"pages_v1", "pages_v2", "pages_delta", "pages_gzip"} {
		for column, value := range manyRows() {
			t.Run(file+"/"+column, func(t *testing.T) {
				tab := table(t, file+".parquet", column)
				name, typ := tab.Columns[0].Name, tab.Columns[0].Type
				f, err := openOne(t, "testdata", tab)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff([]int{groupRows, rows - groupRows}, f.Groups()); diff != "" {
					t.Fatal(diff)
				}
				want := make([]any, rows)
				for i := range want {
					want[i] = value(i)
				}
				got, err := scan(t, f, name, typ)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatal(diff)
				}
				random := rand.New(rand.NewPCG(1, 2))
				for _, n := range []int{0, 1, 3, 20, 500} {
					rows := []int32{}
					for range n {
						rows = append(rows, int32(random.IntN(groupRows)))
					}
					slices.Sort(rows)
					rows = slices.Compact(rows)
					picked := feature.NewColumn(typ, 0)
					if err := f.Gather(t.Context(), 0, name, rows, picked); err != nil {
						t.Fatal(err)
					}
					for k, row := range rows {
						if diff := cmp.Diff(want[row], picked.Any(k)); diff != "" {
							t.Errorf("row %d of %v: %s", row, rows, diff)
						}
					}
					if picked.Len() != len(rows) {
						t.Errorf("%d values for %d rows", picked.Len(), len(rows))
					}
				}
			})
		}
	}
}

func TestLZ4IsRead(t *testing.T) {
	for file, rows := range map[string]int{"lz4.parquet": 3000, "spark_lz4.parquet": 400} {
		f, err := openOne(t, "testdata", table(t, file, "id:int64"))
		if err != nil {
			t.Fatal(err)
		}
		want := make([]any, rows)
		for i := range want {
			want[i] = int64(i)
		}
		got, err := scan(t, f, "id", feature.Scalar(feature.Int64))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", file, diff)
		}
	}
}

func TestColumnsOfOneChunkAreAligned(t *testing.T) {
	columns := []string{"id:int64", "half:int64", "text:string", "list:list<int32>"}
	tab := table(t, "pages_v2.parquet", columns...)
	f, err := openOne(t, "testdata", tab)
	if err != nil {
		t.Fatal(err)
	}
	base, values := 0, manyRows()
	for g, rows := range f.Groups() {
		seen := 0
		err := f.Scan(t.Context(), g, []string{"list", "id", "text", "half"}, func(first int, chunk []*feature.Column) error {
			for i := range chunk[0].Len() {
				row := base + first + i
				got := []any{chunk[0].Any(i), chunk[1].Any(i), chunk[2].Any(i), chunk[3].Any(i)}
				want := []any{values["list:list<int32>"](row), values["id:int64"](row), values["text:string"](row), values["half:int64"](row)}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("row %d: %s", row, diff)
				}
				seen++
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if seen != rows {
			t.Errorf("group %d: %d rows, want %d", g, seen, rows)
		}
		base += rows
	}
}

func TestDuckDBsFilesAreRead(t *testing.T) {
	tab := table(t, "duckdb.parquet", "id:int64", "x:float64", "k:string", "t:timestamp", "l:list<int64>", "d:float64!", "u:bytes", "first:bool")
	f, err := openOne(t, "testdata", tab)
	if err != nil {
		t.Fatal(err)
	}
	const start = 978_307_200_000_000 // 2001-01-01
	values := map[string]func(i int) any{
		"id": func(i int) any { return int64(i) },
		"x": func(i int) any {
			if i%2 == 1 {
				return nil
			}
			return float64(i) * 0.5
		},
		"k": func(i int) any { return fmt.Sprintf("k%d", i%10) },
		"t": func(i int) any { return feature.Time(start + i*60_000_000) },
		"l": func(i int) any {
			if i%3 == 0 {
				return nil
			}
			return []any{int64(i), int64(i + 1)}
		},
		"d":     func(i int) any { return float64(i) / 8 },
		"u":     func(int) any { return append(make([]byte, 15), 0xff) },
		"first": func(i int) any { return i == 0 },
	}
	for _, c := range tab.Columns {
		got, err := scan(t, f, c.Name, c.Type)
		if err != nil {
			t.Fatal(err)
		}
		want := make([]any, 5000)
		for i := range want {
			want[i] = values[c.Name](i)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("column %s: %s", c.Name, diff)
		}
	}
	row := 0
	for g, rows := range f.Groups() {
		least, greatest, ok := f.Times(g, "t")
		if wantLeast, wantGreatest := values["t"](row), values["t"](row+rows-1); !ok || least != wantLeast || greatest != wantGreatest {
			t.Errorf("group %d: times %s to %s (%t), want %s to %s", g, least, greatest, ok, wantLeast, wantGreatest)
		}
		row += rows
	}
	if _, _, ok := f.Times(0, "id"); ok {
		t.Error("an integer column has times")
	}
}

func TestTimesRoundAsValuesDo(t *testing.T) {
	for _, up := range []bool{false, true} {
		tab := table(t, "types_v1.parquet", "ts_ns:timestamp", "all_null:timestamp", "lacking:timestamp", "date:timestamp")
		want := [2]feature.Time{-1, 9223372036854775}
		if up {
			tab.Available, want = "ts_ns", [2]feature.Time{0, 9223372036854776}
		}
		f, err := openOne(t, "testdata", tab)
		if err != nil {
			t.Fatal(err)
		}
		if least, greatest, ok := f.Times(0, "ts_ns"); !ok || least != want[0] || greatest != want[1] {
			t.Errorf("up %t: %d to %d (%t), want %d to %d", up, least, greatest, ok, want[0], want[1])
		}
		for _, none := range []string{"all_null", "lacking"} {
			if least, greatest, ok := f.Times(0, none); !ok || least != feature.MaxTime || greatest != feature.MinTime {
				t.Errorf("%s: %d to %d (%t), want MaxTime to MinTime", none, least, greatest, ok)
			}
		}
		if least, greatest, ok := f.Times(0, "date"); !ok || least != feature.FromDate(-1) || greatest != feature.FromDate(2932896) {
			t.Errorf("date: %d to %d (%t)", least, greatest, ok)
		}
	}
}

func TestAScanEndsWithItsCallersErrorOrContext(t *testing.T) {
	f, err := openOne(t, "testdata", table(t, "pages_v1.parquet", "id:int64"))
	if err != nil {
		t.Fatal(err)
	}
	mine := errors.New("mine")
	if err := f.Scan(t.Context(), 0, []string{"id"}, func(int, []*feature.Column) error { return mine }); err != mine { //nolint:errorlint // as it is
		t.Errorf("got %v, want the caller's error as it is", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := f.Scan(ctx, 0, []string{"id"}, func(int, []*feature.Column) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	dst := feature.NewColumn(feature.Scalar(feature.Int64), 0)
	if err := f.Gather(ctx, 0, "id", []int32{1}, dst); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	if err := f.Gather(t.Context(), 0, "id", []int32{5, 3}, dst); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("rows out of order: %v", err)
	}
	if err := f.Gather(t.Context(), 0, "id", []int32{1999, 2000}, dst); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("rows beyond the group: %v", err)
	}
	for range 2 {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}

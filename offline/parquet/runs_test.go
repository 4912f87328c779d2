package parquet_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
)

// runRows gives row i of the files runs_*.parquet by the rules of make.py.
func runRows() map[string]func(i int) any {
	maybe := func(null bool, v any) any {
		if null {
			return nil
		}
		return v
	}
	return map[string]func(i int) any{
		"flag:bool":   func(i int) any { return i/10%3 == 0 },
		"maybe:bool":  func(i int) any { return maybe(i/100%5 == 2, i/37%2 == 0) },
		"text:string": func(i int) any { return maybe(i/50%4 == 1, fmt.Sprint("r", i/75)) },
		"same:string": func(int) any { return "same" },
		"none:int64":  func(int) any { return nil },
		"list:list<int64>": func(i int) any {
			return maybe(i/20%3 == 1, append([]any{}, slices.Repeat([]any{int64(i / 90)}, i/30%4)...))
		},
	}
}

func TestLongRunsAreRead(t *testing.T) {
	files := map[string][]string{"duckdb_v2.parquet": {"flag:bool", "maybe:bool"}}
	for column := range runRows() {
		files["runs_v1.parquet"] = append(files["runs_v1.parquet"], column)
		files["runs_v2.parquet"] = append(files["runs_v2.parquet"], column)
	}
	for file, columns := range files {
		for _, column := range columns {
			tab := table(t, file, column)
			f, err := openOne(t, "testdata", tab)
			if err != nil {
				t.Fatal(err)
			}
			got, err := scan(t, f, tab.Columns[0].Name, tab.Columns[0].Type)
			if err != nil {
				t.Fatal(err)
			}
			want := make([]any, 3000)
			for i := range want {
				want[i] = runRows()[column](i)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s, column %s: %s", file, column, diff)
			}
		}
	}
}

func TestFilesWithoutRowsAreRead(t *testing.T) {
	for file, groups := range map[string]int{"empty.parquet": 1, "empty_duckdb.parquet": 0} {
		f, err := openOne(t, "testdata", table(t, file, "flag:bool", "text:string"))
		if err != nil {
			t.Fatal(err)
		}
		if len(f.Groups()) != groups {
			t.Errorf("%s: %d row groups, want %d", file, len(f.Groups()), groups)
		}
		got, err := scan(t, f, "flag", feature.Scalar(feature.Bool))
		if err != nil || len(got) != 0 {
			t.Errorf("%s: %v, %v, want no rows", file, got, err)
		}
		if err := readSpine(t.Context(), "testdata/"+file); err != nil {
			t.Errorf("as a spine: %v", err)
		}
	}
}

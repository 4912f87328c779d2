package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/internal/testenv"
)

// The commands of docs/train.md are run as they stand, from an empty folder on.
func TestTheCommandsOfTheTrainingPageWork(t *testing.T) {
	w := newWalk(t, t.TempDir())
	ran := w.follow("../../docs/train.md")
	for _, part := range []string{"--spine -", "--as-of", "--from-files", "--partition-by", "--from-manifest", "--explain", "--stats", "--audit", "quiver inspect"} {
		if !strings.Contains(strings.Join(ran, "\n"), part) {
			t.Errorf("no %s is run", part)
		}
	}
	text, err := os.ReadFile("../../docs/train.md")
	if err != nil {
		t.Fatal(err)
	}
	plan := slices.IndexFunc(ran, func(command string) bool { return strings.Contains(command, "--explain") })
	if out := w.run(ran[plan]); !strings.Contains(string(text), "```text\n"+out+"```") {
		t.Errorf("the page does not show what %s says:\n%s", ran[plan], out)
	}
	for _, format := range outputFormats() {
		if !strings.Contains(string(text), "`"+format+"`") && !strings.Contains(string(text), " "+format+"`") {
			t.Errorf("the page does not name format %s", format)
		}
	}
}

// What is written is read by DuckDB: folders with their partitions, and CSV with
// its quotes and nulls.
func TestFoldersAndCSVAreReadByDuckDB(t *testing.T) {
	dir, out := newProject(t), t.TempDir()
	spine := filepath.Join(out, "spine.csv")
	rows := "customer,event_timestamp,land,text\n" +
		"1,2026-01-10T00:00:00Z,a/b=%c,\"x,\"\"y\"\"\nz\"\n" +
		"2,2026-01-20T00:00:00Z,NL,plain\n" +
		"5,2026-01-29T00:00:00Z,,\n"
	if err := os.WriteFile(spine, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"--out", filepath.Join(out, "parts"), "--partition-by", "land"},
		{"--out", filepath.Join(out, "set.csv")},
	} {
		must(t, append([]string{"-C", dir, "train", "--spine", spine, "--service", "churn_model"}, args...)...)
	}
	const program = `
import duckdb, sys
out = sys.argv[1]
for source in [f"read_parquet('{out}/parts/**/*.parquet', hive_partitioning=true)", f"read_csv('{out}/set.csv')"]:
    print(duckdb.sql(f"select customer, land, text, last_order__amount, epoch(event_timestamp::timestamp)::bigint from {source} order by customer").fetchall())
`
	w := newWalk(t, out)
	got := w.shell(testenv.Python(t), "-c", program, out)
	const want = `[(1, 'a/b=%c', 'x,"y"\nz', 19.9, 1768003200), (2, 'NL', 'plain', 12.25, 1768867200), (5, None, None, None, 1769644800)]`
	if got != want+"\n"+want+"\n" {
		t.Errorf("DuckDB reads\n%swant twice\n%s", got, want)
	}
}

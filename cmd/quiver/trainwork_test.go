package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	parquetgo "github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// order is a row of the template's source.
type order struct {
	Customer  int64   `parquet:"customer"`
	OrderedAt int64   `parquet:"ordered_at,timestamp(microsecond)"`
	Amount    float64 `parquet:"amount"`
	Items     int64   `parquet:"items"`
}

// ordersOn makes orders of one instant, of as many customers.
func ordersOn(day string, customers ...int64) []order {
	at, err := time.Parse(time.DateOnly, day)
	if err != nil {
		panic(err)
	}
	var all []order
	for _, c := range customers {
		all = append(all, order{c, at.UnixMicro(), float64(c) / 2, c})
	}
	return all
}

// writeOrders writes a file of the given row groups, and gives what columns of them take:
// parquet-go's own count.
func writeOrders(t *testing.T, path string, groups ...[]order) func(columns string, groups ...int) groupWork {
	t.Helper()
	var b bytes.Buffer
	w := parquetgo.NewGenericWriter[order](&b, parquetgo.Compression(&parquetgo.Zstd))
	for _, g := range groups {
		if _, err := w.Write(g); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := parquetgo.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return func(columns string, groups ...int) groupWork {
		var work groupWork
		for _, g := range groups {
			meta := file.Metadata().RowGroups[g]
			work.Groups++
			work.Rows += meta.NumRows
			for _, c := range meta.Columns {
				if slices.Contains(strings.Fields(columns), c.MetaData.PathInSchema[0]) {
					work.Bytes += c.MetaData.TotalCompressedSize
				}
			}
		}
		return work
	}
}

func workOf(t *testing.T, text string) *workDocument {
	t.Helper()
	var d workDocument
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return &d
}

// The row groups of one file: of January 1 (older than the ttl of 30 days at February 5),
// of January 20, of February 1 (both wanted), and of March (too late).
func TestThePlanAndTheStatisticsAreThoseOfTheFile(t *testing.T) {
	dir, out := newProject(t), filepath.Join(t.TempDir(), "t.parquet")
	work := writeOrders(t, filepath.Join(dir, "data", "orders.parquet"),
		ordersOn("2026-01-01", 1, 2, 3), ordersOn("2026-01-20", 1, 2, 4, 5), ordersOn("2026-02-01", 1, 3), ordersOn("2026-03-01", 1, 2, 3, 4, 5))
	spine := filepath.Join(dir, "spine.csv")
	if err := os.WriteFile(spine, []byte("customer,event_timestamp\n1,2026-02-05\n2,2026-02-06\n9,2026-02-07\n,2026-02-08\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-C", dir, "train", "--spine", spine, "--service", "churn_model", "-o", "json"}
	plan := workOf(t, must(t, append(args, "--explain")...))
	at := func(day string) *feature.Time {
		v, err := feature.ParseTime(day)
		if err != nil {
			t.Fatal(err)
		}
		return &v
	}
	const keys, features = "customer ordered_at", "amount items"
	want := &workDocument{
		Rows: 4, First: at("2026-02-05"), Last: at("2026-02-08"), Parts: 1, PartRows: 4, KeyPartitions: 1,
		Views: []viewWork{{
			View: "last_order@1", Files: 1, Read: work(keys, 1, 2), Features: work(features, 1, 2),
			Skipped: map[offline.Reason]groupWork{offline.ReasonTTL: work(keys, 0), offline.ReasonLater: work(keys, 3)},
		}},
	}
	less := cmp.Options{cmpopts.IgnoreFields(workDocument{}, "Memory", "Seconds"), cmpopts.IgnoreFields(stageWork{}, "Seconds")}
	if diff := cmp.Diff(want, plan, less); diff != "" {
		t.Errorf("the plan (-want +got):\n%s", diff)
	}
	if m := plan.Memory; m.Expected < 4*100 || m.Expected > 4*1000 || m.Peak != 0 {
		t.Errorf("memory %+v", m)
	}

	var built struct{ Stats json.RawMessage }
	if err := json.Unmarshal([]byte(must(t, append(args, "--stats", "--memory", "64MiB", "--out", out)...)), &built); err != nil {
		t.Fatal(err)
	}
	stats := workOf(t, string(built.Stats))
	winners := int64(2)          // customer 1's of February, customer 2's of January
	want.Last = at("2026-02-07") // the row without a key asks for nothing
	want.Views[0].Winners = &winners
	want.Stages = []stageWork{
		{Stage: "open"},
		{Stage: "spine", Rows: 4},
		{Stage: "scan", View: "last_order@1", Rows: 6},
		{Stage: "gather", View: "last_order@1", Rows: 2},
		{Stage: "write", Rows: 4},
		{Stage: "finish"},
		{Stage: "other"},
	}
	if diff := cmp.Diff(want, stats, less); diff != "" {
		t.Errorf("the statistics (-want +got):\n%s", diff)
	}
	if m := stats.Memory; m.Budget != 64<<20 || m.Peak < 1<<20 || m.Expected != 0 {
		t.Errorf("memory %+v", m)
	}
	rest := stats.Seconds
	for _, s := range stats.Stages {
		rest -= s.Seconds
	}
	if math.Abs(rest) > 1e-6 {
		t.Errorf("the stages are not all of it: %v of %v seconds are left", rest, stats.Seconds)
	}
}

// The budget that a plan of several parts names is enough for one, and a mebibyte less
// is not.
func TestATrainingSetThatTookPartsNamesTheMemoryThatIsEnough(t *testing.T) {
	dir := newProject(t)
	spine := filepath.Join(dir, "spine.csv")
	if err := os.WriteFile(spine, []byte("customer,event_timestamp\n"+strings.Repeat("1,2026-01-20\n", 40_000)), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-C", dir, "train", "--spine", spine, "--service", "churn_model", "--out", filepath.Join(dir, "out.parquet"), "--force"}
	text := must(t, append(args, "--memory", "1MiB")...)
	_, rest, found := strings.Cut(text, "each a pass over the views; --memory ")
	enough, _, _ := strings.Cut(rest, " ")
	if !found {
		t.Fatalf("nothing is named:\n%s", text)
	}
	if text := must(t, append(args, "--memory", enough)...); strings.Contains(text, "parts") {
		t.Errorf("--memory %s is not enough:\n%s", enough, text)
	}
}

func TestAPlanNamesTheMemoryThatIsEnough(t *testing.T) {
	dir := newProject(t)
	rows := "customer,event_timestamp\n" + strings.Repeat("1,2026-01-20\n", 40_000)
	spine := filepath.Join(dir, "spine.csv")
	if err := os.WriteFile(spine, []byte(rows), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"-C", dir, "train", "--spine", spine, "--service", "churn_model", "--explain"}
	text := must(t, append(args, "--memory", "1MiB")...)
	_, rest, found := strings.Cut(text, "--memory ")
	enough, _, _ := strings.Cut(rest, " ")
	if !found || !strings.Contains(text, " parts of up to ") {
		t.Fatalf("one part, or nothing named:\n%s", text)
	}
	var mebibytes int
	if _, err := fmt.Sscanf(enough, "%dMiB", &mebibytes); err != nil {
		t.Fatal(err)
	}
	if text := must(t, append(args, "--memory", enough)...); !strings.Contains(text, "all rows at once") {
		t.Errorf("%s are not enough:\n%s", enough, text)
	}
	if text := must(t, append(args, "--memory", fmt.Sprintf("%dMiB", mebibytes-1))...); !strings.Contains(text, "2 parts") {
		t.Errorf("%s are more than it needs:\n%s", enough, text)
	}
}

func TestPeakMemory(t *testing.T) {
	status := func(text string) fstest.MapFS { return fstest.MapFS{"proc/self/status": {Data: []byte(text)}} }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"another system": {fstest.MapFS{}, 0},
		"Linux":          {status("Name:\tquiver\nVmPeak:\t  900000 kB\nVmHWM:\t  24000 kB\nVmRSS:\t  20000 kB\n"), 24_576_000},
		"no number":      {status("VmHWM:\t much kB\n"), 0},
		"nothing":        {status(""), 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := peakMemory(c.files); got != c.want {
				t.Errorf("%d bytes, want %d", got, c.want)
			}
		})
	}
}

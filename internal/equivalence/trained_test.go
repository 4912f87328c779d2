package equivalence_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	parquetgo "github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
)

// references are what is asked for of each thing.
func references() []string {
	return []string{"last:x", "windows:x", "windows:rows", "windows:sum_90m", "windows:rows_3h", "windows:latest"}
}

// answersOf gives what has to be told of a thing whose events are so many minutes before noon,
// as of so many after it: a few lines over all of them. The i-th event has the value i times
// manyKeys and the thing's number.
func answersOf(id int64, after int64, before ...int64) []string {
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	values := map[int64]int64{}
	for i, b := range before {
		values[b] = int64(i)*manyKeys + id
	}
	sum, recent := "null", []int64{}
	total, had := int64(0), false
	for _, b := range slices.Sorted(slices.Values(before)) { // the latest first
		if b+after < 90 {
			total, had = total+values[b], true
		}
		if b+after < 180 {
			recent = append(recent, values[b])
		}
	}
	if had {
		sum = number(total)
	}
	x := number(values[slices.Min(before)])
	return []string{x, x, number(int64(len(before))), sum, number(int64(len(recent))), fmt.Sprint(recent[:min(len(recent), 2)])}
}

// expectAll checks what is served of every step-th thing, so many minutes after noon.
func (i *installation) expectAll(r registry.Store, values online.Store, step int, after int64, before ...int64) {
	i.t.Helper()
	for id, cells := range i.served(r, values, step, after) {
		for n, want := range answersOf(int64(id), after, before...) {
			status := "/PRESENT"
			if want == "null" {
				status = "/NULL"
			}
			if cells[n] != cell(want+status) {
				i.t.Fatalf("%s of thing %d is served as %s, want %s", references()[n], id, cells[n], want+status)
			}
		}
	}
}

// expectSome checks that what is served of some things is of the state before a run or of
// the one that it leads to. There may be no state before.
func (i *installation) expectSome(r registry.Store, values online.Store, before, next []int64) {
	i.t.Helper()
	for id, cells := range i.served(r, values, 16, 0) {
		for n, c := range cells {
			may := []string{"null/UNAVAILABLE"}
			value := answersOf(int64(id), 0, next...)[n]
			if before == nil {
				may = append(may, value+"/STALE", value+"/PRESENT", value+"/NULL")
			} else {
				may = []string{value + "/PRESENT", value + "/NULL"}
				value = answersOf(int64(id), 0, before...)[n]
				may = append(may, value+"/PRESENT", value+"/NULL")
			}
			if !slices.Contains(may, string(c)) {
				i.t.Fatalf("after the kill %s of thing %d is served as %s, want one of %v", references()[n], id, c, may)
			}
		}
	}
}

// served gives what is served for every step-th thing, so many minutes after noon.
func (i *installation) served(r registry.Store, values online.Store, step int, after int64) map[int][]cell {
	i.t.Helper()
	w := &world{}
	w.set(feature.TimeOf(noon).Add(feature.Duration(after) * feature.Minute))
	var err error
	if w.handler, err = serving.New(catalog{r}, values, handlerOptions(w, manyKeys)); err != nil {
		i.t.Fatal(err)
	}
	if err := w.handler.Refresh(i.t.Context()); err != nil {
		i.t.Fatal(err)
	}
	keys := feature.NewColumn(feature.Scalar(feature.Int64), manyKeys/step)
	for id := 0; id < manyKeys; id += step {
		keys.AppendInt64(int64(id))
	}
	response, err := w.handler.Get(i.t.Context(), &serving.Request{Features: references(), Keys: map[string]*feature.Column{"thing": keys}})
	if err != nil {
		i.t.Fatal(err)
	}
	cells := map[int][]cell{}
	for row, id := range keys.Int64s {
		for n := range response.Features {
			c := cellOf(&response.Features[n], row)
			if list := response.Features[n].Values; list.Type.List && !list.IsNull(row) {
				c = cell(fmt.Sprint(list.Any(row)) + "/" + response.Features[n].Status(row).String())
			}
			cells[int(id)] = append(cells[int(id)], c)
		}
	}
	return cells
}

// label is a row of a spine, and trained one of a training set.
type label struct {
	Thing int64     `parquet:"thing"`
	At    time.Time `parquet:"event_timestamp,timestamp(microsecond)"`
}

type trained struct {
	Thing  int64   `parquet:"thing"`
	Last   *int64  `parquet:"last__x,optional"`
	X      *int64  `parquet:"windows__x,optional"`
	Rows   *int64  `parquet:"windows__rows,optional"`
	Sum    *int64  `parquet:"windows__sum_90m,optional"`
	Rows3h *int64  `parquet:"windows__rows_3h,optional"`
	Latest []int64 `parquet:"windows__latest,list"`
}

// expectTrained checks that the program trains what is served, so many minutes after noon.
func (i *installation) expectTrained(after int64, before ...int64) {
	i.t.Helper()
	var labels []label
	for id := int64(0); id < manyKeys; id += 16 {
		labels = append(labels, label{id, noon.Add(time.Duration(after) * time.Minute)})
	}
	spine, out := filepath.Join(i.dir, "spine.parquet"), filepath.Join(i.dir, "trained.parquet")
	if err := parquetgo.WriteFile(spine, labels); err != nil {
		i.t.Fatal(err)
	}
	i.run("train", "--spine", spine, "--features", strings.Join(references(), ","), "--out", out, "--force")
	rows, err := parquetgo.ReadFile[trained](out)
	if err != nil {
		i.t.Fatal(err)
	}
	if len(rows) != len(labels) {
		i.t.Fatalf("trained %d rows, want %d", len(rows), len(labels))
	}
	for n, r := range rows {
		var got []string
		for _, v := range []*int64{r.Last, r.X, r.Rows, r.Sum, r.Rows3h} {
			if v == nil {
				got = append(got, "null")
			} else {
				got = append(got, strconv.FormatInt(*v, 10))
			}
		}
		got = append(got, fmt.Sprint(r.Latest))
		if want := answersOf(labels[n].Thing, after, before...); r.Thing != labels[n].Thing || !slices.Equal(got, want) {
			i.t.Fatalf("thing %d is trained as %v, want %v", r.Thing, got, want)
		}
	}
}

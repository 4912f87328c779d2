package dataset

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"
)

func small() Size { return Size{Rows: 5000, Keys: 300, Spine: 1000} }

func read[T any](t *testing.T, folder string) []T {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	for _, file := range files {
		rows, err := parquet.ReadFile[T](file)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, rows...)
	}
	return all
}

func TestLayoutsAreOrdersOfTheSameRows(t *testing.T) {
	cache := Cache{Folder: t.TempDir()}
	stats := func(l Layout, files int) []statsRow {
		folder, err := cache.Stats(t.Context(), small(), l, files)
		if err != nil {
			t.Fatal(err)
		}
		return read[statsRow](t, folder)
	}
	byTime := func(a, b statsRow) int { return int(a.At - b.At) }
	want := stats(ByTime, 1)
	if len(want) != small().Rows || !slices.IsSortedFunc(want, byTime) {
		t.Fatalf("%d rows, sorted by time %v", len(want), slices.IsSortedFunc(want, byTime))
	}
	if last := want[len(want)-1].At; want[0].At < Begin || last >= Begin+Span || last < Begin+Span-Day {
		t.Errorf("times from %d to %d, want 30 days from %d", want[0].At, last, int64(Begin))
	}
	for _, l := range []Layout{ByKey, Random, Backwards, Late} {
		got := stats(l, 3)
		if slices.IsSortedFunc(got, byTime) {
			t.Errorf("%s is in order of time", l)
		}
		if l == ByKey && !slices.IsSortedFunc(got, func(a, b statsRow) int { return int(a.User - b.User) }) {
			t.Error("not in order of the key")
		}
		slices.SortFunc(got, byTime)
		if !slices.Equal(got, want) {
			t.Errorf("%s has other rows", l)
		}
	}
}

func TestSpine(t *testing.T) {
	cache := Cache{Folder: t.TempDir()}
	path, err := cache.Spine(t.Context(), small(), 12, 1)
	if err != nil {
		t.Fatal(err)
	}
	unknown := 0
	for i, r := range read[spineRow](t, filepath.Dir(path)) {
		if r.ID != int64(i) || r.At < Begin+12*Day || r.At >= Begin+13*Day {
			t.Fatalf("row %d is %+v", i, r)
		}
		if r.User >= int64(small().Keys) {
			unknown++
		}
	}
	if unknown < 25 || unknown > 75 {
		t.Errorf("%d of 1000 rows have an unknown key, want about 50", unknown)
	}
}

func TestProfilesHaveKeysOfTheirSpine(t *testing.T) {
	cache := Cache{Folder: t.TempDir()}
	folder, err := cache.Profiles(t.Context(), small())
	if err != nil {
		t.Fatal(err)
	}
	path, err := cache.TextSpine(t.Context(), small())
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range read[profileRow](t, folder) {
		known[r.User] = true
	}
	found := 0
	for _, r := range read[textSpineRow](t, filepath.Dir(path)) {
		if len(r.User) != 24 {
			t.Fatalf("key %q is not of 24 bytes", r.User)
		}
		if known[r.User] {
			found++
		}
	}
	if found < 900 || found == 1000 {
		t.Errorf("%d of 1000 keys are known, want about 950", found)
	}
}

func TestFlightsKnowTheirTies(t *testing.T) {
	cache := Cache{Folder: t.TempDir()}
	folder, _, err := cache.Flights(t.Context(), "../../examples/flights/data/flights/2001-06-17.parquet")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parquet.ReadFile[flightRow](filepath.Join(folder, "source.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	same := func(a, b flightRow) bool { return a.Date == b.Date && a.Origin == b.Origin }
	tied := 0
	for i := range 2000 { // rows are in order of time: others of the same minute stand beside
		var airport, route bool
		for j := max(0, i-100); j < i+100; j++ {
			if j != i && same(rows[i], rows[j]) {
				airport = true
				route = route || rows[i].Destination == rows[j].Destination
			}
		}
		if airport {
			tied++
		}
		if rows[i].AirportTied != airport || rows[i].RouteTied != route {
			t.Fatalf("row %d: %+v, want tied %v and %v", i, rows[i], airport, route)
		}
	}
	if tied < 200 {
		t.Errorf("%d of 2000 flights tie: these are not the data that the workload is about", tied)
	}
}

func TestASetThatFailedIsMadeAgain(t *testing.T) {
	cache := Cache{Folder: t.TempDir()}
	broken := errors.New("disk is full")
	if _, err := cache.Set(t.Context(), "x", func(context.Context, string) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("error is %v", err)
	}
	made := 0
	for range 2 {
		folder, err := cache.Set(t.Context(), "x", func(_ context.Context, folder string) error {
			made++
			return os.WriteFile(filepath.Join(folder, "f"), nil, 0o600)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(filepath.Join(folder, "f")); err != nil {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("made %d times, want once", made)
	}
	if left, _ := filepath.Glob(filepath.Join(cache.Folder, ".part*")); left != nil {
		t.Errorf("left behind: %q", left)
	}
}

func TestEventsAreLateAndAddUpExactly(t *testing.T) {
	cache := Cache{Folder: t.TempDir()}
	events := func(s Size) []eventRow {
		file, err := cache.Events(t.Context(), s)
		if err != nil {
			t.Fatal(err)
		}
		return read[eventRow](t, filepath.Dir(file))
	}
	ordered := true
	rows := events(small())
	for i, r := range rows {
		if r.Available < r.At || r.Available >= r.At+lateness || r.Amount*16 != float64(int64(r.Amount*16)) {
			t.Fatalf("row %d is %+v: available within two days, an amount of whole sixteenths", i, r)
		}
		ordered = ordered && (i == 0 || rows[i-1].Available <= r.Available)
	}
	if ordered {
		t.Error("rows become available in the order of their events")
	}
	hot := small()
	hot.Hot = true
	first := 0
	for _, r := range events(hot) {
		if r.User == 0 {
			first++
		}
	}
	if share := float64(first) / float64(hot.Rows); share < 0.47 || share > 0.53 {
		t.Errorf("the hot key has %.2f of the events, want a half", share)
	}
}

// Package flights_test holds the example's training set against rows worked out
// from the raw flights by a few lines of plain code.
package flights_test

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/quiver-features/quiver/internal/testenv"
)

type flight struct {
	Date        int64  `parquet:"date"`
	LandedAt    int64  `parquet:"landed_at"`
	Origin      string `parquet:"origin"`
	Destination string `parquet:"destination"`
	Delay       *int64 `parquet:"delay"`
	Distance    *int64 `parquet:"distance"`
}

type trained struct {
	Time        int64    `parquet:"event_timestamp"`
	Origin      string   `parquet:"origin"`
	Destination string   `parquet:"destination"`
	Late        bool     `parquet:"late"`
	OriginDelay *int64   `parquet:"origin__delay"`
	DestDelay   *int64   `parquet:"dest__delay"`
	RouteDelay  *int64   `parquet:"route__delay"`
	Miles       *int64   `parquet:"miles"`
	OriginState *string  `parquet:"origin_facts__state"`
	DestLat     *float64 `parquet:"dest_facts__latitude"`
}

func readAll[T any](t *testing.T, pattern string) []T {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil || len(paths) == 0 {
		t.Fatalf("%s: %v, %d files", pattern, err, len(paths))
	}
	var rows []T
	for _, path := range paths {
		part, err := parquet.ReadFile[T](path)
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, part...)
	}
	return rows
}

// train runs the example as a user would and gives its training set.
func train(t *testing.T) []trained {
	t.Helper()
	return trainService[trained](t, "delay_model")
}

// trainService is train for any service.
func trainService[T any](t *testing.T, service string) []T {
	t.Helper()
	folder := t.TempDir()
	binary := testenv.Quiver(t)
	project := filepath.Join(folder, "project")
	if err := os.CopyFS(project, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(project, ".quiver")); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(folder, "train.parquet")
	for _, command := range [][]string{
		{binary, "-C", project, "apply", "--yes"},
		{binary, "-C", project, "train", "--spine", "data/labels.parquet", "--service", service, "--out", out},
	} {
		if text, err := exec.CommandContext(t.Context(), command[0], command[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", command, err, text)
		}
	}
	return readAll[T](t, out)
}

const day = 24 * 3600 * 1_000_000

// last gives the latest flight that had landed at a time and departed at most
// ttl before it. Of flights of one minute the one that landed last counts, then
// the greater delay, then the greater distance.
func last(flights []flight, t, ttl int64, of func(flight) bool) *flight {
	var best *flight
	for i, f := range flights {
		if f.LandedAt > t || t-f.Date > ttl || !of(f) {
			continue
		}
		if best == nil || f.Date > best.Date || f.Date == best.Date && (f.LandedAt > best.LandedAt ||
			f.LandedAt == best.LandedAt && (value(f.Delay) > value(best.Delay) ||
				value(f.Delay) == value(best.Delay) && value(f.Distance) > value(best.Distance))) {
			best = &flights[i]
		}
	}
	return best
}

// value puts null before every number.
func value(p *int64) int64 {
	if p == nil {
		return -1 << 62
	}
	return *p
}

func TestTrainingRowsAreThoseOfFlightsThatHadLanded(t *testing.T) {
	flights := readAll[flight](t, "data/flights/*.parquet")
	rows := train(t)
	labels := readAll[trained](t, "data/labels.parquet")
	if len(rows) != len(labels) || len(rows) < 10_000 {
		t.Fatalf("%d rows for %d labels", len(rows), len(labels))
	}
	checkByHand(t, rows)
	wrong := 0
	for i := 0; i < len(rows); i += 97 {
		r := rows[i]
		if r.Time != labels[i].Time || r.Origin != labels[i].Origin || r.Destination != labels[i].Destination || r.Late != labels[i].Late {
			t.Fatalf("row %d is %+v, the label is %+v", i, r, labels[i])
		}
		origin := last(flights, r.Time, 2*day, func(f flight) bool { return f.Origin == r.Origin })
		dest := last(flights, r.Time, 2*day, func(f flight) bool { return f.Origin == r.Destination })
		route := last(flights, r.Time, 7*day, func(f flight) bool { return f.Origin == r.Origin && f.Destination == r.Destination })
		for _, c := range []struct {
			name      string
			got, want *int64
		}{
			{"origin__delay", r.OriginDelay, delay(origin)},
			{"dest__delay", r.DestDelay, delay(dest)},
			{"route__delay", r.RouteDelay, delay(route)},
			{"miles", r.Miles, distance(route)},
		} {
			if value(c.got) != value(c.want) {
				wrong++
				t.Errorf("row %d, %s to %s at %d: %s is %d, want %d", i, r.Origin, r.Destination, r.Time, c.name, value(c.got), value(c.want))
			}
		}
		if wrong > 10 {
			t.FailNow()
		}
	}
}

func delay(f *flight) *int64 {
	if f == nil {
		return nil
	}
	return f.Delay
}

func distance(f *flight) *int64 {
	if f == nil {
		return nil
	}
	return f.Distance
}

// checkByHand compares with what airports.csv says of two airports.
func checkByHand(t *testing.T, rows []trained) {
	t.Helper()
	seen := map[string]int{}
	for _, r := range rows {
		if r.Origin == "SFO" {
			seen["SFO"]++
			if r.OriginState == nil || *r.OriginState != "CA" {
				t.Fatalf("SFO lies in %v, want CA", r.OriginState)
			}
		}
		if r.Destination == "JFK" {
			seen["JFK"]++
			if r.DestLat == nil || *r.DestLat != 40.63975111 {
				t.Fatalf("JFK lies at %v degrees north, want 40.63975111", r.DestLat)
			}
		}
	}
	if seen["SFO"] == 0 || seen["JFK"] == 0 {
		t.Fatalf("rows with the two airports: %v", seen)
	}
}

// traffic is a row of the service traffic_model.
type traffic struct {
	Time        int64    `parquet:"event_timestamp"`
	Origin      string   `parquet:"origin"`
	Destination string   `parquet:"destination"`
	Distance    *int64   `parquet:"distance"`
	Departed    *int64   `parquet:"origin__departed_1h"`
	Departed24h *int64   `parquet:"origin__departed_24h"`
	Ratio       *float64 `parquet:"origin__traffic_ratio"`
	Landed      *int64   `parquet:"origin_delays__landed_1h"`
	Mean        *float64 `parquet:"origin_delays__delay_mean_1h"`
	LateShare   *float64 `parquet:"dest_delays__late_share_24h"`
	LateRatio   *float64 `parquet:"origin_delays__late_ratio"`
	LongHaul    *bool    `parquet:"long_haul"`

	RouteLanded *int64   `parquet:"route__landed_24h"`
	RouteMean   *float64 `parquet:"route__delay_mean_24h"`
	RouteShare  *float64 `parquet:"route__late_share_24h"`
	RouteP90    *float64 `parquet:"route__delay_p90_7d"`
}

const (
	second = 1_000_000
	minute = 60 * second
	hour   = 60 * minute
)

// window counts the flights of which an event, later than the last step of the
// granularity less the length, is known at a time; and sums what they are worth.
func window(flights []flight, t, length, granularity int64, event func(flight) (at int64, ok bool), worth func(flight) *float64) (rows, values int64, sum float64) {
	for _, f := range flights {
		at, ok := event(f)
		if !ok || at > t || at <= t-t%granularity-length {
			continue
		}
		rows++
		if w := worth(f); w != nil {
			values++
			sum += *w
		}
	}
	return rows, values, sum
}

func TestWindowsAreThoseOfTheRawFlights(t *testing.T) {
	flights := readAll[flight](t, "data/flights/*.parquet")
	rows := trainService[traffic](t, "traffic_model")
	departed := func(from string) func(flight) (int64, bool) {
		return func(f flight) (int64, bool) { return f.Date + 1, f.Origin == from } // known a microsecond later
	}
	landed := func(from string) func(flight) (int64, bool) {
		return func(f flight) (int64, bool) {
			return f.Date + (30+value(f.Distance)/8)*minute + 1, f.Origin == from && f.Distance != nil // likewise
		}
	}
	minutes := func(f flight) *float64 {
		if f.Delay == nil {
			return nil
		}
		v := float64(*f.Delay)
		return &v
	}
	late := func(f flight) *float64 {
		if f.Delay == nil {
			return nil
		}
		v := 0.0
		if *f.Delay > 15 {
			v = 1
		}
		return &v
	}
	for i := 0; i < len(rows); i += 499 {
		r := rows[i]
		// The tail is about the departure itself, and known is the flight a microsecond later.
		n1, _, _ := window(flights, r.Time, hour-1, 30*second, departed(r.Origin), minutes)
		n24, _, _ := window(flights, r.Time, 24*hour-1, 10*minute, departed(r.Origin), minutes)
		down, known, sum := window(flights, r.Time, hour-1, 30*second, landed(r.Origin), minutes)
		_, known24, lateSum := window(flights, r.Time, 24*hour-1, 10*minute, landed(r.Destination), late)
		if *r.Departed != n1 || *r.Departed24h != n24 || *r.Landed != down {
			t.Fatalf("row %d, %s at %d: departed %d and %d, landed %d; want %d, %d, %d", i, r.Origin, r.Time, *r.Departed, *r.Departed24h, *r.Landed, n1, n24, down)
		}
		if (r.Mean == nil) != (known == 0) || r.Mean != nil && math.Abs(*r.Mean-sum/float64(known)) > 1e-9 {
			t.Fatalf("row %d, %s at %d: mean delay %v, want %v of %d", i, r.Origin, r.Time, r.Mean, sum, known)
		}
		share := 0.0 // the default
		if known24 > 0 {
			share = lateSum / float64(known24)
		}
		if math.Abs(*r.LateShare-share) > 1e-12 {
			t.Fatalf("row %d, %s at %d: late share %v, want %v", i, r.Destination, r.Time, *r.LateShare, share)
		}
		if want := 24 * float64(n1) / float64(max(n24, 1)); math.Abs(*r.Ratio-want) > 1e-12 {
			t.Fatalf("row %d, %s at %d: traffic ratio %v, want %v", i, r.Origin, r.Time, *r.Ratio, want)
		}
		_, known1, late1 := window(flights, r.Time, hour-1, 30*second, landed(r.Origin), late)
		_, knownDay, lateDay := window(flights, r.Time, 24*hour-1, 10*minute, landed(r.Origin), late)
		checkLateRatio(t, i, &r, late1/float64(known1), lateDay/float64(knownDay))
		if want := *r.Distance > 1500 && n1*24 > n24; *r.LongHaul != want {
			t.Fatalf("row %d: long haul %t, want %t", i, *r.LongHaul, want)
		}
	}
}

// checkLateRatio compares with the shares of late flights in the hour and the day; NaN is
// that of none.
func checkLateRatio(t *testing.T, i int, r *traffic, hour, day float64) {
	t.Helper()
	switch {
	case math.IsNaN(hour):
		if r.LateRatio != nil {
			t.Fatalf("row %d, %s at %d: late ratio %v where nothing landed", i, r.Origin, r.Time, *r.LateRatio)
		}
	case hour == day:
		if *r.LateRatio != 1 {
			t.Fatalf("row %d, %s at %d: late ratio %v, want 1", i, r.Origin, r.Time, *r.LateRatio)
		}
	case math.Abs(*r.LateRatio-hour/day) > 1e-12:
		t.Fatalf("row %d, %s at %d: late ratio %v, want %v", i, r.Origin, r.Time, *r.LateRatio, hour/day)
	}
}

// checked is a row of the service leak_check.
type checked struct {
	Late         bool     `parquet:"late"`
	HonestMean   *float64 `parquet:"honest__delay_mean_1h"`
	HonestShare  *float64 `parquet:"honest__late_share_24h"`
	LeakingMean  *float64 `parquet:"leaking__delay_mean_1h"`
	LeakingShare *float64 `parquet:"leaking__late_share_24h"`
}

// The README's table is what the program prints of a training set; here pairs of flights
// are counted one by one.
func TestTheReadmeTellsWhatALeakIsWorth(t *testing.T) {
	rows := trainService[checked](t, "leak_check")
	auc := func(of func(*checked) *float64) float64 {
		var late, inTime []float64
		for i := range rows {
			v := 0.0
			if p := of(&rows[i]); p != nil {
				v = *p
			}
			if rows[i].Late {
				late = append(late, v)
			} else {
				inTime = append(inTime, v)
			}
		}
		won := 0
		for _, a := range late {
			for _, b := range inTime {
				if a > b {
					won += 2
				} else if a == b {
					won++
				}
			}
		}
		return float64(won) / 2 / float64(len(late)*len(inTime))
	}
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		fmt.Sprintf("| `delay_mean_1h` | AUC %.2f | AUC %.2f |\n", auc(func(r *checked) *float64 { return r.HonestMean }), auc(func(r *checked) *float64 { return r.LeakingMean })),
		fmt.Sprintf("| `late_share_24h` | AUC %.2f | AUC %.2f |\n", auc(func(r *checked) *float64 { return r.HonestShare }), auc(func(r *checked) *float64 { return r.LeakingShare })),
	} {
		if !strings.Contains(string(text), line) {
			t.Errorf("README.md has no line %s", line)
		}
	}
}

// The windows of a route, against the flights that landed on it one by one.
func TestWindowsOfRoutesAreThoseOfTheRawFlights(t *testing.T) {
	flights := readAll[flight](t, "data/flights/*.parquet")
	rows := trainService[traffic](t, "traffic_model")
	same := func(got *float64, want, share float64) bool {
		if math.IsNaN(want) {
			return got == nil
		}
		return got != nil && math.Abs(*got-want) <= share*math.Abs(want)+1e-9
	}
	days, weeks := 0, 0
	for i := 0; i < len(rows); i += 97 {
		r := rows[i]
		var landed, known, late int64
		var sum float64
		var week []float64
		for _, f := range flights {
			if f.Origin != r.Origin || f.Destination != r.Destination || f.Distance == nil {
				continue
			}
			at := f.Date + (30+*f.Distance/8)*minute
			if at >= r.Time {
				continue // known a microsecond after it landed
			}
			if f.Delay != nil && at > r.Time-r.Time%(6*hour)-7*24*hour {
				week = append(week, float64(*f.Delay))
			}
			if at <= r.Time-r.Time%(10*minute)-24*hour {
				continue
			}
			landed++
			if f.Delay != nil {
				known++
				sum += float64(*f.Delay)
				if *f.Delay > 15 {
					late++
				}
			}
		}
		p90 := math.NaN()
		if len(week) > 0 {
			slices.Sort(week)
			p90 = week[(9*len(week)+9)/10-1]
			weeks++
		}
		if known > 0 {
			days++
		}
		if *r.RouteLanded != landed || !same(r.RouteMean, sum/float64(known), 0) || !same(r.RouteShare, float64(late)/float64(known), 0) || !same(r.RouteP90, p90, 0.01) {
			t.Errorf("row %d, %s to %s at %d: %+v, want %d landed, mean %v, share %v, p90 %v",
				i, r.Origin, r.Destination, r.Time, r, landed, sum/float64(known), float64(late)/float64(known), p90)
		}
	}
	if days < 20 || weeks < days {
		t.Errorf("only %d rows have something in the day, and %d in the week", days, weeks)
	}
}

// The demonstration runs from a copy anywhere, and the line that it ends with leads there,
// with the binary on the PATH.
func TestTheDemonstrationEndsWithALineThatWorks(t *testing.T) {
	binary, copied := testenv.Quiver(t), filepath.Join(t.TempDir(), "my flights")
	if err := os.CopyFS(copied, os.DirFS(".")); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(copied, ".quiver")); err != nil {
		t.Fatal(err)
	}
	demo := exec.CommandContext(t.Context(), "bash", filepath.Join(copied, "demo.sh"))
	demo.Env = append(os.Environ(), "QUIVER="+binary)
	text, err := demo.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	_, after, _ := strings.Cut(string(text), "is yours to play with. Next:\n")
	line, _, _ := strings.Cut(after, "\n")
	next := exec.CommandContext(t.Context(), "bash", "-c", line+" && pwd && type -P quiver") //nolint:gosec // what the demonstration says is what is tested
	next.Dir = t.TempDir()
	got, err := next.CombinedOutput()
	if want := copied + "\n" + binary + "\n"; err != nil || string(got) != want {
		t.Errorf("%s: %v\ngot  %swant %s", line, err, got, want)
	}
}

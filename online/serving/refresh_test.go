package serving_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	gostrings "strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online/serving"
)

// versionOf makes version n of a service whose one value is n, read from a
// storage of its own.
func versionOf(t testing.TB, m *memory, n int) *feature.Selection {
	t.Helper()
	v, s := view("v", uint64(n), []feature.JoinKey{key("k", feature.Int64)}, feature.Rule{}, field("x", feature.Int64))
	m.set(func() { m.marks[uint64(n)] = fresh })
	m.put(t, s, now, []any{int64(1)}, []any{int64(n)})
	return selection(fmt.Sprintf("s@%d", n), feature.Use{View: v, Alias: "v", Keys: []string{"k"}, Active: s})
}

func TestRequestsDuringReloadsSeeOneVersionWhole(t *testing.T) {
	m := newMemory()
	c := &catalog{services: map[string]*feature.Selection{"s": versionOf(t, m, 1)}}
	h := newHandler(t, c, m, options())
	request := &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": column(t, feature.Scalar(feature.Int64), int64(1))}}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			last := int64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				r, err := h.Get(context.Background(), request)
				if err != nil {
					t.Error(err)
					return
				}
				got := r.Features[0].Values.Int64s[0]
				if r.Service != fmt.Sprintf("s@%d", got) || r.Features[0].Status(0) != feature.StatusPresent || got < last {
					t.Errorf("%s gave %d (%s) after %d", r.Service, got, r.Features[0].Status(0), last)
					return
				}
				last = got
			}
		})
	}
	for n := 2; n <= 50; n++ {
		next := versionOf(t, m, n)
		c.set(func() { c.services = map[string]*feature.Selection{"s": next} })
		if err := h.Refresh(t.Context()); err != nil {
			t.Error(err)
		}
		if r := get(t, h, request); r.Service != fmt.Sprintf("s@%d", n) {
			t.Errorf("after the refresh to %d: %s", n, r.Service)
		}
	}
	close(stop)
	readers.Wait()
}

func TestDefinitionsAreLoadedOnlyWhenTheSerialChanges(t *testing.T) {
	c, m := flights(t)
	h := newHandler(t, c, m, options())
	for range 3 {
		if err := h.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if c.loads != 1 {
		t.Errorf("%d loads", c.loads)
	}
}

func TestARegistryThatIsDownLeavesTheLastSnapshotServed(t *testing.T) {
	c, m := flights(t)
	opts := options()
	reg := prometheus.NewRegistry()
	opts.Registerer = reg
	h := newHandler(t, c, m, opts)
	c.set(func() { c.down = feature.ErrUnavailable; c.services = nil })
	for range 2 {
		if err := h.Refresh(t.Context()); !errors.Is(err, feature.ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
	}
	if r := get(t, h, &serving.Request{Service: "delay_model", Keys: keys([]string{"SFO"}, []string{"LAX"})}); r.Features[1].Values.Int64s[0] != 7 {
		t.Errorf("got %v", show(&r.Features[1]))
	}
	want := `# HELP quiver_serving_refresh_errors_total Failed looks at the registry or at the watermarks.
# TYPE quiver_serving_refresh_errors_total counter
quiver_serving_refresh_errors_total{what="registry"} 2
`
	if err := testutil.GatherAndCompare(reg, gostrings.NewReader(want), "quiver_serving_refresh_errors_total"); err != nil {
		t.Error(err)
	}
}

func TestRunMakesReadyFollowsTheRegistryAndStops(t *testing.T) {
	c, m := flights(t)
	opts := options()
	opts.RefreshInterval = time.Millisecond
	h, err := serving.New(c, m, opts)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- h.Run(ctx) }()
	<-h.Ready()
	next := versionOf(t, m, 9)
	c.set(func() { c.services = map[string]*feature.Selection{"s": next} })
	for { // until Run has seen it; a test that hangs has failed
		_, err := h.Get(ctx, &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": {}}})
		if err == nil {
			break
		}
		if !errors.Is(err, feature.ErrNotFound) {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestMetricsTellRequestsCellsAndWatermarks(t *testing.T) {
	c, m := flights(t)
	opts := options()
	reg := prometheus.NewRegistry()
	opts.Registerer = reg
	h := newHandler(t, c, m, opts)
	m.set(func() { m.marks[3] = feature.Watermark{Known: true, Time: now, Lost: true} })
	for range 2 {
		get(t, h, &serving.Request{Service: "delay_model", Keys: keys([]string{"SFO", "SFO"}, []string{"LAX", "XXX"})})
	}
	want := `# HELP quiver_serving_cells_total Delivered cells, by status.
# TYPE quiver_serving_cells_total counter
quiver_serving_cells_total{status="ERROR"} 0
quiver_serving_cells_total{status="NOT_FOUND"} 6
quiver_serving_cells_total{status="NULL"} 0
quiver_serving_cells_total{status="OUTSIDE_MAX_AGE"} 0
quiver_serving_cells_total{status="PRESENT"} 14
quiver_serving_cells_total{status="STALE"} 4
quiver_serving_cells_total{status="UNAVAILABLE"} 0
# HELP quiver_serving_rows_total Rows of answered requests, by service version.
# TYPE quiver_serving_rows_total counter
quiver_serving_rows_total{service="delay_model@3"} 4
# HELP quiver_serving_watermark_age_seconds Time since the watermark of a view that is being served; absent where it was never materialized.
# TYPE quiver_serving_watermark_age_seconds gauge
quiver_serving_watermark_age_seconds{storage="1",view="airports@1"} 60
quiver_serving_watermark_age_seconds{storage="2",view="routes@1"} 60
quiver_serving_watermark_age_seconds{storage="3",view="fuel@1"} 0
# HELP quiver_serving_watermark_lost 1 where the online store may have lost values of the view, or a run has yet to bring them back.
# TYPE quiver_serving_watermark_lost gauge
quiver_serving_watermark_lost{storage="1",view="airports@1"} 0
quiver_serving_watermark_lost{storage="2",view="routes@1"} 0
quiver_serving_watermark_lost{storage="3",view="fuel@1"} 1
`
	if err := testutil.GatherAndCompare(reg, gostrings.NewReader(want), "quiver_serving_cells_total", "quiver_serving_rows_total",
		"quiver_serving_watermark_age_seconds", "quiver_serving_watermark_lost"); err != nil {
		t.Error(err)
	}
}

func TestAFirstRunThatHasBegunIsNoTime(t *testing.T) {
	v, s := view("v", 1, []feature.JoinKey{key("k", feature.String)}, feature.Rule{}, field("x", feature.Int64))
	m := newMemory()
	m.marks[1] = feature.Watermark{Known: true, Time: feature.MinTime, Run: 1}
	c := &catalog{services: map[string]*feature.Selection{"s": selection("s@1", feature.Use{View: v, Alias: "v", Keys: []string{"k"}, Active: s})}}
	opts := options()
	reg := prometheus.NewRegistry()
	opts.Registerer = reg
	h := newHandler(t, c, m, opts)
	if n, err := testutil.GatherAndCount(reg, "quiver_serving_watermark_age_seconds"); err != nil || n != 0 {
		t.Errorf("%d ages of a view that was never materialized, %v", n, err)
	}
	got, err := dial(t, h, rpc.Options{}).GetOnlineFeatures(t.Context(), message(t, `{"service": "s", "keys": {"k": {"strings": ["x"]}}, "event_timestamps": true}`))
	if err != nil {
		t.Fatal(err)
	}
	if w := got.GetViews()[0].Watermark; w != nil {
		t.Errorf("the watermark %d was sent", *w)
	}
}

// lossOf gives the metric of the only view's loss; -1: there is none.
func lossOf(t *testing.T, reg *prometheus.Registry) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "quiver_serving_watermark_lost" && len(f.GetMetric()) == 1 {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	return -1
}

func TestALossIsInTheMetricAndOnceInTheLogUntilARunIsOver(t *testing.T) {
	held := feature.Watermark{Known: true, Time: now, Run: 1, Since: 1}
	evicted := held
	evicted.Lost, evicted.Reason = true, "the server evicted keys"
	begun := feature.Watermark{Known: true, Time: feature.MinTime, Run: 2, Since: 2}
	type look struct {
		mark feature.Watermark
		down error
		lost float64
		log  string // what the look adds, in part; empty: nothing
	}
	gone := look{lost: 1}
	for name, test := range map[string]struct {
		filled bool // before the server started, as the registry tells
		looks  []look
	}{
		"never filled": {looks: []look{{}, {mark: begun}, {mark: held}}},
		"flushed": {looks: []look{
			{mark: held}, {lost: 1, log: "level=WARN"}, gone, {mark: begun, lost: 1}, {mark: held, log: "level=INFO"}, {mark: held}, {lost: 1, log: "knows nothing of it"},
		}},
		"evicted":                       {looks: []look{{mark: held}, {mark: evicted, lost: 1, log: "evicted keys"}, {mark: evicted, lost: 1}, {mark: held, log: "again"}}},
		"flushed before the start":      {filled: true, looks: []look{{lost: 1, log: "quiver materialize v@1"}, gone, {mark: held, log: "again"}}},
		"flushed, then out of reach":    {looks: []look{{mark: held}, {lost: 1, log: "WARN"}, {down: feature.ErrUnavailable, lost: 1, log: "can't be read"}, {lost: 1, log: "can be read"}}},
		"out of reach from the start":   {filled: true, looks: []look{{down: feature.ErrUnavailable, log: "can't be read"}, {mark: held, log: "can be read"}}},
		"out of reach, nothing is lost": {looks: []look{{mark: held}, {mark: held, down: feature.ErrUnavailable, log: "can't be read"}, {mark: held, log: "can be read"}}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			c := &catalog{services: map[string]*feature.Selection{"s": versionOf(t, m, 1)}, filled: map[uint64]bool{1: test.filled}}
			var log bytes.Buffer
			opts, reg := options(), prometheus.NewRegistry()
			opts.Log, opts.Registerer = slog.New(slog.NewTextHandler(&log, nil)), reg
			h := newHandler(t, c, m, opts)
			for i, l := range test.looks {
				m.set(func() { m.marks[1], m.down = l.mark, l.down })
				if i == 0 {
					get(t, h, &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": {}}})
				}
				log.Reset()
				_ = h.Refresh(t.Context())
				if got := lossOf(t, reg); got != l.lost {
					t.Errorf("look %d: lost is %v, want %v", i, got, l.lost)
				}
				if got := log.String(); gostrings.Count(got, "\n") != min(len(l.log), 1) || !gostrings.Contains(got, l.log) {
					t.Errorf("look %d: the log has %q, want %q", i, got, l.log)
				}
			}
			if c.asked > 1 {
				t.Errorf("the registry was asked %d times", c.asked)
			}
		})
	}
}

func TestADroppedStorageIsNoLoss(t *testing.T) {
	m := newMemory()
	c := &catalog{services: map[string]*feature.Selection{"s": versionOf(t, m, 1)}}
	var log bytes.Buffer
	opts, reg := options(), prometheus.NewRegistry()
	opts.Registerer = reg
	opts.Log = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h := newHandler(t, c, m, opts)
	get(t, h, &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": {}}})
	next := versionOf(t, m, 2)
	c.set(func() { c.services, c.retired = map[string]*feature.Selection{"s": next}, 1 })
	m.set(func() { delete(m.marks, 1) })
	if err := h.Refresh(t.Context()); err != nil || log.Len() > 0 || lossOf(t, reg) != -1 {
		t.Errorf("%v, lost %v: %s", err, lossOf(t, reg), log.String())
	}
}

func TestACallsLogLineNamesItsServiceAndRows(t *testing.T) {
	c, m := flights(t)
	h := newHandler(t, c, m, options())
	var log bytes.Buffer
	layer, err := rpc.New(rpc.Options{SlowCall: 1}, slog.New(slog.NewTextHandler(&log, nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	call := func(r *serving.Request) error {
		log.Reset()
		return layer.Do(t.Context(), rpc.Call{Method: "m"}, func(ctx context.Context) error {
			_, err := h.Get(ctx, r)
			return err
		})
	}
	if err := call(&serving.Request{Service: "delay_model", Keys: keys([]string{"SFO", "SFO"}, []string{"LAX", "XXX"})}); err != nil ||
		!gostrings.Contains(log.String(), " service=delay_model@3 rows=2") {
		t.Errorf("%v: %s", err, log.String())
	}
	if err := call(&serving.Request{Features: []string{"fuel:price"}}); err != nil || !gostrings.Contains(log.String(), " features=1 rows=1") {
		t.Errorf("%v: %s", err, log.String())
	}
	var told *rpc.Error
	err = call(&serving.Request{Service: "nothing"})
	if !errors.As(err, &told) || told.Message != "service: no service is called nothing" || !gostrings.Contains(log.String(), "nothing: not found") {
		t.Errorf("%v: %s", err, log.String())
	}
}

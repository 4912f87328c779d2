package serving_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/serving"
)

var fresh = feature.Watermark{Known: true, Time: now.Add(-feature.Minute), Run: 1}

// TestEveryStatusAndWhichGoesFirst asks for one entity of a view with a TTL of an
// hour and a max_staleness of ten minutes. The stored row, if any, has the
// features delay (7), empty (null), name ("x" or not UTF-8); late is not stored.
func TestEveryStatusAndWhichGoesFirst(t *testing.T) {
	const ok, bad = "x", "\xff"
	lost := feature.Watermark{Known: true, Time: now, Lost: true, Reason: "restarted"}
	begun := feature.Watermark{Known: true, Time: feature.MinTime, Run: 1}
	old := feature.Watermark{Known: true, Time: now.Add(-10*feature.Minute - 1)}
	edge := feature.Watermark{Known: true, Time: now.Add(-10 * feature.Minute)}
	hourAgo := now.Add(-feature.Hour)
	for _, c := range []struct {
		name       string
		mark       feature.Watermark
		event      feature.Time // of the stored row; 0: there is none
		text       string
		damaged    bool
		down       error // of the read
		marksDown  bool
		storageTTL feature.Duration // 0: an hour
		// delay, empty, name, late, and the view's row
		want [5]string
	}{
		{"a fresh row", fresh, now, ok, false, nil, false, 0, [5]string{"7/PRESENT", "null/NULL", "x/PRESENT", "null/UNAVAILABLE", "PRESENT"}},
		{"as old as the TTL", fresh, hourAgo, ok, false, nil, false, 0, [5]string{"7/PRESENT", "null/NULL", "x/PRESENT", "null/UNAVAILABLE", "PRESENT"}},
		{"older than the TTL", fresh, hourAgo - 1, ok, false, nil, false, 0, [5]string{"null/OUTSIDE_MAX_AGE", "null/OUTSIDE_MAX_AGE", "null/OUTSIDE_MAX_AGE", "null/UNAVAILABLE", "OUTSIDE_MAX_AGE"}},
		{"no row", fresh, 0, ok, false, nil, false, 0, [5]string{"null/NOT_FOUND", "null/NOT_FOUND", "null/NOT_FOUND", "null/UNAVAILABLE", "NOT_FOUND"}},
		{"not UTF-8", fresh, now, bad, false, nil, false, 0, [5]string{"7/PRESENT", "null/NULL", "null/ERROR", "null/UNAVAILABLE", "PRESENT"}},
		{"damaged", fresh, now, ok, true, nil, false, 0, [5]string{"null/ERROR", "null/ERROR", "null/ERROR", "null/UNAVAILABLE", "ERROR"}},
		{"watermark at max_staleness", edge, now, ok, false, nil, false, 0, [5]string{"7/PRESENT", "null/NULL", "x/PRESENT", "null/UNAVAILABLE", "PRESENT"}},
		{"watermark older", old, now, ok, false, nil, false, 0, [5]string{"7/STALE", "null/NULL", "x/STALE", "null/UNAVAILABLE", "STALE"}},
		{"watermark older, not UTF-8", old, now, bad, false, nil, false, 0, [5]string{"7/STALE", "null/NULL", "null/ERROR", "null/UNAVAILABLE", "STALE"}},
		{"watermark older, row older", old, hourAgo - 1, ok, false, nil, false, 0, [5]string{"null/OUTSIDE_MAX_AGE", "null/OUTSIDE_MAX_AGE", "null/OUTSIDE_MAX_AGE", "null/UNAVAILABLE", "OUTSIDE_MAX_AGE"}},
		{"watermark older, no row", old, 0, ok, false, nil, false, 0, [5]string{"null/NOT_FOUND", "null/NOT_FOUND", "null/NOT_FOUND", "null/UNAVAILABLE", "NOT_FOUND"}},
		{"lost, a row", lost, now, ok, false, nil, false, 0, [5]string{"7/STALE", "null/NULL", "x/STALE", "null/UNAVAILABLE", "STALE"}},
		{"lost, no row", lost, 0, ok, false, nil, false, 0, [5]string{"null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "UNAVAILABLE"}},
		{"never materialized, a row", feature.Watermark{}, now, ok, false, nil, false, 0, [5]string{"7/STALE", "null/NULL", "x/STALE", "null/UNAVAILABLE", "STALE"}},
		{"never materialized, no row", feature.Watermark{}, 0, ok, false, nil, false, 0, [5]string{"null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "UNAVAILABLE"}},
		{"the first run is not over, a row", begun, now, ok, false, nil, false, 0, [5]string{"7/STALE", "null/NULL", "x/STALE", "null/UNAVAILABLE", "STALE"}},
		{"the first run is not over, no row", begun, 0, ok, false, nil, false, 0, [5]string{"null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "UNAVAILABLE"}},
		{"watermark unreadable, a row", fresh, now, ok, false, nil, true, 0, [5]string{"7/PRESENT", "null/NULL", "x/PRESENT", "null/UNAVAILABLE", "PRESENT"}},
		{"watermark unreadable, no row", fresh, 0, ok, false, nil, true, 0, [5]string{"null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "UNAVAILABLE"}},
		{"filled under a shorter TTL, no row", fresh, 0, ok, false, nil, false, feature.Minute, [5]string{"null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "UNAVAILABLE"}},
		{"filled under a shorter TTL, a row", fresh, hourAgo, ok, false, nil, false, feature.Minute, [5]string{"7/PRESENT", "null/NULL", "x/PRESENT", "null/UNAVAILABLE", "PRESENT"}},
		{"the store is down", fresh, now, ok, false, feature.ErrUnavailable, false, 0, [5]string{"null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "null/UNAVAILABLE", "UNAVAILABLE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := []feature.JoinKey{key("airport", feature.String)}
			v, s := view("airports", 1, keys, feature.Rule{TTL: feature.Hour},
				field("delay", feature.Int64), field("empty", feature.Float64), field("name", feature.String))
			v.MaxStaleness = 10 * feature.Minute
			v.Features = append(slices.Clone(v.Features), field("late", feature.Int32))
			if c.storageTTL > 0 {
				s.Rule.TTL = c.storageTTL
			}
			m := newMemory()
			m.marks[1] = c.mark
			if c.event != 0 {
				m.put(t, s, c.event, []any{"SFO"}, []any{int64(7), nil, c.text})
			}
			for k, value := range m.values {
				if c.damaged {
					m.values[k] = value[:len(value)-1]
				}
			}
			h := newHandler(t, &catalog{services: map[string]*feature.Selection{
				"s": selection("s@1", feature.Use{View: v, Alias: "a", Keys: []string{"airport"}, Active: s}),
			}}, m, options())
			request := &serving.Request{Service: "s", Keys: map[string]*feature.Column{"airport": strings("SFO")}, EventTimestamps: true}
			get(t, h, request) // so that the watermark was read before it can't be
			if c.marksDown {
				m.set(func() { m.down = feature.ErrUnavailable })
				if err := h.Refresh(t.Context()); !errors.Is(err, feature.ErrUnavailable) {
					t.Fatalf("refresh: %v", err)
				}
			}
			m.set(func() { m.get = func(context.Context, [][]byte) error { return c.down } })
			r := get(t, h, request)
			for i, want := range c.want[:4] {
				if got := show(&r.Features[i]); got[0] != want || len(got) != 1 {
					t.Errorf("%s: got %s, want %s", r.Features[i].Name, got, want)
				}
			}
			row := feature.Status(r.Views[0].Statuses[0]).String()
			if row != c.want[4] || r.Views[0].View != "airports@1" || r.Views[0].Watermark != c.mark {
				t.Errorf("view: got %+v (row %s), want row %s", r.Views[0], row, c.want[4])
			}
			wantEvent := c.event
			if row == "UNAVAILABLE" || row == "ERROR" {
				wantEvent = 0
			}
			if got := r.Views[0].Events[0]; got != wantEvent {
				t.Errorf("event: got %s, want %s", got, wantEvent)
			}
		})
	}
}

func TestAPartOfTheStoreThatIsDownCostsItsOwnRowsAlone(t *testing.T) {
	keys := []feature.JoinKey{key("k", feature.Int64)}
	v, s := view("v", 1, keys, feature.Rule{}, field("x", feature.Int64))
	m := newMemory()
	m.marks[1] = fresh
	for k := range int64(3) {
		m.put(t, s, now, []any{k}, []any{10 * k})
	}
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "a", Keys: []string{"k"}, Active: s}),
	}}, m, options())
	down := fmt.Errorf("a server: %w", &online.PartialError{Unread: []int{1}, Err: feature.ErrUnavailable})
	m.get = func(context.Context, [][]byte) error { return down }
	// Row 3 has the key of row 1, row 4 a null one, row 5 one that is nowhere.
	wanted := column(t, feature.Scalar(feature.Int64), int64(0), int64(1), int64(2), int64(1), nil, int64(9))
	r := get(t, h, &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": wanted}})
	want := []string{"0/PRESENT", "null/UNAVAILABLE", "20/PRESENT", "null/UNAVAILABLE", "null/NOT_FOUND", "null/NOT_FOUND"}
	if got := show(&r.Features[0]); !slices.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAFirstRequestAsksTheStoreWithinOneTimeout(t *testing.T) {
	c, m := flights(t)
	h := newHandler(t, c, m, options())
	var until time.Time
	m.get = func(ctx context.Context, _ [][]byte) error {
		until, _ = ctx.Deadline()
		return nil
	}
	get(t, h, &serving.Request{Service: "delay_model", Keys: keys([]string{"SFO"}, []string{"LAX"})})
	if until.IsZero() || !until.Equal(m.until) {
		t.Errorf("values are asked for until %s, watermarks until %s", until, m.until)
	}
}

func TestTheRequestsTimeIsNotBeforeTheWatermarksOfItsViews(t *testing.T) {
	keys := []feature.JoinKey{key("k", feature.Int64)}
	v, s := view("v", 1, keys, feature.Rule{TTL: feature.Second}, field("x", feature.Int64))
	m := newMemory()
	ahead := now.Add(feature.Minute) // this server's clock is a minute slow
	m.marks[1] = feature.Watermark{Known: true, Time: ahead}
	m.put(t, s, ahead.Add(-feature.Second), []any{int64(1)}, []any{int64(5)})
	m.put(t, s, ahead.Add(-feature.Second-1), []any{int64(2)}, []any{int64(6)})
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "a", Keys: []string{"k"}, Active: s}),
	}}, m, options())
	r := get(t, h, &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": column(t, feature.Scalar(feature.Int64), int64(1), int64(2))}})
	if got, want := show(&r.Features[0]), []string{"5/PRESENT", "null/OUTSIDE_MAX_AGE"}; !slices.Equal(got, want) || r.Time != ahead {
		t.Errorf("got %s at %s, want %s at %s", got, r.Time, want, ahead)
	}
}

func TestAWatermarkThatComesLaterIsSeenAfterARefresh(t *testing.T) {
	keys := []feature.JoinKey{key("k", feature.Int64)}
	v, s := view("v", 1, keys, feature.Rule{}, field("x", feature.Int64))
	m := newMemory()
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "a", Keys: []string{"k"}, Active: s}),
	}}, m, options())
	request := &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": column(t, feature.Scalar(feature.Int64), int64(1))}}
	if got := show(&get(t, h, request).Features[0]); got[0] != "null/UNAVAILABLE" {
		t.Errorf("before: %s", got)
	}
	m.set(func() { m.marks[1] = fresh })
	if err := h.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := show(&get(t, h, request).Features[0]); got[0] != "null/NOT_FOUND" {
		t.Errorf("after: %s", got)
	}
}

func TestAStoreThatHangsLeavesTimeToAnswer(t *testing.T) {
	keys := []feature.JoinKey{key("k", feature.Int64)}
	v, s := view("v", 1, keys, feature.Rule{}, field("x", feature.Int64))
	m := newMemory()
	m.marks[1] = fresh
	m.get = func(ctx context.Context, _ [][]byte) error {
		<-ctx.Done()
		return errors.Join(feature.ErrUnavailable, ctx.Err())
	}
	opts := options()
	opts.StoreTimeout = 1 // a nanosecond
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "a", Keys: []string{"k"}, Active: s}),
	}}, m, opts)
	request := &serving.Request{Service: "s", Keys: map[string]*feature.Column{"k": column(t, feature.Scalar(feature.Int64), int64(1))}}
	if got := show(&get(t, h, request).Features[0]); got[0] != "null/UNAVAILABLE" {
		t.Errorf("got %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	m.get = func(context.Context, [][]byte) error { cancel(); return ctx.Err() }
	if r, err := h.Get(ctx, request); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled request: got %+v, %v", r, err)
	}
}

func TestKeysAreBuiltAsTheLayoutSays(t *testing.T) {
	keys := []feature.JoinKey{key("carrier", feature.String), key("number", feature.Int32)}
	v, s := view("v", 9, keys, feature.Rule{}, field("x", feature.Int64))
	layout, err := online.NewLayout(s)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	m.marks[9] = fresh
	h := newHandler(t, &catalog{services: map[string]*feature.Selection{
		"s": selection("s@1", feature.Use{View: v, Alias: "a", Keys: []string{"c", "n"}, Active: s}),
	}}, m, options())
	carriers, numbers := strings("AA", "UA", "AA"), column(t, feature.Scalar(feature.Int64), int64(1), int64(2), int64(1))
	want := [][]byte{
		layout.AppendKey(nil, []*feature.Column{carriers, numbers}, 0),
		layout.AppendKey(nil, []*feature.Column{carriers, numbers}, 1),
	}
	var asked [][]byte
	m.get = func(_ context.Context, keys [][]byte) error {
		for _, k := range keys {
			asked = append(asked, bytes.Clone(k))
		}
		return nil
	}
	get(t, h, &serving.Request{Service: "s", Keys: map[string]*feature.Column{"c": carriers, "n": numbers}})
	if !slices.EqualFunc(asked, want, bytes.Equal) {
		t.Errorf("asked for %x, want %x (each once)", asked, want)
	}
}

package serving_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gostrings "strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online/serving"
)

// texts is a service that makes a text of n bytes of an input of n/100, in each of steps
// features that are delivered.
func texts(t *testing.T, steps int, opts serving.Options) *serving.Handler {
	t.Helper()
	v, s := view("fuel", 1, nil, feature.Rule{}, field("price", feature.Float64))
	m := newMemory()
	m.marks[1] = fresh
	m.put(t, s, now, nil, []any{2.5})
	sel := selection("texts@1", feature.Use{View: v, Alias: "fuel", Active: s})
	sel.Inputs = []feature.Input{{Name: "x", Type: feature.Scalar(feature.String)}}
	sel.Outputs = nil
	for i := range steps {
		sel.Derived = append(sel.Derived, feature.Field{
			Name: fmt.Sprint("t", i), Type: feature.Scalar(feature.String), Expression: "replace(x, 'x', '" + gostrings.Repeat("y", 100) + "')",
		})
		sel.Outputs = append(sel.Outputs, feature.Output{Use: feature.DerivedOutput, Feature: i, Name: fmt.Sprint("t", i)})
	}
	return newHandler(t, &catalog{services: map[string]*feature.Selection{"texts": sel}}, m, opts)
}

// of asks for a text of some bytes in each of rows.
func of(rows, size int) *serving.Request {
	values := make([]string, rows)
	for i := range values {
		values[i] = gostrings.Repeat("x", size/100)
	}
	return &serving.Request{Service: "texts", Inputs: map[string]*feature.Column{"x": strings(values...)}}
}

// A place is held until an answer is encoded. Requests that make little need none.
func TestRequestsThatMakeLargeTextsWaitForOneAnother(t *testing.T) {
	synctest.Test(t, testPlaces) // where all wait, the clock goes on
}

func testPlaces(t *testing.T) {
	opts := options()
	metrics := prometheus.NewRegistry()
	opts.MaxLarge, opts.Registerer = 1, metrics
	h := texts(t, 1, opts)
	large, small := of(10, 900_000), of(10, 90_000)
	encoded := 0
	err := h.Answer(t.Context(), large, func(r *serving.Response) error {
		encoded = r.Features[0].Values.Varying()
		if r := get(t, h, small); r.Features[0].Values.Varying() != 900_000 {
			t.Errorf("a small answer has %d bytes", r.Features[0].Values.Varying())
		}
		late, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		_, err := h.Get(late, large)
		const want = "serving: the time of the request ended while it waited for 1 others that take more than 4194304 bytes of texts and lists, as it does: " +
			"ask for fewer rows, or features of shorter texts and lists, or give it more time (default_timeout, where the client sends no deadline): context deadline exceeded"
		if !errors.Is(err, context.DeadlineExceeded) || err.Error() != want {
			t.Errorf("got  %v\nwant %s", err, want)
		}
		return nil
	})
	if err != nil || encoded != 9_000_000 {
		t.Errorf("%d bytes, %v", encoded, err)
	}
	get(t, h, large) // the place is free again
	if _, err := h.Get(t.Context(), of(100, 900_000)); !errors.Is(err, feature.ErrTooLarge) {
		t.Errorf("90 MB: %v", err)
	}
	get(t, h, large) // after an error, too
	// Of the five only the late one had to wait, for five seconds.
	want := `
		# HELP quiver_serving_large_wait_seconds How long a request with large texts and lists waited for others of its kind.
		# TYPE quiver_serving_large_wait_seconds histogram
	`
	for _, bound := range []string{"0.001", "0.005", "0.025", "0.1", "0.5", "1", "2.5"} {
		want += `quiver_serving_large_wait_seconds_bucket{le="` + bound + "\"} 4\n"
	}
	want += `quiver_serving_large_wait_seconds_bucket{le="5"} 5
		quiver_serving_large_wait_seconds_bucket{le="10"} 5
		quiver_serving_large_wait_seconds_bucket{le="+Inf"} 5
		quiver_serving_large_wait_seconds_sum 5
		quiver_serving_large_wait_seconds_count 5
		# HELP quiver_serving_large_waiting Requests with large texts and lists that wait for others of their kind.
		# TYPE quiver_serving_large_waiting gauge
		quiver_serving_large_waiting 0
	`
	if err := testutil.GatherAndCompare(metrics, gostrings.NewReader(want), "quiver_serving_large_wait_seconds", "quiver_serving_large_waiting"); err != nil {
		t.Error(err)
	}
}

// A request that waits for a place holds none of the values that it has read, which may be as
// many as its answer: it reads them again, as they are then.
func TestRequestsThatWaitReadTheirValuesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v, s := view("v", 1, nil, feature.Rule{}, field("text", feature.String))
		m := newMemory()
		m.marks[1] = fresh
		sel := selection("large@1", feature.Use{View: v, Alias: "v", Active: s})
		opts := options()
		opts.MaxLarge = 1
		h := newHandler(t, &catalog{services: map[string]*feature.Selection{"large": sel}}, m, opts)
		put := func(size int) { m.put(t, s, now, nil, []any{gostrings.Repeat("x", size)}) }
		ask := func() (int, error) {
			r, err := h.Get(t.Context(), &serving.Request{Service: "large"})
			if err != nil {
				return 0, err
			}
			return r.Features[0].Values.Varying(), nil
		}
		put(5 << 20)
		if size, err := ask(); err != nil || size != 5<<20 || m.gets != 1 {
			t.Fatalf("alone: %d bytes after %d reads, %v", size, m.gets, err)
		}
		for _, then := range []int{6 << 20, 100, 100 << 20} {
			put(5 << 20)
			m.gets = 0
			var size int
			var failed error
			var waiter sync.WaitGroup
			err := h.Answer(t.Context(), &serving.Request{Service: "large"}, func(*serving.Response) error {
				waiter.Go(func() { size, failed = ask() })
				synctest.Wait()
				put(then)
				return nil
			})
			waiter.Wait()
			tooLarge := then > 64<<20
			if err != nil || m.gets != 3 || errors.Is(failed, feature.ErrTooLarge) != tooLarge || !tooLarge && size != then {
				t.Errorf("%d bytes of %d after %d reads, %v, %v", size, then, m.gets, failed, err)
			}
		}
	})
}

// What a transport gives up because the time is over is told as what was given up before.
func TestAnAnswerThatIsNotWrittenToItsEnd(t *testing.T) {
	h := texts(t, 1, options())
	ctx, cancel := context.WithCancel(t.Context())
	err := h.Answer(ctx, of(1, 100), func(*serving.Response) error {
		cancel()
		return ctx.Err()
	})
	if want := "serving: the request was given up while the answer was written: context canceled"; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	broken := errors.New("broken")
	if err := h.Answer(t.Context(), of(1, 100), func(*serving.Response) error { return broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
}

// countdown is a context that ends when it has been asked some times whether it has.
type countdown struct {
	context.Context //nolint:containedctx // it is one
	left            int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

func TestExpressionsAreNotComputedForNobody(t *testing.T) {
	h := texts(t, 20, options())
	asked := &countdown{Context: t.Context(), left: 1 << 30}
	if _, err := h.Get(asked, of(30, 90_000)); err != nil {
		t.Fatal(err)
	}
	times := 1<<30 - asked.left
	if times < 20 { // expressions
		t.Errorf("the context was asked %d times", times)
	}
	_, err := h.Get(&countdown{Context: t.Context(), left: times / 2}, of(30, 90_000))
	const want = "serving: the time of the request ended while the features of service texts@1 were computed: ask for fewer rows, or features of shorter texts and lists, " +
		"or give it more time (default_timeout, where the client sends no deadline): context deadline exceeded"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

package offlinetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
)

// asked answers requests by the oracle, from the rows that are visible by then,
// and keeps the times that it was asked for.
type asked struct {
	c      *offlinetest.Case
	times  []feature.Time
	closed int
	fail   error
}

func (a *asked) Get(ctx context.Context, t feature.Time, rows []int) ([]*feature.Column, error) {
	a.times = append(a.times, t)
	all, err := offlinetest.Oracle{}.Join(ctx, a.c)
	if err != nil || a.fail != nil {
		return nil, errors.Join(err, a.fail)
	}
	out := make([]*feature.Column, len(all))
	for i, column := range all {
		out[i] = feature.NewColumn(column.Type, len(rows))
		for _, row := range rows {
			if at, ok := a.c.RequestTime(row); !ok || at != t {
				return nil, errors.New("asked for a row of another time")
			}
			out[i].AppendFrom(column, row)
		}
	}
	return out, nil
}

func (a *asked) Close() error { a.closed++; return nil }

func TestRequestsInGrowingTimeAnswerEveryScript(t *testing.T) {
	var last *asked
	engine := offlinetest.ByPoint(func(_ context.Context, c *offlinetest.Case) (offlinetest.Point, error) {
		if last != nil && last.closed != 1 {
			t.Errorf("%s was closed %d times", last.c.Name, last.closed)
		}
		if last != nil && !slices.IsSortedFunc(last.times, func(a, b feature.Time) int {
			if a < b {
				return -1
			}
			return 1
		}) {
			t.Errorf("%s was asked for %v: expected each time once, growing", last.c.Name, last.times)
		}
		last = &asked{c: c}
		return last, nil
	})
	offlinetest.Run(t, engine, offlinetest.Variants()[:1]...)
	offlinetest.Check(t, engine, 50)
}

func TestARequestThatFailsIsToldWithItsTime(t *testing.T) {
	failed := errors.New("no answer")
	point := &asked{fail: failed}
	engine := offlinetest.ByPoint(func(_ context.Context, c *offlinetest.Case) (offlinetest.Point, error) {
		point.c = c
		return point, nil
	})
	c, err := offlinetest.Parse("x.script", base)
	if err != nil {
		t.Fatal(err)
	}
	_, err = engine.Join(t.Context(), c)
	if !errors.Is(err, failed) || !strings.Contains(err.Error(), "2001-06-30T10:00:00Z") {
		t.Errorf("got %v, want it to name the time", err)
	}
	if point.closed != 1 {
		t.Errorf("closed %d times, want once", point.closed)
	}
}

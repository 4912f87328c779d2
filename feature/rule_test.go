package feature_test

import (
	"errors"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

const (
	minT = feature.MinTime
	maxT = feature.MaxTime
)

// Every edge of T1 and T2, worked out by hand from the text of the rule.
func TestARowIsVisibleFromItsVisibleFromUntilItsTTLInclusive(t *testing.T) {
	const e = feature.Time(1_000_000)
	for _, c := range []struct {
		name    string
		rule    feature.Rule
		t, e, a feature.Time
		want    bool
	}{
		{"at the event itself", feature.Rule{}, e, e, 0, true},
		{"a microsecond before the event", feature.Rule{}, e - 1, e, 0, false},
		{"long after, without a TTL", feature.Rule{}, maxT, e, 0, true},
		{"before 1970", feature.Rule{}, -5, -5, 0, true},
		{"before 1970, a microsecond early", feature.Rule{}, -6, -5, 0, false},

		{"at the end of the delay", feature.Rule{Delay: 10}, e + 10, e, 0, true},
		{"a microsecond before the end of the delay", feature.Rule{Delay: 10}, e + 9, e, 0, false},
		{"a delay of one microsecond keeps the event itself out", feature.Rule{Delay: 1}, e, e, 0, false},

		{"when it became available", feature.Rule{Available: true}, e + 7, e, e + 7, true},
		{"a microsecond before it became available", feature.Rule{Available: true}, e + 6, e, e + 7, false},
		{"available before the event: the event counts", feature.Rule{Available: true}, e - 1, e, e - 100, false},
		{"available before the event, at the event", feature.Rule{Available: true}, e, e, e - 100, true},
		{"the later of delay and available: delay", feature.Rule{Available: true, Delay: 10}, e + 9, e, e + 5, false},
		{"the later of delay and available: available", feature.Rule{Available: true, Delay: 10}, e + 14, e, e + 15, false},
		{"delay and available both over", feature.Rule{Available: true, Delay: 10}, e + 15, e, e + 15, true},
		{"an available time that no column gives does not count", feature.Rule{}, e, e, e + 100, true},

		{"at the end of the TTL", feature.Rule{TTL: 100}, e + 100, e, 0, true},
		{"a microsecond past the TTL", feature.Rule{TTL: 100}, e + 101, e, 0, false},
		{"the TTL counts from the event, not from the delay's end", feature.Rule{TTL: 100, Delay: 60}, e + 101, e, 0, false},
		{"the TTL counts from the event, not from availability", feature.Rule{TTL: 100, Available: true}, e + 101, e, e + 60, false},
		{"available only after the TTL: never", feature.Rule{TTL: 100, Available: true}, e + 150, e, e + 150, false},
		{"TTL before 1970", feature.Rule{TTL: 100}, -900, -1000, 0, true},
		{"past a TTL before 1970", feature.Rule{TTL: 100}, -899, -1000, 0, false},

		{"e + delay saturates: visible at the end of time", feature.Rule{Delay: 10}, maxT, maxT - 5, 0, true},
		{"e + delay saturates: not before", feature.Rule{Delay: 10}, maxT - 1, maxT - 5, 0, false},
		{"t - e saturates above every TTL", feature.Rule{TTL: feature.Duration(maxT) - 1}, maxT, minT, 0, false},
		{"t - e saturates to the longest TTL", feature.Rule{TTL: feature.Duration(maxT)}, maxT, minT, 0, true},
		{"the first instant", feature.Rule{}, minT, minT, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.rule.Visible(c.t, c.e, c.a); got != c.want {
				t.Errorf("%+v: Visible(t=%d, e=%d, a=%d) = %v, want %v", c.rule, c.t, c.e, c.a, got, c.want)
			}
		})
	}
}

func TestARuleThatNoRowCanSatisfyIsInvalid(t *testing.T) {
	for _, c := range []struct {
		rule feature.Rule
		ok   bool
	}{
		{feature.Rule{}, true},
		{feature.Rule{TTL: 1}, true},
		{feature.Rule{TTL: 11, Delay: 10}, true},
		{feature.Rule{TTL: 10, Delay: 10}, false},
		{feature.Rule{TTL: 9, Delay: 10}, false},
		{feature.Rule{TTL: -1}, false},
		{feature.Rule{Delay: -1}, false},
	} {
		err := c.rule.Validate()
		if (err == nil) != c.ok || err != nil && !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("%+v: Validate() = %v, want ok %v", c.rule, err, c.ok)
		}
	}
}

// Stamps in ascending order, from the text: event, created (null first),
// available.
func TestStampsAreOrderedByEventThenCreatedThenAvailable(t *testing.T) {
	ascending := []feature.Stamp{
		{Event: minT},
		{Event: -1, Created: maxT, HasCreated: true, Available: maxT},
		{Event: 0, Available: 5},
		{Event: 0, Available: 6},
		{Event: 0, Created: minT, HasCreated: true, Available: 0},
		{Event: 0, Created: -1, HasCreated: true, Available: 9},
		{Event: 0, Created: 0, HasCreated: true, Available: 1},
		{Event: 0, Created: 0, HasCreated: true, Available: 2},
		{Event: 1},
		{Event: maxT},
	}
	for i, a := range ascending {
		for j, b := range ascending {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%+v.Compare(%+v) = %d, want %d", a, b, got, want)
			}
		}
	}
}

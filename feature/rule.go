package feature

import (
	"cmp"
	"fmt"
)

// Rule is the time rule of one view: which rows of its source are visible at a
// time t. A row has an event timestamp e and, where the source names them, a
// created timestamp c and an available timestamp a. It is visible at t iff
//
//	T1. VisibleFrom(e, a) <= t, and
//	T2. with a TTL: t - e <= TTL, and
//	T3. e, every join key and, where the source names it, a are not null.
//
// Both bounds are inclusive. Of the visible rows of one key the latest wins:
// the greatest Stamp, then the greatest values (see Compare), the features
// compared in the order of their names. All values come from that one row, nulls
// included.
type Rule struct {
	TTL       Duration `json:"ttl,omitzero"`       // 0: no limit
	Delay     Duration `json:"delay,omitzero"`     // the least time between an event and its being known
	Created   bool     `json:"created,omitzero"`   // the source names a created timestamp
	Available bool     `json:"available,omitzero"` // the source names an available timestamp
}

// Validate says what is wrong with a rule as written: a negative delay, a TTL
// that is not longer than the delay (no row would ever be visible).
func (r Rule) Validate() error {
	switch {
	case r.Delay < 0:
		return fmt.Errorf("delay %s is negative: leave it out, or say how long after its event a row is known: %w", r.Delay, ErrInvalid)
	case r.TTL < 0:
		return fmt.Errorf("ttl %s is negative: leave it out for no limit: %w", r.TTL, ErrInvalid)
	case r.TTL != 0 && r.TTL <= r.Delay:
		return fmt.Errorf("ttl %s is not longer than the delay %s, so no row would ever be visible: %w", r.TTL, r.Delay, ErrInvalid)
	}
	return nil
}

// VisibleFrom is the first time at which a row can be visible: max(e + delay, a),
// without a where the source names no available timestamp.
func (r Rule) VisibleFrom(e, a Time) Time {
	v := e
	if r.Delay != 0 {
		v = e.Add(r.Delay)
	}
	if r.Available {
		return max(v, a)
	}
	return v
}

// Fresh is T2: a row with event time e has not outlived the TTL at t.
func (r Rule) Fresh(t, e Time) bool { return r.TTL == 0 || t.Sub(e) <= r.TTL }

// Visible is T1 and T2 of a row without nulls in what T3 names.
func (r Rule) Visible(t, e, a Time) bool { return r.VisibleFrom(e, a) <= t && r.Fresh(t, e) }

// Stamp is the place of a row in the order of a view's rows, before its values
// are looked at. Times that the source does not name are zero in all stamps.
type Stamp struct {
	Event      Time
	Created    Time
	HasCreated bool // false: the created timestamp is null, which sorts first
	Available  Time
}

// Compare orders stamps by event, then created (null first), then available
// timestamp. Equal stamps of one key are a full tie.
func (s Stamp) Compare(o Stamp) int {
	if c := cmp.Compare(s.Event, o.Event); c != 0 {
		return c
	}
	if s.HasCreated != o.HasCreated {
		if o.HasCreated {
			return -1
		}
		return 1
	}
	if s.HasCreated {
		if c := cmp.Compare(s.Created, o.Created); c != 0 {
			return c
		}
	}
	return cmp.Compare(s.Available, o.Available)
}

package quiver

import (
	"fmt"
	"time"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// newResponse takes over a message, once it is known to hold together: whatever
// the accessors index is as long as they take it to be, and there are views where
// they were asked for.
func newResponse(m *quiverv1.GetOnlineFeaturesResponse, views bool) (*Response, error) {
	if views && len(m.GetViews()) == 0 && len(m.GetFeatures()) > 0 {
		return nil, fmt.Errorf("no views, though event timestamps were asked for: %w", ErrMalformed)
	}
	r := &Response{
		Service: m.GetService(), Revision: m.GetRevision(), Time: instant(m.GetTime()), Rows: int(m.GetRows()),
		Features:      make([]Feature, len(m.GetFeatures())),
		Float64Matrix: m.GetFloat64Matrix(), Float32Matrix: m.GetFloat32Matrix(),
		index: make(map[string]int, len(m.GetFeatures())),
	}
	cells := uint64(m.GetRows()) * uint64(len(r.Features))
	for _, n := range []int{len(r.Float64Matrix), len(r.Float32Matrix)} {
		if n != 0 && uint64(n) != cells {
			return nil, fmt.Errorf("a matrix of %d values for %d cells: %w", n, cells, ErrMalformed)
		}
	}
	for i, f := range m.GetFeatures() {
		if err := check(f, r.Rows); err != nil {
			return nil, fmt.Errorf("feature %s: %w", f.GetName(), err)
		}
		if v, n := f.GetView(), len(m.GetViews()); v != 0 && uint64(v) >= uint64(n) { // without views it is 0
			return nil, fmt.Errorf("feature %s: view %d of %d views: %w", f.GetName(), v, n, ErrMalformed)
		}
		r.index[f.GetName()] = i
		r.Features[i] = Feature{Name: f.GetName(), Type: f.GetType(), View: int(f.GetView()), values: f.GetValues(), statuses: f.GetStatuses()}
		if f.GetDerived() {
			r.Features[i].View = -1
		}
	}
	for _, v := range m.GetViews() {
		view, err := newView(v, r.Rows)
		if err != nil {
			return nil, err
		}
		r.Views = append(r.Views, view)
	}
	return r, nil
}

func check(f *quiverv1.FeatureColumn, rows int) error {
	if n := len(f.GetStatuses()); n != rows {
		return fmt.Errorf("%d statuses for %d rows: %w", n, rows, ErrMalformed)
	}
	v := f.GetValues()
	if v == nil {
		return nil
	}
	if n := len(v.GetNulls()); n != 0 && n != rows {
		return fmt.Errorf("%d nulls for %d rows: %w", n, rows, ErrMalformed)
	}
	if v.GetItems() == nil && len(v.GetLengths()) == 0 {
		return checkLength(v, uint64(rows))
	}
	if n := len(v.GetLengths()); n != rows {
		return fmt.Errorf("%d lists for %d rows: %w", n, rows, ErrMalformed)
	}
	items := uint64(0)
	for _, n := range v.GetLengths() {
		items += uint64(n)
	}
	if n := len(v.GetItems().GetNulls()); n != 0 && uint64(n) != items {
		return fmt.Errorf("%d nulls for %d items: %w", n, items, ErrMalformed)
	}
	return checkLength(v.GetItems(), items)
}

// checkLength wants every field of a vector to be empty or of the right length;
// all empty is a type that this client does not know.
func checkLength(v *quiverv1.Values, want uint64) error {
	for _, n := range sizes(v) {
		if n != 0 && uint64(n) != want {
			return fmt.Errorf("%d values, expected %d: %w", n, want, ErrMalformed)
		}
	}
	return nil
}

// known tells whether a vector holds values of a type that this client knows.
func known(v *quiverv1.Values) bool { return sizes(v) != [9]int{} }

func sizes(v *quiverv1.Values) [9]int {
	return [9]int{
		len(v.GetBools()), len(v.GetInt32S()), len(v.GetInt64S()), len(v.GetFloat32S()), len(v.GetFloat64S()),
		len(v.GetStrings()), len(v.GetBytes()), len(v.GetDates()), len(v.GetTimestamps()),
	}
}

func newView(m *quiverv1.ViewRows, rows int) (View, error) {
	if n := len(m.GetEventTimestamps()); len(m.GetStatuses()) != rows || n != rows && n != 0 {
		return View{}, fmt.Errorf("view %s: %d statuses and %d event timestamps for %d rows: %w",
			m.GetView(), len(m.GetStatuses()), len(m.GetEventTimestamps()), rows, ErrMalformed)
	}
	v := View{Name: m.GetView(), Alias: m.GetAlias(), Events: make([]time.Time, rows), Statuses: make([]Status, rows)}
	for i := range rows {
		v.Statuses[i] = Status(m.GetStatuses()[i])
		if len(m.GetEventTimestamps()) == 0 {
			continue // of aggregates
		}
		switch v.Statuses[i] {
		case StatusPresent, StatusStale, StatusOutsideMaxAge:
			v.Events[i] = instant(m.GetEventTimestamps()[i])
		}
	}
	if m.Watermark != nil {
		v.Watermark = instant(m.GetWatermark())
	}
	return v, nil
}

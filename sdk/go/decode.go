package quiver

import (
	"fmt"
	"time"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// newResponse takes over a message, once it is known to hold together: whatever
// the accessors index is as long as they take it to be.
func newResponse(m *quiverv1.GetOnlineFeaturesResponse) (*Response, error) {
	r := &Response{
		Service: m.GetService(), Revision: m.GetRevision(), Time: instant(m.GetTime()), Rows: int(m.GetRows()),
		Features:      make([]Feature, len(m.GetFeatures())),
		Float64Matrix: m.GetFloat64Matrix(), Float32Matrix: m.GetFloat32Matrix(),
		index: make(map[string]int, len(m.GetFeatures())),
	}
	cells := r.Rows * len(r.Features)
	for _, n := range []int{len(r.Float64Matrix), len(r.Float32Matrix)} {
		if n != 0 && n != cells {
			return nil, fmt.Errorf("a matrix of %d values for %d cells: %w", n, cells, ErrMalformed)
		}
	}
	for i, f := range m.GetFeatures() {
		if err := check(f, r.Rows); err != nil {
			return nil, fmt.Errorf("feature %s: %w", f.GetName(), err)
		}
		r.index[f.GetName()] = i
		r.Features[i] = Feature{Name: f.GetName(), Type: f.GetType(), View: int(f.GetView()), values: f.GetValues(), statuses: f.GetStatuses()}
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
	if v.GetItems() == nil {
		return checkLength(v, rows)
	}
	if n := len(v.GetLengths()); n != rows {
		return fmt.Errorf("%d lists for %d rows: %w", n, rows, ErrMalformed)
	}
	items := 0
	for _, n := range v.GetLengths() {
		items += int(n)
	}
	if n := len(v.GetItems().GetNulls()); n != 0 && n != items {
		return fmt.Errorf("%d nulls for %d items: %w", n, items, ErrMalformed)
	}
	return checkLength(v.GetItems(), items)
}

// checkLength wants every field of a vector to be empty or of the right length;
// all empty is a type that this client does not know.
func checkLength(v *quiverv1.Values, want int) error {
	for _, n := range []int{
		len(v.GetBools()), len(v.GetInt32S()), len(v.GetInt64S()), len(v.GetFloat32S()), len(v.GetFloat64S()),
		len(v.GetStrings()), len(v.GetBytes()), len(v.GetDates()), len(v.GetTimestamps()),
	} {
		if n != 0 && n != want {
			return fmt.Errorf("%d values, expected %d: %w", n, want, ErrMalformed)
		}
	}
	return nil
}

func newView(m *quiverv1.ViewRows, rows int) (View, error) {
	v := View{Name: m.GetView(), Alias: m.GetAlias(), Events: make([]time.Time, rows), Statuses: make([]Status, rows)}
	if len(m.GetStatuses()) != rows || len(m.GetEventTimestamps()) != rows {
		return View{}, fmt.Errorf("view %s: %d statuses and %d event timestamps for %d rows: %w",
			v.Name, len(m.GetStatuses()), len(m.GetEventTimestamps()), rows, ErrMalformed)
	}
	for i := range rows {
		v.Statuses[i] = Status(m.GetStatuses()[i])
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

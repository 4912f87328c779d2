package quiver

import (
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	quiverv1 "github.com/quiver-features/quiver/proto/quiver/v1"
)

// Whatever a server sends, a response is refused or everything in it can be read.
func FuzzResponse(f *testing.F) {
	list := &quiverv1.Values{Items: &quiverv1.Values{Strings: []string{"x", ""}, Nulls: []byte{0, 1}}, Lengths: []uint32{2, 0}}
	for _, m := range []*quiverv1.GetOnlineFeaturesResponse{
		{Rows: 1, Features: []*quiverv1.FeatureColumn{{Name: "a", Type: "date", Values: &quiverv1.Values{Dates: []int32{-1}}, Statuses: []byte{1}}}, Float64Matrix: []float64{1}},
		{
			Rows: 2, Features: []*quiverv1.FeatureColumn{{Name: "a", Type: "list<string>", Values: list, Statuses: []byte{1, 2}}},
			Views: []*quiverv1.ViewRows{{View: "v@1", EventTimestamps: []int64{1, 0}, Statuses: []byte{1, 3}, Watermark: proto.Int64(5)}},
		},
	} {
		b, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &quiverv1.GetOnlineFeaturesResponse{}
		if proto.Unmarshal(b, m) != nil {
			return
		}
		r, err := newResponse(m, false)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		for i := range r.Features {
			readAll(t, r, &r.Features[i])
		}
		for _, v := range r.Views {
			if len(v.Events) != r.Rows || len(v.Statuses) != r.Rows {
				t.Errorf("view %s has %d events and %d statuses for %d rows", v.Name, len(v.Events), len(v.Statuses), r.Rows)
			}
		}
	})
}

func readAll(t *testing.T, r *Response, f *Feature) {
	t.Helper()
	for row := range min(r.Rows, 100) {
		if got := f.Value(row); got != nil && !f.Status(row).HasValue() {
			t.Errorf("%s: a value %v with status %s", f.Name, got, f.Status(row))
		}
	}
	if f.View != 0 && f.View >= len(r.Views) {
		t.Errorf("%s is of view %d of %d", f.Name, f.View, len(r.Views))
	}
	lengths := map[int]error{}
	note := func(n int, err error) { lengths[n] = err }
	note64, err := f.Float64s()
	note(len(note64), err)
	note32, err := f.Float32s()
	note(len(note32), err)
	ints, err := f.Int64s()
	note(len(ints), err)
	bools, err := f.Bools()
	note(len(bools), err)
	texts, err := f.Strings()
	note(len(texts), err)
	bytes, err := f.Bytes()
	note(len(bytes), err)
	times, err := f.Times()
	note(len(times), err)
	for n, err := range lengths {
		if err == nil && n != r.Rows {
			t.Errorf("%s gives %d values for %d rows", f.Name, n, r.Rows)
		}
	}
}

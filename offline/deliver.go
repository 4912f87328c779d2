package offline

import (
	"slices"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// delivered is a feature of a run of spine rows.
type delivered struct {
	values  *feature.Column
	nulls   int64
	errors  int64 // of the nulls, those that could not be computed
	matched int64 // of a feature of the service, the rows for which all that it is derived of had a row
}

// placesOf gives the features of uses that a training set is written from, each once: those
// that are delivered, and those that the service reads. of tells for each output which of
// them it is, or of service.Derived where the service derives it.
func placesOf(s *feature.Selection, service *derived.Service) (places []derived.Place, of []int) {
	known := map[derived.Place]int{}
	add := func(p derived.Place) int {
		i, ok := known[p]
		if !ok {
			i = len(places)
			places, known[p] = append(places, p), i
		}
		return i
	}
	for _, o := range s.Outputs {
		if o.Use == feature.DerivedOutput {
			of = append(of, slices.Index(service.Derived, o.Feature))
			continue
		}
		of = append(of, add(derived.Place{Use: o.Use, Feature: o.Feature}))
	}
	for _, p := range service.Reads {
		add(p)
	}
	return places, of
}

// deliver takes a feature of a run of spine rows. first is the run's first row in the
// part, winners are its rows' winners.
func (j *joined) deliver(f, first int, winners []uint32) delivered {
	column, numbers := j.values(f, first, winners)
	values, nulls := take(column, numbers)
	d := delivered{values: values, nulls: int64(nulls)}
	if failed := j.failed[f]; failed != nil {
		for _, n := range numbers {
			if n != none && failed[n] {
				d.errors++
			}
		}
	}
	return d
}

// computeService computes the features that the service derives, for a record of the
// spine whose first row is row first of the part. taken are those of t.places. A row
// without a time has none, as it has no features.
func (t *training) computeService(rec arrow.Record, taken []delivered, p *part, first int) ([]delivered, error) {
	s, rows := t.derived.Service, int(rec.NumRows())
	if len(s.Derived) == 0 {
		return nil, nil
	}
	features := make([]*feature.Column, len(s.Reads))
	for i, place := range s.Reads {
		features[i] = taken[slices.Index(t.places, place)].values
	}
	inputs, numbers, err := t.inputsOf(rec, t.res.Rows+int64(first))
	if err != nil {
		return nil, err
	}
	results, err := t.service.Compute(rows, features, inputs)
	if err != nil {
		return nil, err
	}
	out := make([]delivered, len(results))
	for i, r := range results {
		values, nulls := take(r.Values, numbers)
		out[i] = delivered{values: values, nulls: int64(nulls)}
		for row, n := range numbers {
			if n == none {
				continue
			}
			if r.Failed != nil && r.Failed[row] {
				out[i].errors++
			}
			if t.matchedAll(p, first+row, s.Needs[i].Reads) {
				out[i].matched++
			}
		}
	}
	return out, nil
}

// inputsOf gives the inputs of a record whose first row is the spine's row first, and
// the numbers of its rows: none for those without a time.
func (t *training) inputsOf(rec arrow.Record, first int64) (inputs []*feature.Column, numbers []uint32, err error) {
	for i, at := range t.plan.inputs {
		in := t.req.Selection.Inputs[t.derived.Service.Inputs[i]]
		c, err := t.plan.values(rec.Column(at), at, in.Type, first)
		if err != nil {
			return nil, nil, err
		}
		inputs = append(inputs, c)
	}
	times, err := t.plan.values(rec.Column(t.plan.time), t.plan.time, feature.Scalar(feature.Timestamp), first)
	if err != nil {
		return nil, nil, err
	}
	numbers = make([]uint32, rec.NumRows())
	for i := range numbers {
		numbers[i] = uint32(i)
		if times.IsNull(i) {
			numbers[i] = none
		}
	}
	return inputs, numbers, nil
}

// matchedAll tells whether all uses that the service reads at some of its places had a
// row for a row of the part.
func (t *training) matchedAll(p *part, row int, reads []int) bool {
	for _, r := range reads {
		j := p.joined[t.derived.Service.Reads[r].Use]
		if !j.matched(j.slots.ofRow[row]) {
			return false
		}
	}
	return true
}

package offline

import (
	"context"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
)

// deriveRows is how many slots a worker computes expressions of at once.
const deriveRows = 8 << 10

// slotRun is a run of slots of one partition.
type slotRun struct {
	first int // among all slots
	times []feature.Time
}

// runs cuts slots into runs of bounded length.
func (s *slots) runs() []slotRun {
	var runs []slotRun
	for i := range s.parts {
		p := &s.parts[i]
		for from := 0; from < len(p.times); from += deriveRows {
			runs = append(runs, slotRun{int(p.base) + from, p.times[from:min(from+deriveRows, len(p.times))]})
		}
	}
	return runs
}

// derive computes the features of a use that are expressions over others, for all its
// slots.
func (t *training) derive(ctx context.Context, use int, j *joined, room *room) error {
	v, id := t.derived.Views[use], t.req.Selection.Uses[use].View.ID()
	if len(v.Derived) == 0 {
		return nil
	}
	started, m := time.Now(), t.meter(StageDerive, id, int64(j.slots.n))
	defer func() { t.res.Work.took(StageDerive, id, started, int64(j.slots.n)) }()
	runs := j.slots.runs()
	sinks := make([]*gatherSink, len(v.Derived))
	for i, f := range v.Derived {
		sinks[i] = newGatherSink(t.req.Selection.Uses[use].View.Features[f].Type, j.slots.n, len(runs))
	}
	derivers := make(chan *deriver, t.workers) // each is one worker's at a time
	for range t.workers {
		derivers <- newDeriver(v)
	}
	made := room.making(int64(j.slots.n * len(v.Derived)))
	defer made.end()
	err := each(ctx, len(runs), t.workers, func(ctx context.Context, i int) error {
		d := <-derivers
		defer func() { derivers <- d }()
		d.machine.Until(ctx.Err)
		results, err := d.compute(j, &runs[i])
		if err != nil {
			return err
		}
		for n := range results {
			if err := made.add(len(runs[i].times), results[n].Values); err != nil {
				return err
			}
			sinks[n].copy(i, runs[i].first, results[n].Values)
			sinks[n].fail(runs[i].first, results[n].Failed)
		}
		m.add(int64(len(runs[i].times)))
		return nil
	})
	if err != nil {
		return err
	}
	for i, f := range v.Derived {
		j.bySlot[f], j.failed[f] = sinks[i].column(), sinks[i].failed
	}
	return nil
}

// deriver computes a view's expressions for one worker.
type deriver struct {
	view    *derived.View
	machine *derived.ViewMachine
	stored  []*feature.Column
	asOf    *feature.Column
}

func newDeriver(v *derived.View) *deriver {
	return &deriver{
		view: v, machine: v.NewMachine(), stored: make([]*feature.Column, len(v.Reads)),
		asOf: feature.NewColumn(feature.Scalar(feature.Timestamp), 0),
	}
}

func (d *deriver) compute(j *joined, r *slotRun) ([]derived.Result, error) {
	from, to := r.first, r.first+len(r.times)
	for i, f := range d.view.Reads {
		if c := j.bySlot[f]; c != nil {
			d.stored[i] = slice(c, from, to)
			continue
		}
		d.stored[i], _ = take(j.columns[f], j.winner[from:to])
	}
	if d.view.AsOf {
		d.asOf.Reset()
		for _, at := range r.times {
			d.asOf.AppendInt64(int64(at))
		}
	}
	var event *feature.Column
	if d.view.Event {
		event = slice(j.event, from, to)
	}
	return d.machine.Compute(len(r.times), d.stored, d.asOf, event)
}

// copy is put of a column that is used again.
func (s *gatherSink) copy(part, first int, c *feature.Column) {
	if s.keeps() {
		own := feature.NewColumn(c.Type, c.Len())
		appendValues(own, c)
		c = own
	}
	s.put(part, first, c)
}

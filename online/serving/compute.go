package serving

import (
	"context"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/derived"
	"github.com/quiver-features/quiver/online"
)

// computed says which cells of a plan are computed together, and of what.
type computed struct {
	from  int     // the first of them
	reads []int   // the cells that are read, as the machine wants their columns
	in    []int   // the inputs that are read, likewise
	needs []needs // of each of them
}

// needs is what the value of a computed cell rests on.
type needs struct {
	cells []int
	event bool // the event timestamp of the view's row
}

// layView adds the cells of a use that are computed.
func (p *plan) layView(use int, v *derived.View, at map[derived.Place]int, failed func(string) prometheus.Counter) computed {
	c := computed{from: len(p.cells)}
	cellsOf := func(features []int) (cells []int) {
		for _, f := range features {
			cells = append(cells, at[derived.Place{Use: use, Feature: f}])
		}
		return cells
	}
	c.reads = cellsOf(v.Reads)
	view := p.uses[use].view
	for i, f := range v.Derived {
		field := &view.Features[f]
		c.needs = append(c.needs, needs{cellsOf(v.Needs[i].Stored), v.Needs[i].Event})
		at[derived.Place{Use: use, Feature: f}] = p.addCell(cell{stored: -1, typ: field.Type, failed: failed(view.ID() + ":" + field.Name)})
	}
	return c
}

// layService adds the cells that the service derives.
func (p *plan) layService(s *feature.Selection, d *derived.Service, at map[derived.Place]int, failed func(string) prometheus.Counter) computed {
	c := computed{from: len(p.cells), in: d.Inputs}
	for _, place := range d.Reads {
		c.reads = append(c.reads, at[place])
	}
	for i, f := range d.Derived {
		var n needs
		for _, r := range d.Needs[i].Reads {
			n.cells = append(n.cells, c.reads[r])
		}
		c.needs = append(c.needs, n)
		field := &s.Derived[f]
		at[derived.Place{Use: feature.DerivedOutput, Feature: f}] = p.addCell(cell{stored: -1, typ: field.Type, failed: failed(s.Service + ":" + field.Name)})
	}
	return c
}

// machines decode and compute the cells of a plan, for one request at a time.
type machines struct {
	decoders []*online.Decoder // of uses with windowed aggregates; of others nil
	views    []*derived.ViewMachine
	service  *derived.ServiceMachine
	asOf     *feature.Column // one value
	event    *feature.Column
	columns  []*feature.Column
	inputs   []*feature.Column
	picked   []*feature.Column // memory of columns, where rows share keys
	barred   []feature.Status  // of computed cells, row by row: why there can't be a value, whatever is computed of it
}

func newMachines(p *plan, d *derived.Selection) *machines {
	m := &machines{service: d.Service.NewMachine(), decoders: make([]*online.Decoder, len(p.uses))}
	for i := range p.uses {
		if l := p.uses[i].layout; l.HasTiles() {
			m.decoders[i] = l.NewDecoder()
		}
	}
	for _, v := range d.Views {
		m.views = append(m.views, v.NewMachine())
	}
	m.asOf = feature.NewColumn(feature.Scalar(feature.Timestamp), 1)
	m.event = feature.NewColumn(feature.Scalar(feature.Timestamp), 1)
	return m
}

// compute appends one value to every computed cell for each row, when those that are
// decoded are filled. What is derived of a view's row is computed once for rows of one key.
// An error wraps feature.ErrTooLarge where the texts and lists of all cells, and those that
// are made on the way, take more bytes than a request may; it may be the context's.
func (a *answer) compute(ctx context.Context, m *machines, s *scratch, inputs []*feature.Column, room *allowance) error {
	m.barred = append(m.barred[:0], make([]feature.Status, len(a.plan.cells)*a.rows)...)
	m.asOf.Reset()
	m.asOf.AppendInt64(int64(a.time))
	ended := ctx.Err
	used := a.sizeOf(0, len(a.plan.cells))
	for i := range a.plan.uses {
		u := &a.plan.uses[i]
		if len(u.derived.needs) == 0 {
			continue
		}
		same := s.same.of(s.slots[i*a.rows:(i+1)*a.rows], len(s.keys))
		m.load(a, &u.derived)
		m.share(same)
		if u.readsEvent {
			m.loadEvents(&a.views[i], same.rows)
		}
		v := m.views[i]
		v.Until(ended)
		err := room.try(ctx, func(bytes int) error {
			v.Limit(bytes - used)
			results, err := v.Compute(len(same.rows), m.columns, m.asOf, m.event)
			if err != nil {
				return err
			}
			return a.take(m, &u.derived, results, i, same, bytes-used)
		})
		v.Until(nil)
		v.Release()
		if err != nil {
			return err
		}
		used += a.sizeOf(u.derived.from, u.derived.from+len(u.derived.needs))
	}
	if len(a.plan.derived.needs) == 0 {
		return nil
	}
	return a.computeService(ctx, m, inputs, room, used)
}

// computeService is compute for what the service derives.
func (a *answer) computeService(ctx context.Context, m *machines, inputs []*feature.Column, room *allowance, used int) error {
	d := &a.plan.derived
	m.load(a, d)
	m.inputs = m.inputs[:0]
	for _, in := range d.in {
		m.inputs = append(m.inputs, inputs[in])
	}
	m.service.Until(ctx.Err)
	defer m.service.Until(nil)
	defer m.service.Release()
	return room.try(ctx, func(bytes int) error {
		m.service.Limit(bytes - used)
		results, err := m.service.Compute(a.rows, m.columns, m.inputs)
		if err != nil {
			return err
		}
		return a.take(m, d, results, feature.DerivedOutput, nil, bytes-used)
	})
}

// load lays out what a machine reads.
func (m *machines) load(a *answer, c *computed) {
	m.columns = m.columns[:0]
	for _, cell := range c.reads {
		m.columns = append(m.columns, &a.columns[cell])
	}
}

// share leaves one row of each key in what was laid out.
func (m *machines) share(same *sharing) {
	if len(same.rows) == len(same.nth) {
		return
	}
	for i, c := range m.columns {
		if i == len(m.picked) {
			m.picked = append(m.picked, nil)
		}
		if m.picked[i] == nil || m.picked[i].Type != c.Type {
			m.picked[i] = feature.NewColumn(c.Type, len(same.rows))
		}
		pick(m.picked[i], c, same.rows)
		m.columns[i] = m.picked[i]
	}
}

func (m *machines) loadEvents(v *ViewRows, rows []int32) {
	m.event.Reset()
	for _, row := range rows {
		switch feature.Status(v.Statuses[row]) {
		case feature.StatusPresent, feature.StatusStale:
			m.event.AppendInt64(int64(v.Events[row]))
		default:
			m.event.AppendNull()
		}
	}
}

// take copies results to their cells, with their statuses; same tells which of them a row
// takes, nil: its own. A row without a key takes none: a training set shows nulls there. An
// error wraps feature.ErrTooLarge: the rows would take more than so many bytes, and nothing
// was taken.
func (a *answer) take(m *machines, c *computed, results []derived.Result, use int, same *sharing, most int) error {
	for i := range results {
		if most -= sharedSize(results[i].Values, same); most < 0 {
			return feature.ErrTooLarge
		}
	}
	for i := range results {
		at, failures := c.from+i, 0
		r, n, column := &results[i], &c.needs[i], &a.columns[c.from+i]
		if column.Offsets != nil && column.Items == nil {
			column.Data = slices.Grow(column.Data, sharedSize(r.Values, same))
		}
		for row := range a.rows {
			from, status := row, feature.StatusNotFound
			if same != nil {
				from = int(same.nth[row])
			}
			if from >= 0 {
				status = a.rests(m, n, use, row)
			}
			switch {
			case status == feature.StatusUnavailable || status == feature.StatusError:
				m.barred[at*a.rows+row] = status
				column.AppendNull()
			case from < 0:
				column.AppendNull()
			case r.Failed != nil && r.Failed[from]:
				status = feature.StatusError
				failures++
				column.AppendNull()
			case r.Values.IsNull(from):
				column.AppendNull()
				if status == feature.StatusPresent || status == feature.StatusStale {
					status = feature.StatusNull
				}
			default:
				column.AppendFrom(r.Values, from)
				if status != feature.StatusStale {
					status = feature.StatusPresent
				}
			}
			a.statuses[at*a.rows+row] = byte(status)
			a.byStatus[status]++
		}
		if failures > 0 {
			a.plan.cells[at].failed.Add(float64(failures))
		}
	}
	return nil
}

// sharedSize gives the bytes of texts and lists that rows take of values, each its own.
func sharedSize(values *feature.Column, same *sharing) (size int) {
	if !varies(values.Type) {
		return 0
	}
	if same == nil {
		return values.Varying()
	}
	for _, n := range same.nth {
		if n >= 0 {
			size += bytesAt(values, int(n))
		}
	}
	return size
}

// rests gives the status that tells most of what a computed value rests on: that it
// can't be known, then that it may be out of date, then why it may be null.
func (a *answer) rests(m *machines, n *needs, use, row int) feature.Status {
	worst := feature.StatusPresent
	note := func(s feature.Status) {
		if weight(s) > weight(worst) {
			worst = s
		}
	}
	for _, cell := range n.cells {
		status := feature.Status(a.statuses[cell*a.rows+row])
		if a.plan.cells[cell].failed != nil && status == feature.StatusError {
			status = feature.StatusNull // what could not be computed is a null like any other
		}
		if why := m.barred[cell*a.rows+row]; why != feature.StatusUnset {
			status = why
		}
		note(status)
	}
	if n.event {
		note(feature.Status(a.views[use].Statuses[row]))
	}
	return worst
}

func weight(s feature.Status) int {
	switch s {
	case feature.StatusUnavailable:
		return 6
	case feature.StatusError:
		return 5
	case feature.StatusStale:
		return 4
	case feature.StatusNotFound:
		return 3
	case feature.StatusOutsideMaxAge:
		return 2
	case feature.StatusNull:
		return 1
	default:
		return 0
	}
}

package serving

import (
	"context"
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// answer is a response being put together, cell by cell of a plan.
type answer struct {
	plan     *plan
	rows     int
	time     feature.Time
	columns  []feature.Column // one a cell of the plan
	statuses []byte           // cell by cell of the plan, row by row
	views    []ViewRows       // nil where they were not asked for, and no expression reads them
	told     bool             // views were asked for
	machines *machines        // nil: nothing is computed, and there are no windows
	byStatus [feature.StatusError + 1]int

	damaged    int    // rows that could not be decoded
	damage     error  // of one of them
	damagedUse *use   // its use
	damagedKey []byte // and its key in the store
}

// newAnswer makes room for all values at once: one allocation per kind of value
// and not per feature.
func newAnswer(p *plan, rows int, t feature.Time, views bool) *answer {
	a := &answer{
		plan: p, rows: rows, time: t, told: views,
		columns: make([]feature.Column, len(p.cells)), statuses: make([]byte, len(p.cells)*rows),
	}
	a.makeRoom()
	if !views && !p.readsEvents() {
		return a
	}
	a.views = make([]ViewRows, len(p.uses))
	for i := range p.uses {
		a.views[i] = ViewRows{
			View: p.uses[i].view.ID(), Alias: p.uses[i].alias,
			Events: make([]feature.Time, rows), Statuses: make([]byte, rows),
		}
	}
	return a
}

func (a *answer) makeRoom() {
	p, rows := a.plan, a.rows
	room := func(kinds ...feature.Kind) (n int) {
		for _, k := range kinds {
			n += p.room[k]
		}
		return n * rows
	}
	valid := make([]bool, len(p.cells)*rows)
	bools := make([]bool, room(feature.Bool))
	int32s := make([]int32, room(feature.Int32, feature.Date))
	int64s := make([]int64, room(feature.Int64, feature.Timestamp))
	float32s := make([]float32, room(feature.Float32))
	float64s := make([]float64, room(feature.Float64))
	offsets := make([]int64, room(feature.String, feature.Bytes)+p.room[feature.String]+p.room[feature.Bytes])
	for i := range p.cells {
		c, t := &a.columns[i], p.cells[i].typ
		c.Type = t
		switch {
		case t.List:
			*c = *feature.NewColumn(t, rows)
		case t.Kind == feature.Bool:
			c.Bools = cut(&bools, rows)
		case t.Kind == feature.Int32, t.Kind == feature.Date:
			c.Int32s = cut(&int32s, rows)
		case t.Kind == feature.Int64, t.Kind == feature.Timestamp:
			c.Int64s = cut(&int64s, rows)
		case t.Kind == feature.Float32:
			c.Float32s = cut(&float32s, rows)
		case t.Kind == feature.Float64:
			c.Float64s = cut(&float64s, rows)
		default:
			c.Offsets = append(cut(&offsets, rows+1), 0)
		}
		c.Valid = cut(&valid, rows)
	}
}

// cut takes room for n values from the front of what is left.
func cut[T any](left *[]T, n int) []T {
	s := (*left)[:0:n]
	*left = (*left)[n:]
	return s
}

// fillAtOnce is how many rows are filled before fill looks at what they take, and at
// whether they are still wanted.
const fillAtOnce = 64

// fill appends one value to every cell of a use for each row. Where the use has windows,
// which may take long to answer, it ends early with the context's error, or with one that
// wraps feature.ErrTooLarge where texts and lists up to it take more bytes than a request may.
func (a *answer) fill(ctx context.Context, use int, state *markState, s *scratch, values [][]byte, unread []bool, room *allowance) error {
	u := &a.plan.uses[use]
	s.into = append(s.into[:0], make([]*feature.Column, u.storedLen)...)
	for i := u.from; i < u.to; i++ {
		if at := a.plan.cells[i].stored; at >= 0 {
			s.into[at] = &a.columns[i]
		}
	}
	f := filling{use: u, into: s.into, stale: state.stale(a.time, u.freshUntil)}
	if a.machines != nil {
		f.decoder = a.machines.decoders[use]
	}
	absent := feature.StatusUnavailable
	if state.absent() && !u.shortened {
		absent = feature.StatusNotFound
	}
	slots := s.slots[use*a.rows : (use+1)*a.rows]
	var same *sharing // nil without windows: a row is decoded as fast as it is copied
	if f.decoder != nil {
		same = s.same.of(slots, len(s.keys))
	}
	for row, slot := range slots {
		var status feature.Status
		var event feature.Time
		first := same.first(row)
		switch {
		case first < row:
			a.repeat(use, row, first)
		case slot < 0:
			status = feature.StatusNotFound
		case values == nil || unread != nil && unread[slot]:
			status = feature.StatusUnavailable
		case values[slot] != nil:
			status, event = a.decode(&f, values[slot], s.keys[slot], row)
		case absent == feature.StatusNotFound && f.decoder != nil:
			status = absent
			f.decoder.Empty(f.into)
		default:
			status = absent
		}
		if first == row {
			a.finish(&f, use, row, status, event)
		}
		if f.decoder != nil && (row+1)%fillAtOnce == 0 {
			if err := a.check(ctx, u, row+1, room); err != nil {
				return err
			}
		}
	}
	if a.views != nil {
		a.views[use].Watermark = state.Watermark
		if u.rowless {
			a.views[use].Events = nil
		}
	}
	if f.decoder == nil {
		return nil
	}
	return a.check(ctx, u, a.rows, room)
}

// check tells why a use, of which so many rows are filled, needs no further filling.
func (a *answer) check(ctx context.Context, u *use, rows int, room *allowance) error {
	if ctx.Err() != nil {
		return ended(ctx, fmt.Sprintf("the windows of view %s were merged, for %d of %d rows", u.view.ID(), rows, a.rows),
			"fewer rows, fewer or smaller sketches (count_distinct, quantile, top_k) in the view")
	}
	if !u.varies {
		return nil
	}
	switch fits, err := room.fit(ctx, a.sizeOf(0, u.to)); {
	case err != nil:
		return err
	case !fits:
		return a.tooManyBytes(room.most)
	}
	return nil
}

// ended is the error of a context that ended while an answer was made, with what would
// have taken less time.
func ended(ctx context.Context, while, less string) error {
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("serving: the request was given up while %s: %w", while, ctx.Err())
	}
	return fmt.Errorf("serving: the time of the request ended while %s: ask for %s, or give it more time (default_timeout, where the client sends no deadline): %w", while, less, ctx.Err())
}

func (a *answer) tooManyBytes(most int) error {
	return tooLarge("keys", "%d rows have texts and lists of more than %d bytes: split the request", a.rows, most)
}

// sizeOf gives the bytes of texts and lists in some cells.
func (a *answer) sizeOf(from, to int) (size int) {
	for i := from; i < to; i++ {
		size += a.columns[i].Varying()
	}
	return size
}

// filling is a use while its cells are filled.
type filling struct {
	*use
	into    []*feature.Column // of the layout's features
	decoder *online.Decoder   // nil: there are no windows
	stale   bool
}

// found is the status of a value that was found.
func (f *filling) found() feature.Status {
	if f.stale {
		return feature.StatusStale
	}
	return feature.StatusPresent
}

// decode reads a stored value. Only with PRESENT and STALE are values of columns
// appended, and with OUTSIDE_MAX_AGE those of windows.
func (a *answer) decode(f *filling, value, key []byte, row int) (feature.Status, feature.Time) {
	var stamp feature.Stamp
	var err error
	hasRow := true
	if f.decoder == nil {
		stamp, err = f.layout.Decode(value, f.into)
	} else {
		stamp, hasRow, err = f.decoder.Decode(value, a.time, f.into)
	}
	switch {
	case err != nil:
		a.damaged++
		a.damage, a.damagedUse, a.damagedKey = err, f.use, key
		return feature.StatusError, 0
	case hasRow && !f.view.Rule.Fresh(a.time, stamp.Event):
		for i := f.from; i < f.to; i++ {
			if !a.plan.cells[i].window {
				truncate(&a.columns[i], row)
			}
		}
		return feature.StatusOutsideMaxAge, stamp.Event
	default:
		return f.found(), stamp.Event
	}
}

// repeat gives a row what an earlier one with the same key of a use has.
func (a *answer) repeat(use, row, first int) {
	for i := a.plan.uses[use].from; i < a.plan.uses[use].to; i++ {
		a.columns[i].AppendFrom(&a.columns[i], first)
		status := a.statuses[i*a.rows+first]
		a.statuses[i*a.rows+row] = status
		a.byStatus[status]++
	}
	if a.views != nil {
		v := &a.views[use]
		v.Events[row], v.Statuses[row] = v.Events[first], v.Statuses[first]
	}
}

// finish gives a row of a use, and each cell of it, its status, and a null where decode
// appended no value.
func (a *answer) finish(f *filling, use, row int, rowStatus feature.Status, event feature.Time) {
	if a.views != nil {
		a.views[use].Events[row], a.views[use].Statuses[row] = event, byte(rowStatus)
	}
	for i := f.from; i < f.to; i++ {
		c, status := &a.columns[i], rowStatus
		if a.plan.cells[i].window && rowStatus == feature.StatusOutsideMaxAge {
			status = f.found()
		}
		switch {
		case a.plan.cells[i].stored < 0:
			status = feature.StatusUnavailable
			c.AppendNull()
		case c.Len() == row:
			c.AppendNull()
		case c.Type.Kind == feature.String && !isText(c, row):
			status = feature.StatusError
			truncate(c, row)
			c.AppendNull()
		case c.IsNull(row) && (status == feature.StatusPresent || status == feature.StatusStale):
			status = feature.StatusNull
		}
		a.statuses[i*a.rows+row] = byte(status)
		a.byStatus[status]++
	}
}

// isText tells whether a value of text, or of a list of it, can be sent as such.
func isText(c *feature.Column, row int) bool {
	if !c.Type.List {
		return utf8.Valid(c.Bytes(row))
	}
	for i := c.Offsets[row]; i < c.Offsets[row+1]; i++ {
		if !utf8.Valid(c.Items.Bytes(int(i))) {
			return false
		}
	}
	return true
}

// truncate takes away what was appended behind the first n values, if anything.
func truncate(c *feature.Column, n int) {
	if c.Len() <= n {
		return
	}
	if c.Valid != nil {
		c.Valid = c.Valid[:n]
	}
	if c.Offsets != nil {
		c.Offsets = c.Offsets[:n+1]
		if c.Items != nil {
			truncate(c.Items, int(c.Offsets[n]))
		} else {
			c.Data = c.Data[:c.Offsets[n]]
		}
		return
	}
	switch c.Type.Kind {
	case feature.Bool:
		c.Bools = c.Bools[:n]
	case feature.Int32, feature.Date:
		c.Int32s = c.Int32s[:n]
	case feature.Float32:
		c.Float32s = c.Float32s[:n]
	case feature.Float64:
		c.Float64s = c.Float64s[:n]
	default:
		c.Int64s = c.Int64s[:n]
	}
}

// response lays the outputs over the cells.
func (a *answer) response(m Matrix) *Response {
	p := a.plan
	r := &Response{
		Service: p.service, Revision: p.revision, Time: a.time, Rows: a.rows,
		Features: make([]Feature, len(p.outputs)),
	}
	if a.told {
		r.Views = a.views
	}
	for i, o := range p.outputs {
		f := &r.Features[i]
		f.Name, f.TypeText, f.View = o.name, o.typeText, o.use
		f.column = &a.columns[o.cell]
		f.Statuses = a.statuses[o.cell*a.rows : (o.cell+1)*a.rows : (o.cell+1)*a.rows]
		if m == NoMatrix {
			f.Values = f.column
		}
	}
	switch m {
	case Float64Matrix:
		r.Float64s = matrix[float64](a)
	case Float32Matrix:
		r.Float32s = matrix[float32](a)
	}
	return r
}

// matrix lays out the values row by row. Nulls are NaN.
func matrix[F float32 | float64](a *answer) []F {
	width := len(a.plan.outputs)
	m := make([]F, a.rows*width)
	for j, o := range a.plan.outputs {
		c := &a.columns[o.cell]
		for row := range a.rows {
			m[row*width+j] = number[F](c, row)
		}
	}
	return m
}

func number[F float32 | float64](c *feature.Column, i int) F {
	if c.IsNull(i) {
		return F(math.NaN())
	}
	switch c.Type.Kind {
	case feature.Bool:
		if c.Bools[i] {
			return 1
		}
		return 0
	case feature.Int32:
		return F(c.Int32s[i])
	case feature.Int64:
		return F(c.Int64s[i])
	case feature.Float32:
		return F(c.Float32s[i])
	default:
		return F(c.Float64s[i])
	}
}

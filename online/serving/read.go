package serving

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/rpc"
	"github.com/quiver-features/quiver/online"
)

// scratch is what a request needs while it is answered, and the next one again.
type scratch struct {
	buf     []byte            // the plan's name, then the distinct keys one after another
	ends    []int             // of each distinct key in buf
	keys    [][]byte          // the distinct keys
	slots   []int32           // use by use and row by row, the index into keys; -1: a null key
	table   []int32           // open addressing over the distinct keys; 0: free, else index + 1
	request []*feature.Column // the request's key columns in the plan's order
	columns []*feature.Column // those of one use
	into    []*feature.Column // of one use's layout, what Decode fills
	seed    maphash.Seed
	same    sharing
}

// maxKept is how many slots a scratch may have to be used again: a rare large
// request should not hold its memory for ever.
const maxKept = 1 << 16

// Get answers a request. The errors are *FieldError for what has to be changed,
// or wrap feature.ErrUnavailable (no definitions yet) or the context's error. A
// store that does not answer is none: see the package comment.
func (h *Handler) Get(ctx context.Context, r *Request) (response *Response, err error) {
	err = h.Answer(ctx, r, func(made *Response) error {
		response = made
		return nil
	})
	return response, err
}

// Answer is Get for transports: it calls encode with the response, if there is one. What
// encode takes is bounded over all requests, as what they compute is: see Options.MaxLarge.
// Between its parts it looks at whether ctx has ended, and gives up with its error then.
func (h *Handler) Answer(ctx context.Context, r *Request, encode func(*Response) error) error {
	room := h.newAllowance()
	defer room.release()
	response, err := h.answer(ctx, r, room)
	if err != nil {
		return err
	}
	err = encode(response)
	if err != nil && ctx.Err() != nil {
		return ended(ctx, "the answer was written", "fewer rows or features")
	}
	return err
}

func (h *Handler) answer(ctx context.Context, r *Request, room *allowance) (*Response, error) {
	if err := h.opts.check(r); err != nil {
		return nil, err
	}
	s := h.scratch.Get().(*scratch) //nolint:errcheck,forcetypeassert // nothing else is put there
	defer h.release(s)
	reading, cancel := h.storeContext(ctx)
	defer cancel()
	p, err := h.plan(ctx, reading, r, s)
	if err != nil {
		return nil, err
	}
	if p.service != "" {
		rpc.Describe(ctx, slog.String("service", p.service))
	} else {
		rpc.Describe(ctx, slog.Int("features", len(p.outputs)))
	}
	if r.ReadColumns != nil {
		if err := r.ReadColumns(p.keys, p.inputs); err != nil {
			return nil, err
		}
	}
	var rows int
	if s.request, rows, err = p.keyColumns(r, s.request); err != nil {
		return nil, err
	}
	inputs, rows, err := p.inputColumns(r, rows)
	if err != nil {
		return nil, err
	}
	rpc.Describe(ctx, slog.Int("rows", rows))
	if err := h.checkSize(p, r, rows); err != nil {
		return nil, err
	}
	p.buildKeys(s, rows)
	found, err := h.lookWithin(ctx, reading, p, s, rows, room)
	if err != nil {
		return nil, err
	}
	a := newAnswer(p, rows, found.time, r.EventTimestamps)
	if p.computes || p.tiled {
		a.machines, _ = p.machines.Get().(*machines)
		defer func() {
			if !room.taken { // machines keep a hold of what they computed last
				p.machines.Put(a.machines)
			}
		}()
	}
	for i := range p.uses {
		if err := a.fill(ctx, i, &found.states[i], s, found.values, found.unread, room); err != nil {
			return nil, err
		}
	}
	if err := h.compute(ctx, a, s, inputs, room); err != nil {
		return nil, err
	}
	h.tellDamage(ctx, a)
	h.count(p, rows, a)
	return a.response(r.Matrix), nil
}

func (h *Handler) release(s *scratch) {
	if len(s.slots) > maxKept || cap(s.buf) > maxKept*16 {
		return
	}
	clear(s.request)
	clear(s.columns)
	clear(s.into)
	h.scratch.Put(s)
}

func (h *Handler) checkSize(p *plan, r *Request, rows int) error {
	switch {
	case rows > h.opts.MaxRows:
		return tooLarge("keys", "%d rows, at most %d are allowed: split the request", rows, h.opts.MaxRows)
	case rows*len(p.outputs) > h.opts.MaxCells:
		return tooLarge("keys", "%d rows of %d features, at most %d cells are allowed: split the request", rows, len(p.outputs), h.opts.MaxCells)
	case r.Matrix != NoMatrix && p.noMatrix != "":
		return invalid("matrix", "%s can't stand in a matrix: only numbers and bools can", p.noMatrix)
	}
	return nil
}

// compute fills the cells that are computed, within the bytes that texts and lists may
// take.
func (h *Handler) compute(ctx context.Context, a *answer, s *scratch, inputs []*feature.Column, room *allowance) error {
	if !a.plan.computes {
		return nil
	}
	switch err := a.compute(ctx, a.machines, s, inputs, room); {
	case errors.Is(err, feature.ErrTooLarge):
		return a.tooManyBytes(h.opts.MaxBytes)
	case err != nil && room.late:
		return err
	case err != nil && errors.Is(err, ctx.Err()):
		return ended(ctx, "the features of "+a.plan.what()+" were computed", "fewer rows, or features of shorter texts and lists")
	case err != nil:
		return fmt.Errorf("serving: compute the features of %s: %w", a.plan.what(), err)
	}
	return nil
}

// found is what the store gave for the keys of a request, and what was known of the storages
// before.
type found struct {
	states []markState // of the uses
	time   feature.Time
	values [][]byte // nil: none could be read
	unread []bool   // those that could not be, nil: none
}

// look reads the values of a request's keys. The error is that of ctx: a store that does not
// answer is none.
func (h *Handler) look(ctx, reading context.Context, p *plan, s *scratch) (f found, err error) {
	f.states, f.time = p.states(h.opts.Clock())
	f.values, f.unread, err = h.read(ctx, reading, s.keys)
	if err != nil && ctx.Err() != nil {
		return found{}, fmt.Errorf("serving: read the online store: %w", ctx.Err())
	}
	return f, nil
}

// lookWithin is look within what texts and lists make of an answer, whose size no count of
// cells tells: a short request can ask for one large value in each of its rows. Those that
// wait for a place hold no values meanwhile, and read them again.
func (h *Handler) lookWithin(ctx, reading context.Context, p *plan, s *scratch, rows int, room *allowance) (found, error) {
	f, err := h.look(ctx, reading, p, s)
	if err != nil {
		return f, err
	}
	size := p.stored(s, rows, f.values)
	if size > room.bytes && size <= room.most && !room.take() {
		f = found{}
		if _, err := room.raise(ctx); err != nil {
			return f, err
		}
		again, cancel := h.storeContext(ctx)
		defer cancel()
		if f, err = h.look(ctx, again, p, s); err != nil {
			return f, err
		}
		size = p.stored(s, rows, f.values)
	}
	if size > room.most {
		return found{}, tooLarge("keys", "%d rows of values of %d bytes together, at most %d are allowed: split the request", rows, size, room.most)
	}
	return f, nil
}

// stored gives the bytes of the values that texts and lists are taken from, of each as often
// as it is delivered.
func (p *plan) stored(s *scratch, rows int, values [][]byte) (size int) {
	for i := range p.uses {
		if !p.uses[i].varies || values == nil || p.uses[i].layout.HasTiles() {
			continue // what is stored of windows is more than is delivered: see fill
		}
		for _, slot := range s.slots[i*rows : (i+1)*rows] {
			if slot >= 0 {
				size += len(values[slot])
			}
		}
	}
	return size
}

// states gives what is known of each use's storage, and the time of the request:
// now, but not before any of the watermarks.
func (p *plan) states(now feature.Time) ([]markState, feature.Time) {
	states := make([]markState, len(p.uses))
	for i := range p.uses {
		states[i] = *p.uses[i].mark.state.Load()
		if at, ok := states[i].At(); ok {
			now = max(now, at)
		}
	}
	return states, now
}

// buildKeys makes the distinct keys of all uses and rows.
func (p *plan) buildKeys(s *scratch, rows int) {
	total := len(p.uses) * rows
	s.prepare(total)
	for i := range p.uses {
		u := &p.uses[i]
		s.columns = s.columns[:0]
		for _, c := range u.columns {
			s.columns = append(s.columns, s.request[c])
		}
		for row := range rows {
			s.slots = append(s.slots, s.add(u, row))
		}
	}
	start := 0
	for _, end := range s.ends {
		s.keys = append(s.keys, s.buf[start:end:end])
		start = end
	}
}

// prepare empties the scratch for at most n keys.
func (s *scratch) prepare(n int) {
	s.buf, s.ends, s.keys, s.slots = s.buf[:0], s.ends[:0], s.keys[:0], s.slots[:0]
	size := 16
	for size < 2*n {
		size *= 2
	}
	if cap(s.table) < size {
		s.table = make([]int32, size)
		s.seed = maphash.MakeSeed()
	}
	s.table = s.table[:size]
	clear(s.table)
}

// add makes the key of a row of s.columns and gives its index, the same for equal
// keys; -1 where a join key is null.
func (s *scratch) add(u *use, row int) int32 {
	for _, c := range s.columns {
		if c.IsNull(row) {
			return -1
		}
	}
	start := len(s.buf)
	s.buf = u.layout.AppendKey(s.buf, s.columns, row)
	key := s.buf[start:]
	mask := len(s.table) - 1
	for at := int(maphash.Bytes(s.seed, key)) & mask; ; at = (at + 1) & mask {
		n := s.table[at]
		if n == 0 {
			s.ends = append(s.ends, len(s.buf))
			s.table[at] = int32(len(s.ends))
			return int32(len(s.ends) - 1)
		}
		if bytes.Equal(s.key(int(n)-1), key) {
			s.buf = s.buf[:start]
			return n - 1
		}
	}
}

func (s *scratch) key(i int) []byte {
	start := 0
	if i > 0 {
		start = s.ends[i-1]
	}
	return s.buf[start:s.ends[i]]
}

// read asks the store for all keys at once. Of those that are unread it knows nothing;
// without values that are all. The error is told already.
func (h *Handler) read(ctx, reading context.Context, keys [][]byte) (values [][]byte, unread []bool, err error) {
	if len(keys) == 0 {
		return nil, nil, nil
	}
	start := time.Now()
	values, err = h.store.Get(reading, keys)
	h.metrics.storeSeconds.Observe(time.Since(start).Seconds())
	if err == nil && len(values) != len(keys) {
		err = fmt.Errorf("the store gave %d values for %d keys: %w", len(values), len(keys), feature.ErrUnavailable)
	}
	if err != nil && ctx.Err() == nil {
		h.metrics.storeErrors.Inc()
		h.storeFailed(ctx, err)
	}
	var partial *online.PartialError
	switch {
	case err == nil:
		return values, nil, nil
	case !errors.As(err, &partial) || len(values) != len(keys):
		return nil, nil, err
	}
	unread = make([]bool, len(keys))
	for _, i := range partial.Unread {
		unread[i] = true
	}
	return values, unread, err
}

// storeContext bounds what a request asks of the store, the watermarks of a new plan and
// the values together, so that an eighth of what the request has left remains for
// answering without it.
func (h *Handler) storeContext(ctx context.Context) (context.Context, context.CancelFunc) {
	limit := h.opts.StoreTimeout
	if deadline, has := ctx.Deadline(); has {
		left := time.Until(deadline)
		limit = min(limit, left-left/8)
	}
	return context.WithTimeout(ctx, limit)
}

func (h *Handler) storeFailed(ctx context.Context, err error) {
	h.warn(ctx, &h.storeLogged, "the online store did not answer as it should", slog.Any("error", err))
}

// tellDamage counts and logs values that could not be decoded.
func (h *Handler) tellDamage(ctx context.Context, a *answer) {
	if a.damage == nil {
		return
	}
	h.metrics.damaged.Add(float64(a.damaged))
	h.warn(ctx, &h.damageLogged, "a stored value can't be read, and its features have the status ERROR",
		slog.Any("error", a.damage), slog.String("key", a.damagedUse.layout.KeyText(a.damagedKey)),
		slog.String("do", "quiver materialize --rebuild "+a.damagedUse.view.Name))
}

// warn logs at most once a second: a store that is down fails every request.
func (h *Handler) warn(ctx context.Context, logged *atomic.Int64, message string, attrs ...any) {
	now := time.Now().Unix()
	if last := logged.Load(); last != now && logged.CompareAndSwap(last, now) {
		h.opts.Log.WarnContext(ctx, message, attrs...)
	}
}

func (h *Handler) count(p *plan, rows int, a *answer) {
	p.requests.Inc()
	p.rows.Add(float64(rows))
	for s := feature.StatusPresent; s <= feature.StatusError; s++ {
		if n := a.byStatus[s]; n > 0 {
			h.metrics.cells[s].Add(float64(n))
		}
	}
}

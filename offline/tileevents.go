package offline

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

const (
	blockBits = 13
	blockRows = 1 << blockBits // events of a block
	// keysLeast is how few keys a part is cut down to, however many events they have:
	// then events go to builders, which hold tiles and not events.
	keysLeast = 64
)

// eventBlock is some events of a part's keys, column by column.
type eventBlock struct {
	keys    []uint32
	events  []int64
	more    []moreStamp // nil: stamps have event times only
	columns []*feature.Column
}

// tileEvents are the events of a part's keys. Workers add to them at once; where they
// become too many, the part is cut down to the first of its keys.
type tileEvents struct {
	t     *tiling
	keys  *tileKeys
	apart []stretch

	gate   sync.RWMutex // held for reading while a worker looks at a chunk
	limit  uint32       // keys from it on are left to the next part; changed under the gate
	mu     sync.Mutex   // of blocks
	blocks []*eventBlock
	held   atomic.Int64     // bytes in blocks
	seen   atomic.Int64     // bytes of all events of keys below limit, also of those that went to builders
	own    []*tiles.Builder // of the keys whose events went to builders; nil: of none
}

// eventWorker collects the events that a worker sees.
type eventWorker struct {
	*tileEvents
	span     span
	batch    keyBatch
	block    *eventBlock
	found    []uint32
	selected []int32
	visible  []feature.Time
}

func (e *tileEvents) worker(s span) *eventWorker {
	return &eventWorker{tileEvents: e, span: s, batch: keyBatch{seed: e.keys.seed}}
}

func (w *eventWorker) chunk(ctx context.Context, _ int, _ int64, c *chunk) error {
	w.gate.RLock()
	w.collect(c)
	w.gate.RUnlock()
	if w.held.Load() > w.t.budget {
		return w.cut(ctx)
	}
	return nil
}

// collect adds the events of a chunk that are in tiles that are brought.
func (w *eventWorker) collect(c *chunk) {
	w.selected, w.visible = c.selectRows(w.t.view.Rule, w.span, w.selected[:0], w.visible[:0])
	w.batch.load(c.keys, c.rows)
	w.found = w.found[:0]
	n := 0
	for _, i := range w.selected {
		key := w.keys.table.find(w.batch.words[i], w.batch.bytes(i))
		if key == 0 || key > w.limit || !w.keys.wants(w.t.groups, key-1, feature.Time(c.event.Int64s[i])) {
			continue
		}
		w.selected[n] = i
		w.found = append(w.found, key-1)
		n++
	}
	for rows, found := w.selected[:n], w.found; len(rows) > 0; {
		if w.block == nil {
			w.block = w.t.newBlock()
		}
		fits := min(blockRows-len(w.block.keys), len(rows))
		w.block.add(c, rows[:fits], found[:fits])
		rows, found = rows[fits:], found[fits:]
		if len(w.block.keys) == blockRows {
			w.seal()
		}
	}
}

// seal hands a block over.
func (w *eventWorker) seal() {
	if w.block == nil {
		return
	}
	size := w.block.bytes()
	w.held.Add(size)
	w.seen.Add(size)
	w.mu.Lock()
	w.blocks = append(w.blocks, w.block)
	w.mu.Unlock()
	w.block = nil
}

// flush hands over what is left.
func (w *eventWorker) flush() error {
	w.seal()
	return nil
}

func (t *tiling) newBlock() *eventBlock {
	b := &eventBlock{keys: make([]uint32, 0, blockRows), events: make([]int64, 0, blockRows)}
	for _, c := range t.columns {
		b.columns = append(b.columns, feature.NewColumn(c.Type, blockRows))
	}
	return b
}

func (b *eventBlock) add(c *chunk, rows []int32, found []uint32) {
	b.keys = append(b.keys, found...)
	for _, i := range rows {
		b.events = append(b.events, c.event.Int64s[i])
	}
	if c.created != nil || c.available != nil {
		for _, i := range rows {
			b.more = append(b.more, c.more(i))
		}
	}
	for n, column := range b.columns {
		appendRows(column, c.extra[n], rows)
	}
}

func (b *eventBlock) stamp(i int) feature.Stamp {
	s := feature.Stamp{Event: feature.Time(b.events[i])}
	if b.more != nil {
		m := &b.more[i]
		s.Created, s.HasCreated, s.Available = m.created, m.hasCreated, m.available
	}
	return s
}

// bytes gives what a block takes, with what its events take when they are put in order.
func (b *eventBlock) bytes() int64 {
	size := int64(blockRows*(4+8+4) + len(b.more)*24)
	for _, c := range b.columns {
		size += c.Size()
	}
	return size
}

// cut makes room: the part loses the last half of its keys, or, where it has few, the events
// go to builders.
func (e *tileEvents) cut(ctx context.Context) error {
	e.gate.Lock()
	defer e.gate.Unlock()
	if e.held.Load() <= e.t.budget {
		return nil // another worker was first
	}
	blocks := e.blocks
	e.blocks = nil
	e.held.Store(0)
	if e.limit <= keysLeast {
		return e.build(ctx, blocks)
	}
	e.limit = max(e.limit/2, keysLeast)
	e.seen.Store(0)
	w := e.worker(span{})
	for _, b := range blocks {
		w.keep(b, e.limit)
	}
	return w.flush()
}

// keep takes over the events of a block that are of keys below limit.
func (w *eventWorker) keep(b *eventBlock, limit uint32) {
	for i, key := range b.keys {
		if key >= limit {
			continue
		}
		if w.block == nil {
			w.block = w.t.newBlock()
		}
		to := w.block
		to.keys = append(to.keys, key)
		to.events = append(to.events, b.events[i])
		if b.more != nil {
			to.more = append(to.more, b.more[i])
		}
		for n, column := range to.columns {
			column.AppendFrom(b.columns[n], i)
		}
		if len(to.keys) == blockRows {
			w.seal()
		}
	}
}

// build adds events to the builders of their keys.
func (e *tileEvents) build(ctx context.Context, blocks []*eventBlock) error {
	if e.own == nil {
		e.own = make([]*tiles.Builder, e.limit)
	}
	order := orderEvents(blocks, int(e.limit))
	return each(ctx, int(e.limit), e.t.workers, func(_ context.Context, key int) error {
		if e.own[key] == nil {
			e.own[key] = e.t.plan.NewBuilder(e.t.pass.To)
			e.begin(e.own[key], uint32(key))
		}
		order.addTo(e.own[key], key)
		return nil
	})
}

// begin readies a builder for a key.
func (e *tileEvents) begin(b *tiles.Builder, key uint32) {
	whole := e.keys.whole[key]
	b.Reset(whole)
	for g := range e.keys.touched {
		if touched := e.keys.touched[g].of(key); !whole && len(touched) > 0 {
			b.Touch(g, touched)
		}
	}
}

// eventOrder is events by key: those of key k are refs[starts[k]:starts[k+1]], each a
// block and a row in it.
type eventOrder struct {
	blocks []*eventBlock
	starts []uint32
	refs   []uint32
}

func orderEvents(blocks []*eventBlock, keys int) *eventOrder {
	o := &eventOrder{blocks: blocks, starts: make([]uint32, keys+2)}
	for _, b := range blocks {
		for _, key := range b.keys {
			if int(key) < keys {
				o.starts[key+2]++
			}
		}
	}
	for k := 2; k < len(o.starts); k++ {
		o.starts[k] += o.starts[k-1]
	}
	o.refs = make([]uint32, o.starts[keys+1])
	for n, b := range blocks {
		for i, key := range b.keys {
			if int(key) < keys {
				at := &o.starts[key+1] // of the key's next event, and in the end of the next key's first
				o.refs[*at] = uint32(n)<<blockBits | uint32(i)
				*at++
			}
		}
	}
	return o
}

func (o *eventOrder) addTo(b *tiles.Builder, key int) {
	for _, ref := range o.refs[o.starts[key]:o.starts[key+1]] {
		block, i := o.blocks[ref>>blockBits], int(ref&(blockRows-1))
		b.Add(block.stamp(i), block.columns, i)
	}
}

// patches makes the patches of the keys from one to before another, as a column of bytes.
func (e *tileEvents) patches(ctx context.Context, o *eventOrder, from, to int) (*feature.Column, error) {
	const keysAtOnce = 256
	pieces := make([]*feature.Column, (to-from+keysAtOnce-1)/keysAtOnce)
	err := each(ctx, len(pieces), e.t.workers, func(_ context.Context, n int) error {
		shared := <-e.t.builders
		defer func() { e.t.builders <- shared }()
		first := from + n*keysAtOnce
		piece := feature.NewColumn(feature.Scalar(feature.Bytes), keysAtOnce)
		for key := first; key < min(first+keysAtOnce, to); key++ {
			b := shared
			if e.own != nil && e.own[key] != nil {
				b = e.own[key]
				e.own[key] = nil
			} else {
				e.begin(b, uint32(key))
			}
			o.addTo(b, key)
			piece.Data = b.Append(piece.Data)
			piece.Offsets = append(piece.Offsets, int64(len(piece.Data)))
		}
		pieces[n] = piece
		return nil
	})
	if err != nil {
		return nil, err
	}
	all := feature.NewColumn(feature.Scalar(feature.Bytes), to-from)
	for _, piece := range pieces {
		appendColumn(all, piece)
	}
	return all, nil
}

package offline

import (
	"math"
	"slices"
	"sync"
	"unsafe"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/aggregate"
	"github.com/quiver-features/quiver/offline/window"
)

// windowBatch is a worker's scratch: the rows of a batch whose keys are known.
type windowBatch struct {
	keys   []uint32
	events []feature.Time
	stamps []feature.Stamp
	words  []int64 // of the input whose values are in the offers
	values window.Values
	placed window.Batch
	done   *window.Part // whose memory may be used again; nil: there is none
}

// take adds the rows of a batch.
func (w *windowed) take(partition int, b *batch, p *windowBatch) {
	if part := w.place(partition, b, p); part != nil {
		part.Put(&p.placed)
	}
}

const (
	manyBatches  = 512 // of one partition: so many are added by two goroutines
	batchesAhead = 4   // that are placed while others are put
)

// takeLast adds the rows of a partition that still wait. Where these are many and may be late, which half of all are where one key
// has them, one goroutine places them while another one puts what is late: nothing else may be left to do.
func (w *windowed) takeLast(partition int, scratch *windowBatch) {
	batches := 0
	for _, rows := range w.waiting {
		batches += len(rows.full[partition])
	}
	if batches < manyBatches || !w.spec.Rule.Available {
		for _, rows := range w.waiting {
			rows.takeLast(partition, func(b *batch) { w.take(partition, b, scratch) })
		}
		return
	}
	part := w.part(partition, scratch)
	free, placed := make(chan *windowBatch, batchesAhead), make(chan *windowBatch, batchesAhead)
	for range batchesAhead {
		free <- new(windowBatch)
	}
	var late sync.WaitGroup
	late.Go(func() {
		for p := range placed {
			part.PutLate(&p.placed)
			free <- p
		}
	})
	for _, rows := range w.waiting {
		rows.takeLast(partition, func(b *batch) {
			p := <-free
			if w.place(partition, b, p) == nil {
				free <- p
				return
			}
			part.PutInCells(&p.placed)
			placed <- p
		})
	}
	close(placed)
	late.Wait()
}

// place finds what the rows of a batch change, and gives their part; nil: none is asked for.
func (w *windowed) place(partition int, b *batch, p *windowBatch) *window.Part {
	keys := w.slots.parts[partition].keys
	n := len(b.offers)
	p.keys, p.events, p.words, p.stamps = slices.Grow(p.keys[:0], n)[:n], slices.Grow(p.events[:0], n)[:n], slices.Grow(p.words[:0], n)[:n], p.stamps[:0]
	ordered, beside := len(b.more) > 0 && w.spec.Ordered(), b.hasBeside()
	n = 0
	for i := range b.offers {
		o := &b.offers[i]
		key := keys.find(o.word, b.key(i))
		if key == 0 {
			continue
		}
		if ordered {
			p.stamps = append(p.stamps, b.stamp(i))
		}
		if beside && n != i {
			b.keep(n, i)
		}
		p.keys[n], p.events[n], p.words[n] = key-1, o.time, o.row
		n++
	}
	if n == 0 {
		return nil
	}
	p.keys, p.events, p.words = p.keys[:n], p.events[:n], p.words[:n]
	visible := b.visible
	if len(visible) == 0 {
		visible = nil
	}
	p.values.Words, p.values.Texts, p.values.Null, p.values.Stamps = append(p.values.Words[:0], b.values.words...), b.values.texts, p.values.Null[:0], nil
	if in := w.inOffers(); in >= 0 {
		p.values.Words[in] = p.words
	}
	if ordered {
		p.values.Stamps = p.stamps
	}
	for _, null := range b.values.null {
		if len(null) == 0 {
			null = nil
		}
		p.values.Null = append(p.values.Null, null)
	}
	part := w.part(partition, p)
	part.Place(&p.placed, p.keys, p.events, visible, &p.values)
	return part
}

// inOffers gives the input whose values are in the rows' offers, the first one of words; -1: none.
func (w *windowed) inOffers() int {
	for i := range w.inputs {
		if w.words(i) {
			return i
		}
	}
	return -1
}

// words tells whether values of an input are read, and are words.
func (w *windowed) words(input int) bool {
	return w.inputs[input].column != "" && w.spec.Reads(input) && aggregate.IsWord(w.spec.Inputs[input].Type)
}

// values are the values of a batch's rows, by input. Of an input that counts rows
// words are nil, of one that is never null null is. Words of one input are in the offers.
type values struct {
	words   [][]int64
	texts   []window.Texts    // nil: no input has some
	columns []*feature.Column // of a chunk: in place of texts
	null    [][]bool
	made    [][]int64 // of a chunk: memory of words that do not stand in a column
}

// addText appends value i of a chunk's column, and tells how many bytes there are.
func (v *values) addText(input int, c *feature.Column, i int) int {
	t := &v.texts[input]
	from := uint32(len(t.Data))
	if !c.IsNull(i) {
		t.Data = aggregate.AppendValue(t.Data, c, i)
	}
	t.Ends = append(t.Ends, window.Ends{From: from, To: uint32(len(t.Data))})
	return len(t.Data)
}

// addNull notes whether value i of a chunk is null, for a batch that had n values; null is
// nil where none is. As long as none was null nothing is kept.
func (v *values) addNull(input, n int, null []bool, i int32) {
	own := v.null[input]
	if len(own) == 0 && (null == nil || !null[i]) {
		return
	}
	for len(own) < n {
		own = append(own, false)
	}
	v.null[input] = append(own, null != nil && null[i])
}

// hasBeside tells whether there is anything of rows beside their offers and stamps.
func (b *batch) hasBeside() bool {
	return len(b.visible) > 0 || slices.ContainsFunc(b.values.words, func(w []int64) bool { return w != nil }) ||
		len(b.values.texts) > 0 || slices.ContainsFunc(b.values.null, func(null []bool) bool { return len(null) > 0 })
}

// keep moves what there is of row from beside its offer to row to, which is earlier.
func (b *batch) keep(to, from int) {
	if len(b.visible) > 0 {
		b.visible[to] = b.visible[from]
	}
	for _, words := range b.values.words {
		if words != nil {
			words[to] = words[from]
		}
	}
	for i := range b.values.texts {
		if ends := b.values.texts[i].Ends; len(ends) > 0 {
			ends[to] = ends[from]
		}
	}
	for _, null := range b.values.null {
		if len(null) > 0 {
			null[to] = null[from]
		}
	}
}

func (v *values) reset() {
	for i := range v.words {
		if v.words[i] != nil {
			v.words[i] = v.words[i][:0]
		}
		if v.null[i] != nil {
			v.null[i] = v.null[i][:0]
		}
	}
	for i := range v.texts {
		v.texts[i].Data, v.texts[i].Ends = v.texts[i].Data[:0], v.texts[i].Ends[:0]
	}
}

// leftOut tells which rows an aggregate leaves out: those with a null value, and those for
// which the condition is false or null; nil: none. Both columns may be nil.
func leftOut(rows int, over, where *feature.Column) []bool {
	if where == nil && (over == nil || over.Valid == nil) {
		return nil
	}
	out := make([]bool, rows)
	if over != nil && over.Valid != nil {
		for n, valid := range over.Valid {
			out[n] = !valid
		}
	}
	if where != nil {
		for n, yes := range where.Bools {
			out[n] = out[n] || !yes || where.IsNull(n)
		}
	}
	return out
}

// wordsOf gives the values of a chunk's column as window.Values has them, where they stand
// or in memory of its own.
func (v *values) wordsOf(input int, c *feature.Column) []int64 {
	switch c.Type.Kind {
	case feature.Int64, feature.Timestamp:
		return c.Int64s
	case feature.Float64:
		return unsafe.Slice((*int64)(unsafe.Pointer(unsafe.SliceData(c.Float64s))), len(c.Float64s))
	}
	words := slices.Grow(v.made[input][:0], c.Len())
	switch c.Type.Kind {
	case feature.Float32:
		for _, f := range c.Float32s {
			words = append(words, int64(math.Float64bits(float64(f))))
		}
	case feature.Int32, feature.Date:
		for _, n := range c.Int32s {
			words = append(words, int64(n))
		}
	default:
		for _, yes := range c.Bools {
			word := int64(0)
			if yes {
				word = 1
			}
			words = append(words, word)
		}
	}
	v.made[input] = words
	return words
}

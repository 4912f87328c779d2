package offline

import (
	"unsafe"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/window"
)

// waiting are full batches of a scatter that wait until many of a partition can be
// taken one after the other: what these look up is then brought to a core's cache once,
// and not for each of them.
type waiting struct {
	full  [][]batch // by partition
	bytes int64     // of all that came since takeAll
	free  []batch   // were taken
}

func newWaiting(partitions int) *waiting { return &waiting{full: make([][]batch, partitions)} }

// keep takes over a batch and leaves one like it in its place, which is to be reset.
func (w *waiting) keep(partition int, b *batch) {
	w.full[partition] = append(w.full[partition], *b)
	w.bytes += b.bytes()
	if n := len(w.free); n > 0 {
		*b, w.free = w.free[n-1], w.free[:n-1]
		return
	}
	*b = b.like()
}

// keepAll takes over batches, one for each partition, for the last time.
func (w *waiting) keepAll(batches []batch) {
	for p, b := range batches {
		if len(b.offers) > 0 {
			w.full[p] = append(w.full[p], b)
			w.bytes += b.bytes()
		}
	}
}

// takeAll has the batches of all partitions taken, which are used again.
func (w *waiting) takeAll(take func(partition int, b *batch) error) error {
	for p, batches := range w.full {
		for i := range batches {
			if err := take(p, &batches[i]); err != nil {
				return err
			}
		}
		w.free = append(w.free, batches...)
		w.full[p] = batches[:0]
	}
	w.bytes = 0
	return nil
}

// takeLast has the batches of a partition taken for the last time. It may be called for
// several partitions at once.
func (w *waiting) takeLast(partition int, take func(b *batch)) {
	for i := range w.full[partition] {
		take(&w.full[partition][i])
	}
	w.full[partition] = nil
}

// bytes gives the bytes that a batch takes, about.
func (b *batch) bytes() int64 {
	n := offerBytes*len(b.offers) + 8*len(b.visible) + int(unsafe.Sizeof(moreStamp{}))*len(b.more) + len(b.data) + 8*len(b.ends)
	for i := range b.values.words {
		n += 8*len(b.values.words[i]) + len(b.values.null[i])
	}
	for i := range b.values.texts {
		n += len(b.values.texts[i].Data) + 8*len(b.values.texts[i].Ends)
	}
	return int64(n)
}

// like gives an empty batch with room for as many rows.
func (b *batch) like() batch {
	n := len(b.offers)
	o := batch{
		offers: make([]offer, 0, n), visible: make([]feature.Time, 0, len(b.visible)), more: make([]moreStamp, 0, len(b.more)),
		values: values{words: make([][]int64, len(b.values.words)), null: make([][]bool, len(b.values.null))},
	}
	for i, words := range b.values.words {
		if words != nil {
			o.values.words[i] = make([]int64, 0, len(words))
		}
	}
	if b.values.texts != nil {
		o.values.texts = make([]window.Texts, len(b.values.texts))
	}
	return o
}

package offline

import (
	"hash/maphash"
	"math/bits"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/window"
)

// Keys are partitioned by their hash, so that the tables, slots and boards of a
// partition fit the cache of a core.
const (
	partitionRows     = 8 << 10 // requests of a partition, about
	partitionsMost    = 1024
	partitionsUnknown = 64      // where the number of requests is not known
	scatteredAtOnce   = 4 << 20 // offers that wait in all batches of all workers of a scan; fewer where memory is bounded
	offerBytes        = 24
	batchMost         = 8 << 10
	batchLeast        = 128
	waitingMost       = 1 << 10   // offers of a batch that waits
	windowsAtOnce     = 640 << 20 // bytes of rows that wait for windows
	manyBytes         = 128 << 20 // of rows that waited, after which a collection pays
	keyBytes          = 64        // of a batch's keys and values that are text, per offer of its limit
	roomMost          = 1 << 26   // rows that are believed before they are seen
)

// partitionsFor gives the number of partitions for a number of requests, a power of two.
func partitionsFor(requests int64) int {
	if requests <= 0 {
		return partitionsUnknown
	}
	return 1 << bits.Len64(uint64(min((requests-1)/partitionRows, partitionsMost-1)))
}

// offer is a row on its way to its key's partition: of a view, by its position and
// event time, of a spine, by its number and time, or of windows, with a value.
type offer struct {
	word int64 // of the key, as keyBatch has it
	time feature.Time
	row  int64 // or the value's word
}

// batch is offers to one partition. What all rows of a scan lack is nil.
type batch struct {
	offers  []offer
	visible []feature.Time // nil: rows are visible from their event time
	more    []moreStamp    // nil: stamps have event times only
	data    []byte         // bytes of keys that are not their words, one behind the other
	ends    []int          // of each key in data; empty: words are the keys
	values  values         // of rows that aggregates are over
}

func (b *batch) reset() {
	b.offers, b.visible, b.more = b.offers[:0], b.visible[:0], b.more[:0]
	b.data, b.ends = b.data[:0], b.ends[:0]
	b.values.reset()
}

// addKey adds the bytes of the last offer's key, none where the word is the key.
func (b *batch) addKey(key []byte) {
	for len(b.ends)+1 < len(b.offers) { // those before it had none
		b.ends = append(b.ends, 0)
	}
	b.data = append(b.data, key...)
	b.ends = append(b.ends, len(b.data))
}

// key gives the bytes of the key of an offer, none where the word is the key.
func (b *batch) key(i int) []byte {
	switch {
	case len(b.ends) == 0:
		return nil
	case i == 0:
		return b.data[:b.ends[0]]
	}
	return b.data[b.ends[i-1]:b.ends[i]]
}

func (b *batch) visibleFrom(i int) feature.Time {
	if len(b.visible) == 0 {
		return b.offers[i].time
	}
	return b.visible[i]
}

func (b *batch) stamp(i int) feature.Stamp {
	s := feature.Stamp{Event: b.offers[i].time}
	if len(b.more) > 0 {
		m := &b.more[i]
		s.Created, s.HasCreated, s.Available = m.created, m.hasCreated, m.available
	}
	return s
}

// scatter collects a worker's rows by the partition of their key, and passes each
// batch on when it is full. It is used by one goroutine.
type scatter struct {
	shift    uint // a key's partition is the highest bits of its hash
	limit    int  // offers of a batch
	rule     feature.Rule
	apart    bool // rows are not visible from their event time
	stamps   bool // rows carry the rest of their stamps
	keys     keyBatch
	inOffers int    // of a scatter with values, the input whose words stand in offers; -1: none
	inputs   []int  // the others with words
	texts    []int  // those with texts
	nullable []int  // those that may be null
	nulls    bool   // a value was null
	values   values // of the chunk's rows
	batches  []batch
	take     func(partition int, b *batch) error // the batch is used again when it returns
}

// newScatter makes a scatter over a number of partitions, a power of two. Texts and
// composite keys are hashed by the seed.
func newScatter(partitions, limit int, rule feature.Rule, seed maphash.Seed, take func(int, *batch) error) *scatter {
	return &scatter{
		shift: uint(65 - bits.Len(uint(partitions))), limit: limit, rule: rule,
		keys: keyBatch{seed: seed}, batches: make([]batch, partitions), take: take, inOffers: -1,
		apart: rule.Delay != 0 || rule.Available, stamps: rule.Created || rule.Available,
	}
}

// withValues has rows carry the values of a view's inputs that are read, and of their times what
// these go by. Their position is not told.
func (s *scatter) withValues(w *windowed) {
	s.inOffers = w.inOffers()
	s.stamps = s.stamps && w.spec.Ordered()
	for i, in := range w.inputs {
		switch {
		case i == s.inOffers || in.column == "" || !w.spec.Reads(i):
		case w.words(i):
			s.inputs = append(s.inputs, i)
		default:
			s.texts = append(s.texts, i)
		}
		if in.column != "" || in.where != "" {
			s.nullable = append(s.nullable, i)
		}
	}
	for i := range s.batches {
		v := values{words: make([][]int64, len(w.inputs)), null: make([][]bool, len(w.inputs))}
		if len(s.texts) > 0 {
			v.texts = make([]window.Texts, len(w.inputs))
		}
		s.batches[i].values = v
	}
}

// batchLimit gives the size of the batches of each of a number of workers.
func (e *Engine) batchLimit(partitions, workers int) int {
	return int(min(max(e.scattered/int64(partitions*workers), batchLeast), batchMost))
}

// add scatters the selected rows of a chunk, whose first row is at position base.
// visible tells where each of them is first visible.
func (s *scatter) add(keys []*feature.Column, c *chunk, base int64, selected []int32, visible []feature.Time) error {
	s.keys.load(keys, c.rows)
	switch {
	case !s.keys.long && !s.apart && !s.stamps && len(s.nullable) == 0:
		return s.addPlain(c, base, selected)
	case !s.keys.long && !s.stamps && s.inOffers >= 0 && s.values.null[s.inOffers] == nil && len(s.nullable) == 1:
		return s.addValues(c, selected, visible)
	}
	for _, in := range s.nullable {
		s.nulls = s.nulls || s.values.null[in] != nil
	}
	for n, i := range selected {
		word := s.keys.words[i]
		partition := mix(word) >> s.shift
		b := &s.batches[partition]
		row := base + int64(i)
		if s.inOffers >= 0 {
			row = s.values.words[s.inOffers][i]
		}
		b.offers = append(b.offers, offer{word, feature.Time(c.event.Int64s[i]), row})
		if s.apart {
			b.visible = append(b.visible, visible[n])
		}
		if s.stamps {
			b.more = append(b.more, c.more(i))
		}
		if key := s.keys.bytes(i); key != nil || len(b.ends) > 0 {
			b.addKey(key)
		}
		for _, in := range s.inputs {
			b.values.words[in] = append(b.values.words[in], s.values.words[in][i])
		}
		for _, in := range s.nullable {
			b.values.addNull(in, len(b.offers)-1, s.values.null[in], i)
		}
		bytes := len(b.data)
		for _, in := range s.texts {
			bytes += b.values.addText(in, s.values.columns[in], int(i))
		}
		if len(b.offers) >= s.limit || bytes > s.limit*keyBytes {
			if err := s.pass(int(partition)); err != nil {
				return err
			}
		}
	}
	return nil
}

// addPlain is add for rows of which there is nothing to be told but key, event time
// and position, which is most of them.
func (s *scatter) addPlain(c *chunk, base int64, selected []int32) error {
	words, events, shift, batches, limit := s.keys.words, c.event.Int64s, s.shift, s.batches, s.limit
	for _, i := range selected {
		partition := mix(words[i]) >> shift
		b := &batches[partition]
		b.offers = append(b.offers, offer{words[i], feature.Time(events[i]), base + int64(i)})
		if len(b.offers) >= limit {
			if err := s.pass(int(partition)); err != nil {
				return err
			}
		}
	}
	return nil
}

// addValues is addPlain for rows with one value that is never null, which is most of
// those that aggregates are over. Where a row stands does not matter to them.
func (s *scatter) addValues(c *chunk, selected []int32, visible []feature.Time) error {
	words, events, shift, batches, limit := s.keys.words, c.event.Int64s, s.shift, s.batches, s.limit
	in := s.inOffers
	values := s.values.words[in]
	for n, i := range selected {
		partition := mix(words[i]) >> shift
		b := &batches[partition]
		b.offers = append(b.offers, offer{words[i], feature.Time(events[i]), values[i]})
		if s.apart {
			b.visible = append(b.visible, visible[n])
		}
		if s.nulls {
			if null := b.values.null[in]; len(null) > 0 {
				b.values.null[in] = append(null, false)
			}
		}
		if len(b.offers) >= limit {
			if err := s.pass(int(partition)); err != nil {
				return err
			}
		}
	}
	return nil
}

// expect makes room for a number of rows, some of them more in a partition than in others.
func (s *scatter) expect(rows int64) {
	each := int(min(rows, roomMost)) / len(s.batches)
	for i := range s.batches {
		s.batches[i].offers = make([]offer, 0, min(each+each/8, s.limit))
	}
}

// pass passes on a batch that is full, and will fill up again.
func (s *scatter) pass(partition int) error {
	b := &s.batches[partition]
	err := s.take(partition, b)
	b.reset()
	if cap(b.offers) < s.limit {
		b.offers = make([]offer, 0, s.limit)
	}
	return err
}

// flush passes on what is left.
func (s *scatter) flush() error {
	for p := range s.batches {
		if b := &s.batches[p]; len(b.offers) > 0 {
			err := s.take(p, b)
			b.reset()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

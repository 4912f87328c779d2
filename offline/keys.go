package offline

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/bits"

	"github.com/quiver-features/quiver/feature"
)

// keyBatch is the keys of a chunk of rows in the form that scatter and keyTable take: one
// word a row, which is the key itself where it is a single number, boolean or
// time, or has few bytes, and a hash of its bytes otherwise. Rows with a null in a key
// hold anything: they are not looked up.
type keyBatch struct {
	seed    maphash.Seed
	exact   bool    // the word is the key, of all rows
	words   []int64 // may alias the columns
	data    []byte  // bytes of key i are data[offsets[i]:offsets[i+1]]; may alias
	offsets []int64
	short   int64 // keys of as many bytes or fewer are their words
	long    bool  // a key of this chunk or an earlier one has more

	wordScratch   []int64
	dataScratch   []byte
	offsetScratch []int64
}

// exactKeys tells whether words are the keys themselves.
func exactKeys(types []feature.Type) bool {
	if len(types) == 0 {
		return true // a global view: one key, the word 0
	}
	return len(types) == 1 && types[0].Kind != feature.String && types[0].Kind != feature.Bytes
}

// load takes the keys of n rows. Integer columns may have any width.
func (b *keyBatch) load(columns []*feature.Column, n int) {
	switch {
	case len(columns) == 0:
		b.exact = true
		b.words = b.fresh(n)
		clear(b.words)
	case len(columns) == 1 && columns[0].Offsets != nil:
		b.exact = false
		b.data, b.offsets, b.short = columns[0].Data, columns[0].Offsets, 7
		b.toWords(n)
	case len(columns) == 1:
		b.exact = true
		b.loadWords(columns[0], n)
	default:
		b.exact = false
		b.encode(columns, n)
		b.short = 8
		b.toWords(n)
	}
}

func (b *keyBatch) fresh(n int) []int64 {
	if cap(b.wordScratch) < n {
		b.wordScratch = make([]int64, n)
	}
	return b.wordScratch[:n]
}

func (b *keyBatch) loadWords(c *feature.Column, n int) {
	switch c.Type.Kind {
	case feature.Int64, feature.Timestamp:
		b.words = c.Int64s
		return
	case feature.Int32, feature.Date:
		b.words = b.fresh(n)
		for i, v := range c.Int32s {
			b.words[i] = int64(v)
		}
	default:
		b.words = b.fresh(n)
		for i, v := range c.Bools {
			b.words[i] = 0
			if v {
				b.words[i] = 1
			}
		}
	}
}

// encode writes composite keys so that no two differ only in where one part ends, and
// none is the beginning of another: numbers in as many bytes as they need, whatever
// their width; text with its length before it.
func (b *keyBatch) encode(columns []*feature.Column, n int) {
	data, offsets := b.dataScratch[:0], b.offsetScratch[:0]
	offsets = append(offsets, 0)
	for i := range n {
		for _, c := range columns {
			switch c.Type.Kind {
			case feature.String, feature.Bytes:
				v := c.Bytes(i)
				data = binary.AppendUvarint(data, uint64(len(v)))
				data = append(data, v...)
			case feature.Int64, feature.Timestamp:
				data = binary.AppendVarint(data, c.Int64s[i])
			case feature.Int32, feature.Date:
				data = binary.AppendVarint(data, int64(c.Int32s[i]))
			default:
				if c.Bools[i] {
					data = append(data, 1)
				} else {
					data = append(data, 0)
				}
			}
		}
		offsets = append(offsets, int64(len(data)))
	}
	b.dataScratch, b.offsetScratch = data, offsets
	b.data, b.offsets = data, offsets
}

// toWords makes the words of keys that are bytes. A short one's is its bytes, with zeros
// behind them: of composite keys these tell where they end; behind a single text stands
// its length. Words of short and of long keys may be equal: what tells them apart is that
// the bytes of the short ones are left out.
func (b *keyBatch) toWords(n int) {
	b.words = b.fresh(n)
	for i := range b.words {
		from, to := b.offsets[i], b.offsets[i+1]
		if to-from > b.short {
			b.long = true
			b.words[i] = int64(maphash.Bytes(b.seed, b.data[from:to]))
			continue
		}
		word := padded(b.data, from, to)
		if b.short < 8 {
			word |= uint64(to-from) << 56
		}
		b.words[i] = int64(word)
	}
}

// padded gives up to eight bytes as a number, the first in its lowest bits.
func padded(data []byte, from, to int64) uint64 {
	if from+8 <= int64(len(data)) {
		return binary.LittleEndian.Uint64(data[from:]) & (1<<(8*uint(to-from)) - 1)
	}
	word := uint64(0)
	for i := to - 1; i >= from; i-- {
		word = word<<8 | uint64(data[i])
	}
	return word
}

// bytes gives the bytes of key i, nil where its word is the key.
func (b *keyBatch) bytes(i int32) []byte {
	if b.exact || b.offsets[i+1]-b.offsets[i] <= b.short {
		return nil
	}
	return b.data[b.offsets[i]:b.offsets[i+1]]
}

// keyTable gives distinct keys dense numbers from 0, in the order in which they
// come. It is a hash table with open addressing.
type keyTable struct {
	exact   bool       // words are the keys
	entries []keyEntry // a power of two, at most half of them in use
	n       int
	data    []byte // where keys are not exact: the bytes of key i, without those of short ones
	offsets []int64
}

type keyEntry struct {
	word int64
	id   uint32 // 1 + the key's number; 0: free
}

func newKeyTable(exact bool) *keyTable {
	return &keyTable{exact: exact, entries: make([]keyEntry, 64), offsets: []int64{0}}
}

// mix spreads a word over all bits. Words that are keys may follow any pattern.
func mix(word int64) uint64 {
	hi, lo := bits.Mul64(uint64(word)^0x9e3779b97f4a7c15, 0xd6e8feb86659fd93)
	return hi ^ lo
}

// put gives the number of a key, a new one where it is new. key is its bytes, empty
// where the word is the key.
func (t *keyTable) put(word int64, key []byte) uint32 {
	if 2*(t.n+1) > len(t.entries) {
		t.grow()
	}
	mask := uint64(len(t.entries) - 1)
	for at := mix(word) & mask; ; at = (at + 1) & mask {
		e := &t.entries[at]
		if e.id == 0 {
			t.n++
			*e = keyEntry{word, uint32(t.n)}
			if !t.exact {
				t.data = append(t.data, key...)
				t.offsets = append(t.offsets, int64(len(t.data)))
			}
			return e.id - 1
		}
		if e.word == word && (t.exact || t.same(e.id-1, key)) {
			return e.id - 1
		}
	}
}

// find gives 1 + the number of a key, or 0 where it is unknown.
func (t *keyTable) find(word int64, key []byte) uint32 {
	mask := uint64(len(t.entries) - 1)
	for at := mix(word) & mask; ; at = (at + 1) & mask {
		e := &t.entries[at]
		if e.id == 0 || e.word == word && (t.exact || t.same(e.id-1, key)) {
			return e.id
		}
	}
}

func (t *keyTable) same(id uint32, key []byte) bool {
	return bytes.Equal(t.data[t.offsets[id]:t.offsets[id+1]], key)
}

func (t *keyTable) grow() {
	old := t.entries
	t.entries = make([]keyEntry, 2*len(old))
	mask := uint64(len(t.entries) - 1)
	for _, e := range old {
		if e.id == 0 {
			continue
		}
		at := mix(e.word) & mask
		for t.entries[at].id != 0 {
			at = (at + 1) & mask
		}
		t.entries[at] = e
	}
}

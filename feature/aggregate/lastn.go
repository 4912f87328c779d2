package aggregate

import (
	"bytes"
	"slices"
	"sort"
	"unsafe"

	"github.com/quiver-features/quiver/feature"
)

// LastN keeps the n latest of the values that were added, each with the stamp of its row:
// by stamp (event, created with null first, available), then by value. Rows that tie in
// all of that all count. A FirstN, made by NewFirstN, keeps the n earliest instead.
// It has no inverse. The state is a function of the multiset of (stamp, value). It owns its
// memory and is not copied by assignment; the zero value keeps nothing.
type LastN struct {
	n     int
	first bool
	// buf[from:] is what is kept, the best last. What was dropped stands before
	// it, so that what comes in order costs no move.
	buf  []Entry
	from int
}

// Entry is a value of a LastN: its row's stamp and the value as AppendValue encodes it.
type Entry struct {
	Stamp feature.Stamp
	Value []byte
}

// Compare orders entries by stamp, then by value.
func (e *Entry) Compare(o *Entry) int {
	if c := e.Stamp.Compare(o.Stamp); c != 0 {
		return c
	}
	return bytes.Compare(e.Value, o.Value)
}

// NewLastN makes a state of the n latest values, n being from 1 to feature.MaxLastN.
func NewLastN(n int) *LastN { return &LastN{n: n} }

// NewFirstN makes a state of the n earliest values, n being from 1 to feature.MaxLastN.
func NewFirstN(n int) *LastN { return &LastN{n: n, first: true} }

// Len is the number of values that are kept, at most n.
func (l *LastN) Len() int { return len(l.buf) - l.from }

// At gives entry i, from 0: of the latest values the latest first, of the earliest the
// earliest first. Its value is valid until the state changes.
func (l *LastN) At(i int) Entry { return l.buf[len(l.buf)-1-i] }

// Memory gives the bytes that it takes beside itself.
func (l *LastN) Memory() int64 {
	n := int64(cap(l.buf)) * int64(unsafe.Sizeof(Entry{}))
	for i := range l.buf[l.from:] {
		n += int64(cap(l.buf[l.from+i].Value))
	}
	return n
}

// Reset makes it that of no values and keeps n.
func (l *LastN) Reset() { *l = LastN{n: l.n, first: l.first} }

// compare compares by what is kept longer: a positive number where (s, v) is kept and e is not.
func (l *LastN) compare(s feature.Stamp, v []byte, e *Entry) int {
	c := (&Entry{s, v}).Compare(e)
	if l.first {
		return -c
	}
	return c
}

// Add adds a copy of a value as AppendValue encodes it, with its row's stamp.
func (l *LastN) Add(s feature.Stamp, v []byte) { l.add(s, v) }

// add tells whether the value is kept.
func (l *LastN) add(s feature.Stamp, v []byte) bool {
	if !s.HasCreated {
		s.Created = 0
	}
	live := l.buf[l.from:]
	full := len(live) >= l.n
	if full && (l.n == 0 || l.compare(s, v, &live[0]) <= 0) {
		return false
	}
	// Most values come last.
	at := len(live)
	if at > 0 && l.compare(s, v, &live[at-1]) < 0 {
		at = sort.Search(at-1, func(i int) bool { return l.compare(s, v, &live[i]) < 0 })
	}
	var memory []byte
	if full {
		memory, live[0].Value = live[0].Value[:0], nil
		l.from++
		at--
	}
	if len(l.buf) == cap(l.buf) {
		l.makeRoom()
	}
	l.buf = slices.Insert(l.buf, l.from+at, Entry{s, append(memory, v...)})
	return true
}

// makeRoom makes room behind what is kept: by more memory, for up to twice n, or by
// moving what is kept to the front, which is due once in n drops.
func (l *LastN) makeRoom() {
	if cap(l.buf) < 2*l.n {
		buf := make([]Entry, l.Len(), min(max(2, 2*len(l.buf)), 2*l.n))
		copy(buf, l.buf[l.from:])
		l.buf, l.from = buf, 0
		return
	}
	kept := copy(l.buf, l.buf[l.from:])
	clear(l.buf[kept:])
	l.buf, l.from = l.buf[:kept], 0
}

// Merge adds all that was added to o, which keeps as many of the same end.
func (l *LastN) Merge(o *LastN) {
	entries := o.buf[o.from:]
	if o == l {
		entries = slices.Clone(entries)
		for i := range entries {
			entries[i].Value = slices.Clone(entries[i].Value)
		}
	}
	// The best first: after the first that is not kept none is.
	for i := len(entries) - 1; i >= 0; i-- {
		if !l.add(entries[i].Stamp, entries[i].Value) {
			return
		}
	}
}

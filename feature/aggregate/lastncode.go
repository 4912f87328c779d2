package aggregate

import (
	"encoding/binary"
	"math"

	"github.com/quiver-features/quiver/feature"
)

// Bits of the byte behind the number of entries.
const (
	someCreated   = 1 << 0 // an entry has a created timestamp
	someAvailable = 1 << 1 // an entry's available timestamp is not zero
)

// Append appends the encoding: the number of entries; unless it is zero, a byte that says
// whether there are created (bit 0) and available timestamps (bit 1). Then for each
// entry, as At gives them: the event timestamp, of the first entry as zigzag, of a further
// one as its distance from the one before; the length of the value, with created
// timestamps twice that, plus 1 where this entry has one; the value; then
// the created and the available timestamp less the event's (zigzag), where they are
// there. All numbers are varints; differences wrap around.
func (l *LastN) Append(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(l.Len()))
	if l.Len() == 0 {
		return dst
	}
	flags := byte(0)
	for _, e := range l.buf[l.from:] {
		if e.Stamp.HasCreated {
			flags |= someCreated
		}
		if e.Stamp.Available != 0 {
			flags |= someAvailable
		}
	}
	dst = append(dst, flags)
	for i := range l.Len() {
		e := l.At(i)
		event := e.Stamp.Event
		if i == 0 {
			dst = binary.AppendUvarint(dst, zigzag(int64(event)))
		} else {
			dst = binary.AppendUvarint(dst, l.distance(l.At(i-1).Stamp.Event, event))
		}
		size := uint64(len(e.Value))
		if flags&someCreated != 0 {
			size <<= 1
			if e.Stamp.HasCreated {
				size |= 1
			}
		}
		dst = binary.AppendUvarint(dst, size)
		dst = append(dst, e.Value...)
		if e.Stamp.HasCreated {
			dst = binary.AppendUvarint(dst, zigzag(int64(e.Stamp.Created-event)))
		}
		if flags&someAvailable != 0 {
			dst = binary.AppendUvarint(dst, zigzag(int64(e.Stamp.Available-event)))
		}
	}
	return dst
}

// distance is how far an event is from the one before it in the order of At.
func (l *LastN) distance(before, event feature.Time) uint64 {
	if l.first {
		return uint64(event) - uint64(before)
	}
	return uint64(before) - uint64(event)
}

// LastNMaxBytes is no less than the length of the longest encoding of n entries with
// values of at most valueBytes when encoded. created and available say whether the
// source names these timestamps.
func LastNMaxBytes(n, valueBytes int, created, available bool) int {
	entry := binary.MaxVarintLen64 + uvarintLen(uint64(valueBytes)<<1|1) + valueBytes
	if created {
		entry += binary.MaxVarintLen64
	}
	if available {
		entry += binary.MaxVarintLen64
	}
	return uvarintLen(uint64(n)) + 1 + n*entry
}

// ReadLastN cuts the state of the n latest values from the front of b. It copies. More
// than n entries are an error.
func ReadLastN(b []byte, n int) (l LastN, rest []byte, err error) {
	return readLastN(b, LastN{n: n})
}

// ReadFirstN cuts the state of the n earliest values from the front of b. It copies. More
// than n entries are an error.
func ReadFirstN(b []byte, n int) (l LastN, rest []byte, err error) {
	return readLastN(b, LastN{n: n, first: true})
}

func readLastN(b []byte, l LastN) (LastN, []byte, error) {
	n, b, err := cutUvarint(b, uint64(l.n), "a number of values")
	if err != nil || n == 0 {
		return l, b, err
	}
	// An entry takes two bytes at least.
	if len(b) == 0 || b[0] > someCreated|someAvailable || uint64(len(b)) < 1+2*n {
		return LastN{}, nil, damaged("latest values have bad flags, or end too early")
	}
	flags, b := b[0], b[1:]
	l.buf = make([]Entry, n)
	size, seen := 0, byte(0)
	for i := range l.buf {
		if b, err = l.cutEntry(b, i, flags); err != nil {
			return LastN{}, nil, err
		}
		e := l.At(i)
		size += len(e.Value)
		if e.Stamp.HasCreated {
			seen |= someCreated
		}
		if e.Stamp.Available != 0 {
			seen |= someAvailable
		}
	}
	if seen != flags {
		return LastN{}, nil, damaged("latest values announce timestamps that they have not")
	}
	// One copy for all values.
	memory := make([]byte, 0, size)
	for i := range l.buf {
		e := &l.buf[i]
		at := len(memory)
		memory = append(memory, e.Value...)
		e.Value = memory[at:len(memory):len(memory)]
	}
	return l, b, nil
}

// cutEntry cuts the entry that will be At(i). Its value aliases b.
func (l *LastN) cutEntry(b []byte, i int, flags byte) (rest []byte, err error) {
	e := &l.buf[len(l.buf)-1-i]
	event, b, err := cutUvarint(b, math.MaxUint64, "an event timestamp")
	if err != nil {
		return nil, err
	}
	if i == 0 {
		e.Stamp.Event = feature.Time(unzigzag(event))
	} else {
		before := l.At(i - 1).Stamp.Event
		if l.first {
			e.Stamp.Event = before + feature.Time(event)
		} else {
			e.Stamp.Event = before - feature.Time(event)
		}
		if event != 0 && (e.Stamp.Event > before) != l.first {
			return nil, damaged("an event timestamp is out of range")
		}
	}
	size, b, err := cutUvarint(b, 1<<62, "the length of a value")
	if err != nil {
		return nil, err
	}
	if flags&someCreated != 0 {
		e.Stamp.HasCreated = size&1 != 0
		size >>= 1
	}
	if size > uint64(len(b)) {
		return nil, damaged("a value ends too early")
	}
	e.Value, b = b[:size], b[size:]
	if e.Stamp.HasCreated {
		if e.Stamp.Created, b, err = cutOffset(b, e.Stamp.Event); err != nil {
			return nil, err
		}
	}
	if flags&someAvailable != 0 {
		if e.Stamp.Available, b, err = cutOffset(b, e.Stamp.Event); err != nil {
			return nil, err
		}
	}
	if i > 0 {
		if before := l.At(i - 1); l.compare(e.Stamp, e.Value, &before) > 0 {
			return nil, damaged("latest values are not in order")
		}
	}
	return b, nil
}

// cutOffset cuts a time that is written as its distance from another one.
func cutOffset(b []byte, from feature.Time) (at feature.Time, rest []byte, err error) {
	v, b, err := cutUvarint(b, math.MaxUint64, "a timestamp")
	return from + feature.Time(unzigzag(v)), b, err
}

package online

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

// A value of format 2, of a view with windowed aggregates, is
//
//	format      1 byte, 2
//	layout      1 byte, a checksum of the storage's features and times
//	to          8 bytes: the time that a run computed it for
//	run         8 bytes, big-endian: the run's number
//	row         unsigned varint length, and what a value of format 1 has from the stamp on, of
//	            the column features; of length 0 where there is none
//	tiles       as package tiles encodes them
//
// to is written as the times of stamps are. As in format 1, nothing else is allowed.
//
// Of a key's values no two have the same to and run: a run writes a key once.
const headLen = headerLen + 2*timeLen

// HeadLen is how many of a value's first bytes tell it from all other values of its key,
// where the layout has tiles.
const HeadLen = headLen

// planTiles says how a view's aggregates are kept.
func (l *Layout) planTiles(storage *feature.Storage) error {
	plan, err := tiles.NewPlan(l.features, l.rule)
	if err != nil {
		return fmt.Errorf("online: view %s: %w", l.view, err)
	}
	l.plan = plan
	columns := *storage
	columns.Features = nil
	for i, f := range l.features {
		if f.Aggregate == nil {
			columns.Features, l.at = append(columns.Features, f), append(l.at, i)
		}
	}
	if len(columns.Features) > 0 {
		l.column, err = NewLayout(&columns)
	}
	return err
}

// HasTiles tells whether the view has windowed aggregates: values are of format 2, and are
// merged instead of put.
func (l *Layout) HasTiles() bool { return l.plan != nil }

// origin is who wrote a value of format 2.
type origin struct {
	to  feature.Time
	run int64
}

// cutTiles cuts a value of format 2 into its parts.
func (l *Layout) cutTiles(value []byte) (from origin, row, section []byte, err error) {
	if err := l.checkHead(value, formatTiles, headLen+2); err != nil {
		return origin{}, nil, nil, err
	}
	from = origin{readTime(value[headerLen:]), int64(binary.BigEndian.Uint64(value[headerLen+timeLen:]))}
	row, section, ok := cutSized(value[headLen:])
	if !ok {
		return origin{}, nil, nil, l.malformed("it ends within its row")
	}
	if (len(row) > 0) != (l.column != nil) {
		return origin{}, nil, nil, l.malformed("its row has %d bytes, and the view has %d column features", len(row), len(l.at))
	}
	return from, row, section, nil
}

// Merge appends to dst the value that follows old, which is nil where there is none, under row i of
// an arranged batch of a run, and says when it may be forgotten. The row is the later of the two;
// tiles that the batch brings stand in the place of those that were there. value is nil where
// old stays: this run or one after it has written it.
//
// Runs that begin later have greater numbers, read at least the files that those before
// them have read, and lead at least as far. Where old shows that two runs don't, neither
// knows all that the other does, and the error wraps feature.ErrConflict; but a run from
// nothing that leads further knows all. If old is not of
// this layout, or damaged, it wraps feature.ErrInvalid.
func (l *Layout) Merge(dst, old []byte, b *feature.Batch, i int, from feature.Origin) (value []byte, expires feature.Time, err error) {
	var row, section []byte
	if old != nil {
		var was origin
		if was, row, section, err = l.cutTiles(old); err != nil {
			return nil, 0, rebuild(err)
		}
		switch {
		case was.run >= from.Run && was.to >= from.To:
			return nil, 0, nil
		case was.to > from.To, was.run >= from.Run && from.Known != feature.MinTime:
			return nil, 0, fmt.Errorf("online: view %s (storage %d): run %d, which leads to %s, met a value of run %d, which leads to %s: materialize again, at least up to the later of the two: %w",
				l.view, l.storage, from.Run, from.To, was.run, was.to, feature.ErrConflict)
		}
	}
	value = appendTime(append(dst, formatTiles, l.check), from.To)
	value = binary.BigEndian.AppendUint64(value, uint64(from.Run))
	if value, err = l.mergeRow(value, row, b, i); err != nil {
		return nil, 0, rebuild(err)
	}
	start := len(value)
	if value, err = l.plan.Merge(value, section, b.Tiles.Bytes(i), from.To, from.Known); err != nil {
		return nil, 0, rebuild(fmt.Errorf("online: a value of view %s (storage %d): %w", l.view, l.storage, err))
	}
	expires, err = l.plan.Expires(value[start:])
	if err != nil {
		return nil, 0, fmt.Errorf("online: a value of view %s (storage %d): %w", l.view, l.storage, err)
	}
	if expires != feature.MaxTime {
		expires = expires.Add(Grace)
	}
	if l.column != nil {
		stamp, err := l.column.rowStamp(value[len(dst)+headLen : start])
		if err != nil {
			return nil, 0, err
		}
		expires = max(expires, l.Expires(stamp.Event))
	}
	return value, expires, nil
}

// rebuild says what helps where a value is not understood.
func rebuild(err error) error {
	if !errors.Is(err, feature.ErrInvalid) {
		return err
	}
	return fmt.Errorf("it can't be merged; materialize the view with --rebuild, which fills a new storage: %w", err)
}

// rowStamp reads the stamp of a row behind its length.
func (l *Layout) rowStamp(b []byte) (feature.Stamp, error) {
	row, _, _ := cutSized(b)
	return l.readStamp(row)
}

// mergeRow appends the later of a stored row and row i of a batch, with its length.
func (l *Layout) mergeRow(dst, old []byte, b *feature.Batch, i int) ([]byte, error) {
	if l.column == nil {
		return append(dst, 0), nil
	}
	columns := *b
	columns.Features = make([]*feature.Column, len(l.at))
	for n, at := range l.at {
		columns.Features[n] = b.Features[at]
	}
	row := l.column.appendRow(nil, &columns, i)
	if len(old) > 0 {
		c, err := l.column.compareRows(row, old)
		if err != nil {
			return nil, err
		}
		if c < 0 {
			// Damage behind its stamp would be handed on for ever.
			if _, err := l.column.columns(old); err != nil {
				return nil, err
			}
			row = old
		}
	}
	return append(binary.AppendUvarint(dst, uint64(len(row))), row...), nil
}

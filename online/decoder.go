package online

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

// Decoder reads values of a layout, of either format. It owns memory that it uses again,
// and is not safe for concurrent use.
type Decoder struct {
	layout     *Layout
	reader     *tiles.Reader     // nil: the layout has no tiles
	columns    []*feature.Column // scratch, of the column features
	aggregates []*feature.Column // scratch
}

// NewDecoder makes a decoder.
func (l *Layout) NewDecoder() *Decoder {
	d := &Decoder{layout: l}
	if l.plan != nil {
		d.reader = l.plan.NewReader()
		d.columns, d.aggregates = make([]*feature.Column, len(l.at)), make([]*feature.Column, len(l.plan.Features()))
	}
	return d
}

// Decode reads a value as Layout.Decode does. Aggregates are those of their windows at t,
// or at the time that the value was computed for where that is later, so that a slow clock
// hides nothing. hasRow tells whether there is a row with column features, and thus a stamp.
//
// The view's TTL is not applied to columns, and does not limit aggregates. An error wraps
// feature.ErrInvalid, and nothing is appended then.
func (d *Decoder) Decode(value []byte, t feature.Time, into []*feature.Column) (stamp feature.Stamp, hasRow bool, err error) {
	l := d.layout
	if l.plan == nil {
		stamp, err = l.Decode(value, into)
		return stamp, err == nil, err
	}
	from, row, section, err := l.cutTiles(value)
	if err != nil {
		return feature.Stamp{}, false, err
	}
	d.split(into)
	if l.column != nil {
		// What is wrong is known before anything is appended.
		if stamp, err = l.column.checkRow(row, d.columns); err != nil {
			return feature.Stamp{}, false, err
		}
	}
	if err := d.reader.Answer(section, max(t, from.to), d.aggregates); err != nil {
		return feature.Stamp{}, false, fmt.Errorf("online: a value of view %s (storage %d): %w", l.view, l.storage, err)
	}
	if l.column == nil {
		return feature.Stamp{}, false, nil
	}
	_, err = l.column.decodeRow(row, d.columns)
	return stamp, true, err
}

// Empty appends what a key without a value has: null for column features, and of aggregates
// the values of empty windows.
func (d *Decoder) Empty(into []*feature.Column) {
	for i, c := range into {
		if c != nil && d.layout.features[i].Aggregate == nil {
			c.AppendNull()
		}
	}
	if d.reader != nil {
		d.split(into)
		d.reader.Empty(d.aggregates)
	}
}

// split parts the wanted columns.
func (d *Decoder) split(into []*feature.Column) {
	clear(d.columns)
	clear(d.aggregates)
	if into == nil {
		return
	}
	for n, at := range d.layout.at {
		d.columns[n] = into[at]
	}
	for n, at := range d.layout.plan.Features() {
		d.aggregates[n] = into[at]
	}
}

package online

import (
	"bytes"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Compare orders two values of this layout as the time rule orders rows: by their
// stamps, then by the features in the order of their names. It gives a negative
// number where a is the earlier, zero where they are the same, and a positive
// number where a is the later. An error wraps feature.ErrInvalid.
func (l *Layout) Compare(a, b []byte) (int, error) {
	x, err := l.rowOf(a)
	if err != nil {
		return 0, err
	}
	y, err := l.rowOf(b)
	if err != nil {
		return 0, err
	}
	return l.compareRows(x, y)
}

// compareRows is Compare of what values have from their stamps on.
func (l *Layout) compareRows(a, b []byte) (int, error) {
	for _, row := range [][]byte{a, b} {
		if _, err := l.readStamp(row); err != nil {
			return 0, err
		}
	}
	if c := bytes.Compare(a[:l.stampLen], b[:l.stampLen]); c != 0 || bytes.Equal(a, b) {
		return c, nil
	}
	x, err := l.columns(a)
	if err != nil {
		return 0, err
	}
	y, err := l.columns(b)
	if err != nil {
		return 0, err
	}
	for f := range x {
		if c := feature.Compare(x[f], 0, y[f], 0); c != 0 {
			return c, nil
		}
	}
	return 0, nil
}

func (l *Layout) columns(row []byte) ([]*feature.Column, error) {
	columns := make([]*feature.Column, len(l.features))
	for f := range columns {
		columns[f] = feature.NewColumn(l.features[f].Type, 1)
	}
	_, err := l.decodeRow(row, columns)
	return columns, err
}

// Arrange checks that a batch of a view can be stored in this layout, and gives it
// with its features in the order of Features, nil for aggregates. The columns are shared.
// An error wraps feature.ErrInvalid.
func (l *Layout) Arrange(view *feature.ViewVersion, b *feature.Batch) (*feature.Batch, error) {
	wrong := func(format string, args ...any) error {
		return fmt.Errorf("online: a batch of view %s: %s: %w", l.view, fmt.Sprintf(format, args...), feature.ErrInvalid)
	}
	if len(b.Event) != b.Rows || len(b.Keys) != len(l.keys) || len(b.Features) != len(view.Features) {
		return nil, wrong("%d rows of %d times, %d join keys and %d features, expected %d join keys and %d features",
			b.Rows, len(b.Event), len(b.Keys), len(b.Features), len(l.keys), len(view.Features))
	}
	if (b.Created != nil) != l.rule.Created || (b.Available != nil) != l.rule.Available ||
		l.rule.Created && b.Created.Len() != b.Rows || l.rule.Available && len(b.Available) != b.Rows {
		return nil, wrong("its created or available timestamps are not those that the time rule names")
	}
	for i, c := range b.Keys {
		if c.Len() != b.Rows || !sameKey(c.Type, l.keys[i].Type) {
			return nil, wrong("join key %s: %d values of type %s, expected %d of type %s", l.keys[i].Name, c.Len(), c.Type, b.Rows, l.keys[i].Type)
		}
		if row := firstNull(c); row >= 0 {
			return nil, wrong("join key %s is null in row %d", l.keys[i].Name, row)
		}
	}
	if l.HasTiles() != (b.Tiles != nil) || b.Tiles != nil && (b.Tiles.Len() != b.Rows || b.Tiles.Type != feature.Scalar(feature.Bytes) || firstNull(b.Tiles) >= 0) {
		return nil, wrong("its tiles are not those of its rows, or of a view without aggregates")
	}
	arranged := *b
	arranged.Features = make([]*feature.Column, len(l.features))
	for f, want := range l.features {
		if want.Aggregate != nil {
			continue
		}
		at := view.Feature(want.Name)
		if at < 0 {
			return nil, wrong("feature %s is missing in %s", want.Name, view.ID())
		}
		c := b.Features[at]
		if c == nil {
			return nil, wrong("feature %s is missing", want.Name)
		}
		if c.Len() != b.Rows || c.Type != want.Type {
			return nil, wrong("feature %s: %d values of type %s, expected %d of type %s", want.Name, c.Len(), c.Type, b.Rows, want.Type)
		}
		arranged.Features[f] = c
	}
	return &arranged, nil
}

// sameKey tells whether values of two types have one encoding in keys.
func sameKey(a, b feature.Type) bool {
	isInt := func(t feature.Type) bool {
		return t == feature.Scalar(feature.Int32) || t == feature.Scalar(feature.Int64)
	}
	return a == b || isInt(a) && isInt(b)
}

func firstNull(c *feature.Column) int {
	for i, valid := range c.Valid {
		if !valid {
			return i
		}
	}
	return -1
}

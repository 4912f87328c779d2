// Package profile describes the columns of a training set in a few numbers: nulls,
// the least and the greatest value, quantiles, a histogram, the commonest values.
//
// Counts, least and greatest are of all rows. Quantiles, histograms and values are of
// a sample of 65,536 rows that repeats (all rows, where there are no more), so that
// memory is bounded whatever the size.
package profile

import (
	"context"
	"fmt"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/sample"
)

// Profile describes a training set.
type Profile struct {
	Rows    int64    `json:"rows"`
	Sampled int64    `json:"sampled"` // rows that quantiles, histograms and values are of
	Columns []Column `json:"columns"`
}

// Column describes one column. Least, Greatest and Quantiles are int64, float64
// (infinities as text), feature.Time or a date as text; of lists they are about lengths.
type Column struct {
	Name     string  `json:"name"`
	Type     string  `json:"type"`
	Nulls    int64   `json:"nulls"`
	NullRate float64 `json:"null_rate"`
	NaNs     int64   `json:"nans,omitzero"`
	Least    any     `json:"least,omitempty"`
	Greatest any     `json:"greatest,omitempty"`
	// Quantiles are those of Shares. None: a column of text, or without values.
	Quantiles []any `json:"quantiles,omitempty"`
	// Histogram counts values in bins of one width from the 1st to the 99th
	// percentile; the outer bins have what is beyond, too.
	Histogram []int64 `json:"histogram,omitempty"`
	Distinct  int     `json:"distinct,omitzero"` // different values, of the sample; not told of floats
	Top       []Value `json:"top,omitempty"`
}

// Shares says which quantiles there are.
func Shares() []float64 { return []float64{0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99} }

// Value is a common value of a column.
type Value struct {
	Text  string  `json:"text"`
	Share float64 `json:"share"` // of the values that are not null
}

const (
	sampleRows = 65_536
	bins       = 10
	topValues  = 5
)

// Of reads the rows of spines of one schema, one after the other.
func Of(ctx context.Context, spines []offline.Spine) (*Profile, error) {
	p := &Profile{}
	total := int64(0)
	for _, s := range spines {
		total += s.Source().Rows
	}
	taken := sample.Rows(sample.Size{Rows: sampleRows}, total, 0)
	var columns []*collector
	for _, s := range spines {
		if columns == nil {
			for _, f := range s.Schema().Fields() {
				columns = append(columns, &collector{Column: Column{Name: f.Name, Type: f.Type.String()}})
			}
		}
		if s.Schema().NumFields() != len(columns) {
			return nil, fmt.Errorf("%s has other columns than the first file: %w", s.Source().Path, feature.ErrInvalid)
		}
		if err := p.read(ctx, s, columns, taken); err != nil {
			return nil, err
		}
	}
	for _, c := range columns {
		p.Columns = append(p.Columns, c.finish(p.Rows))
	}
	return p, nil
}

func (p *Profile) read(ctx context.Context, s offline.Spine, columns []*collector, taken func(int64) bool) error {
	all := make([]int, len(columns))
	for i := range all {
		all[i] = i
		if got := s.Schema().Field(i).Type.String(); got != columns[i].Type {
			return fmt.Errorf("%s: column %q is of type %s, in the first file of type %s: %w", s.Source().Path, columns[i].Name, got, columns[i].Type, feature.ErrInvalid)
		}
	}
	var rows []int
	return s.Scan(ctx, all, func(r arrow.Record) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows = rows[:0]
		for i := range int(r.NumRows()) {
			if taken(p.Rows + int64(i)) {
				rows = append(rows, i)
			}
		}
		p.Rows += r.NumRows()
		p.Sampled += int64(len(rows))
		for i, c := range columns {
			c.add(r.Column(i), rows)
		}
		return nil
	})
}

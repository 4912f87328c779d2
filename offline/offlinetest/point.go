package offlinetest

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// Point answers the spine rows of one case as requests: "get, now being t". It
// is how the online path runs the scripts: bring the store up to t, then read.
type Point interface {
	// Get answers spine rows whose request time, floored, is t: for each output
	// of the case's selection one column with one value per row of rows. Calls
	// come with growing t, each t once, so that a store may be kept from one call
	// to the next. Keys may be null.
	Get(ctx context.Context, t feature.Time, rows []int) ([]*feature.Column, error)
	// Close ends the case.
	Close() error
}

// ByPoint makes an Engine of something that answers requests. A spine row with
// a null time makes no request: its features are null, as the rule says. open
// is called once per case.
func ByPoint(open func(ctx context.Context, c *Case) (Point, error)) Engine {
	return EngineFunc(func(ctx context.Context, c *Case) (out []*feature.Column, err error) {
		point, err := open(ctx, c)
		if err != nil {
			return nil, err
		}
		defer func() {
			if e := point.Close(); err == nil {
				err = e
			}
		}()
		return askAll(ctx, c, point)
	})
}

func askAll(ctx context.Context, c *Case, point Point) ([]*feature.Column, error) {
	at := map[feature.Time][]int{}
	for row := range c.Rows() {
		if t, ok := c.RequestTime(row); ok {
			at[t] = append(at[t], row)
		}
	}
	answers := make([][]any, c.Rows()) // nil: null
	for _, t := range slices.Sorted(maps.Keys(at)) {
		rows := at[t]
		columns, err := point.Get(ctx, t, rows)
		if err != nil {
			return nil, fmt.Errorf("at %s: %w", t, err)
		}
		part := respine(c, rows)
		if err := part.check(columns); err != nil {
			return nil, fmt.Errorf("at %s: %w", t, err)
		}
		for i, row := range rows {
			for _, column := range columns {
				answers[row] = append(answers[row], column.Any(i))
			}
		}
	}
	out := make([]*feature.Column, len(c.Selection.Outputs))
	for i := range out {
		out[i] = feature.NewColumn(c.outputType(i), c.Rows())
		for _, a := range answers {
			if a == nil {
				out[i].AppendNull()
			} else if err := out[i].AppendAny(a[i]); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

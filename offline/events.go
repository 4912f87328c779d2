package offline

import (
	"context"
	"errors"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Events are rows of a view's source. They belong to the engine and are reused:
// who takes them copies what is kept.
type Events struct {
	Keys  []*feature.Column // of the view's keys, in their order; also of rows that are not taken
	Event []feature.Time    // of each of Rows
	Rows  []int32           // indexes in Keys of the rows that are meant, ascending
}

// EventsIn delivers the rows of a view's source whose event timestamp is in
// [from, to) and whose keys and times are not null, in no particular order. worker
// makes what takes them: it is called once per worker, and what it gives is called
// by one goroutine. An error of it ends the pass and is wrapped.
func (e *Engine) EventsIn(ctx context.Context, view *feature.ViewVersion, from, to feature.Time, worker func() func(*Events) error) error {
	outside := func(t *table, g int) bool {
		least, most, ok := t.open[t.groups[g].file].Times(t.groups[g].group, t.source.Event)
		return ok && (least >= to || most < from)
	}
	return e.events(ctx, view, feature.MaxTime, outside, func(v feature.Time) bool { return from <= v && v < to }, worker)
}

// EventsSeen is EventsIn for the rows that were visible at a time or before: TTL
// is not applied.
func (e *Engine) EventsSeen(ctx context.Context, view *feature.ViewVersion, at feature.Time, worker func() func(*Events) error) error {
	outside := func(t *table, g int) bool { return t.outside(g, span{all: true, until: at}) }
	return e.events(ctx, view, at, outside, func(feature.Time) bool { return true }, worker)
}

func (e *Engine) events(ctx context.Context, view *feature.ViewVersion, until feature.Time, outside func(*table, int) bool,
	wanted func(event feature.Time) bool, worker func() func(*Events) error,
) (err error) {
	files, err := e.Files(ctx, view)
	if err != nil {
		return fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	table, err := openTable(ctx, e.files, view, files, e.workers)
	if err != nil {
		return fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	defer func() { err = errors.Join(err, table.close()) }()
	var groups []int
	rows := int64(0)
	for g := range table.groups {
		if table.groups[g].rows > 0 && !outside(table, g) {
			groups = append(groups, g)
			rows += int64(table.groups[g].rows)
		}
	}
	m := e.meter(StageEvents, view.ID(), rows)
	err = table.scan(ctx, groups, e.workers, func(rows int) { m.add(int64(rows)) },
		func() func(context.Context, int, int64, *chunk) error {
			take := worker()
			events := &Events{}
			var visible []feature.Time
			return func(_ context.Context, _ int, _ int64, c *chunk) error {
				events.Rows, visible = c.selectRows(view.Rule, span{all: true, until: until}, events.Rows[:0], visible[:0])
				events.Keys, events.Event = c.keys, events.Event[:0]
				n := 0
				for _, row := range events.Rows {
					if at := feature.Time(c.event.Int64s[row]); wanted(at) {
						events.Rows[n] = row
						events.Event = append(events.Event, at)
						n++
					}
				}
				events.Rows = events.Rows[:n]
				return take(events)
			}
		})
	if err != nil {
		return fmt.Errorf("offline: view %s: %w", view.ID(), err)
	}
	return nil
}

// StageEvents is the reading of keys and times that a spine is made of.
const StageEvents Stage = "events"

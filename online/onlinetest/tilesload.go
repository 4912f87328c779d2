package onlinetest

import (
	"fmt"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
	"github.com/quiver-features/quiver/online"
)

// TilesLoad is a view of one integer key with count, sum, min and max of a float64 over an
// hour, a day and 30 days, by which stores are measured. Each key has 20 events in 30 days.
type TilesLoad struct {
	Storage *feature.Storage
	View    *feature.ViewVersion
	whole   []byte // the patch of a first run
	hour    []byte // of a run an hour later, with an event more
}

// NewTilesLoad makes the view, whose runs are at Now and an hour later.
func NewTilesLoad(b *testing.B, storage uint64) *TilesLoad {
	b.Helper()
	num := feature.Scalar(feature.Float64)
	l := &TilesLoad{Storage: &feature.Storage{ID: storage, View: "load", Version: 1}}
	for _, f := range []feature.Function{feature.Count, feature.Max, feature.Min, feature.Sum} {
		for i, length := range []feature.Duration{feature.Hour, feature.Day, 30 * feature.Day} {
			w, err := feature.NewWindow(length, 0, false)
			if err != nil {
				b.Fatal(err)
			}
			of, err := f.Of(num)
			if err != nil {
				b.Fatal(err)
			}
			l.Storage.Features = append(l.Storage.Features, feature.Field{
				Name: fmt.Sprintf("%s_%d", f, i), Type: of, Aggregate: &feature.Aggregate{Function: f, Column: "c", Input: num, Window: w},
			})
		}
	}
	l.Storage.Keys = []feature.JoinKey{{Name: "id", Type: feature.Scalar(feature.Int64)}}
	l.View = &feature.ViewVersion{Meta: feature.Meta{Name: "load"}, Version: 1, Keys: l.Storage.Keys, Features: l.Storage.Features}
	plan, err := tiles.NewPlan(l.View.Features, l.View.Rule)
	if err != nil {
		b.Fatal(err)
	}
	values := feature.NewColumn(num, 21)
	later := Now.Add(feature.Hour)
	first, second := plan.NewBuilder(Now), plan.NewBuilder(later)
	first.Reset(true)
	second.Reset(false)
	for g, group := range plan.Groups() {
		second.Touch(g, []int64{feature.Window{Granularity: group.Granularity}.Tile(later)})
	}
	for i := range 20 {
		values.AppendFloat64(1 / float64(i+3))
		first.Add(feature.Stamp{Event: Now.Add(-feature.Duration(i) * 36 * feature.Hour)}, []*feature.Column{values}, i)
	}
	values.AppendFloat64(7)
	second.Add(feature.Stamp{Event: later}, []*feature.Column{values}, 20)
	l.whole, l.hour = first.Append(nil), second.Append(nil)
	return l
}

// Measure writes n keys of run 1, or of run 2 which is an hour later, and reports keys per
// second.
func (l *TilesLoad) Measure(b *testing.B, sink *online.Sink, n int, run int64) {
	b.Helper()
	patch, to, known := l.whole, Now, feature.MinTime
	if run > 1 {
		patch, to, known = l.hour, Now.Add(feature.Hour), Now
	}
	for from := 0; from < n; from += 4096 {
		rows := min(4096, n-from)
		batch := &feature.Batch{
			Rows: rows, Event: make([]feature.Time, rows), Features: make([]*feature.Column, len(l.View.Features)),
			Keys: []*feature.Column{feature.NewColumn(feature.Scalar(feature.Int64), rows)}, Tiles: feature.NewColumn(feature.Scalar(feature.Bytes), rows),
		}
		for i := range rows {
			batch.Keys[0].AppendInt64(int64(from + i))
			batch.Tiles.AppendBytes(patch)
		}
		got, err := sink.Write(b.Context(), l.Storage, l.View, batch, feature.Origin{Run: run, To: to, Known: known, Now: Now})
		if err != nil || got.Written != rows {
			b.Fatalf("got %+v, %v", got, err)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "keys/s")
}

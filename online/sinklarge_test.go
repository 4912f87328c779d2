package online_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
	"github.com/quiver-features/quiver/online"
)

// measured is a merger that notes how many bytes the values of a call have at most.
type measured struct {
	merger
	most int
}

func (m *measured) Merge(ctx context.Context, layout *online.Layout, keys [][]byte, merge online.MergeFunc) (online.PutResult, error) {
	result, err := m.merger.Merge(ctx, layout, keys, merge)
	m.most = max(m.most, result.Bytes)
	return result, err
}

// Whether a batch brings much or meets much: what one call of the store holds is bounded.
func TestTheSinkMergesLargeValuesAFewAtATime(t *testing.T) {
	const keys = 500
	text := feature.Scalar(feature.String)
	storage := feature.Storage{
		ID: 1, View: "v", Version: 1, Keys: []feature.JoinKey{{Name: "id", Type: text}},
		Features: []feature.Field{{Name: "first", Type: text, Aggregate: &feature.Aggregate{
			Function: feature.First, Column: "name", Input: text, Window: feature.Window{Length: 100, Granularity: 10},
		}}},
	}
	view := feature.ViewVersion{Meta: feature.Meta{Name: "v"}, Version: 1, Keys: storage.Keys, Features: storage.Features}
	plan, err := tiles.NewPlan(storage.Features, storage.Rule)
	if err != nil {
		t.Fatal(err)
	}
	batch := func(event feature.Time, name string, whole bool) *feature.Batch {
		b := &feature.Batch{
			Rows: keys, Event: make([]feature.Time, keys), Keys: []*feature.Column{feature.NewColumn(text, keys)},
			Features: []*feature.Column{nil}, Tiles: feature.NewColumn(feature.Scalar(feature.Bytes), keys),
		}
		names := feature.NewColumn(text, 1)
		names.AppendString(name)
		builder := plan.NewBuilder(100)
		for i := range keys {
			b.Keys[0].AppendString(fmt.Sprint(i))
			builder.Reset(whole)
			builder.Touch(0, []int64{int64(event) / 10})
			builder.Add(feature.Stamp{Event: event}, []*feature.Column{names}, 0)
			b.Tiles.AppendBytes(builder.Append(nil))
		}
		return b
	}
	store := &measured{merger: merger{values: map[string][]byte{}}}
	for run, b := range []*feature.Batch{batch(75, strings.Repeat("x", 100_000), true), batch(95, "y", false)} {
		got, err := online.NewSink(store).Write(t.Context(), &storage, &view, b, feature.Origin{Run: int64(run + 1), To: 100, Now: 100, Known: feature.MinTime})
		if err != nil || got.Written != keys {
			t.Fatalf("run %d: %+v, %v", run+1, got, err)
		}
		if store.most > 9<<20 || store.most < 5<<20 {
			t.Errorf("run %d: %d bytes in a call", run+1, store.most)
		}
		store.most = 0
	}
}

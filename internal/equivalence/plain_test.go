package equivalence_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/online/serving"
	"github.com/quiver-features/quiver/registry"
)

// event is a source row of the plain project: a number and a text of a thing.
type event struct {
	id    int64
	at    feature.Time
	known feature.Time
	x     int64
}

// plainFiles writes the files of the plain project's one source.
func (w *world) plainFiles(files map[string][]event) error {
	source := offlinetest.Source{Name: "things", Event: "at", Available: "known"}
	for name, rows := range files {
		column := func(name string, kind feature.Kind) offlinetest.Column {
			return offlinetest.Column{Name: name, Values: feature.NewColumn(feature.Scalar(kind), len(rows))}
		}
		columns := []offlinetest.Column{
			column("id", feature.Int64), column("at", feature.Timestamp), column("known", feature.Timestamp),
			column("x", feature.Int64), column("word", feature.String),
		}
		for _, e := range rows {
			columns[0].Values.AppendInt64(e.id)
			columns[1].Values.AppendInt64(int64(e.at))
			columns[2].Values.AppendInt64(int64(e.known))
			columns[3].Values.AppendInt64(e.x)
			columns[4].Values.AppendString(wordOf(e.x))
		}
		source.Files = append(source.Files, offlinetest.File{Name: name, Columns: columns, Groups: []int{len(rows)}})
	}
	return offlinetest.WriteSources(w.data(), &offlinetest.Case{Sources: []offlinetest.Source{source}})
}

func wordOf(x int64) string { return "w" + strconv.FormatInt(x, 10) }

// plainDefinitions has one view of one feature, x, and what a test adds.
func plainDefinitions(change ...func(*feature.View)) *registry.Definitions {
	v := feature.View{
		Meta: feature.Meta{Name: "last"}, Entities: []feature.Role{{Entity: "thing"}}, Keys: map[string]string{"thing": "id"},
		Source: "things", Online: true, Features: []feature.ViewFeature{{Name: "x"}},
	}
	for _, c := range change {
		c(&v)
	}
	return &registry.Definitions{
		Entities: []feature.Entity{{Meta: feature.Meta{Name: "thing"}, Keys: []feature.JoinKey{{Name: "thing", Type: feature.Scalar(feature.Int64)}}}},
		Sources: []feature.Source{{
			Meta: feature.Meta{Name: "things"}, Parquet: []string{"things/*.parquet"}, EventTimestamp: "at", AvailableTimestamp: "known",
		}},
		Views: []feature.View{v},
	}
}

// latest gives the value of x of every thing that the rule shows at t, without a
// TTL: a few lines over all rows.
func latest(files map[string][]event, t feature.Time) map[int64]int64 {
	best := map[int64]event{}
	for _, rows := range files {
		for _, e := range rows {
			b, seen := best[e.id]
			later := e.at > b.at || e.at == b.at && (e.known > b.known || e.known == b.known && e.x > b.x)
			if max(e.at, e.known) <= t && (!seen || later) {
				best[e.id] = e
			}
		}
	}
	values := map[int64]int64{}
	for id, e := range best {
		values[id] = e.x
	}
	return values
}

// cell is a value as it is served: "7/PRESENT".
type cell string

func cellOf(f *serving.Feature, row int) cell {
	text := "null"
	if !f.Values.IsNull(row) {
		text = f.Values.Text(row)
	}
	return cell(text + "/" + f.Status(row).String())
}

func present(x int64) cell { return cell(fmt.Sprintf("%d/PRESENT", x)) }

const (
	notFound    cell = "null/NOT_FOUND"
	unavailable cell = "null/UNAVAILABLE"
)

// ask serves references for the things from 0 to below n: per reference one cell
// a thing.
func (w *world) ask(ctx context.Context, n int, refs ...string) ([][]cell, error) {
	keys := feature.NewColumn(feature.Scalar(feature.Int64), n)
	for id := range n {
		keys.AppendInt64(int64(id))
	}
	r, err := w.handler.Get(ctx, &serving.Request{Features: refs, Keys: map[string]*feature.Column{"thing": keys}})
	if err != nil {
		return nil, err
	}
	var cells [][]cell
	for i := range r.Features {
		var column []cell
		for row := range n {
			column = append(column, cellOf(&r.Features[i], row))
		}
		cells = append(cells, column)
	}
	return cells, nil
}

// wantLatest tells how what is served for the things below n differs from the rows
// of the files at t.
func (w *world) wantLatest(ctx context.Context, n int, files map[string][]event, t feature.Time) error {
	got, err := w.ask(ctx, n, "last:x")
	if err != nil {
		return err
	}
	values := latest(files, t)
	want := make([]cell, n)
	for id := range want {
		want[id] = notFound
		if x, ok := values[int64(id)]; ok {
			want[id] = present(x)
		}
	}
	if !slices.Equal(got[0], want) {
		return fmt.Errorf("at %s got  %v\nwant %v", t, got[0], want)
	}
	return nil
}

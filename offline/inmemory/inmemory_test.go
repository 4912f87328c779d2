package inmemory_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/inmemory"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/offline/parquet"
)

// engine trains for spines in memory, over files on a disk.
func engine(dir string) offlinetest.Engine {
	return offlinetest.EngineFunc(func(ctx context.Context, c *offlinetest.Case) (_ []*feature.Column, err error) {
		folder, err := os.MkdirTemp(dir, "case")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		if err := offlinetest.WriteSources(folder, c); err != nil {
			return nil, err
		}
		var names []string
		var columns []*feature.Column
		for i := range c.Spine {
			if i != c.Time {
				names, columns = append(names, c.Spine[i].Name), append(columns, c.Spine[i].Values)
			}
		}
		at := feature.NewColumn(feature.Scalar(feature.Timestamp), c.Rows())
		for row := range c.Rows() {
			if t, ok := c.RequestTime(row); ok {
				at.AppendInt64(int64(t))
			} else {
				at.AppendNull()
			}
		}
		names, columns = append(names, "event_timestamp"), append(columns, at)
		values, _, err := inmemory.Train(ctx, offline.New(parquet.New(folder), offline.Options{Workers: 2}), c.Selection, names, columns)
		return values, err
	})
}

func TestSpinesInMemoryGiveWhatTheTimeRuleSays(t *testing.T) {
	as := offlinetest.Variants()[:1]
	offlinetest.Run(t, engine(t.TempDir()), as...)
	offlinetest.RunWindows(t, engine(t.TempDir()), as...)
	offlinetest.RunExpressions(t, engine(t.TempDir()), as...)
}

// column makes one of texts; "-" is null.
func column(t *testing.T, of feature.Type, texts ...string) *feature.Column {
	t.Helper()
	c := feature.NewColumn(of, len(texts))
	for _, text := range texts {
		if text == "-" {
			c.AppendNull()
		} else if err := c.AppendText(text); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// texts is the inverse of column.
func texts(c *feature.Column) []string {
	all := make([]string, c.Len())
	for i := range all {
		if all[i] = "-"; !c.IsNull(i) {
			all[i] = c.Text(i)
		}
	}
	return all
}

func abc() []string { return []string{"a", "-", "c"} }

func spine(t *testing.T) *inmemory.Spine {
	t.Helper()
	s, err := inmemory.NewSpine([]string{"n", "name", "at"}, []*feature.Column{
		column(t, feature.Scalar(feature.Int32), "1", "-", "-3"), column(t, feature.Scalar(feature.String), abc()...),
		column(t, feature.Scalar(feature.Timestamp), "2026-01-02T03:04:05.000006Z", "1969-12-31T23:59:59Z", "-"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A scan gives the columns that are asked for, in that order, with all rows.
func TestAScanGivesTheColumnsThatAreAskedFor(t *testing.T) {
	s := spine(t)
	var got inmemory.Rows
	out, err := got.Open(nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // again from the beginning
		if err := s.Scan(t.Context(), []int{2, 1}, func(r arrow.Record) error {
			if r.NumCols() != 2 || r.ColumnName(0) != "at" || r.ColumnName(1) != "name" || r.NumRows() != 3 {
				t.Errorf("got %v", r)
			}
			return out.Write(r)
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(s.Close(), s.Close()); err != nil { // what was written is kept
		t.Fatal(err)
	}
	names, err := got.Column("name", feature.Scalar(feature.String))
	if err != nil || !slices.Equal(texts(names), append(abc(), abc()...)) {
		t.Errorf("got %v, %v", texts(names), err)
	}
	times, err := got.Column("at", feature.Scalar(feature.Timestamp))
	if err != nil || times.Len() != 6 || times.Int64s[0] != 1767323045000006 || times.Int64s[4] != -1000000 || !times.IsNull(5) {
		t.Errorf("got %v, %v", texts(times), err)
	}
	if _, err := got.Column("n", feature.Scalar(feature.Int32)); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a column that was not written: got error %v", err)
	}
	if _, err := got.Column("name", feature.Scalar(feature.Int64)); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("texts as numbers: got error %v", err)
	}
	if err := errors.Join(got.Close(), got.Close()); err != nil {
		t.Fatal(err)
	}
	if none, err := got.Column("name", feature.Scalar(feature.String)); err != nil || none.Len() != 0 {
		t.Errorf("closed rows have %d values, %v", none.Len(), err)
	}
}

func TestWhatAScanIsToldToStopForIsItsError(t *testing.T) {
	s := spine(t)
	defer func() { _ = s.Close() }()
	if f := s.Source(); f.Rows != 3 {
		t.Errorf("got %d rows", f.Rows)
	}
	stop := errors.New("stop")
	if err := s.Scan(t.Context(), []int{0}, func(arrow.Record) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("got error %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Scan(ctx, []int{0}, func(arrow.Record) error { t.Error("rows were given"); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v", err)
	}
}

func TestTrainNeedsTheTimeOfARow(t *testing.T) {
	v := &feature.ViewVersion{
		Meta: feature.Meta{Name: "v"}, Version: 1,
		Table:    feature.Table{Source: "s", Event: "at", Columns: []feature.TableColumn{{Name: "at", Column: "at", Type: feature.Scalar(feature.Timestamp)}}},
		Features: []feature.Field{{Name: "f", Type: feature.Scalar(feature.Int64), Column: "f"}},
	}
	s := &feature.Selection{Uses: []feature.Use{{View: v, Alias: "v"}}, Outputs: []feature.Output{{Name: "v__f"}}}
	n := column(t, feature.Scalar(feature.Int64), "1")
	if _, _, err := inmemory.Train(t.Context(), offline.New(parquet.New(t.TempDir()), offline.Options{}), s, []string{"n"}, []*feature.Column{n}); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("got error %v", err)
	}
}

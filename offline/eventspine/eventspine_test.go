package eventspine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/eventspine"
)

// row is a row of a view: a number, a text, and when.
type row struct {
	id   int64
	name string
	at   feature.Time
}

// source holds rows by the view's name. They come in two chunks from two workers.
type source map[string][]row

func (s source) scan(view *feature.ViewVersion, wanted func(feature.Time) bool, worker func() func(*offline.Events) error) error {
	rows := s[view.Name]
	var wait sync.WaitGroup
	errs := make([]error, 2)
	for w := range 2 {
		wait.Go(func() {
			e := &offline.Events{}
			for _, k := range view.Keys {
				e.Keys = append(e.Keys, feature.NewColumn(k.Type, 0))
			}
			n := int32(0)
			for i, r := range rows {
				if i%2 != w {
					continue
				}
				for k := range view.Keys {
					switch view.Keys[k].Type.Kind {
					case feature.Int32:
						e.Keys[k].AppendInt32(int32(r.id))
					case feature.Int64:
						e.Keys[k].AppendInt64(r.id)
					default:
						e.Keys[k].AppendString(r.name)
					}
				}
				if wanted(r.at) {
					e.Rows, e.Event = append(e.Rows, n), append(e.Event, r.at)
				}
				n++
			}
			errs[w] = worker()(e)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

func (s source) EventsIn(_ context.Context, view *feature.ViewVersion, from, to feature.Time, worker func() func(*offline.Events) error) error {
	return s.scan(view, func(t feature.Time) bool { return from <= t && t < to }, worker)
}

func (s source) EventsSeen(_ context.Context, view *feature.ViewVersion, at feature.Time, worker func() func(*offline.Events) error) error {
	return s.scan(view, func(t feature.Time) bool { return t <= at }, worker)
}

func use(name string, kind feature.Kind, keys ...string) feature.Use {
	v := &feature.ViewVersion{Meta: feature.Meta{Name: name}, Version: 1}
	for _, k := range keys {
		t := feature.Scalar(feature.String)
		if k == "id" {
			t = feature.Scalar(kind)
		}
		v.Keys = append(v.Keys, feature.JoinKey{Name: k, Type: t})
	}
	return feature.Use{View: v, Alias: name, Keys: keys}
}

// text gives the rows of a spine as lines.
func text(t *testing.T, s offline.Spine) (lines []string, records int) {
	t.Helper()
	var all []int
	for i := range s.Schema().NumFields() {
		all = append(all, i)
	}
	for range 2 {
		lines, records = nil, 0
		err := s.Scan(t.Context(), all, func(r arrow.Record) error {
			records++
			for i := range int(r.NumRows()) {
				var cells []string
				for _, c := range r.Columns() {
					cells = append(cells, c.ValueStr(i))
				}
				lines = append(lines, strings.Join(cells, "|"))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return lines, records
}

func TestARangeIsTheDistinctKeysAndTimesInOrder(t *testing.T) {
	rows := source{
		"a": {{-5, "b", 10}, {3, "b", 10}, {3, "b", 10}, {3, "a\x00", 10}, {3, "a", 10}, {3, "a\x00\x01", 10}, {1, "z", 9}, {1, "z", 20}, {2, "", -1}},
		"b": {{3, "b", 10}, {7, "b", 11}, {7, "b", -2}},
	}
	selection := &feature.Selection{Uses: []feature.Use{use("a", feature.Int32, "id", "name"), use("b", feature.Int64, "name", "id")}}
	s, err := eventspine.InRange(t.Context(), rows, selection, -1, 20, eventspine.Options{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	got, _ := text(t, s)
	at := func(us int) string { return strings.TrimRight(fmt.Sprintf("1970-01-01T00:00:00.%06d", us), "0") + "Z" }
	want := []string{"2||1969-12-31T23:59:59.999999Z", "1|z|" + at(9), "-5|b|" + at(10), "3|a|" + at(10), "3|a\x00|" + at(10), "3|a\x00\x01|" + at(10), "3|b|" + at(10), "7|b|" + at(11)}
	for i := range got {
		got[i] = strings.Replace(got[i], " ", "T", 1)
	}
	if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if f := s.Schema().Field(0); f.Name != "id" || f.Type != arrow.PrimitiveTypes.Int64 {
		t.Errorf("schema %s", s.Schema())
	}
	if src := s.Source(); src.Rows != 8 || !strings.HasPrefix(src.Digest, "sha256:") || !strings.Contains(src.Path, "1970-01-01") {
		t.Errorf("source %+v", src)
	}
}

func TestASnapshotHasEachKeyOnce(t *testing.T) {
	rows := source{"a": {{1, "", 5}, {2, "", 6}, {1, "", 7}, {3, "", 8}}, "b": {{9, "", 1}}}
	selection := &feature.Selection{Uses: []feature.Use{use("a", feature.Int64, "id"), use("b", feature.Int64, "id")}}
	s, err := eventspine.AsOf(t.Context(), rows, selection, 7, eventspine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	got, _ := text(t, s)
	var ids []string
	for _, line := range got {
		id, at, _ := strings.Cut(line, "|")
		if ids = append(ids, id); !strings.HasSuffix(at, "00.000007Z") {
			t.Errorf("time %s", at)
		}
	}
	if strings.Join(ids, " ") != "1 2 9" {
		t.Errorf("got %q", got)
	}
}

// What does not fit into memory is spilled and merged: the same rows, the same digest,
// and no file with a name.
func TestTheMemoryChangesNothing(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test
	var rows []row
	for range 200_000 {
		rows = append(rows, row{random.Int64N(50_000) - 25_000, strings.Repeat("k", int(random.Int64N(40))), feature.Time(random.Int64N(20))})
	}
	want := map[row]bool{}
	for _, r := range rows {
		want[r] = true
	}
	distinct := make([]row, 0, len(want))
	for r := range want {
		distinct = append(distinct, r)
	}
	sort.Slice(distinct, func(i, j int) bool {
		a, b := distinct[i], distinct[j]
		if a.at != b.at {
			return a.at < b.at
		}
		if a.id != b.id {
			return a.id < b.id
		}
		return a.name < b.name
	})
	selection := &feature.Selection{Uses: []feature.Use{use("a", feature.Int64, "id", "name")}}
	var first []string
	var digest string
	for _, memory := range []int64{0, 1} { // 1 is taken for the least that is reasonable
		dir := t.TempDir()
		s, err := eventspine.InRange(t.Context(), source{"a": rows}, selection, 0, 100, eventspine.Options{Memory: memory, Workers: 2, Folder: dir})
		if err != nil {
			t.Fatal(err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("files with names: %v, %v", entries, err)
		}
		got, records := text(t, s)
		if len(got) != len(distinct) || records < 2 {
			t.Fatalf("%d rows in %d records, want %d", len(got), records, len(distinct))
		}
		for i, r := range distinct {
			if !strings.HasPrefix(got[i], fmt.Sprintf("%d|%s|", r.id, r.name)) {
				t.Fatalf("row %d is %s, want %v", i, got[i], r)
			}
		}
		if first == nil {
			first, digest = got, s.Source().Digest
		} else if !slices.Equal(first, got) || s.Source().Digest != digest {
			t.Error("less memory gives other rows")
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatHasNoSpineIsTold(t *testing.T) {
	two := &feature.Selection{Uses: []feature.Use{use("a", feature.Int64, "id"), use("b", feature.Int64, "id", "name")}}
	if _, err := eventspine.AsOf(t.Context(), source{}, two, 0, eventspine.Options{}); !errors.Is(err, feature.ErrInvalid) ||
		!strings.Contains(err.Error(), "view a@1 is by (id) and view b@1 by (id, name)") {
		t.Errorf("two sets of keys: %v", err)
	}
	one := &feature.Selection{Uses: two.Uses[:1]}
	if _, err := eventspine.InRange(t.Context(), source{}, one, 5, 5, eventspine.Options{}); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("an empty range: %v", err)
	}
	failing := eventspine.Options{Folder: "/nowhere"}
	if _, err := eventspine.InRange(t.Context(), source{}, one, 5, 6, failing); !errors.Is(err, feature.ErrUnavailable) {
		t.Errorf("no folder: %v", err)
	}
	s, err := eventspine.InRange(t.Context(), source{}, one, 5, 6, eventspine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := text(t, s); len(got) != 0 || s.Source().Rows != 0 {
		t.Errorf("of no rows: %q", got)
	}
	_ = s.Close()
}

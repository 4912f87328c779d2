package dataset_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/dataset"
)

// lines writes a row a line, and counts those that are open.
type lines struct {
	path string
	text strings.Builder
	live *int
}

func (l *lines) Write(r arrow.Record) error {
	for row := range int(r.NumRows()) {
		for i := range int(r.NumCols()) {
			l.text.WriteString(r.Column(i).ValueStr(row) + " ")
		}
		l.text.WriteString("\n")
	}
	return nil
}

func (l *lines) Commit() error {
	*l.live--
	return os.WriteFile(l.path, []byte(l.text.String()), 0o600)
}

func (l *lines) Abort() error {
	*l.live--
	return nil
}

// folder writes records into a folder, and gives what is in it.
func folder(t *testing.T, o dataset.Options, records ...arrow.Record) (found map[string]string, files []dataset.File, most int) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "set")
	live := 0
	o.Ending = ".txt"
	o.File = func(path string, _ *arrow.Schema) (offline.Output, error) {
		live++
		most = max(most, live)
		return &lines{path: path, live: &live}, nil
	}
	out, err := dataset.Create(path, records[0].Schema(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := out.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is there before it is whole: %v", err)
	}
	if err := out.Commit(); err != nil {
		t.Fatal(err)
	}
	found = map[string]string{}
	for _, f := range out.Files() {
		text, err := os.ReadFile(filepath.Join(path, filepath.FromSlash(f.Path)))
		if err != nil {
			t.Fatal(err)
		}
		found[f.Path] = string(text)
		if got := int64(strings.Count(string(text), "\n")); got != f.Rows {
			t.Errorf("%s has %d rows, and says %d", f.Path, got, f.Rows)
		}
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(entries) != 1 {
		t.Errorf("left beside it: %v, %v", entries, err)
	}
	return found, out.Files(), most
}

func recordOf(t *testing.T, rows ...string) arrow.Record {
	t.Helper()
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{
		{Name: "id", Type: arrow.PrimitiveTypes.Int64},
		{Name: "land", Type: arrow.BinaryTypes.String, Nullable: true},
		{Name: "day", Type: arrow.FixedWidthTypes.Date32, Nullable: true},
		{Name: "l", Type: arrow.ListOf(arrow.PrimitiveTypes.Float64), Nullable: true},
	}, nil))
	defer b.Release()
	for _, row := range rows {
		if err := b.UnmarshalJSON([]byte(row)); err != nil {
			t.Fatal(err)
		}
	}
	r := b.NewRecord()
	t.Cleanup(r.Release)
	return r
}

func TestPartitionsAreFoldersAsHiveNamesThem(t *testing.T) {
	r := recordOf(t,
		`{"id":1,"land":"NL","day":"2001-06-30","l":[1]}`, `{"id":2,"land":"a/b=%c","day":"2001-06-30"}`, `{"id":3,"land":null,"day":"1969-12-31"}`,
		`{"id":4,"land":"NL","day":"2001-06-30","l":[]}`, `{"id":5,"land":"NL","day":null}`, `{"id":6,"land":"é:.","day":null}`, `{"id":7,"land":"","day":null}`)
	want := map[string]string{
		"land=NL/day=2001-06-30/part-00000.txt":                         "1 [1] \n4 [] \n",
		"land=a%2Fb%3D%25c/day=2001-06-30/part-00000.txt":               "2 (null) \n",
		"land=__HIVE_DEFAULT_PARTITION__/day=1969-12-31/part-00000.txt": "3 (null) \n",
		"land=NL/day=__HIVE_DEFAULT_PARTITION__/part-00000.txt":         "5 (null) \n",
		"land=/day=__HIVE_DEFAULT_PARTITION__/part-00000.txt":           "7 (null) \n",
		"land=é%3A./day=__HIVE_DEFAULT_PARTITION__/part-00000.txt":      "6 (null) \n",
	}
	got, files, _ := folder(t, dataset.Options{PartitionBy: []string{"land", "day"}}, r)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i := 1; i < len(files); i++ {
		if files[i-1].Path >= files[i].Path {
			t.Errorf("not in order: %v", files)
		}
	}
}

func TestFilesAreCutTheSameHoweverTheRecordsAre(t *testing.T) {
	var rows []string
	for i := range 5000 {
		rows = append(rows, fmt.Sprintf(`{"id":%d,"land":"%d","l":[1,2,3]}`, i, i*i%7))
	}
	r := recordOf(t, rows...)
	var parts []arrow.Record
	for at := int64(0); at < 5000; at += 13 {
		p := r.NewSlice(at, min(at+13, 5000))
		t.Cleanup(p.Release)
		parts = append(parts, p)
	}
	for name, c := range map[string]struct {
		options dataset.Options
		files   int
		most    int
	}{
		"rows":                      {dataset.Options{Rows: 1500}, 4, 1},
		"size":                      {dataset.Options{Bytes: 30_000}, 3, 1},
		"partitions":                {dataset.Options{PartitionBy: []string{"land"}}, 4, 1},
		"partitions and rows":       {dataset.Options{PartitionBy: []string{"land"}, Rows: 500}, 0, 1},
		"partitions that don't fit": {dataset.Options{PartitionBy: []string{"land"}, Held: 50_000}, 9, 1},
	} {
		whole, files, most := folder(t, c.options, r)
		cut, _, _ := folder(t, c.options, parts...)
		if diff := cmp.Diff(whole, cut); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		rows := int64(0)
		for _, f := range files {
			rows += f.Rows
		}
		if rows != 5000 || c.files > 0 && len(files) != c.files || most != c.most {
			t.Errorf("%s: %d rows in %d files, %d at once: %v", name, rows, len(files), most, files[:min(len(files), 10)])
		}
	}
}

func TestWhatCannotBeAFolderIsTold(t *testing.T) {
	r := recordOf(t, `{"id":1,"land":"__HIVE_DEFAULT_PARTITION__"}`)
	dir := t.TempDir()
	none := func(path string, _ *arrow.Schema) (offline.Output, error) {
		live := 1
		return &lines{path: path, live: &live}, nil
	}
	for name, columns := range map[string][]string{
		`no column "lnad" to partition by (did you mean "land"?)`: {"lnad"}, "named twice": {"land", "land"}, "can't name folders": {"l"},
	} {
		if _, err := dataset.Create(filepath.Join(dir, "a"), r.Schema(), dataset.Options{PartitionBy: columns, File: none}); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", columns, err)
		}
	}
	// A colon takes three bytes of the folder's name, which may have 255.
	long := recordOf(t, `{"id":1,"land":"`+strings.Repeat(":", 84)+`"}`)
	o, err := dataset.Create(filepath.Join(dir, "a"), long.Schema(), dataset.Options{PartitionBy: []string{"land"}, File: none})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Write(long); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `column "land"`) {
		t.Errorf("a long text: %v", err)
	}
	if err := o.Abort(); err != nil {
		t.Error(err)
	}
	o, err = dataset.Create(filepath.Join(dir, "a"), r.Schema(), dataset.Options{PartitionBy: []string{"land"}, File: none})
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Write(r); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a text that means null: %v", err)
	}
	if err := o.Abort(); err != nil {
		t.Error(err)
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("left: %v, %v", entries, err)
	}
	if err := o.Write(r); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("after the end: %v", err)
	}
	if _, err := dataset.Create(dir, r.Schema(), dataset.Options{File: none}); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("a folder that is there: %v", err)
	}
	if _, err := dataset.Create(filepath.Join(dir, "no", "where"), r.Schema(), dataset.Options{File: none}); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

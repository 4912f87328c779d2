package parquet_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/parquet"
)

// tree makes a folder with copies of a small file at the given paths.
func tree(t *testing.T, paths ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "small.parquet"))
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for _, p := range paths {
		p = filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestNamesAndGlobsFindTheirFiles(t *testing.T) {
	root := tree(t, "a.parquet", "b.pq", "c.PARQ", "notes.txt", "_hidden.parquet", ".dot.parquet", "x[1].parquet", "x1.parquet",
		"sub/one.parquet", "sub/two.parquet", "sub/_skip/three.parquet", "sub/deep/four.parquet", "year=2001/month=03/p.parquet", "empty/readme.md")
	cases := []struct {
		name     string
		patterns []string
		want     []string // nil: an error of kind
		kind     error
	}{
		{"a file", []string{"a.parquet"}, []string{"a.parquet"}, nil},
		{"a file outright, whatever its name", []string{"notes.txt", "_hidden.parquet", ".dot.parquet"}, []string{".dot.parquet", "_hidden.parquet", "notes.txt"}, nil},
		{"a folder", []string{"sub"}, []string{"sub/deep/four.parquet", "sub/one.parquet", "sub/two.parquet"}, nil},
		{"a folder with a slash", []string{"./sub/"}, []string{"sub/deep/four.parquet", "sub/one.parquet", "sub/two.parquet"}, nil},
		{"the root", []string{"."}, []string{
			"a.parquet", "b.pq", "c.PARQ", "sub/deep/four.parquet", "sub/one.parquet", "sub/two.parquet", "x1.parquet", "x[1].parquet",
			"year=2001/month=03/p.parquet",
		}, nil},
		{"a star", []string{"*.parquet"}, []string{"a.parquet", "x1.parquet", "x[1].parquet"}, nil},
		{"a star after an underscore", []string{"_*.parquet"}, []string{"_hidden.parquet"}, nil},
		{"a question mark and a range", []string{"?.parquet", "x[0-9].parquet"}, []string{"a.parquet", "x1.parquet"}, nil},
		{"a negated range", []string{"[!x].p*"}, []string{"a.parquet", "b.pq"}, nil},
		{"a literal bracket, escaped", []string{`x\[1\].parquet`}, []string{"x[1].parquet"}, nil},
		{"a literal bracket, as it stands", []string{"x[1].parquet"}, []string{"x[1].parquet"}, nil},
		{"two stars", []string{"**/*.parquet"}, []string{
			"a.parquet", "sub/deep/four.parquet", "sub/one.parquet", "sub/two.parquet", "x1.parquet", "x[1].parquet", "year=2001/month=03/p.parquet",
		}, nil},
		{"two stars inside", []string{"sub/**/f*.parquet"}, []string{"sub/deep/four.parquet"}, nil},
		{"two stars at the end", []string{"sub/**"}, []string{"sub/deep/four.parquet", "sub/one.parquet", "sub/two.parquet"}, nil},
		{"a glob that matches a folder", []string{"year=*"}, []string{"year=2001/month=03/p.parquet"}, nil},
		{"a list, each once", []string{"sub/two.parquet", "a.parquet", "sub/*.parquet", "sub/../a.parquet"}, []string{"a.parquet", "sub/one.parquet", "sub/two.parquet"}, nil},
		{"an absolute path below the root", []string{filepath.Join(root, "a.parquet")}, []string{"a.parquet"}, nil},
		{"no such file", []string{"none.parquet"}, nil, feature.ErrNotFound},
		{"no such folder for a glob", []string{"none/*.parquet"}, nil, feature.ErrNotFound},
		{"a folder without Parquet files", []string{"empty"}, nil, feature.ErrNotFound},
		{"one of a list is missing", []string{"a.parquet", "none.parquet"}, nil, feature.ErrNotFound},
		{"out of the root", []string{"../x.parquet"}, nil, feature.ErrInvalid},
		{"out of the root, escaped", []string{`sub/\.\./\.\./x.parquet`}, nil, feature.ErrInvalid},
		{"an open bracket", []string{"a[.parquet"}, nil, feature.ErrInvalid},
		{"an empty name", []string{""}, nil, feature.ErrInvalid},
		{"no names", nil, nil, feature.ErrInvalid},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			list, err := parquet.New(root).List(t.Context(), &feature.Table{Source: "s", Parquet: c.patterns})
			if c.kind != nil {
				if !errors.Is(err, c.kind) {
					t.Fatalf("got %v, want an error that wraps %v", err, c.kind)
				}
				if len(c.patterns) > 0 && !strings.Contains(err.Error(), strings.TrimSuffix(filepath.Base(c.patterns[len(c.patterns)-1]), ".")) {
					t.Errorf("the error does not name the path: %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range list {
				got = append(got, f.Path)
				if f.Rows != 20 || f.Size == 0 || f.Modified == 0 || !strings.HasPrefix(f.Digest, "sha256:") {
					t.Errorf("%+v", f)
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
			if !slices.IsSorted(got) {
				t.Errorf("not in order: %v", got)
			}
		})
	}
	outside, err := parquet.New(filepath.Join(root, "sub")).List(t.Context(), &feature.Table{Parquet: []string{filepath.Join(root, "a.parquet")}})
	if err != nil || outside[0].Path != filepath.ToSlash(filepath.Join(root, "a.parquet")) {
		t.Errorf("an absolute path outside of the root: %v, %v", outside, err)
	}
}

func TestPartitionFoldersBecomeColumns(t *testing.T) {
	root := tree(t, "year=2001/city=New%20York/a.parquet", "year=2002/city=__HIVE_DEFAULT_PARTITION__/id=7/b.parquet")
	files := parquet.New(root)
	fields, err := files.Columns(t.Context(), []string{"**/*.parquet"})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]parquet.Field{}
	for _, f := range fields {
		byName[f.Name] = f
	}
	i64, str := feature.Scalar(feature.Int64), feature.Scalar(feature.String)
	for name, want := range map[string]parquet.Field{
		"year": {Name: "year", Type: i64, Partition: true},
		"city": {Name: "city", Type: str, Partition: true, Nullable: true},
		"id":   {Name: "id", Type: i64, Partition: true, Nullable: true}, // the folder's, though the files have one too
		"half": {Name: "half", Type: i64, Nullable: true, Physical: "int64"},
	} {
		got := byName[name]
		if want.Partition {
			want.Physical = got.Physical
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	tab := table(t, "**/*.parquet", "year:int64", "city:string", "id:int64")
	list, err := files.List(t.Context(), tab)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]any{{int64(2001), "New York", int64(3)}, {int64(2002), nil, int64(7)}} {
		f, err := files.Open(t.Context(), tab, list[i])
		if err != nil {
			t.Fatal(err)
		}
		for k, column := range []string{"year", "city", "id"} {
			got, err := scan(t, f, column, tab.Columns[k].Type)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != 20 || got[3] != want[k] {
				t.Errorf("%s: column %s: %v, want %v in row 3", list[i].Path, column, got[3], want[k])
			}
		}
		_ = f.Close()
	}
	tab = table(t, "**/*.parquet", "city:int64")
	if _, err := files.Open(t.Context(), tab, list[0]); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "city=New York") {
		t.Errorf("got %v, want an error that names the folder", err)
	}
}

func TestAFileThatChangedIsAConflict(t *testing.T) {
	root := tree(t, "a.parquet")
	files, tab := parquet.New(root), table(t, "a.parquet", "id:int64")
	list, err := files.List(t.Context(), tab)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(f *feature.File){
		"size":     func(f *feature.File) { f.Size++ },
		"modified": func(f *feature.File) { f.Modified++ },
		"digest":   func(f *feature.File) { f.Digest = "sha256:00" },
	} {
		f := list[0]
		change(&f)
		if _, err := files.Open(t.Context(), tab, f); !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), "a.parquet") {
			t.Errorf("another %s: %v", name, err)
		}
	}
	if err := os.Remove(filepath.Join(root, "a.parquet")); err != nil {
		t.Fatal(err)
	}
	if _, err := files.Open(t.Context(), tab, list[0]); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a removed file: %v", err)
	}
}

func TestAMissingTimeColumnIsAnErrorWithTheNearestName(t *testing.T) {
	tab := table(t, "small.parquet", "timee:timestamp")
	tab.Event = "timee"
	_, err := openOne(t, "testdata", tab)
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `"timee"`) || !strings.Contains(err.Error(), "did you mean time?") {
		t.Errorf("got %v, want the nearest name", err)
	}
}

func TestAMissingJoinKeyIsAnErrorAndAMissingFeatureIsNull(t *testing.T) {
	tab := table(t, "small.parquet", "absent:int64")
	f, err := openOne(t, "testdata", tab)
	if err != nil {
		t.Fatalf("a file that lacks a feature: %v", err)
	}
	_ = f.Close()
	tab.Columns[0].Key = true
	if _, err := openOne(t, "testdata", tab); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `no column "absent", which source`) {
		t.Errorf("a file that lacks a join key: %v, want ErrInvalid that names the column", err)
	}
}

func TestFilesThatDisagreeAreWidenedOrToldOfBoth(t *testing.T) {
	files := parquet.New("testdata")
	fields, err := files.Columns(t.Context(), []string{"types_v1.parquet", "pages_v1.parquet", "duckdb.parquet"})
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]parquet.Field{}
	for _, f := range fields {
		byName[f.Name] = f
	}
	if got := byName["id"]; got.Type != feature.Scalar(feature.Int64) || !got.Nullable {
		t.Errorf("id: %+v", got)
	}
	if got := byName["dec9"]; !got.Type.IsZero() || !got.Decimal || got.Physical != "decimal(9,2)" {
		t.Errorf("dec9: %+v", got)
	}
	if got := byName["nested"]; !got.Type.IsZero() || got.Physical == "" {
		t.Errorf("nested: %+v", got)
	}
}

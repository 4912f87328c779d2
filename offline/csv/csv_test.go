package csv_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/csv"
)

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "spine.csv")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// read gives the columns of a spine as text, "<type>: values".
func read(t *testing.T, s offline.Spine, columns ...int) ([]string, int64, error) {
	t.Helper()
	var out []string
	for _, c := range columns {
		f := s.Schema().Field(c)
		out = append(out, fmt.Sprintf("%s %s:", f.Name, f.Type))
	}
	rows := int64(0)
	err := s.Scan(t.Context(), columns, func(r arrow.Record) error {
		rows += r.NumRows()
		for i := range columns {
			out[i] += fmt.Sprintf(" %v", r.Column(i))
		}
		return nil
	})
	return out, rows, err
}

func TestTypesAreHintedOrFoundInAllRows(t *testing.T) {
	path := write(t, "\ufeffid,code,x,ok,when,none,big,\"na\"\"me\"\r\n"+
		"1,007,1.5,true,2001-06-30,,1,\"a,b\"\r\n"+
		"-2,8,-3,false,2001-06-30T12:00:00+02:00,,,\"\"\r\n"+
		",9,1e3,,,,9223372036854775808,\"line\none \"\"q\"\"\"\r\n")
	hints := map[string]feature.Type{"when": feature.Scalar(feature.Timestamp), "absent": feature.Scalar(feature.Int64)}
	s, err := csv.OpenSpine(t.Context(), path, hints)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 2 {
		got, rows, err := read(t, s, 0, 1, 2, 3, 5, 6, 7)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{
			`id int64: [1 -2 (null)]`, `code utf8: ["007" "8" "9"]`, `x float64: [1.5 -3 1000]`, `ok bool: [true false (null)]`,
			`none utf8: [(null) (null) (null)]`, `big utf8: ["1" (null) "9223372036854775808"]`, `na"me utf8: ["a,b" (null) "line\none \"q\""]`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if rows != 3 || s.Source().Rows != 3 {
			t.Errorf("%d rows, source %d", rows, s.Source().Rows)
		}
	}
	var times []int64
	err = s.Scan(t.Context(), []int{4}, func(r arrow.Record) error {
		for i := range 2 {
			text := r.Column(0).ValueStr(i)
			v, err := feature.ParseTime(text)
			if err != nil {
				return err
			}
			times = append(times, int64(v))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{993859200_000000, 993895200_000000}, times); diff != "" { // midnight and 10:00 of 2001-06-30, UTC
		t.Error(diff)
	}
}

func TestManyRowsComeInRecordsOfBoundedSize(t *testing.T) {
	var b strings.Builder
	b.WriteString("id,text\n")
	const n = 150_000
	for i := range n {
		fmt.Fprintf(&b, "%d,t%d\n", i, i%7)
	}
	s, err := csv.OpenSpine(t.Context(), write(t, b.String()), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	records, rows := 0, int64(0)
	err = s.Scan(t.Context(), []int{1, 0}, func(r arrow.Record) error {
		if r.NumRows() > 64*1024 {
			t.Errorf("a record of %d rows", r.NumRows())
		}
		if got, want := r.Column(1).ValueStr(0), fmt.Sprint(rows); got != want {
			t.Errorf("the first row of record %d is %s, want %s", records, got, want)
		}
		records++
		rows += r.NumRows()
		return nil
	})
	if err != nil || rows != n || records != 3 {
		t.Errorf("%d rows in %d records, %v", rows, records, err)
	}
}

func TestBadFilesAreErrorsWithLineAndColumn(t *testing.T) {
	i64 := map[string]feature.Type{"a": feature.Scalar(feature.Int64)}
	for name, c := range map[string]struct {
		content, want string
		hints         map[string]feature.Type
	}{
		"empty":               {"", "is empty", nil},
		"two of a name":       {"a,b,a\n", `spine.csv:1:5: two columns are named "a"`, nil},
		"no name":             {"a,,c\n", "spine.csv:1:3: column 2 has no name", nil},
		"too few fields":      {"a,b\n1,2\n3\n", "spine.csv:3:", nil},
		"too many fields":     {"a,b\n1,2,3\n", "spine.csv:2:", nil},
		"a bare quote":        {"a,b\n1,x\"y\n", "spine.csv:2:4: bare", nil},
		"an open quote":       {"a,b\n1,\"xy\n", "spine.csv:", nil},
		"no UTF-8":            {"a,b\n1,\xff\n", `spine.csv:2:3: column "b" is not UTF-8`, nil},
		"no UTF-8 in a name":  {"a,\xff\n", "spine.csv:1:3:", nil},
		"not the hinted type": {"b,a\nx,1\ny,1.5\n", `spine.csv:3:3: column "a": "1.5"`, i64},
		"an empty line":       {"a\n1\n\n2\n", "spine.csv:3:1: an empty line", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := csv.OpenSpine(t.Context(), write(t, c.content), c.hints)
			if err == nil {
				defer func() { _ = s.Close() }()
				_, _, err = read(t, s, 0, 1)
			}
			if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
	if _, err := csv.OpenSpine(t.Context(), filepath.Join(t.TempDir(), "none.csv"), nil); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
	huge := "a\n\"" + strings.Repeat("x", 17<<20) + "\"\n"
	if _, err := csv.OpenSpine(t.Context(), write(t, huge), nil); !errors.Is(err, feature.ErrTooLarge) {
		t.Errorf("a huge field: %v", err)
	}
	open := "a,b\n1,\"" + strings.Repeat("x", 66<<20)
	if _, err := csv.OpenSpine(t.Context(), write(t, open), nil); !errors.Is(err, feature.ErrTooLarge) || !strings.Contains(err.Error(), "quote") {
		t.Errorf("a quote that is never closed: %v", err)
	}
}

func TestAHeaderWithoutRowsIsAnEmptySpine(t *testing.T) {
	s, err := csv.OpenSpine(t.Context(), write(t, "a,b\n"), map[string]feature.Type{"a": feature.Scalar(feature.Int64)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if got, rows, err := read(t, s, 0, 1); err != nil || rows != 0 || got[0] != "a int64:" {
		t.Errorf("%v, %d rows, %v", got, rows, err)
	}
}

func TestASpineThatChangedIsAConflict(t *testing.T) {
	path := write(t, "a\n1\n")
	s, err := csv.OpenSpine(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	if err := os.WriteFile(path, []byte("a\n1\n2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := read(t, s, 0); !errors.Is(err, feature.ErrConflict) {
		t.Errorf("got %v, want a conflict", err)
	}
}

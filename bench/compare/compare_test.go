package compare

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

type row struct {
	ID   int64    `parquet:"row_id"`
	F    *float64 `parquet:"f,optional"`
	Text string   `parquet:"text"`
	List []int64  `parquet:"list,list"`
	Tied bool     `parquet:"tied"`
}

// narrow is the same in other types, encodings and order of columns.
type narrow struct {
	Tied bool     `parquet:"tied"`
	List []int32  `parquet:"list,optional,list"`
	Text string   `parquet:"text,dict"`
	F    *float32 `parquet:"f,optional"`
	ID   int64    `parquet:"row_id,delta"`
}

func write[T any](t *testing.T, rows []T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.parquet")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := parquet.NewGenericWriter[T](f, parquet.MaxRowsPerRowGroup(2))
	if _, err := w.Write(rows); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func spec(rows int) Spec {
	return Spec{RowID: "row_id", Rows: rows, Groups: []Group{{Columns: []string{"f", "text", "list"}, Tied: "tied"}}}
}

func values(t *testing.T, path string, rows int) *Values {
	t.Helper()
	v, err := Read(t.Context(), path, spec(rows))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func number(x float64) *float64 { return &x }

func sample() []row {
	return []row{
		{0, number(1.5), "a", []int64{1, 2}, false},
		{1, nil, "", nil, false},
		{2, number(math.NaN()), "b", []int64{-1}, false},
	}
}

func TestSameValuesInAnotherShapeAreTheSame(t *testing.T) {
	a := values(t, write(t, sample()), 3)
	var other []narrow
	for _, r := range slices.Backward(sample()) {
		n := narrow{Tied: r.Tied, Text: r.Text, ID: r.ID, List: []int32{}} // present and empty, as parquet-go writes a plain list
		for _, x := range r.List {
			n.List = append(n.List, int32(x))
		}
		if r.F != nil {
			f := float32(*r.F)
			n.F = &f
		}
		other = append(other, n)
	}
	b := values(t, write(t, other), 3)
	if at := FirstDifference(a, b); at >= 0 || a.Sum() != b.Sum() {
		t.Errorf("row %d differs: %v and %v", at, a.Hash, b.Hash)
	}
	if !a.InOrder || b.InOrder || a.Missing != 0 || b.Missing != 0 {
		t.Errorf("in order %v and %v, missing %d and %d; want the first alone in order, and no row missing", a.InOrder, b.InOrder, a.Missing, b.Missing)
	}
}

func TestEveryDifferenceIsSeen(t *testing.T) {
	a := values(t, write(t, sample()), 3)
	for name, change := range map[string]func([]row){
		"a float":           func(r []row) { r[0].F = number(math.Nextafter(1.5, 2)) },
		"a null":            func(r []row) { r[0].F = nil },
		"zero for null":     func(r []row) { r[1].F = number(0) },
		"a text":            func(r []row) { r[2].Text = "c" },
		"an item":           func(r []row) { r[0].List[1] = 3 },
		"a list cut":        func(r []row) { r[0].List = r[0].List[:1] },
		"an item of zero":   func(r []row) { r[1].List = []int64{0} },
		"the tie's mark":    func(r []row) { r[1].Tied = true },
		"text between rows": func(r []row) { r[0].Text, r[2].Text = r[2].Text, r[0].Text },
	} {
		rows := sample()
		change(rows)
		b := values(t, write(t, rows), 3)
		if FirstDifference(a, b) < 0 || a.Sum() == b.Sum() {
			t.Errorf("%s was not seen", name)
		}
	}
}

func TestTiesLeaveTheirColumnsOpen(t *testing.T) {
	one, two := sample(), sample()
	one[2].Tied, two[2].Tied = true, true
	two[2].F, two[2].Text = number(7), "other"
	a, b := values(t, write(t, one), 3), values(t, write(t, two), 3)
	if FirstDifference(a, b) >= 0 || a.Open != 1 || b.Open != 1 {
		t.Errorf("first difference %d, open %d and %d; want none, and one open row", FirstDifference(a, b), a.Open, b.Open)
	}
}

func TestRowsThatAreMissingOrTwice(t *testing.T) {
	rows := sample()
	all, some := values(t, write(t, rows), 3), values(t, write(t, rows[1:]), 3)
	if some.Missing != 1 || FirstDifference(all, some) >= 0 || all.Sum() == some.Sum() {
		t.Errorf("missing %d, first difference %d; want one missing row, and the others the same", some.Missing, FirstDifference(all, some))
	}
	rows[2].ID = 1
	if _, err := Read(t.Context(), write(t, rows), spec(3)); err == nil || !strings.Contains(err.Error(), "two rows have row_id 1") {
		t.Errorf("error is %v", err)
	}
}

func TestRowShowsItsValues(t *testing.T) {
	text, err := Row(write(t, sample()), spec(3), 2)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"tied = false", "f = NaN", "text = b", "list = -1"}; !slices.Equal(text, want) {
		t.Errorf("row is %q, want %q", text, want)
	}
}

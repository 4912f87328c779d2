package offline

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
)

// lacking is a file without a column.
type lacking struct{ *counted }

func (lacking) Lacks(column string) bool { return column == "fare" }

// listing lists a number of files.
type listing int

func (n listing) List(context.Context, *feature.Table) ([]feature.File, error) {
	return make([]feature.File, n), nil
}

func (listing) Open(context.Context, *feature.Table, feature.File) (TableFile, error) {
	return nil, errors.New("not opened here")
}

func TestAColumnThatNoFileHasIsAnErrorAndOneThatSomeLackIsNot(t *testing.T) {
	view := &feature.ViewVersion{
		Table:    feature.Table{Source: "rides", Columns: []feature.TableColumn{{Name: "fare", Column: "Fare"}}},
		Features: []feature.Field{{Name: "price", Column: "fare"}},
	}
	make := func(files ...TableFile) *table {
		tab := &table{view: view, source: &view.Table, open: files}
		for range files {
			tab.files = append(tab.files, feature.File{Path: "a.parquet"})
		}
		return tab
	}
	none := make(lacking{}, lacking{})
	err := none.missing()
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `none of the 2 files of source rides has column "Fare", which feature price shows (a.parquet`) {
		t.Errorf("no file has the column: %v", err)
	}
	if err := make(lacking{}, &counted{}).missing(); err != nil {
		t.Errorf("one file has the column: %v", err)
	}
	if err := make().missing(); err != nil {
		t.Errorf("no files at all: %v", err)
	}
	for files, want := range map[listing]bool{2: true, 3: false} {
		err := New(files, Options{}).missingEverywhere(t.Context(), none)
		if (err != nil) != want {
			t.Errorf("two files lack the column and the source has %d: %v", files, err)
		}
	}
}

func TestAColumnThatExpressionsReadIsMissedAsOneThatIsShown(t *testing.T) {
	fares := feature.Scalar(feature.Float64)
	view := &feature.ViewVersion{
		Table: feature.Table{
			Source:  "rides",
			Columns: []feature.TableColumn{{Name: "at", Column: "At", Type: feature.Scalar(feature.Timestamp)}, {Name: "fare", Column: "Fare", Type: fares}},
			Derived: []feature.DerivedColumn{
				{Name: "double_fare", Expression: "2.0 * fare", Type: fares},
				{Name: "paid", Expression: "fare > 0.0 ? at : at + days(1)", Type: feature.Scalar(feature.Timestamp)},
			},
		},
		Features: []feature.Field{{Name: "price", Column: "double_fare"}, {Name: "twice", Expression: "2.0 * price"}},
	}
	make := func(columns []string, files ...TableFile) *table {
		tab := &table{view: view, source: &view.Table, computed: newComputed(&view.Table), columns: columns, open: files}
		for range files {
			tab.files = append(tab.files, feature.File{Path: "a.parquet"})
		}
		return tab
	}
	err := make(nil, lacking{}, lacking{}).missing()
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `none of the 2 files of source rides has column "Fare", which feature price shows (a.parquet`) {
		t.Errorf("no file has the column: %v", err)
	}
	if err := make(nil, lacking{}, &counted{}).missing(); err != nil {
		t.Errorf("one file has the column: %v", err)
	}
	// Of a time or a key it is missed in each file: rows would be left out.
	err = make([]string{"at", "paid"}, &counted{}, lacking{}).lacking()
	if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), `a.parquet has no column "Fare", which source rides computes paid of: write the file with it`) {
		t.Errorf("one file lacks the column: %v", err)
	}
	if err := make([]string{"at"}, &counted{}, lacking{}).lacking(); err != nil {
		t.Errorf("no time is computed of the column: %v", err)
	}
}

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

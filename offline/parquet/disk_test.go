package parquet_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/internal/testenv"
	"github.com/quiver-features/quiver/offline/parquet"
)

func TestAFullDiskIsAnErrorAndLeavesNothing(t *testing.T) {
	testenv.SmallDisk(t, 256<<10, func(t *testing.T, dir string) {
		in := readSpineRecord(t, filepath.Join("testdata", "pages_v2.parquet"))
		o, err := parquet.Create(filepath.Join(dir, "out.parquet"), in.Schema(), parquet.Options{Uncompressed: true, RowGroupRows: 1024})
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			if err = o.Write(in); err != nil {
				break
			}
		}
		if err == nil {
			err = o.Commit()
		} else if aerr := o.Abort(); aerr != nil {
			t.Error(aerr)
		}
		if !errors.Is(err, feature.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") || !strings.Contains(err.Error(), "out.parquet") {
			t.Errorf("got %v, want an error that says that the disk is full", err)
		}
		entries, err := os.ReadDir(dir)
		if err != nil || len(entries) != 0 {
			t.Errorf("the folder holds %v (%v)", entries, err)
		}
	})
}

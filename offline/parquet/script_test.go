package parquet_test

import (
	"testing"

	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/offline/parquet"
)

// native is the native engine over files of this package.
func native(t *testing.T, workers int) *offlinetest.Native {
	return &offlinetest.Native{
		Dir:     t.TempDir(),
		Files:   func(root string) offline.Files { return parquet.New(root) },
		Spine:   parquet.OpenSpine,
		Options: offline.Options{Workers: workers},
	}
}

func TestTheNativeEngineAnswersEveryScriptFromParquetFiles(t *testing.T) {
	offlinetest.Run(t, native(t, 2))
}

func TestTheNativeEngineAgreesWithTheOracleOnParquetFiles(t *testing.T) {
	offlinetest.Check(t, native(t, 2), 300)
}

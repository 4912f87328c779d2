package parquet_test

import (
	"context"
	"hash/crc32"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
	"github.com/quiver-features/quiver/offline/offlinetest"
	"github.com/quiver-features/quiver/offline/parquet"
)

// native is the native engine over files of this package.
func native(t *testing.T, options offline.Options) *offlinetest.Native {
	return &offlinetest.Native{
		Dir:     t.TempDir(),
		Files:   func(root string) offline.Files { return parquet.New(root) },
		Spine:   parquet.OpenSpine,
		Options: options,
	}
}

func TestTheNativeEngineAnswersEveryScriptFromParquetFiles(t *testing.T) {
	offlinetest.Run(t, native(t, offline.Options{Workers: 2}))
}

func TestTheNativeEngineAgreesWithTheOracleOnParquetFiles(t *testing.T) {
	offlinetest.Check(t, native(t, offline.Options{Workers: 2}), 150)
}

// The same with types that differ from file to file, and almost no memory.
func TestTheNativeEngineAgreesWithTheOracleOnFilesOfManyWriters(t *testing.T) {
	engine := native(t, offline.Options{Workers: 3, Memory: 1})
	offlinetest.CheckFrom(t, offlinetest.EngineFunc(func(ctx context.Context, c *offlinetest.Case) ([]*feature.Column, error) {
		seed := crc32.ChecksumIEEE([]byte(c.Name)) // stays as it is while the case is made smaller
		return engine.Join(ctx, offlinetest.Shuffled(c, uint64(seed)))
	}), 10_000, 30)
}

func TestTheNativeEngineAnswersEveryWindowScriptFromParquetFiles(t *testing.T) {
	offlinetest.RunWindows(t, native(t, offline.Options{Workers: 2}))
}

func TestTheNativeEngineAgreesWithTheOracleOnWindowsOfFilesOfManyWriters(t *testing.T) {
	engine := native(t, offline.Options{Workers: 3, Memory: 1})
	offlinetest.CheckWindowsFrom(t, offlinetest.EngineFunc(func(ctx context.Context, c *offlinetest.Case) ([]*feature.Column, error) {
		seed := crc32.ChecksumIEEE([]byte(c.Name)) // stays as it is while the case is made smaller
		return engine.Join(ctx, offlinetest.Shuffled(c, uint64(seed)))
	}), 20_000, 40)
}

func TestTheNativeEngineAnswersEveryScriptOfExpressionsFromParquetFiles(t *testing.T) {
	offlinetest.RunExpressions(t, native(t, offline.Options{Workers: 2}))
}

func TestTheNativeEngineAgreesWithTheOracleOnExpressionsOverFilesOfManyWriters(t *testing.T) {
	engine := native(t, offline.Options{Workers: 3, Memory: 1})
	offlinetest.CheckExpressionsFrom(t, offlinetest.EngineFunc(func(ctx context.Context, c *offlinetest.Case) ([]*feature.Column, error) {
		seed := crc32.ChecksumIEEE([]byte(c.Name)) // stays as it is while the case is made smaller
		return engine.Join(ctx, offlinetest.Shuffled(c, uint64(seed)))
	}), 30_000, 40)
}

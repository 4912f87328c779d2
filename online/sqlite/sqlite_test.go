package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
	"github.com/quiver-features/quiver/online/onlinetest"
	"github.com/quiver-features/quiver/online/sqlite"
)

func TestConformance(t *testing.T) {
	onlinetest.Run(t, func(t *testing.T) onlinetest.Open {
		return opener(filepath.Join(t.TempDir(), "new folder", "online #1?%.db"))
	})
}

func opener(path string) onlinetest.Open {
	return func(ctx context.Context, registry string, clock func() feature.Time) (online.Store, error) {
		s, err := sqlite.Open(ctx, sqlite.Options{Path: path, Registry: registry, Clock: clock})
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

package parquet

import (
	"context"
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline"
)

// Files finds and opens the Parquet files of tables. It implements offline.Files
// and is safe for concurrent use.
type Files struct {
	root string
}

// New makes Files for a data root, which relative paths start from.
func New(root string) *Files { return &Files{root: root} }

var _ offline.Files = (*Files)(nil)

// List implements offline.Files. Footers are read, and nothing else.
func (f *Files) List(ctx context.Context, table *feature.Table) ([]feature.File, error) {
	found, err := f.find(table.Parquet)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", table.Source, err)
	}
	list := make([]feature.File, len(found))
	err = each(ctx, len(found), func(i int) error {
		o, err := open(found[i].path, found[i].name)
		if err != nil {
			return err
		}
		list[i] = o.info
		list[i].Path = found[i].name
		return o.close()
	})
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", table.Source, err)
	}
	return list, nil
}

// Open implements offline.Files.
func (f *Files) Open(ctx context.Context, table *feature.Table, file feature.File) (offline.TableFile, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	path, err := f.locate(file.Path)
	if err != nil {
		return nil, err
	}
	o, err := open(path, file.Path)
	if err != nil {
		return nil, fmt.Errorf("source %s: %w", table.Source, err)
	}
	t, err := f.opened(o, table, file)
	if err != nil {
		_ = o.close()
		return nil, fmt.Errorf("source %s: %w", table.Source, err)
	}
	return t, nil
}

func (f *Files) opened(o *opened, table *feature.Table, file feature.File) (*tableFile, error) {
	now := o.info
	if now.Size != file.Size || now.Modified != file.Modified || now.Digest != file.Digest {
		return nil, fmt.Errorf("%s changed after it was listed: run again, and write new files beside old ones instead of over them: %w",
			file.Path, feature.ErrConflict)
	}
	partitions, err := partitionsOf(file.Path)
	if err != nil {
		return nil, err
	}
	return newTableFile(o, table, partitions)
}

// each runs fn for 0 to n-1 on some goroutines and waits for all of them. The
// error is that of the least index that failed, of those that ran.
func each(ctx context.Context, n int, fn func(i int) error) error {
	errs := make([]error, n)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(2 * runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() error {
			if errs[i] = ctx.Err(); errs[i] == nil {
				errs[i] = fn(i)
			}
			return errs[i]
		})
	}
	first := g.Wait()
	if first == nil {
		return nil
	}
	for _, err := range errs {
		if err != nil && ctx.Err() != nil && err != ctx.Err() { //nolint:errorlint // the group's own cancellation, as it is
			return err
		}
	}
	return first
}

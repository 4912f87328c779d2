package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/csv"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/registry/definition"
)

//go:embed template
var template embed.FS

// templateFiles gives the files of the template, the project's own first.
func templateFiles() []string {
	return []string{definition.ProjectFile, "features/shop.yaml", "data/labels.csv", "data/orders.csv"}
}

func (a *app) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a small working project",
		Example: `  quiver init shop && cd shop
  quiver apply --yes && quiver materialize
  quiver get --service churn_model --key customer=1,2
  quiver train --spine data/labels.csv --service churn_model --out train.parquet`,
		Args: atMostOne,
		RunE: func(c *cobra.Command, args []string) error {
			folder := a.dir
			if len(args) == 1 && filepath.IsAbs(args[0]) {
				folder = args[0]
			} else if len(args) == 1 {
				folder = filepath.Join(a.dir, args[0])
			}
			return a.initProject(c.Context(), folder)
		},
	}
}

// initProject writes the files of the template, none of which may exist, and the
// sample data as Parquet. After an error the files that it wrote are gone again.
func (a *app) initProject(ctx context.Context, folder string) (err error) {
	written := []string{}
	defer func() {
		if err == nil {
			return
		}
		for _, name := range written {
			_ = os.Remove(filepath.Join(folder, name))
		}
	}()
	write := func(name string, text []byte) error {
		err := writeNew(filepath.Join(folder, name), text)
		switch {
		case errors.Is(err, fs.ErrExist):
			return fmt.Errorf("%s exists already: name another folder: %w", filepath.Join(folder, name), feature.ErrConflict)
		case err != nil:
			return fmt.Errorf("init: %w", err)
		}
		written = append(written, name)
		return nil
	}
	for _, name := range templateFiles() {
		text, err := template.ReadFile("template/" + name)
		if err != nil {
			return err
		}
		if err := write(filepath.FromSlash(name), text); err != nil {
			return err
		}
	}
	if err := ordersToParquet(ctx, filepath.Join(folder, "data")); err != nil {
		return fmt.Errorf("init: sample data: %w", err)
	}
	written = append(written, filepath.Join("data", "orders.parquet"))
	if _, err := os.Lstat(filepath.Join(folder, ".gitignore")); errors.Is(err, fs.ErrNotExist) {
		if err := write(".gitignore", []byte(".quiver/\n")); err != nil {
			return err
		}
	}
	return a.print(written, func() error {
		text := "wrote a project to " + folder + ":\n"
		for _, name := range written {
			text += "  " + name + "\n"
		}
		return a.printText(text + fmt.Sprintf(`
try, in %s:
  quiver validate
  quiver plan
  quiver apply
  quiver materialize
  quiver get --service churn_model --key customer=1,2
  quiver train --spine data/labels.csv --service churn_model --out train.parquet
`, folder))
	})
}

func writeNew(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640) //nolint:gosec // below the folder that the user named
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(path)
	}
	return err
}

// ordersToParquet makes the source's file of the readable one beside it.
func ordersToParquet(ctx context.Context, folder string) error {
	rows, err := csv.OpenSpine(ctx, filepath.Join(folder, "orders.csv"), map[string]feature.Type{"ordered_at": feature.Scalar(feature.Timestamp)})
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	out, err := parquet.Create(filepath.Join(folder, "orders.parquet"), rows.Schema(), parquet.Options{})
	if err != nil {
		return err
	}
	all := make([]int, rows.Schema().NumFields())
	for i := range all {
		all[i] = i
	}
	if err := rows.Scan(ctx, all, func(r arrow.Record) error { return out.Write(r) }); err != nil {
		return errors.Join(err, out.Abort())
	}
	return out.Commit()
}

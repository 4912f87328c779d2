package main

import (
	"bytes"
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/csv"
	"github.com/quiver-features/quiver/offline/parquet"
	"github.com/quiver-features/quiver/registry/definition"
)

//go:embed template
var template embed.FS

func (a *app) initCommand() *cobra.Command {
	var name string
	c := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a small working project",
		Long: `Writes a project with nine orders of a shop: definitions, data, and in their comments
commands to try. The folder is made where it is missing; files that are there
already are never touched.`,
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
			project, err := projectName(name, folder)
			if err != nil {
				return err
			}
			return a.initProject(c.Context(), folder, project)
		},
	}
	c.Flags().StringVar(&name, "name", "", "`name` of the project (default: made of the folder's)")
	return c
}

var notInNames = regexp.MustCompile("[^a-z0-9]+")

// projectName gives the name that was asked for, or makes one of the folder's, or
// where that can't be gives the sample's own.
func projectName(asked, folder string) (string, error) {
	if asked != "" {
		if err := feature.CheckName(asked); err != nil {
			return "", usagef("--name: %w", err)
		}
		return asked, nil
	}
	path, err := filepath.Abs(folder)
	if err != nil {
		return "", fmt.Errorf("init: %w", err)
	}
	name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(filepath.Base(path)), "_"), "_")
	if feature.CheckName(name) == nil {
		return name, nil
	}
	return "shop", nil
}

// initProject writes the files of the template, none of which may exist, and the
// sample data as Parquet. After an error what it wrote is gone again.
func (a *app) initProject(ctx context.Context, folder, name string) (err error) {
	files, err := templateFiles(name)
	if err != nil {
		return err
	}
	if err := checkVacant(folder, files); err != nil {
		return err
	}
	w := &writer{folder: folder}
	defer func() {
		if err != nil {
			w.undo()
		}
	}()
	for _, f := range files {
		if err := w.write(f.path, f.text); err != nil {
			return err
		}
	}
	if err := ordersToParquet(ctx, filepath.Join(folder, "data")); err != nil {
		return fmt.Errorf("init: sample data: %w", err)
	}
	w.made = append(w.made, filepath.Join("data", "orders.parquet"))
	ignored, err := w.ignore()
	if err != nil {
		return err
	}
	return a.print(w.made, func() error { return a.printWelcome(folder, name, w.made, ignored) })
}

func (a *app) printWelcome(folder, name string, written []string, ignored bool) error {
	var b strings.Builder
	fmt.Fprintf(&b, "wrote project %s to %s:\n", name, printable(folder))
	for _, file := range written {
		fmt.Fprintf(&b, "  %s\n", file)
	}
	if !ignored {
		fmt.Fprintf(&b, "\nadd the line .quiver/ to %s: the stores are kept there\n", filepath.Join(folder, ".gitignore"))
	}
	b.WriteString("\ntry:\n")
	if filepath.Clean(folder) != "." {
		fmt.Fprintf(&b, "  cd %s\n", quoted(folder))
	}
	b.WriteString(`  quiver validate
  quiver test
  quiver preview habits
  quiver plan
  quiver apply --yes
  quiver train --spine data/labels.csv --service churn_model --out train.parquet
  quiver materialize
  quiver get --service churn_model --key customer=1,2

features/shop.yaml explains the definitions, and goes on to a server and to a
breaking change.
`)
	return a.printText(b.String())
}

var plainWord = regexp.MustCompile(`^[\w./@+-]+$`)

// quoted makes a path one word of a shell, which cd does not take for a flag and a
// terminal not for commands of its own.
func quoted(path string) string {
	if strings.HasPrefix(path, "-") {
		path = "./" + path
	}
	switch {
	case plainWord.MatchString(path):
		return path
	case printable(path) == path:
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	var b strings.Builder
	for _, c := range []byte(path) {
		if c > ' ' && c < 0x7f && c != '\'' && c != '\\' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return "$'" + b.String() + "'"
}

type templateFile struct {
	path string // below the project
	text []byte
}

// templateFiles gives the files of the template, the project's own first.
func templateFiles(project string) ([]templateFile, error) {
	var files []templateFile
	for _, path := range []string{definition.ProjectFile, "features/shop.yaml", "features/shop.test.yaml", "features/habits.yaml", "features/habits.test.yaml", "data/labels.csv", "data/orders.csv"} {
		text, err := template.ReadFile("template/" + path)
		if err != nil {
			return nil, fmt.Errorf("init: %w", err)
		}
		if path == definition.ProjectFile {
			text = bytes.Replace(text, []byte("project: NAME"), []byte("project: "+project), 1)
		}
		files = append(files, templateFile{filepath.FromSlash(path), text})
	}
	return files, nil
}

// checkVacant refuses, before anything is written, what would be in the way.
func checkVacant(folder string, files []templateFile) error {
	if info, err := os.Stat(folder); err == nil && !info.IsDir() {
		return fmt.Errorf("%s is a file: name a folder: %w", folder, feature.ErrConflict)
	}
	for _, f := range append(files, templateFile{path: filepath.Join("data", "orders.parquet")}) {
		path := filepath.Join(folder, f.path)
		_, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return fmt.Errorf("init: %w", err)
		case f.path == definition.ProjectFile:
			return fmt.Errorf("%s exists already, so %s is a project: name another folder: %w", path, folder, feature.ErrConflict)
		default:
			return fmt.Errorf("%s exists already: name another folder: %w", path, feature.ErrConflict)
		}
	}
	return nil
}

// writer writes new files below a folder, and can take all back.
type writer struct {
	folder string
	made   []string // files, below folder
	dirs   []string // outermost first
}

// write makes a file, and the folders that it wants.
func (w *writer) write(name string, text []byte) error {
	path := filepath.Join(w.folder, name)
	if err := w.mkdir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666) //nolint:gosec // as the umask says, below the folder that the user named
	switch {
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s exists already: name another folder: %w", path, feature.ErrConflict)
	case err != nil:
		return fmt.Errorf("init: %w", err)
	}
	w.made = append(w.made, name)
	_, err = f.Write(text)
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("init: %w", err)
	}
	return nil
}

// mkdir is os.MkdirAll, and remembers what it made.
func (w *writer) mkdir(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(dir); parent != dir {
		if err := w.mkdir(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o777); err != nil { //nolint:gosec // as the umask says
		return err
	}
	w.dirs = append(w.dirs, dir)
	return nil
}

// ignore keeps the stores out of git; it is false where a .gitignore is there that
// does not.
func (w *writer) ignore() (bool, error) {
	text, err := os.ReadFile(filepath.Join(w.folder, ".gitignore"))
	if errors.Is(err, fs.ErrNotExist) {
		return true, w.write(".gitignore", []byte(".quiver/\n"))
	}
	for line := range strings.Lines(string(text)) {
		if strings.Trim(strings.TrimSpace(line), "/") == ".quiver" {
			return true, nil
		}
	}
	return false, nil // one that can't be read is not ours to judge
}

// undo removes the files and the folders that were made.
func (w *writer) undo() {
	for _, name := range w.made {
		_ = os.Remove(filepath.Join(w.folder, name))
	}
	for i := len(w.dirs) - 1; i >= 0; i-- {
		_ = os.Remove(w.dirs[i]) // stays where something else is in it
	}
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

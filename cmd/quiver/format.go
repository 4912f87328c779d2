package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

func (a *app) formatCommand() *cobra.Command {
	var check bool
	c := &cobra.Command{
		Use:   "fmt [FILE|FOLDER...]",
		Short: "Write definition files in one form",
		Long: `Writes definition files and quiver.yaml in one form: fields in the order of the
schema, two spaces of indentation, mappings in brackets where they fit on a line,
quotes only where they are needed. Comments stay, and nothing changes its meaning.

Without arguments all files of the project are formatted, but none outside its
folder: those are formatted when they are named. "-" reads standard input and
writes standard output. A file that is no YAML is left as it is, and told.`,
		Example: `  quiver fmt
  quiver fmt --check                 # in CI: exit 3 when a file would change
  quiver fmt features/shop.yaml
  quiver fmt - < draft.yaml`,
		RunE: func(_ *cobra.Command, args []string) error {
			if slices.Contains(args, "-") {
				if len(args) > 1 {
					return usagef("- stands for standard input and is named alone")
				}
				return a.formatInput(check)
			}
			files, err := a.formatFiles(args)
			if err != nil {
				return err
			}
			return a.formatAll(files, check)
		},
	}
	c.Flags().BoolVar(&check, "check", false, "write nothing; print what would change and exit with 3")
	return c
}

// formatInput formats standard input.
func (a *app) formatInput(check bool) error {
	const name = "<stdin>"
	text, err := io.ReadAll(io.LimitReader(a.env.in, definition.MaxFile+1))
	if err != nil {
		return fmt.Errorf("standard input can't be read: %w", err)
	}
	formatted, err := definition.Format(name, text)
	if err != nil {
		return a.problems(err)
	}
	if !check {
		return a.printText(string(formatted))
	}
	if bytes.Equal(text, formatted) {
		return a.formatted(nil, true)
	}
	return a.formatted([]change{{name, text, formatted}}, true)
}

// formatFiles gives the files that arguments name; without any, those of the
// project.
func (a *app) formatFiles(args []string) ([]definition.File, error) {
	if len(args) == 0 {
		return a.projectFiles()
	}
	folder, _ := definition.FindProject(a.dir) // outside of projects, folders that are named stand for themselves
	var all []definition.File
	for _, arg := range args {
		path, err := filepath.Abs(arg)
		if err != nil {
			return nil, err
		}
		root := folder
		info, err := os.Stat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("there is no file or folder %s: check the path: %w", arg, feature.ErrNotFound)
		}
		directory := err == nil && info.IsDir()
		if root == "" && directory {
			root = path
		}
		files, err := definition.Files([]string{path}, root)
		if err != nil {
			return nil, err
		}
		if directory { // what links lead to was not named
			files = a.within(root, files)
		}
		all = append(all, files...)
	}
	return all, nil
}

// projectFiles gives the project file and the definitions in the project's folder.
func (a *app) projectFiles() ([]definition.File, error) {
	p, err := a.projectFile()
	if err != nil {
		return nil, err
	}
	files, err := definition.Files(p.Definitions, p.Folder)
	if err != nil {
		return nil, err
	}
	own, err := definition.Files([]string{definition.ProjectFile}, p.Folder)
	if err != nil {
		return nil, err
	}
	return append(own, a.within(p.Folder, files)...), nil
}

// within leaves out the files that lie outside a folder, and tells them.
func (a *app) within(folder string, files []definition.File) []definition.File {
	real, err := filepath.EvalSymlinks(folder)
	if err != nil {
		real = folder
	}
	return slices.DeleteFunc(files, func(f definition.File) bool {
		rel, err := filepath.Rel(real, f.Path)
		outside := err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator))
		if outside {
			a.note("left alone: %s lies outside %s (name the file to format it)", printable(f.Shown), printable(folder))
		}
		return outside
	})
}

// change is a file's text and its formatted one.
type change struct {
	name           string
	old, formatted []byte
}

// formatAll formats files. What can't be formatted is told together, at the end.
func (a *app) formatAll(files []definition.File, check bool) error {
	var changes []change
	var wrong registry.Problems
	for _, f := range files {
		text, formatted, err := formatFile(f)
		if ps := registry.Problems(nil); errors.As(err, &ps) {
			wrong = append(wrong, ps...)
			continue
		} else if err != nil {
			return err
		}
		if bytes.Equal(text, formatted) {
			continue
		}
		if !check {
			if err := replaceFile(f.Path, formatted); err != nil {
				return fmt.Errorf("%s can't be written: %w: %w", f.Shown, err, feature.ErrUnavailable)
			}
		}
		changes = append(changes, change{f.Shown, text, formatted})
	}
	err := a.formatted(changes, check)
	if len(wrong) > 0 && (err == nil || errors.Is(err, errChanges)) {
		return fmt.Errorf("%s; a file that has one is left as it is:\n%w", plural(len(wrong), "problem", "problems"), wrong)
	}
	return err
}

func formatFile(f definition.File) (text, formatted []byte, err error) {
	file, err := os.Open(f.Path)
	if err != nil {
		return nil, nil, fmt.Errorf("%s can't be read: %w: %w", f.Shown, err, feature.ErrInvalid)
	}
	defer func() { _ = file.Close() }()
	if text, err = io.ReadAll(io.LimitReader(file, definition.MaxFile+1)); err != nil {
		return nil, nil, fmt.Errorf("%s can't be read: %w: %w", f.Shown, err, feature.ErrInvalid)
	}
	formatted, err = definition.Format(f.Shown, text)
	return text, formatted, err
}

// formatted tells what has changed, or would.
func (a *app) formatted(changes []change, check bool) error {
	names := []string{}
	for _, c := range changes {
		names = append(names, c.name)
	}
	err := a.print(map[string]any{"changed": names}, func() error {
		for _, c := range changes {
			text := "formatted " + printable(c.name) + "\n"
			if check {
				text = printableLines(string(diff.Diff(c.name, c.old, c.name+" (formatted)", c.formatted)))
			}
			if err := a.printText(text); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil && check && len(changes) > 0 {
		return errChanges
	}
	return err
}

func printableLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = printable(strings.ReplaceAll(l, "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// replaceFile gives a file another text at once, and its old permissions.
func replaceFile(path string, text []byte) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	temp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".tmp-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = temp.Close()
			_ = os.Remove(temp.Name())
		}
	}()
	if err := temp.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if _, err := temp.Write(text); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	return os.Rename(temp.Name(), path)
}

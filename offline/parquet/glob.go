package parquet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// found is a file of a table.
type found struct {
	path string // to open it
	name string // relative to the root where it is below it, with slashes; else absolute
}

// find gives the files that the patterns name, each once, in the order of their
// names.
func (f *Files) find(patterns []string) ([]found, error) {
	root, err := filepath.Abs(f.root)
	if err != nil {
		return nil, fmt.Errorf("data root %s: %w: %w", f.root, err, feature.ErrInvalid)
	}
	if len(patterns) == 0 {
		return nil, fmt.Errorf("no file, folder or glob is named: %w", feature.ErrInvalid)
	}
	seen := map[string]bool{}
	var all []found
	for _, pattern := range patterns {
		paths, err := expand(root, pattern)
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			if !seen[p] {
				seen[p] = true
				all = append(all, found{path: p, name: nameOf(root, p)})
			}
		}
	}
	slices.SortFunc(all, func(a, b found) int { return strings.Compare(a.name, b.name) })
	return all, nil
}

// locate gives the path of a file by the name that find gave it.
func (f *Files) locate(name string) (string, error) {
	p := filepath.FromSlash(name)
	if filepath.IsAbs(p) {
		return p, nil
	}
	root, err := filepath.Abs(f.root)
	if err != nil {
		return "", fmt.Errorf("data root %s: %w: %w", f.root, err, feature.ErrInvalid)
	}
	return filepath.Join(root, p), nil
}

func nameOf(root, p string) string {
	if rel, err := filepath.Rel(root, p); err == nil && filepath.IsLocal(rel) {
		return filepath.ToSlash(rel)
	}
	return filepath.ToSlash(p)
}

// expand gives the files that one pattern names, as clean absolute paths.
func expand(root, pattern string) ([]string, error) {
	if pattern == "" {
		return nil, fmt.Errorf("an empty path: expected a file, a folder or a glob: %w", feature.ErrInvalid)
	}
	clean := path.Clean(filepath.ToSlash(pattern))
	base := root
	if path.IsAbs(clean) {
		base, clean = "/", strings.TrimLeft(clean, "/")
		if clean == "" {
			clean = "."
		}
	}
	parts := strings.Split(clean, "/")
	for _, part := range parts {
		if unescape(part) == ".." {
			return nil, fmt.Errorf("path %q leaves the data root %s: name a path below it, or an absolute path: %w", pattern, root, feature.ErrInvalid)
		}
	}
	// A name that exists is taken as it stands, whatever signs it has.
	for _, name := range []string{clean, unescape(clean)} {
		p := filepath.Join(base, filepath.FromSlash(name))
		st, err := os.Stat(p)
		switch {
		case err == nil && st.IsDir():
			return folder(p, pattern)
		case err == nil:
			return []string{p}, nil
		case !errors.Is(err, fs.ErrNotExist) && !hasMeta(clean):
			return nil, openError(nameOf(root, p), err)
		}
	}
	if !hasMeta(clean) {
		return nil, openError(nameOf(root, filepath.Join(base, filepath.FromSlash(unescape(clean)))), fs.ErrNotExist)
	}
	if malformed(parts) {
		return nil, fmt.Errorf("glob %q is malformed: close every [ with ], and write a literal one as \\[: %w", pattern, feature.ErrInvalid)
	}
	var files []string
	if err := walk(base, parts, &files); err != nil {
		return nil, fmt.Errorf("glob %q: %w", pattern, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("no file matches %q below %s: check the path; names that start with _ or . are skipped: %w",
			pattern, base, feature.ErrNotFound)
	}
	return files, nil
}

// walk appends the files below dir that the parts of a pattern match. A folder
// matched by the last part stands for the files in it.
func walk(dir string, parts []string, files *[]string) error {
	part, rest := parts[0], parts[1:]
	if part == "**" {
		if len(rest) == 0 {
			below, err := below(dir)
			*files = append(*files, below...)
			return err
		}
		if err := walk(dir, rest, files); err != nil {
			return err
		}
		return entries(dir, func(name string, isDir bool) error {
			if isDir && !hidden(name) {
				return walk(filepath.Join(dir, name), parts, files)
			}
			return nil
		})
	}
	match := func(name string) bool {
		ok, err := path.Match(goPattern(part), name)
		return ok && err == nil && (!hidden(name) || part[0] == name[0] || !hasMeta(part))
	}
	return entries(dir, func(name string, isDir bool) error {
		if !match(name) {
			return nil
		}
		p := filepath.Join(dir, name)
		switch {
		case len(rest) > 0 && isDir:
			return walk(p, rest, files)
		case len(rest) == 0 && isDir:
			inside, err := below(p)
			*files = append(*files, inside...)
			return err
		case len(rest) == 0:
			*files = append(*files, p)
		}
		return nil
	})
}

// entries calls fn for the entries of a folder, links followed. A folder that is
// not there has none.
func entries(dir string, fn func(name string, isDir bool) error) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return openError(dir, err)
	}
	for _, e := range list {
		isDir := e.IsDir()
		if e.Type()&fs.ModeSymlink != 0 {
			st, err := os.Stat(filepath.Join(dir, e.Name()))
			if err != nil {
				return openError(filepath.Join(dir, e.Name()), err)
			}
			isDir = st.IsDir()
		}
		if err := fn(e.Name(), isDir); err != nil {
			return err
		}
	}
	return nil
}

// folder gives the Parquet files below a folder that was named outright.
func folder(dir, pattern string) ([]string, error) {
	files, err := below(dir)
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("folder %q has no file that ends in .parquet, .parq or .pq (names that start with _ or . are skipped): %w",
			pattern, feature.ErrNotFound)
	}
	return files, nil
}

// below gives the Parquet files in a folder and the folders in it. Linked folders
// are not entered: they could lead in a circle.
func below(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return openError(p, err)
		case p == dir:
			return nil
		case hidden(d.Name()) && d.IsDir():
			return fs.SkipDir
		case hidden(d.Name()) || d.IsDir():
			return nil
		}
		switch strings.ToLower(filepath.Ext(p)) {
		case ".parquet", ".parq", ".pq":
			files = append(files, p)
		}
		return nil
	})
	return files, err
}

func hidden(name string) bool { return strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") }

// hasMeta tells whether a pattern has signs that stand for more than themselves.
func hasMeta(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return true
		}
	}
	return false
}

func unescape(pattern string) string {
	if !strings.Contains(pattern, `\`) {
		return pattern
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '\\' && i+1 < len(pattern) {
			i++
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}

// goPattern writes a pattern as path.Match reads it, where [^a] is what shells
// also write as [!a].
func goPattern(pattern string) string { return strings.ReplaceAll(pattern, "[!", "[^") }

func malformed(parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool {
		_, err := path.Match(goPattern(part), "")
		return err != nil
	})
}

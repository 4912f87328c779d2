package definition

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/quiver-features/quiver/registry"
)

// ProjectFile is the name of the file that makes a folder a project.
const ProjectFile = "quiver.yaml"

// file is a definition file: where it is, and how messages show it.
type file struct {
	path  string
	shown string // relative to the project, with slashes, where it is below it
}

func (f file) at(line, column int) registry.Position {
	return registry.Position{File: f.shown, Line: line, Column: column}
}

// lister finds the definition files below some paths.
type lister struct {
	root     string
	problems *problems
	seen     map[string]bool // real paths of files and folders
	files    []file
	count    int // of entries of folders
}

// listFiles gives the files that paths stand for, in the order of their paths.
func listFiles(paths []string, root string, p *problems) []file {
	l := &lister{root: root, problems: p, seen: map[string]bool{}}
	for _, path := range paths {
		if !filepath.IsAbs(path) {
			path = filepath.Join(root, path)
		}
		l.path(path, true)
	}
	slices.SortFunc(l.files, func(a, b file) int { return strings.Compare(a.shown, b.shown) })
	return l.files
}

// path adds a file, or the files below a folder. Links are followed; a place
// that was seen before, be it by a circle of links, is left out.
func (l *lister) path(path string, outright bool) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		if _, told := os.Stat(path); told != nil {
			err = told // in the system's words, and of its kinds
		}
		l.fail(path, err)
		return
	}
	if l.seen[real] || len(l.files) > maxFiles {
		return
	}
	info, err := os.Stat(real)
	if err != nil {
		l.fail(path, err)
		return
	}
	switch {
	case info.IsDir():
		l.seen[real] = true
		l.folder(path)
	case !outright && !isDefinition(path):
	case !info.Mode().IsRegular():
		l.problems.add(registry.Position{}, l.shown(path)+" is neither a file nor a folder", "")
	default:
		l.seen[real] = true
		if l.files = append(l.files, file{path: real, shown: l.shown(path)}); len(l.files) > maxFiles {
			l.problems.add(registry.Position{}, fmt.Sprintf("more than %d definition files in one project", maxFiles), "")
		}
	}
}

// folder adds the files below a folder. What can be no definition by its name is
// not looked at.
func (l *lister) folder(path string) {
	entries, err := l.entries(path)
	if err != nil {
		l.fail(path, err)
		return
	}
	if l.count += len(entries); l.count > maxEntries {
		if l.count-len(entries) <= maxEntries {
			l.problems.add(registry.Position{}, fmt.Sprintf("definitions: more than %d files and folders up to %s", maxEntries, l.shown(path)),
				"keep definitions in folders of their own")
		}
		return
	}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, "_") || strings.HasPrefix(name, ".") || e.Type().IsRegular() && !isDefinition(name) {
			continue
		}
		l.path(filepath.Join(path, name), false)
	}
}

// entries reads a folder, in the order of names; of one that has too much in it
// only so much that it is noticed.
func (l *lister) entries(path string) ([]fs.DirEntry, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(max(1, maxEntries+1-l.count))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	return entries, nil
}

func isDefinition(path string) bool {
	name := filepath.Base(path)
	ext := filepath.Ext(name)
	return (ext == ".yaml" || ext == ".yml") && name != ProjectFile && !IsTest(name)
}

// IsTest tells whether a file among definitions holds tests of features, which are no
// definitions, by its name.
func IsTest(path string) bool {
	return strings.HasSuffix(path, ".test.yaml") || strings.HasSuffix(path, ".test.yml")
}

func (l *lister) fail(path string, err error) {
	if errors.Is(err, fs.ErrNotExist) {
		l.problems.add(registry.Position{}, fmt.Sprintf("definitions: there is no file or folder %s", l.shown(path)),
			"make it, or correct definitions in "+ProjectFile)
		return
	}
	hint := ""
	if errors.Is(err, fs.ErrPermission) {
		hint = "check its permissions"
	}
	l.problems.add(registry.Position{}, fmt.Sprintf("definitions: can't read %s: %v", l.shown(path), cause(err)), hint)
}

func (l *lister) shown(path string) string { return shownPath(l.root, path) }

// shownPath is a path as messages show it: relative to the project's folder and
// with slashes where it is below it, else as it is.
func shownPath(root, path string) string {
	rel, err := filepath.Rel(root, path)
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return filepath.ToSlash(path)
	}
	return filepath.ToSlash(rel)
}

// cause is the reason of a file system error, without the operation and the path.
func cause(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err
	}
	return err
}

// read gives the file's text, checked: UTF-8 without a byte order mark, with line
// feeds or CR LF as line ends and no other control characters than tabs.
func (f file) read(p *problems) ([]byte, bool) {
	text, err := readLimited(f.path)
	if err != nil {
		p.add(f.at(1, 1), fmt.Sprintf("can't read the file: %v", cause(err)), "")
		return nil, false
	}
	return f.check(text, p)
}

// check does so for a text that was read.
func (f file) check(text []byte, p *problems) ([]byte, bool) {
	if len(text) > MaxFile {
		p.add(f.at(1, 1), fmt.Sprintf("the file is longer than %d MiB", MaxFile>>20), "split it into several files")
		return nil, false
	}
	text, problem, offset := checkText(text)
	if problem != "" {
		line := 1 + bytes.Count(text[:offset], []byte("\n"))
		column := 1 + utf8.RuneCount(text[bytes.LastIndexByte(text[:offset], '\n')+1:offset])
		p.add(f.at(line, column), problem, "save the file as UTF-8 text")
		return nil, false
	}
	return text, true
}

// readLimited reads a regular file: others could have no end, or keep the reader
// waiting. It gives a byte more than is allowed of one that is too long.
func readLimited(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // opening a pipe would wait for its writer
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return nil, cmp.Or(err, errors.New("it is no regular file"))
	}
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// checkText drops a leading byte order mark and looks for what YAML text can't
// hold. The parser would refuse most of it too, but without saying where.
func checkText(text []byte) (rest []byte, problem string, offset int) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return text, "the file is UTF-16, expected UTF-8", 0
	}
	text = bytes.TrimPrefix(text, []byte("\uFEFF"))
	for i := 0; i < len(text); {
		c := text[i]
		if c >= ' ' && c < 0x7f || c == '\n' || c == '\t' {
			i++
			continue
		}
		if c == '\r' {
			if i+1 < len(text) && text[i+1] == '\n' {
				i++
				continue
			}
			return text, "a carriage return without a line feed", i
		}
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			return text, fmt.Sprintf("the byte 0x%02X is not UTF-8", c), i
		case r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == '\uFEFF' || r == '\uFFFE' || r == '\uFFFF':
			return text, fmt.Sprintf("the control character U+%04X can't stand in a file", r), i
		}
		i += size
	}
	return text, "", 0
}

// File is a file that definitions are read from.
type File struct {
	Path  string // absolute, links followed
	Shown string // as messages name it: relative to the project's folder where it is below it
}

// Files gives the files that Load reads for the same arguments, in its order.
// What can't be found or read is returned as registry.Problems.
func Files(paths []string, root string) ([]File, error) {
	p := &problems{}
	var found []File
	for _, f := range listFiles(paths, root, p) {
		found = append(found, File{Path: f.path, Shown: f.shown})
	}
	return found, p.err()
}

package definition

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Project is a project file, quiver.yaml, as one of its environments sees it.
type Project struct {
	Name         string
	Folder       string   // absolute; of the project file
	Environment  string   // the chosen one; empty: none
	Environments []string // the names of all, in order

	Definitions []string // files and folders, absolute
	Data        Setting  // Value is the absolute path of the sources' root
	Registry    Setting  // Value is a URL; the path of a sqlite one is absolute
	Online      Setting  // Value is a URL; the path of a sqlite one is absolute
	// OnlineUnset says which variable of Online is not set or empty; Online has no
	// value then. It is for those who open the store: who does not, needs no variable.
	OnlineUnset error

	// Now is the clock of every command; nil: the machine's own.
	Now *feature.Time
}

// Setting is a value of the project file.
type Setting struct {
	Raw   string // as the file has it, ${NAME} not replaced, or the default
	Value string // ready for use; may hold secrets, see Mask
}

// String writes the value without its secrets.
func (s Setting) String() string { return Mask(s.Value) }

// Load reads the project's definitions; see the function Load.
func (p *Project) Load() (*registry.Definitions, error) { return Load(p.Definitions, p.Folder) }

// FindProject gives the absolute path of the folder with the project file: dir or
// the nearest one around it. The error wraps feature.ErrNotFound,
// or feature.ErrUnavailable where a folder on the way may not be looked into.
func FindProject(dir string) (string, error) {
	start, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", ProjectFile, err)
	}
	if info, err := os.Stat(start); errors.Is(err, fs.ErrPermission) {
		return "", denied(start)
	} else if err != nil || !info.IsDir() {
		return "", fmt.Errorf("there is no folder %s: %w", start, feature.ErrNotFound)
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		info, err := os.Stat(filepath.Join(folder, ProjectFile))
		if err == nil && !info.IsDir() {
			return folder, nil
		}
		if errors.Is(err, fs.ErrPermission) {
			return "", denied(folder)
		}
		if folder == filepath.Dir(folder) {
			return "", fmt.Errorf("there is no %s in %s or in a folder around it: run quiver init to make a project, or name its folder with -C: %w",
				ProjectFile, start, feature.ErrNotFound)
		}
	}
}

// denied is the error of a folder that may not be looked into: whether a project is
// there is not known.
func denied(folder string) error {
	return fmt.Errorf("permission denied: %s: this user may not look for %s there: %w", folder, ProjectFile, feature.ErrUnavailable)
}

// LoadProject reads a project file, or the one in a folder. env chooses one of
// its environments, whose values replace those outside; empty chooses none.
// ${NAME} in a value is replaced by what lookup gives for NAME, and $${ by ${;
// only variables of values that are in use have to be set. Relative paths are
// relative to the project file's folder.
// A variable of the online store's URL may be missing: see Project.OnlineUnset.
//
// What is wrong with the file is returned as registry.Problems, without the
// values of variables. An unknown environment and a missing file are errors that
// wrap feature.ErrNotFound.
func LoadProject(path, env string, lookup func(string) (string, bool)) (*Project, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("project file: %w", err)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, ProjectFile)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrPermission) {
		return nil, denied(filepath.Dir(path))
	} else if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no project file %s: run quiver init to make one: %w", path, feature.ErrNotFound)
	}
	p := &problems{}
	f := file{path: path, shown: filepath.Base(path)}
	text, ok := f.read(p)
	if !ok {
		return nil, p.err()
	}
	return f.project(text, env, lookup)
}

// project reads a project file from its text.
func (f file) project(text []byte, env string, lookup func(string) (string, bool)) (*Project, error) {
	p := &problems{}
	r := &projectReader{lookup: lookup, folder: filepath.Dir(f.path)}
	project := r.read(f, text, env, p)
	if err := p.err(); err != nil {
		return nil, err
	}
	if env != "" && !slices.Contains(project.Environments, env) {
		return nil, unknownEnvironment(env, project.Environments, f.shown)
	}
	return project, nil
}

func unknownEnvironment(env string, known []string, file string) error {
	hint := file + " has none"
	if len(known) > 0 {
		hint = file + " has " + listed(known)
	}
	if n := feature.Nearest(env, slices.Values(known)); n != "" {
		hint += fmt.Sprintf("; did you mean %q?", n)
	}
	return fmt.Errorf("unknown environment %s (%s): %w", quoted(env), hint, feature.ErrNotFound)
}

// projectReader reads the project file.
type projectReader struct {
	lookup func(string) (string, bool)
	folder string
	values map[string]*yaml.Node // those in use: the environment's, else the file's
	*object
}

func (r *projectReader) read(f file, text []byte, env string, p *problems) *Project {
	project := &Project{Folder: r.folder, Environment: env}
	root, rd := f.single(text, p)
	if root == nil {
		return project
	}
	o := rd.object(root, &rd.grammar.project, positions{})
	if o == nil {
		return project
	}
	r.object = o
	r.values = maps.Clone(o.fields)
	project.Environments = r.environments(env)
	if env != "" && !slices.Contains(project.Environments, env) {
		return project // which values count is not known
	}

	if n := r.values["project"]; n != nil {
		if s, ok := r.expanded(n, "project"); ok {
			if err := feature.CheckName(s.Value); err != nil {
				o.problem(n, "project: "+r.told(s, plain(err), "the variable's value is no name"), "")
			}
			project.Name = s.Value
		}
	}
	project.Definitions = r.definitions()
	project.Data = r.data()
	project.Registry = r.store("registry", "sqlite:.quiver/registry.db", registryURLs())
	project.Online, project.OnlineUnset = r.online()
	project.Now = r.now()
	return project
}

// single reads a text of one document; it gives nil and reports why where there
// is not exactly one.
func (f file) single(text []byte, p *problems) (*yaml.Node, *reader) {
	g := newGrammar()
	var root *yaml.Node
	var rd *reader
	whole := true
	for line, chunk := range chunks(text) {
		r := &reader{file: f.shown, line: line, grammar: g, problems: p}
		nodes, ok := r.parse(chunk)
		whole = whole && ok
		for _, n := range nodes {
			if root != nil {
				r.problem(n, "a project file holds one document", "move definitions into files of their own")
				return nil, nil
			}
			root, rd = n, r
		}
	}
	if root == nil && whole {
		p.add(f.at(1, 1), "the project file is empty", "it needs at least a line like project: flights")
	}
	return root, rd
}

// environments checks all environments' fields and puts the values of the chosen
// one in the place of the file's. It gives the names.
func (r *projectReader) environments(chosen string) []string {
	var names []string
	for k, v := range r.mapping("environments", "a mapping of environment to its values", "environment") {
		if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,127}$`).MatchString(k.Value) {
			r.problem(k, fmt.Sprintf("bad name %s of an environment: a letter followed by letters, digits, - and _", quoted(k.Value)), "")
			continue
		}
		names = append(names, k.Value)
		e := r.reader.object(v, &r.grammar.environment, positions{})
		if e != nil && k.Value == chosen {
			maps.Copy(r.values, e.fields)
		}
	}
	return names
}

// expanded reads a text with its variables replaced.
func (r *projectReader) expanded(n *yaml.Node, field string) (Setting, bool) {
	raw, ok := r.string(n, field, "text", maxText)
	if !ok {
		return Setting{}, false
	}
	value, err := expand(raw, r.lookup)
	if err != nil {
		r.problem(n, field+": "+err.Error(), "")
		return Setting{}, false
	}
	if value == "" && raw != "" {
		r.problem(n, field+": "+emptied(raw), "")
		return Setting{}, false
	}
	if strings.ContainsFunc(value, isControl) || strings.ContainsAny(value, "\n\t") {
		r.problem(n, field+": control characters can't stand in a value", "")
		return Setting{}, false
	}
	return Setting{Raw: raw, Value: value}, true
}

// told gives a message that may show a setting's value, or another one where the
// value comes from the environment: that may be secret.
func (r *projectReader) told(s Setting, message, otherwise string) string {
	if s.Raw != s.Value {
		return otherwise
	}
	return message
}

func (r *projectReader) definitions() []string {
	const field = "definitions"
	n := r.values[field]
	if n == nil {
		return []string{filepath.Join(r.folder, "features")}
	}
	items := []*yaml.Node{n}
	if n.Kind != yaml.ScalarNode {
		if items = n.Content; n.Kind != yaml.SequenceNode {
			r.mismatch(n, field, "a list of files and folders")
			return nil
		}
		if len(items) == 0 {
			r.problem(n, field+": expected at least one file or folder", "leave it out for the folder features")
		}
	}
	var paths []string
	for _, item := range items {
		s, ok := r.expanded(item, field)
		switch {
		case !ok:
		case s.Value == "":
			r.problem(item, field+": a path can't be empty", "")
		default:
			paths = append(paths, r.absolute(s.Value))
		}
	}
	return paths
}

func (r *projectReader) absolute(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(r.folder, path)
}

func (r *projectReader) data() Setting {
	n := r.values["data"]
	if n == nil {
		return Setting{Raw: ".", Value: r.folder}
	}
	s, ok := r.expanded(n, "data")
	switch {
	case !ok:
	case s.Value == "":
		r.problem(n, "data: a path can't be empty", "leave it out for the project's folder")
	case strings.Contains(s.Value, "://"):
		r.problem(n, "data: expected a folder, got a URL", "")
	default:
		s.Value = r.absolute(s.Value)
	}
	return s
}

// online reads the URL of the online store. A variable that is missing is no problem
// of the file, but an error for those who need the store.
func (r *projectReader) online() (Setting, error) {
	const field = "online"
	if n := r.values[field]; n != nil && n.Kind == yaml.ScalarNode && n.Value != "" {
		value, err := expand(n.Value, r.lookup)
		text := ""
		if unset := (unsetError{}); errors.As(err, &unset) {
			text = unset.Error()
		} else if err == nil && value == "" {
			text = emptied(n.Value)
		}
		if text != "" {
			return Setting{Raw: n.Value}, registry.Problems{{Position: r.pos(n), Message: field + ": " + text}}
		}
	}
	return r.store(field, "sqlite:.quiver/online.db", onlineURLs()), nil
}

// store reads the URL of a store: sqlite: with a path, or one of the schemes.
func (r *projectReader) store(field, otherwise string, known urls) Setting {
	n := r.values[field]
	s := Setting{Raw: otherwise, Value: otherwise}
	if n != nil {
		var ok bool
		if s, ok = r.expanded(n, field); !ok {
			return s
		}
	}
	if scheme, rest, ok := known.hosts(s.Value); ok {
		if rest == "" {
			r.problem(n, fmt.Sprintf("%s: %s:// names no host", field, scheme), "")
		}
		return s
	}
	expected := "expected " + known.expected()
	path, ok := strings.CutPrefix(s.Value, "sqlite:")
	switch {
	case !ok:
		r.problem(n, field+": "+r.told(s, expected+", got "+quoted(Mask(s.Value)), expected+", got another value from the environment"), "")
	case strings.HasPrefix(path, "//") && !strings.HasPrefix(path, "///"):
		r.problem(n, field+": a file is named without slashes before it", "write sqlite:FILE")
	case path == "" || path == ":memory:" || strings.HasSuffix(path, "/"):
		r.problem(n, field+": sqlite: is followed by the path of a file", "for example "+otherwise)
	default:
		s.Value = "sqlite:" + r.absolute(path)
	}
	return s
}

// now reads the frozen clock.
func (r *projectReader) now() *feature.Time {
	n := r.values["now"]
	if n == nil {
		return nil
	}
	// YAML has times of its own; what counts is the text.
	text := *n
	if n.Kind == yaml.ScalarNode && n.Tag == "!!timestamp" {
		text.Tag = "!!str"
	}
	s, ok := r.expanded(&text, "now")
	if !ok {
		return nil
	}
	t, err := feature.ParseTime(s.Value)
	if err != nil {
		r.problem(n, "now: "+r.told(s, quoted(s.Value)+" is no time", "the variable's value is no time"), "for example 2001-06-30T12:00:00Z")
		return nil
	}
	return &t
}

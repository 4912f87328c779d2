package definition

import "github.com/quiver-features/quiver/registry"

// LoadText is Load of one file with a text, without the disk.
func LoadText(name, text string) (*registry.Definitions, error) {
	l := newLoader()
	f := file{shown: name}
	if checked, ok := f.check([]byte(text), l.problems); ok {
		l.text(f, checked)
	}
	return l.end()
}

// LoadProjectText is LoadProject of a file with a text, without the disk.
func LoadProjectText(path, text, env string, lookup func(string) (string, bool)) (*Project, error) {
	p := &problems{}
	f := file{path: path, shown: ProjectFile}
	checked, ok := f.check([]byte(text), p)
	if !ok {
		return nil, p.err()
	}
	return f.project(checked, env, lookup)
}

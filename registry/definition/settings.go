package definition

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"go.yaml.in/yaml/v4"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// Value is one value of a file of settings, and where it stands.
type Value struct {
	Text string // as the file has it, without quotes
	At   registry.Position
}

// LoadSettings reads a file of settings, a mapping of known names to single
// values, as strictly as definitions are read. what is how messages call the
// file ("the server's configuration"); positions show the path as it is given. A
// file without a document sets nothing.
//
// Beside an error the values that could be read are given, so that all that is
// wrong with them can be told, too. What is wrong with the file is returned as
// registry.Problems; a missing file wraps feature.ErrNotFound.
func LoadSettings(path, what string, known []string) (map[string]Value, error) {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no file %s: %w", path, feature.ErrNotFound)
	}
	p := &problems{}
	s := &shape{what: what}
	for _, name := range known {
		s.fields = append(s.fields, field{name: name})
	}
	f := file{path: path, shown: path}
	values := map[string]Value{}
	text, _ := f.read(p)
	documents := 0
	for line, chunk := range chunks(text) {
		r := &reader{file: f.shown, line: line, problems: p}
		roots, _ := r.parse(chunk)
		for _, root := range roots {
			if documents++; documents > 1 {
				r.problem(root, what+" is one document", "")
				return values, p.err()
			}
			if o := r.object(root, s, positions{}); o != nil {
				o.values(values)
			}
		}
	}
	return values, p.err()
}

// values takes the single values of a mapping.
func (o *object) values(into map[string]Value) {
	for name, n := range o.fields {
		if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
			o.mismatch(n, name, "a single value")
			continue
		}
		into[name] = Value{Text: n.Value, At: o.pos(n)}
	}
}

// Package definition reads what a project writes down: the YAML files with its
// entities, sources, views and services (Load), and quiver.yaml, which says where
// things are (LoadProject).
//
// Reading is strict. An unknown field, a wrong type, a duplicate or a name that
// nothing bears is a problem with file, line and column, what was expected and,
// where there is one, the nearest known name; all problems of all files come in
// one error (registry.Problems). A document with a syntax error doesn't hide
// those of the next one, nor does it make the references to it dangle.
//
// Input may be hostile: sizes, depth and counts are limited, and YAML's anchors,
// aliases, tags and merge keys are refused, so that nothing expands. What is no
// regular file is not read, however it is named. A source's relative path can't
// leave the data folder by its text; links below that folder are followed, because
// who may write there decides what is read anyway. The package reads files and nothing else: no environment, no clock, no registry, no data.
package definition

import (
	"fmt"

	"github.com/quiver-features/quiver/registry"
)

// MaxFile is the greatest size of a definition file or a project file, in bytes.
const MaxFile = 16 << 20

// Limits of what a project may hold. They are far beyond real projects and keep
// a broken or hostile file from taking the machine's memory.
const (
	maxDocument  = 4 << 20  // bytes of one document
	maxItems     = 250_000  // lines, fields and list items of one document; the parser takes up to 2 KiB for each
	maxText      = 64 << 10 // bytes of one text
	maxColumn    = 1024     // bytes of a column's name
	maxDepth     = 64       // levels of nesting in a document
	maxDocuments = 100_000  // in all files together
	maxFeatures  = 10_000   // of one view
	maxUses      = 10_000   // of views in one service
	maxInputs    = 10_000   // of one service
	maxDerived   = 10_000   // of one service, and columns of one source
	maxRoles     = 32       // entities of one view
	maxKeys      = 32       // join keys of one entity
	maxFiles     = 100_000  // in all folders together
	maxEntries   = 500_000  // files and folders of any kind, in all folders together
	maxTotal     = 64 << 20 // bytes of all files together
)

// Load reads the definitions in files and folders. Paths are relative to root,
// the project's folder, or absolute. A folder stands for all *.yaml and *.yml
// files below it, but those whose names, or whose folders' names, start with _ or
// a dot, and quiver.yaml itself; a file that is named outright is always read. A
// file reached twice is read once. Objects come in the order of their files'
// paths and, within a file, as they stand.
//
// Positions and problems show paths relative to root. What is wrong with the
// definitions is returned as registry.Problems, which wrap feature.ErrInvalid; no
// definitions are returned then.
func Load(paths []string, root string) (*registry.Definitions, error) {
	l := newLoader()
	for _, f := range listFiles(paths, root, l.problems) {
		l.file(f)
	}
	return l.end()
}

func newLoader() *loader {
	return &loader{problems: &problems{}, grammar: newGrammar(), broken: map[string]bool{}}
}

// end checks what was read as a whole.
func (l *loader) end() (*registry.Definitions, error) {
	newChecker(l).check()
	if err := l.problems.err(); err != nil {
		return nil, err
	}
	return l.definitions(), nil
}

// loader gathers the objects of all files.
type loader struct {
	problems  *problems
	grammar   *grammar
	documents int
	bytes     int // of all texts

	entities []*entity
	sources  []*source
	views    []*view
	services []*service

	// broken are the names, by kind, of documents that could not be read as far as
	// their names: references to them are not dangling. Kind "" is an unknown one.
	broken map[string]bool
}

// file reads all documents of one file.
func (l *loader) file(f file) {
	text, ok := f.read(l.problems)
	if !ok || l.bytes > maxTotal {
		return // more is not looked at, and was told
	}
	if l.bytes += len(text); l.bytes > maxTotal {
		l.problems.add(f.at(1, 1), fmt.Sprintf("the definitions of the project are longer than %d MiB together", maxTotal>>20),
			"leave files out by definitions in "+ProjectFile)
		return
	}
	l.text(f, text)
}

// text reads the documents of a file's text.
func (l *loader) text(f file, text []byte) {
	for line, chunk := range chunks(text) {
		l.documents++
		if l.documents > maxDocuments {
			if l.documents == maxDocuments+1 {
				l.problems.add(f.at(line+1, 1), fmt.Sprintf("more than %d documents in one project", maxDocuments), "")
			}
			return
		}
		r := &reader{file: f.shown, line: line, grammar: l.grammar, problems: l.problems}
		nodes, whole := r.parse(chunk)
		if !whole {
			kind, name := salvage(chunk)
			l.breaks(kind, name)
		}
		for _, n := range nodes {
			l.document(r, n)
		}
	}
}

// breaks notes a document that could not be read.
func (l *loader) breaks(kind, name string) { l.broken[registry.Path(kind, name)] = true }

// isBroken tells whether a document that could not be read bears the name.
func (l *loader) isBroken(kind, name string) bool {
	return l.broken[registry.Path(kind, name)] || l.broken[registry.Path("", name)]
}

// definitions gives what was read, once there are no problems.
func (l *loader) definitions() *registry.Definitions {
	d := &registry.Definitions{Positions: map[string]registry.Position{}}
	for _, o := range l.entities {
		d.Entities = append(d.Entities, o.Entity)
		o.at.export(d.Positions, registry.KindEntity, o.Name)
	}
	for _, o := range l.sources {
		d.Sources = append(d.Sources, o.Source)
		o.at.export(d.Positions, registry.KindSource, o.Name)
	}
	for _, o := range l.views {
		d.Views = append(d.Views, o.View)
		o.at.export(d.Positions, registry.KindView, o.Name)
	}
	for _, o := range l.services {
		d.Services = append(d.Services, o.Service)
		o.at.export(d.Positions, registry.KindService, o.Name)
	}
	return d
}

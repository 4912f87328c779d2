package registry

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Definitions are what a project's files say, before anything is looked up in
// the registry or in the data. Every name in them is unique per kind and every
// reference between them resolves.
type Definitions struct {
	Entities []feature.Entity
	Sources  []feature.Source
	Views    []feature.View
	Services []feature.Service

	// Positions says where each part stands, by its path (see Path).
	Positions map[string]Position
}

// Kinds of objects in a registry, as definitions write them.
const (
	KindEntity  = "entity"
	KindSource  = "source"
	KindView    = "view"
	KindService = "service"
)

// Path makes the key of Positions: the object's kind and name, then field
// names, map keys and, for lists, item names or decimal indexes from 0:
// Path("view", "route_last", "features", "delay", "type").
func Path(kind, name string, parts ...string) string {
	return strings.Join(append([]string{kind, name}, parts...), "\x00")
}

// At gives where a part stands or, where the file does not name it, the nearest
// part around it that it does name.
func (d *Definitions) At(kind, name string, parts ...string) Position {
	for n := len(parts); n >= 0; n-- {
		if p, ok := d.Positions[Path(kind, name, parts[:n]...)]; ok {
			return p
		}
	}
	return Position{}
}

// PartText is the last part of the path of an expression's own text, where it stands
// in one line as it is: what the place of an error in it is counted from.
const PartText = "text"

// Within gives the place of a character of an expression, whose line and column in
// it count from 1. exact is false where the text is written over several lines or
// with escapes: then it is the place where the expression begins.
func (d *Definitions) Within(line, column int, kind, name string, parts ...string) (at Position, exact bool) {
	text, ok := d.Positions[Path(kind, name, append(slices.Clone(parts), PartText)...)]
	if !ok || line != 1 {
		return d.At(kind, name, parts...), false
	}
	text.Column += column - 1
	return text, true
}

// Position is a place in a definition file. Lines and columns count from 1.
type Position struct {
	File         string
	Line, Column int
}

// String writes file:line:column.
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Problem is one thing that is wrong with the definitions.
type Problem struct {
	Position
	Message string // what is wrong and what was expected
	Hint    string // what to do about it; may be empty
}

// Problems are all that is wrong with the definitions, in the order of the
// files. As an error they wrap feature.ErrInvalid.
type Problems []Problem

// Error writes a line for each problem: file:line:column: message (hint).
func (ps Problems) Error() string {
	var b strings.Builder
	for i, p := range ps {
		if i > 0 {
			b.WriteByte('\n')
		}
		if p.File != "" {
			b.WriteString(p.Position.String() + ": ")
		}
		b.WriteString(p.Message)
		if p.Hint != "" {
			b.WriteString(" (" + p.Hint + ")")
		}
	}
	return b.String()
}

// Unwrap gives feature.ErrInvalid.
func (ps Problems) Unwrap() error { return feature.ErrInvalid }

// Sort orders problems by file, line and column.
func (ps Problems) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
}

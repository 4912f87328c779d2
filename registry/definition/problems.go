package definition

import (
	"fmt"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

const (
	maxShown = 100    // problems in one error; the rest is counted
	maxKept  = 10_000 // problems held before they are sorted
)

// problems gathers what is wrong. The zero value is ready to use.
type problems struct {
	list  []registry.Problem
	more  int // beyond maxKept
	hints int // nearest names looked up so far
}

func (p *problems) add(at registry.Position, message, hint string) {
	if len(p.list) >= maxKept {
		p.more++
		return
	}
	p.list = append(p.list, registry.Problem{Position: at, Message: message, Hint: hint})
}

// err gives the problems in the order of the files, each once, or nil. Beyond
// maxShown the last one says how many more there are.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	ps := registry.Problems(p.list)
	ps.Sort()
	ps = distinct(ps)
	more := p.more
	if len(ps) > maxShown {
		more += len(ps) - maxShown
		ps = ps[:maxShown]
	}
	if more > 0 {
		ps = append(ps, registry.Problem{Message: fmt.Sprintf("and %d more problems", more)})
	}
	return ps
}

func distinct(ps registry.Problems) registry.Problems {
	seen := make(map[registry.Problem]bool, len(ps))
	return slices.DeleteFunc(ps, func(p registry.Problem) bool {
		if seen[p] {
			return true
		}
		seen[p] = true
		return false
	})
}

// nearest is the hint that names what was probably meant, or the one given where
// nothing is near. Past the problems that are shown no names are looked up.
func (p *problems) nearest(name string, known []string, otherwise string) string {
	p.hints++
	if p.hints > 2*maxShown {
		return otherwise
	}
	if n := feature.Nearest(name, slices.Values(known)); n != "" {
		return fmt.Sprintf("did you mean %q?", n)
	}
	return otherwise
}

// plain is an error's text without the kind that it wraps: problems are all of
// one kind.
func plain(err error) string {
	return strings.TrimSuffix(err.Error(), ": "+feature.ErrInvalid.Error())
}

// quoted writes a text for a message: on one line, and not longer than a glance.
func quoted(s string) string {
	head, rest := beginningOf(s)
	return fmt.Sprintf("%q%s", head, rest)
}

// beginningOf gives as much of a text as a message has room for, and dots where there is
// more of it.
func beginningOf(s string) (head, rest string) {
	const most = 60
	if len(s) <= most {
		return s, ""
	}
	cut := most
	for cut > 0 && s[cut]&0xC0 == 0x80 { // not within a character
		cut--
	}
	return s[:cut], "…"
}

// listed writes names for a message: some of them, where there are many.
func listed(names []string) string {
	const most = 12
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

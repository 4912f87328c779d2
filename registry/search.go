package registry

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/quiver-features/quiver/feature"
)

// Match is an object that a search has found.
type Match struct {
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Version     int    `json:"version,omitzero"` // the current one; 0: the kind has none
	Owner       string `json:"owner,omitzero"`
	Description string `json:"description,omitzero"`
	Words       int    `json:"words"` // how many of the words were found
	Score       int    `json:"score"` // the better the greater; comparable within one search
	Hits        []Hit  `json:"hits"`  // where the words were found, the best for each, every place once
}

// Hit is a place where a word was found.
type Hit struct {
	Field string `json:"field"` // name, feature, column, key, input, tag, owner, file or description
	Text  string `json:"text"`  // all that stands there
}

// What a word is worth where it is found. Of one word, each is more than those below it.
const (
	scoreExact       = 1 << 12 // it is the name
	scorePrefix      = 1 << 10 // the name begins with it
	scoreWord        = 1 << 8  // a part of the name, between underscores, begins with it
	scoreInside      = 1 << 6  // the name has it somewhere
	scoreColumn      = 1 << 4  // a feature, a column or a key is or has it
	scoreTag         = 1 << 2  // a tag, the owner or a file has it
	scoreDescription = 1       // a description has it
)

// Search finds objects by words in their names, features, columns, keys, inputs, tags,
// owners, files and descriptions, whatever the case: entities, sources, and the
// current versions of views and services, of all kinds or of one. Those that have
// all words come; where there are none, those that have the most of them. The best
// comes first, and of equals the first by name.
func (s *Snapshot) Search(words []string, kind string) []Match {
	folded := foldWords(words)
	var found []Match
	most := 1
	for o := range s.searchable() {
		if kind != "" && o.Kind != kind {
			continue
		}
		if m := o.match(folded); m.Words >= most {
			most = m.Words
			found = append(found, m)
		}
	}
	found = slices.DeleteFunc(found, func(m Match) bool { return m.Words < most })
	slices.SortFunc(found, func(a, b Match) int {
		return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Name, b.Name), strings.Compare(a.Kind, b.Kind))
	})
	return found
}

// foldWords gives the words in lower case, each once.
func foldWords(words []string) []string {
	var folded []string
	for _, w := range words {
		for _, w := range strings.Fields(strings.ToLower(w)) {
			if !slices.Contains(folded, w) {
				folded = append(folded, w)
			}
		}
	}
	return folded
}

// Nearest gives, for words that Search finds nothing for, the words of names,
// features and columns that they most probably mean; empty where one is like none.
func (s *Snapshot) Nearest(words []string) []string {
	known := map[string]bool{}
	for o := range s.searchable() {
		for _, p := range o.places {
			if p.worth < scoreColumn {
				continue
			}
			known[strings.ToLower(p.Text)] = true
			for _, part := range parts(strings.ToLower(p.Text)) {
				known[part] = true
			}
		}
	}
	var near []string
	for _, w := range foldWords(words) {
		n := w
		if !known[w] {
			n = feature.Nearest(w, maps.Keys(known))
		}
		if n == "" {
			return nil
		}
		near = append(near, n)
	}
	return near
}

// parts gives the words that a name is made of.
func parts(name string) []string {
	return strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

// searched is an object with all that is looked at in it.
type searched struct {
	Match
	places []place
}

type place struct {
	Hit
	worth int
}

func (o *searched) add(field, text string, worth int) {
	if text != "" {
		o.places = append(o.places, place{Hit{field, text}, worth})
	}
}

func newSearched(kind string, meta feature.Meta, version int) *searched {
	o := &searched{Match: Match{Kind: kind, Name: meta.Name, Version: version, Owner: meta.Owner, Description: meta.Description}}
	o.add("name", meta.Name, scoreExact)
	for _, k := range slices.Sorted(maps.Keys(meta.Tags)) {
		o.add("tag", k+": "+meta.Tags[k], scoreTag)
	}
	o.add("owner", meta.Owner, scoreTag)
	o.add("description", meta.Description, scoreDescription)
	return o
}

// searchable gives the objects of the head, in no order.
func (s *Snapshot) searchable() iter.Seq[*searched] {
	return func(yield func(*searched) bool) {
		for _, e := range s.entities {
			if !yield(searchedEntity(e)) {
				return
			}
		}
		for _, e := range s.sources {
			if !yield(searchedSource(e)) {
				return
			}
		}
		for _, v := range s.views {
			if e := v.versions[v.pointer.Current]; e != nil && !yield(searchedView(e.view)) {
				return
			}
		}
		for _, v := range s.services {
			if e := v.versions[v.pointer.Current]; e != nil && !yield(searchedService(e)) {
				return
			}
		}
	}
}

func searchedEntity(e *feature.Entity) *searched {
	o := newSearched(KindEntity, e.Meta, 0)
	for _, k := range e.Keys {
		o.add("key", k.Name, scoreColumn)
	}
	return o
}

func searchedSource(e *feature.Source) *searched {
	o := newSearched(KindSource, e.Meta, 0)
	for _, c := range []string{e.EventTimestamp, e.CreatedTimestamp, e.AvailableTimestamp} {
		o.add("column", c, scoreColumn)
	}
	for _, c := range e.Columns {
		o.add("column", c.Name, scoreColumn)
		o.add("column", c.Column, scoreColumn)
	}
	for _, c := range e.Derive {
		o.add("column", c.Name, scoreColumn)
	}
	for _, p := range e.Parquet {
		o.add("file", p, scoreTag)
	}
	return o
}

func searchedView(v *feature.ViewVersion) *searched {
	o := newSearched(KindView, v.Meta, v.Version)
	for _, k := range v.Keys {
		o.add("key", k.Name, scoreColumn)
	}
	for i := range v.Features {
		o.add("feature", v.Features[i].Name, scoreColumn)
		o.add("feature", v.Features[i].Description, scoreDescription)
	}
	for i := range v.Table.Columns {
		o.add("column", v.Table.Columns[i].Name, scoreColumn)
		o.add("column", v.Table.Columns[i].Column, scoreColumn)
	}
	for _, c := range v.Table.Derived {
		if c.Name[0] != '=' { // else it is an expression of the view's own
			o.add("column", c.Name, scoreColumn)
		}
	}
	return o
}

func searchedService(v *ServiceVersion) *searched {
	o := newSearched(KindService, v.Meta, v.Version)
	for _, f := range v.Outputs {
		o.add("feature", f.Name, scoreColumn)
	}
	for i := range v.Derived {
		o.add("feature", v.Derived[i].Description, scoreDescription)
	}
	for _, in := range v.Inputs {
		o.add("input", in.Name, scoreColumn)
	}
	for _, u := range v.Uses {
		for _, k := range u.Keys {
			o.add("key", k, scoreColumn)
		}
	}
	return o
}

// match looks for each word where it is worth most.
func (o *searched) match(words []string) Match {
	m := o.Match
	best := make([]int, len(words))
	where := make([]int, len(words))
	for p := range o.places {
		text := strings.ToLower(o.places[p].Text)
		for w, word := range words {
			if score := o.places[p].score(text, word); score > best[w] {
				best[w], where[w] = score, p
			}
		}
	}
	for w := range words {
		if best[w] == 0 {
			continue
		}
		m.Words++
		m.Score += best[w]
		if hit := o.places[where[w]].Hit; !slices.Contains(m.Hits, hit) {
			m.Hits = append(m.Hits, hit)
		}
	}
	return m
}

// score tells what a word is worth in the lower-case text of a place.
func (p *place) score(text, word string) int {
	at := strings.Index(text, word)
	switch {
	case at < 0:
		return 0
	case p.Field != "name":
		if text == word {
			return p.worth + p.worth/2 // the whole of it, before a part of it
		}
		return p.worth
	case text == word:
		return scoreExact
	case at == 0:
		return scorePrefix
	case slices.ContainsFunc(parts(text), func(part string) bool { return strings.HasPrefix(part, word) }):
		return scoreWord
	}
	return scoreInside
}

package definition

import (
	"math"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/quiver-features/quiver/feature"
)

// form is what a value of the files may be. The loader decides by itself, and
// more strictly; a form is what an editor can be told of it.
type form struct {
	scalar *jsonschema.Schema // a text, a number, true or false
	object *shape             // a mapping with these fields
	list   *listForm
	pairs  *pairsForm
	either []form
}

type listForm struct {
	item     form
	least    int
	most     int // 0: no limit
	distinct bool
}

// pairsForm is a mapping whose keys are free.
type pairsForm struct{ key, value form }

func fields(s *shape) form { return form{object: s} }

func either(forms ...form) form { return form{either: forms} }

func listOf(item form, least, most int) form {
	return form{list: &listForm{item: item, least: least, most: most}}
}

func mapping(key, value form) form { return form{pairs: &pairsForm{key, value}} }

func scalar(s jsonschema.Schema) form { return form{scalar: &s} }

func pattern(p string, most int) form {
	s := jsonschema.Schema{Type: "string", Pattern: p}
	if most > 0 {
		s.MaxLength = &most
	}
	return scalar(s)
}

// Patterns are in the words that Go and JavaScript share.
const (
	patternName        = `^[a-z][a-z0-9]*(_[a-z0-9]+)*_?$`
	patternLine        = `^[^\x00-\x1f\x7f-\x9f]+$`
	patternEnvironment = `^[A-Za-z][A-Za-z0-9_-]{0,127}$`
	patternDuration    = `^([0-9]+w)?([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?([0-9]+us)?$`
	patternCron        = `^\s*(\S+\s+){4}\S+\s*$`
	patternVariable    = `\$\{[A-Za-z_][A-Za-z0-9_]*\}`
)

func text() form { return pattern("", maxText) }

// expression is a text in the expression language, of which editors know nothing.
func expression() form {
	return scalar(jsonschema.Schema{Type: "string", MinLength: new(1), MaxLength: new(feature.MaxExpression)})
}

func tag() form {
	return scalar(jsonschema.Schema{Type: "string", MinLength: new(1), MaxLength: new(128)})
}

func column() form { return pattern(patternLine, maxColumn) }

func path() form { return pattern(patternLine, maxText) }

func cron() form { return pattern(patternCron, 256) }

func environmentName() form { return pattern(patternEnvironment, 0) }

// instant is a time of the project file, or a variable.
func instant() form {
	return pattern(`^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ]|$)|`+patternVariable, 0)
}

func boolean() form { return scalar(jsonschema.Schema{Type: "boolean"}) }

func count() form { return countTo(math.MaxInt32) }

// countTo is a whole number from 1 to a greatest.
func countTo(most int) form {
	return scalar(jsonschema.Schema{Type: "integer", Minimum: new(1.0), Maximum: new(float64(most))})
}

// share is a number between 0 and 1.
func share() form {
	return scalar(jsonschema.Schema{Type: "number", ExclusiveMinimum: new(0.0), ExclusiveMaximum: new(1.0)})
}

func oneOf(words ...string) form {
	s := jsonschema.Schema{Type: "string"}
	for _, w := range words {
		s.Enum = append(s.Enum, w)
	}
	return scalar(s)
}

func functionNames() []string {
	var names []string
	for _, f := range feature.Functions() {
		names = append(names, string(f))
	}
	return names
}

// plainValue is a text, a number, true or false.
func plainValue() form {
	return scalar(jsonschema.Schema{Types: []string{"string", "number", "boolean"}})
}

func one(word string) form { return scalar(jsonschema.Schema{Type: "string", Enum: []any{word}}) }

func name() form {
	return scalar(jsonschema.Schema{Type: "string", Pattern: patternName, MaxLength: new(128), Not: &jsonschema.Schema{Enum: reservedWords()}})
}

// reservedWords are the names that feature.CheckName refuses as words of the
// expression language.
func reservedWords() []any {
	return []any{
		"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if",
		"import", "let", "loop", "package", "namespace", "return", "var", "void", "while",
	}
}

// projectName is a name, or has variables in it.
func projectName() form { return either(name(), pattern(patternVariable, 0)) }

func distinctNames(least int) form {
	f := listOf(name(), least, 0)
	f.list.distinct = true
	return f
}

func duration() form {
	return scalar(jsonschema.Schema{Type: "string", Pattern: patternDuration, MinLength: new(2), MaxLength: new(100)})
}

func keyType() form {
	s := jsonschema.Schema{Type: "string"}
	for k := feature.Bool; k <= feature.Timestamp; k++ {
		if feature.Scalar(k).IsKey() {
			s.Enum = append(s.Enum, k.String())
		}
	}
	return scalar(s)
}

// anyType is a type: one of some words, or a list of fixed length.
func anyType() form {
	words := jsonschema.Schema{Type: "string"}
	items := ""
	for k := feature.Bool; k <= feature.Timestamp; k++ {
		words.Enum = append(words.Enum, k.String())
		items += "|" + k.String()
	}
	for k := feature.Bool; k <= feature.Timestamp; k++ {
		words.Enum = append(words.Enum, feature.ListOf(k, 0).String())
	}
	return either(scalar(words), pattern(`^list<(`+items[1:]+`)>\[[1-9][0-9]*\]$`, 0))
}

// url is a store's URL; one that begins with a variable may become anything.
func url(u urls) form {
	p := `^(sqlite:.`
	for _, scheme := range u.schemes {
		p += `|` + scheme + `://.`
	}
	return pattern(p+`|.*`+patternVariable+`)`, 0)
}

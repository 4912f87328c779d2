package offline

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"

	"github.com/quiver-features/quiver/feature"
)

// defaultTime is the spine's time column where none is named.
const defaultTime = "event_timestamp"

// timeColumn finds the spine's time column. Dates and text are times only where
// they are named, and the default name names one.
func timeColumn(fields []arrow.Field, named string) (int, error) {
	at := func(name string) int {
		return slices.IndexFunc(fields, func(f arrow.Field) bool { return f.Name == name })
	}
	if named != "" {
		i := at(named)
		if i < 0 {
			return 0, fmt.Errorf("there is no column %q to be the event timestamp (--event-timestamp)%s; the columns are %s",
				named, didYouMean(named, names(fields)), strings.Join(names(fields), ", "))
		}
		return i, timeFits(fields[i])
	}
	if i := at(defaultTime); i >= 0 {
		return i, timeFits(fields[i])
	}
	var candidates []int
	for i, f := range fields {
		if plain(f.Type).ID() == arrow.TIMESTAMP {
			candidates = append(candidates, i)
		}
	}
	switch len(candidates) {
	case 1:
		return candidates[0], nil
	case 0:
		return 0, fmt.Errorf("no column is a timestamp: name the event timestamp (--event-timestamp; a date, or ISO 8601 text, will do); the columns are %s",
			strings.Join(described(fields), ", "))
	}
	var list []string
	for _, i := range candidates {
		list = append(list, fields[i].Name)
	}
	return 0, fmt.Errorf("several columns are timestamps (%s): name the one that is the event timestamp (--event-timestamp)", strings.Join(list, ", "))
}

func timeFits(f arrow.Field) error {
	switch plain(f.Type).ID() {
	case arrow.TIMESTAMP, arrow.DATE32, arrow.DATE64, arrow.STRING, arrow.LARGE_STRING, arrow.NULL:
		return nil
	}
	return fmt.Errorf("column %q is %s and can't be the event timestamp: that is a timestamp, a date or ISO 8601 text", f.Name, f.Type)
}

// keyFits tells whether every value of a spine column is a key of type t as it
// stands.
func keyFits(f arrow.Field, t feature.Type) error { return scalarFits("key", f, t) }

// scalarFits tells it of a key or an input, of a type that keys may have.
func scalarFits(what string, f arrow.Field, t feature.Type) error {
	have := plain(f.Type).ID()
	isInt := have >= arrow.UINT8 && have <= arrow.INT64
	fits, remedy := false, ""
	switch t.Kind {
	case feature.Int32, feature.Int64:
		fits = isInt
		remedy = "write the column as integers"
		if have == arrow.STRING || have == arrow.LARGE_STRING {
			remedy = "text is never taken for numbers (is 07 the " + what + " 7?): " + remedy
		}
	case feature.String:
		fits = have == arrow.STRING || have == arrow.LARGE_STRING
		remedy = "write the column as text"
		if isInt {
			remedy = "numbers are never taken for text (7 could be written 07): " + remedy
		}
	case feature.Bytes:
		fits = have == arrow.BINARY || have == arrow.LARGE_BINARY || have == arrow.FIXED_SIZE_BINARY
		remedy = "write the column as binary"
	case feature.Bool:
		fits = have == arrow.BOOL
		remedy = "write the column as booleans"
	case feature.Date:
		fits = have == arrow.DATE32 || have == arrow.DATE64
		remedy = "write the column as dates"
	case feature.Timestamp:
		fits = have == arrow.TIMESTAMP
		remedy = "write the column as timestamps"
	}
	if fits || have == arrow.NULL {
		return nil
	}
	return fmt.Errorf("the %s is %s, column %q of the spine is %s: %s", what, t, f.Name, f.Type, remedy)
}

// inputFits tells whether every value of a spine column is an input of type t as it
// stands, or becomes one without loss.
func inputFits(f arrow.Field, t feature.Type) error {
	if t.IsKey() {
		return scalarFits("input", f, t)
	}
	if !widens(plain(f.Type), t) {
		return fmt.Errorf("the input is %s, column %q of the spine is %s: write the column with that type, or declare another for the input", t, f.Name, f.Type)
	}
	return nil
}

// widens tells whether values of an Arrow type become floats, or lists, of type t.
func widens(have arrow.DataType, t feature.Type) bool {
	if have.ID() == arrow.NULL {
		return true
	}
	if t.List {
		list, ok := have.(arrow.ListLikeType)
		if !ok || have.ID() == arrow.MAP {
			return false
		}
		if t.Elem().IsKey() {
			return scalarFits("input", arrow.Field{Type: list.Elem()}, t.Elem()) == nil
		}
		return widens(plain(list.Elem()), t.Elem())
	}
	switch have.ID() {
	case arrow.FLOAT16, arrow.FLOAT32:
		return true
	case arrow.FLOAT64:
		return t.Kind == feature.Float64
	}
	return t.Kind == feature.Float64 && have.ID() >= arrow.UINT8 && have.ID() <= arrow.INT64
}

// plain looks through dictionaries and extension types.
func plain(t arrow.DataType) arrow.DataType {
	for {
		switch d := t.(type) {
		case *arrow.DictionaryType:
			t = d.ValueType
		case arrow.ExtensionType:
			t = d.StorageType()
		default:
			return t
		}
	}
}

// clashes lists output columns that would have the name of another column.
func clashes(fields []arrow.Field, outputs []feature.Output) []string {
	taken := map[string]string{}
	var out []string
	for _, f := range fields {
		if taken[f.Name] != "" {
			out = append(out, fmt.Sprintf("the spine has two columns named %q: rename one", f.Name))
		}
		taken[f.Name] = "a column of the spine"
	}
	for _, o := range outputs {
		if by := taken[o.Name]; by != "" {
			out = append(out, fmt.Sprintf("the output column %q has the name of %s: rename that, or give the view an alias or the feature another name",
				o.Name, by))
		}
		taken[o.Name] = "another output column"
	}
	return out
}

func names(fields []arrow.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.Name
	}
	return out
}

func described(fields []arrow.Field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = fmt.Sprintf("%s (%s)", f.Name, f.Type)
	}
	return out
}

// didYouMean suggests the nearest of the known names, where one is near.
func didYouMean(name string, known []string) string {
	nearest := feature.Nearest(name, slices.Values(known))
	if nearest == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", nearest)
}

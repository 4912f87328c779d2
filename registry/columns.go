package registry

import (
	"maps"
	"slices"

	"github.com/quiver-features/quiver/feature"
)

// wanted collects which columns of its source a view reads, and as what, and
// fixes one type for each.
type wanted struct {
	*resolver
	view    *feature.View
	source  *resolvedSource
	columns map[string]*wantedColumn
	derived map[string]*derivedColumn // of the source, and the view's own
	needed  map[string]bool           // those of derived that a key or a time is computed of
	asked   []askedType
}

// askedType is a type that a derived column has to have.
type askedType struct {
	column string
	typ    feature.Type
	user   string
	at     Position
}

func (r *resolver) wanted(view *feature.View, source *resolvedSource) *wanted {
	return &wanted{
		resolver: r, view: view, source: source,
		columns: map[string]*wantedColumn{}, derived: map[string]*derivedColumn{}, needed: map[string]bool{},
	}
}

type wantedColumn struct {
	typ      feature.Type // zero: nobody declares one
	declarer string       // who declares it
	user     string       // who reads it first
	at       Position
	time     bool
	key      bool // a join key is read from it
	failed   bool
}

func (w *wanted) times() {
	for _, column := range []string{w.source.EventTimestamp, w.source.CreatedTimestamp, w.source.AvailableTimestamp} {
		switch d := w.source.derived[column]; {
		case column == "":
		case d != nil:
			w.read(d)
			if column != w.source.CreatedTimestamp { // rows may lack that one
				w.need(column)
			}
		default:
			w.columns[column] = &wantedColumn{
				typ: feature.Scalar(feature.Timestamp), declarer: "the source's time rule", user: "the source's time rule", time: true,
			}
		}
	}
}

// want notes that the view reads a column; a zero type leaves it to the source.
func (w *wanted) want(column string, typ feature.Type, user string, at Position) {
	if d := w.source.derived[column]; d != nil {
		w.read(d)
		if !typ.IsZero() {
			w.asked = append(w.asked, askedType{column, typ, user, at})
		}
		return
	}
	c := w.columns[column]
	if c == nil {
		c = &wantedColumn{user: user, at: at}
		if o := w.source.overrides[column]; o != nil && !o.Type.IsZero() {
			c.typ, c.declarer = o.Type, "the source"
		}
		w.columns[column] = c
	}
	switch {
	case typ.IsZero():
	case c.typ.IsZero():
		c.typ, c.declarer = typ, user
	case c.typ != typ && !c.failed:
		c.failed = true
		w.problem(at, "give both one type; or name the column twice under the source's columns, once for each type",
			"%s of view %s takes column %s as %s, and %s as %s", user, w.view.Name, column, typ, c.declarer, c.typ)
	}
}

// need notes that a file without a column is an error: no row has a key or a time
// then. Of a derived one that holds for the columns that it is computed of.
func (w *wanted) need(column string) {
	if c := w.columns[column]; c != nil {
		c.key = true
		return
	}
	if d := w.derived[column]; d != nil && !d.typ.IsZero() && !w.needed[column] {
		w.needed[column] = true
		for _, name := range d.names() {
			w.need(name)
		}
	}
}

// resolve gives the columns in the order of their names. A type is the declared
// one, else the one fixed earlier, else the files' own.
func (w *wanted) resolve(fixed *feature.ViewVersion) []feature.TableColumn {
	if w.source.fields == nil {
		return nil // told already
	}
	columns := make([]feature.TableColumn, 0, len(w.columns))
	for _, name := range slices.Sorted(maps.Keys(w.columns)) {
		c := w.columns[name]
		field := w.source.field(name)
		if field == nil {
			if !c.time && w.source.overrides[name] == nil { // else told with the source
				w.missing(c.at, w.source, name, "%s of view %s", c.user, w.view.Name)
			}
			continue
		}
		t := feature.TableColumn{Name: name, Column: field.Name, Type: c.typ, Declared: !c.typ.IsZero() && !c.time, Key: c.key}
		if c.typ.IsZero() {
			t.Type = w.fixType(c, field, w.fixedColumn(fixed, name, field.Name))
		} else if !c.time && !c.failed && !converts(field, c.typ, true) && !w.sourceDeclares(name) {
			w.problem(c.at, conversionHint(field, c.typ), "%s of view %s takes column %s as %s, and the files hold %s",
				c.declarer, w.view.Name, name, c.typ, field.describe())
		}
		columns = append(columns, t)
	}
	return columns
}

// sourceDeclares tells whether the type was checked with the source.
func (w *wanted) sourceDeclares(column string) bool {
	o := w.source.overrides[column]
	return o != nil && !o.Type.IsZero()
}

// fixedColumn finds the column in the version that the files described so far,
// where it comes from the same place.
func (w *wanted) fixedColumn(fixed *feature.ViewVersion, name, column string) *feature.TableColumn {
	if fixed == nil || !slices.Equal(fixed.Table.Parquet, w.source.Parquet) {
		return nil
	}
	if c := fixed.Table.Column(name); c != nil && c.Column == column {
		return c
	}
	return nil
}

func (w *wanted) fixType(c *wantedColumn, field *SourceField, fixed *feature.TableColumn) feature.Type {
	if fixed != nil && converts(field, fixed.Type, false) {
		return fixed.Type
	}
	switch {
	case field.Type.IsZero():
		w.problem(c.at, conversionHint(field, feature.Type{}), "%s of view %s: column %s holds %s, which is none of Quiver's types",
			c.user, w.view.Name, field.Name, field.describe())
	case fixed != nil && !fixed.Declared:
		w.problem(c.at, "mend the files; or declare the type "+field.Type.String()+", which makes a new version of the view",
			"%s of view %s: column %s held %s when it was applied, and now the files hold %s",
			c.user, w.view.Name, field.Name, fixed.Type, field.describe())
	}
	return field.Type
}

package feature

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// MaxExpression is the greatest length of an expression, in bytes.
const MaxExpression = 16 << 10

// ViewVersion is one version of a view with everything looked up: what the
// offline engine, the materializer and the server work from. It is immutable and
// safe for concurrent use.
type ViewVersion struct {
	Meta
	Version      int       `json:"version"`
	Keys         []JoinKey `json:"keys,omitempty"`        // in the order of entities and their keys; none: a global view
	KeyColumns   []string  `json:"key_columns,omitempty"` // for each key, its column in Table.Columns
	Entities     []Role    `json:"entities,omitempty"`
	Table        Table     `json:"table"`
	Rule         Rule      `json:"rule"`
	Features     []Field   `json:"features"` // in the order of the definition
	Online       bool      `json:"online,omitzero"`
	Schedule     string    `json:"schedule,omitzero"`
	MaxStaleness Duration  `json:"max_staleness,omitzero"` // 0: no limit
}

// ID writes the view with its version: route_last@2.
func (v *ViewVersion) ID() string { return v.Name + "@" + strconv.Itoa(v.Version) }

// Feature gives the index of a feature by its name, or -1.
func (v *ViewVersion) Feature(name string) int {
	for i := range v.Features {
		if v.Features[i].Name == name {
			return i
		}
	}
	return -1
}

// HasAggregates tells whether a feature of the view is a windowed aggregate.
func (v *ViewVersion) HasAggregates() bool {
	return slices.ContainsFunc(v.Features, func(f Field) bool { return f.Aggregate != nil })
}

// Field is one feature of a view version: a column, an aggregate or an expression. A
// feature that a service derives is one, too.
type Field struct {
	Name        string     `json:"name"`
	Description string     `json:"description,omitzero"`
	Type        Type       `json:"type"`
	Column      string     `json:"column,omitzero"` // its column in Table.Columns or Table.Derived
	Aggregate   *Aggregate `json:"aggregate,omitempty"`
	Expression  string     `json:"expression,omitzero"`
}

// IsDerived tells whether the feature is computed of others, and never stored.
func (f *Field) IsDerived() bool { return f.Expression != "" }

// Table is a source as a view version reads it: the files, the times and the
// columns with the types fixed when the version was applied.
type Table struct {
	Source    string        `json:"source"` // the source's name
	Parquet   []string      `json:"parquet"`
	Event     string        `json:"event"`              // names in Columns
	Created   string        `json:"created,omitzero"`   // empty: none
	Available string        `json:"available,omitzero"` // empty: none
	Columns   []TableColumn `json:"columns"`            // every column that the view reads, in the order of their names
	// Derived are computed of Columns and of those before them; their names are those
	// of no column.
	Derived []DerivedColumn `json:"derived,omitempty"`
	Mutable bool            `json:"mutable,omitzero"`
}

// Column gives a column by its name, or nil.
func (t *Table) Column(name string) *TableColumn {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// TypeOf gives the type of a column, or of a derived one, by its name; the zero type
// where there is none.
func (t *Table) TypeOf(name string) Type {
	if c := t.Column(name); c != nil {
		return c.Type
	}
	for i := range t.Derived {
		if t.Derived[i].Name == name {
			return t.Derived[i].Type
		}
	}
	return Type{}
}

// TableColumn is one column of a source.
type TableColumn struct {
	Name     string `json:"name"`              // as definitions use it
	Column   string `json:"column"`            // in the files, or a Hive-style partition folder's name
	Type     Type   `json:"type"`              // as it is read; what the files hold is converted to it, without loss or not at all
	Declared bool   `json:"declared,omitzero"` // the definition names the type: integer to string and decimal to float64 are allowed
	Key      bool   `json:"key,omitzero"`      // a join key is read from it: a file without it is an error, not rows of nulls
}

// StorageState says what a storage is used for.
type StorageState string

// The life of a storage: it is filled, then read, then no longer used. A view
// version has at most one that is filled and one that is active; the first is
// filled and active at once.
const (
	StorageFilling StorageState = "filling"
	StorageActive  StorageState = "active"
	StorageRetired StorageState = "retired"
)

// Storage is one stored layout of a view version in the online store. Its ID is
// never used again.
type Storage struct {
	ID       uint64       `json:"id"`
	View     string       `json:"view"`
	Version  int          `json:"version"`
	State    StorageState `json:"state"`
	Keys     []JoinKey    `json:"keys,omitempty"`
	Features []Field      `json:"features"` // what is stored, columns and aggregates, in the order of their names
	Rule     Rule         `json:"rule"`
}

// Selection is the features that one request or training set asks for: a
// service version, or a list of references, with everything looked up. It is
// immutable and safe for concurrent use.
type Selection struct {
	Service  string   // "delay_model@3"; empty for a list of references
	Revision int64    // of the registry that it was looked up in
	Uses     []Use    // each (view version, alias, key columns) once
	Outputs  []Output // in the order in which they are delivered
	// Inputs are what only a request knows, and a spine has as columns: those of the
	// service that features of Derived read.
	Inputs []Input
	// Derived are computed of features, as alias.feature, of inputs and of those before
	// them, by their names.
	Derived []Field
}

// Use is a view version as a selection reads it.
type Use struct {
	View   *ViewVersion
	Alias  string   // the view's name, or what replaces it in output columns
	Keys   []string // for each of View.Keys, the column of the spine or request that holds it
	Active *Storage // what online reads are answered from; nil: the view is not kept online
}

// Output is one delivered feature.
type Output struct {
	Use     int    // index into Selection.Uses; DerivedOutput: of none
	Feature int    // index into the use's View.Features, or into Selection.Derived
	Name    string // of the output column
}

// DerivedOutput stands in Output.Use for a feature that the service derives.
const DerivedOutput = -1

// Field gives the feature that an output delivers.
func (s *Selection) Field(o Output) *Field {
	if o.Use == DerivedOutput {
		return &s.Derived[o.Feature]
	}
	return &s.Uses[o.Use].View.Features[o.Feature]
}

// KeyColumns gives the distinct key columns that a spine or a request has to
// have, in the order of their first use. Two views that take one column as keys
// of different types are an error that wraps ErrInvalid; int32 and int64 are the
// same to keys, and the wider one is given.
func (s *Selection) KeyColumns() ([]JoinKey, error) {
	var keys []JoinKey
	first := map[string]int{}
	for i := range s.Uses {
		u := &s.Uses[i]
		for k, column := range u.Keys {
			want := u.View.Keys[k].Type
			at, seen := first[column]
			if !seen {
				first[column] = len(keys)
				keys = append(keys, JoinKey{Name: column, Type: want})
				continue
			}
			if have := keys[at].Type; have != want {
				if !have.SameKey(want) {
					return nil, fmt.Errorf("key column %s is taken as %s and, by view %s, as %s: map one of them to another column with keys: %w",
						column, have, u.View.ID(), want, ErrInvalid)
				}
				keys[at].Type = Scalar(Int64)
			}
		}
	}
	return keys, nil
}

// Reference names a feature: view:feature, or view@2:feature for a fixed
// version. Feature "*" stands for all features of the view.
type Reference struct {
	View    string
	Version int // 0: the current one
	Feature string
}

// ParseReference reads what String writes. The error wraps ErrInvalid.
func ParseReference(s string) (Reference, error) {
	view, name, ok := strings.Cut(s, ":")
	if !ok {
		return Reference{}, fmt.Errorf("%q is not a feature reference: expected view:feature or view@2:feature: %w", s, ErrInvalid)
	}
	r := Reference{Feature: name}
	var err error
	if r.View, r.Version, err = ParseVersioned(view); err != nil {
		return Reference{}, fmt.Errorf("feature reference %q: %w", s, err)
	}
	if name != "*" {
		if err := CheckName(name); err != nil {
			return Reference{}, fmt.Errorf("feature reference %q: %w", s, err)
		}
	}
	return r, nil
}

// String writes view:feature or view@version:feature.
func (r Reference) String() string {
	if r.Version > 0 {
		return r.View + "@" + strconv.Itoa(r.Version) + ":" + r.Feature
	}
	return r.View + ":" + r.Feature
}

// ParseVersioned reads name or name@version; version 0 means that none is given.
// The error wraps ErrInvalid.
func ParseVersioned(s string) (name string, version int, err error) {
	name, v, fixed := strings.Cut(s, "@")
	if err := CheckName(name); err != nil {
		return "", 0, err
	}
	if fixed {
		version, err = strconv.Atoi(v)
		if err != nil || version <= 0 || strconv.Itoa(version) != v {
			return "", 0, fmt.Errorf("bad version in %q: expected a whole number from 1, for example %s@2: %w", s, name, ErrInvalid)
		}
	}
	return name, version, nil
}

package feature

// Meta is what every definition has beside its meaning. A change of it is safe.
type Meta struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitzero"`
	Owner       string            `json:"owner,omitzero"`
	Tags        map[string]string `json:"tags,omitempty"`
}

// Entity is a thing that features describe, identified by its join keys.
type Entity struct {
	Meta
	Keys []JoinKey `json:"keys"` // at least one, in the order of composite keys
}

// JoinKey is a typed key column. Its type is one for which Type.IsKey holds.
type JoinKey struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// Source says where raw rows come from and which of their columns are times.
type Source struct {
	Meta
	// Parquet names files, folders, globs; relative to the project's data root.
	Parquet            []string         `json:"parquet"`
	EventTimestamp     string           `json:"event_timestamp"`
	CreatedTimestamp   string           `json:"created_timestamp,omitzero"`
	AvailableTimestamp string           `json:"available_timestamp,omitzero"`
	Columns            []ColumnOverride `json:"columns,omitempty"` // types and renames; other columns are as the files' footers say
	Mutable            bool             `json:"mutable,omitzero"`  // rows may be changed in place: every run rebuilds
}

// ColumnOverride names a source column, gives it a type, or both.
type ColumnOverride struct {
	Name   string `json:"name"`            // as views use it
	Column string `json:"column,omitzero"` // in the files; empty: the same
	Type   Type   `json:"type,omitzero"`   // zero: the footer's
}

// Role is an entity as a view uses it. Without As the join keys keep their
// names. With As, an entity with one key has the role's name as its join key; one
// with several has role_key for each.
type Role struct {
	Entity string `json:"entity"`
	As     string `json:"as,omitzero"`
}

// JoinKeys gives the join keys of the entity in this role.
func (r Role) JoinKeys(e Entity) []JoinKey {
	keys := make([]JoinKey, len(e.Keys))
	copy(keys, e.Keys)
	if r.As == "" {
		return keys
	}
	for i := range keys {
		if len(keys) == 1 {
			keys[i].Name = r.As
		} else {
			keys[i].Name = r.As + "_" + keys[i].Name
		}
	}
	return keys
}

// View is entities, a source, features, a time rule, and how it is kept online.
type View struct {
	Meta
	Entities     []Role            `json:"entities,omitempty"` // none: a global view, whose latest row holds for every request
	Keys         map[string]string `json:"keys,omitempty"`     // join key: source column, where the names differ
	Source       string            `json:"source"`
	TTL          Duration          `json:"ttl,omitzero"`
	Delay        Duration          `json:"delay,omitzero"`
	Online       bool              `json:"online,omitzero"`
	Schedule     string            `json:"schedule,omitzero"`      // cron, UTC
	MaxStaleness Duration          `json:"max_staleness,omitzero"` // 0: three schedule intervals, or no limit without a schedule
	Features     []ViewFeature     `json:"features"`
}

// ViewFeature is one feature of a view: a column as it stands.
type ViewFeature struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	Type        Type   `json:"type,omitzero"`   // zero: the source column's, fixed at apply
	Column      string `json:"column,omitzero"` // source column; empty: the feature's name
}

// SourceColumn gives the name of the source column that the feature shows.
func (f ViewFeature) SourceColumn() string {
	if f.Column != "" {
		return f.Column
	}
	return f.Name
}

// Service is the list of features that one model uses.
type Service struct {
	Meta
	Features []ViewUse `json:"features"`
}

// ViewUse is a view as a service uses it.
type ViewUse struct {
	View    string            `json:"view"`
	Version int               `json:"version,omitzero"` // 0: the version that the files define
	As      string            `json:"as,omitzero"`      // replaces the view's name in output columns
	Keys    map[string]string `json:"keys,omitempty"`   // join key: column of the spine or request, where the names differ
	Only    []string          `json:"only,omitempty"`   // these features, in this order; none: all
	Hide    []string          `json:"hide,omitempty"`
	Rename  map[string]string `json:"rename,omitempty"` // feature: output column
}

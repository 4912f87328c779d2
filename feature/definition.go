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
	Derive             []DerivedColumn  `json:"derive,omitempty"`  // columns computed for each row, each of those before it and of the files'
	Mutable            bool             `json:"mutable,omitzero"`  // rows may be changed in place: every run rebuilds
}

// DerivedColumn is a column that an expression computes for each row of a source.
type DerivedColumn struct {
	Name       string `json:"name"`
	Expression string `json:"expression"`
	Type       Type   `json:"type,omitzero"` // of its values; zero in a definition: what the expression gives
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

// The times that an expression over a view's features may name beside these.
const (
	NameAsOf           = "as_of"           // the time that is asked for: the spine row's, the request's
	NameEventTimestamp = "event_timestamp" // the event of the row that column features are shown of; null where there is none
)

// ViewFeature is one feature of a view: a column as it stands, a windowed aggregate
// or an expression over other features.
type ViewFeature struct {
	Name        string       `json:"name"`
	Description string       `json:"description,omitzero"`
	Type        Type         `json:"type,omitzero"`       // zero: what the column, the aggregate or the expression has, fixed at apply
	Column      string       `json:"column,omitzero"`     // source column, of a feature without an aggregate empty for the feature's name
	Aggregate   *Aggregation `json:"aggregate,omitempty"` // nil: none
	Expression  string       `json:"expression,omitzero"` // over features of the view, as_of and event_timestamp; empty: none
}

// Aggregation is a windowed aggregate as definitions write it. It is over the
// feature's column, over an expression, or over rows where it has neither.
type Aggregation struct {
	Function    Function `json:"function"`
	Of          string   `json:"of,omitzero"`          // expression over the source's row
	Where       string   `json:"where,omitzero"`       // likewise, a boolean: which rows count
	Window      Duration `json:"window,omitzero"`      // 0: all time
	Granularity Duration `json:"granularity,omitzero"` // 0: what goes with the window
	N           int      `json:"n,omitzero"`           // of LastN and TopK
	Q           float64  `json:"q,omitzero"`           // of Quantile
	Default     *string  `json:"default,omitempty"`    // as Aggregate has it
}

// SourceColumn gives the name of the source column that a feature without
// aggregate and expression shows.
func (f ViewFeature) SourceColumn() string {
	if f.Column != "" {
		return f.Column
	}
	return f.Name
}

// Service is the list of features that one model uses.
type Service struct {
	Meta
	Features []ViewUse        `json:"features"`
	Inputs   []Input          `json:"inputs,omitempty"`
	Derived  []DerivedFeature `json:"derived,omitempty"`
}

// Input is a value that only a request knows; in a spine it is a column.
type Input struct {
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// DerivedFeature is a feature that a service computes of its features and inputs.
type DerivedFeature struct {
	Name        string `json:"name"`
	Description string `json:"description,omitzero"`
	Type        Type   `json:"type,omitzero"` // zero in a definition: what the expression gives
	Expression  string `json:"expression"`
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

package registry

import (
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Class says what a change means for those who read features.
type Class uint8

// The classes of change, from harmless to grave.
const (
	// Safe changes no value: texts, owner, tags, schedule, freshness, new objects.
	Safe Class = iota
	// Backfill leaves every existing value as it is, and needs data filled into
	// the online store: a new feature, online, a longer TTL.
	Backfill
	// Breaking alters a value or a type that readers hold on to, or takes it away.
	// It makes a new version, so that they can go on reading the old one.
	Breaking
)

// String writes the class as plans show it.
func (c Class) String() string {
	switch c {
	case Safe:
		return "safe"
	case Backfill:
		return "needs backfill"
	case Breaking:
		return "breaking"
	default:
		return "class(?)"
	}
}

// MarshalText writes what String writes.
func (c Class) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (c *Class) UnmarshalText(b []byte) error {
	for known := Safe; known <= Breaking; known++ {
		if known.String() == string(b) {
			*c = known
			return nil
		}
	}
	return fmt.Errorf("unknown class of change %q: %w", b, feature.ErrInvalid)
}

// Action says what happens to an object.
type Action string

// The actions of a plan, and of other operations.
const (
	ActionCreate     Action = "create"
	ActionUpdate     Action = "update"      // in place; a version stays what it is
	ActionNewVersion Action = "new version" // of a view or a service, beside the old ones
	ActionRestore    Action = "restore"     // an earlier version says the same: it is the defined one again
	ActionDelete     Action = "delete"      // versions stay readable by number
	ActionPromote    Action = "promote"     // another version becomes current
)

// ObjectChange is one change of one object, as plans and the history show it.
type ObjectChange struct {
	Kind    string   `json:"kind"`
	Name    string   `json:"name"`
	Action  Action   `json:"action"`
	Class   Class    `json:"class"`
	From    int      `json:"from,omitzero"`    // the version that the files described before, or that was current for a promotion; 0: none
	To      int      `json:"to,omitzero"`      // the version that they describe now, or that is promoted; 0: none
	Current bool     `json:"current,omitzero"` // To is what the bare name stands for afterwards
	Storage bool     `json:"storage,omitzero"` // a new storage is made, to be filled by materialize
	Reasons []Reason `json:"reasons,omitempty"`
	// At is where the object stands in the files; not kept in the history.
	At Position `json:"-"`
}

// Reason is one difference and what it means.
type Reason struct {
	Class Class  `json:"class"`
	Field string `json:"field"` // as definitions write it: ttl, features.delay.type
	Text  string `json:"text"`  // for people: "ttl 7d -> 3d: values older than 3d are no longer given"
	// The parts of Text: what the field was and is, as definitions write it, and what
	// that means. Empty: there was or is nothing, or there is no more to say.
	Old string   `json:"old,omitzero"`
	New string   `json:"new,omitzero"`
	Why string   `json:"why,omitzero"`
	At  Position `json:"-"`
}

// Gravest is the gravest class of changes; Safe of none.
func Gravest(changes []ObjectChange) Class {
	c := Safe
	for i := range changes {
		c = max(c, changes[i].Class)
	}
	return c
}

func worst(reasons []Reason) Class {
	c := Safe
	for i := range reasons {
		c = max(c, reasons[i].Class)
	}
	return c
}

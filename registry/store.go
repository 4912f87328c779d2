package registry

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"

	"github.com/quiver-features/quiver/feature"
)

// Store keeps one registry: its revisions, objects, storages and runs. Package
// registrytest has the suite that every implementation passes.
//
// All methods are safe for concurrent use, by several processes too. Writes are
// atomic and durable when the method returns; after an error that wraps
// feature.ErrUnavailable it is unknown whether a write took place. Other errors
// wrap ErrNotFound, ErrConflict or ErrInvalid as the methods say. Where a context
// ends first, its error is wrapped beside ErrUnavailable and nothing is kept
// half-done.
type Store interface {
	// Identity tells which registry this is. It never changes.
	Identity(ctx context.Context) (Identity, error)

	// Head tells where the registry stands. It costs one read of one row, so that
	// servers may ask often.
	Head(ctx context.Context) (Head, error)

	// Load reads the registry as it was at a revision, 0 meaning the head. Objects
	// and pointers are those of the revision; storages are those made up to it, in
	// the state that they are in now, because what is stored is no matter of
	// history; forgotten ones are left out. An empty registry gives an empty snapshot of revision 0. A revision
	// beyond the head wraps ErrNotFound.
	Load(ctx context.Context, revision int64) (*Snapshot, error)

	// Commit makes the next revision, base + 1, out of a change, whole or not at
	// all. Where the head is not base, nothing is written and the error wraps
	// ErrConflict. Of two concurrent commits on one base exactly one succeeds.
	//
	// Each of change.Storages gets an ID greater than every one given before. It
	// becomes active where its view version has no active storage (after
	// change.Retire), and else filling; a storage of that version that was filling
	// is retired. A change that holds one object or pointer twice wraps ErrInvalid.
	Commit(ctx context.Context, base int64, change Change) (int64, error)

	// History gives revisions, newest first: at most limit, 0 meaning all.
	History(ctx context.Context, limit int) ([]Revision, error)

	// StartRun records a run and gives it the next number, greater than every one
	// given before; run.Number is ignored. An unknown storage wraps ErrNotFound.
	StartRun(ctx context.Context, run feature.Run) (int64, error)
	// SaveRun replaces the record of a run, which stays with its storage. A run
	// that is done or failed is not replaced: that is an error that wraps
	// ErrConflict. An unknown number wraps ErrNotFound.
	//
	// Once a run is done, the lists of files of its storage's earlier runs are of
	// no use, and a registry does not grow by a list for every run: Files of all
	// runs before the last two that are done are dropped. Nothing else of a record
	// changes.
	SaveRun(ctx context.Context, run feature.Run) error
	// Run gives one record by its number. An unknown number wraps ErrNotFound.
	Run(ctx context.Context, number int64) (feature.Run, error)
	// Runs gives records, newest first: of one storage, or of all for storage 0.
	// At most limit; 0 means all.
	Runs(ctx context.Context, storage uint64, limit int) ([]feature.Run, error)
	// NewStorage makes a storage for a view version, in the layout that the version
	// has now, to be filled beside the active one: for a rebuild. One that was being
	// filled is retired. A version without a storage wraps ErrNotFound.
	NewStorage(ctx context.Context, view string, version int) (feature.Storage, error)
	// Served tells which storage of a view version is active and how many of its runs
	// are done. A version without an active storage wraps ErrNotFound.
	Served(ctx context.Context, view string, version int) (feature.Served, error)
	// ActivateStorage makes a filled storage the one that its view version is read
	// from, and retires the one before, if served is still what Served tells: what the
	// new one was compared with. A storage that is active already is left alone. One
	// that is retired wraps ErrConflict (a later change replaced it), as does another
	// served; an unknown one ErrNotFound. The serial of the head grows when something
	// changed.
	ActivateStorage(ctx context.Context, storage uint64, served feature.Served) error
	// ForgetStorage leaves a retired storage out of what Load gives, at every revision,
	// so that a registry does not grow by one with every rebuild: nothing of it is left
	// in the online store. Records of its runs stay, and runs that still write to it can
	// save theirs. Doing it twice is harmless. One that is not retired wraps
	// ErrConflict, an unknown one ErrNotFound. The head stays as it is.
	ForgetStorage(ctx context.Context, storage uint64) error

	// Close releases what the store holds. It may be called twice.
	Close() error
}

// Identity names a registry. The ID is a random UUID made when the store was
// created; online stores keep it, so that they are never used with another
// registry. The project is the name in the project file that created it.
type Identity struct {
	ID      string `json:"id"`
	Project string `json:"project"`
}

// NewID makes the ID of a new registry: a random UUID, version 4.
func NewID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Head is where a registry stands. Serial grows with everything that readers have
// to reload for: revisions, and switches of storages.
type Head struct {
	Revision int64 `json:"revision"` // 0: nothing was ever applied
	Serial   int64 `json:"serial"`
}

// Author says who made a revision, when and from what.
type Author struct {
	Who       string       `json:"who"`
	At        feature.Time `json:"at"`                  // wall clock
	GitCommit string       `json:"git_commit,omitzero"` // of the definition files; empty: not in git
	Message   string       `json:"message,omitzero"`
}

// Operation says what kind of command made a revision.
type Operation string

// The operations that make revisions.
const (
	OperationApply    Operation = "apply"
	OperationPromote  Operation = "promote"
	OperationRollback Operation = "rollback"
)

// Revision is an entry of the history.
type Revision struct {
	Number    int64 `json:"number"`
	Author    `json:"author"`
	Operation Operation      `json:"operation"`
	Changes   []ObjectChange `json:"changes"` // as they were planned
}

// Change is what one commit writes: only what is new, never the whole registry.
type Change struct {
	Author
	Operation Operation
	Changes   []ObjectChange // for the history
	Objects   []Object
	Pointers  []Pointer
	Storages  []feature.Storage // without ID and State
	Retire    []ViewRef         // versions whose storages are no longer used
}

// ViewRef names a version of a view.
type ViewRef struct {
	View    string
	Version int
}

// Object is one state of one object: an entity or a source (Version 0), or a
// version of a view or a service. A later state replaces it; earlier ones stay
// readable at their revisions.
type Object struct {
	Kind    string
	Name    string
	Version int
	Spec    json.RawMessage // of feature.Entity, feature.Source, feature.ViewVersion, ServiceVersion; nil: removed
}

// Pointer says which versions of a view or a service its bare name stands for.
type Pointer struct {
	Kind    string
	Name    string
	Current int // the one that readers get; 0: the object was removed
	Defined int // the one that the definition files describe; 0: removed from them
}

// State is all that a store keeps of a registry at one revision, in any order:
// what NewSnapshot is made of.
type State struct {
	Identity Identity
	Head     Head // Revision is the one that was loaded
	Objects  []Object
	Pointers []Pointer
	Storages []feature.Storage // as spec; ordered or not
}

// NotServed is the error of ActivateStorage where readers are given something else than
// what the new storage was compared with.
func NotServed(now, compared feature.Served) error {
	if now.Storage != compared.Storage {
		return fmt.Errorf("storage %d became active in place of %d meanwhile: materialize the view again: %w", now.Storage, compared.Storage, feature.ErrConflict)
	}
	return fmt.Errorf("another run led the active storage %d on meanwhile: materialize the view again: %w", now.Storage, feature.ErrConflict)
}

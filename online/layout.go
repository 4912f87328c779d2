package online

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/feature/tiles"
)

// Grace is how long a row is kept after its TTL is over, so that a request can
// tell an expired row from an unknown key. A day covers a run that is late by a
// night; longer would mostly hold memory for entities that nobody asks for.
const Grace = feature.Day

// Layout is the codec of one storage: the bytes of its keys and values. See key.go
// and row.go for the formats. It is immutable and safe for concurrent use.
type Layout struct {
	storage  uint64
	view     string // as messages name it
	keys     []feature.JoinKey
	features []feature.Field
	rule     feature.Rule
	suffix   []byte // what follows the hash tag of a key
	check    byte   // the layout byte of a value
	stampLen int
	fixed    []int // features of fixed width, in order
	variable []int // the others, in order
	width    []int // of each feature of fixed width, in bytes; 0: variable
	fixedLen int   // of all features of fixed width where none is null
	bitmap   int   // bytes of the null bitmap where there is one
	bools    bool  // one of the fixed features is a Bool
	// Of a view with windowed aggregates only: see tiles.go.
	plan   *tiles.Plan
	column *Layout // of the column features alone; nil: there is none
	at     []int   // of the column features, their places in features
}

// NewLayout makes the codec of a storage. An error wraps feature.ErrInvalid: a
// storage without a number, features that are not in the order of their names or
// occur twice, types that can't be stored or be keys.
func NewLayout(storage *feature.Storage) (*Layout, error) {
	l := &Layout{
		storage:  storage.ID,
		view:     fmt.Sprintf("%s@%d", storage.View, storage.Version),
		keys:     append([]feature.JoinKey(nil), storage.Keys...),
		features: append([]feature.Field(nil), storage.Features...),
		rule:     storage.Rule,
	}
	if storage.ID == 0 {
		return nil, fmt.Errorf("online: the storage of view %s has no number: %w", l.view, feature.ErrInvalid)
	}
	for _, k := range l.keys {
		if !k.Type.IsKey() {
			return nil, fmt.Errorf("online: view %s, join key %s: type %s can't be a key: %w", l.view, k.Name, k.Type, feature.ErrInvalid)
		}
	}
	for i, f := range l.features {
		if i > 0 && strings.Compare(l.features[i-1].Name, f.Name) >= 0 {
			return nil, fmt.Errorf("online: view %s: feature %s does not follow %s: the stored features are in the order of their names, each once: %w",
				l.view, f.Name, l.features[i-1].Name, feature.ErrInvalid)
		}
	}
	l.suffix = appendSuffix(nil, l.storage)
	l.check = l.checksum()
	plan := l.planRow
	if slices.ContainsFunc(l.features, func(f feature.Field) bool { return f.Aggregate != nil }) {
		plan = func() error { return l.planTiles(storage) }
	}
	if err := plan(); err != nil {
		return nil, err
	}
	return l, nil
}

// planRow says where the values of a row stand.
func (l *Layout) planRow() error {
	l.width = make([]int, len(l.features))
	for i, f := range l.features {
		w, err := fixedWidth(f.Type)
		if err != nil {
			return fmt.Errorf("online: view %s, feature %s: %w", l.view, f.Name, err)
		}
		l.width[i] = w
		if w == 0 {
			l.variable = append(l.variable, i)
			continue
		}
		l.fixed = append(l.fixed, i)
		l.fixedLen += w
		l.bools = l.bools || f.Type.Kind == feature.Bool
	}
	l.bitmap = (len(l.features) + 7) / 8
	l.stampLen = timeLen
	if l.rule.Created {
		l.stampLen += 1 + timeLen
	}
	if l.rule.Available {
		l.stampLen += timeLen
	}
	return nil
}

// Storage is the number of the storage.
func (l *Layout) Storage() uint64 { return l.storage }

// View names the view version, for messages: route_last@2.
func (l *Layout) View() string { return l.view }

// Keys are the join keys, in their order. The slice must not be changed.
func (l *Layout) Keys() []feature.JoinKey { return l.keys }

// Features are the stored features, columns and aggregates, in the order of their names,
// which is the order of Decode. The slice must not be changed.
func (l *Layout) Features() []feature.Field { return l.features }

// Feature gives the index of a stored feature by its name, or -1.
func (l *Layout) Feature(name string) int {
	for i := range l.features {
		if l.features[i].Name == name {
			return i
		}
	}
	return -1
}

// Rule is the time rule of the storage's view.
func (l *Layout) Rule() feature.Rule { return l.rule }

// Expires says when a store may forget a row with event time e: after its TTL and
// Grace. feature.MaxTime is never: where the view has no TTL, or the longest one,
// which no age exceeds, as ages saturate.
func (l *Layout) Expires(e feature.Time) feature.Time {
	if l.rule.TTL == 0 || l.rule.TTL == math.MaxInt64 {
		return feature.MaxTime
	}
	return e.Add(l.rule.TTL).Add(Grace)
}

// checksum makes the layout byte: the low byte of a hash of all that decides
// where the bytes of a value stand and what they mean.
func (l *Layout) checksum() byte {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "created=%t available=%t", l.rule.Created, l.rule.Available)
	for _, f := range l.features {
		_, _ = fmt.Fprintf(h, "\n%s %s", f.Name, f.Type)
		if a := f.Aggregate; a != nil {
			_, _ = fmt.Fprintf(h, " %s column=%q of %s where=%q n=%d q=%g window=%d/%d", a.Function, a.Column, a.Input, a.Where, a.N, a.Q, a.Window.Length, a.Window.Granularity)
		}
	}
	return byte(h.Sum64())
}

// fixedWidth gives the bytes that a value of type t takes, 0 where they vary.
func fixedWidth(t feature.Type) (int, error) {
	width := 0
	switch t.Kind {
	case feature.Bool:
		width = 1
	case feature.Int32, feature.Date, feature.Float32:
		width = 4
	case feature.Int64, feature.Timestamp, feature.Float64:
		width = 8
	case feature.String, feature.Bytes:
	default:
		return 0, fmt.Errorf("type %s can't be stored: %w", t, feature.ErrInvalid)
	}
	if t.List {
		return 0, nil
	}
	return width, nil
}

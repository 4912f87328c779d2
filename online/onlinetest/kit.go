package onlinetest

import (
	"math"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// Stamp is the times of a row.
type Stamp = feature.Stamp

// Kit makes keys and rows of a storage with every part that a row can have: one
// join key, both times, a feature of fixed and one of variable width.
type Kit struct {
	t       testing.TB
	Storage *feature.Storage
	Layout  *online.Layout
}

// NewKit makes a kit of storage 1.
func NewKit(t testing.TB) *Kit {
	t.Helper()
	return newKitOf(t, 1)
}

// newKitOf makes a kit of any storage.
func newKitOf(t testing.TB, id uint64) *Kit {
	t.Helper()
	storage := &feature.Storage{
		ID: id, View: "delays", Version: 2, State: feature.StorageActive,
		Keys:     []feature.JoinKey{{Name: "airport", Type: feature.Scalar(feature.String)}},
		Features: []feature.Field{{Name: "number", Type: feature.Scalar(feature.Float64)}, {Name: "word", Type: feature.Scalar(feature.String)}},
		Rule:     feature.Rule{Created: true, Available: true},
	}
	layout, err := online.NewLayout(storage)
	if err != nil {
		t.Fatalf("layout: %v", err)
	}
	return &Kit{t: t, Storage: storage, Layout: layout}
}

// Key gives the key of an airport.
func (k *Kit) Key(airport string) []byte {
	c := feature.NewColumn(feature.Scalar(feature.String), 1)
	c.AppendString(airport)
	return k.Layout.AppendKey(nil, []*feature.Column{c}, 0)
}

// Row gives a row that never expires. number is a float64 or nil, word a string or
// nil.
func (k *Kit) Row(airport string, s Stamp, number, word any) online.Row {
	k.t.Helper()
	b := &feature.Batch{Rows: 1, Event: []feature.Time{s.Event}, Available: []feature.Time{s.Available}}
	b.Created = feature.NewColumn(feature.Scalar(feature.Timestamp), 1)
	if s.HasCreated {
		b.Created.AppendInt64(int64(s.Created))
	} else {
		b.Created.AppendNull()
	}
	for i, v := range []any{number, word} {
		c := feature.NewColumn(k.Storage.Features[i].Type, 1)
		if err := c.AppendAny(v); err != nil {
			k.t.Fatalf("row: %v", err)
		}
		b.Features = append(b.Features, c)
	}
	return online.Row{Key: k.Key(airport), Value: k.Layout.AppendRow(nil, b, 0), Expires: feature.MaxTime}
}

// plain is a row as it is decoded, for a comparison that shares nothing with the
// package that is tested.
type plain struct {
	event, created, available int64
	hasCreated                bool
	number                    float64
	hasNumber                 bool
	word                      string
	hasWord                   bool
}

func (p plain) row(k *Kit, airport string) online.Row {
	var number, word any
	if p.hasNumber {
		number = p.number
	}
	if p.hasWord {
		word = p.word
	}
	s := Stamp{Event: feature.Time(p.event), Created: feature.Time(p.created), HasCreated: p.hasCreated, Available: feature.Time(p.available)}
	return k.Row(airport, s, number, word)
}

// after tells whether p is the later row, as the time rule orders rows.
func (p plain) after(q plain) bool {
	switch {
	case p.event != q.event:
		return p.event > q.event
	case p.hasCreated != q.hasCreated:
		return p.hasCreated
	case p.created != q.created:
		return p.created > q.created
	case p.available != q.available:
		return p.available > q.available
	case p.hasNumber != q.hasNumber:
		return p.hasNumber
	case rank(p.number) != rank(q.number):
		return rank(p.number) > rank(q.number)
	case p.hasWord != q.hasWord:
		return p.hasWord
	default:
		return p.word > q.word
	}
}

// rank numbers the values that the suite uses in the order that the time rule gives
// them.
func rank(v float64) int {
	switch {
	case math.IsNaN(v):
		return 6
	case math.IsInf(v, -1):
		return 0
	case v == -3:
		return 1
	case v == 0 && math.Signbit(v):
		return 2
	case v == 0:
		return 3
	case math.IsInf(v, 1):
		return 5
	default:
		return 4
	}
}

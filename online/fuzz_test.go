package online_test

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

// keyOf makes a composite key of text, number and bytes.
func keyOf(l *online.Layout, s string, n int64, b []byte) []byte {
	text, number, raw := feature.NewColumn(feature.Scalar(feature.String), 1), feature.NewColumn(feature.Scalar(feature.Int64), 1), feature.NewColumn(feature.Scalar(feature.Bytes), 1)
	text.AppendString(s)
	number.AppendInt64(n)
	raw.AppendBytes(b)
	return l.AppendKey([]byte("prefix"), []*feature.Column{text, number, raw}, 0)[len("prefix"):]
}

func FuzzKey(f *testing.F) {
	storage := &feature.Storage{ID: 0x7d, View: "v", Version: 1, Keys: []feature.JoinKey{
		{Name: "a", Type: feature.Scalar(feature.String)}, {Name: "b", Type: feature.Scalar(feature.Int64)}, {Name: "c", Type: feature.Scalar(feature.Bytes)},
	}}
	l := newLayout(f, storage)
	f.Add("SFO", int64(1), []byte{}, "SF", int64(1), []byte("O"))
	f.Add("}", int64(62), []byte("|"), "|]", int64(-63), []byte("{}"))
	f.Add("", int64(-1)<<63, []byte{0x7b, 0x7c, 0x7d, 0x7e}, "{s\x01ai\x02x\x00}\x7d", int64(0), []byte{})
	f.Fuzz(func(t *testing.T, s1 string, n1 int64, b1 []byte, s2 string, n2 int64, b2 []byte) {
		x, y := keyOf(l, s1, n1, b1), keyOf(l, s2, n2, b2)
		if same := s1 == s2 && n1 == n2 && bytes.Equal(b1, b2); same != bytes.Equal(x, y) {
			t.Fatalf("keys %x and %x: the join keys are the same: %t", x, y, same)
		}
		if end := bytes.IndexByte(x, '}'); end != len(x)-2 || x[0] != '{' || end < 2 {
			t.Fatalf("key %x: the tag does not end where it should", x)
		}
		into := []*feature.Column{feature.NewColumn(storage.Keys[0].Type, 1), feature.NewColumn(storage.Keys[1].Type, 1), feature.NewColumn(storage.Keys[2].Type, 1)}
		if err := l.DecodeKey(x, into); err != nil {
			t.Fatal(err)
		}
		if string(into[0].Bytes(0)) != s1 || into[1].Int64s[0] != n1 || !bytes.Equal(into[2].Bytes(0), b1) {
			t.Fatalf("key %x: decoded as %q %d %x", x, into[0].Bytes(0), into[1].Int64s[0], into[2].Bytes(0))
		}
		for _, id := range []uint64{1, 0x7c, 0x7d, 0x80, 0xfd, max(1, uint64(n1)), max(1, uint64(n2)>>(uint(n1)%64))} {
			key := binary.AppendUvarint(x[:len(x)-1:len(x)-1], id)
			if of, ok := online.StorageOf(key); !ok || of != id {
				t.Fatalf("key %x is said to be of storage %d, %t, and is of %d", key, of, ok, id)
			}
		}
		// Any bytes: of no storage, or as AppendKey ends them.
		if id, ok := online.StorageOf(b2); ok && !bytes.HasSuffix(b2, binary.AppendUvarint([]byte("}"), id)) {
			t.Fatalf("%x is said to be of storage %d", b2, id)
		}
		// Any bytes: an error, or the join keys whose key they are.
		if raw := []byte(s2); l.DecodeKey(raw, into) == nil {
			if again := l.AppendKey(nil, into, 1); !bytes.Equal(again, raw) {
				t.Fatalf("%x was decoded, and encodes as %x", raw, again)
			}
		}
	})
}

// FuzzRow reads any bytes as a value. Where that succeeds, the row's value must be
// these bytes: no two values stand for one row.
func FuzzRow(f *testing.F) {
	storages := []*feature.Storage{everyType(true), everyType(false)}
	layouts := []*online.Layout{newLayout(f, storages[0]), newLayout(f, storages[1])}
	headers := make([][]byte, 2)
	for i, l := range layouts {
		b := &feature.Batch{Rows: 1, Event: []feature.Time{5}, Created: feature.NullColumn(feature.Scalar(feature.Timestamp), 1), Available: []feature.Time{6}}
		for _, field := range storages[i].Features {
			b.Features = append(b.Features, feature.NullColumn(field.Type, 1))
		}
		value := l.AppendRow(nil, b, 0)
		headers[i] = value[:online.StampAt]
		f.Add(i == 0, value[online.StampAt:])
		f.Add(i == 0, value)
	}
	f.Fuzz(func(t *testing.T, times bool, body []byte) {
		at := 1
		if times {
			at = 0
		}
		l, s := layouts[at], storages[at]
		for _, value := range [][]byte{body, append(bytes.Clone(headers[at]), body...)} {
			b := &feature.Batch{Rows: 1}
			for _, field := range s.Features {
				b.Features = append(b.Features, feature.NewColumn(field.Type, 1))
			}
			stamp, err := l.Decode(value, b.Features)
			if err != nil {
				continue
			}
			b.Event, b.Available = []feature.Time{stamp.Event}, []feature.Time{stamp.Available}
			b.Created = feature.NewColumn(feature.Scalar(feature.Timestamp), 1)
			if stamp.HasCreated {
				b.Created.AppendInt64(int64(stamp.Created))
			} else {
				b.Created.AppendNull()
			}
			if again := l.AppendRow(nil, b, 0); !bytes.Equal(again, value) {
				t.Fatalf("%x was decoded, and encodes as %x", value, again)
			}
			if c, err := l.Compare(value, bytes.Clone(value)); c != 0 || err != nil {
				t.Fatalf("%x compared to itself: %d, %v", value, c, err)
			}
		}
	})
}

package online_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

func readGolden(t *testing.T, name string, into any) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "proto", "testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func parseType(t *testing.T, s string) feature.Type {
	t.Helper()
	typ, err := feature.ParseType(s)
	if err != nil {
		t.Fatal(err)
	}
	return typ
}

func parseTime(t *testing.T, s string) feature.Time {
	t.Helper()
	at, err := feature.ParseTime(s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// column makes a column of one value as the golden files write it: a text, a list
// of texts, or nil.
func column(t *testing.T, typ feature.Type, v any) *feature.Column {
	t.Helper()
	c := feature.NewColumn(typ, 1)
	var err error
	switch v := v.(type) {
	case nil:
		c.AppendNull()
	case string:
		err = c.AppendText(v)
	case []any:
		for _, item := range v {
			if text, ok := item.(string); !ok {
				c.Items.AppendNull()
			} else if err = c.Items.AppendText(text); err != nil {
				break
			}
		}
		c.EndList()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestKeysHaveTheirGoldenBytes(t *testing.T) {
	var golden struct {
		Keys []struct {
			Comment string
			Types   []string
			Values  []string
			Storage uint64
			Hex     string
		}
	}
	readGolden(t, "keys.json", &golden)
	if len(golden.Keys) < 20 {
		t.Fatalf("%d golden keys were read", len(golden.Keys))
	}
	for _, g := range golden.Keys {
		storage := &feature.Storage{ID: g.Storage, View: "v", Version: 1}
		var keys, into []*feature.Column
		for i, s := range g.Types {
			typ := parseType(t, s)
			storage.Keys = append(storage.Keys, feature.JoinKey{Name: s, Type: typ})
			keys = append(keys, column(t, typ, g.Values[i]))
			into = append(into, feature.NewColumn(typ, 1))
		}
		l, err := online.NewLayout(storage)
		if err != nil {
			t.Fatal(err)
		}
		want := unhex(t, g.Hex)
		if got := l.AppendKey(nil, keys, 0); !bytes.Equal(got, want) {
			t.Errorf("%s: got % x, want % x", g.Comment, got, want)
		}
		if err := l.DecodeKey(want, into); err != nil {
			t.Errorf("%s: %v", g.Comment, err)
			continue
		}
		for i, c := range into {
			if c.Len() != 1 || c.Text(0) != g.Values[i] {
				t.Errorf("%s: decoded as %q, want %q", g.Comment, c.Text(0), g.Values[i])
			}
		}
	}
}

type goldenRows struct {
	Layouts []struct {
		Name               string
		Created, Available bool
		Check              string
		Features           [][2]string
	}
	Rows []struct {
		Layout, Comment, Event string
		Created                *string
		Available              string
		Values                 []any
		Hex                    string
	}
}

func TestRowsHaveTheirGoldenBytes(t *testing.T) {
	var golden goldenRows
	readGolden(t, "rows.json", &golden)
	layouts := map[string]*online.Layout{}
	for _, g := range golden.Layouts {
		storage := &feature.Storage{ID: 1, View: g.Name, Version: 1, Rule: feature.Rule{Created: g.Created, Available: g.Available}}
		for _, f := range g.Features {
			storage.Features = append(storage.Features, feature.Field{Name: f[0], Type: parseType(t, f[1])})
		}
		l, err := online.NewLayout(storage)
		if err != nil {
			t.Fatal(err)
		}
		layouts[g.Name] = l
	}
	if len(golden.Rows) < 8 {
		t.Fatalf("%d golden rows were read", len(golden.Rows))
	}
	for _, g := range golden.Rows {
		l := layouts[g.Layout]
		b := &feature.Batch{Rows: 1, Event: []feature.Time{parseTime(t, g.Event)}}
		if l.Rule().Created {
			b.Created = feature.NewColumn(feature.Scalar(feature.Timestamp), 1)
			if g.Created != nil {
				b.Created.AppendInt64(int64(parseTime(t, *g.Created)))
			} else {
				b.Created.AppendNull()
			}
		}
		if l.Rule().Available {
			b.Available = []feature.Time{parseTime(t, g.Available)}
		}
		var into []*feature.Column
		for i, f := range l.Features() {
			b.Features = append(b.Features, column(t, f.Type, g.Values[i]))
			into = append(into, feature.NewColumn(f.Type, 1))
		}
		want := unhex(t, g.Hex)
		if got := l.AppendRow(nil, b, 0); !bytes.Equal(got, want) {
			t.Errorf("%s: %s:\n got % x\nwant % x", g.Layout, g.Comment, got, want)
		}
		stamp, err := l.Decode(want, into)
		if err != nil || stamp != b.Stamp(0) {
			t.Errorf("%s: %s: decoded as %+v, %v", g.Layout, g.Comment, stamp, err)
			continue
		}
		for i, c := range into {
			if c.Len() != 1 || feature.Compare(c, 0, b.Features[i], 0) != 0 {
				t.Errorf("%s: %s: feature %s decoded as %q", g.Layout, g.Comment, l.Features()[i].Name, c.Text(0))
			}
		}
	}
}

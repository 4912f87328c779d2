package online_test

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/online"
)

func TestAStorageThatCannotBeStoredIsRefused(t *testing.T) {
	number, text := feature.Scalar(feature.Float64), feature.Scalar(feature.String)
	cases := map[string]struct {
		storage feature.Storage
		want    string
	}{
		"no number":        {feature.Storage{View: "v", Version: 1}, "has no number"},
		"a float key":      {feature.Storage{ID: 1, View: "v", Keys: []feature.JoinKey{{Name: "k", Type: number}}}, "join key k"},
		"a list key":       {feature.Storage{ID: 1, View: "v", Keys: []feature.JoinKey{{Name: "k", Type: feature.ListOf(feature.Int64, 0)}}}, "join key k"},
		"no type":          {feature.Storage{ID: 1, View: "v", Features: []feature.Field{{Name: "a"}}}, "feature a"},
		"unordered names":  {feature.Storage{ID: 1, View: "v", Features: []feature.Field{{Name: "b", Type: text}, {Name: "a", Type: text}}}, "a does not follow b"},
		"a repeated name":  {feature.Storage{ID: 1, View: "v", Features: []feature.Field{{Name: "a", Type: text}, {Name: "a", Type: text}}}, "a does not follow a"},
		"an unknown scale": {feature.Storage{ID: 1, View: "v", Features: []feature.Field{{Name: "a", Type: feature.Scalar(77)}}}, "feature a"},
	}
	for name, c := range cases {
		_, err := online.NewLayout(&c.storage)
		if !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got error %v, want one with %q", name, err, c.want)
		}
	}
}

func TestARowMayBeForgottenAfterItsTTLAndTheGrace(t *testing.T) {
	with := newLayout(t, &feature.Storage{ID: 1, View: "v", Rule: feature.Rule{TTL: feature.Hour}})
	if got, want := with.Expires(1000), feature.Time(1000).Add(25*feature.Hour); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := with.Expires(feature.MaxTime - 5); got != feature.MaxTime {
		t.Errorf("at the end of time: got %s", got)
	}
	without := newLayout(t, &feature.Storage{ID: 1, View: "v"})
	if got := without.Expires(-5); got != feature.MaxTime {
		t.Errorf("without a TTL: got %s", got)
	}
	longest := newLayout(t, &feature.Storage{ID: 1, View: "v", Rule: feature.Rule{TTL: math.MaxInt64}})
	if got := longest.Expires(feature.MinTime); got != feature.MaxTime {
		t.Errorf("under the longest TTL: got %s, but no age exceeds it", got)
	}
}

func TestFeaturesAreFoundByTheirNames(t *testing.T) {
	l := newLayout(t, everyType(false))
	if got := l.Feature("f2_0"); l.Features()[got].Name != "f2_0" {
		t.Errorf("f2_0 is at %d", got)
	}
	if got := l.Feature("nothing"); got != -1 {
		t.Errorf("an unknown feature is at %d", got)
	}
	if l.Storage() != 5 || l.View() != "every@3" {
		t.Errorf("got storage %d of %s", l.Storage(), l.View())
	}
}

func TestKeysOfOtherViewsOrNonsenseAreNotDecoded(t *testing.T) {
	keys := []feature.JoinKey{{Name: "n", Type: feature.Scalar(feature.Int32)}, {Name: "s", Type: feature.Scalar(feature.String)}}
	l := newLayout(t, &feature.Storage{ID: 1, View: "v", Version: 1, Keys: keys})
	global := newLayout(t, &feature.Storage{ID: 1, View: "g", Version: 1})
	for _, bad := range []string{
		"", "{", "}", "{}", "{}\x01", "{g}\x01", "{i\x02}\x01", "{i\x02s\x01a}", "{i\x02s\x01a}\x02", "{i\x02s\x01a}\x01\x00", "{i\x02s\x01a}\x81\x00",
		"{i\x82\x00s\x01a}\x01", "{d\x02s\x01a}\x01", "{i\x02x\x01a}\x01", "{i\x02s\x02a}\x01", "{i\x02s\x01ab}\x01", "{i\x02s\x01|}\x01", "{i\x02s\x01||}\x01",
		"{i\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01s\x01a}\x01", "{s\x01ai\x02}\x01", "x{i\x02s\x01a}\x01",
	} {
		into := []*feature.Column{feature.NewColumn(keys[0].Type, 1), feature.NewColumn(keys[1].Type, 1)}
		if err := l.DecodeKey([]byte(bad), into); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("key %q: got error %v, want invalid", bad, err)
		}
		if into[0].Len()+into[1].Len() != 0 {
			t.Errorf("key %q: something was appended", bad)
		}
		if bad != "{g}\x01" {
			if err := global.DecodeKey([]byte(bad), nil); !errors.Is(err, feature.ErrInvalid) {
				t.Errorf("key %q of a view without join keys: got error %v, want invalid", bad, err)
			}
		}
	}
	if got := l.KeyText([]byte("{i\x03s\x01a}\x01")); got != `v@1 n=-2, s="a"` {
		t.Errorf("text of a key: got %s", got)
	}
	if got := l.KeyText([]byte("?")); got != "key 3f" {
		t.Errorf("text of nonsense: got %s", got)
	}
}

func TestAKeyTellsItsStorage(t *testing.T) {
	for _, id := range []uint64{1, 124, 125, 127, 128, 253, 300, 16_000, 1 << 32, 1<<64 - 1} {
		l := newLayout(t, &feature.Storage{ID: id, View: "v", Version: 1, Keys: []feature.JoinKey{{Name: "k", Type: feature.Scalar(feature.String)}}})
		for _, text := range []string{"", "SFO", "}", "}}\x01", "|", "\x00", "\xff{}"} {
			c := feature.NewColumn(feature.Scalar(feature.String), 1)
			c.AppendString(text)
			key := l.AppendKey(nil, []*feature.Column{c}, 0)
			if got, ok := online.StorageOf(key); got != id || !ok {
				t.Errorf("key %x: got storage %d, %t, want %d", key, got, ok, id)
			}
		}
		global := newLayout(t, &feature.Storage{ID: id, View: "v", Version: 1})
		if got, ok := online.StorageOf(global.AppendKey(nil, nil, 0)); got != id || !ok {
			t.Errorf("the only key: got storage %d, %t, want %d", got, ok, id)
		}
	}
	for _, text := range []string{
		"", "{", "}", "{}", "{}\x01", "{g", "{g}", "g}\x01", "x{g}\x01",
		"{g}\x00", "{g}\x01\x01", "{g}\x80", "{g}\x81\x00", "{g}\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "registry", "watermark:1",
	} {
		if got, ok := online.StorageOf([]byte(text)); ok {
			t.Errorf("%q is said to be of storage %d", text, got)
		}
	}
}

package feature_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
)

func TestTypesAreWrittenAsTheyAreRead(t *testing.T) {
	for _, s := range []string{"bool", "int32", "int64", "float32", "float64", "string", "bytes", "date", "timestamp", "list<float32>", "list<string>[3]"} {
		got, err := feature.ParseType(s)
		if err != nil || got.String() != s {
			t.Errorf("ParseType(%q) = %v, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "invalid", "int", "list", "list<>", "list<int64", "list<list<int64>>", "list<int64>[0]", "list<int64>[x]", "list<int64>[03]", "Int64"} {
		if _, err := feature.ParseType(s); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("ParseType(%q): %v, want ErrInvalid", s, err)
		}
	}
}

func TestNamesAreLowerCaseWithoutDoubleUnderscoresAndReservedWords(t *testing.T) {
	for _, s := range []string{"a", "route_last", "x9_", strings.Repeat("a", 128)} {
		if err := feature.CheckName(s); err != nil {
			t.Errorf("CheckName(%q): %v", s, err)
		}
	}
	for _, s := range []string{"", "A", "9a", "_a", "a-b", "a__b", "in", "null", "é", "a b", "a\x00", strings.Repeat("a", 129)} {
		if err := feature.CheckName(s); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("CheckName(%q): %v, want ErrInvalid", s, err)
		}
	}
}

func TestReferencesNameViewVersionAndFeature(t *testing.T) {
	for s, want := range map[string]feature.Reference{
		"route_last:delay":   {View: "route_last", Feature: "delay"},
		"route_last@2:delay": {View: "route_last", Version: 2, Feature: "delay"},
		"route_last:*":       {View: "route_last", Feature: "*"},
	} {
		got, err := feature.ParseReference(s)
		if err != nil || got != want || got.String() != s {
			t.Errorf("ParseReference(%q) = %+v, %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", "a", "a:", ":b", "a@0:b", "a@x:b", "a@01:b", "a@-1:b", "a:b:c", "A:b"} {
		if _, err := feature.ParseReference(s); !errors.Is(err, feature.ErrInvalid) {
			t.Errorf("ParseReference(%q): %v, want ErrInvalid", s, err)
		}
	}
}

func TestARoleRenamesTheJoinKeys(t *testing.T) {
	one := feature.Entity{Keys: []feature.JoinKey{{Name: "airport", Type: feature.Scalar(feature.String)}}}
	two := feature.Entity{Keys: []feature.JoinKey{{Name: "shop", Type: feature.Scalar(feature.Int64)}, {Name: "till", Type: feature.Scalar(feature.Int32)}}}
	for _, c := range []struct {
		role   feature.Role
		entity feature.Entity
		want   []string
	}{
		{feature.Role{}, one, []string{"airport"}},
		{feature.Role{As: "origin"}, one, []string{"origin"}},
		{feature.Role{}, two, []string{"shop", "till"}},
		{feature.Role{As: "home"}, two, []string{"home_shop", "home_till"}},
	} {
		var got []string
		for _, k := range c.role.JoinKeys(c.entity) {
			got = append(got, k.Name)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%+v (-want +got):\n%s", c.role, diff)
		}
	}
	if one.Keys[0].Name != "airport" {
		t.Error("the entity itself was renamed")
	}
}

func TestKeyColumnsAreAskedForOnceAndInOneType(t *testing.T) {
	view := func(name string, kind feature.Kind) *feature.ViewVersion {
		return &feature.ViewVersion{Meta: feature.Meta{Name: name}, Version: 1, Keys: []feature.JoinKey{{Name: "id", Type: feature.Scalar(kind)}}}
	}
	selection := feature.Selection{Uses: []feature.Use{
		{View: view("a", feature.Int32), Keys: []string{"user"}},
		{View: view("b", feature.String), Keys: []string{"shop"}},
		{View: view("c", feature.Int64), Keys: []string{"user"}},
		{View: &feature.ViewVersion{}},
	}}
	got, err := selection.KeyColumns()
	want := []feature.JoinKey{{Name: "user", Type: feature.Scalar(feature.Int64)}, {Name: "shop", Type: feature.Scalar(feature.String)}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("KeyColumns(): %v (-want +got):\n%s", err, diff)
	}
	selection.Uses[1].Keys[0] = "user"
	if _, err := selection.KeyColumns(); !errors.Is(err, feature.ErrInvalid) {
		t.Errorf("a column taken as int32 and as string: %v, want ErrInvalid", err)
	}
}

func TestTheNearestNameIsTheOneWithTheFewestEdits(t *testing.T) {
	known := []string{"delay", "delay_mean_1h", "distance", "dest", "origin"}
	for name, want := range map[string]string{
		"dealy": "delay", "delays": "delay", "Delay": "delay", "delay-mean-1h": "delay_mean_1h", "delay_meen_1h": "delay_mean_1h",
		"orign": "origin", "distence": "distance", "tail": "", "": "", "x": "", "des": "dest",
	} {
		if got := feature.Nearest(name, slices.Values(known)); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if got := feature.Nearest("ab", slices.Values([]string{"ad", "ac"})); got != "ac" {
		t.Errorf("of equally near names the first in order is given: got %q, want ac", got)
	}
}

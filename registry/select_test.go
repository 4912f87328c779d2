package registry_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// twoViews is a registry with last@1, last@2 (not current) and a global view.
func twoViews(t *testing.T) *registry.Snapshot {
	t.Helper()
	store := &memory{}
	more := func(d *registry.Definitions) {
		d.Views = append(d.Views, feature.View{Meta: feature.Meta{Name: "world"}, Source: "departures", Features: []feature.ViewFeature{{Name: "speed"}}})
	}
	apply(t, store, edited(more))
	apply(t, store, edited(func(d *registry.Definitions) { more(d); shorter(d) }))
	return load(t, store)
}

func references(t *testing.T, texts ...string) []feature.Reference {
	t.Helper()
	var refs []feature.Reference
	for _, text := range texts {
		ref, err := feature.ParseReference(text)
		if err != nil {
			t.Fatal(err)
		}
		refs = append(refs, ref)
	}
	return refs
}

func TestReferencesAreSelected(t *testing.T) {
	s := twoViews(t)
	for _, test := range []struct {
		refs []string
		uses string
		want []string
	}{
		{[]string{"last:distance", "last:delay"}, "last@1 [airport]", []string{"last__distance", "last__delay"}},
		{[]string{"last:*"}, "last@1 [airport]", []string{"last__delay", "last__distance"}},
		{[]string{"last@2:delay", "world:*"}, "last@2 [airport] world@1 []", []string{"last__delay", "world__speed"}},
		{[]string{"last@2:delay", "last:distance"}, "last@2 [airport] last@1 [airport]", []string{"last__delay", "last__distance"}},
	} {
		got, err := s.Select(references(t, test.refs...))
		if err != nil {
			t.Errorf("%v: %v", test.refs, err)
			continue
		}
		var uses, names []string
		for _, u := range got.Uses {
			uses = append(uses, fmt.Sprintf("%s %v", u.View.ID(), u.Keys))
			if online := u.View.Online; online != (u.Active != nil) {
				t.Errorf("%v: view %s is read from storage %+v", test.refs, u.View.ID(), u.Active)
			}
		}
		for _, o := range got.Outputs {
			names = append(names, o.Name)
			if field := got.Field(o); !strings.HasSuffix(o.Name, "__"+field.Name) {
				t.Errorf("output %s shows %s", o.Name, field.Name)
			}
		}
		if strings.Join(uses, " ") != test.uses || !slices.Equal(names, test.want) || got.Service != "" || got.Revision != 2 {
			t.Errorf("%v: got uses %v, outputs %v, revision %d", test.refs, uses, names, got.Revision)
		}
	}
}

func TestReferencesThatAreRefused(t *testing.T) {
	s := twoViews(t)
	for _, test := range []struct {
		refs []string
		kind error
		text string
	}{
		{nil, feature.ErrInvalid, "no feature is asked for"},
		{[]string{"lats:delay"}, feature.ErrNotFound, `no view is named "lats" (did you mean "last"?)`},
		{[]string{"weather:wind"}, feature.ErrNotFound, `no view is named "weather"; there is last, world`},
		{[]string{"last@9:delay"}, feature.ErrNotFound, "view last has no version 9; there is last@1, last@2"},
		{[]string{"last:dealy"}, feature.ErrNotFound, `no feature of last@1 is named "dealy" (did you mean "delay"?)`},
		{[]string{"last:delay", "last:delay"}, feature.ErrInvalid, "both give the output column last__delay"},
		{[]string{"last:delay", "last@1:delay"}, feature.ErrInvalid, "feature references last:delay and last@1:delay both"},
		{[]string{"last:delay", "last@2:delay"}, feature.ErrInvalid, "both give the output column last__delay"},
		{[]string{"last:*", "last:delay"}, feature.ErrInvalid, "feature references last:* and last:delay both"},
	} {
		_, err := s.Select(references(t, test.refs...))
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%v: got %v, want %q", test.refs, err, test.text)
		}
	}
	for _, test := range []struct {
		version    int
		name, text string
	}{{0, "fraud", `no service is named "fraud"; there is model: not found`}, {0, "modek", `no service is named "modek" (did you mean "model"?)`}, {5, "model", "service model has no version 5; there is model@1, model@2"}} {
		_, err := s.Service(test.name, test.version)
		if !errors.Is(err, feature.ErrNotFound) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("got %v, want %q", err, test.text)
		}
	}
}

func TestASelectionIsMadeOnceAndSharedByAll(t *testing.T) {
	s := twoViews(t)
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if _, err := s.Service("model", 0); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	a, _ := s.Service("model", 0)
	b, _ := s.Service("model", 1)
	if a != b || a == nil {
		t.Errorf("got %p and %p", a, b)
	}
}

func TestAServiceNamesItsOutputs(t *testing.T) {
	store := &memory{}
	apply(t, store, edited(func(d *registry.Definitions) {
		d.Services[0].Features = []feature.ViewUse{
			{View: "last", As: "a", Hide: []string{"delay"}, Rename: map[string]string{"distance": "how_far"}},
			{View: "last", As: "b", Keys: map[string]string{"airport": "to"}, Only: []string{"distance", "delay"}},
			{View: "last", As: "b", Keys: map[string]string{"airport": "to"}, Only: []string{"delay"}, Rename: map[string]string{"delay": "again"}},
		}
	}))
	got, err := load(t, store).Service("model", 0)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range got.Outputs {
		names = append(names, fmt.Sprintf("%d:%s=%s", o.Use, o.Name, got.Field(o).Name))
	}
	if want := []string{"0:how_far=distance", "1:b__distance=distance", "1:b__delay=delay", "1:again=delay"}; !slices.Equal(names, want) || len(got.Uses) != 2 {
		t.Errorf("got %v of %d uses, want %v of 2", names, len(got.Uses), want)
	}
	if got.Uses[0].Alias != "a" || got.Uses[0].Keys[0] != "airport" || got.Uses[1].Alias != "b" || got.Uses[1].Keys[0] != "to" {
		t.Errorf("got uses %+v", got.Uses)
	}
}

func TestTheCatalogListsInTheOrderOfNames(t *testing.T) {
	s := twoViews(t)
	var got []string
	for _, v := range s.Views() {
		got = append(got, fmt.Sprintf("%s %d %d %d", v.Name, v.Current, v.Defined, len(v.Versions)))
	}
	for _, o := range s.OnlineViews() {
		got = append(got, fmt.Sprintf("%s %d", o.View.ID(), o.Active.ID))
	}
	for _, r := range slices.Concat(s.UsedBy(registry.KindEntity, "airport", 0), s.UsedBy(registry.KindView, "last", 1), s.UsedBy(registry.KindView, "last", 0)) {
		got = append(got, fmt.Sprintf("%s %s %d", r.Kind, r.Name, r.Version))
	}
	want := []string{
		"last 1 2 2", "world 1 1 1", "last@1 1", "last@2 2",
		"view last 1", "view last 2", "service model 1", "service model 1", "service model 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if n := len(s.UsedBy(registry.KindSource, "departures", 0)); n != 3 {
		t.Errorf("%d view versions read the source, want 3", n)
	}
}

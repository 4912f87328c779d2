package registry_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// edited is the project with a change.
func edited(change func(d *registry.Definitions)) *registry.Definitions {
	d := project()
	change(d)
	return d
}

func shorter(d *registry.Definitions) { d.Views[0].TTL = 3 * feature.Day }

func listing(t *testing.T, s *registry.Snapshot) (view, service registry.ViewListing) {
	t.Helper()
	v, m := s.Views()[0], s.Services()[0]
	return registry.ViewListing{Name: v.Name, Current: v.Current, Defined: v.Defined}, registry.ViewListing{Name: m.Name, Current: m.Current, Defined: m.Defined}
}

func TestABreakingChangeLeavesReadersWhereTheyAre(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	apply(t, store, edited(shorter))
	s := load(t, store)
	view, service := listing(t, s)
	if view.Current != 1 || view.Defined != 2 || service.Current != 1 || service.Defined != 2 {
		t.Errorf("got %+v, %+v", view, service)
	}
	for version, want := range map[int]struct {
		service string
		view    string
		ttl     feature.Duration
		storage uint64
	}{
		0: {"model@1", "last@1", 7 * feature.Day, 1}, 1: {"model@1", "last@1", 7 * feature.Day, 1}, 2: {"model@2", "last@2", 3 * feature.Day, 2},
	} {
		got, err := s.Service("model", version)
		if err != nil {
			t.Fatal(err)
		}
		u := got.Uses[0]
		if got.Service != want.service || u.View.ID() != want.view || u.View.Rule.TTL != want.ttl || u.Active.ID != want.storage || u.Active.State != feature.StorageActive {
			t.Errorf("version %d: got %s of %s with ttl %s in storage %+v", version, got.Service, u.View.ID(), u.View.Rule.TTL, u.Active)
		}
	}
}

func delayed(d *registry.Definitions) { d.Views[0].Delay = feature.Hour }

func TestAChangeTakenBackMakesNoVersion(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	apply(t, store, edited(delayed))
	plan := apply(t, store, edited(func(d *registry.Definitions) { d.Views[0].Owner = "ops" }))
	want := []string{"view last: restore, breaking, 2 -> 1 current", "service model: restore, breaking, 2 -> 1 current"}
	if got := lines(plan); !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	s := load(t, store)
	if v, err := s.View("last", 0); err != nil || v.ID() != "last@1" || v.Owner != "ops" {
		t.Errorf("got %+v, %v", v, err)
	}
	if n := len(s.Storages()); n != 2 {
		t.Errorf("there are %d storages, want the two of before", n)
	}
	// And forth again: version 2 is still there.
	if got := lines(apply(t, store, edited(delayed))); got[0] != "view last: restore, breaking, 1 -> 2" {
		t.Errorf("got %v", got)
	}
	// A third state is a third version.
	got := lines(apply(t, store, edited(func(d *registry.Definitions) { d.Views[0].Delay = feature.Second })))
	if want := []string{"view last: new version, breaking, 2 -> 3, storage", "service model: new version, breaking, 2 -> 3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestAFeatureIsFilledBesideTheOldLayout(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	with := func(names ...string) *registry.Definitions {
		return edited(func(d *registry.Definitions) {
			for _, n := range names {
				d.Views[0].Features = append(d.Views[0].Features, feature.ViewFeature{Name: n})
			}
			d.Services = nil
		})
	}
	apply(t, store, with("speed"))
	s := load(t, store)
	active, filling := s.Active("last", 1), s.Filling("last", 1)
	if active.ID != 1 || len(active.Features) != 2 || filling.ID != 2 || len(filling.Features) != 3 {
		t.Fatalf("active %+v, filling %+v", active, filling)
	}
	apply(t, store, with("speed", "number"))
	s = load(t, store)
	if s.Active("last", 1).ID != 1 || s.Filling("last", 1).ID != 3 || s.Storages()[1].State != feature.StorageRetired {
		t.Errorf("a second feature while the first is filled: %+v", s.Storages())
	}
	// A text changes nothing that is stored, while filling and after.
	for range 2 {
		d := with("speed", "number")
		d.Views[0].Description = strings.Repeat("x", int(load(t, store).Revision()))
		if plan := apply(t, store, d); plan.Changes[0].Storage {
			t.Errorf("a text asks for a storage: %v", lines(plan))
		}
		if err := store.ActivateStorage(t.Context(), 3, feature.Served{Storage: 1}); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(load(t, store).Storages()); n != 3 {
		t.Errorf("there are %d storages, want 3", n)
	}
}

func TestRemovedViewsKeepWhatServicesRead(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	other := func(d *registry.Definitions) {
		d.Views[0].Name = "newest"
		d.Services[0].Features[0].View, d.Services[0].Features[1].View = "newest", "newest"
	}
	want := []string{"view last: delete, breaking, 1 -> 0", "view newest: create, safe, 0 -> 1 current, storage", "service model: new version, breaking, 1 -> 2"}
	plan := apply(t, store, edited(other))
	slices.Sort(want)
	got := lines(plan)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	s := load(t, store)
	if _, err := s.View("last", 0); !errors.Is(err, feature.ErrNotFound) || !strings.Contains(err.Error(), "was removed; its versions can still be read by number, online as long as their values are kept: last@1") {
		t.Errorf("got %v", err)
	}
	if m, err := s.Service("model", 0); err != nil || m.Uses[0].View.ID() != "last@1" || m.Uses[0].Active == nil {
		t.Errorf("model@1 lost what it reads: %+v, %v", m, err)
	}
	// Without the service nothing reads the removed view any more.
	apply(t, store, edited(func(d *registry.Definitions) { other(d); d.Services = nil }))
	s = load(t, store)
	if s.Active("last", 1) != nil || s.Active("newest", 1) == nil {
		t.Errorf("storages are %+v", s.Storages())
	}
	// Defined again as it was, it is version 1 again, with a storage of its own.
	plan = apply(t, store, edited(func(d *registry.Definitions) { d.Services = nil }))
	if got := lines(plan); !slices.Contains(got, "view last: restore, safe, 0 -> 1 current, storage") {
		t.Errorf("got %v", got)
	}
	if st := load(t, store).Active("last", 1); st == nil || st.ID != 3 {
		t.Errorf("got %+v", st)
	}
}

func TestARemovedViewThatComesBackOtherwiseIsANewVersion(t *testing.T) {
	store := &memory{}
	apply(t, store, edited(func(d *registry.Definitions) { d.Services = nil }))
	apply(t, store, edited(func(d *registry.Definitions) { d.Services, d.Views = nil, nil }))
	plan := apply(t, store, edited(func(d *registry.Definitions) { shorter(d); d.Services = nil }))
	if got := lines(plan); !slices.Equal(got, []string{"view last: new version, safe, 0 -> 2 current, storage"}) {
		t.Errorf("got %v", got)
	}
}

func TestAServiceMayUseAnOldVersion(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	d := edited(func(d *registry.Definitions) {
		shorter(d)
		d.Views[0].Features = d.Views[0].Features[:1]
		d.Services[0].Features = []feature.ViewUse{{View: "last", Version: 1, As: "then", Only: []string{"distance"}}, {View: "last", Version: 2, As: "now"}}
	})
	apply(t, store, d)
	got, err := load(t, store).Service("model", 2)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Outputs) != 2 || got.Outputs[0].Name != "then__distance" || got.Outputs[1].Name != "now__delay" ||
		got.Uses[0].View.ID() != "last@1" || got.Uses[1].View.ID() != "last@2" {
		t.Errorf("got %+v", got)
	}
}

func TestAStalePlanChangesNothing(t *testing.T) {
	store := open(t)
	base := load(t, store)
	first, err := registry.NewPlan(t.Context(), base, project(), flights())
	if err != nil {
		t.Fatal(err)
	}
	second, err := registry.NewPlan(t.Context(), base, edited(shorter), flights())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := registry.Apply(t.Context(), store, first, author()); err != nil {
		t.Fatal(err)
	}
	_, err = registry.Apply(t.Context(), store, second, author())
	if !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), "plan again") {
		t.Errorf("got %v", err)
	}
	if v, err := load(t, store).View("last", 0); err != nil || v.Rule.TTL != 7*feature.Day {
		t.Errorf("got %+v, %v", v, err)
	}
}

func TestAnEmptyPlanMakesNoRevision(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	plan, err := registry.NewPlan(t.Context(), load(t, store), project(), flights())
	if err != nil {
		t.Fatal(err)
	}
	if revision, err := registry.Apply(t.Context(), store, plan, author()); err != nil || revision != 1 || len(store.history) != 1 {
		t.Errorf("got revision %d, %v, history %v", revision, err, store.history)
	}
}

func TestPromoteWantsItMaterialized(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	apply(t, store, edited(shorter))
	promote := func(name string, version int) (int64, error) {
		return registry.Promote(t.Context(), store, load(t, store), registry.Target{Name: name, Version: version}, store.materialized, author())
	}
	for _, name := range []string{"last", "model"} {
		if revision, err := promote(name, 1); err != nil || revision != 2 || len(store.history) != 2 {
			t.Errorf("promoting the current version of %s, which is not materialized: got %d, %v", name, revision, err)
		}
		if _, err := promote(name, 2); !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), "view last@2 is not materialized yet: run quiver materialize last first") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	store.filled = map[uint64]bool{2: true}
	for i, name := range []string{"last", "model"} {
		if revision, err := promote(name, 2); err != nil || revision != int64(3+i) {
			t.Fatalf("%s: got %d, %v", name, revision, err)
		}
	}
	view, service := listing(t, load(t, store))
	if view.Current != 2 || service.Current != 2 {
		t.Errorf("got %+v, %+v", view, service)
	}
	last := store.history[len(store.history)-2]
	want := registry.ObjectChange{
		Kind: registry.KindView, Name: "last", Action: registry.ActionPromote, Class: registry.Breaking, From: 1, To: 2, Current: true,
		Reasons: []registry.Reason{{
			Class: registry.Breaking, Field: "ttl", Text: "ttl 7d -> 3d: a shorter TTL makes values null that readers get now",
			Old: "7d", New: "3d", Why: "a shorter TTL makes values null that readers get now",
		}},
	}
	if diff := cmp.Diff([]registry.ObjectChange{want}, last.Changes); diff != "" || last.Operation != registry.OperationPromote {
		t.Errorf("the history says %s (-want +got):\n%s", last.Operation, diff)
	}
	if revision, err := promote("last", 2); err != nil || revision != 4 || len(store.history) != 4 {
		t.Errorf("promoting the current version: got %d, %v", revision, err)
	}
}

func TestPromoteRefusesWhatItCannotDo(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	apply(t, store, edited(func(d *registry.Definitions) {
		d.Services[0].Name = "last"
		d.Views[0].Features = append(d.Views[0].Features, feature.ViewFeature{Name: "speed"})
	}))
	s := load(t, store)
	yes := func(context.Context, *feature.Storage) (bool, error) { return true, nil }
	for _, test := range []struct {
		target registry.Target
		kind   error
		text   string
	}{
		{registry.Target{Name: "lost", Version: 1}, feature.ErrNotFound, `no view or service is named "lost" (did you mean "last"?)`},
		{registry.Target{Name: "last", Version: 1}, feature.ErrInvalid, "both a view and a service are named last"},
		{registry.Target{Kind: registry.KindView, Name: "last", Version: 7}, feature.ErrNotFound, "view last has no version 7; there is last@1"},
		{registry.Target{Kind: registry.KindEntity, Name: "airport", Version: 1}, feature.ErrInvalid, "entity airport has no versions"},
		{registry.Target{Name: "model", Version: 1}, feature.ErrNotFound, "service model was removed"},
	} {
		_, err := registry.Promote(t.Context(), store, s, test.target, yes, author())
		if !errors.Is(err, test.kind) || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%+v: got %v, want %q", test.target, err, test.text)
		}
	}
}

func TestPromoteWantsEveryFeatureFilled(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	apply(t, store, edited(shorter))
	target := registry.Target{Name: "last", Version: 2}
	broken := errors.New("broken")
	_, err := registry.Promote(t.Context(), store, load(t, store), target, func(context.Context, *feature.Storage) (bool, error) { return false, broken }, author())
	if !errors.Is(err, broken) {
		t.Errorf("got %v, want what was found out", err)
	}
	apply(t, store, edited(func(d *registry.Definitions) {
		shorter(d)
		d.Views[0].Features = append(d.Views[0].Features, feature.ViewFeature{Name: "speed"})
	}))
	yes := func(context.Context, *feature.Storage) (bool, error) { return true, nil }
	_, err = registry.Promote(t.Context(), store, load(t, store), target, yes, author())
	if text := "feature speed of view last@2 is still being filled"; !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), text) {
		t.Errorf("got %v, want %q", err, text)
	}
}

func TestPromoteLosesAgainstAnApply(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	apply(t, store, edited(shorter))
	old := load(t, store)
	apply(t, store, edited(func(d *registry.Definitions) { shorter(d); d.Views[0].Owner = "x" }))
	store.filled = map[uint64]bool{2: true}
	_, err := registry.Promote(t.Context(), store, old, registry.Target{Name: "last", Version: 2}, store.materialized, author())
	if !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), "promote again") {
		t.Errorf("got %v", err)
	}
}

func TestAPreviewShowsWhatTheFilesSayAndChangesNothing(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	base := load(t, store)
	plan, err := registry.NewPlan(t.Context(), base, edited(func(d *registry.Definitions) {
		shorter(d)
		d.Entities = append(d.Entities, feature.Entity{Meta: feature.Meta{Name: "carrier"}})
	}), flights())
	if err != nil {
		t.Fatal(err)
	}
	preview, err := plan.Preview(base)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		of       *registry.Snapshot
		service  string
		view     string
		entities int
	}{"preview": {preview, "model@2", "last@2", 2}, "base": {base, "model@1", "last@1", 1}} {
		got, err := test.of.Service("model", 0)
		if err != nil {
			t.Fatal(err)
		}
		if got.Service != test.service || got.Uses[0].View.ID() != test.view || len(test.of.Entities()) != test.entities || got.Revision != 1 {
			t.Errorf("%s: got %s of %s, revision %d, with entities %v", name, got.Service, got.Uses[0].View.ID(), got.Revision, test.of.Entities())
		}
	}
	gone, err := registry.NewPlan(t.Context(), base, &registry.Definitions{}, flights())
	if err != nil {
		t.Fatal(err)
	}
	if preview, err = gone.Preview(base); err != nil || len(preview.Entities())+len(preview.Sources()) != 0 {
		t.Errorf("got %v, %v", preview, err)
	}
	if _, err := preview.Service("model", 0); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

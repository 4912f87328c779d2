package registry_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func at(t *testing.T, store registry.Store, revision int64) *registry.Snapshot {
	t.Helper()
	s, err := store.Load(t.Context(), revision)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func all(context.Context, *feature.Storage) (bool, error)  { return true, nil }
func none(context.Context, *feature.Storage) (bool, error) { return false, nil }

func rollback(t *testing.T, store registry.Store, revision int64) *registry.Rollback {
	t.Helper()
	r, err := registry.NewRollback(t.Context(), load(t, store), at(t, store, revision), all)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Apply(t.Context(), store, author()); err != nil {
		t.Fatal(err)
	}
	return r
}

func changeLines(changes []registry.ObjectChange) []string {
	var all []string
	for i := range changes {
		all = append(all, line(&changes[i]))
	}
	return all
}

func TestRollbackPointsBackAndMakesNoVersion(t *testing.T) {
	store := open(t)
	apply(t, store, project())
	apply(t, store, edited(shorter))
	for i, name := range []string{"last", "model"} {
		if _, err := registry.Promote(t.Context(), store, load(t, store), registry.Target{Name: name, Version: 2}, all, author()); err != nil {
			t.Fatal(i, err)
		}
	}
	r := rollback(t, store, 1)
	want := []string{"view last: restore, needs backfill, 2 -> 1 current", "service model: restore, breaking, 2 -> 1 current"}
	if got := changeLines(r.Changes); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if len(r.Removals)+len(r.Fill)+len(r.Missing) != 0 || r.Base != 4 || r.To != 1 || r.Class() != registry.Breaking {
		t.Errorf("got %+v", r)
	}
	view, service := listing(t, load(t, store))
	if view.Current != 1 || view.Defined != 1 || service.Current != 1 || service.Defined != 1 {
		t.Errorf("got %+v, %+v", view, service)
	}
	history, err := store.History(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if h := history[0]; h.Number != 5 || h.Operation != registry.OperationRollback || cmp.Diff(r.Changes, h.Changes) != "" {
		t.Errorf("the history says %+v", h)
	}
	if again := rollback(t, store, 1); !again.Empty() || load(t, store).Revision() != 5 {
		t.Errorf("twice: %v, revision %d", changeLines(again.Changes), load(t, store).Revision())
	}
	// And forth: what was rolled back comes back.
	rollback(t, store, 4)
	if view, service := listing(t, load(t, store)); view.Current != 2 || service.Current != 2 || len(registry.Diff(at(t, store, 4), load(t, store))) != 0 {
		t.Errorf("got %+v, %+v", view, service)
	}
}

func TestRollbackTakesBackWhatAVersionWasGivenInPlace(t *testing.T) {
	store := open(t)
	apply(t, store, project())
	apply(t, store, edited(func(d *registry.Definitions) {
		d.Views[0].TTL = 8 * feature.Day
		d.Views[0].Features = append(d.Views[0].Features, feature.ViewFeature{Name: "speed"})
	}))
	if err := store.ActivateStorage(t.Context(), 2, feature.Served{Storage: 1}); err != nil {
		t.Fatal(err)
	}
	r := rollback(t, store, 1)
	want := []string{"view last: update, breaking, 1 -> 1 current, storage", "service model: restore, breaking, 2 -> 1 current"}
	if got := changeLines(r.Changes); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	// model@2 stays readable by its number, and can no longer be answered: it is named.
	if len(r.Removals) != 1 || r.Removals[0].Feature != "speed" || len(r.Removals[0].Users) != 1 || r.Removals[0].Users[0].Version != 2 {
		t.Errorf("got removals %+v", r.Removals)
	}
	s := load(t, store)
	v, err := s.View("last", 0)
	if err != nil || v.Rule.TTL != 7*feature.Day || v.Feature("speed") >= 0 {
		t.Errorf("got %+v, %v", v, err)
	}
	// What is read meanwhile has the values, and the storage in the old layout waits.
	if a, f := s.Active("last", 1), s.Filling("last", 1); a.ID != 2 || f == nil || f.ID != 3 || len(f.Features) != 2 || f.Rule.TTL != 7*feature.Day {
		t.Errorf("active %+v, filling %+v", a, f)
	}
	if _, err := s.Service("model", 2); !errors.Is(err, feature.ErrInvalid) || !strings.Contains(err.Error(), "has no feature speed any more") {
		t.Errorf("got %v", err)
	}
	plan, err := registry.NewPlan(t.Context(), s, project(), flights())
	if err != nil || !plan.Empty() {
		t.Errorf("the files of revision 1 change %v, %v", lines(plan), err)
	}
}

func TestRollbackNeverUsesAStorageThatWasGivenUp(t *testing.T) {
	store := open(t)
	apply(t, store, project())
	plan := apply(t, store, &registry.Definitions{})
	if at := slices.IndexFunc(plan.Removals, func(r registry.Removal) bool { return r.Kind == registry.KindView }); at < 0 || !slices.Equal(plan.Removals[at].Values, []int{1}) {
		t.Errorf("whose values go: %+v", plan.Removals)
	}
	if st := load(t, store).Storages()[0]; st.State != feature.StorageRetired {
		t.Fatalf("got %+v", st)
	}
	r := rollback(t, store, 1)
	if len(r.Missing) != 2 || !strings.Contains(r.Missing[0], "last@1: the storage of view last@1 was given up") || len(r.Fill) != 1 || r.Fill[0].Version != 1 {
		t.Errorf("got %+v", r)
	}
	s := load(t, store)
	if a := s.Active("last", 1); a == nil || a.ID != 2 || s.Storages()[0].State != feature.StorageRetired {
		t.Errorf("got %+v", s.Storages())
	}
	if m, err := s.Service("model", 0); err != nil || m.Uses[0].Active.ID != 2 {
		t.Errorf("got %+v, %v", m, err)
	}
	if diff := registry.Diff(at(t, store, 1), s); len(diff) != 0 {
		t.Errorf("got %v", changeLines(diff))
	}
}

func TestRollbackAcrossACreationNamesWhoReadsWhatGoes(t *testing.T) {
	store := open(t)
	apply(t, store, project())
	apply(t, store, edited(func(d *registry.Definitions) {
		d.Views = append(d.Views, feature.View{Meta: feature.Meta{Name: "facts"}, Source: "departures", Online: true, Features: []feature.ViewFeature{{Name: "speed"}}})
		d.Services[0].Features = append(d.Services[0].Features, feature.ViewUse{View: "facts"})
		d.Entities = append(d.Entities, feature.Entity{Meta: feature.Meta{Name: "carrier"}, Keys: []feature.JoinKey{{Name: "carrier", Type: feature.Scalar(feature.String)}}})
	}))
	r := rollback(t, store, 1)
	var gone []string
	for _, removal := range r.Removals {
		gone = append(gone, fmt.Sprintf("%s %s read by %v", removal.Kind, removal.Name, removal.Users))
	}
	if len(gone) != 2 || !strings.HasPrefix(gone[0], "entity carrier read by []") || !strings.Contains(gone[1], "view facts read by [{{service model 2} false") {
		t.Errorf("got %v", gone)
	}
	s := load(t, store)
	if _, err := s.View("facts", 0); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("got %v", err)
	}
	// model@2 is readable by its number: model is still defined.
	if m, err := s.Service("model", 2); err != nil || m.Uses[len(m.Uses)-1].Active == nil {
		t.Errorf("got %+v, %v", m, err)
	}
	if _, err := s.Entity("carrier"); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("got %v", err)
	}
}

func TestRollbackTellsWhatIsNotMaterialized(t *testing.T) {
	store := open(t)
	apply(t, store, project())
	apply(t, store, edited(shorter))
	if _, err := registry.Promote(t.Context(), store, load(t, store), registry.Target{Name: "model", Version: 2}, all, author()); err != nil {
		t.Fatal(err)
	}
	r, err := registry.NewRollback(t.Context(), load(t, store), at(t, store, 1), none)
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"model@1: view last@1 is not materialized yet: run quiver materialize last first"}; !slices.Equal(r.Missing, want) {
		t.Errorf("got %q, want %q", r.Missing, want)
	}
	broken := errors.New("broken")
	_, err = registry.NewRollback(t.Context(), load(t, store), at(t, store, 1), func(context.Context, *feature.Storage) (bool, error) { return false, broken })
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

func TestRollbackLosesAgainstAnApply(t *testing.T) {
	store := open(t)
	apply(t, store, project())
	apply(t, store, edited(shorter))
	r, err := registry.NewRollback(t.Context(), load(t, store), at(t, store, 1), all)
	if err != nil {
		t.Fatal(err)
	}
	apply(t, store, edited(delayed))
	if _, err := r.Apply(t.Context(), store, author()); !errors.Is(err, feature.ErrConflict) || !strings.Contains(err.Error(), "roll back again") {
		t.Errorf("got %v", err)
	}
	if view, _ := listing(t, load(t, store)); load(t, store).Revision() != 3 || view.Defined != 3 {
		t.Errorf("got %+v", view)
	}
}

// random makes definitions out of few parts, so that histories meet again.
func random(r *rand.Rand) *registry.Definitions {
	d := project()
	pick := func(chance float64) bool { return r.Float64() < chance }
	v := &d.Views[0]
	v.TTL = []feature.Duration{3 * feature.Day, 7 * feature.Day, 0}[r.IntN(3)]
	v.Online = pick(0.8)
	v.Features = v.Features[:1+r.IntN(2)]
	if pick(0.4) {
		v.Features = append(v.Features, feature.ViewFeature{Name: "speed"})
	}
	v.Owner = []string{"", "ops", "ml"}[r.IntN(3)]
	if pick(0.4) {
		d.Views = append(d.Views, feature.View{Meta: feature.Meta{Name: "facts"}, Source: "departures", Online: true, Features: []feature.ViewFeature{{Name: "speed"}}})
	}
	if pick(0.3) {
		d.Entities = append(d.Entities, feature.Entity{Meta: feature.Meta{Name: "carrier", Owner: []string{"", "ops"}[r.IntN(2)]}, Keys: []feature.JoinKey{{Name: "carrier", Type: feature.Scalar(feature.String)}}})
	}
	s := &d.Services[0]
	s.Features = []feature.ViewUse{{View: "last"}}
	if pick(0.3) {
		s.Features[0] = feature.ViewUse{View: "last", Version: 1, Only: []string{"delay"}}
	}
	if len(d.Views) > 1 && pick(0.6) {
		s.Features = append(s.Features, feature.ViewUse{View: "facts"})
	}
	switch r.IntN(8) {
	case 0:
		d.Services = nil
	case 1:
		d.Services, d.Views = nil, d.Views[1:]
	}
	position(d)
	return d
}

// lifecycle is a history with what is known of it beside the registry.
type lifecycle struct {
	*testing.T
	store  registry.Store
	random *rand.Rand
	said   map[int64]*registry.Definitions // what the files said, by revision
	held   map[uint64]bool                 // storages whose values the online store holds
	lost   map[uint64]bool                 // storages that were dropped
}

func (l *lifecycle) materialized(_ context.Context, s *feature.Storage) (bool, error) {
	return l.held[s.ID], nil
}

func (l *lifecycle) step() {
	base := load(l.T, l.store)
	switch n := l.random.IntN(10); {
	case n < 4:
		l.apply(base, random(l.random))
	case n < 6:
		l.run(base)
	case n < 7:
		for _, s := range base.Storages() {
			if s.State == feature.StorageRetired {
				l.lost[s.ID], l.held[s.ID] = true, false
			}
		}
	case n < 8:
		l.promote(base)
	default:
		if base.Revision() > 0 {
			l.rollback(base, 1+l.random.Int64N(base.Revision()))
		}
	}
}

func (l *lifecycle) apply(base *registry.Snapshot, d *registry.Definitions) {
	plan, err := registry.NewPlan(l.Context(), base, d, flights())
	if errors.Is(err, feature.ErrInvalid) {
		return // a version that is not there
	}
	if err != nil {
		l.Fatal(err)
	}
	revision, err := registry.Apply(l.Context(), l.store, plan, author())
	if err != nil {
		l.Fatal(err)
	}
	l.said[revision] = d
}

// run fills what readers use, and then what waits, as materialize does.
func (l *lifecycle) run(base *registry.Snapshot) {
	for _, v := range base.OnlineViews() {
		if l.random.IntN(3) == 0 {
			continue
		}
		if v.Filling == nil {
			l.held[v.Active.ID] = true
			continue
		}
		l.held[v.Filling.ID] = true
		if err := l.store.ActivateStorage(l.Context(), v.Filling.ID, feature.Served{Storage: v.Active.ID}); err != nil {
			l.Fatal(err)
		}
	}
}

func (l *lifecycle) promote(base *registry.Snapshot) {
	for _, s := range base.Services() {
		if s.Defined == 0 {
			continue
		}
		target := registry.Target{Kind: registry.KindService, Name: s.Name, Version: s.Defined}
		revision, err := registry.Promote(l.Context(), l.store, base, target, l.materialized, author())
		if err == nil {
			l.said[revision] = l.said[base.Revision()]
		} else if !errors.Is(err, feature.ErrConflict) {
			l.Fatal(err)
		}
		return
	}
}

func (l *lifecycle) rollback(base *registry.Snapshot, to int64) {
	target := at(l.T, l.store, to)
	r, err := registry.NewRollback(l.Context(), base, target, l.materialized)
	if err != nil {
		l.Fatal(err)
	}
	revision, err := r.Apply(l.Context(), l.store, author())
	if err != nil {
		l.Fatal(err)
	}
	after := load(l.T, l.store)
	l.said[revision] = l.said[to]
	if diff := registry.Diff(target, after); len(diff) != 0 {
		l.Fatalf("after the rollback to %d differ %v", to, changeLines(diff))
	}
	l.sameAs(target, after)
	if versions(base) != versions(after) {
		l.Fatalf("the rollback to %d made versions: %s became %s", to, versions(base), versions(after))
	}
	plan, err := registry.NewPlan(l.Context(), after, l.said[to], flights())
	if err != nil || !plan.Empty() {
		l.Fatalf("the files of revision %d change %v after the rollback to it, %v", to, lines(plan), err)
	}
	if len(r.Missing) == 0 {
		l.currentIsHeld(base, after)
	}
	if len(r.Removals) == 0 {
		l.nothingLost(base, after)
	}
}

// sameAs compares pointers and what every version says.
func (l *lifecycle) sameAs(target, after *registry.Snapshot) {
	for _, v := range target.Views() {
		i := slices.IndexFunc(after.Views(), func(w registry.ViewListing) bool { return w.Name == v.Name })
		now := after.Views()[i]
		if now.Current != v.Current || now.Defined != v.Defined {
			l.Fatalf("view %s points at %d, %d, want %d, %d", v.Name, now.Current, now.Defined, v.Current, v.Defined)
		}
		if diff := cmp.Diff(v.Versions, now.Versions[:len(v.Versions)]); diff != "" {
			l.Fatalf("view %s (-then +now):\n%s", v.Name, diff)
		}
	}
	for _, v := range target.Services() {
		i := slices.IndexFunc(after.Services(), func(w registry.ServiceListing) bool { return w.Name == v.Name })
		now := after.Services()[i]
		if now.Current != v.Current || now.Defined != v.Defined || cmp.Diff(v.Versions, now.Versions[:len(v.Versions)]) != "" {
			l.Fatalf("service %s is %+v, want %+v", v.Name, now, v)
		}
	}
	if diff := cmp.Diff(target.Entities(), after.Entities()) + cmp.Diff(target.Sources(), after.Sources()); diff != "" {
		l.Fatalf("(-then +now):\n%s", diff)
	}
}

func versions(s *registry.Snapshot) string {
	var all []string
	for _, v := range s.Views() {
		all = append(all, fmt.Sprint(v.Name, len(v.Versions)))
	}
	for _, v := range s.Services() {
		all = append(all, fmt.Sprint(v.Name, len(v.Versions)))
	}
	return strings.Join(all, " ")
}

// currentIsHeld checks that readers who were moved find values.
func (l *lifecycle) currentIsHeld(base, after *registry.Snapshot) {
	for _, s := range after.Services() {
		was, err := base.ServiceVersion(s.Name, 0)
		if s.Current == 0 || err == nil && was.Version == s.Current {
			continue
		}
		selection, err := after.Service(s.Name, 0)
		if err != nil {
			l.Fatal(err)
		}
		for _, o := range selection.Outputs {
			use := &selection.Uses[o.Use]
			if !use.View.Online {
				continue
			}
			name := selection.Field(o).Name
			if use.Active == nil || !l.held[use.Active.ID] ||
				!slices.ContainsFunc(use.Active.Features, func(f feature.Field) bool { return f.Name == name }) {
				l.Fatalf("nothing was told to be missing, and %s reads %s:%s from %+v", s.Name, use.View.ID(), name, use.Active)
			}
		}
	}
}

// nothingLost checks that what could be read by its number still can.
func (l *lifecycle) nothingLost(base, after *registry.Snapshot) {
	for _, s := range base.Services() {
		for _, v := range s.Versions {
			was, err := base.Service(s.Name, v.Version)
			if err != nil || s.Defined == 0 {
				continue
			}
			now, err := after.Service(s.Name, v.Version)
			if err != nil {
				l.Fatalf("nothing was told to go, and %s: %v", v.ID(), err)
			}
			for i := range was.Uses {
				if was.Uses[i].Active != nil && now.Uses[i].Active == nil {
					l.Fatalf("nothing was told to go, and %s has no storage of %s", v.ID(), was.Uses[i].View.ID())
				}
			}
		}
	}
}

// holds checks what must hold after every step.
func (l *lifecycle) holds() {
	s := load(l.T, l.store)
	for _, v := range s.Views() {
		for _, view := range v.Versions {
			active, filling := s.Active(view.Name, view.Version), s.Filling(view.Name, view.Version)
			for _, st := range []*feature.Storage{active, filling} {
				if st != nil && l.lost[st.ID] {
					l.Fatalf("storage %d of %s was dropped, and is %s", st.ID, view.ID(), st.State)
				}
			}
			if active == nil && (filling != nil || view.Online && (view.Version == v.Current || view.Version == v.Defined)) {
				l.Fatalf("%s is online and has no active storage", view.ID())
			}
			if active == nil {
				continue
			}
			latest := active
			if filling != nil {
				latest = filling
			}
			var stored, said []string
			for _, f := range latest.Features {
				stored = append(stored, f.Name)
			}
			for _, f := range view.Features {
				said = append(said, f.Name)
			}
			slices.Sort(said)
			if !slices.Equal(stored, said) || latest.Rule != view.Rule {
				l.Fatalf("%s has %v under %+v, and its storage %d has or gets %v under %+v", view.ID(), said, view.Rule, latest.ID, stored, latest.Rule)
			}
		}
	}
	for _, service := range s.Services() {
		for _, version := range []int{service.Current, service.Defined} {
			if version == 0 {
				continue
			}
			selection, err := s.Service(service.Name, version)
			if err != nil {
				l.Fatal(err)
			}
			for _, u := range selection.Uses {
				if u.View.Online && u.Active == nil {
					l.Fatalf("%s reads %s, which has no storage", selection.Service, u.View.ID())
				}
			}
		}
	}
}

// Random histories of applies, promotions, runs, sweeps and rollbacks, checked after
// every step. The first goes through a real store, too.
func TestLifecycleWithRollbacks(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			var store registry.Store = &memory{}
			if seed == 0 {
				store = open(t)
			}
			l := &lifecycle{
				T: t, store: store, random: rand.New(rand.NewPCG(seed, 7)), said: map[int64]*registry.Definitions{},
				held: map[uint64]bool{}, lost: map[uint64]bool{},
			}
			l.apply(load(t, l.store), project())
			for range 40 {
				l.step()
				l.holds()
			}
		})
	}
}

func TestAFixedVersionThatLostItsStorageGetsOne(t *testing.T) {
	store := &memory{}
	apply(t, store, project())
	apply(t, store, &registry.Definitions{})
	plan := apply(t, store, edited(func(d *registry.Definitions) {
		shorter(d)
		d.Services[0].Features = []feature.ViewUse{{View: "last", Version: 1}}
	}))
	want := []string{
		"entity airport: create, safe", "source departures: create, safe",
		"view last: new version, safe, 0 -> 2 current, storage", "service model: new version, safe, 0 -> 2 current, storage",
	}
	if got := lines(plan); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	s := load(t, store)
	if a := s.Active("last", 1); a == nil || a.ID == 1 || s.Active("last", 2) == nil {
		t.Errorf("got %+v", s.Storages())
	}
}

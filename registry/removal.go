package registry

import (
	"cmp"
	"slices"
	"strings"

	"github.com/quiver-features/quiver/feature"
)

// Removal is something that a change takes away, and what reads it at that time: an
// object whose name goes, or a feature of a view. Features that nothing reads go
// without being told.
type Removal struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Version int    `json:"version,omitzero"` // the one that the files described, or that loses the feature; 0: the kind has none
	Feature string `json:"feature,omitzero"` // of a view; empty: the whole object goes
	Online  bool   `json:"online,omitzero"`  // the version is no longer kept online, and stays for training
	Users   []User `json:"users,omitempty"`  // in the order of kinds, names and versions
	// Values are the versions of a view that goes whose values go from the online
	// store, because no service that stays reads them; training sets still can.
	Values []int `json:"values,omitempty"`
}

// User is a version of a view or a service that reads something.
type User struct {
	ObjectRef
	Current bool `json:"current,omitzero"` // its bare name stands for it
	// At is where the files define it; unset: they don't any more, or no files are at
	// hand.
	At Position `json:"-"`
}

// outlook is what stays of a registry after a change: it tells which versions read
// what.
type outlook struct {
	views    []*viewReader
	services []*serviceReader
}

type viewReader struct {
	view *feature.ViewVersion
	User
}

type serviceReader struct {
	service *ServiceVersion
	User
}

// viewsOf gives the view versions that read an entity or a source.
func (o *outlook) viewsOf(kind, name string) []User {
	var users []User
	for _, v := range o.views {
		if reads(v.view, kind, name) {
			users = append(users, v.User)
		}
	}
	return sortedUsers(users)
}

// servicesOf gives the service versions that read a view: version 0 means any, and
// the empty feature any.
func (o *outlook) servicesOf(view string, version int, name string) []User {
	var users []User
	for _, s := range o.services {
		if s.service.readsView(view, version, name) {
			users = append(users, s.User)
		}
	}
	return sortedUsers(users)
}

func (s *ServiceVersion) readsView(view string, version int, name string) bool {
	for i, u := range s.Uses {
		if u.View != view || version != 0 && u.Version != version {
			continue
		}
		if s.reads(i, name) {
			return true
		}
	}
	return false
}

func sortedUsers(users []User) []User {
	slices.SortFunc(users, func(a, b User) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Version, b.Version))
	})
	return users
}

// pointedAt tells whether a name stands for a version, or the files describe it.
func (p Pointer) pointedAt(version int) bool {
	return version != 0 && (version == p.Current || version == p.Defined)
}

// removals says what a plan takes away. What reads it is what stays: the versions
// that names stand for once the plan is applied, and those that the files describe.
func (p *planner) removals() []Removal {
	o := p.outlook()
	var all []Removal
	for i := range p.plan.Changes {
		c := &p.plan.Changes[i]
		r := Removal{Kind: c.Kind, Name: c.Name, Version: c.From}
		switch {
		case c.Action == ActionDelete && c.Kind == KindView:
			r.Users = o.servicesOf(c.Name, 0, "")
		case c.Action == ActionDelete && c.Kind != KindService:
			r.Users = o.viewsOf(c.Kind, c.Name)
		case c.Action == ActionDelete:
		case c.Kind == KindView && c.From != 0:
			all = append(all, o.lostFeatures(p.base.views[c.Name].versions[c.From].view, p.views[c.Name])...)
			continue
		default:
			continue
		}
		all = append(all, r)
	}
	return all
}

// giveUp notes at the views that go the versions whose storages are retired.
func giveUp(removals []Removal, retired []ViewRef) {
	for i := range removals {
		r := &removals[i]
		if r.Kind != KindView || r.Feature != "" || r.Online {
			continue
		}
		for _, ref := range retired {
			if ref.View == r.Name {
				r.Values = append(r.Values, ref.Version)
			}
		}
	}
}

// lostFeatures gives the features that a view no longer has and that services read
// of any of its versions.
func (o *outlook) lostFeatures(was, now *feature.ViewVersion) []Removal {
	var all []Removal
	for name := range featureNames(was) {
		if now.Feature(name) >= 0 {
			continue
		}
		if users := o.servicesOf(was.Name, 0, name); len(users) > 0 {
			all = append(all, Removal{Kind: KindView, Name: was.Name, Version: was.Version, Feature: name, Users: users})
		}
	}
	return all
}

// outlook is what stays when the plan is applied.
func (p *planner) outlook() *outlook {
	pointers := map[[2]string]Pointer{}
	for _, w := range p.plan.write.Pointers {
		pointers[[2]string{w.Kind, w.Name}] = w
	}
	after := func(kind, name string, was Pointer) Pointer {
		if now, moved := pointers[[2]string{kind, name}]; moved {
			return now
		}
		return was
	}
	o := &outlook{}
	for name, was := range p.base.views {
		pointer := after(KindView, name, was.pointer)
		for version, e := range was.versions {
			if pointer.pointedAt(version) && (p.views[name] == nil || p.views[name].Version != version) {
				o.addView(e.view, pointer, p.defs.At(KindView, name))
			}
		}
	}
	for name, v := range p.views {
		o.addView(v, after(KindView, name, named(p.base.views, name).pointer), p.defs.At(KindView, name))
	}
	for name, was := range p.base.services {
		pointer := after(KindService, name, was.pointer)
		for version, s := range was.versions {
			if pointer.pointedAt(version) && (p.services[name] == nil || p.services[name].Version != version) {
				o.addService(s, pointer, p.defs.At(KindService, name))
			}
		}
	}
	for name, s := range p.services {
		o.addService(s, after(KindService, name, named(p.base.services, name).pointer), p.defs.At(KindService, name))
	}
	return o
}

func (o *outlook) addView(v *feature.ViewVersion, pointer Pointer, at Position) {
	o.views = append(o.views, &viewReader{v, User{ObjectRef{KindView, v.Name, v.Version}, v.Version == pointer.Current, at}})
}

func (o *outlook) addService(s *ServiceVersion, pointer Pointer, at Position) {
	o.services = append(o.services, &serviceReader{s, User{ObjectRef{KindService, s.Name, s.Version}, s.Version == pointer.Current, at}})
}

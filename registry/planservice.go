package registry

import (
	"maps"
	"slices"
	"strconv"

	"github.com/quiver-features/quiver/feature"
)

func (p *planner) planServices() {
	planVersioned(p, KindService, p.defs.Services, p.base.services, func(s *feature.Service) string { return s.Name }, p.planService)
}

func (p *planner) planService(def *feature.Service, was *versioned[*ServiceVersion]) (ObjectChange, bool) {
	at := p.at(KindService, def.Name)
	now := p.service(def)
	p.services[def.Name] = now
	d := decide(was, func(s *ServiceVersion) []Reason { return compareServices(s, now, at) })
	now.Version = d.pointer.Defined
	if e := was.versions[now.Version]; e == nil || len(compareServices(e, now, at)) > 0 {
		p.object(KindService, def.Name, now.Version, now)
	}
	p.move(KindService, def.Name, was.pointer, d.pointer)
	c := d.change(KindService, def.Name, at())
	c.Storage = p.planFixedStorages(now)
	return c, d.changed
}

// planFixedStorages asks for a storage for each view version that a service uses by
// its number and that lost its own while the view was removed.
func (p *planner) planFixedStorages(s *ServiceVersion) bool {
	asked := false
	for _, u := range s.Uses {
		if planned := p.views[u.View]; planned == nil || planned.Version == u.Version {
			continue
		}
		e := named(p.base.views, u.View).versions[u.Version]
		have := slices.ContainsFunc(p.plan.write.Storages, func(st feature.Storage) bool { return st.View == u.View && st.Version == u.Version })
		if e == nil || !e.view.Online || e.active != nil || have {
			continue
		}
		p.plan.write.Storages = append(p.plan.write.Storages, storageLayout(e.view))
		asked = true
	}
	return asked
}

// service freezes what a service delivers. A use without a version takes the one
// that the files describe, so that the service moves with its views.
func (p *planner) service(def *feature.Service) *ServiceVersion {
	s := &ServiceVersion{Meta: def.Meta}
	outputs := map[string]string{}
	var views []*feature.ViewVersion // of the uses
	before := len(p.problems)
	for i := range def.Features {
		use := &def.Features[i]
		at := func(parts ...string) Position {
			return p.defs.At(KindService, def.Name, append([]string{"features", strconv.Itoa(i)}, parts...)...)
		}
		view := p.usedView(use, at)
		if view == nil {
			continue
		}
		u := serviceUse(use, view)
		index := slices.IndexFunc(s.Uses, func(have ServiceUse) bool { return equalUses(have, u) })
		if index < 0 {
			index = len(s.Uses)
			s.Uses, views = append(s.Uses, u), append(views, view)
		}
		for _, name := range p.usedFeatures(use, view, at) {
			out := ServiceOutput{Use: index, Feature: name, Name: u.Alias + "__" + name}
			if to := use.Rename[name]; to != "" {
				out.Name = to
			}
			source := view.ID() + ":" + name
			if other, clash := outputs[out.Name]; clash {
				p.problem(at("rename", name), "rename one of them, or give one view another alias with as",
					"service %s: %s and %s both give the output column %s", def.Name, other, source, out.Name)
				continue
			}
			outputs[out.Name] = source
			s.Outputs = append(s.Outputs, out)
		}
	}
	if len(p.problems) == before { // else what expressions name may be what is missing
		p.derive(def, s, views)
	}
	return s
}

// usedView gives the view version that a service uses: the one that the files
// describe, or a fixed one of the registry.
func (p *planner) usedView(use *feature.ViewUse, at func(...string) Position) *feature.ViewVersion {
	planned := p.views[use.View]
	if planned != nil && (use.Version == 0 || use.Version == planned.Version) {
		return planned
	}
	if use.Version == 0 { // the loader has seen to it that the view is defined
		p.problem(at("view"), "", "no view is named %s", use.View)
		return nil
	}
	if e := named(p.base.views, use.View).versions[use.Version]; e != nil {
		return e.view
	}
	hint := "leave the version out to use the one that the files describe"
	if planned != nil {
		hint += ", " + strconv.Itoa(planned.Version)
	}
	p.problem(at("version"), hint, "view %s has no version %d", use.View, use.Version)
	return nil
}

func serviceUse(use *feature.ViewUse, view *feature.ViewVersion) ServiceUse {
	u := ServiceUse{View: view.Name, Version: view.Version, Alias: view.Name, Keys: keyNames(view.Keys)}
	if use.As != "" {
		u.Alias = use.As
	}
	for i, name := range u.Keys {
		if column, ok := use.Keys[name]; ok {
			u.Keys[i] = column
		}
	}
	return u
}

// usedFeatures gives the features of a use in the order of delivery.
func (p *planner) usedFeatures(use *feature.ViewUse, view *feature.ViewVersion, at func(...string) Position) []string {
	known := func(field, name string) bool {
		if view.Feature(name) >= 0 {
			return true
		}
		hint := ""
		if near := feature.Nearest(name, featureNames(view)); near != "" {
			hint = "did you mean " + strconv.Quote(near) + "?"
		}
		p.problem(at(field, name), hint, "view %s has no feature %q", view.ID(), name)
		return false
	}
	var names []string
	for _, name := range use.Only {
		if known("only", name) {
			names = append(names, name)
		}
	}
	if len(use.Only) == 0 {
		names = slices.Collect(featureNames(view))
	}
	for _, name := range use.Hide {
		known("hide", name)
	}
	for _, name := range slices.Sorted(maps.Keys(use.Rename)) {
		known("rename", name)
	}
	for _, key := range slices.Sorted(maps.Keys(use.Keys)) {
		if !slices.Contains(keyNames(view.Keys), key) {
			p.problem(at("keys", key), "its join keys are "+keysText(view.Keys), "view %s has no join key %q", view.ID(), key)
		}
	}
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(use.Hide, name) })
}

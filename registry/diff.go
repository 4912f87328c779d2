package registry

import (
	"maps"
	"slices"
)

// Diff says how one state of a registry differs from another: what b's files
// described in place of what a's did, and what readers of the bare names get. The
// differences and their classes are those that a plan would tell. Versions that no
// name points to are compared where both states have them; those that only one has
// are not told. The changes are in the order of a plan's.
func Diff(a, b *Snapshot) []ObjectChange {
	changes := []ObjectChange{}
	changes = append(changes, diffUnversioned(KindEntity, a.entities, b.entities, compareEntities)...)
	changes = append(changes, diffUnversioned(KindSource, a.sources, b.sources, compareSources)...)
	changes = append(changes, diffVersioned(KindView, a.views, b.views,
		func(x, y *viewEntry) []Reason { return compareViews(x.view, y.view, nowhere) })...)
	changes = append(changes, diffVersioned(KindService, a.services, b.services,
		func(x, y *ServiceVersion) []Reason { return compareServices(x, y, nowhere) })...)
	return changes
}

// eitherName gives the names that one of two maps has, in their order.
func eitherName[T any](a, b map[string]*T) []string {
	names := make(map[string]bool, len(b))
	for name := range a {
		names[name] = true
	}
	for name := range b {
		names[name] = true
	}
	return slices.Sorted(maps.Keys(names))
}

func diffUnversioned[T any](kind string, a, b map[string]*T, compare func(a, b *T, at func(...string) Position) []Reason) []ObjectChange {
	var changes []ObjectChange
	for _, name := range eitherName(a, b) {
		c := ObjectChange{Kind: kind, Name: name, Action: ActionUpdate}
		switch was, now := a[name], b[name]; {
		case was == nil:
			c.Action = ActionCreate
		case now == nil:
			c.Action, c.Class = ActionDelete, Breaking
		default:
			if c.Reasons = compare(was, now, nowhere); len(c.Reasons) == 0 {
				continue
			}
			c.Class = worst(c.Reasons)
		}
		changes = append(changes, c)
	}
	return changes
}

func diffVersioned[T any](kind string, a, b map[string]*versioned[T], compare func(a, b T) []Reason) []ObjectChange {
	var changes []ObjectChange
	for _, name := range eitherName(a, b) {
		changes = append(changes, diffVersions(kind, name, named(a, name), named(b, name), compare)...)
	}
	return changes
}

// diffVersions compares two states of one view or service: what the files describe,
// then what the bare name stands for, then the other versions, which may have been
// changed in place.
func diffVersions[T any](kind, name string, a, b *versioned[T], compare func(a, b T) []Reason) []ObjectChange {
	was, now := a.pointer, b.pointer
	c := ObjectChange{Kind: kind, Name: name, From: was.Defined, To: now.Defined, Current: now.Defined != 0 && now.Current == now.Defined}
	switch {
	case was.Defined == 0 && now.Defined == 0:
	case was.Defined == 0:
		c.Action = ActionCreate
		if a.has(now.Defined) {
			c.Action = ActionRestore
		}
	case now.Defined == 0:
		c.Action, c.Class = ActionDelete, Breaking
	default:
		c.Reasons = compare(a.versions[was.Defined], b.versions[now.Defined])
		if was.Defined != now.Defined {
			c.Action = ActionNewVersion
			if a.has(now.Defined) {
				c.Action = ActionRestore
			}
		} else if len(c.Reasons) > 0 {
			c.Action = ActionUpdate
		}
		if was.Current != now.Current {
			readers := compare(a.versions[was.Current], b.versions[now.Current])
			if c.Action == "" {
				c.Action, c.From, c.To, c.Current, c.Reasons = ActionPromote, was.Current, now.Current, true, readers
			}
			c.Reasons = append(c.Reasons, currentMoves(name, was.Current, now.Current, worst(readers)))
		}
		c.Class = worst(c.Reasons)
	}
	var changes []ObjectChange
	if c.Action != "" {
		changes = append(changes, c)
	}
	stays := was.Defined == now.Defined // and was compared above
	for _, version := range a.numbers() {
		if !b.has(version) || stays && version == now.Defined {
			continue
		}
		if reasons := compare(a.versions[version], b.versions[version]); len(reasons) > 0 {
			changes = append(changes, ObjectChange{
				Kind: kind, Name: name, Action: ActionUpdate, Class: worst(reasons), From: version, To: version,
				Current: version == now.Current, Reasons: reasons,
			})
		}
	}
	return changes
}

func currentMoves(name string, from, to int, class Class) Reason {
	d := differences{at: nowhere}
	d.move(class, "current", "current", versionedName(name, from), versionedName(name, to), "what the bare name stands for")
	return d.reasons[0]
}

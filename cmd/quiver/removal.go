package main

import (
	"fmt"
	"strings"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

// removalDocument is a removal for machines, with where its users stand in the files.
type removalDocument struct {
	registry.Removal
	Users []userDocument `json:"users"` // in place of Removal's
}

type userDocument struct {
	registry.User
	*place
}

func removalDocumentsOf(removals []registry.Removal) []removalDocument {
	documents := []removalDocument{}
	for _, r := range removals {
		d := removalDocument{Removal: r, Users: []userDocument{}}
		for _, u := range r.Users {
			d.Users = append(d.Users, userDocument{u, placeOf(u.At)})
		}
		documents = append(documents, d)
	}
	return documents
}

// removalLines names what goes and who reads it, a line each.
func removalLines(removals []registry.Removal) string {
	var b strings.Builder
	for _, r := range removals {
		what := r.Kind + " " + versioned(r.Name, r.Version)
		switch {
		case r.Feature != "":
			what = "feature " + r.Feature + " of " + what
		case r.Online:
			what += " from the online store"
		}
		var users []string
		for _, u := range r.Users {
			users = append(users, userText(u))
		}
		switch {
		case len(users) > 0:
			what += ", read by " + strings.Join(users, ", ")
		case r.Kind != registry.KindService:
			what += ", read by nothing that stays"
		}
		if len(r.Values) > 0 {
			what += "; the values of " + versionsOf(r.Name, r.Values) + " go from the online store"
		}
		b.WriteString("  " + printable(what) + "\n")
	}
	return b.String()
}

// versionsOf names versions: last_order@1, last_order@2.
func versionsOf(name string, versions []int) string {
	var all []string
	for _, v := range versions {
		all = append(all, versioned(name, v))
	}
	return strings.Join(all, ", ")
}

// userText names a user: service churn_model@1 (current; features/shop.yaml:24:1).
func userText(u registry.User) string {
	var remarks []string
	if u.Current {
		remarks = append(remarks, "current")
	}
	if u.At.File != "" {
		remarks = append(remarks, u.At.String())
	}
	text := u.Kind + " " + versioned(u.Name, u.Version)
	if len(remarks) > 0 {
		text += " (" + strings.Join(remarks, "; ") + ")"
	}
	return text
}

// printRemovals shows below a plan what goes.
func (a *app) printRemovals(removals []registry.Removal) error {
	if len(removals) == 0 {
		return nil
	}
	return a.printText("\nto be removed, with what reads it:\n" + removalLines(removals))
}

// allowed refuses to take something away where nobody has said so: a person is
// asked with the list before the eyes, a script needs the flag.
func (a *app) allowed(removals []registry.Removal, what, remedy string, yes, allow bool) error {
	if len(removals) == 0 || allow || !yes {
		return nil
	}
	return fmt.Errorf("%s would remove what is registered:\n%s%s, or add --allow-removal: %w",
		what, removalLines(removals), remedy, feature.ErrConflict)
}

// question asks for a change, and names how much goes.
func question(what string, removals []registry.Removal) string {
	if len(removals) == 0 {
		return what + "?"
	}
	return fmt.Sprintf("%s, and remove %s?", what, plural(len(removals), "thing named above", "things named above"))
}

package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry"
)

func (a *app) listCommand() *cobra.Command {
	kinds := []string{"entities", "sources", "views", "services"}
	return &cobra.Command{
		Use:   "list [entities|sources|views|services]",
		Short: "List what the registry holds",
		Example: `  quiver list
  quiver list views`,
		Args:      choice(kinds),
		ValidArgs: kinds,
		RunE: func(c *cobra.Command, args []string) error {
			return a.withReader(c.Context(), func(_ *project, _ registry.Store, s *registry.Snapshot) error {
				if len(args) == 1 {
					return a.list(s, args)
				}
				return a.list(s, kinds)
			})
		},
	}
}

// listed is one line of a list.
type listed struct {
	Kind        string `json:"kind"`
	Name        string `json:"name"`
	Version     int    `json:"version,omitzero"` // the current one
	Defined     int    `json:"defined,omitzero"` // the one that the files describe
	Versions    []int  `json:"versions,omitempty"`
	What        string `json:"what"`
	Owner       string `json:"owner,omitzero"`
	Description string `json:"description,omitzero"`
	UsedBy      int    `json:"used_by"` // how many views or services read it; 0 for services
}

func (a *app) list(s *registry.Snapshot, kinds []string) error {
	all, counts := []listed{}, s.UseCounts()
	for _, kind := range kinds {
		all = append(all, listKind(s, kind)...)
	}
	for i := range all {
		all[i].UsedBy = counts[registry.ObjectRef{Kind: all[i].Kind, Name: all[i].Name}]
	}
	return a.print(all, func() error {
		if len(all) == 0 {
			return a.printText("nothing yet: quiver apply registers the definitions\n")
		}
		var rows [][]string
		for _, l := range all {
			rows = append(rows, []string{l.Kind, versioned(l.Name, l.Version), versionsText(l.Versions, l.Version, l.Defined), l.What, usedBy(l), l.Owner, l.Description})
		}
		return a.printTable([]string{"KIND", "NAME", "VERSIONS", "WHAT", "USED BY", "OWNER", "DESCRIPTION"}, rows)
	})
}

// usedBy counts the readers of an object. Who asks for a service is not registered.
func usedBy(l listed) string {
	switch {
	case l.Kind == registry.KindService:
		return ""
	case l.UsedBy == 0:
		return "nothing"
	case l.Kind == registry.KindView:
		return plural(l.UsedBy, "service", "services")
	}
	return plural(l.UsedBy, "view", "views")
}

func listKind(s *registry.Snapshot, kind string) []listed {
	var lines []listed
	switch kind {
	case "entities":
		for _, e := range s.Entities() {
			lines = append(lines, listed{Kind: registry.KindEntity, Name: e.Name, What: "keys " + keyList(e.Keys), Owner: e.Owner, Description: e.Description})
		}
	case "sources":
		for _, e := range s.Sources() {
			lines = append(lines, listed{Kind: registry.KindSource, Name: e.Name, What: "parquet " + strings.Join(e.Parquet, ", "), Owner: e.Owner, Description: e.Description})
		}
	case "views":
		for _, l := range s.Views() {
			if v, err := s.View(l.Name, l.Current); err == nil && l.Current != 0 {
				lines = append(lines, listed{
					Kind: registry.KindView, Name: v.Name, Version: v.Version, Defined: l.Defined, Versions: viewVersions(l.Versions),
					What: viewLine(v), Owner: v.Owner, Description: v.Description,
				})
			}
		}
	case "services":
		for _, l := range s.Services() {
			if v, err := s.ServiceVersion(l.Name, l.Current); err == nil && l.Current != 0 {
				lines = append(lines, listed{
					Kind: registry.KindService, Name: v.Name, Version: v.Version, Defined: l.Defined, Versions: serviceVersions(l.Versions),
					What: plural(len(v.Outputs), "feature", "features"), Owner: v.Owner, Description: v.Description,
				})
			}
		}
	}
	return lines
}

func viewVersions(views []*feature.ViewVersion) []int {
	numbers := make([]int, len(views))
	for i, v := range views {
		numbers[i] = v.Version
	}
	return numbers
}

func serviceVersions(services []*registry.ServiceVersion) []int {
	numbers := make([]int, len(services))
	for i, v := range services {
		numbers[i] = v.Version
	}
	return numbers
}

// versionsText writes versions, and of several the current one and, where it is
// another, the one that the files describe: 1, 2 (current 1, defined 2).
func versionsText(versions []int, current, defined int) string {
	var texts []string
	for _, v := range versions {
		texts = append(texts, strconv.Itoa(v))
	}
	text := strings.Join(texts, ", ")
	switch {
	case len(versions) < 2:
		return text
	case current == defined:
		return fmt.Sprintf("%s (current %d)", text, current)
	}
	return fmt.Sprintf("%s (current %d, defined %d)", text, current, defined)
}

func viewLine(v *feature.ViewVersion) string {
	line := plural(len(v.Features), "feature", "features") + " by "
	if len(v.Keys) == 0 {
		line = plural(len(v.Features), "feature", "features") + ", global"
	} else {
		line += keyNames(v.Keys)
	}
	if v.Online {
		line += ", online"
	}
	return line
}

func keyNames(keys []feature.JoinKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}

func keyList(keys []feature.JoinKey) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name + " " + k.Type.String()
	}
	return strings.Join(names, ", ")
}

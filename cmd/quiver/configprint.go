package main

import (
	"strings"

	"github.com/quiver-features/quiver/registry/definition"
)

// configDocument is the configuration of a server as --print-config shows it.
type configDocument struct {
	Project     string         `json:"project"`
	Environment string         `json:"environment,omitzero"`
	Registry    string         `json:"registry"` // without secrets
	Online      string         `json:"online"`   // without secrets
	File        string         `json:"file,omitzero"`
	Settings    []shownSetting `json:"settings"`
}

type shownSetting struct {
	Name     string `json:"name"`
	Value    string `json:"value"`
	From     string `json:"from"` // default, a place in the file, a variable or a flag
	Variable string `json:"variable"`
}

// printConfig prints every setting, and what of the project file a server uses.
func (a *app) printConfig(p *project, c *serveConfig) error {
	if p.OnlineUnset != nil {
		return p.OnlineUnset
	}
	d := configDocument{
		Project: p.Name, Environment: p.Environment, Registry: p.Registry.String(), Online: p.Online.String(), File: c.file,
	}
	for _, s := range c.settings {
		d.Settings = append(d.Settings, shownSetting{s.name, s.value, s.from, s.variable()})
	}
	return a.print(d, func() error {
		rows := [][]string{
			{"project", d.Project, definition.ProjectFile},
			{"registry", d.Registry, definition.ProjectFile},
			{"online", d.Online, definition.ProjectFile},
		}
		if d.Environment != "" {
			rows = append(rows, []string{"environment", d.Environment, "--env"})
		}
		for _, s := range d.Settings {
			rows = append(rows, []string{s.Name, quotedEmpty(s.Value), s.From})
		}
		return a.printTable([]string{"SETTING", "VALUE", "FROM"}, rows)
	})
}

// quotedEmpty shows that a value is empty.
func quotedEmpty(s string) string {
	if strings.TrimSpace(s) == "" {
		return `""`
	}
	return s
}

package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/registry"
)

func (a *app) validateCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "validate",
		Short:   "Check the definitions, all errors at once",
		Example: "  quiver validate",
		Args:    noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withReader(c.Context(), func(p *project, _ registry.Store, base *registry.Snapshot) error {
				defs, err := p.Load()
				if err != nil {
					return a.problems(err)
				}
				plan, err := registry.NewPlan(c.Context(), base, defs, schemas{p.files})
				if err != nil {
					return a.problems(err)
				}
				a.warnDefinitions(plan.Warnings)
				d := validDocument{len(defs.Entities), len(defs.Sources), len(defs.Views), len(defs.Services), plan.Stored}
				return a.print(d, func() error { return a.printValid(&d) })
			})
		},
	}
}

// validDocument is what the files define, for machines.
type validDocument struct {
	Entities int               `json:"entities"`
	Sources  int               `json:"sources"`
	Views    int               `json:"views"`
	Services int               `json:"services"`
	Stored   []registry.Stored `json:"stored,omitempty"` // bytes of a key
}

func (a *app) printValid(d *validDocument) error {
	err := a.printText(fmt.Sprintf("valid: %s, %s, %s, %s\n",
		plural(d.Entities, "entity", "entities"), plural(d.Sources, "source", "sources"),
		plural(d.Views, "view", "views"), plural(d.Services, "service", "services")))
	if err != nil || len(d.Stored) == 0 {
		return err
	}
	var rows [][]string
	for _, s := range d.Stored {
		rows = append(rows, []string{s.View, sizeTold(int64(s.Worst), 1), sizeTold(int64(s.Usual), 1)})
	}
	if err := a.printText("\nWhat the aggregates of a key take online, with events in all tiles:\n"); err != nil {
		return err
	}
	return a.printTable([]string{"VIEW", "WORST CASE", "USUAL"}, rows, 1, 2)
}

// problems counts what is wrong with definitions, for the last line.
func (a *app) problems(err error) error {
	var all registry.Problems
	if errors.As(err, &all) {
		return fmt.Errorf("%s in the definitions:\n%w", plural(len(all), "problem", "problems"), err)
	}
	return err
}

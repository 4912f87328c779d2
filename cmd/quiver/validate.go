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
				counts := map[string]int{
					"entities": len(defs.Entities), "sources": len(defs.Sources), "views": len(defs.Views), "services": len(defs.Services),
				}
				return a.print(counts, func() error {
					return a.printText(fmt.Sprintf("valid: %s, %s, %s, %s\n",
						plural(counts["entities"], "entity", "entities"), plural(counts["sources"], "source", "sources"),
						plural(counts["views"], "view", "views"), plural(counts["services"], "service", "services")))
				})
			})
		},
	}
}

// problems counts what is wrong with definitions, for the last line.
func (a *app) problems(err error) error {
	var all registry.Problems
	if errors.As(err, &all) {
		return fmt.Errorf("%s in the definitions:\n%w", plural(len(all), "problem", "problems"), err)
	}
	return err
}

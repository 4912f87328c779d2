package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/registry"
)

func (a *app) planCommand() *cobra.Command {
	var exitCode bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "Show what applying the definitions would change",
		Example: `  quiver plan
  quiver plan --exit-code -o json    # as a gate in CI: exit 3 when there are changes`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withReader(c.Context(), func(p *project, _ registry.Store, base *registry.Snapshot) error {
				plan, emptied, err := p.plan(c.Context(), base)
				if err != nil {
					return a.problems(err)
				}
				a.warnEmptied(emptied)
				a.warnDefinitions(plan.Warnings)
				if err := a.print(planDocumentOf(plan), func() error { return a.printPlan(plan) }); err != nil {
					return err
				}
				if exitCode && !plan.Empty() {
					return errChanges
				}
				return nil
			})
		},
	}
	c.Flags().BoolVar(&exitCode, "exit-code", false, "exit with 3 when there are changes")
	return c
}

// warnEmptied tells what definitions that have all gone mean.
func (a *app) warnEmptied(emptied bool) {
	if emptied {
		a.note("warning: nothing is defined: this would remove EVERYTHING from the registry (is the folder of definitions in quiver.yaml right?)")
	}
}

// warnDefinitions tells what works and will hurt, each thing with its place.
func (a *app) warnDefinitions(warnings registry.Problems) {
	for _, w := range warnings {
		a.note("warning: %s", registry.Problems{w}.Error())
	}
}

// planDocument is a plan for machines: with the gravest class, and with the places
// in the files.
type planDocument struct {
	Base    int64            `json:"base"`
	Class   registry.Class   `json:"class"` // the gravest
	Changes []changeDocument `json:"changes"`
	// Removals is what apply takes away, and then needs --allow-removal.
	Removals []removalDocument `json:"removals"`
	// Warnings are about what works and will hurt, changed or not.
	Warnings []warningDocument `json:"warnings,omitempty"`
}

type warningDocument struct {
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	*place
}

type changeDocument struct {
	registry.ObjectChange
	*place
	Reasons []reasonDocument `json:"reasons,omitempty"` // in place of ObjectChange's
}

type reasonDocument struct {
	registry.Reason
	*place
}

// place is a position in a definition file; what was removed has none.
type place struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
}

func placeOf(p registry.Position) *place {
	if p.File == "" {
		return nil
	}
	return &place{p.File, p.Line, p.Column}
}

func planDocumentOf(plan *registry.Plan) planDocument {
	document := planDocument{Base: plan.Base, Class: plan.Class(), Changes: []changeDocument{}, Removals: removalDocumentsOf(plan.Removals)}
	for _, c := range plan.Changes {
		change := changeDocument{ObjectChange: c, place: placeOf(c.At)}
		for _, r := range c.Reasons {
			change.Reasons = append(change.Reasons, reasonDocument{r, placeOf(r.At)})
		}
		document.Changes = append(document.Changes, change)
	}
	for _, w := range plan.Warnings {
		document.Warnings = append(document.Warnings, warningDocument{w.Message, w.Hint, placeOf(w.Position)})
	}
	return document
}

func (a *app) printPlan(plan *registry.Plan) error {
	if plan.Empty() {
		return a.printText(fmt.Sprintf("no changes: revision %d is what the files say\n", plan.Base))
	}
	var rows [][]string
	for _, change := range plan.Changes {
		rows = append(rows, []string{string(change.Action), change.Kind, versioned(change.Name, change.To), change.Class.String(), consequence(change)})
		for _, r := range change.Reasons {
			rows = append(rows, []string{"", "", "  " + r.Field, r.Class.String(), r.Text})
		}
	}
	if err := a.printTable([]string{"ACTION", "KIND", "NAME", "CLASS", "WHAT"}, rows); err != nil {
		return err
	}
	if err := a.printRemovals(plan.Removals); err != nil {
		return err
	}
	return a.printText(fmt.Sprintf("\n%s on revision %d; the gravest is %s\n", plural(len(plan.Changes), "change", "changes"), plan.Base, plan.Class()))
}

func consequence(c registry.ObjectChange) string {
	var parts []string
	if c.From != 0 && c.To != 0 && c.From != c.To {
		parts = append(parts, fmt.Sprintf("version %d -> %d", c.From, c.To))
		if !c.Current {
			parts = append(parts, fmt.Sprintf("current after quiver promote %s", versioned(c.Name, c.To)))
		}
	}
	if c.Storage {
		parts = append(parts, "to be filled by quiver materialize")
	}
	return strings.Join(parts, "; ")
}

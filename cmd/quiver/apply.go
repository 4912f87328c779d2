package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/registry"
)

type applyFlags struct {
	yes, allowRemoval bool
	message           string
}

func (a *app) applyCommand() *cobra.Command {
	var f applyFlags
	c := &cobra.Command{
		Use:   "apply",
		Short: "Make the definitions the registry's, in one revision",
		Long: `Makes one revision of all that quiver plan shows, or none. What is no longer defined
is taken away only where that is said: by a person who is asked, or by
--allow-removal beside --yes. So are features that a service still reads.`,
		Example: `  quiver apply
  quiver apply --yes --message "tighter TTL for routes"
  quiver apply --yes --allow-removal`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withReader(c.Context(), func(p *project, store registry.Store, base *registry.Snapshot) error {
				return a.apply(c.Context(), p, store, base, f)
			})
		},
	}
	c.Flags().BoolVar(&f.yes, "yes", false, "do not ask")
	c.Flags().BoolVar(&f.allowRemoval, "allow-removal", false, "with --yes, also take away what is no longer defined")
	c.Flags().StringVarP(&f.message, "message", "m", "", "why, for the history")
	return c
}

// apply plans and applies. A nil store is one that the first revision makes.
func (a *app) apply(ctx context.Context, p *project, store registry.Store, base *registry.Snapshot, f applyFlags) error {
	plan, emptied, err := p.plan(ctx, base)
	if err != nil {
		return a.problems(err)
	}
	a.warnEmptied(emptied)
	a.warnDefinitions(plan.Warnings)
	if a.format == "table" {
		if err := a.printPlan(plan); err != nil {
			return err
		}
	}
	if err := a.allowed(plan.Removals, "applying", "put it back into the definitions", f.yes, f.allowRemoval); err != nil {
		return err
	}
	if !plan.Empty() && !f.yes {
		if err := a.confirm(ctx, question("apply", plan.Removals)); err != nil {
			return err
		}
	}
	if store == nil && !plan.Empty() {
		if store, err = p.openRegistry(ctx, true); err != nil {
			return err
		}
		defer func() { _ = store.Close() }()
	}
	revision, err := registry.Apply(ctx, store, plan, author(ctx, p, f.message))
	if err != nil {
		return committed(ctx, err)
	}
	return a.print(map[string]any{"revision": revision, "changes": plan.Changes}, func() error {
		if plan.Empty() {
			return nil
		}
		return a.printText(fmt.Sprintf("applied as revision %d\n", revision))
	})
}

// confirm asks a person. Where nobody can answer, --yes is needed.
func (a *app) confirm(ctx context.Context, question string) error {
	if !a.env.person {
		return usagef("nobody can be asked here (standard input is not a terminal): add --yes")
	}
	_, _ = fmt.Fprint(a.env.err, question, " [y/N] ")
	type line struct {
		text string
		err  error
	}
	answered := make(chan line, 1)
	go func() { // a read can't be interrupted; after Ctrl-C it ends with the process
		text, err := bufio.NewReader(a.env.in).ReadString('\n')
		answered <- line{text, err}
	}()
	var answer string
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(a.env.err)
		return ctx.Err()
	case got := <-answered:
		if got.err != nil && got.text == "" {
			return fmt.Errorf("no answer, nothing was changed: %w", got.err)
		}
		answer = got.text
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}

var errDeclined = errors.New("declined: nothing was changed")

// author says who changes the registry, and from which commit.
func author(ctx context.Context, p *project, message string) registry.Author {
	return registry.Author{Who: who(), At: wall(), GitCommit: gitCommit(ctx, p.Folder), Message: message}
}

// gitCommit gives the commit of a folder, with +changes where files in it differ
// from it; empty where there is no git.
func gitCommit(ctx context.Context, folder string) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	git := func(args ...string) (string, bool) {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", folder}, args...)...).Output() //nolint:gosec // no argument comes from outside
		return strings.TrimSpace(string(out)), err == nil
	}
	commit, ok := git("rev-parse", "--short=12", "HEAD")
	if !ok {
		return ""
	}
	if changes, ok := git("status", "--porcelain", "--", "."); ok && changes != "" {
		return commit + "+changes"
	}
	return commit
}

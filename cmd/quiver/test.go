package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/offline/featuretest"
	"github.com/quiver-features/quiver/registry"
	"github.com/quiver-features/quiver/registry/definition"
)

func (a *app) testCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "test [PATH...]",
		Short: "Run the tests of features that stand beside definitions",
		Long: `Runs small example tables, NAME.test.yaml, of the named files and folders or of the
project's definitions: rows of a source, and what features are expected of them at some
time. The definitions are those of the project's files; nothing is applied, read from
a registry or written. Values come from the engine that builds training sets.

Columns have the types of the source's files. Where there are none, as on a build
server, they have those of the tests' rows.`,
		Example: `  quiver test
  quiver test features/spend.test.yaml
  quiver test -o json`,
		RunE: func(c *cobra.Command, args []string) error { return a.test(c.Context(), args) },
	}
}

// tested is what running tests gave.
type tested struct {
	Tests  []testedOne `json:"tests"`
	Passed int         `json:"passed"`
	Failed int         `json:"failed"`
	// Problems is what is wrong with tests that could not be run.
	Problems []testProblem `json:"problems,omitempty"`

	took time.Duration
}

type testedOne struct {
	Place       string         `json:"place"`
	Name        string         `json:"name"`
	Of          string         `json:"of"`
	Passed      bool           `json:"passed"`
	Values      int            `json:"values"` // that were compared
	Differences []testedDiffer `json:"differences,omitempty"`
	// Uncomputed is what could not be computed, of what is expected or of the rows.
	Uncomputed []failure `json:"uncomputed,omitempty"`
}

type testProblem struct {
	Place   string `json:"place"`
	Message string `json:"message"`
}

type testedDiffer struct {
	Place    string       `json:"place"`
	At       feature.Time `json:"at"`
	Keys     string       `json:"keys"`
	Feature  string       `json:"feature"`
	Expected string       `json:"expected"`
	Got      string       `json:"got"`
}

func (a *app) test(ctx context.Context, paths []string) error {
	p, err := a.project()
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		paths = p.Definitions
	}
	tests, problems, err := p.tests(paths)
	if err != nil {
		return err
	}
	if len(tests)+len(problems) == 0 {
		return fmt.Errorf("there is no test in %s: tests stand in files NAME.test.yaml beside the definitions, and quiver schema tests tells their form: %w",
			p.shownAll(paths), feature.ErrNotFound)
	}
	started := time.Now()
	defs, err := p.Load()
	if err != nil {
		return a.problems(err)
	}
	tests, unknown := namedTests(defs, tests)
	problems = append(problems, unknown...)
	s, columns, err := p.tested(ctx, defs, tests)
	if err != nil {
		return err
	}
	shown := &tested{Tests: []testedOne{}}
	for _, t := range tests {
		one, err := runTest(ctx, s, t, columns)
		var wrong featuretest.Problems
		switch {
		case errors.As(err, &wrong):
			problems = append(problems, wrong...)
			continue
		case err != nil:
			return fmt.Errorf("%s: %w", t.Place, err)
		}
		if one.Passed {
			shown.Passed++
		} else {
			shown.Failed++
		}
		shown.Tests = append(shown.Tests, one)
	}
	for _, p := range problems {
		shown.Problems = append(shown.Problems, testProblem{p.String(), p.Message})
	}
	shown.took = time.Since(started)
	if err := a.print(shown, func() error { return a.printTested(shown) }); err != nil {
		return err
	}
	var failed error
	if shown.Failed > 0 {
		failed = fmt.Errorf("%s failed: %w", plural(shown.Failed, "test", "tests"), feature.ErrInvalid)
	}
	if len(problems) > 0 {
		return errors.Join(failed, testProblems(problems))
	}
	return failed
}

// testProblems tells what is wrong with tests as what is wrong with definitions is told.
func testProblems(ps featuretest.Problems) error {
	var all registry.Problems
	for _, p := range ps {
		all = append(all, registry.Problem{Position: registry.Position{File: p.File, Line: p.Line, Column: p.Column}, Message: p.Message})
	}
	return fmt.Errorf("%s in the tests:\n%w", plural(len(all), "problem", "problems"), all)
}

// tests reads the test files of paths: files, and folders with all that is below them. What
// is wrong with some is no reason not to run the others.
func (p *project) tests(paths []string) (tests []*featuretest.Test, problems featuretest.Problems, err error) {
	for _, path := range paths {
		err := filepath.WalkDir(path, func(file string, e fs.DirEntry, err error) error {
			if err != nil || e.IsDir() || file != path && !definition.IsTest(file) {
				return err
			}
			if file == path && !definition.IsTest(file) {
				if slices.Contains(p.Definitions, path) {
					return nil // a file of definitions
				}
				return usagef("%s is no file of tests: their names end in .test.yaml", path)
			}
			if info, err := e.Info(); err == nil && info.Size() > featuretest.MaxBytes {
				return fmt.Errorf("%s has %d bytes, at most %d are allowed: %w", p.shown(file), info.Size(), featuretest.MaxBytes, feature.ErrTooLarge)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			found, wrong := featuretest.Parse(p.shown(file), text)
			tests, problems = append(tests, found...), append(problems, wrong...)
			return nil
		})
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil, fmt.Errorf("there is no file or folder %s: %w", p.shown(path), feature.ErrNotFound)
		case err != nil:
			return nil, nil, err
		}
	}
	return tests, problems, nil
}

// shown gives a path as messages have it: relative to where the project is, if it is there.
func (p *project) shown(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if rel, err := filepath.Rel(p.Folder, abs); err == nil && !strings.HasPrefix(rel, "..") {
		return filepath.ToSlash(rel)
	}
	return path
}

func (p *project) shownAll(paths []string) string {
	all := make([]string, len(paths))
	for i, path := range paths {
		all[i] = p.shown(path)
	}
	return strings.Join(all, ", ")
}

// tested gives the definitions of the files, and the columns that their sources have.
func (p *project) tested(ctx context.Context, defs *registry.Definitions, tests []*featuretest.Test) (*registry.Snapshot, map[string][]string, error) {
	empty, err := registry.NewSnapshot(registry.State{Identity: registry.Identity{Project: p.Name}})
	if err != nil {
		return nil, nil, err
	}
	fields := testSchemas{schemas: schemas{p.files}, defs: defs, tests: tests}
	onlyTested(defs, tests)
	plan, err := registry.NewPlan(ctx, empty, defs, fields)
	if err != nil {
		return nil, nil, p.app.problems(err)
	}
	s, err := plan.Preview(empty)
	if err != nil {
		return nil, nil, err
	}
	columns := map[string][]string{}
	for i := range defs.Sources {
		found, err := fields.Columns(ctx, defs.Sources[i].Parquet)
		if err != nil {
			return nil, nil, err
		}
		for _, f := range found {
			columns[defs.Sources[i].Name] = append(columns[defs.Sources[i].Name], f.Name)
		}
	}
	return s, columns, nil
}

// namedTests gives the tests of views and services that are defined, and tells of the others.
func namedTests(defs *registry.Definitions, tests []*featuretest.Test) (named []*featuretest.Test, problems featuretest.Problems) {
	var views, services []string
	for i := range defs.Views {
		views = append(views, defs.Views[i].Name)
	}
	for i := range defs.Services {
		services = append(services, defs.Services[i].Name)
	}
	for _, t := range tests {
		kind, name, known := "view", t.View, views
		if t.Service != "" {
			kind, name, known = "service", t.Service, services
		}
		if slices.Contains(known, name) {
			named = append(named, t)
		} else {
			problems = append(problems, featuretest.Problem{
				Place: t.Place, Message: fmt.Sprintf("no %s is named %q%s", kind, shorten(name), didYouMean("", name, slices.Values(known))),
			})
		}
	}
	return named, problems
}

// onlyTested leaves in definitions what tests are about: other sources may have no files
// where tests run.
func onlyTested(defs *registry.Definitions, tests []*featuretest.Test) {
	views, services, sources := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, t := range tests {
		views[t.View], services[t.Service] = true, true
	}
	defs.Services = slices.DeleteFunc(defs.Services, func(s feature.Service) bool { return !services[s.Name] })
	for _, s := range defs.Services {
		for _, use := range s.Features {
			views[use.View] = true
		}
	}
	defs.Views = slices.DeleteFunc(defs.Views, func(v feature.View) bool { return !views[v.Name] })
	for _, v := range defs.Views {
		sources[v.Source] = true
	}
	defs.Sources = slices.DeleteFunc(defs.Sources, func(s feature.Source) bool { return !sources[s.Name] })
}

func runTest(ctx context.Context, s *registry.Snapshot, t *featuretest.Test, columns map[string][]string) (testedOne, error) {
	one := testedOne{Place: t.Place.String(), Name: t.Name, Of: "view " + t.View}
	var selection *feature.Selection
	var err error
	if t.Service != "" {
		one.Of = "service " + t.Service
		selection, err = s.Service(t.Service, 0)
	} else {
		selection, err = s.Select([]feature.Reference{{View: t.View, Feature: "*"}})
	}
	if err != nil {
		return one, err
	}
	outcome, err := featuretest.Run(ctx, t, selection, columns)
	if err != nil {
		return one, err
	}
	one.Values, one.Passed = outcome.Checked, len(outcome.Differences) == 0
	one.Uncomputed = failuresOf(selection, outcome.Trained)
	for _, d := range outcome.Differences {
		one.Differences = append(one.Differences, testedDiffer{d.Place.String(), d.At, d.Keys, d.Feature, d.Expected, d.Got})
	}
	return one, nil
}

func (a *app) printTested(t *tested) error {
	values := 0
	for _, one := range t.Tests {
		values += one.Values
		state := "ok  "
		if !one.Passed {
			state = "FAIL"
		}
		name := one.Name
		if name == "" {
			name = "(no name)"
		}
		if err := a.printText(fmt.Sprintf("%s  %s: %s (%s)\n", state, one.Of, name, one.Place)); err != nil {
			return err
		}
		if !one.Passed {
			var rows [][]string
			for _, d := range one.Differences {
				rows = append(rows, []string{d.Place, d.At.String(), d.Keys, d.Feature, d.Expected, d.Got})
			}
			if err := a.printTable([]string{"PLACE", "AT", "KEYS", "FEATURE", "EXPECTED", "GOT"}, rows); err != nil {
				return err
			}
		}
		for _, f := range one.Uncomputed {
			if err := a.printText(f.text()); err != nil {
				return err
			}
		}
	}
	if len(t.Tests) == 0 {
		return nil
	}
	return a.printText(fmt.Sprintf("\n%d of %s passed, %s compared (%s)\n",
		t.Passed, plural(len(t.Tests), "test", "tests"), plural(values, "value", "values"), tookText(t.took)))
}

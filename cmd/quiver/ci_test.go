package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

// ciDocument gives the fenced blocks of docs/ci.md in a language, in their order.
func ciDocument(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	var blocks []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)\n```").FindAllStringSubmatch(string(text), -1) {
		blocks = append(blocks, m[1])
	}
	return blocks
}

// step is a step of a pipeline that runs commands.
type step struct {
	name, when, run string
}

// pipeline is what a file of docs/ci.md does on a merge request and after the merge.
type pipeline struct {
	plan, apply []step
}

// github reads the jobs of a workflow.
func github(t *testing.T, text string) pipeline {
	t.Helper()
	var file struct {
		Jobs map[string]struct {
			If          string
			Environment string
			Steps       []struct{ Name, Uses, If, Run string }
		}
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if file.Jobs["plan"].If != "github.event_name == 'pull_request' && github.event.pull_request.head.repo.full_name == github.repository" || file.Jobs["apply"].If != "github.event_name == 'push'" || file.Jobs["apply"].Environment == "" {
		t.Errorf("the jobs run on %+v", file.Jobs)
	}
	steps := func(job string) []step {
		var all []step
		for _, s := range file.Jobs[job].Steps {
			if (s.Uses == "") == (s.Run == "") {
				t.Errorf("job %s: a step either uses or runs something: %+v", job, s)
			}
			if s.Run != "" {
				all = append(all, step{s.Name, s.If, s.Run})
			}
		}
		return all
	}
	return pipeline{steps("plan"), steps("apply")}
}

// gitlab reads the jobs of a pipeline; scripts of one job run in one shell.
func gitlab(t *testing.T, text string) pipeline {
	t.Helper()
	type job struct {
		Stage  string
		Script []string
	}
	var file struct {
		Stages  []string
		Default struct {
			Before []string `yaml:"before_script"`
		}
		Plan, Apply job
	}
	if err := yaml.Unmarshal([]byte(text), &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Stages) != 2 || file.Plan.Stage != file.Stages[0] || file.Apply.Stage != file.Stages[1] || len(file.Default.Before) != 1 {
		t.Errorf("got %+v", file)
	}
	steps := func(j job) []step {
		return []step{
			{"Install Quiver", "", strings.Join(file.Default.Before, "\n")},
			{"script", "", strings.Join(j.Script, "\n")},
		}
	}
	return pipeline{steps(file.Plan), steps(file.Apply)}
}

// runner runs steps in a project as a CI service does.
type runner struct {
	*testing.T
	dir, bin string
}

func newRunner(t *testing.T) *runner {
	t.Helper()
	r := &runner{t, filepath.Join(t.TempDir(), "shop"), t.TempDir()}
	must(t, "init", r.dir)
	settings, err := os.OpenFile(filepath.Join(r.dir, "quiver.yaml"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = settings.WriteString("environments:\n  prod: {registry: \"${REGISTRY_URL}\", online: \"${REDIS_URL}\"}\n")
	if err := settings.Close(); err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	// gh notes what it was asked to write.
	gh := "#!/bin/sh\necho \"$@\" > gh.args\ncp comment.md gh.body\n"
	if err := os.WriteFile(filepath.Join(r.bin, "gh"), []byte(gh), 0o700); err != nil { //nolint:gosec // it is a program
		t.Fatal(err)
	}
	return r
}

// run runs a job with a commit's message, and tells how it ended: the output, and
// whether every step was fine.
func (r *runner) run(job []step, message string) (string, bool) {
	r.Helper()
	output := filepath.Join(r.TempDir(), "output")
	title, _, _ := strings.Cut(message, "\n")
	env := []string{
		"PATH=" + r.bin + ":" + os.Getenv("PATH"), "HOME=" + r.TempDir(), "GITHUB_OUTPUT=" + output, "PR=7", "MESSAGE=" + message,
		"CI_COMMIT_MESSAGE=" + message, "CI_COMMIT_TITLE=" + title,
		"REGISTRY_URL=sqlite:" + filepath.Join(r.dir, "prod.db"),
	}
	var all strings.Builder
	for _, s := range job {
		told, _ := os.ReadFile(output) //nolint:gosec // the job's own
		switch s.when {
		case "":
		case "steps.plan.outputs.changes == 'true'":
			if !strings.Contains(string(told), "changes=true\n") {
				continue
			}
		default:
			r.Fatalf("step %s runs if %s, which this test does not know", s.name, s.when)
		}
		args := []string{"-e", "-o", "pipefail", "-c", s.run}
		if s.name == "Install Quiver" {
			args = append([]string{"-n"}, args...) // the binary of this test is installed
		}
		c := exec.CommandContext(r.Context(), "bash", args...)
		c.Dir, c.Env = r.dir, env
		out, err := c.CombinedOutput()
		all.Write(out)
		if err != nil {
			fmt.Fprintf(&all, "step %s: %v\n", s.name, err)
			return all.String(), false
		}
	}
	return all.String(), true
}

func (r *runner) works(job []step, message string, shows ...string) {
	r.Helper()
	out, ok := r.run(job, message)
	if !ok {
		r.Fatalf("the job failed:\n%s", out)
	}
	r.shows(out, shows)
}

func (r *runner) fails(job []step, message string, shows ...string) {
	r.Helper()
	out, ok := r.run(job, message)
	if ok {
		r.Fatalf("the job did not fail:\n%s", out)
	}
	r.shows(out, shows)
}

func (r *runner) shows(out string, parts []string) {
	r.Helper()
	for _, part := range parts {
		if !strings.Contains(out, part) {
			r.Errorf("no %q in\n%s", part, out)
		}
	}
}

func (r *runner) file(name string) string {
	r.Helper()
	text, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		r.Fatal(err)
	}
	return string(text)
}

func TestThePipelinesOfTheDocumentsWork(t *testing.T) {
	blocks := ciDocument(t, "yaml")
	if len(blocks) != 3 {
		t.Fatalf("docs/ci.md has %d blocks of YAML, want the setting and two pipelines", len(blocks))
	}
	for name, p := range map[string]pipeline{"GitHub": github(t, blocks[1]), "GitLab": gitlab(t, blocks[2])} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRunner(t)
			definitions := filepath.Join(r.dir, "features", "shop.yaml")
			whole := r.file("features/shop.yaml")
			r.works(p.plan, "", "valid: ", "5 changes on revision 0")
			r.works(p.apply, "first\n\nof all", "applied as revision 1")

			replace(t, definitions, "ttl: 30d", "ttl: 20d")
			r.works(p.plan, "", "the gravest is breaking")
			var plan struct {
				Base  int64
				Class string
			}
			if err := json.Unmarshal([]byte(r.file("plan.json")), &plan); err != nil || plan.Class != "breaking" || plan.Base != 1 {
				t.Errorf("plan.json is %+v, %v", plan, err)
			}
			if !strings.Contains(r.file("plan.txt"), "ttl 30d -> 20d") {
				t.Errorf("plan.txt is %s", r.file("plan.txt"))
			}
			if name == "GitHub" {
				if !strings.Contains(r.file("gh.body"), "### Quiver plan\n\n    ACTION") || !strings.HasPrefix(r.file("gh.args"), "pr comment 7 ") {
					t.Errorf("the comment is %s by gh %s", r.file("gh.body"), r.file("gh.args"))
				}
				if err := os.Remove(filepath.Join(r.dir, "gh.body")); err != nil {
					t.Fatal(err)
				}
			}
			r.works(p.apply, "shorter", "applied as revision 2")
			r.works(p.plan, "", "no changes: revision 2 is what the files say")
			if _, err := os.Stat(filepath.Join(r.dir, "gh.body")); err == nil {
				t.Error("a plan without changes was commented")
			}

			replace(t, definitions, "ttl: 20d", "ttl: soon")
			r.fails(p.plan, "", "features/shop.yaml:", "soon")
			withoutService, _, _ := strings.Cut(whole, "# Services")
			if err := os.WriteFile(definitions, []byte(withoutService), 0o600); err != nil {
				t.Fatal(err)
			}
			r.works(p.plan, "", "service churn_model@2")
			r.fails(p.apply, "no service", "service churn_model@2", "--allow-removal")
			r.works(p.apply, "no service\n\nit is retired [allow-removal]", "applied as revision 3")
			history := do(t.Context(), "-C", r.dir, "history") // of the default environment, which has none
			if !strings.Contains(history.out, "nothing was applied yet") {
				t.Errorf("the pipelines have used another environment: %s", history.out)
			}
		})
	}
}

// The places depend on the template's comments: what is compared are the fields.
func TestThePlanOfTheDocumentsIsWhatPlanPrints(t *testing.T) {
	blocks := ciDocument(t, "json")
	if len(blocks) != 1 {
		t.Fatalf("docs/ci.md has %d blocks of JSON, want 1", len(blocks))
	}
	dir := newProject(t)
	replace(t, filepath.Join(dir, "features", "shop.yaml"), "ttl: 30d", "ttl: 20d")
	places := regexp.MustCompile(`"(line|column)": [1-9][0-9]*`)
	want := places.ReplaceAllString(blocks[0], `"$1": N`)
	got := places.ReplaceAllString(strings.TrimSpace(must(t, "-C", dir, "plan", "-o", "json")), `"$1": N`)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-docs/ci.md +plan):\n%s", diff)
	}
}

// Every field that a plan can have stands in the table.
func TestTheFieldsOfAPlanAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/ci.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := newProject(t)
	path := filepath.Join(dir, "features", "shop.yaml")
	replace(t, path, "ttl: 30d", "ttl: 20d")
	replace(t, path, "  - {name: items, description: How many things were bought}\n", "")
	var plan any
	if err := json.Unmarshal([]byte(must(t, "-C", dir, "plan", "-o", "json")), &plan); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	fields(plan, seen)
	for name := range seen {
		if !regexp.MustCompile("`(\\w+\\[\\])?\\.?" + name + "(\\[\\])?`|\\." + name + "(\\[\\])?`").Match(text) {
			t.Errorf("docs/ci.md does not tell of field %s", name)
		}
	}
	if len(seen) < 20 {
		t.Errorf("a plan has only %s", fmt.Sprint(seen))
	}
}

func fields(value any, seen map[string]bool) {
	switch v := value.(type) {
	case map[string]any:
		for name, part := range v {
			seen[name] = true
			fields(part, seen)
		}
	case []any:
		for _, part := range v {
			fields(part, seen)
		}
	}
}

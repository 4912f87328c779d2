package definition_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/quiver-features/quiver/feature"
	"github.com/quiver-features/quiver/registry/definition"
)

func variables(m map[string]string) func(string) (string, bool) {
	return func(name string) (string, bool) {
		v, ok := m[name]
		return v, ok
	}
}

func project(t *testing.T, text, env string, vars map[string]string) (*definition.Project, string, error) {
	t.Helper()
	root := write(t, map[string]string{"quiver.yaml": text})
	p, err := definition.LoadProject(root, env, variables(vars))
	return p, root, err
}

func TestProjectHasDefaults(t *testing.T) {
	got, root, err := project(t, "project: flights\n", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &definition.Project{
		Name: "flights", Folder: root,
		Definitions: []string{filepath.Join(root, "features")},
		Data:        definition.Setting{Raw: ".", Value: root},
		Registry:    definition.Setting{Raw: "sqlite:.quiver/registry.db", Value: "sqlite:" + filepath.Join(root, ".quiver", "registry.db")},
		Online:      definition.Setting{Raw: "sqlite:.quiver/online.db", Value: "sqlite:" + filepath.Join(root, ".quiver", "online.db")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("project (-want +got):\n%s", diff)
	}
}

const environments = `project: flights
definitions: [features, ../common, "/abs/$${x}"]
data: ${DATA}/flights
registry: sqlite:reg.db
online: redis://:${PASS}@${HOST}:6379/0
environments:
  prod: {registry: "${REGISTRY_URL}", online: "${REDIS_URL}", data: /srv/flights, now: 2001-06-30}
  staging:
    online: rediss://cache
    definitions: only
now: 2001-06-30T12:00:00Z
`

func TestEnvironmentReplacesValues(t *testing.T) {
	now := func(s string) *feature.Time {
		n, err := feature.ParseTime(s)
		if err != nil {
			t.Fatal(err)
		}
		return &n
	}
	// Variables of values that the environment replaces need not be set.
	got, root, err := project(t, environments, "prod", map[string]string{"REGISTRY_URL": "sqlite:/srv/registry.db", "REDIS_URL": "rediss://u:p@cache/1"})
	if err != nil {
		t.Fatal(err)
	}
	want := &definition.Project{
		Name: "flights", Folder: root, Environment: "prod", Environments: []string{"prod", "staging"},
		Definitions: []string{filepath.Join(root, "features"), filepath.Join(filepath.Dir(root), "common"), "/abs/${x}"},
		Data:        definition.Setting{Raw: "/srv/flights", Value: "/srv/flights"},
		Registry:    definition.Setting{Raw: "${REGISTRY_URL}", Value: "sqlite:/srv/registry.db"},
		Online:      definition.Setting{Raw: "${REDIS_URL}", Value: "rediss://u:p@cache/1"},
		Now:         now("2001-06-30T00:00:00Z"),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("prod (-want +got):\n%s", diff)
	}
	if got, want := got.Online.String(), "rediss://u:***@cache/1"; got != want {
		t.Errorf("as text: got %s, want %s", got, want)
	}

	got, root, err = project(t, environments, "", map[string]string{"DATA": "d", "PASS": "s3cret", "HOST": "h"})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(root, "d", "flights"); got.Data.Value != want {
		t.Errorf("data is %s, want %s", got.Data.Value, want)
	}
	if want := "redis://:s3cret@h:6379/0"; got.Online.Value != want {
		t.Errorf("online is %s, want %s", got.Online.Value, want)
	}
	if diff := cmp.Diff(now("2001-06-30T12:00:00Z"), got.Now); diff != "" {
		t.Errorf("now: %s", diff)
	}
}

func TestProblemsOfTheProjectFileAreToldTogether(t *testing.T) {
	for _, c := range []struct {
		name, text string
		vars       map[string]string
		want       string
	}{
		{"unset", environments, map[string]string{"HOST": "h"}, `
quiver.yaml:3:7: data: the environment variable DATA is not set`},
		{"empty", "project: p\nregistry: ${A}\ndata: ${A}${B}\nonline: ${A}\n", map[string]string{"A": "", "B": ""}, `
quiver.yaml:2:11: registry: the environment variable A is empty
quiver.yaml:3:7: data: the environment variables A, B are empty`},
		{"wrong", `project: Flights
definition: [features]
definitions: [a, 1, ""]
data: s3://bucket
registry: mysql://user:hunter2@host/db
online: "sqlite:"
environments:
  prod: {registri: x, data: [a]}
  1st: {}
  dev: x
now: yesterday
project: again
`, nil, `
quiver.yaml:1:10: project: bad name "Flights": a name is a lower-case letter followed by lower-case letters, digits and underscores
quiver.yaml:2:1: unknown field "definition" (did you mean "definitions"?)
quiver.yaml:3:18: definitions: expected text, got the number 1 (put it in quotes to make it text)
quiver.yaml:3:21: definitions: a path can't be empty
quiver.yaml:4:7: data: expected a folder, got a URL
quiver.yaml:5:11: registry: expected sqlite:FILE or postgres://…, got "mysql://user:***@host/db"
quiver.yaml:6:9: online: sqlite: is followed by the path of a file (for example sqlite:.quiver/online.db)
quiver.yaml:8:10: unknown field "registri" (did you mean "registry"?)
quiver.yaml:9:3: bad name "1st" of an environment: a letter followed by letters, digits, - and _
quiver.yaml:10:8: expected an environment (a mapping of fields), got the text "x"
quiver.yaml:11:6: now: "yesterday" is no time (for example 2001-06-30T12:00:00Z)
quiver.yaml:12:1: field "project" is given twice (first at quiver.yaml:1:1)`},
		{"secrets", `project: ${NAME}
data: ${LINES}
registry: ${URL}
online: "${URL"
now: ${NOW}
definitions: ["${A-B}"]
`, map[string]string{"NAME": "s3cret-", "URL": "s3cret://s3cret", "NOW": "s3cret", "LINES": "s3cret\n"}, `
quiver.yaml:1:10: project: the variable's value is no name
quiver.yaml:2:7: data: control characters can't stand in a value
quiver.yaml:3:11: registry: expected sqlite:FILE or postgres://…, got another value from the environment
quiver.yaml:4:9: online: ${ without an end: write ${NAME}, or $${ for the characters themselves
quiver.yaml:5:6: now: the variable's value is no time (for example 2001-06-30T12:00:00Z)
quiver.yaml:6:15: definitions: "A-B" is no name of an environment variable: write ${NAME}, or $${ for the characters themselves`},
		{"empty", "# nothing\n", nil, `
quiver.yaml:1:1: the project file is empty (it needs at least a line like project: flights)`},
		{"list", "- a\n", nil, `
quiver.yaml:1:1: expected a project file (a mapping of fields), got a list`},
		{"two documents", "project: a\n---\nkind: entity\n", nil, `
quiver.yaml:3:1: a project file holds one document (move definitions into files of their own)`},
		{"syntax", "project: [a\n", nil, `
quiver.yaml:1:10: YAML: did not find expected ',' or ']' while parsing a flow sequence`},
		{"no name, sqlite with slashes", "registry: sqlite://registry.db\nonline: 'redis://'\n", nil, `
quiver.yaml:1:1: missing field "project" (a project file needs project)
quiver.yaml:1:11: registry: a file is named without slashes before it (write sqlite:FILE)
quiver.yaml:2:9: online: redis:// names no host`},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, _, err := project(t, c.text, "", c.vars)
			if err == nil || p != nil {
				t.Fatalf("got %v and the project %v, want problems alone", err, p)
			}
			if !errors.Is(err, feature.ErrInvalid) {
				t.Errorf("not of kind invalid: %v", err)
			}
			if diff := cmp.Diff(strings.TrimPrefix(c.want, "\n"), err.Error()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "hunter2") {
				t.Error("a secret is shown")
			}
		})
	}
}

func TestUnknownEnvironmentGivesTheKnownOnes(t *testing.T) {
	vars := map[string]string{"DATA": "d", "PASS": "p", "HOST": "h"}
	_, _, err := project(t, environments, "prdo", vars)
	want := `unknown environment "prdo" (quiver.yaml has prod, staging; did you mean "prod"?): not found`
	if err == nil || err.Error() != want || !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("got %v, want %s", err, want)
	}
	// It is told before the variables that only the file's own values need.
	if _, _, err = project(t, environments, "prdo", nil); err == nil || err.Error() != want {
		t.Errorf("with variables missing: got %v, want %s", err, want)
	}
}

func TestProjectIsFoundAround(t *testing.T) {
	root := write(t, map[string]string{"quiver.yaml": "project: p\n", "a/b/c.txt": ""})
	for _, dir := range []string{root, filepath.Join(root, "a", "b")} {
		if got, err := definition.FindProject(dir); err != nil || got != root {
			t.Errorf("from %s: got %s, %v, want %s", dir, got, err, root)
		}
	}
	_, err := definition.FindProject(t.TempDir())
	if !errors.Is(err, feature.ErrNotFound) || !strings.Contains(err.Error(), "quiver init") {
		t.Errorf("outside a project: %v", err)
	}
	if _, err := definition.FindProject(filepath.Join(root, "nowhere")); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("from a folder that is not there: %v", err)
	}
	if _, err := definition.LoadProject(t.TempDir(), "", variables(nil)); !errors.Is(err, feature.ErrNotFound) {
		t.Errorf("a missing file: %v", err)
	}
}

func TestProjectLoadsItsDefinitions(t *testing.T) {
	p, root, err := project(t, "project: p\n", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(root, "features"), 0o755); err != nil {
		t.Fatal(err)
	}
	text := "kind: entity\nname: e\nkeys: [{name: k, type: int64}]\n"
	if err := os.WriteFile(filepath.Join(root, "features", "e.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d, err := p.Load()
	if err != nil || len(d.Entities) != 1 || d.At("entity", "e").File != "features/e.yaml" {
		t.Errorf("got %v, %v", d, err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	for _, c := range []struct{ url, want string }{
		{"sqlite:.quiver/online.db", "sqlite:.quiver/online.db"},
		{"redis://localhost:6379/0", "redis://localhost:6379/0"},
		{"redis://:hunter2@localhost:6379/0", "redis://:***@localhost:6379/0"},
		{"postgres://me:hunter2@db:5432/q?sslmode=require", "postgres://me:***@db:5432/q?sslmode=require"},
		{"postgres://me@db/q?password=hunter2&x=1", "postgres://me@db/q?password=***&x=1"},
		{"postgres://me:hun/ter@2?x@db/q", "postgres://me:***@db/q"},
		{"redis-cluster://u:hunter2@a:6379,b:6379", "redis-cluster://u:***@a:6379,b:6379"},
		{"rediss://u:hunter2@a?cert_file=/c&key_file=/k&key=hunter2", "rediss://u:***@a?cert_file=/c&key_file=/k&key=***"},
		{"", ""},
		{"rediss-cluster://u:hunter2@a:6379,u:hunter2@b:6379,c?tls_ca=f", "rediss-cluster://u:***@b:6379,c?tls_ca=f"},
		{"redis-sentinel://u:hunter2@a:1,b:2/mymaster/0?sentinel_user=x&sentinel_password=hunter2", "redis-sentinel://u:***@a:1,b:2/mymaster/0?sentinel_user=x&sentinel_password=***"},
		{"rediss-sentinel://a,b/m?sentinel_password=hun&hunter2&db=1", "rediss-sentinel://a,b/m?sentinel_password=***&db=1"},
		{"rediss://:hun/te#r2?@h/0?prefix=p", "rediss://:***@h/0?prefix=p"},
		{"postgresql://me@a,b/q?sslpassword=hunter2;password=hunter2&p%61ssword=hunter2&sslkey=/k", "postgresql://me@a,b/q?sslpassword=***&password=***&p%61ssword=***&sslkey=***"},
		{"postgres://me:hun:ter2@a/q?application_name=x@y", "postgres://me:***@y"},
		{"postgres://a/q?password=hunter2@x&user=me", "postgres://a/q?password=***&user=me"},
		{"postgres://a/q?x=y://z&password=hunter2", "postgres://a/q?x=y://z&password=***"},
		{"host=h password=hunter2 user=me", "host=h password=*** user=me"},
		{"host=h sslpassword = 'hunter2 more' user=me", "host=h sslpassword = *** user=me"},
		{"redis:hunter2@h", "redis:***@h"},
		{"postgres:me:hunter2@h", "postgres:***@h"},
		{"sqlite:a@b.db", "sqlite:a@b.db"},
	} {
		if got := definition.Mask(c.url); got != c.want {
			t.Errorf("Mask(%q) is %q, want %q", c.url, got, c.want)
		}
	}
}

package faults_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// command is a use of a command that works in a filled project.
type command struct {
	args    string   // without quiver, split at blanks
	reads   string   // of: project definitions source registry online; what breaks it where it is broken
	changes []string // what it may change in the project
	until   string   // it is a server, ready when it says so
	state   string   // that it works in; empty: filled
	silent  bool     // it prints nothing where all is as it should be
	words   bool     // it takes any words
	fails   int      // its exit code where all is as it should be
}

// commands has a row for every command of the binary.
func commands() []command {
	return []command{
		{args: "init other", changes: []string{"other"}},
		{args: "schema"},
		{args: "fmt --check", reads: "project definitions", words: true, silent: true},
		{args: "validate", reads: "project definitions source registry"},
		{args: "test", reads: "project definitions", words: true},
		{args: "preview last_order", reads: "project definitions source"},
		{args: "plan", reads: "project definitions source registry"},
		{args: "apply --yes", reads: "project definitions source registry", state: fresh, changes: []string{".quiver"}},
		{args: "promote churn_model@1", reads: "project registry online", changes: []string{".quiver"}},
		{args: "history", reads: "project registry"},
		{args: "diff 0 1", reads: "project registry"},
		{args: "rollback 1 --yes", reads: "project registry", changes: []string{".quiver"}},
		{args: "list", reads: "project registry"},
		{args: "search amount", reads: "project registry", words: true},
		{args: "describe churn_model", reads: "project registry"},
		{args: "train --spine data/labels.csv --service churn_model --out t.parquet", reads: "project source registry", changes: []string{"t.parquet"}},
		{args: "inspect data/orders.parquet"},
		{args: "get --service churn_model --key customer=1", reads: "project registry online"},
		{args: "materialize", reads: "project source registry online", changes: []string{".quiver"}},
		{args: "status", reads: "project source registry online"},
		{args: "runs", reads: "project registry"},
		{args: "serve --grpc 127.0.0.1:0 --http 127.0.0.1:0 --drain-delay 1ms", reads: "project registry online", changes: []string{".quiver/serve.snapshot"}, until: `"msg":"ready","grpc"`},
		{args: "health --server 127.0.0.1:1 --timeout 5s", fails: 1},
		{args: "completion bash"},
		{args: "man manual", changes: []string{"manual"}},
		{args: "help"},
		{args: "version"},
	}
}

func (c *command) name() string { return strings.Fields(c.args)[0] }

func (c *command) process() process { return process{args: strings.Fields(c.args), until: c.until} }

// surroundings are broken in one way, for every command.
type surroundings struct {
	name   string
	part   string // what is broken, of command.reads
	before func(*scene)
	nobody bool // run as a user without rights
	code   int
	says   []string // where the command reads the part
}

func broken() []surroundings {
	const features, data, registry, online = "features/shop.yaml", "data/orders.parquet", ".quiver/registry.db", ".quiver/online.db"
	in := func(do func(*scene, string), name string) func(*scene) { return func(s *scene) { do(s, name) } }
	text := func(name, content string) func(*scene) { return func(s *scene) { s.write(name, content) } }
	cut := func(name string) func(*scene) { return func(s *scene) { s.cut(name, 60) } }
	closed := func(name string) func(*scene) { return func(s *scene) { s.chmod(name, 0) } }
	binary := strings.Repeat("\x00\x01\xfe\xff", 5000)
	return []surroundings{
		{name: "no project", part: "project", before: in((*scene).remove, "quiver.yaml"), code: 2, says: []string{"there is no quiver.yaml in", "run quiver init", "-C"}},
		{name: "an empty project file", part: "project", before: text("quiver.yaml", ""), code: 1, says: []string{"quiver.yaml:1:1", "project"}},
		{name: "a project file of zeros", part: "project", before: text("quiver.yaml", binary), code: 1, says: []string{"quiver.yaml:1:1"}},
		{name: "a folder as project file", part: "project", before: in((*scene).folder, "quiver.yaml"), code: 2, says: []string{"quiver.yaml", "-C"}},
		{name: "a pipe as project file", part: "project", before: in((*scene).fifo, "quiver.yaml"), code: 1, says: []string{"quiver.yaml"}},
		{name: "a project file that leads to itself", part: "project", before: in((*scene).loop, "quiver.yaml"), code: 2, says: []string{"quiver.yaml", "-C"}},
		{name: "a project file nobody may read", part: "project", before: closed("quiver.yaml"), nobody: true, code: 1, says: []string{"quiver.yaml", "permission denied"}},

		{name: "no definitions", part: "definitions", before: in((*scene).remove, "features"), code: 1, says: []string{"no file or folder features", "quiver.yaml"}},
		{name: "definitions of zeros", part: "definitions", before: text(features, binary), code: 1, says: []string{"features/shop.yaml:1:1"}},
		{name: "definitions cut short", part: "definitions", before: func(s *scene) { kept, _, _ := strings.Cut(s.read(features), "items, desc"); s.write(features, kept) }, code: 1, says: []string{"features/shop.yaml:25:"}},
		{name: "a pipe as definitions", part: "definitions", before: in((*scene).fifo, features), code: 1, says: []string{"features/shop.yaml"}},
		{name: "definitions that lead to themselves", part: "definitions", before: in((*scene).loop, features), code: 1, says: []string{"features/shop.yaml", "symbolic links"}},
		{name: "definitions nobody may read", part: "definitions", before: closed(features), nobody: true, code: 1, says: []string{"features/shop.yaml", "permission denied"}},
		{name: "a folder of definitions nobody may read", part: "definitions", before: closed("features"), nobody: true, code: 1, says: []string{"features", "permission denied"}},

		{name: "no source file", part: "source", before: in((*scene).remove, data), code: 1, says: []string{"orders.parquet", "does not exist"}},
		{name: "an empty source file", part: "source", before: text(data, ""), code: 1, says: []string{"orders.parquet", "the file is empty"}},
		{name: "a source file cut short", part: "source", before: cut(data), code: 1, says: []string{"orders.parquet", "cut short"}},
		{name: "a source file of zeros", part: "source", before: text(data, binary), code: 1, says: []string{"orders.parquet", "no Parquet file"}},
		{name: "a folder as source file", part: "source", before: in((*scene).folder, data), code: 1, says: []string{"orders.parquet"}},
		{name: "a pipe as source file", part: "source", before: in((*scene).fifo, data), code: 1, says: []string{"orders.parquet"}},
		{name: "a source file that leads to itself", part: "source", before: in((*scene).loop, data), code: 1, says: []string{"orders.parquet"}},
		{name: "a source file nobody may read", part: "source", before: closed(data), nobody: true, code: 1, says: []string{"orders.parquet may not be read: check its permissions"}},

		{name: "a registry of zeros", part: "registry", before: text(registry, binary), code: 1, says: []string{"registry.db"}},
		{name: "a registry of text", part: "registry", before: text(registry, strings.Repeat("select 1;\n", 500)), code: 1, says: []string{"registry.db"}},
		{name: "a registry cut short", part: "registry", before: func(s *scene) { registryThere(s); s.cut(registry, 60) }, code: 1, says: []string{"registry.db"}},
		{name: "a folder as registry", part: "registry", before: in((*scene).folder, registry), code: 1, says: []string{"registry.db"}},
		{name: "a registry that leads to itself", part: "registry", before: in((*scene).loop, registry), code: 1, says: []string{"registry.db"}},
		{name: "a registry nobody may read", part: "registry", before: func(s *scene) { registryThere(s); s.chmod(registry, 0) }, nobody: true, code: 1, says: []string{"registry.db"}},
		{name: "an online store as registry", part: "registry", before: func(s *scene) { s.setting("registry", "sqlite:other.db"); s.write("other.db", s.filled(online)) }, code: 1, says: []string{"other.db"}},

		{name: "an online store of zeros", part: "online", before: text(online, binary), code: 1, says: []string{"online.db"}},
		{name: "an online store cut short", part: "online", before: func(s *scene) { s.write(online, s.filled(online)); s.cut(online, 60) }, code: 1, says: []string{"online.db"}},
		{name: "a folder as online store", part: "online", before: in((*scene).folder, online), code: 1, says: []string{"online.db"}},
		{name: "an online store that leads to itself", part: "online", before: in((*scene).loop, online), code: 1, says: []string{"online.db"}},
		{name: "an online store nobody may read", part: "online", before: func(s *scene) { s.write(online, s.filled(online)); s.chmod(online, 0) }, nobody: true, code: 1, says: []string{"online.db"}},
		{name: "a registry as online store", part: "online", before: func(s *scene) { s.setting("online", "sqlite:other.db"); s.write("other.db", s.filled(registry)) }, code: 1, says: []string{"other.db"}},
		{name: "an unreachable Redis", part: "online", before: func(s *scene) { s.setting("online", "${STORE_URL}") }, code: 1, says: []string{"127.0.0.1:1", "can't be reached", "quiver.yaml"}},
		{name: "an online store of no kind", part: "project", before: func(s *scene) { s.setting("online", "mongodb://u:"+secret+"@localhost/x") }, code: 1, says: []string{"quiver.yaml:6:9: online: expected sqlite:FILE"}},
	}
}

// filled gives a file of the project that is materialized.
func (s *scene) filled(name string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.bench.states[filled], name))
	s.check(err)
	return string(text)
}

// registryThere makes the registry that a fresh project does not have yet.
func registryThere(s *scene) {
	s.t.Helper()
	s.write(".quiver/registry.db", s.filled(".quiver/registry.db"))
}

func (b *bench) commands(t *testing.T) {
	table := commands()
	known := b.known(t)
	for _, c := range table {
		known[c.name()] = true
	}
	for name, has := range known {
		if !has {
			t.Errorf("command %s has no row in the table of commands", name)
		}
	}
	for _, c := range table {
		if c.state == "" {
			c.state = filled
		}
		t.Run(c.name(), func(t *testing.T) {
			b.run(t, b.misused(&c))
			b.run(t, b.unheard(t, &c))
			b.run(t, surrounded(&c))
		})
	}
}

// known gives the commands that the binary has; the values are false.
func (b *bench) known(t *testing.T) map[string]bool {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), b.binary, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, match := range regexp.MustCompile(`(?m)^  ([a-z]+)  +[A-Z]`).FindAllStringSubmatch(string(out), -1) {
		names[match[1]] = false
	}
	if len(names) < 10 {
		t.Fatalf("only %d commands in\n%s", len(names), out)
	}
	return names
}

// surrounded is the table of a command in broken surroundings: it works where it does not read what is broken.
func surrounded(c *command) []fault {
	var table []fault
	for _, b := range broken() {
		f := fault{name: b.name, state: c.state, code: c.fails, before: b.before, process: c.process(), changes: slices.Clone(c.changes)}
		f.asNobody = b.nobody
		if !strings.Contains(c.reads, "project") && b.part != "project" {
			continue // it stands in no project: one kind of broken one is enough
		}
		if slices.Contains(strings.Fields(c.reads), b.part) {
			f.code, f.says, f.changes = b.code, b.says, nil
		}
		table = append(table, f)
	}
	return table
}

// misused is the table of flags and arguments that make no sense.
func (b *bench) misused(c *command) []fault {
	with := func(more ...string) process {
		return process{args: append(strings.Fields(c.args), more...), until: c.until}
	}
	help := []string{"--help"}
	table := []fault{
		{name: "an unknown flag", process: with("--frobnicate"), code: 2, says: help},
		{name: "a flag of control characters", process: with("--\x1b[31m\x07\x7f"), code: 2, says: help},
		{name: "a flag of no UTF-8", process: with("--\xff\xfe"), code: 2, says: help},
		{name: "a huge flag", process: with("--" + strings.Repeat("x", 100_000)), code: 2, says: help},
		{name: "an unknown output", process: with("-o", "xml"), code: 2, says: []string{`"xml"`, "table, json or yaml"}},
	}
	for _, words := range []struct{ name, arg string }{
		{"an argument of control characters", "\x1b]0;title\x07"}, {"an argument of no UTF-8", "\xc3\x28"}, {"a huge argument", strings.Repeat("y", 100_000)},
	} {
		if !c.words {
			table = append(table, fault{name: words.name, process: with(words.arg), code: 2})
		}
	}
	if strings.Contains(c.reads, "project") {
		table = append(
			table,
			fault{name: "a folder that is not there", process: with("-C", "nowhere"), code: 2, says: []string{"nowhere"}},
			fault{name: "a file as folder", process: with("-C", "data/labels.csv"), code: 2, says: []string{"labels.csv"}},
			fault{name: "an unknown environment", process: with("--env", "prud"), code: 2, says: []string{"--env", `"prud"`}},
		)
	}
	return table
}

// unheard is the table of an output that takes nothing. What the command does is done all the same, or undone.
func (b *bench) unheard(t *testing.T, c *command) []fault {
	if c.until != "" || c.silent || c.fails != 0 {
		return nil // nothing is printed
	}
	closed := c.process()
	closed.noOut = true
	full, gone := c.process(), c.process()
	var err error
	if full.out, err = os.OpenFile("/dev/full", os.O_WRONLY, 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = full.out.Close() })
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = writer.Close() })
	gone.out = writer
	return []fault{
		// The Go runtime opens /dev/null in its place before main runs: that nobody listens can't be told from
		// somebody who does not want to hear. No file that is opened later may become the output.
		{name: "no output", state: c.state, process: closed, changes: c.changes},
		{name: "a full output", state: c.state, process: full, changes: c.changes, code: 1, says: []string{"no space left on device"}},
		// The process ends by SIGPIPE, as every other one does; SQLite's log stays for the next one.
		{name: "an output that nobody reads", state: c.state, process: gone, changes: append(slices.Clone(c.changes), ".quiver/registry.db-", ".quiver/online.db-"), code: -1},
	}
}

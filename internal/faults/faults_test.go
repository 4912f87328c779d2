package faults_test

import (
	"testing"
)

// TestFaults runs all tables over one binary.
func TestFaults(t *testing.T) {
	b := newBench(t)
	for name, table := range map[string]func(*testing.T){
		"commands":    b.commands,
		"definitions": b.definitions,
		"files":       b.files,
		"redis":       b.redis,
		"postgres":    b.postgres,
		"http":        b.http,
		"grpc":        b.grpc,
		"stores":      b.stores,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table(t)
		})
	}
}

// fault is one command line in one project that is not as it should be.
type fault struct {
	name    string
	state   string       // that the project starts in; empty: filled
	before  func(*scene) // what is done to it
	process              // the command
	code    int
	says    []string // on standard error, all of them
	changes []string // what may change in the project: prefixes of names
	memory  int64    // MiB; 0: the usual bound
	after   func(*scene, result)
}

// run runs a table, each case at once with the others.
func (b *bench) run(t *testing.T, table []fault) {
	t.Helper()
	for _, f := range table {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			if f.state == "" {
				f.state = filled
			}
			s := b.scene(t, f.state)
			if f.before != nil {
				f.before(s)
			}
			was := s.tree()
			got := s.run(f.process)
			got.sound(t, f.memory)
			got.expect(t, f.code, f.says...)
			if names := changed(was, s.tree(), f.changes...); len(names) > 0 {
				t.Errorf("changed: %q", names)
			}
			if f.after != nil {
				f.after(s, got)
			}
		})
	}
}

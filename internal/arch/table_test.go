package arch

import (
	"strings"
	"testing"
)

func TestTheTableAllowsAndRefuses(t *testing.T) {
	const ours = module + "/"
	tests := []struct {
		name   string
		edge   edge
		reason string // a part of the message; "" where the edge is allowed
	}{
		{"the standard library", edge{"feature", "math/bits", false}, ""},
		{"cgo", edge{"feature", "C", false}, "without cgo"},
		{"the leaf reaches up", edge{"feature", ours + "registry", false}, "feature is a leaf"},
		{"the leaf takes a module", edge{"feature", "golang.org/x/sync/errgroup", false}, "feature is a leaf"},
		{"the leaf is tested with rapid", edge{"feature", "pgregory.net/rapid", true}, ""},
		{"a concept takes the leaf", edge{"online", ours + "feature", false}, ""},
		{"a concept takes another", edge{"online", ours + "registry", false}, "never one another"},
		{"a concept takes another in a test", edge{"materialize", ours + "offline", true}, "never one another"},
		{"a concept takes its technology", edge{"online", ours + "online/redis", false}, "never one another"},
		{"a concept is tested on its technology", edge{"online", ours + "online/redis", true}, ""},
		{"a technology takes its parent", edge{"online/redis", ours + "online", false}, ""},
		{"a technology takes its driver", edge{"online/redis", goRedis + "/maintnotifications", false}, ""},
		{"a technology takes its sibling", edge{"online/redis", ours + "online/sqlite", false}, "never a sibling"},
		{"a technology takes its sibling in a test", edge{"online/redis", ours + "online/sqlite", true}, "never a sibling"},
		{"a technology takes another's driver", edge{"online/redis", sqlite, false}, "its one driver"},
		{"a technology runs the suite", edge{"online/redis", ours + "online/onlinetest", true}, ""},
		{"a technology runs the suite outside tests", edge{"online/redis", ours + "online/onlinetest", false}, "its one driver"},
		{"a technology starts a server in tests", edge{"online/redis", ours + "internal/testenv", true}, ""},
		{"technologies share a helper", edge{"offline/parquet", ours + "offline/atomicfile", false}, ""},
		{"a suite takes an implementation", edge{"online/onlinetest", ours + "online/redis", false}, "not the implementations"},
		{"serving sees proto", edge{"online/serving", ours + "proto/quiver/v1", false}, ""},
		{"a store sees proto", edge{"online/sqlite", ours + "proto/quiver/v1", false}, "its one driver"},
		{"a client sees the server", edge{"sdk/go", ours + "online", false}, "nothing of the server"},
		{"a prefix that is no folder", edge{"online/redis", goRedis + "x", false}, "its one driver"},
		{"Arrow outside offline", edge{"materialize", arrow + "/arrow", false}, "never one another"},
		{"the command line outside cmd", edge{"registry", cobra, false}, "never one another"},
		{"the command line in cmd", edge{"cmd/quiver", cobra, false}, ""},
		{"cmd wires", edge{"cmd/quiver", ours + "online/redis", false}, ""},
		{"the parts are put together in a test", edge{"internal/equivalence", ours + "online/redis", true}, ""},
		{"a package without a row", edge{"misc/tools", ours + "feature", false}, "has no row"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := check(test.edge)
			if (got == "") != (test.reason == "") || !strings.Contains(got, test.reason) {
				t.Fatalf("got %q, want a message with %q", got, test.reason)
			}
			if got != "" && (!strings.Contains(got, test.edge.from) || !strings.Contains(got, test.edge.to)) &&
				!strings.Contains(got, "has no row") {
				t.Errorf("the message %q does not name both ends", got)
			}
		})
	}
}

func TestPatternsMatchElementByElement(t *testing.T) {
	for _, test := range []struct {
		pattern, pkg string
		want         bool
	}{
		{"online", "online", true},
		{"online", "online/redis", false},
		{"online", "onlinetest", false},
		{"online/*", "online/redis", true},
		{"online/*", "online", false},
		{"online/*", "online/redis/x", false},
		{"online/...", "online", true},
		{"online/...", "online/redis/x", true},
		{"online/...", "onlinex", false},
		{"*/*test", "online/onlinetest", true},
		{"*/*test", "online/redis", false},
		{"...", "feature", true},
	} {
		if got := matches(test.pattern, test.pkg); got != test.want {
			t.Errorf("%q on %q: got %v, want %v", test.pattern, test.pkg, got, test.want)
		}
	}
}

func TestInitFunctionsAreFoundAndMethodsAreNot(t *testing.T) {
	const src = "package p\n\nfunc init() {}\n\ntype x int\n\nfunc (x) init() {}\n"
	if got := inits(t, "p.go", []byte(src)); len(got) != 1 || !strings.HasPrefix(got[0], "p.go:3") {
		t.Fatalf("got %v, want p.go:3 only", got)
	}
}
